/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios are medians of the ratios within one turn, so that a slow moment of the machine is in both. */
#include <math.h>

#include "results.h"
#include "table.h"
#include "wire.h"

static const struct timing *timing_of(const struct timed *timed, const struct contender_kind *kind)
{
	for (size_t i = 0; i < timed->n; i++)
		if (timed->all[i].c->kind == kind)
			return &timed->all[i];
	return NULL;
}

static const struct timing *best_nft(const struct timed *timed)
{
	const struct timing *best = NULL;

	for (size_t i = 0; i < timed->n; i++)
		if (timed->all[i].c->kind->nft &&
		    (!best || summary_of(timed->all[i].rate, timed->runs).median > summary_of(best->rate, timed->runs).median))
			best = &timed->all[i];
	return best;
}

static double ratio(const struct timed *timed, const struct timing *a, const struct timing *b)
{
	double ratios[MAX_RUNS];

	if (!a || !b)
		return NAN;
	for (uint32_t i = 0; i < timed->runs; i++)
		ratios[i] = a->rate[i] / b->rate[i];
	return summary_of(ratios, timed->runs).median;
}

static void row_save(const struct timed *timed, const struct timing *g, struct results *results)
{
	json_t *wall = json_array(), *extra;
	struct result row = {.subject = timed->name, .family = "ipv4", .devices = timed->devices, .flows = timed->flows, .order = "", .shape = "",
			     .contender = g->c->kind->name, .unit = "frames/s", .samples = g->rate, .n_samples = timed->runs};

	for (uint32_t i = 0; i < timed->runs; i++)
		json_array_append_new(wall, json_real(g->wall[i]));
	extra = json_pack("{s:s, s:f, s:I, s:I, s:o}", "second", "of CPU", "of_ceiling", ratio(timed, g, timing_of(timed, &contender_drop)), "lost",
			  (json_int_t)g->lost, "events", (json_int_t)g->events, "wall", wall);
	if (g->c->kind->weaker)
		json_object_set_new(extra, "does_not_know", json_string(g->c->kind->weaker));
	row.extra = extra;
	if (results_add(results, &row) < 0)
		die("no memory");
}

static void events_print(const struct timed *timed, const struct timing *cordon)
{
	if (cordon->events)
		printf("  cordon told of one frame in %.0f\n", (double)cordon->counted / (double)cordon->events);
	for (size_t i = 0; i < timed->n; i++)
		if (timed->all[i].lost)
			printf("  %s: %llu frames were lost in the ring and do not count\n", timed->all[i].c->kind->name,
			       (unsigned long long)timed->all[i].lost);
}

static void ratio_print(const char *what, double value)
{
	if (!isnan(value))
		printf("  cordon / %s: %.2f\n", what, value);
}

void timed_print(const struct timed *timed, struct results *results)
{
	static const char *const heads[] = {"", "Mframes/s", "low", "high", "ns a frame", "over ceiling", "/ ceiling", "by the clock",
					    "does not know", NULL};
	const struct timing *ceiling = timing_of(timed, &contender_drop), *cordon = timing_of(timed, &contender_cordon), *nft = best_nft(timed);
	double floor = 1e9 / summary_of(ceiling->rate, timed->runs).median;
	struct table table;
	char text[64];

	table_begin(&table, heads);
	for (size_t i = 0; i < timed->n; i++) {
		const struct timing *g = &timed->all[i];
		struct summary s = summary_of(g->rate, timed->runs);

		table_cell(&table, "  %s", g->c->kind->name);
		table_cell(&table, "%.2f", s.median / 1e6);
		table_cell(&table, "%.2f", s.low / 1e6);
		table_cell(&table, "%.2f", s.high / 1e6);
		table_cell(&table, "%.0f", 1e9 / s.median);
		table_cell(&table, "%.0f", 1e9 / s.median - floor);
		table_cell(&table, "%.2f", ratio(timed, g, ceiling));
		table_cell(&table, "%.2f", summary_of(g->wall, timed->runs).median / 1e6);
		table_cell(&table, "%s", g->c->kind->weaker ? g->c->kind->weaker : "");
		row_save(timed, g, results);
	}
	printf("\n%s, %u devices, %u flows\n", timed->name, timed->devices, timed->flows);
	table_print(&table, stdout);
	table_done(&table);
	ratio_print("the ceiling", ratio(timed, cordon, ceiling));
	snprintf(text, sizeof(text), "the best nft form (%s)", nft ? nft->c->kind->name : "");
	ratio_print(text, ratio(timed, cordon, nft));
	ratio_print("xdp-filter", ratio(timed, cordon, timing_of(timed, &contender_xdp_filter)));
	ratio_print("one line", ratio(timed, cordon, timing_of(timed, &contender_line)));
	ratio_print("XDP_PASS", ratio(timed, cordon, timing_of(timed, &contender_pass)));
	events_print(timed, cordon);
	fflush(stdout);
}
