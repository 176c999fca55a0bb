/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  how many frames and bytes met which end, of whom.
 * Out: the counters by device, reason, and device and reason.
 * Never: events; a frame counted twice: what cache.h gathers comes here once, when it is folded.
 */
#ifndef CORDON_BPF_COUNT_H
#define CORDON_BPF_COUNT_H

#include "maps.h"

const volatile __u32 counter_cpus = 1; /* possible ones: rows of `counters` a device */

/* Of this CPU. */
static __always_inline struct device_counters *counters_of(__u32 device)
{
	__u32 cpu = bpf_get_smp_processor_id(), at = device * counter_cpus + cpu;

	return cpu < counter_cpus ? bpf_map_lookup_elem(&counters, &at) : NULL;
}

/*
 * Counters belong to a CPU, and programs of one CPU do not interrupt each other, so plain adds do. But the engine's fold (cache.h)
 * runs outside of soft interrupts, before 6.11 at least: there one instruction must be all.
 */
static __always_inline void add(__u64 *count, __u64 more, bool at_once)
{
	if (at_once)
		__sync_fetch_and_add(count, more);
	else
		*count += more;
}

static __always_inline void traffic_add(struct traffic *t, struct traffic more, bool at_once)
{
	add(&t->packets, more.packets, at_once);
	add(&t->bytes, more.bytes, at_once);
}

static __always_inline void count_device(__u32 device, __u8 dir, enum cordon_verdict verdict, struct traffic more, bool new_flow, bool at_once)
{
	struct device_counters *c = counters_of(device);

	if (!c)
		return;
	if (verdict == CORDON_VERDICT_DENY) {
		traffic_add(&c->dropped[dir & 1], more, at_once);
		return;
	}
	traffic_add(&c->passed[dir & 1], more, at_once);
	if (verdict == CORDON_VERDICT_WOULD_DENY)
		traffic_add(&c->would_deny[dir & 1], more, at_once);
	if (new_flow)
		c->flows_started++;
}

static __always_inline void count_reason(enum cordon_reason reason, enum cordon_verdict verdict, __u64 packets, bool at_once)
{
	__u32 index = reason * CORDON_VERDICT_COUNT + verdict;
	__u64 *total = bpf_map_lookup_elem(&reasons, &index);

	if (total)
		add(total, packets, at_once);
}

static __always_inline void count_drop(const struct drop_key *key, struct drop_count more, bool at_once)
{
	struct drop_count *count = bpf_map_lookup_elem(&drops, key);

	if (!count) {
		struct drop_count none = {};

		bpf_map_update_elem(&drops, key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&drops, key);
		if (!count)
			return; /* full: `reasons` still has it */
	}
	add(&count->packets, more.packets, at_once);
	add(&count->suppressed, more.suppressed, at_once);
	add(&count->lost, more.lost, at_once);
}

/* Who claims another's MAC, or floods, shall not spend that device's budget or fill its counters. */
static __always_inline __u32 reason_payer(enum cordon_reason reason, __u32 device)
{
	bool unproved = reason == CORDON_REASON_WRONG_PORT || reason == CORDON_REASON_NO_PLACE || reason == CORDON_REASON_NOT_HERE;

	return unproved ? CORDON_DEVICE_NONE : device;
}

#endif
