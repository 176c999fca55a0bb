/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  bytes and formatted text.
 * Out: one growing, always NUL-terminated buffer.
 * Never: partial writes: an append either happened or returned -ENOMEM.
 */
#ifndef CORDON_LIB_BUF_H
#define CORDON_LIB_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL until the first append */
	size_t size; /* without the NUL */
	size_t capacity;
};

int buf_add(struct buf *b, const void *data, size_t size);
int buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text, "" if empty; owned by the buffer. */
const char *buf_text(const struct buf *b);
/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);
void buf_done(struct buf *b);
#define _cleanup_buf_ __attribute__((cleanup(buf_done)))

/* A formatted string to free, NULL without memory. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* *ret_why = formatted text if ret_why is not NULL; returns `code` so that `return why(ret_why, -EINVAL, "…")` reads well. */
int why(char **ret_why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
