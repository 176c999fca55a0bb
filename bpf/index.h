/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the index tables, keys.
 * Out: numbers of rows that a key may have, the likely one first.
 * Never: a write; a row: whoever gets a number compares the key that stands in it.
 *
 * The engine may store into a line at any moment. A slot is one word, read whole: an old one, a new one, or none.
 */
#ifndef CORDON_BPF_INDEX_H
#define CORDON_BPF_INDEX_H

#include "maps.h"
#include "ways.h"

const volatile __u32 device_lines = DEFAULT_INDEX_LINES;
const volatile __u32 binding_lines = DEFAULT_INDEX_LINES;

static __always_inline struct control *control_row(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline struct index_line *device_line(__u32 number)
{
	return bpf_map_lookup_elem(&device_index, &number);
}

static __always_inline struct index_line *binding_line(__u32 number)
{
	return bpf_map_lookup_elem(&binding_index, &number);
}

/* `spilled` is read with the slots, and has no tag. */
static __always_inline __u32 slots_tagged(const struct index_line *line, __u32 tag)
{
	const __u64 bits = BOTH((__u64)~CORDON_INDEX_ROW & 0x7fffffffULL);
	__u64 others = 0, both = BOTH((__u64)tag);

#pragma unroll
	for (int i = 0; i < (CORDON_INDEX_SLOTS + 1) / 2; i++) {
		__u64 differ = word_pair(line->slot, i) ^ both;

		/* A half's top bit: its tag is not 0. */
		differ |= (differ & bits) + bits;
		others |= (differ & BOTH(0x80000000ULL)) >> (31 - i);
	}
	return ways_of(~others & BOTH(0xffULL));
}

/* 0: emptied meanwhile. */
static __always_inline __u32 slot_row(const struct index_line *line, __u32 way)
{
	barrier_var(way); /* as in flow_end(), flow_table.h */
	return way < CORDON_INDEX_SLOTS ? READ_ONCE(line->slot[way]) & CORDON_INDEX_ROW : 0;
}

/*
 * What to look at while more is on its way: the first row of that tag in the line; 0: none. In the wide build a reader waits at
 * `hold` with a slot found and its number not read: the slot may become another key's.
 */
static __always_inline __u32 line_guess(const struct index_line *line, __u32 tag, enum cordon_hold hold)
{
	__u32 ways = line ? slots_tagged(line, tag) : 0;

	if (!ways)
		return 0;
	widen(hold);
	return slot_row(line, way_first(ways));
}

#endif
