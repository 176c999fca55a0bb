/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a frame's bytes, from a hostile sender.
 * Out: packet: addresses, ports, flags, and what is wrong at each layer (link_fault, net_fault, trans_fault).
 * Never: a look at any table; a loop without a bound; trust in a length that the sender wrote.
 *
 * A fault does not end the frame's road here: whose port it is decides what becomes of it (audit passes it), and a frame that
 * claims another's address must be told before a frame that is merely malformed.
 * Sources: RFC 791, 826, 8200, 9293, 768, 792, 4443, 4861, 3810, 2131, 8415; IEEE 802.3 3.2.6, 802.1Q 9.6.
 */
#ifndef CORDON_BPF_PARSE_H
#define CORDON_BPF_PARSE_H

#include "base.h"

#define MAX_HIDDEN 4 /* extension headers looked behind */
#define MAX_PARSED 0x3fff /* a mask that no cursor outgrows: four extension headers of at most 2,052 bytes, and what stands before and behind */

struct cursor {
	void *start;
	void *pos;
	void *end;
};

/*
 * Takes the cursor's place through memory. The verifier forgets by which headers it came here and reads what follows once,
 * not again for every combination of tags, options and extension headers.
 */
static __always_inline void cursor_rejoin(struct packet *p, struct cursor *c)
{
	__u64 at = c->pos - c->start;

	barrier_var(at);
	WRITE_ONCE(p->parsed, at);
	at = READ_ONCE(p->parsed);
	c->pos = c->start + (at & MAX_PARSED);
}

static __always_inline void *take(struct cursor *c, __u32 size)
{
	void *at = c->pos;

	if (at + size > c->end)
		return NULL;
	c->pos = at + size;
	return at;
}

/* Ethernet and up to two tags. A tag that the hardware took out of the frame is already in p->vlan. */
static __always_inline void parse_link(struct packet *p, struct cursor *c)
{
	struct ethhdr *eth = take(c, sizeof(*eth));
	__u8 hidden = !!p->vlan;
	__u16 type;

	if (!eth) {
		p->link_fault = CORDON_REASON_SHORT_FRAME;
		return;
	}
	__builtin_memcpy(p->src_mac, eth->h_source, 6);
	__builtin_memcpy(p->dst_mac, eth->h_dest, 6);
	type = bpf_ntohs(eth->h_proto);
	if (mac_is_multicast(p->src_mac) || !mac_number(p->src_mac)) {
		p->link_fault = CORDON_REASON_SOURCE_MAC;
		return;
	}

	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *tag;

		if (type != ETH_P_8021Q && type != ETH_P_8021AD)
			break;
		tag = take(c, sizeof(*tag));
		if (!tag) {
			p->link_fault = CORDON_REASON_SHORT_FRAME;
			return;
		}
		if (!p->vlan)
			p->vlan = (bpf_ntohs(tag->h_vlan_TCI) & VLAN_ID) | VLAN_PRESENT;
		p->tags++;
		type = bpf_ntohs(tag->h_vlan_encapsulated_proto);
	}
	if (p->tags + hidden > 1 || type == ETH_P_8021Q || type == ETH_P_8021AD)
		p->link_fault = CORDON_REASON_VLAN;
	else if (type < ETH_P_802_3_MIN)
		p->link_fault = CORDON_REASON_LLC;
	p->ethertype = type;
}

static __always_inline void parse_arp(struct packet *p, struct cursor *c)
{
	struct {
		__be16 hrd, pro;
		__u8 hln, pln;
		__be16 op;
		__u8 sha[6], spa[4], tha[6], tpa[4];
	} __attribute__((packed)) *arp = take(c, sizeof(*arp));
	__be32 v4;

	if (!arp)
		return;
	__builtin_memcpy(p->arp.sha, arp->sha, 6);
	__builtin_memcpy(p->arp.tha, arp->tha, 6);
	__builtin_memcpy(&v4, arp->spa, 4);
	address_from_v4(&p->arp.spa, v4);
	__builtin_memcpy(&v4, arp->tpa, 4);
	address_from_v4(&p->arp.tpa, v4);
	p->src = p->arp.spa;
	p->dst = p->arp.tpa;
	p->arp.op = bpf_ntohs(arp->op);
	p->arp.readable = arp->pro == bpf_htons(ETH_P_IP) && arp->hln == 6 && arp->pln == 4 && (p->arp.op == 1 || p->arp.op == 2);
	p->arp.well_formed = p->arp.readable && arp->hrd == bpf_htons(1);
}

static __always_inline bool v4_is_martian(const struct packet *p)
{
	__u32 src = address_v4(&p->src), dst = address_v4(&p->dst);
	__u8 s = src >> 24, d = dst >> 24;

	if (s == 127 || d == 127 || s >= 224 || d == 0)
		return true;
	if (src >> 16 == 0xa9fe || dst >> 16 == 0xa9fe) /* 169.254/16 */
		return true;
	return s == 0 && src != 0; /* 0.0.0.0 itself is judged with DHCP */
}

static __always_inline bool v6_is_martian(const struct packet *p)
{
	const __u64 *s = (const __u64 *)&p->src, *d = (const __u64 *)&p->dst;
	const __u64 one = bpf_cpu_to_be64(1);

	if (p->src.byte[0] == 0xff)
		return true;
	if (!d[0] && (d[1] == 0 || d[1] == one))
		return true;
	if (!s[0] && s[1] == one)
		return true;
	/* ::ffff:0:0/96 and ::/96 would be taken for IPv4 by a host that does not look twice */
	return (!d[0] && !(d[1] & bpf_cpu_to_be64(0xffff000000000000ULL))) || (!s[0] && s[1]);
}

/* RFC 4861 4.3, 4.4: what is solicited or advertised stands behind eight bytes, of which four were read. */
static __always_inline void parse_peek_target(struct packet *p, struct cursor *c)
{
	struct {
		__u8 rest[4];
		__u8 target[16];
	} *nd = p->icmp_type == 135 || p->icmp_type == 136 ? take(c, sizeof(*nd)) : NULL;

	if (nd)
		__builtin_memcpy(&p->nd.target, nd->target, 16);
}

/*
 * Of a transport header that stands where none may, only who it speaks for is read: behind options or extension headers, or in
 * a first fragment, a host would still find it, and audit lets such frames pass. What must not pass in audit cannot hide there.
 */
static __always_inline void parse_peek(struct packet *p, struct cursor *c)
{
	__be16 *head = take(c, 4);

	if (!head)
		return;
	if (p->proto == IPPROTO_ICMPV6) {
		p->icmp_type = *(__u8 *)head;
		parse_peek_target(p, c);
	} else if (p->proto == IPPROTO_UDP) {
		p->sport = bpf_ntohs(head[0]);
		p->dport = bpf_ntohs(head[1]);
	}
}

/* Returns what the IPv4 header is, with the cursor behind it. */
static __always_inline enum cordon_reason parse_ipv4(struct packet *p, struct cursor *c, __u32 room)
{
	struct iphdr *ip = take(c, sizeof(*ip));
	__u32 sum = 0, options;
	__u16 frag;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return CORDON_REASON_IP_MALFORMED;
	address_from_v4(&p->src, ip->saddr);
	address_from_v4(&p->dst, ip->daddr);
	p->ip = 4;
	p->net_length = bpf_ntohs(ip->tot_len);
	if (p->net_length < ip->ihl * 4 || p->net_length > room)
		return CORDON_REASON_IP_MALFORMED;
	frag = bpf_ntohs(ip->frag_off);
	if (frag & 0x8000)
		return CORDON_REASON_IP_MALFORMED;
	if (frag & 0x1fff)
		return CORDON_REASON_FRAGMENT;
	p->header_length = ip->ihl * 4;
	p->proto = ip->protocol;
	options = (ip->ihl - 5) * 4;
	if (options) {
		__be32 *option = c->pos;

		/* RFC 3376 4: IGMP carries Router Alert, TTL 1; nothing else may carry any option. */
		if (p->proto == IPPROTO_IGMP && options == 4 && (void *)(option + 1) <= c->end && *option == bpf_htonl(0x94040000) &&
		    ip->ttl == 1 && !(frag & 0x3fff)) {
			c->pos = option + 1;
			return CORDON_REASON_NONE;
		}
		c->pos += options & 0x3c;
		parse_peek(p, c);
		return CORDON_REASON_IP_OPTIONS;
	}
	if (frag & 0x3fff) {
		parse_peek(p, c);
		return CORDON_REASON_FRAGMENT;
	}
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)ip)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	if (((sum & 0xffff) + (sum >> 16)) != 0xffff)
		return CORDON_REASON_IP_CHECKSUM;
	if (!ip->ttl) {
		parse_peek(p, c);
		return CORDON_REASON_IP_TTL;
	}
	if (v4_is_martian(p))
		return CORDON_REASON_IP_MARTIAN;
	if (address_equal(&p->src, &p->dst))
		return CORDON_REASON_IP_SELF;
	return CORDON_REASON_NONE;
}

static __always_inline bool ipv6_is_extension(__u8 next)
{
	/* RFC 7045 4 with mobility, HIP, Shim6 and the experimental numbers */
	return next == 0 || next == 43 || next == 50 || next == 51 || next == 59 || next == 60 || next == 135 || next == 139 ||
	       next == 140 || next == 253 || next == 254;
}

/* Behind extension headers (RFC 7113: a router advertisement hidden there). Where the walk ends early, `proto` is that of a header. */
static __always_inline void parse_hidden6(struct packet *p, struct cursor *c)
{
#pragma unroll /* 6.1 takes no loop into whose head the code falls from below */
	for (int i = 0; i < MAX_HIDDEN; i++) {
		__u8 *head, next = p->proto;
		__u32 size;

		if (!ipv6_is_extension(next) && next != 44)
			break;
		head = take(c, 8);
		if (!head || (next == 44 && (head[2] || head[3] & 0xf8)))
			return;
		size = next == 44 ? 0 : next == 51 ? (__u32)head[1] * 4 : (__u32)head[1] * 8;
		c->pos += size & 0x7fc;
		p->proto = head[0];
		cursor_rejoin(p, c);
	}
	parse_peek(p, c);
}

static __always_inline enum cordon_reason parse_ipv6(struct packet *p, struct cursor *c, __u32 room)
{
	struct ipv6hdr *ip = take(c, sizeof(*ip));
	__u64 *alert;

	if (!ip || ip->version != 6)
		return CORDON_REASON_IP_MALFORMED;
	__builtin_memcpy(&p->src, &ip->saddr, 16);
	__builtin_memcpy(&p->dst, &ip->daddr, 16);
	p->ip = 6;
	p->header_length = sizeof(*ip);
	p->net_length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	/* A GSO packet over 64 KiB says 0 (RFC 2675); its length is then the frame's own. */
	if (!ip->payload_len && p->segments > 1)
		p->net_length = room;
	if (p->net_length > room)
		return CORDON_REASON_IP_MALFORMED;
	p->proto = ip->nexthdr;
	if (!ip->hop_limit) {
		parse_peek(p, c);
		return CORDON_REASON_IP_TTL;
	}
	if (v6_is_martian(p))
		return CORDON_REASON_IP_MARTIAN;
	if (address_equal(&p->src, &p->dst))
		return CORDON_REASON_IP_SELF;
	if (p->proto == 44) {
		parse_hidden6(p, c);
		return CORDON_REASON_FRAGMENT;
	}
	if (p->proto != 0) {
		if (!ipv6_is_extension(p->proto))
			return CORDON_REASON_NONE;
		parse_hidden6(p, c);
		return CORDON_REASON_EXT_HEADER;
	}

	/* RFC 3810 5: MLD carries one hop-by-hop header with Router Alert, and hop limit 1; nothing else may. */
	alert = c->pos;
	if ((void *)(alert + 1) > c->end || *alert != bpf_cpu_to_be64(0x3a00050200000100ULL) || ip->hop_limit != 1) {
		parse_hidden6(p, c);
		return CORDON_REASON_EXT_HEADER;
	}
	c->pos = alert + 1;
	p->proto = IPPROTO_ICMPV6;
	p->router_alert = 1;
	p->header_length += 8;
	return CORDON_REASON_NONE;
}

static __always_inline enum cordon_reason parse_tcp(struct packet *p, struct cursor *c, __u32 room)
{
	struct tcphdr *tcp = take(c, sizeof(*tcp));
	__u8 f;

	if (!tcp || room < sizeof(*tcp) || tcp->doff < 5 || tcp->doff * 4 > room)
		return CORDON_REASON_L4_MALFORMED;
	p->sport = bpf_ntohs(tcp->source);
	p->dport = bpf_ntohs(tcp->dest);
	p->header_length += tcp->doff * 4;
	p->tcp_flags = f = ((__u8 *)tcp)[13];
	if (!p->sport || !p->dport)
		return CORDON_REASON_L4_PORT;
	f &= 0x3f; /* without ECN */
	if (!(f & 0x16) /* none of SYN, RST, ACK */ || (f & 0x03) == 0x03 /* SYN FIN */ || (f & 0x06) == 0x06 /* SYN RST */ ||
	    (f & 0x05) == 0x05 /* FIN RST */)
		return CORDON_REASON_TCP_FLAGS;
	return CORDON_REASON_NONE;
}

/* RFC 2131 3: without it the rest is BOOTP's vendor area, or anything. At TC so much is not in linear memory, and the gateway's own. */
static __always_inline bool has_dhcp_cookie(const struct packet *p, struct cursor *c)
{
	struct {
		__u8 sname_to_file[192];
		__be32 cookie;
	} *rest = p->dir == CORDON_DIR_FROM_DEVICE ? take(c, sizeof(*rest)) : NULL;

	return p->dir != CORDON_DIR_FROM_DEVICE || (rest && rest->cookie == bpf_htonl(0x63825363));
}

static __always_inline void parse_dhcp4(struct packet *p, struct cursor *c, __u32 room)
{
	struct {
		__u8 op, htype, hlen, hops;
		__u8 xid_to_siaddr[20];
		__be32 giaddr;
		__u8 chaddr[16];
	} *dhcp = take(c, sizeof(*dhcp));

	if (!dhcp || room < 240 || !has_dhcp_cookie(p, c))
		return;
	__builtin_memcpy(p->dhcp.chaddr, dhcp->chaddr, 6);
	p->dhcp.op = dhcp->op;
	p->dhcp.well_formed = dhcp->htype == 1 && dhcp->hlen == 6 && !dhcp->giaddr;
}

static __always_inline void parse_dhcp6(struct packet *p, struct cursor *c, __u32 room)
{
	__u8 *type = take(c, 4);

	if (!type || room < 4)
		return;
	p->dhcp.op = *type;
	p->dhcp.well_formed = 1;
}

static __always_inline enum cordon_reason parse_udp(struct packet *p, struct cursor *c, __u32 room)
{
	struct udphdr *udp = take(c, sizeof(*udp));

	if (!udp || room < sizeof(*udp))
		return CORDON_REASON_L4_MALFORMED;
	p->sport = bpf_ntohs(udp->source);
	p->dport = bpf_ntohs(udp->dest);
	p->header_length += sizeof(*udp);
	/* A UDP GSO packet may say the length of one segment or of all. */
	if (bpf_ntohs(udp->len) < sizeof(*udp) || bpf_ntohs(udp->len) > room || (p->segments == 1 && bpf_ntohs(udp->len) != room))
		return CORDON_REASON_L4_MALFORMED;
	if (!p->sport || !p->dport)
		return CORDON_REASON_L4_PORT;
	if (p->ip == 6 && !udp->check)
		return CORDON_REASON_UDP_CHECKSUM;
	if (p->ip == 4 && (p->dport == 67 || p->dport == 68 || p->sport == 67))
		parse_dhcp4(p, c, room - sizeof(*udp));
	else if (p->ip == 6 && (p->dport == 547 || p->dport == 546 || p->sport == 547))
		parse_dhcp6(p, c, room - sizeof(*udp));
	return CORDON_REASON_NONE;
}

static __always_inline enum cordon_reason parse_sctp(struct packet *p, struct cursor *c, __u32 room)
{
	struct sctphdr *sctp = take(c, sizeof(*sctp));

	if (!sctp || room < sizeof(*sctp))
		return CORDON_REASON_L4_MALFORMED;
	p->sport = bpf_ntohs(sctp->source);
	p->dport = bpf_ntohs(sctp->dest);
	p->header_length += sizeof(*sctp);
	return p->sport && p->dport ? CORDON_REASON_NONE : CORDON_REASON_L4_PORT;
}

/*
 * The head of the packet that an ICMP error is about: addresses and the eight bytes behind them (RFC 792, RFC 4443 3). `room`: what
 * the error's own length leaves for it; what stands behind that is padding, and no receiver reads it.
 */
static __always_inline void parse_inner(struct packet *p, struct cursor *c, __u32 room)
{
	struct {
		__be16 a, b, c, d;
	} *l4;

	if (room < (p->ip == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + sizeof(*l4))
		return;
	if (p->ip == 4) {
		struct iphdr *ip = take(c, sizeof(*ip));

		if (!ip || ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(0x3fff)))
			return;
		address_from_v4(&p->inner.src, ip->saddr);
		address_from_v4(&p->inner.dst, ip->daddr);
		p->inner.proto = ip->protocol;
	} else {
		struct ipv6hdr *ip = take(c, sizeof(*ip));

		if (!ip || ip->version != 6)
			return;
		__builtin_memcpy(&p->inner.src, &ip->saddr, 16);
		__builtin_memcpy(&p->inner.dst, &ip->daddr, 16);
		p->inner.proto = ip->nexthdr;
	}
	l4 = take(c, sizeof(*l4));
	if (!l4)
		return;
	if (p->inner.proto == IPPROTO_TCP || p->inner.proto == IPPROTO_UDP || p->inner.proto == IPPROTO_SCTP) {
		p->inner.sport = bpf_ntohs(l4->a);
		p->inner.dport = bpf_ntohs(l4->b);
	}
	p->inner.icmp_type = *(__u8 *)l4;
	p->inner.icmp_id = bpf_ntohs(l4->c);
	p->has_inner = 1;
}

/* ND options (RFC 4861 4.6): at most eight, none of length 0, none beyond the packet. */
static __always_inline bool parse_nd_options(struct packet *p, struct cursor *c, __u32 room)
{
	for (int i = 0; i < 8; i++) {
		__u8 *option;
		__u32 size;

		if (!room)
			return true;
		option = c->pos;
		if (room < 8 || (void *)(option + 8) > c->end)
			return false;
		size = (__u32)option[1] * 8;
		if (!size || size > room)
			return false;
		if (option[0] == 1 || option[0] == 2) {
			bool second = p->nd.has_lladdr;

			if (size != 8)
				return false;
			p->nd.has_lladdr = 1;
			p->nd.foreign_lladdr |= !mac_equal(option + 2, p->src_mac); /* also in a second one: hosts take the last */
			if (second)
				return false;
		}
		room -= size;
		c->pos = option + size;
		cursor_rejoin(p, c);
	}
	return !room;
}

static __always_inline bool address_is_solicited_node(const __u8 *a)
{
	const __u32 *x = (const __u32 *)a;

	return x[0] == bpf_htonl(0xff020000) && !x[1] && x[2] == bpf_htonl(1) && a[12] == 0xff;
}

/* MLDv2 report: at most eight records without sources (RFC 3810 5.2); all of them solicited-node groups? */
static __always_inline void parse_mld2(struct packet *p, struct cursor *c, __u32 room, __u32 records)
{
	if (!records || records > 8 || room < 8 + 20 * records || !p->router_alert)
		return;
	for (int i = 0; i < 8; i++) {
		__u8 *record;

		if ((__u32)i == records)
			break;
		record = take(c, 20);
		if (!record || record[1] || record[2] || record[3] || !address_is_solicited_node(record + 4))
			return;
	}
	p->nd.own_groups = 1;
}

static __always_inline void parse_icmp6_detail(struct packet *p, struct cursor *c, __u32 room, __u8 hop_limit, __u16 records)
{
	switch (p->icmp_type) {
	case 133: /* router solicitation */
		p->nd.well_formed = hop_limit == 255 && !p->icmp_code && parse_nd_options(p, c, room - 8);
		return;
	case 135:
	case 136: { /* neighbour solicitation, advertisement */
		void *target = take(c, 16);

		if (!target || room < 24)
			return;
		__builtin_memcpy(&p->nd.target, target, 16);
		p->nd.well_formed = hop_limit == 255 && !p->icmp_code && p->nd.target.byte[0] != 0xff && parse_nd_options(p, c, room - 24);
		return;
	}
	case 131:
	case 132: { /* MLDv1 report, done */
		void *group = take(c, 16);

		p->nd.own_groups = group && room >= 24 && p->router_alert && address_is_solicited_node(group);
		return;
	}
	case 143:
		parse_mld2(p, c, room, records);
		return;
	}
}

static __always_inline bool icmp_is_error(const struct packet *p)
{
	if (p->ip == 4)
		return p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12;
	return p->icmp_type >= 1 && p->icmp_type <= 4;
}

static __always_inline enum cordon_reason parse_icmp(struct packet *p, struct cursor *c, __u32 room, __u8 hop_limit)
{
	struct {
		__u8 type, code;
		__be16 sum, id, seq;
	} *icmp = take(c, sizeof(*icmp));

	if (!icmp || room < sizeof(*icmp))
		return CORDON_REASON_L4_MALFORMED;
	p->icmp_type = icmp->type;
	p->icmp_code = icmp->code;
	p->icmp_id = bpf_ntohs(icmp->id);
	p->header_length += sizeof(*icmp);
	if (p->router_alert && icmp->type != 130 && icmp->type != 131 && icmp->type != 132 && icmp->type != 143)
		return CORDON_REASON_EXT_HEADER;
	if (icmp_is_error(p))
		parse_inner(p, c, room - sizeof(*icmp));
	else if (p->ip == 6)
		parse_icmp6_detail(p, c, room, hop_limit, bpf_ntohs(icmp->seq));
	return CORDON_REASON_NONE;
}

/* RFC 2236 2, RFC 3376 4.1: a query has type 0x11 and eight bytes at least. */
static __always_inline void parse_igmp(struct packet *p, struct cursor *c, __u8 ttl)
{
	__u8 *type = take(c, 8);

	p->igmp.is_query = p->ip == 4 && ttl == 1 && p->net_length >= p->header_length + 8 && type && *type == 0x11;
}

static __always_inline enum cordon_reason parse_transport(struct packet *p, struct cursor *c, __u8 hop_limit)
{
	__u32 room = p->net_length - p->header_length;

	switch (p->proto) {
	case IPPROTO_TCP:
		return parse_tcp(p, c, room);
	case IPPROTO_UDP:
		return parse_udp(p, c, room);
	case IPPROTO_SCTP:
		return parse_sctp(p, c, room);
	case IPPROTO_ICMP:
		return p->ip == 4 ? parse_icmp(p, c, room, hop_limit) : CORDON_REASON_PROTOCOL;
	case IPPROTO_ICMPV6:
		return p->ip == 6 ? parse_icmp(p, c, room, hop_limit) : CORDON_REASON_PROTOCOL;
	}
	return CORDON_REASON_NONE;
}

/* EAPOL (IEEE 802.1X-2020 11.3): version 1 and up, packet, start or logoff, length inside the frame. */
static __always_inline void parse_eapol(struct packet *p, struct cursor *c, __u32 room)
{
	struct {
		__u8 version, type;
		__be16 length;
	} *eapol = take(c, sizeof(*eapol));

	if (!eapol)
		return;
	p->eapol_well_formed = eapol->version >= 1 && eapol->type <= 2 && bpf_ntohs(eapol->length) + sizeof(*eapol) <= room;
}

/* The whole frame. `c` spans what is in linear memory; p->length is all of it. Behind a tag too many others' addresses are looked for, too. */
static __always_inline void parse_frame(struct packet *p, struct cursor *c)
{
	__u8 hop_limit = 0;
	__u32 room;

	parse_link(p, c);
	if (p->link_fault != CORDON_REASON_NONE && p->link_fault != CORDON_REASON_VLAN)
		return;
	cursor_rejoin(p, c);
	room = p->length - sizeof(struct ethhdr) - p->tags * sizeof(struct vlan_hdr);
	switch (p->ethertype) {
	case ETH_P_ARP:
		parse_arp(p, c);
		return;
	case ETH_P_IP: {
		struct iphdr *ip = c->pos;

		if ((void *)(ip + 1) <= c->end)
			hop_limit = ip->ttl;
		p->net_fault = parse_ipv4(p, c, room);
		break;
	}
	case ETH_P_IPV6: {
		struct ipv6hdr *ip = c->pos;

		if ((void *)(ip + 1) <= c->end)
			hop_limit = ip->hop_limit;
		p->net_fault = parse_ipv6(p, c, room);
		break;
	}
	case ETH_P_PAE:
		parse_eapol(p, c, room);
		return;
	default:
		if (p->link_fault == CORDON_REASON_NONE)
			p->link_fault = CORDON_REASON_ETHERTYPE;
		return;
	}
	if (p->net_fault != CORDON_REASON_NONE)
		return;
	cursor_rejoin(p, c);
	if (p->proto == IPPROTO_IGMP) {
		parse_igmp(p, c, hop_limit);
		return;
	}
	p->trans_fault = parse_transport(p, c, hop_limit);
}

#endif
