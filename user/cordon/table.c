/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../lib/cleanup.h"

#define GAP 2 /* blanks between columns */

struct cell {
	char *text;
	enum tint tint;
};

struct table {
	const char *const *headings;
	size_t columns;
	struct cell *cells; /* row by row */
	size_t n;
	size_t capacity;
	bool failed;
};

static const char *const tints[] = {
	[TINT_PLAIN] = "", [TINT_GOOD] = "\033[32m", [TINT_BAD] = "\033[31m", [TINT_WARN] = "\033[33m", [TINT_DIM] = "\033[2m",
};

struct table *table_new(const char *const *headings, size_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table) {
		table->headings = headings;
		table->columns = columns;
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

size_t table_rows(const struct table *table)
{
	return table->n / table->columns;
}

static void cell_add(struct table *table, enum tint tint, char *text)
{
	if (table->n == table->capacity) {
		size_t capacity = table->capacity ? table->capacity * 2 : 64;
		struct cell *cells = reallocarray(table->cells, capacity, sizeof(*cells));

		if (!cells) {
			free(text);
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	if (!text)
		table->failed = true;
	table->cells[table->n++] = (struct cell){text, tint};
}

char *text_without_controls(char *text)
{
	for (unsigned char *c = (unsigned char *)text; c && *c; c++) {
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return text;
}

void table_cell(struct table *table, enum tint tint, const char *text)
{
	cell_add(table, tint, text_without_controls(strdup(text && *text ? text : "-")));
}

void table_cellf(struct table *table, enum tint tint, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	cell_add(table, tint, text_without_controls(text));
}

/* Bytes that are no UTF-8 take one column each. */
size_t text_width(const char *text)
{
	size_t width = 0, left = strlen(text);
	mbstate_t state = {};

	while (left) {
		wchar_t c;
		size_t used = mbrtowc(&c, text, left, &state);
		int columns = 1;

		if (used == (size_t)-1 || used == (size_t)-2 || !used) {
			used = 1;
			memset(&state, 0, sizeof(state));
		} else {
			columns = wcwidth(c);
		}
		width += columns < 0 ? 1 : (size_t)columns;
		text += used;
		left -= used;
	}
	return width;
}

static const char *heading(const struct table *table, size_t column, bool *ret_right)
{
	*ret_right = table->headings[column][0] == '>';
	return table->headings[column] + *ret_right;
}

static void cell_print(FILE *out, const char *text, size_t width, bool right, bool last, const char *tint)
{
	size_t blanks = width - text_width(text);

	fprintf(out, "%*s%s%s%s", right ? (int)blanks : 0, "", tint, text, *tint ? "\033[0m" : "");
	if (!last)
		fprintf(out, "%*s", (int)(right ? 0 : blanks) + GAP, "");
}

static void measure(const struct table *table, size_t *widths)
{
	bool right;

	for (size_t c = 0; c < table->columns; c++)
		widths[c] = text_width(heading(table, c, &right));
	for (size_t i = 0; i < table->n; i++) {
		size_t width = text_width(table->cells[i].text);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
}

int table_print(const struct table *table, FILE *out, bool colour)
{
	_cleanup_free_ size_t *widths = calloc(table->columns, sizeof(*widths));
	bool right;

	if (!widths || table->failed)
		return -ENOMEM;
	measure(table, widths);
	for (size_t c = 0; c < table->columns; c++) {
		const char *text = heading(table, c, &right);

		cell_print(out, text, widths[c], right, c + 1 == table->columns, colour ? tints[TINT_DIM] : "");
	}
	fputc('\n', out);
	for (size_t i = 0; i < table->n; i++) {
		size_t c = i % table->columns;

		heading(table, c, &right);
		cell_print(out, table->cells[i].text, widths[c], right, c + 1 == table->columns, colour ? tints[table->cells[i].tint] : "");
		if (c + 1 == table->columns)
			fputc('\n', out);
	}
	return 0;
}

enum tint tint_of_verdict(const char *verdict)
{
	static const struct {
		const char *word;
		enum tint tint;
	} verdicts[] = {
		{"allow", TINT_GOOD}, {"pass", TINT_GOOD}, {"deny", TINT_BAD}, {"drop", TINT_BAD}, {"would_deny", TINT_WARN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		if (!strcmp(verdict, verdicts[i].word))
			return verdicts[i].tint;
	}
	return TINT_PLAIN;
}
