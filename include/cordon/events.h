/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  types.h, reasons.h, maps.h.
 * Out: the record that programs put into the ring buffers `events` and `critical_events`, and what became of the others.
 * Never: text or names; those are added in user space from the revision that `generation` names.
 */
#ifndef CORDON_EVENTS_H
#define CORDON_EVENTS_H

#include "maps.h"

/*
 * Word, ring. CRITICAL ones have a ring of their own, `critical_events`, and budgets of their own, so that no flood of the others fills
 * the one or spends the other. A drop whose reason is HARD (reasons.h) is critical too.
 */
#define CORDON_EVENT_KINDS(X) \
	X(FLOW, "flow", COMMON)           /* a new flow was let in */ \
	X(DROP, "drop", COMMON)           /* a frame was dropped, or would have been */ \
	X(CUT, "cut", CRITICAL)           /* a live flow is no longer allowed */ \
	X(NEW_DEVICE, "device", CRITICAL) /* a MAC and VLAN that no row knows spoke on a port, or a device without a place on a bounded one */ \
	X(PLACED, "placed", CRITICAL)     /* a device without a place spoke; its port is now this one */

enum cordon_event_kind {
#define X(id, name, ring) CORDON_EVENT_##id,
	CORDON_EVENT_KINDS(X)
#undef X
	CORDON_EVENT_KIND_COUNT
};

/* A bit a kind. */
enum {
#define X(id, name, ring) | CORDON_RING_##ring << CORDON_EVENT_##id
	CORDON_CRITICAL_KINDS = 0 CORDON_EVENT_KINDS(X)
#undef X
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

/*
 * Map `event_counts`, mapped by the engine: a row a number of a CPU, and after them one of the engine. Every event that a program wanted to tell is
 * emitted, lost or suppressed, and of those emitted the ring holds what was not read. The three are counted in the row of the CPU (the
 * first before the record can be read), `read` in the engine's, each record when it was handled.
 */
#define CORDON_EVENT_SLOTS 8 /* kinds, and room for more */

struct event_count {
	__u64 emitted;    /* put into the ring */
	__u64 lost;       /* the ring was full */
	__u64 suppressed; /* over a budget */
	__u64 read;
};

struct event_counts {
	struct event_count of[CORDON_RING_COUNT][CORDON_EVENT_SLOTS]; /* flows and drops of the common ring share a line */
};
CORDON_ASSERT(CORDON_EVENT_KIND_COUNT <= CORDON_EVENT_SLOTS && sizeof(struct event_counts) % 64 == 0, "event counts");

#endif
