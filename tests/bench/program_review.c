/* SPDX-License-Identifier: Apache-2.0 */
#include "program_review.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "dataplane/plane.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "program_run.h"
#include "table.h"
#include "cordon.skel.h"

#define BATCH_BUCKETS 256
#define GIVE_UP (60 * NS_PER_S)

enum look { LOOK_CALM, LOOK_CHANGE, LOOK_FLIP, LOOK_COUNT };

static const char *const looks[LOOK_COUNT] = {
	[LOOK_CALM] = "nothing changed",
	[LOOK_CHANGE] = "something else changed",
	[LOOK_FLIP] = "the policy changed",
};

static const struct {
	uint32_t devices, flows;
} sizes[] = {{16, 65536}, {100000, 65536}, {100000, 1000000}};

struct review {
	struct world world;
	struct bench bench;
	struct flow_bucket *flows;
	size_t flows_size;
	double ns[LOOK_COUNT][MAX_RUNS];
	double all_ms[MAX_RUNS];
};

/* The timer shall have nothing to do but what is asked of it. */
static int at_rest(const struct dataplane *dp)
{
	const struct control *c = dp->control;
	uint64_t start = clock_boot_ns();

	while (__atomic_load_n(&c->review_left, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&c->review_word, __ATOMIC_ACQUIRE) != __atomic_load_n((const uint64_t *)(const void *)c, __ATOMIC_ACQUIRE)) {
		if (clock_boot_ns() - start > GIVE_UP)
			return -ETIME;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

/* As if another policy had judged them. */
static void flows_age(const struct review *review)
{
	for (uint32_t b = 0; b < review->world.dp->flow_buckets; b++)
		for (int way = 0; way < CORDON_BUCKET_ROWS; way++)
			review->flows[b].row[way].generation = 0;
}

static int look(struct review *review, enum look what, uint32_t flows, double *ret_ns, char **ret_why)
{
	uint32_t buckets = review->world.dp->flow_buckets;
	uint64_t ns = 0;
	int r = 0;

	if (what == LOOK_FLIP)
		flows_age(review);
	for (uint32_t done = 0, n; r == 0 && done < buckets; done += n) {
		n = buckets - done < BATCH_BUCKETS ? buckets - done : BATCH_BUCKETS;
		r = bench_review(&review->bench, done, n, what != LOOK_CALM, &ns, &n, ret_why);
	}
	*ret_ns = (double)ns / flows;
	return r;
}

/* From when an apply returns until the timer has been at every flow, in ms. */
static int flip(struct review *review, double *ret_ms, char **ret_why)
{
	int r = world_flip(&review->world, ret_why);
	uint64_t start = clock_boot_ns();

	if (r == 0)
		r = at_rest(review->world.dp);
	*ret_ms = (double)(clock_boot_ns() - start) / 1e6;
	return r;
}

static int measure(struct review *review, uint32_t flows, unsigned runs, char **ret_why)
{
	int r = 0;

	for (unsigned run = 0; r == 0 && run < runs; run++) {
		r = at_rest(review->world.dp);
		for (enum look what = 0; r == 0 && what < LOOK_COUNT; what++)
			r = look(review, what, flows, &review->ns[what][run], ret_why);
		if (r == 0)
			r = flip(review, &review->all_ms[run], ret_why);
	}
	if (r == 0 && review->world.dp->usage->flows != flows)
		r = why(ret_why, -EPROTO, "%u of %u flows live", review->world.dp->usage->flows, flows);
	return r;
}

static int flows_map(struct review *review)
{
	const struct dataplane *dp = review->world.dp;
	void *at;
	int r = rows_map(bpf_map__fd(dp->bpf->maps.flows), dp->flow_buckets, sizeof(*review->flows), &at, &review->flows_size);

	if (r == 0)
		review->flows = at;
	return r;
}

static void review_done(struct review *review)
{
	if (review->flows)
		munmap(review->flows, review->flows_size);
	bench_close(&review->bench);
	world_close(&review->world);
}

static int prepare(struct review *review, uint32_t devices, uint32_t flows, uint64_t seed, char **ret_why)
{
	struct flows_plan plan = {.n_devices = devices, .n = flows, .shape = SHAPE_DEVICES, .seed = seed};
	_cleanup_free_ struct bench_row *rows = calloc(flows, sizeof(*rows));
	int r = rows ? flows_make(&plan, 0, flows, rows) : -ENOMEM;

	if (r == 0)
		r = world_open(&review->world, devices, flows + flows / 2, ret_why);
	if (r == 0)
		r = bench_open(&review->bench, &review->world, 4, flows, rows, 1, ret_why);
	if (r == 0)
		r = flows_map(review);
	if (r < 0)
		return r;
	memcpy(review->bench.rows, rows, flows * sizeof(*rows));
	return bench_establish(&review->bench, 0, flows, false, ret_why);
}

static int row_add(struct results *results, const char *name, size_t size, const char *unit, const double *samples, unsigned runs)
{
	struct result row = {.subject = "review", .family = "ipv4", .devices = sizes[size].devices, .flows = sizes[size].flows, .order = "",
			     .shape = shape_names[SHAPE_DEVICES], .contender = name, .unit = unit, .samples = samples, .n_samples = runs};

	return results_add(results, &row);
}

static int tell(struct results *results, struct table *table, const struct review *review, size_t size, unsigned runs)
{
	struct summary all = summary_of(review->all_ms, runs);
	int r = row_add(results, "all judged after a flip", size, "ms", review->all_ms, runs);

	table_cell(table, "%u", sizes[size].devices);
	table_cell(table, "%u", sizes[size].flows);
	for (enum look what = 0; what < LOOK_COUNT; what++) {
		struct summary s = summary_of(review->ns[what], runs);

		table_cell(table, "%.0f (%.0f-%.0f)", s.median, s.low, s.high);
		if (r == 0)
			r = row_add(results, looks[what], size, "ns/row", review->ns[what], runs);
	}
	table_cell(table, "%.0f (%.0f-%.0f)", all.median, all.low, all.high);
	return r < 0 ? r : results_save(results);
}

int review_run(struct results *results, unsigned runs, uint64_t seed, char **ret_why)
{
	static const char *const heads[] = {"devices", "flows", "nothing changed", "something else changed", "the policy changed", "all judged, ms", NULL};
	struct table table;
	int r = 0;

	table_begin(&table, heads);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ struct review *review = calloc(1, sizeof(*review));

		r = review ? prepare(review, sizes[i].devices, sizes[i].flows, seed, ret_why) : -ENOMEM;
		if (r == 0)
			r = measure(review, sizes[i].flows, runs, ret_why);
		if (r == 0)
			r = tell(results, &table, review, i, runs);
		if (review)
			review_done(review);
	}
	printf("\nThe timer's look at a flow for which no packet comes, ns a row (median of %u runs, seed %llu)\n\n", runs, (unsigned long long)seed);
	table_print(&table, stdout);
	table_done(&table);
	return r;
}
