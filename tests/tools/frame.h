/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  words of a command line (frame_words.c), or a struct spec filled by hand.
 * Out: the bytes of one Ethernet frame (frame_build.c).
 * Never: a socket; frame.c sends and watches.
 *
 * Checksums and lengths are right unless an option says otherwise: the tests want to be wrong in exactly one place.
 */
#ifndef CORDON_TESTS_FRAME_H
#define CORDON_TESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 1514
#define DATA_MAX 1480

enum { EXIT_USAGE = 2, EXIT_MISSED = 3 };

struct bytes {
	uint8_t data[DATA_MAX];
	size_t len;
};

struct address {
	int family; /* AF_INET, AF_INET6, or 0: not given */
	uint8_t bytes[16];
};

/* All that words can say of a frame; numbers in host byte order. What was not given keeps the default of spec_init(). */
struct spec {
	const char *kind;
	uint8_t src_mac[6], dst_mac[6];
	uint8_t arp_src_mac[6]; /* what ARP, ND and DHCP say inside; default: src_mac */
	bool have_dst_mac, have_arp_src_mac;
	struct address src, dst, target;
	long vlan, vlan2, ethertype, ttl, sport, dport, seq, ack, type, code, id, proto, fragment, more, count, pad;
	bool bad_checksum, no_checksum;
	const char *flags, *name, *port, *dir, *in_port, *expect;
	struct bytes data, options;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

struct kind {
	const char *name;
	void (*build)(struct frame *f, const struct spec *s);
	long ttl;
	const char *help;
};

extern const struct kind frame_kinds[];
extern const size_t frame_n_kinds;

/* KIND and its options, up to the NULL that ends argv. Ends the program with a message if they make no sense. */
void frame_parse(struct frame *f, struct spec *s, char **argv);
void frame_print_options(void);
long frame_number(const char *text);
_Noreturn void frame_fail(int status, const char *what, const char *value);

#endif
