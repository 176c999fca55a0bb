/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "policy.h"

static char *format_message(const char *format, va_list ap)
{
	char *message;

	return vasprintf(&message, format, ap) < 0 ? NULL : message;
}

/* Takes `message`. */
static void append(struct diagnostics *d, bool warning, const char *file, uint32_t line, uint32_t column, char *message)
{
	_cleanup_free_ char *text = message, *name = strdup(file);
	struct diagnostic *items = NULL;

	if (text && name)
		items = reallocarray(d->items, d->n + 1, sizeof(*items));
	if (!items)
		return;
	d->items = items;
	d->items[d->n++] = (struct diagnostic){
		.file = take_ptr(name), .line = line, .column = column, .warning = warning, .message = take_ptr(text)};
}

void diagnostics_add(struct diagnostics *d, bool warning, const char *file, uint32_t line, uint32_t column, const char *format, ...)
{
	size_t n = warning ? d->warnings++ : d->errors++;
	va_list ap;

	if (n > POLICY_MAX_DIAGNOSTICS)
		return;
	if (n == POLICY_MAX_DIAGNOSTICS) {
		append(d, warning, file, line, column, format_text("too many %s; from here on they are not shown",
								    warning ? "warnings" : "errors"));
		return;
	}
	va_start(ap, format);
	append(d, warning, file, line, column, format_message(format, ap));
	va_end(ap);
}

struct sorting {
	const char *const *files;
	size_t n;
};

static size_t file_order(const struct sorting *s, const char *file)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->files[i], file) == 0)
			return i;
	return s->n;
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int diagnostic_compare(const void *a, const void *b, void *ctx)
{
	const struct diagnostic *x = a, *y = b;
	int c = order(file_order(ctx, x->file), file_order(ctx, y->file));

	c = c ?: order(x->line, y->line);
	c = c ?: order(x->column, y->column);
	c = c ?: order(x->warning, y->warning);
	return c ?: strcmp(x->message, y->message);
}

void diagnostics_sort(struct diagnostics *d, const char *const *files, size_t n_files)
{
	struct sorting s = {.files = files, .n = n_files};

	if (d->n)
		qsort_r(d->items, d->n, sizeof(*d->items), diagnostic_compare, &s);
}

void diagnostics_done(struct diagnostics *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].file);
		free(d->items[i].message);
	}
	free(d->items);
	*d = (struct diagnostics){0};
}

void diagnostics_print(const struct diagnostics *d, FILE *out)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct diagnostic *e = &d->items[i];

		if (e->line)
			fprintf(out, "%s:%u:%u: %s%s\n", e->file, e->line, e->column, e->warning ? "warning: " : "", e->message);
		else
			fprintf(out, "%s: %s%s\n", e->file, e->warning ? "warning: " : "", e->message);
	}
}
