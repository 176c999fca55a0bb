/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void cell_take(struct table *table, char *text)
{
	char **more = realloc(table->cells, (table->n + 1) * sizeof(*more));

	if (!more || !text)
		abort();
	table->cells = more;
	table->cells[table->n++] = text;
}

void table_begin(struct table *table, const char *const *heads)
{
	*table = (struct table){0};
	for (; heads[table->columns]; table->columns++)
		cell_take(table, strdup(heads[table->columns]));
}

void table_cell(struct table *table, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	cell_take(table, text);
}

static int column_width(const struct table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->n; i += table->columns)
		if (strlen(table->cells[i]) > width)
			width = strlen(table->cells[i]);
	return (int)width;
}

/* A column of numbers if its first row is one (or a sign that there is none). */
static int is_number(const struct table *table, size_t column)
{
	const char *cell = table->n > table->columns + column ? table->cells[table->columns + column] : "";

	return isdigit((unsigned char)cell[0]) || ((cell[0] == '-' || cell[0] == '+') && (!cell[1] || isdigit((unsigned char)cell[1])));
}

void table_print(const struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->n; i++) {
		size_t column = i % table->columns;
		int last = column + 1 == table->columns, width = column_width(table, column);

		if (is_number(table, column))
			fprintf(out, "%*s%s", width, table->cells[i], last ? "\n" : "  ");
		else
			fprintf(out, "%-*s%s", last ? 0 : width, table->cells[i], last ? "\n" : "  ");
	}
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){0};
}
