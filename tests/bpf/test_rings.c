/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of events while nobody reads: each that was wanted is emitted, lost or suppressed, and what was emitted is read once. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "small.h"

#define MAC_STRANGER 0x020000000100ULL
#define REFILL (2 * 1000000000ULL) /* ns in which every budget of a device is full again */
#define BURST 128                  /* events that a device may tell at once */
#define ROUNDS 100                 /* of which a ring holds some 43 */

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

typedef uint64_t tally[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT];
static tally wanted, heard;
static struct event_count counts[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT];
static bool heard_common, heard_late; /* a critical one after a common one */

static void open_with_policy(void)
{
	dp = small_private(4);
	small_pair(&pair);
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(rings, .init = open_with_policy, .fini = close_private);

static const struct {
	enum cordon_reason reason;
	enum cordon_ring ring;
	enum cordon_event_kind kind;
} ends[] = {
	{CORDON_REASON_RULE, CORDON_RING_COMMON, CORDON_EVENT_FLOW},
	{CORDON_REASON_DEFAULT_DENY, CORDON_RING_COMMON, CORDON_EVENT_DROP},
	{CORDON_REASON_SPOOFED_SOURCE, CORDON_RING_CRITICAL, CORDON_EVENT_DROP},
	{CORDON_REASON_WRONG_PORT, CORDON_RING_CRITICAL, CORDON_EVENT_DROP},
	{CORDON_REASON_UNKNOWN_DEVICE, CORDON_RING_CRITICAL, CORDON_EVENT_NEW_DEVICE},
	{CORDON_REASON_CUT, CORDON_RING_CRITICAL, CORDON_EVENT_CUT},
	{CORDON_REASON_NONE, CORDON_RING_CRITICAL, CORDON_EVENT_PLACED},
};

static void tally_add(tally to, enum cordon_reason reason, int kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (ends[i].reason != reason)
			continue;
		cr_expect(kind < 0 || kind == (int)ends[i].kind, "reason %d as kind %d", reason, kind);
		to[ends[i].ring][ends[i].kind]++;
		return;
	}
	cr_assert_fail("reason %d is not expected", reason);
}

static void ask(enum cordon_reason reason, uint32_t port, uint64_t mac, uint8_t from, uint8_t to, uint16_t dport)
{
	struct dataplane_verdict v = small_ask(dp, port, mac, mac == MAC_B ? MAC_A : MAC_B, from, to, dport);

	cr_assert_eq(v.reason, reason, "%d instead of %d", v.reason, reason);
	tally_add(wanted, v.reason, -1);
}

static void a_is_let_in(void)
{
	ask(CORDON_REASON_RULE, 1, MAC_A, 10, 11, 80);
}

static void a_is_denied(void)
{
	ask(CORDON_REASON_DEFAULT_DENY, 1, MAC_A, 10, 11, 81);
}

static void b_is_denied(void)
{
	ask(CORDON_REASON_DEFAULT_DENY, 2, MAC_B, 11, 10, 81);
}

static void a_spoofs(void)
{
	ask(CORDON_REASON_SPOOFED_SOURCE, 1, MAC_A, 11, 1, 80);
}

static void stolen(void)
{
	ask(CORDON_REASON_WRONG_PORT, 1, MAC_B, 11, 10, 80);
}

static void stranger(void)
{
	ask(CORDON_REASON_UNKNOWN_DEVICE, 1, MAC_STRANGER, 100, 11, 80);
}

static void set(struct dataplane_device *device)
{
	cr_assert_eq(dataplane_device_set(dp, device, &told), 0, "%s", told);
}

/* b speaks where it has no place yet. */
static void placed(void)
{
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[1].key), 0);
	pair.devices[1].port = CORDON_PORT_NONE;
	set(&pair.devices[1]);
	wanted[CORDON_RING_CRITICAL][CORDON_EVENT_PLACED]++;
	b_is_denied();
}

/* A flow of a's, cut by its next packet. */
static void cut(void)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
		cr_assert_eq(v.reason, i ? CORDON_REASON_CUT : CORDON_REASON_RULE, "%d", v.reason);
		tally_add(wanted, v.reason, -1);
		pair.devices[0].class = pair.addresses[0].class = i ? CLASS_A : CLASS_UNKNOWN;
		set(&pair.devices[0]);
	}
}

static void critical_ones(void)
{
	a_spoofs();
	stolen();
	stranger();
	placed();
	cut();
}

static void times(int n, void (*what)(void))
{
	while (n--)
		what();
}

/* Nothing that was wanted is left out of the counts, whatever became of it. */
static void expect_sums(void)
{
	dataplane_events_counts(dp, counts);
	for (int ring = 0; ring < CORDON_RING_COUNT; ring++) {
		for (int kind = 0; kind < CORDON_EVENT_KIND_COUNT; kind++) {
			const struct event_count *c = &counts[ring][kind];

			cr_expect_eq(c->emitted + c->lost + c->suppressed, wanted[ring][kind],
				     "ring %d kind %d: %llu emitted, %llu lost, %llu suppressed of %llu", ring, kind, c->emitted, c->lost,
				     c->suppressed, (unsigned long long)wanted[ring][kind]);
			cr_expect_eq(c->read, heard[ring][kind], "ring %d kind %d: %llu counted as read, %llu were", ring, kind, c->read,
				     (unsigned long long)heard[ring][kind]);
		}
	}
}

static void hear(void *ctx, const struct event *event)
{
	bool critical = event->kind != CORDON_EVENT_FLOW && event->reason != CORDON_REASON_DEFAULT_DENY;

	(void)ctx;
	heard_late |= critical && heard_common;
	heard_common |= !critical;
	tally_add(heard, event->reason, event->kind);
}

static void read_all(void)
{
	while (dataplane_events_poll(dp, hear, NULL) > 0)
		;
	expect_sums();
	for (int ring = 0; ring < CORDON_RING_COUNT; ring++)
		for (int kind = 0; kind < CORDON_EVENT_KIND_COUNT; kind++)
			cr_expect_eq(counts[ring][kind].emitted, counts[ring][kind].read, "ring %d kind %d: %llu emitted, %llu read", ring, kind,
				     counts[ring][kind].emitted, counts[ring][kind].read);
}

/* Until the ring has lost some, or for too long. */
static void flood(void)
{
	const struct event_count *drops = &counts[CORDON_RING_COMMON][CORDON_EVENT_DROP];

	for (int i = 0; i < ROUNDS && drops->lost < BURST; i++) {
		cr_assert_eq(dataplane_clock_advance(dp, REFILL), 0);
		times(BURST, a_is_denied);
		times(BURST, b_is_denied);
		dataplane_events_counts(dp, counts);
	}
	cr_assert_geq(drops->lost, BURST, "the ring is not full");
}

Test(rings, a_flood_fills_its_own_ring_and_spends_its_own_budgets)
{
	times(50, a_is_let_in);
	times(3 * BURST, a_is_denied);
	expect_sums();
	cr_expect_gt(counts[CORDON_RING_COMMON][CORDON_EVENT_DROP].suppressed, 0, "the budget of a");
	flood();
	times(3 * BURST, a_is_denied);
	critical_ones();
	expect_sums();
	for (int kind = 0; kind < CORDON_EVENT_KIND_COUNT; kind++)
		cr_expect_eq(counts[CORDON_RING_CRITICAL][kind].emitted, wanted[CORDON_RING_CRITICAL][kind], "kind %d", kind);
	read_all();
	cr_expect(heard_common && !heard_late, "critical ones are read first");
	/* And again, for what was read makes room. */
	cr_assert_eq(dataplane_clock_advance(dp, REFILL), 0);
	a_is_denied();
	critical_ones();
	read_all();
	cr_expect_eq(counts[CORDON_RING_CRITICAL][CORDON_EVENT_CUT].read, 2);
}

Test(rings, what_is_critical_spends_nothing_of_the_others)
{
	times(3 * BURST, a_spoofs);
	times(3 * BURST, stolen);
	expect_sums();
	cr_expect_gt(counts[CORDON_RING_CRITICAL][CORDON_EVENT_DROP].suppressed, 0);
	times(BURST / 2, a_is_denied);
	a_is_let_in();
	expect_sums();
	cr_expect_eq(counts[CORDON_RING_COMMON][CORDON_EVENT_DROP].emitted, BURST / 2);
	cr_expect_eq(counts[CORDON_RING_COMMON][CORDON_EVENT_FLOW].emitted, 1);
	read_all();
}

static uint64_t frames;

static void count_frames(void *ctx, const struct event *event)
{
	(void)ctx;
	frames += event->kind == CORDON_EVENT_DROP ? event->count : 0;
}

/* A flow that was not told of is no frame that was dropped. */
Test(rings, what_was_suppressed_is_told_with_the_next)
{
	times(BURST, a_is_denied);
	times(BURST / 2, a_is_let_in);
	times(BURST, a_is_denied);
	times(2 * BURST, a_spoofs);
	cr_assert_eq(dataplane_clock_advance(dp, REFILL), 0);
	a_is_denied();
	a_spoofs();
	while (dataplane_events_poll(dp, count_frames, NULL) > 0)
		;
	cr_expect_eq(frames, 4 * BURST + 2, "%llu frames", (unsigned long long)frames);
}
