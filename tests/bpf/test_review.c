/* SPDX-License-Identifier: Apache-2.0 */
/* What changes reaches flows for which no packet comes: the kernel's timer judges them, and nobody calls anything meanwhile. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cordon/flow_time.h>

#include "dataplane/plane.h"
#include "lib/clock.h"
#include "small.h"

#define S CORDON_SECOND
#define MAC_C 0x02000000000cULL
#define GIVE_UP (60 * S)

enum { IDLE = 4000, KEPT = 5000, SPEAKS = 6000 }; /* ports of flows that policy shall end, that it goes on allowing, that get a packet */

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void apply(struct image *image, uint64_t confirm_ns)
{
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = 2, .confirm_ns = confirm_ns};

	cr_assert_eq(dataplane_apply(dp, &what, &generation, &told), 0, "%s", told);
	small_done(image);
}

static void open_with_policy(void)
{
	dp = small_ticking(16);
	small_pair(&pair);
	apply(small_image(CLASS_A, CLASS_B, 80), 0);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(review, .init = open_with_policy, .fini = close_private, .timeout = 110);

static void set(const struct dataplane_device *device)
{
	cr_assert_eq(dataplane_device_set(dp, device, &told), 0, "%s", told);
}

static enum cordon_reason speak(uint16_t sport, uint16_t dport)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v = {0};

	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, sport, dport);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	return v.reason;
}

/* a opens a port of b that the first policy allows, and one that every policy here does. */
static void begin(void)
{
	cr_assert_eq(speak(IDLE, 80), CORDON_REASON_RULE);
	cr_assert_eq(speak(KEPT, SMALL_ALWAYS), CORDON_REASON_RULE);
}

struct wanted {
	uint16_t sport;
	bool found;
	struct flow *flow;
};

static int find(void *ctx, const struct flow *flow)
{
	struct wanted *wanted = ctx;

	if (flow->id.port[flow->initiator & 1] != wanted->sport)
		return 0;
	*wanted->flow = *flow;
	wanted->found = true;
	return 1;
}

static bool lives(uint16_t sport, struct flow *ret)
{
	struct wanted wanted = {.sport = sport, .flow = ret};

	cr_assert_eq(dataplane_flows_each(dp, find, &wanted), 0);
	return wanted.found;
}

static bool is_live(uint16_t sport)
{
	struct flow flow;

	return lives(sport, &flow);
}

/* Until the sweep has been at every row since the call: it has come by its beginning twice. */
static void round_ends(void)
{
	uint64_t start = clock_boot_ns();
	uint32_t last = dp->control->sweep_next;

	for (int times = 0; times < 2;) {
		uint32_t next = __atomic_load_n(&dp->control->sweep_next, __ATOMIC_ACQUIRE);

		times += next < last;
		last = next;
		cr_assert_lt(clock_boot_ns() - start, GIVE_UP, "the sweep stands still");
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static uint32_t owned(unsigned int device)
{
	struct dataplane_device_row row = {0};

	cr_assert_eq(dataplane_device_read(dp, pair.devices[device].key, &row), 0);
	return row.flows[CORDON_DIR_FROM_DEVICE];
}

static void expect_cut(const char *why)
{
	round_ends();
	cr_expect_not(is_live(IDLE), "%s", why);
}

Test(review, a_policy_that_does_not_allow_it)
{
	struct flow before, after;

	begin();
	cr_assert(lives(KEPT, &before));
	apply(small_image(CLASS_A, CLASS_B, 81), 0);
	expect_cut("policy");
	cr_assert(lives(KEPT, &after), "what the policy goes on allowing");
	cr_expect_eq(after.generation, generation, "judged anew");
	after.generation = before.generation;
	cr_expect_arr_eq(&after, &before, sizeof(after), "nothing else of it changed");
}

static int ended;
static struct flow record;

static void remember(void *ctx, const struct flow *flow)
{
	(void)ctx;
	ended++;
	record = *flow;
}

Test(review, its_quota_is_given_back_and_its_record_told)
{
	begin();
	cr_expect_eq(owned(0), 2);
	apply(small_image(CLASS_A, CLASS_B, 81), 0);
	expect_cut("policy");
	cr_expect_eq(owned(0), 1);
	cr_expect_eq(dp->usage->flows, 1);
	cr_expect_eq(dataplane_flows_sweep(dp, remember, NULL), 1);
	cr_expect_eq(ended, 1);
	cr_expect_eq(record.state, CORDON_FLOW_CUT);
	cr_expect_eq(record.side[0].packets, 1);
	cr_expect_eq(record.side[0].bytes, 40);
	cr_expect_eq(dataplane_flows_sweep(dp, remember, NULL), 0, "and not again");
	cr_expect_eq(owned(0), 1);
}

static struct event cut;
static int cuts;

static void hear(void *ctx, const struct event *event)
{
	(void)ctx;
	if (event->kind != CORDON_EVENT_CUT)
		return;
	cut = *event;
	cuts++;
}

Test(review, an_event_tells_of_no_frame)
{
	struct address from = small_address(10), to = small_address(11);

	begin();
	apply(small_image(CLASS_A, CLASS_B, 81), 0);
	expect_cut("policy");
	while (dataplane_events_poll(dp, hear, NULL) > 0)
		;
	cr_assert_eq(cuts, 1);
	cr_expect_eq(cut.count, 0);
	cr_expect_eq(cut.reason, CORDON_REASON_CUT);
	cr_expect_eq(cut.verdict, CORDON_VERDICT_DENY);
	cr_expect_eq(cut.port, 1);
	cr_expect_eq(cut.generation, generation);
	cr_expect_eq(cut.sport, IDLE);
	cr_expect_eq(cut.dport, 80);
	cr_expect_arr_eq(&cut.src, &from, sizeof(from));
	cr_expect_arr_eq(&cut.dst, &to, sizeof(to));
}

Test(review, a_quarantine_of_either_end)
{
	for (int end = 0; end < 2; end++) {
		begin();
		cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[end].key, true, 0), 0);
		expect_cut(end ? "responder" : "initiator");
		cr_expect_not(is_live(KEPT), "a quarantine leaves nothing");
		cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[end].key, false, 0), 0);
	}
}

Test(review, a_class_of_either_end)
{
	for (int end = 0; end < 2; end++) {
		uint16_t class = pair.devices[end].class;

		begin();
		pair.devices[end].class = pair.addresses[end].class = CLASS_UNKNOWN;
		set(&pair.devices[end]);
		expect_cut(end ? "responder" : "initiator");
		pair.devices[end].class = pair.addresses[end].class = class;
		set(&pair.devices[end]);
	}
}

Test(review, what_does_not_concern_it)
{
	struct flow before, after;

	begin();
	cr_assert(lives(IDLE, &before));
	pair.devices[0].port = 2;
	set(&pair.devices[0]);
	pair.devices[0].until = pair.addresses[0].until = dataplane_now(dp) + 3600 * S;
	set(&pair.devices[0]);
	round_ends();
	cr_assert(lives(IDLE, &after), "it moved, and got a lease");
	cr_expect_eq(after.until, CORDON_TICKS(pair.devices[0].until) + 1, "which the flow knows");
	cr_expect_gt(after.side[0].device_generation, before.side[0].device_generation);
	cr_expect_eq(after.side[0].packets, 1);
	cr_expect_eq(owned(0), 2);
}

Test(review, a_device_that_is_gone)
{
	begin();
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[1].key), 0);
	expect_cut("responder");
	set(&pair.devices[1]);
	begin();
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	expect_cut("initiator");
	cr_expect_eq(dp->usage->flows, 0);
}

Test(review, the_lease_of_a_device)
{
	for (int end = 0; end < 2; end++) {
		pair.devices[end].until = dataplane_now(dp) + 10 * S;
		set(&pair.devices[end]);
		begin();
		round_ends();
		cr_expect(is_live(IDLE), "before its time");
		dataplane_clock_advance(dp, 10 * S);
		expect_cut(end ? "responder" : "initiator");
		pair.devices[end].until = 0;
		set(&pair.devices[end]);
	}
}

Test(review, the_lease_of_an_address)
{
	for (int end = 0; end < 2; end++) {
		pair.addresses[end].until = dataplane_now(dp) + 10 * S;
		set(&pair.devices[end]);
		begin();
		round_ends();
		cr_expect(is_live(IDLE), "before its time");
		dataplane_clock_advance(dp, 10 * S);
		expect_cut(end ? "responder" : "initiator");
		pair.addresses[end].until = 0;
		set(&pair.devices[end]);
	}
}

/* Who goes on by it only a packet tells; but whoever it is may not. */
Test(review, an_address_that_is_anothers_now)
{
	struct dataplane_address address;
	struct dataplane_device c = small_device(MAC_C, CLASS_A, 1, 10, &address);
	struct flow flow;

	begin();
	round_ends(); /* of the policy's coming, for which every address was looked up */
	set(&c);
	round_ends();
	cr_assert(lives(IDLE, &flow));
	cr_expect_eq(flow.side[0].packets, 1);
	cr_expect_eq(owned(0), 2, "the other has not spoken");
	c.class = address.class = CLASS_UNKNOWN;
	set(&c);
	expect_cut("the other may not");
	cr_expect_eq(owned(0), 0);
}

static struct image *timed_image(uint64_t end)
{
	static struct window_version versions[2];
	static struct image_window windows[2];
	struct image *image = small_image(CLASS_A, CLASS_B, 80);
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = 2, .windows = versions, .n_windows = 2};

	versions[1] = (struct window_version){.edge = {end}, .n = 1, .open_first = 1};
	image->verdicts[1].window = 1;
	image->windows = windows;
	image->n_windows = 2;
	cr_assert_eq(dataplane_apply(dp, &what, &generation, &told), 0, "%s", told);
	return image;
}

Test(review, the_edge_of_a_window)
{
	struct image *image = timed_image(dataplane_now(dp) + 10 * S);
	uint32_t changes;

	begin();
	round_ends();
	cr_expect(is_live(IDLE), "before its time");
	changes = dp->control->changes;
	dataplane_clock_advance(dp, 10 * S);
	expect_cut("closed");
	cr_expect(is_live(KEPT), "what no window closes");
	cr_expect_eq(dp->control->changes, changes, "nobody said anything");
	small_done(image);
}

Test(review, an_unconfirmed_policy_that_goes)
{
	apply(small_image(CLASS_A, CLASS_B, 443), 10 * S);
	cr_assert_eq(speak(IDLE, 443), CORDON_REASON_RULE);
	round_ends();
	cr_expect(is_live(IDLE), "before its time");
	dataplane_clock_advance(dp, 10 * S);
	expect_cut("taken back");
}

/* In audit a denial goes on; the row says so as it would after a packet. */
Test(review, audit_lets_it_live_as_a_packet_would)
{
	struct flow idle, spoke;

	pair.devices[0].mode = pair.devices[1].mode = CORDON_MODE_AUDIT;
	pair.devices[0].side_flags = SIDE_UNAUTHENTICATED;
	apply(small_image(CLASS_A, CLASS_B, 80), 0);
	begin();
	cr_assert_eq(speak(SPEAKS, 80), CORDON_REASON_RULE);
	apply(small_image(CLASS_A, CLASS_B, 81), 0);
	cr_assert_eq(speak(SPEAKS, 80), CORDON_REASON_UNAUTHENTICATED);
	round_ends();
	cr_assert(lives(IDLE, &idle));
	cr_assert(lives(SPEAKS, &spoke));
	cr_expect_eq(idle.verdict, CORDON_VERDICT_WOULD_DENY);
	cr_expect_eq(idle.side[0].packets, 1);
	cr_expect_eq(spoke.side[0].packets, 2);
	for (int i = 0; i < 2; i++) {
		idle.side[i] = spoke.side[i];
		idle.id.port[i] = spoke.id.port[i];
	}
	idle.birth = spoke.birth;
	cr_expect_arr_eq(&idle, &spoke, sizeof(idle), "but for its packets the two are alike");

	pair.devices[0].mode = CORDON_MODE_ENFORCE;
	set(&pair.devices[0]);
	expect_cut("enforced again");
	cr_expect(is_live(KEPT));
}

Test(review, the_brake_holds_it_while_it_is_pulled)
{
	begin();
	dataplane_brake(dp, true);
	apply(small_image(CLASS_A, CLASS_B, 81), 0);
	round_ends();
	cr_expect(is_live(IDLE), "braked");
	dataplane_brake(dp, false);
	expect_cut("let go");
	cr_expect(is_live(KEPT));
}

/* A lease that ends makes its device unknown, and what its port does with the unknown is the port's affair. */
Test(review, a_port_in_audit_lets_the_unknown_live)
{
	struct dataplane_port port = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = CORDON_MODE_AUDIT, .mac = {2, 0, 0, 0, 0, 1}};

	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	pair.devices[0].until = dataplane_now(dp) + 10 * S;
	set(&pair.devices[0]);
	begin();
	dataplane_clock_advance(dp, 10 * S);
	round_ends();
	cr_expect(is_live(IDLE));
	port.mode = CORDON_MODE_ENFORCE;
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	expect_cut("enforced");
}

/* A SYN from fe80::ff:fe00:a to fe80::ff:fe00:b, which their MACs make: no binding knows them. */
static void speak6(uint16_t sport)
{
	uint8_t bytes[74] = {2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 0x86, 0xdd, 0x60};
	uint8_t *ip = bytes + 14, *tcp = ip + 40;
	static const uint8_t from[16] = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 0x0a}, to[16] = {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 0x0b};
	struct dataplane_frame frame = {.bytes = bytes, .size = sizeof(bytes), .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v = {0};

	ip[5] = 20;
	ip[6] = 6;
	ip[7] = 64;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
	memcpy(tcp, (uint8_t[]){(uint8_t)(sport >> 8), (uint8_t)sport, 0, 80}, 4);
	tcp[12] = 5 << 4;
	tcp[13] = 0x02;
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_assert_eq(v.reason, CORDON_REASON_RULE, "reason %u", v.reason);
}

Test(review, a_link_local_address_is_its_devices_or_waits_for_a_packet)
{
	struct flow flow;

	speak6(IDLE);
	cr_assert(lives(IDLE, &flow));
	cr_assert_geq(flow.side[1].device, CORDON_DEVICE_FIRST);
	pair.devices[0].flow_quota = 7;
	pair.devices[0].side_flags = SIDE_UNAUTHENTICATED;
	set(&pair.devices[0]);
	round_ends();
	cr_expect(is_live(IDLE), "still allowed");
	cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[1].key, true, 0), 0);
	expect_cut("quarantine");
	cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[1].key, false, 0), 0);
	speak6(SPEAKS);
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[1].key), 0);
	round_ends();
	cr_expect(is_live(SPEAKS), "by which MAC it would go on nobody knows");
}
