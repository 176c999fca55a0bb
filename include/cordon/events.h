/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  types.h, reasons.h, maps.h.
 * Out: the record that programs put into the ring buffer `events`.
 * Never: text or names; those are added in user space from the revision that `generation` names.
 */
#ifndef CORDON_EVENTS_H
#define CORDON_EVENTS_H

#include "maps.h"

#define CORDON_EVENT_KINDS(X) \
	X(FLOW, "flow")          /* a new flow was let in */ \
	X(DROP, "drop")          /* a frame was dropped, or would have been */ \
	X(CUT, "cut")            /* a live flow is no longer allowed */ \
	X(NEW_DEVICE, "device")  /* a MAC and VLAN that no row knows spoke on a port, or a device without a place on a bounded one */ \
	X(PLACED, "placed")      /* a device without a place spoke; its port is now this one */

enum cordon_event_kind {
#define X(id, name) CORDON_EVENT_##id,
	CORDON_EVENT_KINDS(X)
#undef X
	CORDON_EVENT_KIND_COUNT
};

/* Host byte order but for addresses. What a frame did not have is zero. */
struct event {
	__u64 time;       /* boot clock ns */
	__u32 generation; /* policy that judged it */
	__u32 rule;       /* or CORDON_RULE_NONE */
	__u32 device;     /* row of the device whose port it is, or NONE */
	__u32 port;       /* logical port */
	__u32 count;      /* frames this record stands for: itself and those suppressed since the last one; 0: none (an idle flow was cut) */
	__u8 kind;        /* enum cordon_event_kind */
	__u8 verdict;     /* enum cordon_verdict */
	__u8 reason;      /* enum cordon_reason */
	__u8 dir;         /* enum cordon_dir */
	struct address src;
	struct address dst;
	__u16 sport;
	__u16 dport;      /* ICMP: type << 8 | code */
	__u16 ethertype;
	__u16 vlan;       /* 0: none; else VID | 0x8000 */
	__u8 src_mac[6];
	__u8 dst_mac[6];
	__u8 proto;
	__u8 tcp_flags;
	__u16 length;     /* of the frame */
};
CORDON_ASSERT(sizeof(struct event) == 88, "event record");

#endif
