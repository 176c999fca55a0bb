/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a judged packet.
 * Out: a record in its ring buffer, within the budget for that ring; counts of what was told and what was not.
 * Never: a wait; a device that spends another's budget (what claims another's MAC is told at the expense of the port).
 */
#ifndef CORDON_BPF_EVENT_H
#define CORDON_BPF_EVENT_H

#include "count.h"
#include "device.h"
#include "weight.h"

struct event_rate {
	__u64 interval; /* ns a token */
	__u32 burst;
};
#define EVENT_RATE_DEVICE ((struct event_rate){10 * 1000000ULL, 128})
#define EVENT_RATE_SITE ((struct event_rate){50 * 1000ULL, 8192}) /* of all devices and ports, each ring for itself: it has room for more */

enum told { TOLD, TOLD_SUPPRESSED, TOLD_LOST };

/* A kind has its ring, but a drop that is HARD is critical. */
static __always_inline __u32 event_ring(__u8 kind, __u8 reason)
{
	if (kind == CORDON_EVENT_DROP && reason_weight(reason) == CORDON_WEIGHT_HARD)
		return CORDON_RING_CRITICAL;
	return CORDON_CRITICAL_KINDS >> kind & 1;
}

/* Of this CPU. */
static __always_inline struct event_count *event_count_of(__u32 ring, __u8 kind)
{
	__u32 cpu = bpf_get_smp_processor_id(), slot = kind;
	struct event_counts *counts = cpu < counter_cpus ? bpf_map_lookup_elem(&event_counts, &cpu) : NULL;

	barrier_var(slot);
	return counts ? &counts->of[ring & 1][slot & (CORDON_EVENT_SLOTS - 1)] : NULL;
}

/* Takes one token. Two CPUs may both take the last: a budget, not a ledger. */
static __always_inline bool bucket_take(struct bucket *bucket, __u64 now, struct event_rate rate)
{
	__u64 since = now - bucket->last;

	if (since >= rate.interval) {
		__u64 more = since / rate.interval;

		bucket->tokens = more + bucket->tokens > rate.burst ? rate.burst : more + bucket->tokens;
		bucket->last = now;
	}
	if (!bucket->tokens)
		return false;
	bucket->tokens--;
	return true;
}

/* What review.h makes up has no length, and is no frame. */
static __always_inline void event_fill(struct event *e, const struct packet *p, __u8 kind, __u8 verdict, __u8 reason)
{
	e->time = p->now;
	e->generation = p->generation;
	e->rule = p->rule;
	e->device = p->device;
	e->port = p->port;
	e->count = !!p->length;
	e->kind = kind;
	e->verdict = verdict;
	e->reason = reason;
	e->dir = p->dir;
	address_copy(&e->src, &p->src);
	address_copy(&e->dst, &p->dst);
	e->sport = p->sport;
	e->dport = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6 ? (__u16)p->icmp_type << 8 | p->icmp_code : p->dport;
	e->ethertype = p->ethertype;
	e->vlan = p->vlan;
	__builtin_memcpy(e->src_mac, p->src_mac, 6);
	__builtin_memcpy(e->dst_mac, p->dst_mac, 6);
	e->proto = p->proto;
	e->tcp_flags = p->tcp_flags;
	e->length = p->length > 0xffff ? 0xffff : p->length;
}

static __always_inline struct budget *device_budget(__u32 row)
{
	struct device *device = device_row(row);

	return device ? &device->budget : NULL;
}

static __always_inline struct event *event_reserve(__u32 ring)
{
	if (ring == CORDON_RING_CRITICAL)
		return bpf_ringbuf_reserve(&critical_events, sizeof(struct event), 0);
	return bpf_ringbuf_reserve(&events, sizeof(struct event), 0);
}

/*
 * Common events are counted as count.h counts. The timer tells critical ones, perhaps between the instructions of a test run on an old
 * kernel, so those are counted by one instruction.
 */
__noinline enum told event_tell(struct packet *p, __u32 payer, __u8 kind, __u8 verdict, __u8 reason)
{
	if (!p)
		return TOLD_LOST;

	__u32 port = p->port, nobody = CORDON_PORT_NONE, ring = event_ring(kind, reason);
	bool frame = verdict != CORDON_VERDICT_ALLOW && p->length, critical = ring == CORDON_RING_CRITICAL;
	struct budget *budget = payer ? device_budget(payer) : bpf_map_lookup_elem(&port_budgets, &port);
	struct budget *site = bpf_map_lookup_elem(&port_budgets, &nobody);
	struct event_count *count = event_count_of(ring, kind);
	struct bucket *bucket;
	struct event *e;

	if (!budget || !site || !count)
		return TOLD_LOST;
	bucket = &budget->bucket[ring & 1];
	if (!bucket_take(bucket, p->now, EVENT_RATE_DEVICE) || !bucket_take(&site->bucket[ring & 1], p->now, EVENT_RATE_SITE)) {
		add(&count->suppressed, 1, critical);
		if (frame)
			__sync_fetch_and_add(&bucket->skipped, 1);
		return TOLD_SUPPRESSED;
	}
	e = event_reserve(ring);
	if (!e) {
		add(&count->lost, 1, critical);
		return TOLD_LOST;
	}
	event_fill(e, p, kind, verdict, reason);
	if (frame)
		e->count += __sync_lock_test_and_set(&bucket->skipped, 0);
	add(&count->emitted, 1, critical);
	bpf_ringbuf_submit(e, 0);
	return TOLD;
}

#endif
