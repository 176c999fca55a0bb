/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  durations as people write them.
 * Out: nanoseconds.
 * Never: a number without a unit.
 */
#ifndef CORDON_TIMESPAN_H
#define CORDON_TIMESPAN_H

#include <stdint.h>

/* "200ms", "31s", "5m", "1h", "7d", and sums of them: "1h30m". -EINVAL, -ERANGE beyond 10 years. */
int timespan_parse(const char *text, uint64_t *ret_ns);

#endif
