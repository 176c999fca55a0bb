/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the row of a device with DEVICE_LIMITED, and what it wants to pass or begin.
 * Out: NONE, and it is taken off; or which limit it is over, and nothing is taken off.
 * Never: a lock, or an atomic a frame.
 *
 * Every CPU has a share of its own, spent with plain arithmetic: programs of one CPU never interrupt each other. An empty share
 * borrows a 64th of a second's worth from the device's bucket, so what CPUs hold unspent is at most that each, once: over time the
 * device has its rate, on however many CPUs its frames arrive.
 */
#ifndef CORDON_BPF_LIMIT_H
#define CORDON_BPF_LIMIT_H

#include "device.h"

#define LIMIT_LOANS 64       /* a second, and a CPU */
#define LIMIT_FULL_FRAME 1514
#define LIMIT_BURSTS 10      /* a second */
#define LIMIT_TICK 1000000LL /* a bucket is filled at most each millisecond: over the limit, frames only read it */

static __always_inline __u64 at_least(__u64 value, __u64 least)
{
	return value < least ? least : value;
}

/* Adds what `since` ns bring. Takes off what is over the burst of a rate that was lowered; without a rate it stays full. */
static __always_inline void bucket_fill(__s64 *bucket, __u64 per_s, __u64 burst, __u64 since)
{
	__s64 more = (__s64)(burst * LIMIT_TOKEN) - READ_ONCE(*bucket);

	if (per_s && more > 0 && since < (__u64)more / per_s)
		more = (__s64)(per_s * since);
	__sync_fetch_and_add(bucket, more);
}

/* The one that moves `last` fills for that time. */
static __always_inline void limit_fill(struct limit *limit, __u64 now)
{
	__u64 last = READ_ONCE(limit->last), since = now - last;
	__u64 bytes = READ_ONCE(limit->bytes_per_s);
	__u32 packets = READ_ONCE(limit->packets_per_s), flows = READ_ONCE(limit->new_flows_per_s);

	if ((__s64)since < LIMIT_TICK || __sync_val_compare_and_swap(&limit->last, last, now) != last)
		return;
	bucket_fill(&limit->bytes, bytes, at_least(bytes / LIMIT_BURSTS, LIMIT_BURST_BYTES), since);
	bucket_fill(&limit->packets, packets, at_least(packets / LIMIT_BURSTS, LIMIT_BURST_PACKETS), since);
	bucket_fill(&limit->new_flows, flows, at_least(flows, 1), since);
}

/*
 * Makes the share hold at least `need`. A bucket that is not empty lends more than it has, for a GSO packet may be larger than any
 * burst, and CPUs may find it at the same time; the debt is paid before anything else is lent.
 */
static __always_inline bool share_borrow(__s64 *share, __s64 need, struct limit *limit, __s64 *bucket, __s64 loan, __u64 now)
{
	if (*share > loan) /* of a rate that was lowered, or of the row's last owner */
		*share = loan;
	if (*share >= need)
		return true;
	limit_fill(limit, now);
	if (READ_ONCE(*bucket) <= 0)
		return false;
	if (loan < need - *share)
		loan = need - *share;
	__sync_fetch_and_sub(bucket, loan * LIMIT_TOKEN);
	*share += loan;
	return true;
}

/* One frame (a GSO packet: its frames together) that nothing else stops, once at each port that it crosses. */
static __always_inline enum cordon_reason limit_take(__u32 device_row, __u32 frames, __u64 bytes, __u64 now)
{
	struct limit *limit = bpf_map_lookup_elem(&limits, &device_row);
	struct limit_share *share = bpf_map_lookup_elem(&limit_shares, &device_row);
	__u64 bytes_per_s;
	__u32 packets_per_s;

	if (!limit || !share)
		return CORDON_REASON_INTERNAL;
	bytes_per_s = READ_ONCE(limit->bytes_per_s);
	packets_per_s = READ_ONCE(limit->packets_per_s);
	if (bytes_per_s &&
	    !share_borrow(&share->bytes, bytes, limit, &limit->bytes, at_least(bytes_per_s / LIMIT_LOANS, LIMIT_FULL_FRAME), now))
		return CORDON_REASON_RATE;
	if (packets_per_s && !share_borrow(&share->packets, frames, limit, &limit->packets, at_least(packets_per_s / LIMIT_LOANS, 1), now))
		return CORDON_REASON_PACKET_RATE;
	if (bytes_per_s)
		share->bytes -= bytes;
	if (packets_per_s)
		share->packets -= frames;
	return CORDON_REASON_NONE;
}

/* What the limits of the device whose port this is say of the packet. Taken off when first asked, by whoever asks first. */
__noinline enum cordon_reason packet_over_limit(struct packet *p)
{
	enum cordon_reason over = CORDON_REASON_NONE;
	struct device *device;

	if (!p)
		return CORDON_REASON_INTERNAL;
	if (p->limit_said)
		return p->limit_said - 1;
	device = p->device >= CORDON_DEVICE_FIRST ? device_row(p->device) : NULL;
	if (device && READ_ONCE(device->flags) & DEVICE_LIMITED)
		over = limit_take(p->device, p->segments, packet_traffic(p).bytes, p->now);
	p->limit_said = 1 + over;
	return over;
}

/* A flow that policy allows and that begins now; its initiator's row, which may be no device, or one without limits. */
static __always_inline enum cordon_reason limit_take_new_flow(__u32 device_row_number, __u64 now)
{
	struct device *device = device_row_number >= CORDON_DEVICE_FIRST ? device_row(device_row_number) : NULL;
	struct limit *limit;

	if (!device || !(READ_ONCE(device->flags) & DEVICE_LIMITED))
		return CORDON_REASON_NONE;
	limit = bpf_map_lookup_elem(&limits, &device_row_number);
	if (!limit)
		return CORDON_REASON_INTERNAL;
	if (!READ_ONCE(limit->new_flows_per_s))
		return CORDON_REASON_NONE;
	limit_fill(limit, now);
	if (READ_ONCE(limit->new_flows) < LIMIT_TOKEN)
		return CORDON_REASON_NEW_FLOW_RATE;
	__sync_fetch_and_sub(&limit->new_flows, LIMIT_TOKEN);
	return CORDON_REASON_NONE;
}

#endif
