/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a level, a message, key=value fields.
 * Out: one structured line on stderr: `2026-11-22T11:40:03.120Z info attached port=p1 hook=native`.
 * Never: called by library rooms (they return errors); secrets.
 */
#ifndef CORDON_LIB_LOG_H
#define CORDON_LIB_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* `format` is "message key=%s key=%u": fields follow the message in the same line; values with blanks are the caller's to quote ('%s'). Control characters are escaped. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
