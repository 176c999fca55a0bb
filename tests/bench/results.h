/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what a benchmark measured: one row a case and contender, with every sample.
 * Out: build/bench.json (schema 1); median and its 95 % interval.
 * Never: measuring, or a row without its samples.
 *
 * One file holds the rows of all layers: opening it for a layer drops that layer's old rows and keeps the others'.
 * Rows are written by results_save(), whole or not at all. Not thread-safe.
 */
#ifndef CORDON_BENCH_RESULTS_H
#define CORDON_BENCH_RESULTS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define RESULTS_SCHEMA 1

struct result {
	const char *subject;   /* "established", "denied" …: "case" in the file */
	const char *family;    /* "ipv4", "ipv6", "" */
	uint64_t devices;      /* 0: does not apply, so of flows */
	uint64_t flows;
	const char *order;     /* "uniform", "zipf", "once", "" */
	const char *shape;     /* "many devices", "many ports", "" */
	const char *contender; /* "cordon", "one hash", "nft netdev" … */
	const char *unit;      /* "ns/packet", "packets/s" … */
	const char *invalid;   /* why the row does not count; NULL: it does */
	const double *samples; /* one a run, in the order of the runs */
	size_t n_samples;
	json_t *extra;         /* object of whatever else belongs to the row, taken over; NULL: nothing */
};

struct summary {
	double median, low, high; /* low and high: interval of the median, at least 95 % (with 6 samples or more) */
};

struct results;

/* Reads what `path` holds (nothing, if it is not there or of another schema) without the rows of `layer`. 0 or -errno. */
int results_open(const char *path, const char *layer, struct results **ret);
int results_add(struct results *results, const struct result *result);
int results_save(struct results *results);
void results_free(struct results *results);

struct summary summary_of(const double *samples, size_t n);

#endif
