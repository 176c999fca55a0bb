/* SPDX-License-Identifier: Apache-2.0 */
/* Words become a spec: one table of options. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

_Noreturn void frame_fail(int status, const char *what, const char *value)
{
	fprintf(stderr, "frame: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	exit(status);
}

static void parse_mac(const char *text, void *out)
{
	uint8_t *mac = out;
	char end;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%c", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5, &end) != 6)
		frame_fail(EXIT_USAGE, "not a MAC like 02:00:00:00:00:01", text);
}

static void parse_address(const char *text, void *out)
{
	struct address *a = out;

	a->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a->family, text, a->bytes) != 1)
		frame_fail(EXIT_USAGE, "not an IP address", text);
}

long frame_number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 0);
	if (errno || end == text || *end)
		frame_fail(EXIT_USAGE, "not a number", text);
	return value;
}

static void parse_number(const char *text, void *out)
{
	*(long *)out = frame_number(text);
}

static void parse_word(const char *text, void *out)
{
	if (strpbrk(text, "\"\\"))
		frame_fail(EXIT_USAGE, "no quotes or backslashes here", text);
	*(const char **)out = text;
}

static void parse_text(const char *text, void *out)
{
	struct bytes *b = out;

	b->len = strlen(text);
	if (b->len > sizeof(b->data))
		frame_fail(EXIT_USAGE, "too long", NULL);
	memcpy(b->data, text, b->len);
}

static void parse_hex(const char *text, void *out)
{
	struct bytes *b = out;

	for (b->len = 0; *text; text += 2, b->len++)
		if (b->len == sizeof(b->data) || sscanf(text, "%2hhx", &b->data[b->len]) != 1 || !text[1])
			frame_fail(EXIT_USAGE, "not an even number of hex digits, or too many", text);
}

static void parse_yes(const char *text, void *out)
{
	(void)text;
	*(bool *)out = true;
}

static const struct option {
	const char *name;
	void (*parse)(const char *text, void *out);
	size_t at;
	const char *help;
} options[] = {
#define O(name, parse, field, help) {name, parse, offsetof(struct spec, field), help}
	O("src-mac", parse_mac, src_mac, "Ethernet source"),
	O("dst-mac", parse_mac, dst_mac, "Ethernet destination; default broadcast, or the group of --dst"),
	O("arp-src-mac", parse_mac, arp_src_mac, "the MAC claimed inside ARP, ND and DHCP; default --src-mac"),
	O("src", parse_address, src, "source address; ARP: the sender's"),
	O("dst", parse_address, dst, "destination address; ARP: the target"),
	O("target", parse_address, target, "ND: the target; DHCP: the address offered"),
	O("vlan", parse_number, vlan, "a tag with this VID (0 is a tag too)"),
	O("vlan2", parse_number, vlan2, "a second, inner tag"),
	O("ethertype", parse_number, ethertype, "of kind eth"),
	O("ttl", parse_number, ttl, "TTL or hop limit; default 64, ND 255"),
	O("proto", parse_number, proto, "of kind ip"),
	O("sport", parse_number, sport, "source port"),
	O("dport", parse_number, dport, "destination port"),
	O("flags", parse_word, flags, "TCP: letters of FSRPAUEC; default S"),
	O("seq", parse_number, seq, "TCP sequence number; ICMP echo sequence"),
	O("ack", parse_number, ack, "TCP acknowledgement number"),
	O("type", parse_number, type, "ICMP type; default echo request"),
	O("code", parse_number, code, "ICMP code"),
	O("id", parse_number, id, "IPv4 identification; ICMP echo identifier; DHCP transaction"),
	O("fragment", parse_number, fragment, "fragment offset in bytes (IPv4; IPv6 gets a fragment header)"),
	O("more", parse_number, more, "1: more fragments follow"),
	O("ip-options", parse_hex, options, "IPv4 options as hex, a multiple of four bytes"),
	O("data", parse_text, data, "payload as text"),
	O("data-hex", parse_hex, data, "payload as hex; kind hex: the whole frame"),
	O("bad-checksum", parse_yes, bad_checksum, "IPv4 header checksum off by one"),
	O("no-checksum", parse_yes, no_checksum, "transport checksum 0"),
	O("pad", parse_number, pad, "0: do not pad to 60 bytes"),
	O("count", parse_number, count, "send it so many times"),
	O("name", parse_word, name, "json: its name"),
	O("port", parse_word, port, "json: the port"),
	O("dir", parse_word, dir, "json: from_device (default) or to_device"),
	O("in-port", parse_word, in_port, "json: where a to_device frame came in"),
	O("expect", parse_word, expect, "json: pass or drop"),
#undef O
};

void frame_print_options(void)
{
	for (size_t i = 0; i < COUNT(options); i++)
		fprintf(stderr, "  --%-12s %s\n", options[i].name, options[i].help);
}

/* Without --dst-mac: the MAC of the IPv6 or IPv4 group that --dst is, else broadcast. */
static void spec_fill_dst_mac(struct spec *s)
{
	const uint8_t *a = s->dst.bytes;

	memset(s->dst_mac, 0xff, 6);
	if (s->dst.family == AF_INET6 && a[0] == 0xff)
		memcpy(s->dst_mac, (uint8_t[]){0x33, 0x33, a[12], a[13], a[14], a[15]}, 6);
	else if (s->dst.family == AF_INET && (a[0] & 0xf0) == 0xe0)
		memcpy(s->dst_mac, (uint8_t[]){0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}, 6);
}

static const struct option *option_find(const char *arg)
{
	for (size_t i = 0; !strncmp(arg, "--", 2) && i < COUNT(options); i++)
		if (!strcmp(arg + 2, options[i].name))
			return &options[i];
	frame_fail(EXIT_USAGE, "no such option (frame without arguments lists them)", arg);
}

static void spec_parse(struct spec *s, const struct kind *kind, char **argv)
{
	*s = (struct spec){.kind = kind->name, .ttl = kind->ttl, .vlan = -1, .vlan2 = -1, .type = -1, .count = 1, .pad = 1, .flags = "S",
	                   .sport = 40000, .ethertype = 0x88b5, .proto = 255, .dir = "from_device"};
	for (; *argv; argv++) {
		const struct option *o = option_find(*argv);

		if (o->parse != parse_yes && !*++argv)
			frame_fail(EXIT_USAGE, "needs a value", o->name);
		o->parse(*argv, (char *)s + o->at);
		s->have_dst_mac |= o->at == offsetof(struct spec, dst_mac);
		s->have_arp_src_mac |= o->at == offsetof(struct spec, arp_src_mac);
	}
	if (!s->have_dst_mac)
		spec_fill_dst_mac(s);
	if (!s->have_arp_src_mac)
		memcpy(s->arp_src_mac, s->src_mac, 6);
}

void frame_parse(struct frame *f, struct spec *s, char **argv)
{
	for (size_t i = 0; argv[0] && i < frame_n_kinds; i++) {
		if (strcmp(argv[0], frame_kinds[i].name))
			continue;
		spec_parse(s, &frame_kinds[i], argv + 1);
		*f = (struct frame){0};
		frame_kinds[i].build(f, s);
		if (s->pad && f->len < ETHER_MIN_LEN - ETHER_CRC_LEN)
			f->len = ETHER_MIN_LEN - ETHER_CRC_LEN;
		return;
	}
	frame_fail(EXIT_USAGE, "no such kind of frame (frame without arguments lists them)", argv[0]);
}
