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

static __always_inline struct pair *pair_at(void *table, __u16 from, __u16 to)
{
	struct pair_key key = {.from = from, .to = to};

	return bpf_map_lookup_elem(table, &key);
}

/* The plainer class that answers for this one, 0: none. */
static __always_inline __u16 plain_of(void *table, __u16 class)
{
	struct pair *plain = pair_at(table, class, 0);

	return plain ? plain->cell : 0;
}

static __noinline struct pair *pair_find(const struct packet *p, __u16 from, __u16 to)
{
	__u32 side = p->side;
	void *table = bpf_map_lookup_elem(&pairs, &side);
	struct policy_head *head = bpf_map_lookup_elem(&heads, &side);
	__u16 from_plain, to_plain;
	struct pair *pair;

	if (!table || !head || !from || !to)
		return NULL;
	pair = pair_at(table, from, to);
	if (pair || !head->kin)
		return pair;
	to_plain = plain_of(table, to);
	pair = to_plain ? pair_at(table, from, to_plain) : NULL;
	if (pair)
		return pair;
	from_plain = plain_of(table, from);
	if (!from_plain)
		return NULL;
	pair = pair_at(table, from_plain, to);
	return pair || !to_plain ? pair : pair_at(table, from_plain, to_plain);
}

/* Is it open now? p->until is moved up to its next edge. Outside its bounds, or without a row: closed. */
static __always_inline bool window_open(struct packet *p, __u32 window)
{
	__u32 row = p->side * CORDON_MAX_WINDOWS + window;
	const struct window_version *v;
	struct window *w;
	__u32 passed = 0;

	if (window == CORDON_WINDOW_ALWAYS)
		return true;
	w = window < CORDON_MAX_WINDOWS ? bpf_map_lookup_elem(&windows, &row) : NULL;
	if (!w)
		return false;
	v = &w->version[READ_ONCE(w->current) & 1];
	while (passed < CORDON_WINDOW_EDGES && passed < v->n && v->edge[passed] <= p->now)
		passed++;
	if (passed >= CORDON_WINDOW_EDGES || passed >= v->n)
		return v->open_last;
	if (v->edge[passed] < p->until)
		p->until = v->edge[passed];
	return (v->open_first ^ passed) & 1;
}

/* The first verdict of the chain that counts now; NULL: none, or `broken`, for a row that does not exist. */
static __always_inline struct verdict *verdict_now(struct packet *p, void *table, __u32 index, bool *broken)
{
	struct verdict *verdict;

	for (int i = 0; i < CORDON_CHAIN_MAX && index != CORDON_CHAIN_END; i++) {
		verdict = bpf_map_lookup_elem(table, &index);
		*broken = !verdict;
		if (!verdict || window_open(p, verdict->window))
			return verdict;
		index = verdict->next;
	}
	return NULL;
}

/* NONE if it is allowed; p->rule is the rule that decides, p->until ends no later than that holds. */
__noinline enum cordon_reason decide(struct packet *p, __u16 from, __u16 to, __u32 service)
{
	if (!p)
		return CORDON_REASON_INTERNAL;

	__u32 side = p->side;
	struct policy_head *head = bpf_map_lookup_elem(&heads, &side); /* 6.1 takes no key from memory that it does not know */
	struct pair *pair = pair_find(p, from, to);
	struct service *class;
	struct verdict *verdict;
	bool broken = false;
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
	verdict = verdict_now(p, table, pair->cell * head->service_classes + class->class, &broken);
	if (!verdict)
		return broken ? CORDON_REASON_STALE_ROW : CORDON_REASON_DEFAULT_DENY;
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
__noinline bool classes_talk(const struct packet *p, __u16 a, __u16 b)
{
	if (!p)
		return false;

	struct pair *pair = pair_find(p, a, b);

	if (pair && (pair->flags & PAIR_TALKS))
		return true;
	pair = pair_find(p, b, a);
	return pair && (pair->flags & PAIR_TALKS);
}

#endif
