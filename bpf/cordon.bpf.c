// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The road of a packet, both ways. Each step returns CORDON_REASON_NONE to go on, or the reason with which the road ends;
 * verdict_leave() turns that into pass or drop. frames.md is the contract, docs/frames.md says where we differ and why.
 *
 * What is HARD (another's address or MAC, rogue DHCP and RA) is asked before what is merely malformed, because audit lets
 * the malformed pass.
 */
#include "base.h"
#include "maps.h"
#include "parse.h"
#include "device.h"
#include "decide.h"
#include "guard.h"
#include "flow.h"
#include "verdict.h"
#include "cache.h"
#include "warm.h"
#include "tick.h"
#include "walk.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCX_NEXT -1 /* goes on with the next program; TC_ACT_OK would end the list */
#define TC_LINEAR 192 /* the deepest header we read: tags, IPv6, ICMPv6, an IPv6 header quoted, eight ND options */

/* Both halves of one store order: what is read after it is of this policy, or of a later one and then stamped so. */
static __always_inline __u64 control_word(const struct control *c)
{
	return READ_ONCE(*(const __u64 *)c);
}

static __always_inline struct packet *packet_row(enum cordon_dir dir)
{
	__u32 row = dir;

	return bpf_map_lookup_elem(&scratch, &row);
}

/* What was found out ahead stays. */
static __always_inline void packet_begin(struct packet *p, __u64 word, enum cordon_dir dir, __u32 length)
{
	struct likely likely = p->likely;

	packet_clear(p, word, 0);
	p->likely = likely;
	p->length = length;
	p->dir = dir;
	p->mode = CORDON_MODE_ENFORCE;
}

/* Reading the clock waits for every load that is under way, so it comes after those that are asked for ahead. */
static __always_inline void packet_now(struct control *c, struct packet *p)
{
	p->now = clock_now(c);
	/* A timer that is late, or gone, must not keep cached verdicts alive. */
	if (c->now && p->now > c->now + 2 * CORDON_TICK_NS)
		WRITE_ONCE(c->now, p->now);
}

/* The port, and whether any policy is there to judge by. */
static __always_inline enum cordon_reason packet_enter(struct packet *p, const struct port *port)
{
	if (!port || port->role != CORDON_ROLE_DEVICE)
		return CORDON_REASON_UNKNOWN_PORT;
	p->port = port->number;
	if (!p->generation)
		return port->flags & PORT_FAIL_OPEN ? CORDON_REASON_FAIL_OPEN : CORDON_REASON_NO_POLICY;
	packet_mode_of_port(p, port);
	/* IEEE 802.1Q 9.6: VID 0 is a priority, not a VLAN; a port may say that it counts as no tag. */
	if ((port->flags & PORT_PRIORITY_TAG) && p->vlan == VLAN_PRESENT)
		p->vlan = 0;
	return CORDON_REASON_NONE;
}

/* VID 0 without the port's leave is a tag like any other, and no device has it. */
static __always_inline bool has_foreign_tag(const struct packet *p)
{
	return p->vlan == VLAN_PRESENT;
}

static __always_inline enum cordon_reason fault_of(const struct packet *p)
{
	return p->net_fault != CORDON_REASON_NONE ? p->net_fault : p->trans_fault;
}

static __always_inline bool is_icmp_error(const struct packet *p)
{
	return (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) && icmp_is_error(p);
}

static __always_inline bool address_is_multicast(const struct packet *p)
{
	if (p->ip == 6)
		return p->dst.byte[0] == 0xff;
	return p->dst.byte[12] >= 224;
}

static __noinline enum cordon_reason judge_from_device(struct packet *p, struct port *port, enum placed *ret_placed)
{
	enum cordon_reason reason = packet_enter(p, port), source, sits;

	if (reason != CORDON_REASON_NONE)
		return reason;
	if (p->link_fault == CORDON_REASON_SHORT_FRAME || p->link_fault == CORDON_REASON_SOURCE_MAC)
		return p->link_fault;
	if (mac_equal(p->src_mac, port->mac)) /* the gateway's own sits nowhere but here */
		return CORDON_REASON_WRONG_PORT;
	sits = device_sits_here(p, port, true, ret_placed);
	if (sits == CORDON_REASON_WRONG_PORT || sits == CORDON_REASON_STALE_ROW)
		return sits;
	/* Also of a stranger, and behind a tag: neither may hide another's address where audit lets strangers and tags pass. */
	reason = claims_from_device(p, &source);
	if (reason != CORDON_REASON_NONE)
		return reason;
	if (sits != CORDON_REASON_NONE)
		return sits;
	if (has_foreign_tag(p))
		return CORDON_REASON_VLAN;
	if (p->link_fault != CORDON_REASON_NONE)
		return p->link_fault;
	if (p->ethertype == ETH_P_PAE)
		return eapol_judge(p, port);
	reason = guard_from_device(p, port, source);
	if (reason != CORDON_REASON_NONE)
		return reason;
	if (mac_is_multicast(p->dst_mac) || (p->ip && address_is_multicast(p)))
		return CORDON_REASON_MULTICAST;
	if (p->ip && !peer_resolve(p, &p->dst, false))
		return CORDON_REASON_STALE_ROW;
	if (!dest_mac_fits(p, port, p->dst_device))
		return CORDON_REASON_DEST_MAC;
	if (source != CORDON_REASON_NONE)
		return source;
	reason = fault_of(p);
	if (reason != CORDON_REASON_NONE)
		return reason;
	return is_icmp_error(p) ? flow_related(p) : flow_judge(p, port);
}

static __always_inline void sender_resolve(struct packet *p, __u32 ingress_ifindex, __u32 *ret_in_port)
{
	struct port *in = ingress_ifindex ? port_find(ingress_ifindex) : NULL;

	*ret_in_port = CORDON_PORT_NONE;
	p->sender = ingress_ifindex ? SENDER_OUTSIDE : SENDER_GATEWAY;
	if (in && in->role == CORDON_ROLE_DEVICE) {
		p->sender = SENDER_DEVICE;
		*ret_in_port = in->number;
	} else if (in && in->role == CORDON_ROLE_BRIDGE) {
		p->sender = SENDER_DEVICE;
	}
}

/* The receiving end: a device on this port, addressed by an address of its own. */
static __noinline enum cordon_reason receiver_resolve(struct packet *p, struct port *port)
{
	enum placed placed = PLACED_NOT;
	enum cordon_reason reason;
	__u16 class = 0;

	reason = device_sits_here(p, port, false, &placed);
	if (reason != CORDON_REASON_NONE)
		return reason;
	if (!p->ip)
		return CORDON_REASON_NONE;
	if (address_is_own(p, &p->dst, p->dst_mac, &class) != CORDON_REASON_NONE)
		return CORDON_REASON_BAD_DESTINATION;
	return end_set(p, p->device, false, class) ? CORDON_REASON_NONE : CORDON_REASON_STALE_ROW;
}

static __noinline enum cordon_reason judge_to_device(struct packet *p, struct port *port, __u32 ingress_ifindex)
{
	enum cordon_reason reason = packet_enter(p, port), receiver = CORDON_REASON_NONE;
	bool group = mac_is_multicast(p->dst_mac);
	__u32 in_port;

	if (reason != CORDON_REASON_NONE)
		return reason;
	sender_resolve(p, ingress_ifindex, &in_port);
	if (p->link_fault == CORDON_REASON_SHORT_FRAME)
		return p->link_fault;
	if (!group)
		receiver = receiver_resolve(p, port);
	if (p->ethertype == ETH_P_ARP ? p->arp.readable && !address_is_zero(&p->arp.spa) : p->ip && !address_is_zero(&p->src)) {
		reason = claims_to_device(p, &p->src, in_port);
		if (reason != CORDON_REASON_NONE)
			return reason;
	}
	if (receiver != CORDON_REASON_NONE && receiver != CORDON_REASON_BAD_DESTINATION)
		return receiver;
	if (p->link_fault != CORDON_REASON_NONE)
		return p->link_fault;
	if (p->ethertype == ETH_P_PAE)
		return eapol_judge(p, port);
	reason = guard_to_device(p, port);
	if (reason != CORDON_REASON_NONE)
		return reason;
	if (group || (p->ip && address_is_multicast(p)))
		return CORDON_REASON_MULTICAST;
	if (receiver != CORDON_REASON_NONE)
		return receiver;
	/* What has no address asks for one (RFC 1122 3.2.1.3, RFC 4291 2.5.2): the guards had their say. */
	if (p->ip && address_is_zero(&p->src))
		return CORDON_REASON_IP_MARTIAN;
	reason = fault_of(p);
	if (reason != CORDON_REASON_NONE)
		return reason;
	/* Its ports may be those of a conversation with the gateway itself, which it is no part of. */
	if (p->masqueraded)
		return CORDON_REASON_DEFAULT_DENY;
	return is_icmp_error(p) ? flow_related(p) : flow_judge(p, port);
}

/*
 * A SYN that is likely to begin a flow, as the last packet of the long road did: the cache is not asked for it. It could only say that
 * the SYN was denied a moment ago, and to find that it does not is one more miss of every cache. The tables say the same, or better.
 */
static __always_inline bool likely_begins(const struct quick *q)
{
	const struct packet *p = (q->words >> 56 & (TCP_SYN | QUICK_ACK)) == TCP_SYN ? packet_row(CORDON_DIR_FROM_DEVICE) : NULL;

	return p && p->began;
}

/* Its own function, as is tc_parse(): the verifier reads it once, and not along every road on which the cache had no answer. */
__noinline int xdp_parse(struct xdp_md *ctx, struct packet *p)
{
	void *data = (void *)(long)ctx->data;
	struct cursor cursor = {.start = data, .pos = data, .end = (void *)(long)ctx->data_end};

	if (p)
		parse_frame(p, &cursor);
	return 0;
}

static __always_inline bool xdp_judge(struct xdp_md *ctx, struct control *c, struct packet *p)
{
	enum placed placed = PLACED_NOT;
	enum cordon_reason reason;

	reason = judge_from_device(p, port_find(ctx->ingress_ifindex), &placed);
	if (placed)
		event_tell(p, p->device, CORDON_EVENT_PLACED, CORDON_VERDICT_ALLOW, CORDON_REASON_NONE);
	/* Cached verdicts know where a device was. Before its first frame it was nowhere, and nothing that is cached says so. */
	if (placed == PLACED_ANEW)
		__sync_fetch_and_add(&c->changes, 1);
	return verdict_leave(p, reason);
}

SEC("xdp.frags")
int xdp_from_device(struct xdp_md *ctx)
{
	struct quick_at at = {.pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end, .segments = 1};
	struct control *c = control_row();
	bool quick = false, pass;
	struct packet *p;
	struct quick q;
	__u64 word;

	if (!c)
		return XDP_DROP;
	word = control_word(c);
	if (READ_ONCE(c->now)) {
		at.room = at.end - at.pos;
		at.where = port_number(ctx->ingress_ifindex);
		quick = at.where && quick_parse(&q, &at, 0, 0);
	}
	if (quick && !likely_begins(&q)) {
		enum cached cached = cache_hit(c, &q, word, CORDON_TICKS(READ_ONCE(c->now)));

		if (cached != CACHED_NOT)
			return cached == CACHED_PASS ? XDP_PASS : XDP_DROP;
	}
	p = packet_row(CORDON_DIR_FROM_DEVICE);
	if (!p)
		return XDP_DROP;
	if (quick) {
		quick_complete(&q);
		flow_warm(p, &q, quick_device_key(&q, q.src));
		if (flow_quick(p, &q, word, READ_ONCE(c->now)))
			return XDP_PASS;
	} else {
		p->likely = (struct likely){};
	}
	packet_begin(p, word, CORDON_DIR_FROM_DEVICE, bpf_xdp_get_buff_len(ctx));
	xdp_parse(ctx, p);
	if (quick)
		road_warm(p, word & 1);
	packet_now(c, p);
	pass = xdp_judge(ctx, c, p);
	if (quick && !p->new_flow) /* what begins is not settled yet */
		cache_store(p, &q);
	p->began = p->new_flow;
	return pass ? XDP_PASS : XDP_DROP;
}

__noinline int tc_parse(struct __sk_buff *skb, struct packet *p)
{
	struct cursor cursor;

	/* Headers of a GSO or forwarded packet may stand outside linear memory. */
	if (skb->data + TC_LINEAR > skb->data_end)
		bpf_skb_pull_data(skb, skb->len < TC_LINEAR ? skb->len : TC_LINEAR);
	cursor.start = cursor.pos = (void *)(long)skb->data;
	cursor.end = (void *)(long)skb->data_end;
	if (p)
		parse_frame(p, &cursor);
	return 0;
}

SEC("tc")
int tc_to_device(struct __sk_buff *skb)
{
	struct quick_at at = {.pos = (void *)(long)skb->data, .end = (void *)(long)skb->data_end, .room = skb->len};
	__u16 vlan = skb->vlan_present ? (skb->vlan_tci & VLAN_ID) | VLAN_PRESENT : 0;
	__u32 segments = skb->gso_segs > 1 ? skb->gso_segs : 1, from = CACHE_FROM_GATEWAY;
	struct control *c = control_row();
	bool quick = false, pass;
	struct packet *p;
	struct quick q;
	__u64 word;

	if (!c)
		return TC_ACT_SHOT;
	word = control_word(c);
	if (READ_ONCE(c->now)) {
		at.segments = segments;
		at.where = port_number(skb->ifindex);
		if (skb->ingress_ifindex)
			from = port_number(skb->ingress_ifindex);
		quick = at.where && from;
		at.where |= CACHE_WHERE_TO_DEVICE;
		quick = quick && quick_parse(&q, &at, vlan, from);
	}
	if (quick) {
		enum cached cached = cache_hit(c, &q, word, CORDON_TICKS(READ_ONCE(c->now)));

		if (cached != CACHED_NOT)
			return cached == CACHED_PASS ? TCX_NEXT : TC_ACT_SHOT;
	}
	p = packet_row(CORDON_DIR_TO_DEVICE);
	if (!p)
		return TC_ACT_SHOT;
	if (quick) {
		quick_complete(&q);
		flow_warm(p, &q, quick_device_key(&q, q.dst));
		road_warm(p, word & 1);
	} else {
		p->likely = (struct likely){};
	}
	packet_begin(p, word, CORDON_DIR_TO_DEVICE, skb->len);
	packet_now(c, p);
	p->segments = segments;
	p->vlan = vlan;
	tc_parse(skb, p);
	pass = verdict_leave(p, judge_to_device(p, port_find(skb->ifindex), skb->ingress_ifindex));
	if (quick)
		cache_store(p, &q);
	return pass ? TCX_NEXT : TC_ACT_SHOT;
}
