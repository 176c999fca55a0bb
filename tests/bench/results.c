/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/file.h"

#define FILE_LIMIT (256 << 20)

struct results {
	char *path;
	char *layer;
	json_t *root;
	json_t *rows; /* borrowed from root */
};

#define LINE_SIZE 512

/* First line of a file that begins with `key` and what follows its colon, or the first line at all; "" if there is none. */
static void line_of(const char *path, const char *key, char ret[LINE_SIZE])
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	const char *value = NULL;
	char line[LINE_SIZE];

	ret[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!key)
			value = line;
		else if (!strncmp(line, key, strlen(key)) && strchr(line, ':'))
			value = strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " ");
		if (value)
			break;
	}
	if (value)
		memmove(ret, value, strlen(value) + 1);
}

static json_t *machine_describe(void)
{
	struct utsname system = {0};
	char cpu[LINE_SIZE], load[LINE_SIZE], jit[LINE_SIZE], spectre[LINE_SIZE], when[TIME_TEXT_SIZE];

	uname(&system);
	line_of("/proc/cpuinfo", "model name", cpu);
	line_of("/proc/loadavg", NULL, load);
	line_of("/proc/sys/net/core/bpf_jit_enable", NULL, jit);
	line_of("/sys/devices/system/cpu/vulnerabilities/spectre_v2", NULL, spectre);
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "kernel", system.release, "arch", system.machine, "cpu", cpu, "cpus",
			 (int)sysconf(_SC_NPROCESSORS_ONLN), "date", time_format(clock_wall_ns(), when), "load", load, "jit", jit, "spectre_v2", spectre);
}

static json_t *rows_of_others(const char *path, const char *layer)
{
	_cleanup_free_ char *text = NULL;
	json_t *rows = json_array(), *root = NULL, *row;
	size_t size, i;

	if (file_read(path, FILE_LIMIT, &text, &size) == 0)
		root = json_loads(text, 0, NULL);
	if (json_integer_value(json_object_get(root, "schema")) == RESULTS_SCHEMA)
		json_array_foreach(json_object_get(root, "rows"), i, row) {
			const char *of = json_string_value(json_object_get(row, "layer"));

			if (of && strcmp(of, layer))
				json_array_append(rows, row);
		}
	json_decref(root);
	return rows;
}

int results_open(const char *path, const char *layer, struct results **ret)
{
	struct results *results = calloc(1, sizeof(*results));

	if (!results)
		return -ENOMEM;
	results->path = strdup(path);
	results->layer = strdup(layer);
	results->rows = rows_of_others(path, layer);
	results->root = json_pack("{s:i, s:o, s:o}", "schema", RESULTS_SCHEMA, "machine", machine_describe(), "rows", results->rows);
	if (!results->path || !results->layer || !results->root) {
		results_free(results);
		return -ENOMEM;
	}
	*ret = results;
	return 0;
}

int results_add(struct results *results, const struct result *r)
{
	struct summary s = summary_of(r->samples, r->n_samples);
	json_t *samples = json_array(), *row;

	for (size_t i = 0; i < r->n_samples; i++)
		json_array_append_new(samples, json_real(r->samples[i]));
	row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:I, s:o}", "layer", results->layer, "case", r->subject, "family",
			r->family, "devices", (json_int_t)r->devices, "flows", (json_int_t)r->flows, "order", r->order, "shape", r->shape, "contender",
			r->contender, "unit", r->unit, "median", s.median, "low", s.low, "high", s.high, "runs", (json_int_t)r->n_samples, "samples",
			samples);
	if (row && r->invalid)
		json_object_set_new(row, "invalid", json_string(r->invalid));
	if (row && r->extra)
		json_object_set(row, "extra", r->extra);
	json_decref(r->extra);
	return row && json_array_append_new(results->rows, row) == 0 ? 0 : -ENOMEM;
}

int results_save(struct results *results)
{
	_cleanup_free_ char *text = json_dumps(results->root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

	return text ? file_write(results->path, text, strlen(text), 0644) : -ENOMEM;
}

void results_free(struct results *results)
{
	if (!results)
		return;
	json_decref(results->root);
	free(results->path);
	free(results->layer);
	free(results);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Rank, from 0, of the sample at which the interval of the median begins: the largest for which at most 2.5 % of all draws of n
 * samples would lie wholly on one side of the median (binomial with p = 1/2; no assumption of a normal distribution).
 */
static size_t interval_rank(size_t n)
{
	double term = pow(0.5, (double)n), sum = term;
	size_t k = 0;

	while (k + 1 <= n / 2) {
		term *= (double)(n - k) / (double)(k + 1);
		if (sum + term > 0.025)
			break;
		sum += term;
		k++;
	}
	return sum <= 0.025 ? k : 0;
}

struct summary summary_of(const double *samples, size_t n)
{
	_cleanup_free_ double *sorted = calloc(n, sizeof(*sorted));
	struct summary s = {0};
	size_t rank;

	if (!sorted || !n)
		return s;
	memcpy(sorted, samples, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	rank = interval_rank(n);
	s.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
	s.low = sorted[rank];
	s.high = sorted[n - 1 - rank];
	return s;
}
