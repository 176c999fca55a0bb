/* SPDX-License-Identifier: Apache-2.0 */
/* A spec becomes bytes: one builder for each kind of frame. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

#include "frame.h"

static void put(struct frame *f, const void *data, size_t len)
{
	if (f->len + len > sizeof(f->bytes))
		frame_fail(EXIT_USAGE, "the frame does not fit 1514 bytes", NULL);
	memcpy(f->bytes + f->len, data, len);
	f->len += len;
}

static void put_16(struct frame *f, uint16_t value)
{
	put(f, &(uint16_t){htons(value)}, 2);
}

static void put_bytes(struct bytes *b, const void *data, size_t len)
{
	if (b->len + len > sizeof(b->data))
		frame_fail(EXIT_USAGE, "too much payload", NULL);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static uint32_t sum(uint32_t start, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		start += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return htons((uint16_t)~value);
}

static uint16_t transport_checksum(const struct spec *s, uint8_t proto, const void *data, size_t len)
{
	size_t width = s->src.family == AF_INET6 ? 16 : 4;
	uint32_t start = proto + (uint32_t)len;
	uint16_t result;

	if (s->no_checksum)
		return 0;
	if (proto == IPPROTO_ICMP)
		return fold(sum(0, data, len));
	result = fold(sum(sum(sum(start, s->src.bytes, width), s->dst.bytes, width), data, len));
	return result ? result : 0xffff;
}

static void put_ethernet(struct frame *f, const struct spec *s, uint16_t ethertype)
{
	put(f, s->dst_mac, 6);
	put(f, s->src_mac, 6);
	for (int i = 0; i < 2; i++) {
		long vid = i ? s->vlan2 : s->vlan;

		if (vid < 0)
			continue;
		put_16(f, !i && s->vlan2 >= 0 ? 0x88a8 : ETHERTYPE_VLAN);
		put_16(f, (uint16_t)vid);
	}
	put_16(f, ethertype);
}

static void put_ipv4(struct frame *f, const struct spec *s, uint8_t proto, const struct bytes *l4)
{
	struct iphdr ip = {.version = 4, .ihl = (unsigned)(5 + s->options.len / 4) & 15, .ttl = (uint8_t)s->ttl, .protocol = proto,
	                   .id = htons((uint16_t)s->id)};
	uint32_t total;

	ip.tot_len = htons((uint16_t)(sizeof(ip) + s->options.len + l4->len));
	ip.frag_off = htons((uint16_t)(s->fragment / 8 | (s->more ? IP_MF : 0)));
	memcpy(&ip.saddr, s->src.bytes, 4);
	memcpy(&ip.daddr, s->dst.bytes, 4);
	total = sum(sum(0, &ip, sizeof(ip)), s->options.data, s->options.len);
	ip.check = fold(total + (s->bad_checksum ? 1 : 0));
	put_ethernet(f, s, ETHERTYPE_IP);
	put(f, &ip, sizeof(ip));
	put(f, s->options.data, s->options.len);
	put(f, l4->data, l4->len);
}

static void put_ipv6(struct frame *f, const struct spec *s, uint8_t proto, const struct bytes *l4)
{
	struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28), .ip6_hlim = (uint8_t)s->ttl, .ip6_nxt = proto};
	struct ip6_frag frag = {.ip6f_nxt = proto, .ip6f_ident = htonl((uint32_t)s->id)};
	bool fragment = s->fragment || s->more;

	if (fragment)
		ip.ip6_nxt = IPPROTO_FRAGMENT;
	frag.ip6f_offlg = htons((uint16_t)((s->fragment & 0xfff8) | (s->more ? 1 : 0)));
	ip.ip6_plen = htons((uint16_t)(l4->len + (fragment ? sizeof(frag) : 0)));
	memcpy(&ip.ip6_src, s->src.bytes, 16);
	memcpy(&ip.ip6_dst, s->dst.bytes, 16);
	put_ethernet(f, s, ETHERTYPE_IPV6);
	put(f, &ip, sizeof(ip));
	if (fragment)
		put(f, &frag, sizeof(frag));
	put(f, l4->data, l4->len);
}

static void put_ip(struct frame *f, const struct spec *s, uint8_t proto, const struct bytes *l4)
{
	if (!s->src.family || s->src.family != s->dst.family)
		frame_fail(EXIT_USAGE, "needs --src and --dst of one family", s->kind);
	(s->src.family == AF_INET6 ? put_ipv6 : put_ipv4)(f, s, proto, l4);
}

/* The kinds. */

static void build_arp(struct frame *f, const struct spec *s)
{
	bool reply = !strcmp(s->kind, "arp-reply");

	if (s->src.family != AF_INET || s->dst.family != AF_INET)
		frame_fail(EXIT_USAGE, "needs an IPv4 --src and --dst", s->kind);
	put_ethernet(f, s, ETHERTYPE_ARP);
	put_16(f, ARPHRD_ETHER);
	put_16(f, ETHERTYPE_IP);
	put(f, (uint8_t[]){6, 4}, 2);
	put_16(f, reply ? ARPOP_REPLY : ARPOP_REQUEST);
	put(f, s->arp_src_mac, 6);
	put(f, s->src.bytes, 4);
	put(f, reply ? s->dst_mac : (const uint8_t[6]){0}, 6);
	put(f, s->dst.bytes, 4);
}

static void build_udp(struct frame *f, const struct spec *s)
{
	struct udphdr udp = {.source = htons((uint16_t)s->sport), .dest = htons((uint16_t)s->dport)};
	struct bytes l4 = {0};

	udp.len = htons((uint16_t)(sizeof(udp) + s->data.len));
	put_bytes(&l4, &udp, sizeof(udp));
	put_bytes(&l4, s->data.data, s->data.len);
	udp.check = transport_checksum(s, IPPROTO_UDP, l4.data, l4.len);
	memcpy(l4.data, &udp, sizeof(udp));
	put_ip(f, s, IPPROTO_UDP, &l4);
}

static void build_tcp(struct frame *f, const struct spec *s)
{
	static const char letters[] = "FSRPAUEC";
	uint8_t tcp[20] = {[12] = 5 << 4, [14] = 0xff, [15] = 0xff};
	struct bytes l4 = {0};
	uint16_t check;

	memcpy(tcp, &(uint16_t[]){htons((uint16_t)s->sport), htons((uint16_t)s->dport)}, 4);
	memcpy(tcp + 4, &(uint32_t[]){htonl((uint32_t)s->seq), htonl((uint32_t)s->ack)}, 8);
	for (const char *c = s->flags; *c; c++) {
		const char *at = strchr(letters, *c);

		if (!at)
			frame_fail(EXIT_USAGE, "TCP flags are letters of FSRPAUEC", s->flags);
		tcp[13] |= (uint8_t)(1 << (at - letters));
	}
	put_bytes(&l4, tcp, sizeof(tcp));
	put_bytes(&l4, s->data.data, s->data.len);
	check = transport_checksum(s, IPPROTO_TCP, l4.data, l4.len);
	memcpy(l4.data + 16, &check, 2);
	put_ip(f, s, IPPROTO_TCP, &l4);
}

/* ICMP and ICMPv6: type, code, checksum, then `body`. */
static void put_icmp(struct frame *f, const struct spec *s, uint8_t proto, uint8_t type, const struct bytes *body)
{
	struct bytes l4 = {.data = {type, (uint8_t)s->code}, .len = 4};
	uint16_t check;

	put_bytes(&l4, body->data, body->len);
	check = transport_checksum(s, proto, l4.data, l4.len);
	memcpy(l4.data + 2, &check, 2);
	put_ip(f, s, proto, &l4);
}

static void build_icmp(struct frame *f, const struct spec *s)
{
	bool six = !strcmp(s->kind, "icmp6");
	long type = s->type >= 0 ? s->type : six ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	struct bytes body = {0};

	put_bytes(&body, &(uint16_t[]){htons((uint16_t)s->id), htons((uint16_t)s->seq)}, 4);
	put_bytes(&body, s->data.data, s->data.len);
	put_icmp(f, s, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP, (uint8_t)type, &body);
}

static void put_nd_option(struct bytes *body, uint8_t type, const uint8_t mac[6])
{
	put_bytes(body, (uint8_t[]){type, 1}, 2);
	put_bytes(body, mac, 6);
}

static void build_nd(struct frame *f, const struct spec *s)
{
	bool advert = !strcmp(s->kind, "ndp-na");
	struct bytes body = {.data = {advert ? 0x60 : 0}, .len = 4}; /* solicited, override */

	if (s->target.family != AF_INET6)
		frame_fail(EXIT_USAGE, "needs an IPv6 --target", s->kind);
	put_bytes(&body, s->target.bytes, 16);
	put_nd_option(&body, advert ? ND_OPT_TARGET_LINKADDR : ND_OPT_SOURCE_LINKADDR, s->arp_src_mac);
	put_icmp(f, s, IPPROTO_ICMPV6, advert ? ND_NEIGHBOR_ADVERT : ND_NEIGHBOR_SOLICIT, &body);
}

/* A router that wants to be everybody's default: lifetime 1800 s. */
static void build_ra(struct frame *f, const struct spec *s)
{
	struct bytes body = {.data = {64, 0, 0x07, 0x08}, .len = 12};

	put_nd_option(&body, ND_OPT_SOURCE_LINKADDR, s->arp_src_mac);
	put_icmp(f, s, IPPROTO_ICMPV6, ND_ROUTER_ADVERT, &body);
}

/* An offer to --dst-mac of the address --target, or a client's discover for --arp-src-mac. */
static void build_dhcp(struct frame *f, const struct spec *s)
{
	bool server = !strcmp(s->kind, "dhcp-server");
	struct spec d = *s;
	uint8_t bootp[236] = {server ? 2 : 1, 1, 6};

	memcpy(bootp + 4, &(uint32_t){htonl((uint32_t)s->id)}, 4);
	memcpy(bootp + 16, s->target.bytes, server ? 4 : 0);
	memcpy(bootp + 28, server ? s->dst_mac : s->arp_src_mac, 6);
	d.data = (struct bytes){0};
	put_bytes(&d.data, bootp, sizeof(bootp));
	put_bytes(&d.data, (uint8_t[]){99, 130, 83, 99, 53, 1, server ? 2 : 1}, 7);
	if (server) {
		put_bytes(&d.data, (uint8_t[]){54, 4}, 2);
		put_bytes(&d.data, s->src.bytes, 4);
		put_bytes(&d.data, (uint8_t[]){3, 4}, 2);
		put_bytes(&d.data, s->src.bytes, 4);
	}
	put_bytes(&d.data, (uint8_t[]){255}, 1);
	d.sport = server ? 67 : 68;
	d.dport = server ? 68 : 67;
	build_udp(f, &d);
}

static void build_ip(struct frame *f, const struct spec *s)
{
	put_ip(f, s, (uint8_t)s->proto, &s->data);
}

static void build_eth(struct frame *f, const struct spec *s)
{
	put_ethernet(f, s, (uint16_t)s->ethertype);
	put(f, s->data.data, s->data.len);
}

static void build_hex(struct frame *f, const struct spec *s)
{
	put(f, s->data.data, s->data.len);
}

const struct kind frame_kinds[] = {
	{"arp-request", build_arp, 0, "who has --dst, says --src"},
	{"arp-reply", build_arp, 0, "--src is at --arp-src-mac"},
	{"udp", build_udp, 64, "one datagram"},
	{"tcp", build_tcp, 64, "one segment, by default a SYN"},
	{"icmp", build_icmp, 64, "echo request, or --type --code with --data-hex behind id and seq"},
	{"icmp6", build_icmp, 64, "the same for IPv6"},
	{"ndp-ns", build_nd, 255, "who has --target"},
	{"ndp-na", build_nd, 255, "--target is at --arp-src-mac"},
	{"ra", build_ra, 255, "a router advertisement with a default route"},
	{"dhcp-server", build_dhcp, 64, "an offer of --target to --dst-mac"},
	{"dhcp-client", build_dhcp, 64, "a discover"},
	{"ip", build_ip, 64, "--proto with --data-hex behind the IP header"},
	{"eth", build_eth, 0, "--ethertype with --data-hex behind the Ethernet header"},
	{"hex", build_hex, 0, "the whole frame is --data-hex"},
};

const size_t frame_n_kinds = sizeof(frame_kinds) / sizeof(frame_kinds[0]);
