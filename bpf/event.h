/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a judged packet.
 * Out: a record in the ring buffer, within the device's budget; a count of what was not told.
 * Never: a wait; a device that spends another's budget (what claims another's MAC is told at the expense of the port).
 */
#ifndef CORDON_BPF_EVENT_H
#define CORDON_BPF_EVENT_H

#include "device.h"

struct event_rate {
	__u64 interval; /* ns a token */
	__u32 burst;
};
#define EVENT_RATE_DEVICE ((struct event_rate){10 * 1000000ULL, 128})
#define EVENT_RATE_SITE ((struct event_rate){50 * 1000ULL, 8192}) /* flows and drops of all devices: the ring, not the road, is full */

enum told { TOLD, TOLD_SUPPRESSED, TOLD_LOST };

/* Takes one token. Two CPUs may both take the last: a budget, not a ledger. */
static __always_inline bool budget_take(struct budget *budget, __u64 now, struct event_rate rate)
{
	__u64 since = now - budget->last;

	if (since >= rate.interval) {
		__u64 more = since / rate.interval;

		budget->tokens = more + budget->tokens > rate.burst ? rate.burst : more + budget->tokens;
		budget->last = now;
	}
	if (!budget->tokens)
		return false;
	budget->tokens--;
	return true;
}

static __always_inline void event_fill(struct event *e, const struct packet *p, __u8 kind, __u8 verdict, __u8 reason)
{
	e->time = p->now;
	e->generation = p->generation;
	e->rule = p->rule;
	e->device = p->device;
	e->port = p->port;
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

__noinline enum told event_tell(struct packet *p, __u32 payer, __u8 kind, __u8 verdict, __u8 reason)
{
	if (!p)
		return TOLD_LOST;

	__u32 port = p->port, nobody = CORDON_PORT_NONE;
	struct budget *budget = payer ? device_budget(payer) : bpf_map_lookup_elem(&port_budgets, &port);
	struct budget *site = bpf_map_lookup_elem(&port_budgets, &nobody);
	bool many = kind == CORDON_EVENT_FLOW || kind == CORDON_EVENT_DROP;
	struct event *e;

	if (!budget || !site)
		return TOLD_LOST;
	if (!budget_take(budget, p->now, EVENT_RATE_DEVICE) || (many && !budget_take(site, p->now, EVENT_RATE_SITE))) {
		__sync_fetch_and_add(&budget->skipped, 1);
		return TOLD_SUPPRESSED;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return TOLD_LOST;
	event_fill(e, p, kind, verdict, reason);
	e->count = 1;
	if (kind == CORDON_EVENT_DROP)
		e->count += __sync_lock_test_and_set(&budget->skipped, 0);
	bpf_ringbuf_submit(e, 0);
	return TOLD;
}

#endif
