/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  cells, row by row.
 * Out: an aligned table for people: text to the left, numbers to the right.
 * Never: meaning.
 */
#ifndef CORDON_BENCH_TABLE_H
#define CORDON_BENCH_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
	size_t columns;
	char **cells; /* the first `columns` are the heads */
	size_t n;
};

/* NULL-terminated heads. */
void table_begin(struct table *table, const char *const *heads);
/* The next cell of the row; a row ends with its last column. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *table, FILE *out);
void table_done(struct table *table);

#endif
