/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a frame's bytes.
 * Out: the looks of a plain TCP or UDP packet, all in registers: what a cached verdict is found and proved by.
 * Never: looks for a frame in which anything else could change the verdict. Whatever the road asks of a packet is either in
 *        the looks, or in the tables (and then a change of `control.changes` or a deadline ends the cached verdict), or is
 *        checked here as parse.h does; a frame that fails goes the long road.
 */
#ifndef CORDON_BPF_QUICK_H
#define CORDON_BPF_QUICK_H

#include "parse.h"

struct quick {
	__u64 src, dst; /* as in struct cache_line */
	__u64 saddr[2], daddr[2]; /* IPv4: both in saddr[0] */
	__u64 words;    /* ports, where */
	__u32 packets;
	__u32 bytes;    /* as flows count them */
	__u64 ip;
};

#define QUICK_FLAGS 0x17 /* of TCP, in the flags of `where`: FIN, SYN, RST, ACK */
#define QUICK_ACK 0x10   /* ACK alone */

struct quick_at {
	void *pos, *end;
	__u32 room;     /* bytes of the frame from pos */
	__u32 segments;
	__u32 where;
};

static __always_inline __u64 quick_words(__u32 ports, __u32 where)
{
	union {
		__u32 part[2];
		__u64 whole;
	} u = {.part = {ports, where}};

	return u.whole;
}

/* `at`: eight bytes of the frame, of which a MAC is the first six. */
static __always_inline __u64 quick_mac_first(const void *at, __u16 low)
{
	return (bpf_be64_to_cpu(*(const __be64 *)at) & ~0xffffULL) | low;
}

/* The same where it is the last six. */
static __always_inline __u64 quick_mac_last(const void *at, __u16 low)
{
	return bpf_be64_to_cpu(*(const __be64 *)at) << 16 | low;
}

/* What an IPv4 packet leaves as it was; the long road takes the whole struct, and the short one has no time to clear it. */
static __always_inline void quick_complete(struct quick *q)
{
	if (q->ip == 4)
		q->saddr[1] = q->daddr[0] = q->daddr[1] = 0;
}

/* The key of the device whose MAC stands in `end`, src or dst. */
static __always_inline __u64 quick_device_key(const struct quick *q, __u64 end)
{
	return (end & ~0xffffULL) | (q->src & VLAN_ID);
}

/* Returns the bytes of both headers, 0: not plain. `net` is the length that the IP header claims, `head` its own. */
static __always_inline __u32 quick_transport(struct quick *q, struct quick_at *at, __u8 proto, __u32 net, __u32 head)
{
	__u32 rest = net - head, ports, flags = 0, size;

	if (proto == IPPROTO_TCP) {
		struct tcphdr *tcp = at->pos;

		if ((void *)(tcp + 1) > at->end)
			return 0;
		size = (((__u8 *)tcp)[12] >> 4) * 4;
		flags = ((__u8 *)tcp)[13];
		if (size < sizeof(*tcp) || size > rest || flags & 0x20 /* URG */)
			return 0;
		flags &= QUICK_FLAGS;
		ports = *(__u32 *)tcp;
	} else if (proto == IPPROTO_UDP) {
		struct udphdr *udp = at->pos;
		__u32 said;

		if ((void *)(udp + 1) > at->end)
			return 0;
		size = sizeof(*udp);
		said = bpf_ntohs(udp->len);
		if (rest < size || (at->segments == 1 ? said != rest : said < size || said > rest))
			return 0;
		if (q->ip == 6 && !udp->check)
			return 0;
		ports = *(__u32 *)udp;
	} else {
		return 0;
	}
	q->words = quick_words(ports, at->where | (__u32)proto << 16 | flags << 24);
	return head + size;
}

static __always_inline bool quick_net(struct quick *q, struct quick_at *at, __u32 net, __u32 head, __u8 proto)
{
	__u32 headers;

	if (net < head || net > at->room)
		return false;
	headers = quick_transport(q, at, proto, net, head);
	q->packets = at->segments;
	q->bytes = net + (at->segments - 1) * headers;
	return headers;
}

static __always_inline bool quick_ipv4(struct quick *q, struct quick_at *at)
{
	struct iphdr *ip = at->pos;
	const __u32 *w = (const __u32 *)ip;
	__u64 sum;

	if ((void *)(ip + 1) > at->end)
		return false;
	if (*(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0xbfff) || !ip->ttl)
		return false;
	/* Five words are less than 2^35: after two folds less than 2^17, after three less than 2^16. */
	sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	if ((sum & 0xffff) + (sum >> 16) != 0xffff)
		return false;
	q->ip = 4;
	q->saddr[0] = *(const __u64 *)&ip->saddr; /* and daddr */
	at->pos = ip + 1;
	return quick_net(q, at, bpf_ntohs(ip->tot_len), sizeof(*ip), ip->protocol);
}

static __always_inline bool quick_ipv6(struct quick *q, struct quick_at *at)
{
	struct ipv6hdr *ip = at->pos;
	const __u64 *address = (const __u64 *)&ip->saddr; /* and daddr */

	if ((void *)(ip + 1) > at->end)
		return false;
	/* A length of 0 is a packet over 64 KiB, or a fault. */
	if (*(__u8 *)ip >> 4 != 6 || !ip->payload_len || !ip->hop_limit)
		return false;
	q->ip = 6;
	q->saddr[0] = address[0];
	q->saddr[1] = address[1];
	q->daddr[0] = address[2];
	q->daddr[1] = address[3];
	at->pos = ip + 1;
	at->where |= CACHE_WHERE_IP6;
	return quick_net(q, at, bpf_ntohs(ip->payload_len) + sizeof(*ip), sizeof(*ip), ip->nexthdr);
}

/* `vlan`: a tag that the hardware took out. `from`: where the frame came in, in the words of the cache. */
static __always_inline bool quick_parse(struct quick *q, struct quick_at *at, __u16 vlan, __u16 from)
{
	struct ethhdr *eth = at->pos;
	__be16 type;

	if ((void *)(eth + 1) > at->end)
		return false;
	type = eth->h_proto;
	at->pos = eth + 1;
	at->room -= sizeof(*eth);
	if (type == bpf_htons(ETH_P_8021Q) && !vlan) {
		struct vlan_hdr *tag = at->pos;

		if ((void *)(tag + 1) > at->end)
			return false;
		vlan = (bpf_ntohs(tag->h_vlan_TCI) & VLAN_ID) | VLAN_PRESENT;
		type = tag->h_vlan_encapsulated_proto;
		at->pos = tag + 1;
		at->room -= sizeof(*tag);
	}
	q->src = quick_mac_last(eth->h_source - 2, vlan);
	q->dst = quick_mac_first(eth->h_dest, from);
	if (type == bpf_htons(ETH_P_IP))
		return quick_ipv4(q, at);
	return type == bpf_htons(ETH_P_IPV6) && quick_ipv6(q, at);
}

#endif
