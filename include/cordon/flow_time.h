/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  a flow row.
 * Out: how long it lives without a packet: the same answer for the program that meets it and the sweep that deletes it.
 * Never: clocks.
 */
#ifndef CORDON_FLOW_TIME_H
#define CORDON_FLOW_TIME_H

#include "maps.h"

#define CORDON_SECOND 1000000000ULL

/*
 * TCP established 2 h 4 min and closing 4 min at least are RFC 5382 REQ-5; a SYN without answer gets 30 s, for it costs the
 * sender nothing. UDP 2 min at least once answered is RFC 4787 REQ-5, 3 min here; unanswered 30 s. ICMP queries 60 s, RFC 5508 REQ-2.
 */
static inline __u64 flow_timeout_ns(__u8 proto, __u8 state)
{
	if (proto == 6) {
		if (state == CORDON_FLOW_ESTABLISHED)
			return 7440 * CORDON_SECOND;
		return (state == CORDON_FLOW_CLOSING ? 240 : 30) * CORDON_SECOND;
	}
	if (proto == 1 || proto == 58)
		return 60 * CORDON_SECOND;
	return (state == CORDON_FLOW_NEW ? 30 : 180) * CORDON_SECOND;
}

/* Boot-clock ns of the last packet of either side. */
static inline __u64 flow_last(const struct flow *flow)
{
	__u64 a = flow->side[0].last, b = flow->side[1].last;

	return a > b ? a : b;
}

static inline int flow_is_over(const struct flow *flow, __u64 now)
{
	if (flow->state == CORDON_FLOW_CUT)
		return 1;
	return flow_last(flow) + flow_timeout_ns(flow->id.proto, flow->state) < now;
}

#endif
