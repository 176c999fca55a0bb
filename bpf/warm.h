/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the looks of a packet that no cached verdict knows.
 * Out: the lines of memory that its road will need, asked for all at once, where the road would wait for one after the other;
 *      the rows that the indexes name, in the packet.
 * Never: a verdict, a write to a table.
 *
 * What the road costs with many devices is waiting for memory: about twenty lines, each a miss of every cache and of the TLB. The
 * processor fetches a dozen at a time if it meets their loads before it has to wait, so here are loads and nothing that
 * serialises: no atomics, no branch on what is still to come but those that nearly always go one way.
 */
#ifndef CORDON_BPF_WARM_H
#define CORDON_BPF_WARM_H

#include "cache.h"

#define touch(at) ((void)READ_ONCE(*(const __u32 *)(at)))

/* First of all: where the flow may lie. What comes next hangs on that line or does not, and goes on meanwhile. */
__noinline int flow_warm(struct packet *p, const struct quick *q)
{
	__u32 zero = 0;
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	struct flow_bucket *bucket;

	if (!c || !p || !q)
		return 0;
	quick_place(c, q, p);
	bucket = bucket_at(hash_index(p->place.spread[0], flow_buckets));
	if (bucket)
		touch(&bucket->tag);
	bucket = bucket_at(hash_index(p->place.spread[1], flow_buckets));
	if (bucket)
		touch(&bucket->tag);
	return 0;
}

/* The row that it has, or would be given. */
static __always_inline void row_touch(const struct packet *p)
{
	struct flow_bucket *bucket = bucket_at(hash_index(p->place.spread[0], flow_buckets));
	__u32 ways, way;

	if (!bucket)
		return;
	ways = ways_tagged(bucket, p->place.tag);
	if (!ways)
		ways = ways_tagged(bucket, 0);
	way = way_first(ways);
	if (way < CORDON_BUCKET_ROWS) {
		touch(&bucket->row[way].id);
		touch(&bucket->row[way].side[1]);
	}
}

static __always_inline void device_touch(__u32 row)
{
	struct device *device = device_row(row);
	struct budget *budget = bpf_map_lookup_elem(&budgets, &row);
	struct device_counters *count = bpf_map_lookup_elem(&counters, &row);

	if (device)
		touch(&device->key);
	if (budget) {
		touch(&budget->last);
		touch(&budget->flows);
	}
	if (count) {
		touch(&count->passed);
		touch(&count->flows_started);
	}
}

static __always_inline void binding_touch(__u32 row, __u32 side)
{
	struct binding *binding = binding_row(row);

	if (binding) {
		touch(&binding->address);
		touch(&binding->side[side & 1]);
	}
}

/* And who the ends are. `key`: of the port's device. */
__noinline int road_warm(struct packet *p, __u64 of_device, __u32 side)
{
	struct address src, dst;
	__u64 key = of_device;
	__u32 *row, device = 0;

	if (!p)
		return 0;
	address_copy(&src, &p->src);
	address_copy(&dst, &p->dst);
	row = bpf_map_lookup_elem(&device_index, &key);
	if (row) {
		widen(HOLD_ELEMENT); /* as in device_by_key() */
		device = *row;
		widen(HOLD_NONE);
	}
	row = bpf_map_lookup_elem(&binding_index, &src);
	p->likely.src = row ? *row : 0;
	row = bpf_map_lookup_elem(&binding_index, &dst);
	p->likely.dst = row ? *row : 0;
	p->likely.dst_is_nobodys = !row;
	p->likely.device = device;
	device_touch(device);
	binding_touch(p->likely.src, side);
	binding_touch(p->likely.dst, side);
	row_touch(p);
	return 0;
}

#endif
