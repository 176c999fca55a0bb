/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a live row of the flow table for which no packet came since something changed, or its time was over.
 * Out: what that packet would have made of it: over, where it would be cut; else judged anew.
 * Never: an end for want of what only a packet tells (by which MAC, with which tag a link-local address speaks; who goes on by
 *        an address that changed hands): such a flow waits for its packet. A grant: each packet proves itself as before.
 *
 * The packet is made up from the row: the initiator's next, its two ends resolved as the road resolves them, and the same
 * functions decide. It may be judged at the same time on another CPU; then both write what they found, as two packets would.
 */
#ifndef CORDON_BPF_REVIEW_H
#define CORDON_BPF_REVIEW_H

#include "event.h"
#include "flow.h"

enum review_end {
	REVIEW_END_FOUND,
	REVIEW_END_GONE,  /* a device whose lease is over */
	REVIEW_END_WAITS, /* only a packet tells */
	REVIEW_END_TORN,  /* rows that are being written */
};

static __always_inline struct packet *review_packet(void)
{
	__u32 row = SCRATCH_REVIEW;

	return bpf_map_lookup_elem(&scratch, &row);
}

/* Is the device still one, and this the link-local address that its MAC makes? */
static __always_inline bool device_makes(const struct packet *p, __u32 row, const struct address *address)
{
	struct device *device = row >= CORDON_DEVICE_FIRST ? device_row(row) : NULL;
	__u64 key = device ? READ_ONCE(device->key) : 0;
	__u8 mac[6];

#pragma unroll
	for (int i = 0; i < 6; i++)
		mac[i] = key >> (56 - 8 * i);
	return key && address_is_eui64(address, mac) && side_read(&device->side[p->side & 1], p->generation).generation;
}

/* As peer_resolve(), without a frame's MAC: a link-local address that no binding knows is its device's, or nobody can say. */
static __noinline enum review_end review_end_resolve(struct packet *p, const struct address *address, __u32 was, bool is_source)
{
	__u16 class = 0;
	__u32 row = binding_owner(p, address, &class);
	struct device *device;

	if (row == CORDON_DEVICE_NONE && address_is_linklocal6(address)) {
		if (!device_makes(p, was, address))
			return REVIEW_END_WAITS;
		row = was;
		class = device_class(p, row);
	}
	if (row == CORDON_DEVICE_NONE) {
		class = network_class(p, address);
		if (is_source)
			p->src_class = class;
		else
			p->dst_class = class;
		return REVIEW_END_FOUND;
	}
	if (!end_set(p, row, is_source, class))
		return REVIEW_END_TORN;
	device = row >= CORDON_DEVICE_FIRST ? device_row(row) : NULL;
	return device && device_lease_is_over(p, device) ? REVIEW_END_GONE : REVIEW_END_FOUND;
}

/*
 * A device that can no longer speak in this conversation, for its lease is over (unknown_device) or the address is not its own any
 * more (bad_source): is that dropped? A known device has a mode of its own, another that of the port where it would come in.
 */
static __always_inline bool device_is_silenced(struct packet *p, __u32 row)
{
	struct device *device = device_row(row);
	struct port *port;
	struct side side;

	if (!device)
		return false;
	side = side_read(&device->side[p->side & 1], p->generation);
	p->rule = CORDON_RULE_NONE;
	p->deny_audit = 0;
	p->mode = side.mode;
	if (!side.generation || device_lease_is_over(p, device)) {
		port = port_row(READ_ONCE(device->port));
		if (!port)
			return false;
		packet_mode_of_port(p, port);
	}
	return denial_cuts(p);
}

static __always_inline void review_packet_make(struct packet *p, const struct flow *flow)
{
	__u8 from = flow->initiator & 1, to = (from ^ 1) & 1;

	packet_clear(p, p->word, p->now);
	p->key = flow->id;
	p->proto = p->key.proto;
	p->src = p->key.addr[from];
	p->dst = p->key.addr[to];
	p->sport = p->key.port[from];
	p->dport = p->key.port[to];
	p->mode = CORDON_MODE_OBSERVE; /* the stricter end's, once they are met */
}

/* What a device that owes a proof is called by its own port. */
static __always_inline void review_authentication(struct packet *p)
{
	__u32 row = p->src_device >= CORDON_DEVICE_FIRST ? p->src_device : p->dst_device;
	struct device *device = row >= CORDON_DEVICE_FIRST ? device_row(row) : NULL;

	if (device)
		p->unauthenticated = !!(side_read(&device->side[p->side & 1], p->generation).flags & SIDE_UNAUTHENTICATED);
}

/* The brake was let go: what it let in is dropped now. */
static __always_inline bool flow_is_denied(struct packet *p, const struct flow *flow)
{
	p->deny_audit = flow->rule_audit;
	return flow->verdict == CORDON_VERDICT_WOULD_DENY && denial_cuts(p);
}

static __always_inline bool flow_end_is_as_judged(const struct packet *p, const struct flow_side *side)
{
	struct device *device = side->device == CORDON_DEVICE_NONE ? NULL : device_row(side->device);
	__u64 quarantine;

	if (side->device == CORDON_DEVICE_NONE)
		return true;
	if (!device || READ_ONCE(device->generation) != side->device_generation || device_lease_is_over(p, device))
		return false;
	quarantine = READ_ONCE(device->quarantine_until);
	return !(READ_ONCE(device->flags) & DEVICE_QUARANTINED) || (quarantine && quarantine <= p->now);
}

/* Of most flows the rows of their devices say that nothing concerns them, and no address needs to be looked up. */
static __always_inline bool flow_is_as_judged(const struct packet *p, const struct flow *flow)
{
	return READ_ONCE(flow->generation) == p->generation && flow->verdict == CORDON_VERDICT_ALLOW && !flow_is_due(p, flow) &&
	       flow_end_is_as_judged(p, &flow->side[0]) && flow_end_is_as_judged(p, &flow->side[1]);
}

/* CUT: the flow ends. STALE_ROW: ask again soon. */
static __always_inline enum cordon_reason review_judge(struct packet *p, struct flow *flow)
{
	__u32 rows[2] = {flow->side[0].device, flow->side[1].device}, owner = ACCOUNT_DEVICE(flow_account(flow));
	enum review_end from = review_end_resolve(p, &p->src, rows[0], true), to = review_end_resolve(p, &p->dst, rows[1], false);
	enum cordon_reason reason;

	if (from == REVIEW_END_TORN || to == REVIEW_END_TORN)
		return CORDON_REASON_STALE_ROW;
	if (from == REVIEW_END_WAITS || to == REVIEW_END_WAITS)
		return CORDON_REASON_NONE;
	if (p->quarantined)
		return CORDON_REASON_CUT;
	if (from == REVIEW_END_GONE)
		return device_is_silenced(p, p->src_device) ? CORDON_REASON_CUT : CORDON_REASON_NONE;
	if (to == REVIEW_END_GONE)
		return device_is_silenced(p, p->dst_device) ? CORDON_REASON_CUT : CORDON_REASON_NONE;
	/* Rows of owners are not reused while they own a flow. */
	if ((owner == rows[0] ? p->src_device : p->dst_device) < CORDON_DEVICE_FIRST)
		return device_is_silenced(p, owner) ? CORDON_REASON_CUT : CORDON_REASON_NONE;
	review_authentication(p);
	if (!flow_is_stale(p, flow, 0) && !flow_is_denied(p, flow))
		return CORDON_REASON_NONE;
	if (p->src_device == rows[0] && p->dst_device == rows[1])
		return flow_rejudge(p, flow, 0);
	reason = decide_flow(p, 0);
	if (reason == CORDON_REASON_STALE_ROW)
		return reason;
	if (flow_must_end(p, reason))
		return CORDON_REASON_CUT;
	WRITE_ONCE(flow->side[owner != rows[0]].device_generation, 0); /* its packet judges it anew, and so does each review until then */
	return CORDON_REASON_NONE;
}

/* Told by count 0: no frame was dropped. What no budget is left for is told by the flow's record alone. */
static __always_inline void review_tell(struct packet *p, const struct flow *flow)
{
	__u32 owner = ACCOUNT_DEVICE(flow_account(flow));
	struct device *device = device_row(owner);

	if (!device)
		return;
	p->device = owner;
	p->port = READ_ONCE(device->port);
	p->dir = ACCOUNT_DIR(flow_account(flow));
	p->ethertype = address_is_v4(&p->src) ? ETH_P_IP : ETH_P_IPV6;
	p->icmp_type = p->key.icmp_type;
	event_tell(p, owner, CORDON_EVENT_CUT, CORDON_VERDICT_DENY, p->quarantined ? CORDON_REASON_QUARANTINE : CORDON_REASON_CUT);
}

/*
 * `now` and `word` of this CPU's review_packet() are set; `resolve`: also whose its addresses are may have changed. 1: what it needs
 * is being written, look again.
 */
__noinline int flow_review(__u32 number, bool resolve)
{
	struct packet *p = review_packet();
	struct flow *flow = flow_at(number);
	enum cordon_reason reason;
	__u32 birth;

	if (!p || !flow)
		return 0;
	if (!resolve && flow_is_as_judged(p, flow))
		return 0;
	birth = READ_ONCE(flow->birth);
	review_packet_make(p, flow);
	reason = review_judge(p, flow);
	if (reason != CORDON_REASON_CUT)
		return reason == CORDON_REASON_STALE_ROW;
	if (READ_ONCE(flow->birth) != birth || !flow_key_equal(&flow->id, &p->key))
		return 0;
	flow->state = CORDON_FLOW_CUT;
	if (flow_end(number, packet_tick(p)))
		review_tell(p, flow);
	return 0;
}

#endif
