/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  a flow row.
 * Out: how long it lives without a packet, and against whose quota it counts: the same answer for the program that meets it and the sweep that deletes it.
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

/* A cached verdict is asked again after this long at the latest: a flow's `last` may be as old. */
#define CORDON_CACHE_NS (4 * CORDON_SECOND)

static inline int tick_reached(__u32 now, __u32 tick)
{
	return (__s32)(now - tick) >= 0;
}

/*
 * Against which count of `budgets` a flow goes: of the device that began it, else, inbound, of the one that it was begun to.
 * One number for both, row and direction.
 */
static inline __u32 flow_account(const struct flow *flow)
{
	if (flow->side[0].device >= CORDON_DEVICE_FIRST)
		return flow->side[0].device << 1 | CORDON_DIR_FROM_DEVICE;
	return flow->side[1].device << 1 | CORDON_DIR_TO_DEVICE;
}

#define ACCOUNT_DEVICE(account) ((account) >> 1)
#define ACCOUNT_DIR(account) ((account) & 1)

/* Tick of the last packet of either side. */
static inline __u32 flow_last(const struct flow *flow)
{
	__u32 a = flow->side[0].last, b = flow->side[1].last;

	return !b || (a && tick_reached(a, b)) ? a : b;
}

/* And of the first; the side that began is not always the first that was seen. */
static inline __u32 flow_first(const struct flow *flow)
{
	__u32 a = flow->side[0].first, b = flow->side[1].first;

	return !b || (a && tick_reached(b, a)) ? a : b;
}

/* Boot-clock ns of a tick within 2.3 years of boot. */
static inline __u64 tick_ns(__u32 tick)
{
	return (__u64)tick << CORDON_TICK_SHIFT;
}

static inline int flow_is_over(const struct flow *flow, __u32 now)
{
	if (flow->state == CORDON_FLOW_CUT)
		return 1;
	return (__s32)(now - flow_last(flow)) > (__s32)CORDON_TICKS(flow_timeout_ns(flow->id.proto, flow->state) +
								    (flow->marks & FLOW_CACHED ? CORDON_CACHE_NS : 0));
}

#endif
