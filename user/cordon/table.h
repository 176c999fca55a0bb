/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  cells, row by row.
 * Out: aligned columns on a stream, as wide as their content takes on a screen.
 * Never: control characters from a cell: a device's name must not steer the terminal.
 */
#ifndef CORDON_TABLE_H
#define CORDON_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table; /* opaque */

/* What a cell says, where a terminal shows colours. */
enum tint { TINT_PLAIN, TINT_GOOD, TINT_BAD, TINT_WARN, TINT_DIM };

/* A leading '>' in a heading aligns its column to the right. NULL without memory. */
struct table *table_new(const char *const *headings, size_t columns);
void table_free(struct table *table);

/* Cells fill a row from the left; an empty one prints as "-". Memory that ran out shows in table_print(). */
void table_cell(struct table *table, enum tint tint, const char *text);
void table_cellf(struct table *table, enum tint tint, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t table_rows(const struct table *table);
int table_print(const struct table *table, FILE *out, bool colour);

/* The same text, each control character a question mark; NULL stays NULL. */
char *text_without_controls(char *text);
/* Columns that a UTF-8 text takes on a screen. */
size_t text_width(const char *text);
enum tint tint_of_verdict(const char *verdict);

static inline void cleanup_table(struct table **table)
{
	table_free(*table);
}
#define _cleanup_table_ __attribute__((cleanup(cleanup_table)))

#endif
