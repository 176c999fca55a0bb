/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  nothing.
 * Out: what the programs of the wire benchmark and their user space agree on.
 * Never: anything of cordon's own.
 */
#ifndef CORDON_BENCH_WIRE_SHARED_H
#define CORDON_BENCH_WIRE_SHARED_H

#define WIRE_FRAME_SIZE 60 /* the smallest of Ethernet, without its check sequence */
#define WIRE_MAX_FRAMES 131072
#define WIRE_MAX_LANES 64

struct wire_frame {
	unsigned char bytes[64]; /* WIRE_FRAME_SIZE of them are sent; a line of the processor's cache */
};

#endif
