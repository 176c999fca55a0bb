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

static __always_inline void line_touch(const struct index_line *line)
{
	if (line)
		touch(line);
}

/*
 * First of all: where the flow may lie, and where the indexes have its ends; then what hangs on none of these goes on meanwhile. All is
 * hashed before any line is asked for: what stands behind the first load takes of the room that the rest has while it is on its way.
 */
__noinline int flow_warm(struct packet *p, const struct quick *q, __u64 device_key)
{
	struct control *c = control_row();
	struct index_line *device, *src, *dst;
	struct flow_bucket *bucket;

	if (!c || !p || !q)
		return 0;
	quick_place(c, q, p);
	p->at_device = index_spread_of_device(c, device_key);
	p->at_src = index_spread_of_address(c, &p->src);
	p->at_dst = index_spread_of_address(c, &p->dst);
	bucket = bucket_at(hash_index(p->place.spread[0], flow_buckets));
	device = device_line(index_line_first(p->at_device, device_lines));
	src = binding_line(index_line_first(p->at_src, binding_lines));
	dst = binding_line(index_line_first(p->at_dst, binding_lines));
	if (!bucket || !device || !src || !dst)
		return 0;
	touch(&bucket->tag);
	touch(device);
	touch(src);
	touch(dst);
	return 0;
}

/* The row that it has, or would be given. */
static __always_inline void row_touch(const struct packet *p)
{
	struct flow_bucket *bucket = bucket_at(hash_index(p->place.spread[1], flow_buckets));
	__u32 ways, way;

	if (bucket)
		touch(&bucket->tag);
	bucket = bucket_at(hash_index(p->place.spread[0], flow_buckets));
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
	struct device_counters *count = counters_of(row);

	if (device) {
		touch(&device->key);
		touch(&device->budget);
	}
	if (count)
		touch(&count->passed);
}

static __always_inline void binding_touch(__u32 row, __u32 side)
{
	struct binding *binding = binding_row(row);

	if (binding) {
		touch(&binding->address);
		touch(&binding->side[side & 1]);
	}
}

static __always_inline __u32 device_guess(const struct control *c, __u64 spread)
{
	struct index_line *line = device_line(index_line_first(spread, device_lines));
	__u32 row = line_guess(line, index_tag(spread), HOLD_SLOT);

	if (row || !line || !READ_ONCE(line->spilled))
		return row;
	return line_guess(device_line(index_line_other(c, spread, device_lines)), index_tag(spread), HOLD_SLOT);
}

static __always_inline __u32 binding_guess(const struct control *c, __u64 spread)
{
	struct index_line *line = binding_line(index_line_first(spread, binding_lines));
	__u32 row = line_guess(line, index_tag(spread), HOLD_NONE);

	if (row || !line || !READ_ONCE(line->spilled))
		return row;
	return line_guess(binding_line(index_line_other(c, spread, binding_lines)), index_tag(spread), HOLD_NONE);
}

/* And who the ends are. A stranger's road asks whose the source address is, and ends. */
__noinline int road_warm(struct packet *p, __u32 side)
{
	struct control *c = control_row();

	if (!p || !c)
		return 0;
	p->likely.device = device_guess(c, p->at_device);
	p->likely.src = binding_guess(c, p->at_src);
	p->likely.dst = 0;
	p->likely.dst_is_nobodys = 0;
	if (!p->likely.device)
		return 0;
	p->likely.dst = binding_guess(c, p->at_dst);
	p->likely.dst_is_nobodys = !p->likely.dst;
	device_touch(p->likely.device);
	binding_touch(p->likely.src, side);
	binding_touch(p->likely.dst, side);
	row_touch(p);
	return 0;
}

static __always_inline void end_device_touch(const struct flow_side *side)
{
	struct device *device = device_row(side->device);

	if (device)
		touch(&device->key);
}

static __always_inline void address_line_touch(const struct control *c, const struct address *address)
{
	line_touch(binding_line(index_line_first(index_spread_of_address(c, address), binding_lines)));
}

static __always_inline void address_row_touch(const struct control *c, const struct address *address, __u32 side)
{
	binding_touch(binding_guess(c, index_spread_of_address(c, address)), side);
}

/* What the review of a flow will look at first: its devices, and where its addresses stand in the index. 1: their rows come next. */
__noinline int flow_ends_warm(__u32 number, __u32 generation, bool resolve)
{
	struct flow *flow = flow_at(number);
	struct control *c = control_row();

	if (!flow || !c)
		return 0;
	end_device_touch(&flow->side[0]);
	end_device_touch(&flow->side[1]);
	if (!resolve && READ_ONCE(flow->generation) == generation)
		return 0;
	address_line_touch(c, &flow->id.addr[0]);
	address_line_touch(c, &flow->id.addr[1]);
	return 1;
}

/* And the rows that these lead to. */
__noinline int flow_bindings_warm(__u32 number, __u32 side)
{
	struct flow *flow = flow_at(number);
	struct control *c = control_row();

	if (!flow || !c)
		return 0;
	address_row_touch(c, &flow->id.addr[0], side);
	address_row_touch(c, &flow->id.addr[1], side);
	return 0;
}

/* The lines that the review of these rows of a bucket needs, asked for at once. */
__noinline int bucket_warm(__u32 number, __u32 ways, __u32 generation, bool resolve)
{
	__u32 left = ways, way, unknown = 0;

	for (int n = 0; n < CORDON_BUCKET_ROWS; n++) {
		way = way_first(left);
		if (way >= CORDON_BUCKET_ROWS)
			break;
		left &= left - 1;
		unknown |= flow_ends_warm(FLOW_NUMBER(number, way), generation, resolve);
	}
	for (int n = 0; unknown && n < CORDON_BUCKET_ROWS; n++) {
		way = way_first(ways);
		if (way >= CORDON_BUCKET_ROWS)
			break;
		ways &= ways - 1;
		flow_bindings_warm(FLOW_NUMBER(number, way), generation & 1);
	}
	return 0;
}

#endif
