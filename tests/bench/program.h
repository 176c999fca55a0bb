/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  nothing.
 * Out: what program.bpf.c and the bench in user space hand each other.
 * Never: anything that cordon itself needs.
 */
#ifndef CORDON_BENCH_PROGRAM_H
#define CORDON_BENCH_PROGRAM_H

/* What makes one packet different from the next; everything else stands in the frame already. Network order but `slot`. */
struct bench_row {
	__u32 device;   /* last four bytes of the MAC */
	__u32 address;  /* of the device: IPv4, or the last four bytes of IPv6 */
	__u32 peer;     /* likewise */
	__u16 sport;
	__u16 dport;
	__u16 checksum; /* of the IPv4 header */
	__u16 pad;
	__u32 slot;     /* line of "one line" */
};

/* What stands beside them in each frame of a device's, as program_rows.c makes it: of the MACs what does not change, little-endian. */
#define BENCH_MACS_BETWEEN 0x00020100U
#define BENCH_TTL_PROTO 0x0640U
#define BENCH_BY_MAC (1ULL << 32) /* bit of a key of `bench_ends`; the rest are the last four bytes, in network order */

/* One batch: rows first..first+count, in order. */
struct bench_job {
	__u32 first;
	__u32 count;
	__u32 family;     /* 4, 6 */
	__u32 invalidate; /* the flow cache is told before each packet that something changed */
	__u64 ns;         /* out: from before the first packet until after the last */
	__u32 passed;     /* out */
	__u32 hits;       /* out, of bench_hits: packets that needed no more than the flow cache */
};

/* The reference table's key: the last four bytes of both addresses, ports, protocol. */
struct bench_key {
	__u32 address[2];
	__u16 port[2];
	__u32 proto;
};

/* A flow of the references: as large as a line. */
struct bench_line {
	__u64 packets;
	__u64 bytes;
	__u64 verdict;
	__u64 more[5];
};

#endif
