/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  how many frames and bytes met which end, of whom.
 * Out: the counters by device, reason, and device and reason.
 * Never: events; a frame counted twice: what cache.h gathers comes here once, when it is folded.
 */
#ifndef CORDON_BPF_COUNT_H
#define CORDON_BPF_COUNT_H

#include "maps.h"

static __always_inline void traffic_add(struct traffic *t, struct traffic more)
{
	t->packets += more.packets;
	t->bytes += more.bytes;
}

static __always_inline void count_device(__u32 device, __u8 dir, enum cordon_verdict verdict, struct traffic more, bool new_flow)
{
	struct device_counters *c = bpf_map_lookup_elem(&counters, &device);

	if (!c)
		return;
	if (verdict == CORDON_VERDICT_DENY) {
		traffic_add(&c->dropped[dir & 1], more);
		return;
	}
	traffic_add(&c->passed[dir & 1], more);
	if (verdict == CORDON_VERDICT_WOULD_DENY)
		traffic_add(&c->would_deny[dir & 1], more);
	c->flows_started += new_flow;
}

static __always_inline void count_reason(enum cordon_reason reason, enum cordon_verdict verdict, __u64 packets)
{
	__u32 index = reason * CORDON_VERDICT_COUNT + verdict;
	__u64 *total = bpf_map_lookup_elem(&reasons, &index);

	if (total)
		*total += packets;
}

static __always_inline void count_drop(const struct drop_key *key, struct drop_count more)
{
	struct drop_count *count = bpf_map_lookup_elem(&drops, key);

	if (!count) {
		struct drop_count none = {};

		bpf_map_update_elem(&drops, key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&drops, key);
		if (!count)
			return; /* full: `reasons` still has it */
	}
	count->packets += more.packets;
	count->suppressed += more.suppressed;
	count->lost += more.lost;
}

/* Who claims another's MAC, or floods, shall not spend that device's budget or fill its counters. */
static __always_inline __u32 reason_payer(enum cordon_reason reason, __u32 device)
{
	return reason == CORDON_REASON_WRONG_PORT || reason == CORDON_REASON_NOT_HERE ? CORDON_DEVICE_NONE : device;
}

#endif
