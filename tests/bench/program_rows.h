/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  devices of a world, how many flows, in which shape; a seed.
 * Out: a row a flow, sequences of rows in which packets come, the frame in which everything else stands.
 * Never: the kernel.
 */
#ifndef CORDON_BENCH_PROGRAM_ROWS_H
#define CORDON_BENCH_PROGRAM_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "program.h"

enum shape {
	SHAPE_DEVICES, /* as many devices as there are, few flows each */
	SHAPE_PORTS,   /* 16 devices, many ports each */
	SHAPE_COUNT,
};
extern const char *const shape_names[SHAPE_COUNT];

enum order {
	ORDER_UNIFORM,
	ORDER_ZIPF, /* s = 1.0: the flow of rank r comes with a weight of 1/r */
	ORDER_ONCE, /* each flow once, shuffled */
	ORDER_COUNT,
};
extern const char *const order_names[ORDER_COUNT];

struct flows_plan {
	uint32_t n_devices;
	uint32_t n;       /* flows in all */
	enum shape shape;
	bool to_device;   /* the peer is another device, else an address of the cloud */
	uint64_t seed;
};

/* Flows first..first+count of the plan, which may reach beyond its n: more of the same kind, none twice. */
int flows_make(const struct flows_plan *plan, uint32_t first, uint32_t count, struct bench_row *ret);
/* The other way round, for peers that are devices. */
void flow_turn(const struct bench_row *row, uint32_t peer_device, struct bench_row *ret);
uint32_t flow_device(const struct bench_row *row);

/* `count` packets of n flows. */
int order_make(enum order order, const struct bench_row *flows, uint32_t n, uint64_t seed, struct bench_row *ret, uint32_t count);

/* From another device's address; by a MAC and an address that nobody has; to another port. */
void row_spoof(struct bench_row *row, uint32_t n_devices);
void row_stranger(struct bench_row *row, uint32_t n_devices);
void row_retarget(struct bench_row *row, uint16_t port);

#define FRAME_SIZE 74
#define TCP_SYN 0x02
#define TCP_ACK 0x10
/* Ethernet, IPv4 or IPv6, TCP, from a device to the cloud, or the answer. Returns its size. */
uint32_t frame_make(uint8_t ret[FRAME_SIZE], int family, uint8_t tcp_flags, bool answer);

#endif
