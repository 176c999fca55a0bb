/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/dataplane.h"
#include "engine.h"
#include "lib/cleanup.h"
#include "policy/policy.h"

static const struct size {
	uint32_t devices, rules;
	bool quick;
} sizes[] = {
	{10, 10, true},      {10, 1000, false},      {10, 10000, false},
	{1000, 10, false},   {1000, 1000, true},     {1000, 10000, false},
	{100000, 10, false}, {100000, 1000, false},  {100000, 10000, true},
};

enum phase { PHASE_PARSE, PHASE_COMPILE, PHASE_APPLY, PHASE_COUNT };
static const char *const phase_names[PHASE_COUNT] = {"parse", "compile", "apply"};

struct sample {
	double ms[PHASE_COUNT];
	double peak_kib;
	uint64_t classes, pairs, verdicts, image_bytes;
};

struct rows {
	struct dataplane_device *devices;
	struct dataplane_address *addresses;
};

/* As user/identity makes them of a policy whose devices all are where they may be. */
static struct rows rows_make(const struct image *image)
{
	struct rows rows = {.devices = calloc(image->n_devices + 1, sizeof(*rows.devices))};
	size_t n = 0;

	for (size_t i = 0; i < image->n_devices; i++)
		n += image->devices[i].n_addresses;
	rows.addresses = calloc(n + 1, sizeof(*rows.addresses));
	if (!rows.devices || !rows.addresses)
		die("no memory for device rows");
	n = 0;
	for (size_t i = 0; i < image->n_devices; i++) {
		const struct image_device *d = &image->devices[i];

		rows.devices[i] = (struct dataplane_device){.key = d->key, .class = d->class, .mode = d->mode, .port = CORDON_PORT_NONE,
							    .flow_quota = d->limits.flows, .addresses = rows.addresses + n, .n_addresses = d->n_addresses};
		for (size_t a = 0; a < d->n_addresses; a++)
			rows.addresses[n++] = (struct dataplane_address){.address = d->addresses[a].address, .class = d->addresses[a].class};
	}
	return rows;
}

static void apply_one(struct dataplane *dp, const struct image *image, double *ret_ms)
{
	struct rows rows = rows_make(image);
	struct dataplane_apply what = {.image = image, .devices = rows.devices, .n_devices = image->n_devices};
	_cleanup_free_ char *told = NULL;
	uint32_t generation;
	double begun = now_us();

	if (dataplane_apply(dp, &what, &generation, &told) < 0)
		die("apply: %s", told ? told : "?");
	*ret_ms = (now_us() - begun) / 1e3;
	free(rows.devices);
	free(rows.addresses);
}

static void measure_here(const struct size *size, const char *text, size_t bytes, struct sample *ret)
{
	struct dataplane_options options = {.max_devices = size->devices < 256 ? 256 : size->devices, .max_flows = 4096, .trace = true};
	struct policy_source source = {.name = "made.yaml", .text = text, .size = bytes};
	_cleanup_free_ char *told = NULL;
	struct diagnostics d = {0};
	struct policy *policy = NULL;
	struct image *image = NULL;
	struct dataplane *dp = NULL;
	struct image_bill bill;
	double begun;
	int r;

	if (dataplane_open(&options, &dp, &told) < 0)
		die("dataplane: %s", told ? told : "?");
	begun = now_us();
	r = policy_parse(&source, 1, &d, &policy);
	ret->ms[PHASE_PARSE] = (now_us() - begun) / 1e3;
	begun = now_us();
	if (r >= 0)
		r = policy_compile(policy, NULL, &d, &image);
	ret->ms[PHASE_COMPILE] = (now_us() - begun) / 1e3;
	diagnostics_print(&d, stderr);
	if (r < 0)
		die("the made policy of %u devices and %u rules was refused", size->devices, size->rules);
	apply_one(dp, image, &ret->ms[PHASE_APPLY]);
	ret->peak_kib = status_kib(getpid(), "VmHWM");
	image_bill(image, NULL, &bill);
	ret->classes = image->n_classes - 1;
	ret->pairs = image->n_pairs;
	ret->verdicts = image_verdicts(image);
	ret->image_bytes = bill.change_bytes;
}

/* In a process of its own, so that one run's memory is not the next one's. */
static void measure(const struct size *size, const char *text, size_t bytes, struct sample *ret)
{
	int ends[2], status = 0;
	pid_t child;

	if (pipe(ends) < 0)
		die("pipe: %m");
	child = fork();
	if (child < 0)
		die("fork: %m");
	if (child == 0) {
		measure_here(size, text, bytes, ret);
		_exit(write(ends[1], ret, sizeof(*ret)) == sizeof(*ret) ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], ret, sizeof(*ret)) != sizeof(*ret))
		die("a run of %u devices and %u rules failed", size->devices, size->rules);
	close(ends[0]);
	waitpid(child, &status, 0);
}

static void report(struct results *results, struct table *table, const struct size *size, const struct sample *samples, size_t n)
{
	double all[ENGINE_RUNS], peak[ENGINE_RUNS], phase[PHASE_COUNT][ENGINE_RUNS];
	json_t *extra;
	struct summary s;

	for (size_t i = 0; i < n; i++) {
		all[i] = 0;
		peak[i] = samples[i].peak_kib;
		for (size_t p = 0; p < PHASE_COUNT; p++)
			all[i] += phase[p][i] = samples[i].ms[p];
	}
	extra = json_pack("{s:i, s:I, s:I, s:I, s:I, s:f}", "rules", (int)size->rules, "classes", (json_int_t)samples[0].classes, "pairs",
			  (json_int_t)samples[0].pairs, "verdicts", (json_int_t)samples[0].verdicts, "policy_bytes", (json_int_t)samples[0].image_bytes,
			  "peak_kib", summary_of(peak, n).median);
	for (size_t p = 0; p < PHASE_COUNT; p++)
		json_object_set_new(extra, phase_names[p], json_real(summary_of(phase[p], n).median));
	s = summary_of(all, n);
	table_cell(table, "apply");
	table_cell(table, "%u", size->devices);
	table_cell(table, "%u", size->rules);
	table_cell(table, "%.1f", s.median);
	table_cell(table, "%.1f-%.1f", s.low, s.high);
	table_cell(table, "ms");
	table_cell(table, "parse %.1f, compile %.1f, apply %.1f; peak %.0f MiB, %llu pairs", summary_of(phase[PHASE_PARSE], n).median,
		   summary_of(phase[PHASE_COMPILE], n).median, summary_of(phase[PHASE_APPLY], n).median, summary_of(peak, n).median / 1024,
		   (unsigned long long)samples[0].pairs);
	results_add(results, &(struct result){.subject = "apply", .family = "", .devices = size->devices, .order = "", .shape = "",
					      .contender = "cordon", .unit = "ms", .samples = all, .n_samples = n, .extra = extra});
}

void policies_measure(struct results *results, struct table *table, bool quick)
{
	struct sample samples[ENGINE_RUNS] = {0};
	size_t runs = quick ? 6 : 11;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *text = NULL;
		size_t bytes;

		if (quick && !sizes[i].quick)
			continue;
		text = policy_make(sizes[i].devices, sizes[i].rules, &bytes);
		for (size_t k = 0; k < runs; k++)
			measure(&sizes[i], text, bytes, &samples[k]);
		report(results, table, &sizes[i], samples, runs);
	}
}
