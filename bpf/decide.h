/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the classes of initiator and responder, a service; the tables of the packet's policy.
 * Out: what the policy says of a new flow.
 * Never: state; a default other than deny.
 */
#ifndef CORDON_BPF_DECIDE_H
#define CORDON_BPF_DECIDE_H

#include "maps.h"

/* Where the service of a packet stands in `services`, seen from its initiator; `to` is the responder's port. */
static __always_inline __u32 service_index(__u8 proto, __u16 to, __u8 icmp_type)
{
	switch (proto) {
	case IPPROTO_TCP:
		return CORDON_SERVICE_TCP + to;
	case IPPROTO_UDP:
		return CORDON_SERVICE_UDP + to;
	case IPPROTO_SCTP:
		return CORDON_SERVICE_SCTP + to;
	case IPPROTO_ICMP:
		return CORDON_SERVICE_ICMP + icmp_type;
	case IPPROTO_ICMPV6:
		return CORDON_SERVICE_ICMP6 + icmp_type;
	}
	return CORDON_SERVICE_PROTO + proto;
}

static __always_inline struct pair *pair_find(const struct packet *p, __u16 from, __u16 to)
{
	struct pair_key key = {.from = from, .to = to};
	__u32 side = p->side;
	void *table = bpf_map_lookup_elem(&pairs, &side);

	return table && from && to ? bpf_map_lookup_elem(table, &key) : NULL;
}

/* NONE if it is allowed; p->rule is the rule that decides. */
static __noinline enum cordon_reason decide(struct packet *p, __u16 from, __u16 to, __u32 service)
{
	struct policy_head *head = bpf_map_lookup_elem(&heads, &p->side);
	struct pair *pair = pair_find(p, from, to);
	__u32 side = p->side, index;
	struct service *class;
	struct verdict *verdict;
	void *table;

	p->rule = CORDON_RULE_NONE;
	p->deny_audit = 0;
	if (!head || head->generation != p->generation)
		return CORDON_REASON_STALE_ROW;
	if (!pair)
		return CORDON_REASON_DEFAULT_DENY;
	table = bpf_map_lookup_elem(&services, &side);
	if (!table)
		return CORDON_REASON_STALE_ROW;
	class = bpf_map_lookup_elem(table, &service);
	table = bpf_map_lookup_elem(&verdicts, &side);
	if (!class || !table || class->class >= head->service_classes)
		return CORDON_REASON_STALE_ROW;
	index = pair->cell * head->service_classes + class->class;
	verdict = bpf_map_lookup_elem(table, &index);
	if (!verdict)
		return CORDON_REASON_STALE_ROW;
	p->rule = verdict->rule;
	switch (verdict->action) {
	case CORDON_ACTION_ALLOW:
		return CORDON_REASON_NONE;
	case CORDON_ACTION_DENY:
		p->deny_audit = !!(verdict->flags & VERDICT_AUDIT);
		return CORDON_REASON_DENY_RULE;
	}
	return CORDON_REASON_DEFAULT_DENY;
}

/* May the two talk at all, either way? What ARP and ND ask. */
static __always_inline bool classes_talk(const struct packet *p, __u16 a, __u16 b)
{
	struct pair *pair = pair_find(p, a, b);

	if (pair && (pair->flags & PAIR_TALKS))
		return true;
	pair = pair_find(p, b, a);
	return pair && (pair->flags & PAIR_TALKS);
}

#endif
