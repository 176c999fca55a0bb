/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site: devices with one MAC and one address each, a server beyond the gateway, one rule: a device may send to the server's
 * UDP port 5000. A frame is allowed; or denied (wrong port, protocol or destination); or has another's or nobody's address; or
 * comes from a MAC that nobody knows. Sound IPv4 all of it: what is malformed, cut into fragments or not IP the contenders
 * treat too differently to be compared.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define ETHERNET 14
#define IP_HEADER 20
#define PROTO_TCP 6
#define PROTO_UDP 17
#define TRANSPORT (WIRE_FRAME_SIZE - ETHERNET - IP_HEADER)
#define TTL 64

const char *const frame_kind_names[FRAME_KINDS] = {"allowed", "denied", "spoofed", "unknown"};

struct flow_spec {
	bool stranger;
	uint32_t sender;
	uint32_t source; /* host order */
	uint32_t destination;
	uint8_t proto;
	uint16_t sport, dport;
	uint16_t id;
};

void mac_bytes(bool stranger, uint32_t number, uint8_t ret[6])
{
	ret[0] = 0x02;
	ret[1] = stranger ? 0x02 : 0x01;
	for (int i = 0; i < 4; i++)
		ret[2 + i] = (uint8_t)(number >> (24 - 8 * i));
}

static struct mac_text mac_of(bool stranger, uint32_t number)
{
	struct mac_text t;
	uint8_t m[6];

	mac_bytes(stranger, number, m);
	snprintf(t.text, sizeof(t.text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return t;
}

struct mac_text device_mac(uint32_t device)
{
	return mac_of(false, device);
}

struct mac_text stranger_mac(uint32_t stranger)
{
	return mac_of(true, stranger);
}

/* 10.1.0.0 and up; strangers have 10.100.0.0 and up, which nobody is given. */
static uint32_t address_of(bool stranger, uint32_t number)
{
	return (stranger ? 0x0a640000 : 0x0a010000) + number;
}

struct ip_text device_ip(uint32_t device)
{
	struct ip_text t;
	struct in_addr a = {.s_addr = htonl(address_of(false, device))};

	inet_ntop(AF_INET, &a, t.text, sizeof(t.text));
	return t;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static uint16_t checksum(const uint8_t *at, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* `addresses` stand right before it, as a checksum wants them. */
static void transport_put(uint8_t *at, const struct flow_spec *f, const uint8_t *addresses)
{
	put16(at, f->sport);
	put16(at + 2, f->dport);
	if (f->proto == PROTO_UDP) { /* no checksum, as RFC 768 allows */
		put16(at + 4, TRANSPORT);
		return;
	}
	at[12] = 5 << 4; /* a SYN without options; the rest is data */
	at[13] = 0x02;
	put16(at + 14, 64240);
	put16(at + 16, checksum(addresses, 8 + TRANSPORT, PROTO_TCP + TRANSPORT));
}

static void frame_make(struct wire_frame *frame, const struct flow_spec *f)
{
	uint8_t *b = frame->bytes, *ip = b + ETHERNET;

	memset(frame, 0, sizeof(*frame));
	memcpy(b, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
	mac_bytes(f->stranger, f->sender, b + 6);
	put16(b + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, WIRE_FRAME_SIZE - ETHERNET);
	put16(ip + 4, f->id);
	ip[8] = TTL;
	ip[9] = f->proto;
	put32(ip + 12, f->source);
	put32(ip + 16, f->destination);
	put16(ip + 10, checksum(ip, IP_HEADER, 0));
	transport_put(ip + IP_HEADER, f, ip + 12);
}

#define SERVER 0xc6120001
#define OTHER_SERVER 0xc6120002

/* `variant` chooses among the ways in which a frame of its kind is as it is; timed runs use 0. */
static struct flow_spec flow_of_kind(enum frame_kind kind, uint32_t sender, uint32_t devices, uint16_t sport, uint32_t variant)
{
	struct flow_spec f = {.stranger = kind == FRAME_UNKNOWN, .sender = sender, .destination = SERVER, .proto = PROTO_UDP, .sport = sport,
			      .dport = SITE_PORT};

	f.source = address_of(f.stranger, sender);
	if (kind == FRAME_DENIED && variant % 3 == 0)
		f.dport = SITE_PORT + 1;
	else if (kind == FRAME_DENIED && variant % 3 == 1)
		f.destination = OTHER_SERVER;
	else if (kind == FRAME_DENIED)
		f.proto = PROTO_TCP;
	if (kind == FRAME_SPOOFED)
		f.source = variant % 2 ? address_of(true, sender) : address_of(false, (sender + 1) % devices);
	if (kind == FRAME_UNKNOWN && variant % 2)
		f.source = address_of(false, sender % devices);
	return f;
}

static void shuffle(struct wire_frame *frames, uint32_t n, uint64_t *seed)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)(random_next(seed) % i);
		struct wire_frame t = frames[i - 1];

		frames[i - 1] = frames[j];
		frames[j] = t;
	}
}

static void *some(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("no memory");
	return p;
}

struct wire_frame *frames_of_kind(enum frame_kind kind, uint32_t devices, uint32_t n, uint64_t seed)
{
	struct wire_frame *frames = some(n, sizeof(*frames));

	for (uint32_t i = 0; i < n; i++) {
		struct flow_spec f = flow_of_kind(kind, i % devices, devices, (uint16_t)(1024 + i / devices), 0);

		frame_make(&frames[i], &f);
	}
	shuffle(frames, n, &seed);
	return frames;
}

struct wire_frame *frames_answers(const struct wire_frame *frames, uint32_t n)
{
	struct wire_frame *answers = some(n, sizeof(*answers));

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *from = frames[i].bytes;
		uint8_t *to = answers[i].bytes;

		memcpy(to, from, WIRE_FRAME_SIZE);
		memcpy(to, (const uint8_t[]){2, 0, 0, 0, 0x99, 0, 2, 0, 0, 0, 0x99, 1}, 12);
		memcpy(to + ETHERNET + 12, from + ETHERNET + 16, 4); /* neither sum changes */
		memcpy(to + ETHERNET + 16, from + ETHERNET + 12, 4);
		memcpy(to + ETHERNET + IP_HEADER, from + ETHERNET + IP_HEADER + 2, 2);
		memcpy(to + ETHERNET + IP_HEADER + 2, from + ETHERNET + IP_HEADER, 2);
	}
	return answers;
}

struct wire_frame *frames_mixed(uint32_t devices, uint32_t n, uint64_t seed, enum frame_kind **ret_kinds)
{
	struct wire_frame *frames = some(n, sizeof(*frames));
	enum frame_kind *kinds = some(n, sizeof(*kinds));

	for (uint32_t i = 0; i < n; i++) {
		uint64_t r = random_next(&seed);
		struct flow_spec f;

		kinds[i] = (enum frame_kind)(r % FRAME_KINDS);
		f = flow_of_kind(kinds[i], (uint32_t)(r >> 32) % devices, devices, (uint16_t)(1024 + (r >> 8) % 8), (uint32_t)(r >> 16) & 0xff);
		f.id = (uint16_t)i;
		frame_make(&frames[i], &f);
	}
	*ret_kinds = kinds;
	return frames;
}
