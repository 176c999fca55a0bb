// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0
/*
 * In:  whole frames in a table; which lane is asked.
 * Out: those frames, one after the other, into the lane's veth; the references to compare with; who came through.
 * Never: a verdict of its own.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "wire_shared.h"

#define TCX_NEXT -1
#define TC_ACT_SHOT 2
#define SOURCE_MAC_END 8 /* its last four bytes */
#define IPV4_ID (14 + 4)
#define SOURCE_PORT (14 + 20)
#define WIRE_LINES_BITS 18

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_MAX_FRAMES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct wire_frame);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, WIRE_MAX_LANES);
	__type(key, __u32);
	__type(value, __u32);
} lanes SEC(".maps");

struct wire_line {
	__u64 packets, bytes, more[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << WIRE_LINES_BITS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct wire_line);
} lines SEC(".maps");

/* By IPv4 identification: how many came through. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} through SEC(".maps");

/* One CPU generates, so plain adds do. */
__u32 lane = 0, n_frames = 1, next_frame = 0;

SEC("xdp")
int wire_generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 i = next_frame;
	struct wire_frame *frame = bpf_map_lookup_elem(&frames, &i);

	if (!frame || data + WIRE_FRAME_SIZE > end)
		return XDP_ABORTED;
	next_frame = i + 1 < n_frames ? i + 1 : 0;
	__builtin_memcpy(data, frame->bytes, WIRE_FRAME_SIZE);
	return bpf_redirect_map(&lanes, lane, 0);
}

SEC("xdp.frags")
int wire_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

SEC("xdp.frags")
int wire_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

/*
 * The least that remembers who sent what: one line of memory a flow, read and counted in, found by the frame's own words without a
 * look at whether it is the right one.
 */
SEC("xdp.frags")
int wire_line(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct wire_line *line;
	__u32 at;

	if (data + SOURCE_PORT + 2 > end)
		return XDP_ABORTED;
	at = (*(__u32 *)(data + SOURCE_MAC_END) ^ *(__u16 *)(data + SOURCE_PORT)) * 2654435761U >> (32 - WIRE_LINES_BITS);
	line = bpf_map_lookup_elem(&lines, &at);
	if (!line)
		return XDP_ABORTED;
	line->packets++;
	line->bytes += end - data;
	return XDP_DROP;
}

/* The end of the road for what a contender let through: on the interface beyond the gateway, or right behind XDP. */
SEC("tc")
int wire_through(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 id, *count;

	if (data + IPV4_ID + 2 > end)
		return TC_ACT_SHOT;
	id = __builtin_bswap16(*(__u16 *)(data + IPV4_ID));
	count = bpf_map_lookup_elem(&through, &id);
	if (count)
		++*count;
	return TC_ACT_SHOT;
}

SEC("tc")
int wire_next(struct __sk_buff *skb __attribute__((unused)))
{
	return TCX_NEXT;
}
