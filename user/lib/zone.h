/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a name of the tz database, read from its compiled file (RFC 8536) on this machine.
 * Out: what a wall clock there shows at a moment, and the moment at which it shows that.
 * Never: TZ, tzset() and other state of the whole process; what time it is now; leap seconds.
 *
 * Moments are seconds since the epoch. Local times are seconds since 1970-01-01T00:00 by that wall clock.
 */
#ifndef CORDON_LIB_ZONE_H
#define CORDON_LIB_ZONE_H

#include <stdint.h>

struct zone;

/* NULL or "UTC" needs no file. -ENOENT: no such zone here. -EINVAL: the file is not one of a zone. */
int zone_load(const char *name, struct zone **ret);
void zone_free(struct zone *zone);

int64_t zone_local(const struct zone *zone, int64_t moment);
/* A local time that comes twice is the first of the two; one that is skipped is the moment of the jump. */
int64_t zone_moment(const struct zone *zone, int64_t local);

#endif
