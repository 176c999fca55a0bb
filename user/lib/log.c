/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"

static enum log_level level_max = LOG_LEVEL_INFO;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	level_max = level;
}

/* A device's name or a client's text must not be able to start a line of its own, or to steer the terminal. */
static int add_escaped(struct buf *line, const char *text)
{
	int r = 0;

	for (; *text && !r; text++) {
		unsigned char c = (unsigned char)*text;

		r = c < 0x20 || c == 0x7f ? buf_addf(line, "\\x%02x", c) : buf_add(line, text, 1);
	}
	return r;
}

static void write_all(const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(STDERR_FILENO, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	_cleanup_buf_ struct buf message = { 0 }, line = { 0 };
	char time[TIME_TEXT_SIZE];
	int saved = errno;
	va_list ap;
	int r;

	if (level > level_max)
		return;
	va_start(ap, format);
	r = buf_vaddf(&message, format, ap);
	va_end(ap);

	if (!r)
		r = buf_addf(&line, "%s %s ", time_format(clock_wall_ns(), time), level_names[level]);
	if (!r)
		r = add_escaped(&line, buf_text(&message));
	if (!r)
		r = buf_add(&line, "\n", 1);
	if (!r)
		write_all(line.data, line.size);
	errno = saved;
}
