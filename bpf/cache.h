/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the looks of a packet (quick.h), a verdict that left (verdict.h).
 * Out: the same verdict for the next packet of the same looks, at the price of one cold line.
 * Never: a verdict past its deadline or from before a change; one that hangs on what is not in the looks; a count lost or
 *        folded twice.
 *
 * A line is found by a keyed hash and proves itself: it holds MACs, VLAN, port, addresses, ports, protocol and TCP flags. The hash
 * names one of eight lines (IPv6: pairs of lines) side by side, where a verdict nearly always lies; the others are tried for those that
 * found it taken, the nearest first. It belongs to one CPU, so its counts are plain adds. They are folded into flow, device and reason
 * when the line is given to another, when its time is up, and when the engine asks (cache_settle).
 *
 * TCP packets with SYN, FIN or RST are never let through from here, for they move a flow's state.
 */
#ifndef CORDON_BPF_CACHE_H
#define CORDON_BPF_CACHE_H

#include "flow.h"
#include "quick.h"
#include "verdict.h"

#define CACHE_DENY_NS (2 * CORDON_SECOND) /* how often a denied flow that goes on is told of */
#define CACHE_BYTES_FULL 0x80000000U     /* a line folds before its count can run over */
#define CACHE_EVICT_MASK 31              /* one in 32 takes the line that it would have liked from who lives there: a flood cannot empty the cache */
#define CACHE_SET 8                      /* pairs side by side, of which IPv6, whose verdicts fill them, has all to choose from */
#define CACHE_NARROW_SET 4               /* and IPv4 half: as many lines */
#define CACHE_NONE 8                     /* none of a set's lines */

const volatile __u32 cache_pairs = CACHE_SET; /* of one CPU; whole sets */

enum cached { CACHED_NOT, CACHED_PASS, CACHED_DROP };

static __always_inline struct cache_pair *cache_pair_at(__u32 number)
{
	__u32 at = bpf_get_smp_processor_id() * cache_pairs + number;

	return bpf_map_lookup_elem(&cache, &at);
}

/* The line, were they one after the other. */
static __always_inline __u32 cache_number(const struct control *c, const struct quick *q)
{
	__u64 sum = hash_words2(c, 8, (__u32)q->words, q->words >> 32) + hash_words2(c, 0, (__u32)q->saddr[0], q->saddr[0] >> 32);

	if (q->ip == 6)
		sum += hash_words2(c, 2, (__u32)q->saddr[1], q->saddr[1] >> 32) + hash_words2(c, 4, (__u32)q->daddr[0], q->daddr[0] >> 32) +
		       hash_words2(c, 6, (__u32)q->daddr[1], q->daddr[1] >> 32);
	return hash_index(hash_spread(c, sum, HASH_CACHE), cache_pairs * 2);
}

static __always_inline bool line_fits(const struct cache_line *line, const struct quick *q)
{
	const __u64 *x = (const __u64 *)line;

	return x[0] == q->saddr[0] && x[1] == q->words && line->src == q->src && line->dst == q->dst;
}

static __always_inline bool wide_fits(const struct cache_wide *wide, const struct quick *q)
{
	const __u64 *x = (const __u64 *)wide;

	return x[1] == q->words && wide->saddr[0] == q->saddr[0] && wide->saddr[1] == q->saddr[1] && wide->daddr[0] == q->daddr[0] &&
	       wide->daddr[1] == q->daddr[1] && wide->src == q->src && wide->dst == q->dst;
}

static __always_inline bool pair_is_wide(const struct cache_pair *pair)
{
	return pair->wide.second == CACHE_WHERE_SECOND;
}

static __always_inline bool meta_holds(const struct cache_meta *meta, __u64 of, __u64 word, __u32 tick)
{
	return of == word && !tick_reached(tick, meta->deadline) && meta->bytes < CACHE_BYTES_FULL;
}

static __always_inline enum cached meta_hit(struct cache_meta *meta, const struct quick *q)
{
	__u8 kind = meta->kind;

	if (kind != CORDON_CACHE_ALLOW && kind != CORDON_CACHE_DENY)
		return CACHED_NOT;
	meta->packets += q->packets;
	meta->bytes += q->bytes;
	return kind == CORDON_CACHE_ALLOW ? CACHED_PASS : CACHED_DROP;
}

static __always_inline enum cached line_hit(struct cache_line *line, const struct quick *q, __u64 word, __u32 tick)
{
	return meta_holds(&line->meta, line->word, word, tick) ? meta_hit(&line->meta, q) : CACHED_NOT;
}

static __always_inline enum cached wide_hit(struct cache_wide *wide, const struct quick *q, __u64 word, __u32 tick)
{
	return meta_holds(&wide->meta, wide->word, word, tick) ? meta_hit(&wide->meta, q) : CACHED_NOT;
}

/* Does this pair have a verdict of these looks? Then *ret is what it says; CACHED_NOT where it no longer holds. */
static __always_inline bool pair_has(struct cache_pair *pair, __u32 first, const struct quick *q, __u64 word, __u32 tick, enum cached *ret)
{
	struct cache_line *line = &pair->line[first];

	if (q->ip == 6) {
		*ret = CACHED_NOT;
		if (!wide_fits(&pair->wide, q))
			return false;
		*ret = wide_hit(&pair->wide, q, word, tick);
		return true;
	}
	barrier_var(line); /* worked out once, and not at each use */
	if (!line_fits(line, q)) {
		line = &pair->line[first ^ 1];
		barrier_var(line);
		*ret = CACHED_NOT;
		if (!line_fits(line, q))
			return false;
	}
	*ret = line_hit(line, q, word, tick);
	return true;
}

/* Beyond the pair where a verdict nearly always lies. Its own function, so that the verifier reads it once. */
__noinline int cache_hit_far(const struct quick *q, __u32 number, __u64 word, __u32 tick)
{
	enum cached cached = CACHED_NOT;

	if (!q)
		return CACHED_NOT;
	for (__u32 i = 1; i < CACHE_SET; i++) {
		struct cache_pair *pair = i < CACHE_NARROW_SET || q->ip == 6 ? cache_pair_at(number >> 1 ^ i) : NULL;

		if (!pair || pair_has(pair, number & 1, q, word, tick, &cached))
			break;
	}
	return cached;
}

static __always_inline enum cached cache_hit(const struct control *c, struct quick *q, __u64 word, __u32 tick)
{
	__u32 number = cache_number(c, q);
	struct cache_pair *pair = cache_pair_at(number >> 1);
	enum cached cached;

	if (!pair || pair_has(pair, number & 1, q, word, tick, &cached))
		return pair ? cached : CACHED_NOT;
	quick_complete(q);
	return cache_hit_far(q, number, word, tick);
}

static __always_inline void fold_flow(const struct cache_meta *meta, __u32 packets, __u32 bytes)
{
	struct flow_bucket *bucket = bucket_at(meta->flow >> 4);
	__u32 zero = 0, way = meta->flow & 15;
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	struct flow_side *side;

	barrier_var(way);
	if (meta->flags & CACHE_SEEN || !bucket || !c || way >= CORDON_BUCKET_ROWS)
		return;
	if (!row_holds(bucket, way, meta->birth, CORDON_TICKS(READ_ONCE(c->now))))
		return; /* over: the device has the count all the same */
	widen(HOLD_FOLD);
	side = &bucket->row[way].side[meta->flags & CACHE_SIDE];
	__sync_fetch_and_add(&side->packets, packets);
	__sync_fetch_and_add(&side->bytes, bytes);
}

static __always_inline void fold_drop(const struct cache_meta *meta, __u32 device, __u32 where, __u32 packets)
{
	__u32 payer = reason_payer(meta->reason, device);
	struct drop_key key = {.device = payer, .port = payer ? 0 : where & CACHE_WHERE_PORT, .reason = meta->reason,
			       .verdict = CORDON_VERDICT_DENY, .dir = !!(where & CACHE_WHERE_TO_DEVICE)};
	struct drop_count more = {.packets = packets, .suppressed = packets};

	count_drop(&key, more, true);
}

/* The row of the device whose port it was, as far as the line knows. */
static __always_inline __u32 meta_device(const struct cache_meta *meta, bool to)
{
	__u32 side = (meta->flags & CACHE_SIDE) ^ to;
	struct flow *flow;

	if (meta->kind == CORDON_CACHE_DENY)
		return meta->flow;
	flow = flow_at(meta->flow);
	barrier_var(side); /* as in flow_end() */
	return flow && side < 2 ? flow->side[side].device : CORDON_DEVICE_NONE;
}

/*
 * What a line counted goes where it belongs; the line goes on from nothing. A packet that interrupts this on the same CPU
 * finds it FOLDING and leaves it alone.
 */
__noinline int cache_fold(struct cache_meta *meta, __u64 src, __u64 dst, __u32 where)
{
	if (!meta)
		return 0;

	bool to = where & CACHE_WHERE_TO_DEVICE;
	__u8 kind = READ_ONCE(meta->kind), reason;
	__u64 speaker = to ? dst : src;
	__u32 packets, bytes, likely, device = CORDON_DEVICE_NONE;
	enum cordon_verdict verdict = kind == CORDON_CACHE_DENY ? CORDON_VERDICT_DENY : CORDON_VERDICT_ALLOW;
	struct traffic more;

	if (kind != CORDON_CACHE_ALLOW && kind != CORDON_CACHE_DENY)
		return 0;
	likely = meta_device(meta, to);
	WRITE_ONCE(meta->kind, CORDON_CACHE_FOLDING);
	packets = READ_ONCE(meta->packets);
	bytes = READ_ONCE(meta->bytes);
	reason = meta->reason;
	if (packets) {
		device_by_key((speaker & ~0xffffULL) | (src & VLAN_ID), likely >= CORDON_DEVICE_FIRST ? likely : 0, &device);
		more.packets = packets;
		more.bytes = bytes;
		count_device(reason_payer(reason, device), to, verdict, more, false, true);
		count_reason(reason, verdict, packets, true);
		if (kind == CORDON_CACHE_DENY)
			fold_drop(meta, device, where, packets);
		else
			fold_flow(meta, packets, bytes);
	}
	WRITE_ONCE(meta->packets, 0);
	WRITE_ONCE(meta->bytes, 0);
	WRITE_ONCE(meta->kind, kind);
	return 0;
}

static __always_inline void line_fold(struct cache_line *line)
{
	cache_fold(&line->meta, line->src, line->dst, line->where);
}

static __always_inline void wide_fold(struct cache_wide *wide)
{
	cache_fold(&wide->meta, wide->src, wide->dst, wide->where);
}

static __always_inline void pair_fold(struct cache_pair *pair)
{
	if (pair_is_wide(pair)) {
		wide_fold(&pair->wide);
	} else {
		line_fold(&pair->line[0]);
		line_fold(&pair->line[1]);
	}
}

/* May this line be given to another verdict, for nobody would miss it? */
static __always_inline bool meta_yields(const struct cache_meta *meta, __u64 of, __u64 word, __u32 tick)
{
	if (meta->kind == CORDON_CACHE_FOLDING)
		return false;
	return meta->kind == CORDON_CACHE_EMPTY || of != word || tick_reached(tick, meta->deadline);
}

static __always_inline void line_write(struct cache_line *line, const struct quick *q, const struct cache_meta *meta, __u64 word)
{
	__u64 *x = (__u64 *)line;

	x[0] = q->saddr[0];
	x[1] = q->words;
	line->src = q->src;
	line->dst = q->dst;
	line->word = word;
	line->meta = *meta;
}

/* False: a program that this one interrupted is folding it. */
static __always_inline bool line_give(struct cache_line *line, const struct quick *q, const struct cache_meta *meta, __u64 word)
{
	line_fold(line);
	if (line->meta.kind == CORDON_CACHE_FOLDING)
		return false;
	line_write(line, q, meta, word);
	return true;
}

static __always_inline bool pair_yields(const struct cache_pair *pair, __u32 line, __u64 word, __u32 tick)
{
	if (pair_is_wide(pair))
		return meta_yields(&pair->wide.meta, pair->wide.word, word, tick);
	return meta_yields(&pair->line[line & 1].meta, pair->line[line & 1].word, word, tick);
}

static __always_inline bool pair_yields_wide(const struct cache_pair *pair, __u64 word, __u32 tick)
{
	return pair_yields(pair, 0, word, tick) && (pair_is_wide(pair) || pair_yields(pair, 1, word, tick));
}

/*
 * How far from its own line a verdict of these looks goes (to be xored): the nearest where one of them is or that yields, for there a
 * later one finds it soonest; else sometimes its own all the same. CACHE_NONE: nowhere. Global, so that the verifier follows what comes
 * after once, and not for each answer.
 */
__noinline __u32 line_choose(const struct quick *q, __u32 number, __u64 word, __u32 tick)
{
	if (!q)
		return CACHE_NONE;
	for (__u32 i = 0; i < 2 * CACHE_NARROW_SET; i++) {
		struct cache_pair *pair = cache_pair_at((number ^ i) >> 1);

		if (!pair)
			return CACHE_NONE;
		if (line_fits(&pair->line[(number ^ i) & 1], q) || pair_yields(pair, number ^ i, word, tick))
			return i;
	}
	return bpf_get_prandom_u32() & CACHE_EVICT_MASK ? CACHE_NONE : 0;
}

/* The same for a pair. */
__noinline __u32 pair_choose(const struct quick *q, __u32 number, __u64 word, __u32 tick)
{
	if (!q)
		return CACHE_NONE;
	for (__u32 i = 0; i < CACHE_SET; i++) {
		struct cache_pair *pair = cache_pair_at(number >> 1 ^ i);

		if (!pair)
			return CACHE_NONE;
		if (wide_fits(&pair->wide, q) || pair_yields_wide(pair, word, tick))
			return i;
	}
	return bpf_get_prandom_u32() & CACHE_EVICT_MASK ? CACHE_NONE : 0;
}

static __always_inline bool store_narrow(struct cache_pair *pair, __u32 line, const struct quick *q, const struct cache_meta *meta, __u64 word)
{
	if (pair_is_wide(pair)) {
		wide_fold(&pair->wide);
		if (pair->wide.meta.kind == CORDON_CACHE_FOLDING)
			return false;
		__builtin_memset(pair, 0, sizeof(*pair));
	}
	return line_give(&pair->line[line & 1], q, meta, word);
}

static __always_inline bool store_wide(struct cache_pair *pair, const struct quick *q, const struct cache_meta *meta, __u64 word)
{
	struct cache_wide *wide = &pair->wide;
	__u64 *x = (__u64 *)wide;

	pair_fold(pair);
	if (pair_is_wide(pair) ? wide->meta.kind == CORDON_CACHE_FOLDING
			       : pair->line[0].meta.kind == CORDON_CACHE_FOLDING || pair->line[1].meta.kind == CORDON_CACHE_FOLDING)
		return false;
	x[0] = word;
	x[1] = q->words;
	wide->saddr[0] = q->saddr[0];
	wide->saddr[1] = q->saddr[1];
	wide->daddr[0] = q->daddr[0];
	wide->daddr[1] = q->daddr[1];
	wide->src = q->src;
	wide->dst = q->dst;
	wide->zero = 0;
	wide->second = CACHE_WHERE_SECOND;
	wide->meta = *meta;
	return true;
}

/* Which denials hang on nothing but the looks, the tables and the time. */
static __always_inline bool denial_is_settled(const struct packet *p)
{
	switch (p->end_reason) {
	case CORDON_REASON_UNKNOWN_DEVICE:
	case CORDON_REASON_NO_PLACE:
	case CORDON_REASON_WRONG_PORT:
	case CORDON_REASON_NOT_HERE:
	case CORDON_REASON_DEST_MAC:
	case CORDON_REASON_BAD_SOURCE:
	case CORDON_REASON_SPOOFED_SOURCE:
	case CORDON_REASON_BAD_DESTINATION:
	case CORDON_REASON_UPLINK_SPOOF:
	case CORDON_REASON_IP_MARTIAN:
	case CORDON_REASON_IP_SELF:
	case CORDON_REASON_MULTICAST:
	case CORDON_REASON_QUARANTINE:
		return true;
	case CORDON_REASON_DENY_RULE:
	case CORDON_REASON_DEFAULT_DENY:
	case CORDON_REASON_UNAUTHENTICATED: /* what the default is called of a device that owes a proof */
		return p->one_way;
	}
	return false;
}

/* What guards look into is judged frame by frame. */
static __always_inline bool is_guarded_port(__u16 port)
{
	return port == 67 || port == 68 || port == 546 || port == 547;
}

static __always_inline bool cache_meta_make(struct cache_meta *meta, const struct packet *p)
{
	struct device *device = p->device >= CORDON_DEVICE_FIRST ? device_row(p->device) : NULL;
	__u64 longest = p->now + CORDON_CACHE_NS;

	/* A rate asks about each packet. */
	if (p->end_verdict == CORDON_VERDICT_ALLOW && device && READ_ONCE(device->flags) & DEVICE_LIMITED)
		return false;
	if (is_guarded_port(p->sport) || is_guarded_port(p->dport))
		return false;
	if (p->end_verdict == CORDON_VERDICT_ALLOW && p->end_reason == CORDON_REASON_ESTABLISHED && p->flow_settled) {
		meta->kind = CORDON_CACHE_ALLOW;
		meta->flow = p->flow_number;
		meta->birth = p->flow_birth;
		meta->flags = (p->in_flow == 2 ? CACHE_SIDE : 0) | (p->seen_before ? CACHE_SEEN : 0);
	} else if (p->end_verdict == CORDON_VERDICT_DENY && denial_is_settled(p)) {
		meta->kind = CORDON_CACHE_DENY;
		meta->flow = p->device;
		longest = p->now + CACHE_DENY_NS;
	} else {
		return false;
	}
	meta->reason = p->end_reason;
	meta->deadline = CORDON_TICKS(longest < p->until ? longest : p->until);
	return true;
}

/* False: the lines that it could have hold for others. */
__noinline bool cache_put(const struct quick *q, const struct cache_meta *meta, __u64 word, __u32 tick)
{
	__u32 zero = 0, number, chosen;
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	struct cache_pair *pair;

	if (!c || !q || !meta)
		return false;
	number = cache_number(c, q);
	chosen = q->ip == 4 ? line_choose(q, number, word, tick) : pair_choose(q, number, word, tick);
	if (chosen == CACHE_NONE)
		return false;
	pair = cache_pair_at(q->ip == 4 ? (number ^ chosen) >> 1 : number >> 1 ^ chosen);
	if (!pair)
		return false;
	return q->ip == 4 ? store_narrow(pair, number ^ chosen, q, meta, word) : store_wide(pair, q, meta, word);
}

/* A packet went the whole road, and its flow with it: what a device's port found holds until `changes` moves. */
static __always_inline void flow_was_seen(const struct packet *p)
{
	struct flow_bucket *bucket = bucket_at(p->flow_number >> 4);
	__u32 way = p->flow_number & 15;
	union policy_word word = {.word = p->word};

	barrier_var(way);
	if (!bucket || way >= CORDON_BUCKET_ROWS)
		return;
	if (p->dir == CORDON_DIR_FROM_DEVICE)
		WRITE_ONCE(bucket->seen[way], word.changes);
	if (!(READ_ONCE(bucket->row[way].marks) & FLOW_CACHED))
		WRITE_ONCE(bucket->row[way].marks, FLOW_CACHED);
}

__noinline int cache_store(struct packet *p, const struct quick *q)
{
	struct cache_meta meta = {};

	if (!p || !q || !cache_meta_make(&meta, p))
		return 0;
	if (meta.kind == CORDON_CACHE_ALLOW)
		flow_was_seen(p);
	cache_put(q, &meta, p->word, CORDON_TICKS(p->now));
	return 0;
}

/* What the looks say, once more as the flow table wants it: the packet's key, and where its flow may lie. */
static __always_inline void quick_place(const struct control *c, const struct quick *q, struct packet *p)
{
	union {
		__u64 whole;
		__u32 part[2];
		__be16 port[4];
	} words = {.whole = q->words}, v4 = {.whole = q->saddr[0]};

	if (q->ip == 4) {
		address_from_v4(&p->src, v4.part[0]);
		address_from_v4(&p->dst, v4.part[1]);
	} else {
		address_copy(&p->src, (const struct address *)q->saddr);
		address_copy(&p->dst, (const struct address *)q->daddr);
	}
	p->likely.source_index = flow_key_make(&p->key, &p->src, &p->dst, words.part[1] >> 16, bpf_ntohs(words.port[0]), bpf_ntohs(words.port[1]), 0, 0);
	flow_place_make(c, &p->key, &p->place);
	p->likely.placed = 1;
}

/* The sender is the device of this side: its MAC and VLAN, on its port, free to speak. */
static __always_inline bool sender_is(const struct quick *q, const struct flow_side *side, __u32 port, __u32 generation)
{
	struct device *device = side->device >= CORDON_DEVICE_FIRST ? device_row(side->device) : NULL;
	struct side state;

	if (!device || (__u16)q->src == VLAN_PRESENT || READ_ONCE(device->key) != (q->src & ~(__u64)(0xffff & ~VLAN_ID)))
		return false;
	if (READ_ONCE(device->port) != port || READ_ONCE(device->flags) & (DEVICE_QUARANTINED | DEVICE_LIMITED))
		return false;
	state = side_read(&device->side[generation & 1], generation);
	return state.generation && !state.flags;
}

static __always_inline bool receiver_is(const struct quick *q, const struct flow_side *side, __u32 port)
{
	struct port *row = port_row(port);
	struct device *device;

	if (!row)
		return false;
	if (q->dst >> 16 == mac_number(row->mac))
		return true;
	device = side->device >= CORDON_DEVICE_FIRST ? device_row(side->device) : NULL;
	return device && READ_ONCE(device->key) >> 16 == q->dst >> 16;
}

static __always_inline bool flow_goes_on(const struct flow *flow, __u8 side, __u32 generation, __u32 tick)
{
	__u32 until = READ_ONCE(flow->until);

	if (READ_ONCE(flow->generation) != generation || flow->verdict != CORDON_VERDICT_ALLOW || flow_is_over(flow, tick))
		return false;
	if (until && tick_reached(tick, until))
		return false;
	if (flow->id.proto == IPPROTO_TCP)
		return flow->state == CORDON_FLOW_ESTABLISHED;
	return flow->state == CORDON_FLOW_ESTABLISHED || side == 0;
}

static __always_inline void flow_pass(const struct quick *q, struct cache_meta *meta, __u32 device, __u64 word, __u32 tick)
{
	struct traffic more = {.packets = q->packets, .bytes = q->bytes};

	meta->packets = q->packets;
	meta->bytes = q->bytes;
	if (cache_put(q, meta, word, tick))
		return;
	count_device(device, CORDON_DIR_FROM_DEVICE, CORDON_VERDICT_ALLOW, more, false, false);
	count_reason(CORDON_REASON_ESTABLISHED, CORDON_VERDICT_ALLOW, q->packets, false);
	fold_flow(meta, q->packets, q->bytes);
}

/*
 * A frame from a device that no cached verdict knows, of a flow that a packet went the whole road with since anything changed:
 * what that found of addresses and rules still holds, and who sends it is proved here. True: it passes, and is counted.
 * Only the key and the place of `p` are there yet.
 */
__noinline bool flow_quick(const struct packet *p, const struct quick *q, __u64 control_word, __u64 now)
{
	union policy_word word = {.word = control_word};
	__u32 number = 0, tick = CORDON_TICKS(now), where, port, way;
	struct cache_meta meta = {.kind = CORDON_CACHE_ALLOW, .reason = CORDON_REASON_ESTABLISHED};
	struct flow_bucket *bucket;
	struct flow *flow;
	__u8 side;

	if (!q || !p)
		return false;
	where = q->words >> 32;
	if (where >> 24 && where >> 24 != QUICK_ACK)
		return false;
	if (is_guarded_port(p->key.port[0]) || is_guarded_port(p->key.port[1]))
		return false;
	flow = flow_lookup(&p->place, &p->key, &number);
	bucket = flow ? bucket_at(number >> 4) : NULL;
	way = number & 15;
	barrier_var(way);
	if (!bucket || way >= CORDON_BUCKET_ROWS || READ_ONCE(bucket->seen[way]) != word.changes)
		return false;
	meta.birth = READ_ONCE(flow->birth);
	side = flow_side_of(flow, p->likely.source_index) & 1;
	port = where & CACHE_WHERE_PORT;
	if (!flow_goes_on(flow, side, word.generation, tick) || !sender_is(q, &flow->side[side], port, word.generation) ||
	    !receiver_is(q, &flow->side[side ^ 1], port))
		return false;
	meta.deadline = tick + CORDON_TICKS(CORDON_CACHE_NS);
	if (flow->until && tick_reached(meta.deadline, flow->until))
		meta.deadline = flow->until;
	meta.flow = number;
	meta.flags = side ? CACHE_SIDE : 0;
	widen(HOLD_NONE);
	if ((READ_ONCE(flow->birth) != meta.birth || !flow_key_equal(&flow->id, &p->key)) && !trusts(TRUST_ROW))
		return false;
	widen(HOLD_NONE);
	WRITE_ONCE(flow->side[side].last, tick ? tick : 1);
	flow_pass(q, &meta, flow->side[side].device, control_word, tick);
	return true;
}

#endif
