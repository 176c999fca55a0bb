/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow cache's sets fill evenly, also with flows that are alike but for one port, and at half its lines nearly all find one. A
 * flow that found its line taken comes home when that is free. Where a SYN goes by the cache, nothing is lost of what it counted.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/kernel.h"
#include "dataplane/ports.h"
#include "lib/clock.h"
#include "cordon.skel.h"
#include "small.h"

#define LO_IFINDEX 1
#define FLOWS 4000
#define LINES (2 * FLOWS) /* a CPU */
#define SET 16            /* lines of the smallest cache there is */
#define PAIRS (SET / 2)   /* as many flows of IPv6 have room there */
#define FEW (2 * SET)     /* flows, of which two are at home on one of those lines */
#define SPORT 10000
#define SYN 0x02
#define ACK 0x10
#define WAIT_NS (10ULL * 1000000000)

static struct dataplane *dp;
static struct small_pair pair;
static char *told;
static uint64_t sent; /* frames of A's */

static void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void send_one(uint64_t from_mac, uint16_t flow, uint8_t flags)
{
	uint8_t bytes[80];
	uint16_t port = (uint16_t)(SPORT + flow);
	uint32_t size = from_mac == MAC_A ? small_tcp(bytes, MAC_A, MAC_B, 10, 11, port, 80, flags, 40)
					  : small_tcp(bytes, MAC_B, MAC_A, 11, 10, 80, port, flags, 40);

	cr_assert(small_passes(dp->xdp_prog, LO_IFINDEX, bytes, size), "flow %u, flags %x", flow, flags);
	sent += from_mac == MAC_A;
}

static void round_send(void)
{
	for (uint16_t i = 0; i < FLOWS; i++)
		send_one(MAC_A, i, ACK);
}

/* `lines` of the cache, a CPU; so many flows, established. */
static void open_with(uint32_t lines, uint16_t flows)
{
	struct dataplane_options options = {.max_devices = 4, .max_flows = 2 * FLOWS, .cached = true,
					   .cache_bytes = (uint64_t)lines * sizeof(struct cache_line) * kernel_cpu_rows()};
	struct dataplane_port port = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = -1, .mac = {2, 0, 0, 0, 0, 1}};
	uint32_t generation;

	stay_on_one_cpu();
	sent = 0;
	cr_assert_eq(dataplane_open(&options, &dp, &told), 0, "%s", told);
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	cr_assert_eq(port_row_move(dp, 1, LO_IFINDEX), 0);
	small_pair(&pair);
	for (int i = 0; i < 2; i++) {
		pair.devices[i].port = 1;
		pair.devices[i].flow_quota = 2 * FLOWS;
	}
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	for (uint16_t i = 0; i < flows; i++) {
		send_one(MAC_A, i, SYN);
		send_one(MAC_B, i, SYN | ACK);
		send_one(MAC_A, i, ACK);
	}
}

static void open_many(void)
{
	open_with(LINES, FLOWS);
}

static void open_few(void)
{
	open_with(SET, FEW);
}

static void open_one(void)
{
	open_with(LINES, 1);
}

static void close_all(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(cache, .init = open_many, .fini = close_all);
TestSuite(cache_set, .init = open_few, .fini = close_all);
TestSuite(cache_syn, .init = open_one, .fini = close_all);

struct sum {
	bool ip6; /* those alone */
	uint64_t packets;
	uint32_t flows, met_since; /* flows whose sender went beyond the cache since `tick` */
	uint32_t tick;
};

static int flow_add(void *ctx, const struct flow *flow)
{
	struct sum *sum = ctx;
	const struct flow_side *side = &flow->side[flow->initiator];

	if ((flow->id.addr[0].byte[0] == 0xfe) != sum->ip6)
		return 0;
	sum->flows++;
	sum->packets += side->packets;
	sum->met_since += side->last > sum->tick;
	return 0;
}

static struct sum flows_sum(uint32_t since, bool ip6)
{
	struct sum sum = {.tick = since, .ip6 = ip6};

	dp->settled = 0;
	cr_assert_eq(dataplane_flows_each(dp, flow_add, &sum), 0);
	stay_on_one_cpu();
	return sum;
}

static uint32_t tick_now(void)
{
	return CORDON_TICKS(__atomic_load_n(&dp->control->now, __ATOMIC_RELAXED));
}

/* Returns the tick that is over. */
static uint32_t tick_wait(void)
{
	uint64_t end = clock_boot_ns() + WAIT_NS;
	uint32_t tick = tick_now();

	while (tick_now() == tick)
		cr_assert_lt(clock_boot_ns(), end, "the kernel's timer stands still");
	return tick;
}

Test(cache, flows_that_differ_in_a_port_alone_find_room)
{
	struct sum sum;
	uint32_t tick;

	for (int i = 0; i < 2; i++) {
		tick = tick_wait();
		round_send();
	}
	sum = flows_sum(tick, false);
	cr_expect_eq(sum.flows, FLOWS);
	cr_expect_lt(sum.met_since, FLOWS / 50, "%u of %u flows went beyond the cache", sum.met_since, FLOWS);
	cr_expect_eq(sum.packets, sent, "%lu packets counted of %lu", (unsigned long)sum.packets, (unsigned long)sent);
}

/* All that is cached is void, and every line free to be taken. */
static void change_anything(void)
{
	__atomic_add_fetch(&dp->control->changes, 1, __ATOMIC_RELEASE);
}

static bool line_is_of(const struct cache_line *line, uint16_t flow)
{
	return ntohs((uint16_t)line->ports) == SPORT + flow && (line->word >> 32) == dp->control->changes;
}

/* Which line the flow has since the last change; SET: none. */
static uint32_t line_of(uint16_t flow)
{
	struct cache_pair pairs[PAIRS];

	for (uint32_t i = 0; i < PAIRS; i++)
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(dp->bpf->maps.cache), &i, &pairs[i]), 0);
	for (uint32_t i = 0; i < SET; i++)
		if (line_is_of(&pairs[i / 2].line[i % 2], flow))
			return i;
	return SET;
}

/* Two flows that would have the same line, had each the cache for itself; *ret_line is that. */
static void same_home(uint16_t ret[2], uint32_t *ret_line)
{
	uint16_t first[SET];

	memset(first, 0xff, sizeof(first));
	for (uint16_t i = 0; i < FEW; i++) {
		change_anything();
		send_one(MAC_A, i, ACK);
		*ret_line = line_of(i);
		cr_assert_lt(*ret_line, SET, "flow %u is not cached", i);
		ret[0] = first[*ret_line];
		ret[1] = i;
		if (ret[0] != 0xffff)
			return;
		first[*ret_line] = i;
	}
	cr_assert_fail("%d flows on %d lines, and no two on one", FEW, SET);
}

Test(cache_set, who_found_his_line_taken_comes_home_when_it_is_free)
{
	uint16_t flow[2];
	uint32_t home;

	same_home(flow, &home);
	change_anything();
	send_one(MAC_A, flow[0], ACK);
	send_one(MAC_A, flow[1], ACK);
	cr_assert_eq(line_of(flow[0]), home);
	cr_assert_neq(line_of(flow[1]), home);
	change_anything();
	send_one(MAC_A, flow[1], ACK);
	cr_expect_eq(line_of(flow[1]), home);
}

/* Between the addresses that the devices' MACs make (RFC 4291 appendix A), which no policy need name. */
static void send_six(uint64_t from_mac, uint16_t flow, uint8_t flags)
{
	bool a = from_mac == MAC_A;
	uint16_t sport = htons(a ? (uint16_t)(SPORT + flow) : 80), dport = htons(a ? 80 : (uint16_t)(SPORT + flow));
	uint8_t mac_a[6] = {2, [5] = 0x0a}, mac_b[6] = {2, [5] = 0x0b}, bytes[74] = {0};
	const uint8_t link_local[16] = {0xfe, 0x80, [11] = 0xff, 0xfe};
	uint8_t *ip = bytes + 14, *tcp = ip + 40;

	memcpy(bytes, a ? mac_b : mac_a, 6);
	memcpy(bytes + 6, a ? mac_a : mac_b, 6);
	memcpy(bytes + 12, (uint8_t[]){0x86, 0xdd}, 2);
	memcpy(ip, (uint8_t[]){0x60, 0, 0, 0, 0, 20, 6, 64}, 8);
	memcpy(ip + 8, link_local, 16);
	memcpy(ip + 24, link_local, 16);
	ip[23] = a ? 0x0a : 0x0b;
	ip[39] = a ? 0x0b : 0x0a;
	memcpy(tcp, &sport, 2);
	memcpy(tcp + 2, &dport, 2);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	cr_assert(small_passes(dp->xdp_prog, LO_IFINDEX, bytes, sizeof(bytes)), "flow %u, flags %x", flow, flags);
}

/* Eight flows that no other way of choosing places all, but by chance: how many went beyond the cache once it had them all. */
static struct sum eight_sum(uint16_t first)
{
	uint32_t tick = 0;

	change_anything();
	for (uint16_t i = first; i < first + PAIRS; i++) {
		send_six(MAC_A, i, SYN);
		send_six(MAC_B, i, SYN | ACK);
		send_six(MAC_A, i, ACK);
	}
	for (int round = 0; round < 2; round++) {
		tick = tick_wait();
		for (uint16_t i = first; i < first + PAIRS; i++)
			send_six(MAC_A, i, ACK);
	}
	return flows_sum(tick, true);
}

Test(cache_set, ipv6_has_all_pairs_of_a_set_to_choose_from)
{
	for (uint16_t i = 1; i <= 8; i++) {
		struct sum sum = eight_sum(i * PAIRS);

		cr_assert_eq(sum.flows, i * PAIRS);
		cr_assert_eq(sum.met_since, 0, "%u of %d flows went beyond the cache", sum.met_since, PAIRS);
	}
}

static bool passes_to_port(uint16_t flow, uint16_t dport)
{
	uint8_t bytes[80];

	return small_passes(dp->xdp_prog, LO_IFINDEX, bytes, small_tcp(bytes, MAC_A, MAC_B, 10, 11, (uint16_t)(SPORT + flow), dport, SYN, 40));
}

static int drop_add(void *ctx, const struct drop_key *key, const struct drop_count *count)
{
	struct drop_count *sum = ctx;

	cr_expect_eq(key->reason, CORDON_REASON_DEFAULT_DENY);
	sum->packets += count->packets;
	sum->suppressed += count->suppressed;
	return 0;
}

/* What the cache denies is told of by nobody: so much of the count is suppressed. */
static struct drop_count drops_sum(void)
{
	struct drop_count sum = {0};

	dp->settled = 0;
	cr_assert_geq(dataplane_drops_each(dp, drop_add, &sum), 0);
	stay_on_one_cpu();
	return sum;
}

Test(cache_syn, after_a_new_flow_a_denied_syn_is_judged_anew)
{
	struct dataplane_device_row before, after;
	struct drop_count sum;

	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &before), 0);
	stay_on_one_cpu();
	for (int i = 0; i < 3; i++)
		cr_expect_not(passes_to_port(FLOWS, 81));
	cr_expect(passes_to_port(FLOWS + 1, 80));
	for (int i = 0; i < 3; i++)
		cr_expect_not(passes_to_port(FLOWS, 81));
	sum = drops_sum();
	cr_expect_eq(sum.packets, 6);
	cr_expect_eq(sum.suppressed, 4, "of each three the first was judged by the tables, and stands in the cache for the others");
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &after), 0);
	cr_expect_eq(after.counters.dropped[CORDON_DIR_FROM_DEVICE].packets - before.counters.dropped[CORDON_DIR_FROM_DEVICE].packets, 6);
	cr_expect_eq(after.counters.flows_started - before.counters.flows_started, 1);
}
