/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a schedule of the model, a time zone, a moment.
 * Out: whether it is open then, and when it opens and closes next.
 * Never: what time it is now.
 *
 * Moments are seconds since the epoch; TIME_NEVER comes after all of them. A window of every day begins where the wall clock
 * first shows `from` and ends where it first shows `to`; a time that is skipped is the moment of the jump.
 */
#ifndef CORDON_POLICY_SCHEDULE_H
#define CORDON_POLICY_SCHEDULE_H

#include "../lib/zone.h"
#include "model.h"

#define TIME_NEVER INT64_MAX

bool schedule_open(const struct schedule *schedule, const struct zone *zone, int64_t at);
/* The first moment after `at` at which it opens or closes. */
int64_t schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t at);
/* As many edges after `from` as there are, at most n, ascending. The first one turns over schedule_open(from), and so on. */
size_t schedule_edges(const struct schedule *schedule, const struct zone *zone, int64_t from, size_t n, int64_t *ret_edges);

/* "2026-12-01T08:00", or "2026-12-01" for the end of that day, as local time. The text was checked by the parser. */
int64_t local_of_text(const char *text);

#endif
