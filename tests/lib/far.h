/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a network namespace of one's own (small_namespace()).
 * Out: two ports under a bridge, what is sent into each from beyond it, and what a capture beyond each sees come out. No offload
 *      joins or splits a frame.
 * Never: a judgement.
 */
#ifndef CORDON_TESTS_FAR_H
#define CORDON_TESTS_FAR_H

#include <stdint.h>

struct far_end {
	uint32_t ifindex; /* of the port */
	int fd;
	struct pcap *capture;
};

/* Ports pa and pb, pa_far and pb_far beyond them; ends[0] and [1]. */
void far_make(struct far_end ends[2]);
void far_done(struct far_end ends[2]);

/* Out of the far end, into the port; dies if not all are taken. */
struct far_frame {
	uint8_t bytes[256];
	uint32_t size;
};
void far_send(const struct far_end *end, const struct far_frame *frames, unsigned int n);
/* Hands on what has come out of the port since the last call; returns how many frames that were. */
int far_heard(struct far_end *end, void (*each)(void *ctx, const uint8_t *bytes, uint32_t size), void *ctx);
/* Frames that the capture missed because nobody fetched them in time. */
uint64_t far_missed(const struct far_end *end);

/* An IPv4 UDP datagram of `length` bytes from the IP header up, 36 at least, with `number` as its first eight bytes. */
void far_udp(struct far_frame *frame, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
	     uint16_t length, uint64_t number);

#endif
