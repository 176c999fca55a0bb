/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a sound packet whose two ends are resolved; the flow table.
 * Out: established, related, allowed as a new flow, or why not; the flow's counters.
 * Never: an allow that the policy in force does not give: a flow judged by another policy, or whose devices changed, is judged anew.
 *
 * One row a conversation, found from both sides. side[0] is the initiator. A device-to-device packet is judged, counted and
 * moves the state at the sender's port; at the receiver's port it only has to belong to a live flow.
 */
#ifndef CORDON_BPF_FLOW_H
#define CORDON_BPF_FLOW_H

#include "decide.h"
#include "flow_table.h"
#include "limit.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

static __always_inline bool address_before(const struct address *a, const struct address *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	if (x[0] != y[0])
		return bpf_be64_to_cpu(x[0]) < bpf_be64_to_cpu(y[0]);
	return bpf_be64_to_cpu(x[1]) < bpf_be64_to_cpu(y[1]);
}

/* The type that asks, for a reply type: 0 if it is no reply (RFC 792, RFC 4443). *ret_asks: this type begins a query. */
static __always_inline __u8 icmp_asked_type(__u8 proto, __u8 type)
{
	if (proto == IPPROTO_ICMPV6)
		return type == 129 ? 128 : 0;
	if (type == 0)
		return 8;
	return type == 14 ? 13 : 0;
}

static __always_inline bool icmp_has_identifier(__u8 proto, __u8 type)
{
	return proto == IPPROTO_ICMPV6 ? type == 128 || type == 129 : type == 8 || type == 0 || type == 13 || type == 14;
}

/* The key of a packet from src to dst; returns the index of src in it. */
static __always_inline __u8 flow_key_make(struct flow_key *key, const struct address *src, const struct address *dst, __u8 proto, __u16 sport,
					  __u16 dport, __u8 icmp_type, __u16 icmp_id)
{
	__u8 s = address_before(src, dst) ? 0 : 1;
	union {
		struct {
			__u16 port[2];
			__u8 proto;
			__u8 asker;
			__u16 icmp_type;
		};
		__u64 whole;
	} tail = {.proto = proto};
	__u8 asked;

	address_copy(&key->addr[s & 1], src);
	address_copy(&key->addr[(s ^ 1) & 1], dst);
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		asked = icmp_asked_type(proto, icmp_type);
		tail.icmp_type = asked ? asked : icmp_type;
		tail.asker = 1 + (asked ? s ^ 1 : s);
		sport = dport = icmp_has_identifier(proto, icmp_type) ? icmp_id : 0;
	}
	tail.port[0] = s ? dport : sport;
	tail.port[1] = s ? sport : dport;
	*(__u64 *)key->port = tail.whole; /* see address_copy() */
	return s;
}

/* The row that this packet's key has; one that is past its time is put out of the way of the next. */
static __always_inline struct flow *flow_find(struct packet *p, const struct flow_key *key)
{
	__u32 zero = 0, number = 0, now = CORDON_TICKS(p->now);
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	struct flow *flow;

	if (!c)
		return NULL;
	if (!p->likely.placed)
		flow_place_make(c, key, &p->place);
	flow = flow_lookup(&p->place, key, &number);
	if (!flow)
		return NULL;
	if (flow_is_over(flow, now)) {
		flow_end(number, now);
		return NULL;
	}
	p->flow_number = number;
	p->flow_birth = READ_ONCE(flow->birth);
	widen(HOLD_FLOW);
	return flow;
}

/* Which side of the flow the sender is on. */
static __always_inline __u8 flow_side_of(const struct flow *flow, __u8 source_index)
{
	return flow->initiator == source_index ? 0 : 1;
}

/* Never 0, which says "none". */
static __always_inline __u32 packet_tick(const struct packet *p)
{
	__u32 tick = CORDON_TICKS(p->now);

	return tick ? tick : 1;
}

/* The tick at which what the tables said of this packet no longer holds; 0: no end. A little late, never early. */
static __always_inline __u32 until_tick(const struct packet *p)
{
	__u32 tick = CORDON_TICKS(p->until) + 1;

	return p->until == NO_END ? 0 : tick ? tick : 1;
}

/*
 * Adds this packet to its flow. Shared by CPUs, so atomics; the flags are a hint for people and may lose a race.
 * Bytes run from the IP header up, headers of every segment of a GSO packet included.
 */
static __always_inline void flow_count(struct packet *p, struct flow *flow, __u8 side)
{
	struct flow_side *s = &flow->side[side & 1];

	p->in_flow = 1 + side;
	if (p->seen_before)
		return;
	__sync_fetch_and_add(&s->packets, p->segments);
	__sync_fetch_and_add(&s->bytes, p->net_length + (__u64)(p->segments - 1) * p->header_length);
	if (!s->first)
		WRITE_ONCE(s->first, packet_tick(p));
	WRITE_ONCE(s->last, packet_tick(p));
	flow->tcp_flags[side & 1] |= p->tcp_flags;
}

static __always_inline bool ends_unchanged(const struct packet *p, const struct flow *flow, __u8 side)
{
	const struct flow_side *s = &flow->side[side & 1], *d = &flow->side[(side ^ 1) & 1];

	return s->device == p->src_device && d->device == p->dst_device && s->device_generation == p->src_generation &&
	       d->device_generation == p->dst_generation;
}

/* Is a denial dropped, given the ends' modes, the rule's own and the brake? As verdict.h will see it. */
static __always_inline bool denial_cuts(const struct packet *p)
{
	struct control *c;
	__u32 zero = 0;

	if (p->quarantined)
		return true;
	if (p->mode != CORDON_MODE_ENFORCE || p->deny_audit)
		return false;
	c = bpf_map_lookup_elem(&control, &zero);
	return !(c && READ_ONCE(c->brake));
}

static __always_inline enum cordon_reason deny_word(const struct packet *p, enum cordon_reason reason)
{
	return reason == CORDON_REASON_DEFAULT_DENY && p->unauthenticated ? CORDON_REASON_UNAUTHENTICATED : reason;
}

/* What the policy says of the conversation that this packet is part of, its sender being on `side`. */
static __always_inline enum cordon_reason decide_flow(struct packet *p, __u8 side)
{
	__u16 to = side == 0 ? p->dport : p->sport;
	__u16 type = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6 ? p->key.icmp_type : 0;
	__u32 service = service_index(p->proto, to, type);
	enum cordon_reason reason;

	reason = side == 0 ? decide(p, p->src_class, p->dst_class, service) : decide(p, p->dst_class, p->src_class, service);
	return deny_word(p, reason);
}

/*
 * Into the table. Where another CPU was quicker with this key, its row stands, and this packet is counted with it.
 */
static __always_inline enum cordon_reason flow_put(struct packet *p, struct flow *fresh)
{
	__u32 account = flow_account(fresh);
	struct flow *flow = p->renews ? flow_at(p->flow_number) : NULL;
	bool same = flow && flow_account(flow) == account;
	enum cordon_reason reason;
	int made;

	/* The old flow ends when its successor has a place: what is refused hurts no conversation that is alive. */
	if (same)
		flow_end(p->flow_number, packet_tick(p));
	reason = quota_take(account);
	if (reason != CORDON_REASON_NONE)
		return reason;
	if (flow && !same)
		flow_end(p->flow_number, packet_tick(p));
	made = flow_make(p);
	if (made != FLOW_MADE)
		quota_give(account);
	if (made == FLOW_NO_ROOM)
		return CORDON_REASON_FLOW_FULL;
	flow = flow_at(p->flow_number);
	if (!flow || !flow_key_equal(&flow->id, &p->key))
		return CORDON_REASON_FLOW_FULL;
	p->flow_birth = READ_ONCE(flow->birth);
	if (made == FLOW_KNOWN)
		flow_count(p, flow, flow_side_of(flow, fresh->initiator ^ (fresh->side[0].packets ? 0 : 1)));
	p->new_flow = made == FLOW_MADE;
	return CORDON_REASON_NONE;
}

/* Does what was found end the flow? What audit and observe let pass does not. */
static __always_inline bool flow_must_end(const struct packet *p, enum cordon_reason reason)
{
	return p->quarantined || (reason != CORDON_REASON_NONE && denial_cuts(p));
}

/* The policy or a device changed since the flow was judged: ask again, cut it if it is no longer allowed. */
__noinline enum cordon_reason flow_rejudge(struct packet *p, struct flow *flow, __u8 side)
{
	if (!p || !flow)
		return CORDON_REASON_INTERNAL;

	enum cordon_reason reason = decide_flow(p, side);
	__u32 account = flow_account(flow);

	if (reason == CORDON_REASON_STALE_ROW)
		return reason;
	if (flow_must_end(p, reason)) {
		flow->state = CORDON_FLOW_CUT;
		return CORDON_REASON_CUT;
	}
	flow->rule = p->rule;
	flow->verdict = reason == CORDON_REASON_NONE ? CORDON_VERDICT_ALLOW : CORDON_VERDICT_WOULD_DENY;
	flow->reason = reason == CORDON_REASON_NONE ? CORDON_REASON_RULE : reason;
	flow->rule_audit = reason != CORDON_REASON_NONE && p->deny_audit;
	flow->side[side & 1].device = p->src_device;
	flow->side[side & 1].device_generation = p->src_generation;
	flow->side[(side ^ 1) & 1].device = p->dst_device;
	flow->side[(side ^ 1) & 1].device_generation = p->dst_generation;
	quota_move(account, flow_account(flow));
	WRITE_ONCE(flow->until, until_tick(p));
	WRITE_ONCE(flow->generation, p->generation);
	return CORDON_REASON_NONE;
}

/*
 * TCP by flags (RFC 9293 3.10.7 without sequence numbers, which are the hosts' business). NONE: fits.
 * RULE: a new connection on the tuple of an old one, to be judged as new.
 */
/* Its opening was seen here, and no answer to it: whatever ended it, a RST perhaps, nothing may go on. */
static __always_inline bool tcp_is_unanswered(const struct flow *flow)
{
	if (flow->state == CORDON_FLOW_NEW)
		return true;
	return flow->state == CORDON_FLOW_CLOSING && flow->tcp_flags[0] & TCP_SYN && !(flow->tcp_flags[1] & TCP_SYN);
}

static __always_inline enum cordon_reason tcp_step(const struct packet *p, struct flow *flow, __u8 side)
{
	__u8 f = p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);

	if (f == TCP_SYN) {
		/*
		 * Repeated, late, or forged by who guesses the ports: it changes nothing of a live connection, whose ends settle
		 * it with a challenge ACK and, if the initiator did restart, a RST (RFC 5961 4).
		 */
		if (side == 0 && (flow->state == CORDON_FLOW_NEW || flow->state == CORDON_FLOW_ESTABLISHED))
			return CORDON_REASON_NONE;
		return CORDON_REASON_RULE;
	}
	if (f & TCP_RST) {
		if (flow->state != CORDON_FLOW_NEW || side == 1)
			flow->state = CORDON_FLOW_CLOSING;
		return CORDON_REASON_NONE;
	}
	if (tcp_is_unanswered(flow)) {
		if (side == 0)
			return CORDON_REASON_TCP_STATE;
		if (f == (TCP_SYN | TCP_ACK))
			flow->state = CORDON_FLOW_ESTABLISHED;
		else if (f != TCP_ACK) /* RFC 5961 4: a challenge ACK answers the SYN of a host that restarted */
			return CORDON_REASON_TCP_STATE;
		return CORDON_REASON_NONE;
	}
	if (f & TCP_FIN)
		flow->state = CORDON_FLOW_CLOSING;
	else if (flow->state == CORDON_FLOW_CLOSING && !((flow->tcp_flags[0] | flow->tcp_flags[1]) & TCP_FIN))
		flow->state = CORDON_FLOW_ESTABLISHED; /* the RST was not taken (RFC 5961 3): who goes on is alive */
	return CORDON_REASON_NONE;
}

static __always_inline enum cordon_reason flow_step(struct packet *p, struct flow *flow, __u8 side)
{
	if (p->proto == IPPROTO_TCP)
		return tcp_step(p, flow, side);
	if (side == 1 && flow->state == CORDON_FLOW_NEW)
		flow->state = CORDON_FLOW_ESTABLISHED;
	return CORDON_REASON_NONE;
}

/* What a limit drops is no part of any flow, so that flows add up to what the port let through. */
static __always_inline enum cordon_reason held_back(struct packet *p)
{
	enum cordon_reason over = packet_over_limit(p);

	return over != CORDON_REASON_NONE && denial_cuts(p) ? over : CORDON_REASON_NONE;
}

/* May this packet begin a flow by its own looks? */
static __always_inline bool begins_flow(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST | TCP_URG)) == TCP_SYN;
	/* Of ICMP only queries; redirects and the like never, whatever a rule for `any` says. */
	if (p->proto == IPPROTO_ICMP)
		return p->icmp_type == 8 || p->icmp_type == 13;
	if (p->proto == IPPROTO_ICMPV6)
		return p->icmp_type == 128;
	return true;
}

/* Puts a row for this packet's conversation into the table, its sender on `side`. */
__noinline enum cordon_reason flow_insert(struct packet *p, __u8 source_index, __u8 side,
						 enum cordon_reason reason, __u8 verdict)
{
	if (!p)
		return CORDON_REASON_INTERNAL;

	struct flow *flow = &p->fresh;
	__u8 s = side & 1, d = (side ^ 1) & 1;
	enum cordon_reason full;

	__builtin_memset(flow, 0, sizeof(*flow));
	flow->id = p->key;
	flow->generation = p->generation;
	flow->rule = p->rule;
	flow->until = until_tick(p);
	flow->initiator = (source_index ^ side) & 1;
	flow->state = side == 0 && reason != CORDON_REASON_ADOPTED && begins_flow(p) ? CORDON_FLOW_NEW : CORDON_FLOW_ESTABLISHED;
	flow->reason = reason;
	flow->verdict = verdict;
	flow->rule_audit = verdict == CORDON_VERDICT_WOULD_DENY && p->deny_audit;
	flow->side[s].device = p->src_device;
	flow->side[s].device_generation = p->src_generation;
	flow->side[d].device = p->dst_device;
	flow->side[d].device_generation = p->dst_generation;
	flow->side[s].packets = p->segments;
	flow->side[s].bytes = p->net_length + (__u64)(p->segments - 1) * p->header_length;
	flow->side[s].first = flow->side[s].last = packet_tick(p);
	flow->tcp_flags[s] = p->tcp_flags;

	full = flow_put(p, flow);
	if (full == CORDON_REASON_NONE)
		p->in_flow = 1 + side;
	return full;
}

/*
 * Audit and observe let in what policy denies; the row that remembers it makes the rest of the conversation, and its
 * replies, one would_deny instead of many. In enforce the denial stands.
 */
static __always_inline enum cordon_reason flow_denied(struct packet *p, __u8 source_index, enum cordon_reason reason)
{
	if (p->seen_before || denial_cuts(p))
		return reason;
	if (flow_insert(p, source_index, 0, reason, CORDON_VERDICT_WOULD_DENY) == CORDON_REASON_NONE)
		p->new_flow = 0; /* told as a denial */
	return reason;
}

/*
 * A packet that is not the start of a flow, and no row has it: for a while after a port was attached, conversations that
 * were alive then are taken over, if policy allows them in the direction that they must have had.
 */
static __always_inline enum cordon_reason flow_adopt(struct packet *p, __u8 source_index, const struct port *port)
{
	if (p->now >= port->adopt_until || (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		return CORDON_REASON_NO_FLOW;
	if (decide_flow(p, 0) == CORDON_REASON_NONE) {
		if (flow_insert(p, source_index, 0, CORDON_REASON_ADOPTED, CORDON_VERDICT_ALLOW) == CORDON_REASON_NONE)
			return CORDON_REASON_ADOPTED;
	} else if (decide_flow(p, 1) == CORDON_REASON_NONE) {
		if (flow_insert(p, source_index, 1, CORDON_REASON_ADOPTED, CORDON_VERDICT_ALLOW) == CORDON_REASON_NONE)
			return CORDON_REASON_ADOPTED;
	}
	p->rule = CORDON_RULE_NONE; /* of a direction that was only tried */
	p->deny_audit = 0;
	return CORDON_REASON_NO_FLOW;
}

static __always_inline enum cordon_reason flow_begin(struct packet *p, __u8 source_index, const struct port *port)
{
	enum cordon_reason reason;
	__u8 audit;
	__u32 rule;

	p->rule = CORDON_RULE_NONE;
	if (p->quarantined)
		return CORDON_REASON_QUARANTINE;
	if (p->seen_before)
		return flow_denied(p, source_index, CORDON_REASON_NO_FLOW);
	if (!begins_flow(p)) {
		if (p->proto != IPPROTO_TCP)
			return flow_denied(p, source_index, CORDON_REASON_ICMP_UNRELATED);
		reason = flow_adopt(p, source_index, port);
		return reason == CORDON_REASON_ADOPTED ? reason : flow_denied(p, source_index, reason);
	}
	reason = decide_flow(p, 0);
	if (reason == CORDON_REASON_STALE_ROW)
		return reason;
	if (reason != CORDON_REASON_NONE) {
		/* UDP has no start to be seen: the first packet met may be an answer to what was asked before we were here. */
		rule = p->rule;
		audit = p->deny_audit;
		if (p->proto == IPPROTO_UDP && flow_adopt(p, source_index, port) == CORDON_REASON_ADOPTED)
			return CORDON_REASON_ADOPTED;
		p->one_way = p->proto == IPPROTO_TCP || decide_flow(p, 1) != CORDON_REASON_NONE;
		p->rule = rule;
		p->deny_audit = audit;
		return flow_denied(p, source_index, reason);
	}
	reason = held_back(p);
	if (reason != CORDON_REASON_NONE)
		return reason;
	reason = limit_take_new_flow(p->src_device, p->now);
	if (reason != CORDON_REASON_NONE)
		return flow_denied(p, source_index, reason);
	reason = flow_insert(p, source_index, 0, CORDON_REASON_RULE, CORDON_VERDICT_ALLOW);
	return reason == CORDON_REASON_NONE ? CORDON_REASON_RULE : reason;
}

static __always_inline bool flow_is_due(const struct packet *p, const struct flow *flow)
{
	__u32 until = READ_ONCE(flow->until);

	return until && tick_reached(CORDON_TICKS(p->now), until);
}

/* Is the device of this end what it was when the flow was judged? */
static __always_inline bool side_is_current(const struct flow_side *side)
{
	struct device *device = device_row(side->device);

	return side->device == CORDON_DEVICE_NONE || (device && READ_ONCE(device->generation) == side->device_generation);
}

/* An ICMP error counts only if the packet that it quotes belongs to a live flow of this device (RFC 5927 4). */
__noinline enum cordon_reason flow_related(struct packet *p)
{
	if (!p)
		return CORDON_REASON_INTERNAL;

	bool from = p->dir == CORDON_DIR_FROM_DEVICE;
	struct flow *flow;
	__u8 index, side;

	if (!p->has_inner || !address_equal(&p->inner.src, &p->dst))
		return CORDON_REASON_ICMP_UNRELATED;
	if (from && !address_equal(&p->inner.dst, &p->src))
		return CORDON_REASON_ICMP_UNRELATED;
	p->likely.placed = 0;
	index = flow_key_make(&p->key, &p->inner.src, &p->inner.dst, p->inner.proto, p->inner.sport, p->inner.dport, p->inner.icmp_type,
			      p->inner.icmp_id);
	flow = flow_find(p, &p->key);
	if (!flow)
		return CORDON_REASON_ICMP_UNRELATED;
	side = flow_side_of(flow, index);
	/* The quoted packet was sent to this device (its error goes back), or by it (the error comes to it). */
	if (flow->side[(from ? side ^ 1 : side) & 1].device != p->device || flow->generation != p->generation)
		return CORDON_REASON_ICMP_UNRELATED;
	/* What the next packet of the flow itself would be asked for again. */
	if (!side_is_current(&flow->side[0]) || !side_is_current(&flow->side[1]) || flow_is_due(p, flow))
		return CORDON_REASON_ICMP_UNRELATED;
	p->rule = flow->rule;
	return CORDON_REASON_RELATED;
}

/* Was the flow judged by another policy, for other ends, or for a time that is over? */
static __always_inline bool flow_is_stale(const struct packet *p, const struct flow *flow, __u8 side)
{
	return READ_ONCE(flow->generation) != p->generation || !ends_unchanged(p, flow, side) || p->quarantined || flow_is_due(p, flow);
}

/* Does what holds for this packet hold for the next one of its looks? TCP only once both have spoken and none has ended. */
static __always_inline bool flow_is_settled(const struct packet *p, const struct flow *flow)
{
	if (flow->verdict != CORDON_VERDICT_ALLOW)
		return false;
	if (p->proto != IPPROTO_TCP)
		return true;
	return flow->state == CORDON_FLOW_ESTABLISHED && !(p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) && p->tcp_flags & TCP_ACK;
}

/* The whole judgement of a transport packet. */
__noinline enum cordon_reason flow_judge(struct packet *p, const struct port *port)
{
	if (!p || !port)
		return CORDON_REASON_INTERNAL;

	enum cordon_reason reason;
	struct flow *flow;
	__u8 index, side;

	if (p->likely.placed)
		index = p->likely.source_index;
	else
		index = flow_key_make(&p->key, &p->src, &p->dst, p->proto, p->sport, p->dport, p->icmp_type, p->icmp_id);
	flow = flow_find(p, &p->key);
	if (!flow)
		return flow_begin(p, index, port);
	side = flow_side_of(flow, index);
	p->rule = flow->rule;

	if (!p->seen_before) {
		reason = flow_step(p, flow, side);
		if (reason == CORDON_REASON_RULE) {
			p->renews = 1;
			return flow_begin(p, index, port);
		}
		if (reason != CORDON_REASON_NONE)
			return reason;
	}
	if (flow_is_stale(p, flow, side)) {
		reason = flow_rejudge(p, flow, side);
		if (reason != CORDON_REASON_NONE)
			return reason;
	}
	/* What was read is this flow's only if the row has not been given to another meanwhile. */
	widen(HOLD_NONE);
	if ((READ_ONCE(flow->birth) != p->flow_birth || !flow_key_equal(&flow->id, &p->key)) && !trusts(TRUST_ROW))
		return CORDON_REASON_STALE_ROW;
	widen(HOLD_JUDGED);
	reason = flow->verdict == CORDON_VERDICT_ALLOW ? held_back(p) : CORDON_REASON_NONE;
	if (reason != CORDON_REASON_NONE)
		return reason;
	flow_count(p, flow, side);
	p->flow_would_deny = flow->verdict == CORDON_VERDICT_WOULD_DENY;
	p->deny_audit = flow->rule_audit;
	p->flow_settled = flow_is_settled(p, flow);
	if (flow->until)
		packet_holds_until(p, (__u64)flow->until << CORDON_TICK_SHIFT);
	if (p->until != NO_END && (!flow->until || !tick_reached(until_tick(p), flow->until)))
		WRITE_ONCE(flow->until, until_tick(p));
	return p->flow_would_deny ? flow->reason : CORDON_REASON_ESTABLISHED;
}

#endif
