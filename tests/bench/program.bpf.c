// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0
/*
 * The real entry points called in a loop, the frame rewritten before each call from a table, so that keys rotate; the same loop
 * around what others would do at least (references), and around nothing, to be subtracted.
 *
 * Time is taken inside: the kernel runs a test with soft interrupts off, so no other process is in it, which is not so for the
 * `duration` that a test run reports.
 */
#include "maps.h"

/* Programs cannot call programs, only functions: here the entry points are functions, in no section of their own. */
extern char LICENSE[] SEC("license");
#pragma push_macro("SEC")
#undef SEC
#define SEC(name)
#include "../../bpf/cordon.bpf.c"
#pragma pop_macro("SEC")
#include "program.h"

#define FRAME4 60
#define FRAME6 74

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_row);
} bench_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_job);
} bench_job SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct bench_key);
	__type(value, struct bench_line);
} bench_hash SEC(".maps");

/* Devices by MAC (BENCH_BY_MAC) and by address, for whoever has nothing but the kernel's hashes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct bench_line);
} bench_ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_line);
} bench_lines SEC(".maps");

/* Lines of "keyed line"; a quarter of them are in use, as of the flow cache's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_line);
} bench_keyed SEC(".maps");

const volatile __u32 keyed_lines = 1;

struct loop {
	void *ctx;
	struct control *control;
	__u32 first;
	__u32 family;
	__u32 invalidate;
	__u32 passed;
	__u32 hits;
};

/*
 * Stores as wide as the widest load that a parser may do there: a load of what two stores wrote, or one and older bytes, waits until
 * they are in the first-level cache, and with them all packets before. No frame that a device wrote makes anybody wait so.
 */
static __always_inline bool rewrite(void *data, void *end, const struct bench_row *row, __u32 family)
{
	if (family == 4) {
		if (data + FRAME4 > end)
			return false;
		*(__u64 *)(data + 4) = (__u64)row->device << 32 | BENCH_MACS_BETWEEN;
		*(__u32 *)(data + 22) = (__u32)row->checksum << 16 | BENCH_TTL_PROTO;
		*(__u64 *)(data + 26) = (__u64)row->peer << 32 | row->address;
		*(__u32 *)(data + 34) = (__u32)row->dport << 16 | row->sport;
		return true;
	}
	if (data + FRAME6 > end)
		return false;
	*(__u64 *)(data + 4) = (__u64)row->device << 32 | BENCH_MACS_BETWEEN;
	*(__u64 *)(data + 30) = (__u64)row->address << 32;
	*(__u64 *)(data + 46) = (__u64)row->peer << 32;
	*(__u32 *)(data + 54) = (__u32)row->dport << 16 | row->sport;
	return true;
}

/* The answer: from the peer to the device. A header's checksum does not mind the order of its addresses. */
static __always_inline bool rewrite_answer(void *data, void *end, const struct bench_row *row, __u32 family)
{
	if (family == 4) {
		if (data + FRAME4 > end)
			return false;
		*(__u32 *)(data + 2) = row->device;
		*(__u16 *)(data + 24) = row->checksum;
		*(__u64 *)(data + 26) = (__u64)row->address << 32 | row->peer;
		*(__u32 *)(data + 34) = (__u32)row->sport << 16 | row->dport;
		return true;
	}
	if (data + FRAME6 > end)
		return false;
	*(__u32 *)(data + 2) = row->device;
	*(__u32 *)(data + 34) = row->peer;
	*(__u32 *)(data + 50) = row->address;
	*(__u32 *)(data + 54) = (__u32)row->sport << 16 | row->dport;
	return true;
}

/* A parse that a packet filter needs at least: every length, version, header checksum (RFC 1071), no fragments or options. */
static __always_inline bool parse4(void *data, void *end, struct bench_key *key)
{
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u16 *words = (__u16 *)ip, *ports = (__u16 *)(ip + 1);
	__u32 sum = 0;

	if ((void *)(ip + 1) + 8 > end || ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(0x3fff)))
		return false;
	if (bpf_ntohs(ip->tot_len) < 28 || data + sizeof(struct ethhdr) + bpf_ntohs(ip->tot_len) > end)
		return false;
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	if (((sum + (sum >> 16)) & 0xffff) != 0xffff)
		return false;
	key->address[0] = ip->saddr;
	key->address[1] = ip->daddr;
	key->port[0] = ports[0];
	key->port[1] = ports[1];
	key->proto = ip->protocol;
	return ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP;
}

static __always_inline bool parse6(void *data, void *end, struct bench_key *key)
{
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	__u16 *ports = (__u16 *)(ip + 1);

	if ((void *)(ip + 1) + 8 > end || *(__u8 *)ip >> 4 != 6)
		return false;
	if (bpf_ntohs(ip->payload_len) < 8 || (void *)(ip + 1) + bpf_ntohs(ip->payload_len) > end)
		return false;
	key->address[0] = ((__u32 *)&ip->saddr)[3];
	key->address[1] = ((__u32 *)&ip->daddr)[3];
	key->port[0] = ports[0];
	key->port[1] = ports[1];
	key->proto = ip->nexthdr;
	return ip->nexthdr == IPPROTO_TCP || ip->nexthdr == IPPROTO_UDP;
}

static __always_inline bool parse_least(struct xdp_md *ctx, struct bench_key *key)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if (data + sizeof(*eth) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return parse4(data, end, key);
	return eth->h_proto == bpf_htons(ETH_P_IPV6) && parse6(data, end, key);
}

static __noinline int refer_parse(struct xdp_md *ctx)
{
	struct bench_key key;

	if (!parse_least(ctx, &key))
		return XDP_DROP;
	/* The key is wanted, though nobody looks it up. */
	asm volatile("" ::"r"(&key) : "memory");
	return XDP_PASS;
}

static __noinline int refer_hash(struct xdp_md *ctx)
{
	struct bench_line *line;
	struct bench_key key;

	if (!parse_least(ctx, &key))
		return XDP_DROP;
	line = bpf_map_lookup_elem(&bench_hash, &key);
	return line && READ_ONCE(line->verdict) ? XDP_PASS : XDP_DROP;
}

static __noinline int refer_line(struct xdp_md *ctx, __u32 slot)
{
	struct bench_line *line;
	struct bench_key key;

	if (!parse_least(ctx, &key))
		return XDP_DROP;
	asm volatile("" ::"r"(&key) : "memory");
	line = bpf_map_lookup_elem(&bench_lines, &slot);
	if (!line || !READ_ONCE(line->verdict))
		return XDP_DROP;
	line->packets += 1;
	line->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

/* As much as a table needs that nobody can aim at: a keyed hash, and a line that proves whose it is. Whoever finds another's takes it. */
static __noinline int refer_keyed(struct xdp_md *ctx)
{
	struct control *c = control_row();
	struct bench_line *line;
	struct bench_key key;
	__u64 addresses, rest, sum;
	__u32 at;

	if (!c || !parse_least(ctx, &key))
		return XDP_DROP;
	addresses = (__u64)key.address[0] << 32 | key.address[1];
	rest = (__u64)key.port[0] << 48 | (__u64)key.port[1] << 32 | key.proto;
	sum = hash_words2(c, 0, addresses >> 32, addresses) + hash_words2(c, 2, rest >> 32, rest);
	at = hash_index(hash_spread(c, sum, HASH_CACHE), keyed_lines);
	line = bpf_map_lookup_elem(&bench_keyed, &at);
	if (!line)
		return XDP_DROP;
	if (line->more[0] != addresses || line->more[1] != rest) {
		line->more[0] = addresses;
		line->more[1] = rest;
	}
	line->packets += 1;
	line->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

static __always_inline struct bench_line *end_of(__u64 key)
{
	return bpf_map_lookup_elem(&bench_ends, &key);
}

/*
 * What a new flow needs of hashes at least, as the kernel has them: who sends, whose address that is, whether the other end is a device
 * too, a row for the flow, and an event. No policy, no quota, no clock, no count; two that begin one flow at once make no difference.
 */
static __noinline int refer_begin(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_line *device, line = {.verdict = 1, .packets = 1};
	struct bench_key key;
	struct event *e;

	if (data + 12 > end || !parse_least(ctx, &key))
		return XDP_DROP;
	device = end_of(BENCH_BY_MAC | *(__u32 *)(data + 8));
	if (!device || !READ_ONCE(device->verdict) || !end_of(key.address[0]) || end_of(key.address[1]))
		return XDP_DROP;
	line.bytes = end - data;
	if (bpf_map_update_elem(&bench_hash, &key, &line, BPF_NOEXIST))
		return XDP_DROP;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return XDP_DROP;
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = CORDON_EVENT_FLOW;
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

/*
 * What a new flow costs with cordon's tables where nothing is judged: the frame is parsed, its ends are looked up and proved as the road
 * does, its quota is taken, its row made under its lock. No guard, policy, clock or event, and nothing is counted.
 */
static __noinline int refer_rows(struct xdp_md *ctx)
{
	struct quick_at at = {.pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end, .segments = 1};
	struct packet *p = packet_row(CORDON_DIR_FROM_DEVICE);
	struct control *c = control_row();
	struct device *device;
	struct quick q;
	__u64 key;

	if (!c || !p)
		return XDP_DROP;
	at.room = at.end - at.pos;
	if (!quick_parse(&q, &at, 0, 0))
		return XDP_DROP;
	quick_complete(&q);
	key = quick_device_key(&q, q.src);
	flow_warm(p, &q, key);
	packet_begin(p, control_word(c), CORDON_DIR_FROM_DEVICE, ctx->data_end - ctx->data);
	xdp_parse(ctx, p);
	p->now = READ_ONCE(c->now);
	road_warm(p, p->side);
	device = device_by_key(key, p->likely.device, &p->src_device);
	if (!device || !binding_meet(p, &p->src) || binding_meet(p, &p->dst))
		return XDP_DROP;
	p->src_generation = READ_ONCE(device->generation);
	return flow_insert(p, p->likely.source_index, 0, CORDON_REASON_RULE, CORDON_VERDICT_ALLOW) == CORDON_REASON_NONE ? XDP_PASS : XDP_DROP;
}

static __always_inline const struct bench_row *row_next(const struct loop *loop, __u32 i)
{
	__u32 index = loop->first + i;

	return bpf_map_lookup_elem(&bench_rows, &index);
}

static __always_inline const struct bench_row *frame_next(struct loop *loop, __u32 i)
{
	const struct bench_row *row = row_next(loop, i);
	struct xdp_md *ctx = loop->ctx;

	if (!row || !rewrite((void *)(long)ctx->data, (void *)(long)ctx->data_end, row, loop->family))
		return NULL;
	/* As wide as the program reads it: a narrower store would have to wait in its way. */
	if (loop->invalidate)
		*(__u64 *)&loop->control->generation += 1ULL << 32;
	return row;
}

/* One step a contender; the verdict that it gives is `body`. */
#define STEP(name, body) \
	static long step_##name(__u32 i, struct loop *loop) \
	{ \
		const struct bench_row *row = frame_next(loop, i); \
		struct xdp_md *ctx = loop->ctx; \
\
		if (!row) \
			return 1; \
		loop->passed += (body) == XDP_PASS; \
		return 0; \
	}

STEP(nothing, ctx ? XDP_PASS : XDP_DROP)
STEP(parse, refer_parse(ctx))
STEP(hash, refer_hash(ctx))
STEP(line, refer_line(ctx, row->slot))
STEP(keyed, refer_keyed(ctx))
STEP(begin, refer_begin(ctx))
STEP(rows, refer_rows(ctx))
STEP(cordon, xdp_from_device(ctx))

/* Whoever goes beyond the cache writes down what it knows of the packet; this row shows whether one did. Not to be timed. */
#define UNTOUCHED 0x5eed

static long step_hits(__u32 i, struct loop *loop)
{
	__u32 from = CORDON_DIR_FROM_DEVICE;
	struct packet *p = bpf_map_lookup_elem(&scratch, &from);

	if (!p || !frame_next(loop, i))
		return 1;
	p->side = UNTOUCHED;
	p->likely.placed = 0; /* set by flow_warm(), before either road */
	loop->passed += xdp_from_device(loop->ctx) == XDP_PASS;
	loop->hits += p->side == UNTOUCHED && !p->likely.placed;
	return 0;
}

static long step_answer(__u32 i, struct loop *loop)
{
	const struct bench_row *row = row_next(loop, i);
	struct __sk_buff *skb = loop->ctx;

	if (!row || !rewrite_answer((void *)(long)skb->data, (void *)(long)skb->data_end, row, loop->family))
		return 1;
	loop->passed += tc_to_device(skb) != TC_ACT_SHOT;
	return 0;
}

static __always_inline int job_begin(struct loop *loop, struct bench_job **ret)
{
	__u32 zero = 0;
	struct bench_job *job = bpf_map_lookup_elem(&bench_job, &zero);

	loop->control = bpf_map_lookup_elem(&control, &zero);
	if (!job || !loop->control)
		return -1;
	loop->first = job->first;
	loop->family = job->family;
	loop->invalidate = job->invalidate;
	*ret = job;
	return 0;
}

#define RUN(step) \
	({ \
		struct loop loop = {.ctx = ctx}; \
		struct bench_job *job; \
		__u64 begun; \
\
		if (job_begin(&loop, &job)) \
			return 0; \
		begun = bpf_ktime_get_ns(); \
		bpf_loop(job->count, step, &loop, 0); \
		job->ns = bpf_ktime_get_ns() - begun; \
		job->passed = loop.passed; \
		job->hits = loop.hits; \
		0; \
	})

SEC("xdp.frags")
int bench_nothing(struct xdp_md *ctx)
{
	return RUN(step_nothing);
}

SEC("xdp.frags")
int bench_parse(struct xdp_md *ctx)
{
	return RUN(step_parse);
}

SEC("xdp.frags")
int bench_one_hash(struct xdp_md *ctx)
{
	return RUN(step_hash);
}

SEC("xdp.frags")
int bench_one_line(struct xdp_md *ctx)
{
	return RUN(step_line);
}

SEC("xdp.frags")
int bench_keyed_line(struct xdp_md *ctx)
{
	return RUN(step_keyed);
}

SEC("xdp.frags")
int bench_begin(struct xdp_md *ctx)
{
	return RUN(step_begin);
}

SEC("xdp.frags")
int bench_rows_alone(struct xdp_md *ctx)
{
	return RUN(step_rows);
}

SEC("xdp.frags")
int bench_cordon(struct xdp_md *ctx)
{
	return RUN(step_cordon);
}

SEC("xdp.frags")
int bench_hits(struct xdp_md *ctx)
{
	return RUN(step_hits);
}

SEC("tc")
int bench_answers(struct __sk_buff *ctx)
{
	return RUN(step_answer);
}

/* The timer's sweep over the buckets first..first+count; `invalidate`: as after a change. */
SEC("tc")
int bench_review(struct __sk_buff *ctx)
{
	struct packet *p = review_packet();
	struct loop loop = {.ctx = ctx};
	struct sweep sweep = {};
	struct bench_job *job;
	__u64 begun;

	if (job_begin(&loop, &job) || !p)
		return 0;
	packet_clear(p, control_word(loop.control), clock_now(loop.control));
	sweep.first = job->first;
	sweep.now = packet_tick(p);
	sweep.all = job->invalidate;
	sweep.generation = p->generation;
	sweep.begun = bpf_ktime_get_boot_ns();
	begun = bpf_ktime_get_ns();
	bpf_loop(job->count, bucket_sweep, &sweep, 0);
	job->ns = bpf_ktime_get_ns() - begun;
	job->passed = !sweep.again;
	job->hits = sweep.done;
	return 0;
}
