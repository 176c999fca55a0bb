/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  service ranges as the model has them.
 * Out: ranges of the flat service space of cordon/types.h, and words for such ranges.
 * Never: `any` as a range: it means every service, also those that no range can name.
 */
#ifndef CORDON_POLICY_PORTS_H
#define CORDON_POLICY_PORTS_H

#include "model.h"

struct buf;

/* `first`..`last` of 0..CORDON_SERVICE_COUNT - 1 */
struct span {
	uint32_t first, last;
};
#define SPANS_PER_RANGE 16

/* How many spans a range is: 0 for eth/, more than one only for proto/, whose TCP, UDP, SCTP and ICMP stand in spaces of their own. */
size_t range_spans(const struct service_range *range, struct span ret[SPANS_PER_RANGE]);
bool services_are_any(const struct services *services);
bool services_have(const struct services *services, uint32_t service);

/* "tcp/443, udp/6970-6999" for spans sorted and apart; at most `limit` of them, then "and N more". */
int spans_format(struct buf *b, const struct span *spans, size_t n, size_t limit);
/* "tcp/443", "icmp/8", "proto/47" */
int service_format(struct buf *b, uint32_t service);
/* The same back to an index into the service spaces; icmp/echo and icmp6/echo too. -EINVAL. */
int service_parse(const char *text, uint32_t *ret);

#endif
