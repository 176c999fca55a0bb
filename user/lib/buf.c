/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

/* Room for `size` more bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t size)
{
	size_t need, capacity;
	char *data;

	if (__builtin_add_overflow(b->size, size, &need) || need >= SIZE_MAX / 2)
		return -ENOMEM;
	if (need < b->capacity)
		return 0;

	for (capacity = b->capacity ? b->capacity : 64; capacity <= need;)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->capacity = capacity;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t size)
{
	int r = buf_reserve(b, size);

	if (r)
		return r;
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int buf_vaddf(struct buf *b, const char *format, va_list ap)
{
	va_list measure;
	int n, r;

	va_copy(measure, ap);
	n = vsnprintf(NULL, 0, format, measure);
	va_end(measure);
	if (n < 0)
		return -ENOMEM;
	r = buf_reserve(b, (size_t)n);
	if (r)
		return r;
	vsnprintf(b->data + b->size, (size_t)n + 1, format, ap);
	b->size += (size_t)n;
	return 0;
}

int buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = buf_vaddf(b, format, ap);
	va_end(ap);
	return r;
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

void buf_drop(struct buf *b, size_t n)
{
	if (!b->data || !n)
		return;
	if (n > b->size)
		n = b->size;
	memmove(b->data, b->data + n, b->size - n + 1);
	b->size -= n;
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

char *format_text(const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

int why(char **ret_why, int code, const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	if (!ret_why)
		return code;
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	*ret_why = n < 0 ? NULL : text;
	return code;
}
