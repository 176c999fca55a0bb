/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program [--out FILE] [--quick] [--only REGEX] [--runs N] [--seed N] [--cpu N] [--cache N] - what a packet costs the program, in ns.
 * --cache N: bytes of flow cache, of all CPUs together, for each byte of flow table (2).
 */
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "program_cases.h"
#include "program_memory.h"
#include "program_review.h"
#include "table.h"

#define LAYER "program"

#define ESTABLISHED(family, devices, flows, order, shape, quick) \
	{SCENARIO_ESTABLISHED, family, devices, flows, ORDER_##order, SHAPE_##shape, false, quick}
#define TO_DEVICE(family, devices, flows, order, shape) {SCENARIO_ESTABLISHED, family, devices, flows, ORDER_##order, SHAPE_##shape, true, false}
#define PATHS(family, devices, flows, shape, quick) {SCENARIO_PATHS, family, devices, flows, ORDER_UNIFORM, SHAPE_##shape, false, quick}
#define K64 65536
#define M1 1000000

/* Those with the same devices and flows stand together: they share a world. */
static const struct scenario plan[] = {
	ESTABLISHED(4, 16, 1, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 16, 16, UNIFORM, DEVICES, true),
	ESTABLISHED(6, 16, 16, UNIFORM, DEVICES, true),
	PATHS(4, 16, 16, DEVICES, true),
	PATHS(6, 16, 16, DEVICES, true),
	ESTABLISHED(4, 16, 1000, UNIFORM, PORTS, false),
	ESTABLISHED(4, 1000, 1000, UNIFORM, DEVICES, true),
	ESTABLISHED(6, 1000, 1000, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 16, K64, UNIFORM, PORTS, true),
	ESTABLISHED(4, 16, K64, ZIPF, PORTS, false),
	PATHS(4, 16, K64, PORTS, false),
	ESTABLISHED(4, 1000, K64, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 100000, 16, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 100000, K64, UNIFORM, DEVICES, true),
	ESTABLISHED(4, 100000, K64, ZIPF, DEVICES, true),
	ESTABLISHED(4, 100000, K64, UNIFORM, PORTS, false),
	ESTABLISHED(4, 100000, K64, ZIPF, PORTS, false),
	ESTABLISHED(6, 100000, K64, UNIFORM, DEVICES, false),
	ESTABLISHED(6, 100000, K64, ZIPF, DEVICES, false),
	TO_DEVICE(4, 100000, K64, UNIFORM, DEVICES),
	PATHS(4, 100000, K64, DEVICES, true),
	PATHS(6, 100000, K64, DEVICES, false),
	ESTABLISHED(4, 100000, M1, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 100000, M1, ZIPF, DEVICES, false),
	ESTABLISHED(4, 100000, M1, UNIFORM, PORTS, false),
	ESTABLISHED(6, 100000, M1, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 1000000, K64, UNIFORM, DEVICES, false),
	ESTABLISHED(4, 1000000, M1, UNIFORM, DEVICES, false),
};

struct options {
	const char *out, *only;
	bool quick;
	unsigned runs;
	uint64_t seed;
	int cpu;
};

static void usage(void)
{
	fprintf(stderr, "usage: program [--out FILE] [--quick] [--only REGEX] [--runs N] [--seed N] [--cpu N] [--cache N]\n");
	exit(2);
}

static struct options options_parse(int argc, char **argv)
{
	static const struct option longs[] = {{"out", 1, NULL, 'o'},  {"quick", 0, NULL, 'q'}, {"only", 1, NULL, 'f'}, {"runs", 1, NULL, 'r'},
					      {"seed", 1, NULL, 's'}, {"cpu", 1, NULL, 'c'},   {"cache", 1, NULL, 'k'},
					      {NULL, 0, NULL, 0}};
	struct options o = {.out = "build/bench.json", .seed = 1, .cpu = 1};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o.out = optarg;
			break;
		case 'q':
			o.quick = true;
			break;
		case 'f':
			o.only = optarg;
			break;
		case 'r':
			o.runs = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 's':
			o.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			o.cpu = atoi(optarg);
			break;
		case 'k':
			world_cache_times = (unsigned)strtoul(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (!o.runs)
		o.runs = o.quick ? 7 : 13;
	if (optind != argc || o.runs > MAX_RUNS)
		usage();
	return o;
}

static void cpu_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "bench: not on one CPU: %s\n", strerror(errno));
}

static struct summary summary_at(struct outcome *outcome, enum body body)
{
	struct contender *c = outcome_find(outcome, body);

	return c ? summary_of(c->samples, outcome->runs) : (struct summary){0};
}

static void note_print(struct table *table, const struct outcome *outcome, const struct contender *c)
{
	if (c->invalid[0])
		table_cell(table, "INVALID");
	else if (c->cached && outcome->cache_bytes)
		table_cell(table, "%.1f %% hits, cache %.1f MiB, flow table %.1f MiB", 100 * c->hit_rate, (double)outcome->cache_bytes / (1 << 20),
			   (double)outcome->flow_bytes / (1 << 20));
	else
		table_cell(table, "-");
}

/* References of paths saw other packets of the same flows; of an established flow, the same packets. */
static void outcome_print(struct table *table, const struct scenario *s, struct outcome *outcome)
{
	double parse = summary_at(outcome, BODY_PARSE).median, hash = summary_at(outcome, BODY_HASH).median, line = summary_at(outcome, BODY_LINE).median,
	       keyed = summary_at(outcome, BODY_KEYED).median;

	for (size_t i = 0; i < outcome->n; i++) {
		const struct contender *c = &outcome->contenders[i];
		struct summary own = summary_of(c->samples, outcome->runs);

		if (c->body != BODY_CORDON && c->body != BODY_BEGIN && c->body != BODY_ROWS)
			continue;
		table_cell(table, "%s%s", c->subject, c->invalidate && s->kind == SCENARIO_ESTABLISHED ? ", cache off" : "");
		table_cell(table, "IPv%d", s->family);
		table_cell(table, "%u", s->devices);
		table_cell(table, "%u", s->flows);
		table_cell(table, "%s", s->kind == SCENARIO_PATHS ? "-" : order_names[s->order]);
		table_cell(table, "%s", shape_names[s->shape]);
		table_cell(table, "%.1f", own.median);
		table_cell(table, "%.1f-%.1f", own.low, own.high);
		table_cell(table, "%.1f", parse);
		table_cell(table, "%.1f", hash);
		table_cell(table, "%.1f", line);
		table_cell(table, "%.1f", keyed);
		table_cell(table, "%.2f", own.median / hash);
		table_cell(table, "%+.1f", own.median - line);
		table_cell(table, "%+.1f", own.median - parse);
		note_print(table, outcome, c);
	}
}

static int outcome_store(struct results *results, const struct scenario *s, struct outcome *outcome)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < outcome->n; i++) {
		const struct contender *c = &outcome->contenders[i];
		char family[8];
		struct result row = {
			.subject = c->subject,
			.family = family,
			.devices = s->devices,
			.flows = s->flows,
			.order = c->packets == s->flows && s->kind == SCENARIO_PATHS ? "once" : order_names[s->order],
			.shape = shape_names[s->shape],
			.contender = c->name,
			.unit = "ns/packet",
			.invalid = c->invalid[0] ? c->invalid : NULL,
			.samples = c->samples,
			.n_samples = outcome->runs,
			.extra = json_pack("{s:I, s:s}", "packets", (json_int_t)c->packets, "scenario", scenario_text(s)),
		};

		snprintf(family, sizeof(family), "ipv%d", s->family);
		if (c->cached) {
			json_object_set_new(row.extra, "hit_rate", json_real(c->hit_rate));
			json_object_set_new(row.extra, "cache_bytes", json_integer((json_int_t)outcome->cache_bytes));
			json_object_set_new(row.extra, "l1_bytes", json_integer((json_int_t)outcome->flow_bytes));
		}
		r = results_add(results, &row);
		if (c->invalid[0])
			fprintf(stderr, "\nbench: INVALID %s, %s: %s\n", c->subject, c->name, c->invalid);
	}
	return r < 0 ? r : results_save(results);
}

static bool is_wanted(const struct scenario *s, const struct options *o, const regex_t *only)
{
	return (!o->quick || s->quick) && (!o->only || regexec(only, scenario_text(s), 0, NULL, 0) == 0);
}

static int plan_run(const struct options *o, const regex_t *only, struct results *results, struct table *table)
{
	struct world world = {0};
	int failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plan); i++) {
		_cleanup_free_ char *told = NULL;
		_cleanup_free_ struct outcome *outcome = calloc(1, sizeof(*outcome));
		uint64_t begun = clock_boot_ns();
		int r;

		if (!is_wanted(&plan[i], o, only))
			continue;
		fprintf(stderr, "bench: %s", scenario_text(&plan[i]));
		r = outcome ? scenario_run(&plan[i], &world, o->runs, o->seed, outcome, &told) : -ENOMEM;
		if (r == 0)
			r = outcome_store(results, &plan[i], outcome);
		if (r < 0) {
			fprintf(stderr, "\nbench: %s: %s\n", scenario_text(&plan[i]), told ? told : strerror(-r));
			failed = 1;
			continue;
		}
		fprintf(stderr, " (%llu s)\n", (unsigned long long)((clock_boot_ns() - begun) / NS_PER_S));
		outcome_print(table, &plan[i], outcome);
	}
	world_close(&world);
	return failed;
}

static int memory_tell(const struct options *o, const regex_t *only, struct results *results)
{
	_cleanup_free_ char *told = NULL;
	int r;

	if (o->quick || (only && regexec(only, "memory", 0, NULL, 0)))
		return 0;
	r = memory_run(results, &told);
	if (r < 0)
		fprintf(stderr, "bench: memory: %s\n", told ? told : strerror(-r));
	return r < 0;
}

static int review_tell(const struct options *o, const regex_t *only, struct results *results)
{
	_cleanup_free_ char *told = NULL;
	int r;

	if (o->quick || (only && regexec(only, "review", 0, NULL, 0)))
		return 0;
	r = review_run(results, o->runs, o->seed, &told);
	if (r < 0)
		fprintf(stderr, "bench: review: %s\n", told ? told : strerror(-r));
	return r < 0;
}

int main(int argc, char **argv)
{
	static const char *const heads[] = {"case",	"family",   "devices",  "flows", "order", "shape", "ns", "95 %", "parse",
					    "one hash", "one line", "keyed line", "/ hash", "- line", "- parse", "note", NULL};
	struct options o = options_parse(argc, argv);
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct results *results = NULL;
	struct table table;
	regex_t only;
	int r, failed;

	if (o.only && regcomp(&only, o.only, REG_EXTENDED | REG_NOSUB)) {
		fprintf(stderr, "bench: --only %s is no regular expression\n", o.only);
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	cpu_pin(o.cpu);
	r = results_open(o.out, LAYER, &results);
	if (r < 0) {
		fprintf(stderr, "bench: %s: %s\n", o.out, strerror(-r));
		return 1;
	}
	table_begin(&table, heads);
	failed = plan_run(&o, o.only ? &only : NULL, results, &table);
	if (table.n > table.columns)
		printf("\nCost of the program, ns a packet (median of %u runs, seed %llu); the wrapper's own share is taken off\n\n", o.runs,
		       (unsigned long long)o.seed);
	if (table.n > table.columns)
		table_print(&table, stdout);
	table_done(&table);
	failed |= memory_tell(&o, o.only ? &only : NULL, results);
	failed |= review_tell(&o, o.only ? &only : NULL, results);
	results_free(results);
	if (o.only)
		regfree(&only);
	return failed;
}
