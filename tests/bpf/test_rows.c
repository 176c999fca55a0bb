/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <cordon/hash.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "small.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

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

TestSuite(rows, .init = open_with_policy, .fini = close_private);

static enum cordon_reason a_to_b(uint16_t port)
{
	return small_ask(dp, 1, MAC_A, MAC_B, 10, 11, port).reason;
}

static void must_set(const struct dataplane_device *device)
{
	cr_assert_eq(dataplane_device_set(dp, device, &told), 0, "%s", told);
}

static uint32_t row_of(uint64_t key)
{
	struct dataplane_device_row row = {0};

	dataplane_device_read(dp, key, &row);
	return row.row;
}

Test(rows, a_class_changes_at_once)
{
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	pair.devices[0].class = pair.addresses[0].class = CLASS_UNKNOWN;
	must_set(&pair.devices[0]);
	cr_expect_eq(a_to_b(80), CORDON_REASON_DEFAULT_DENY);
}

Test(rows, a_change_reaches_a_live_flow_from_either_end)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	for (int end = 0; end < 2; end++) {
		uint16_t class = pair.devices[end].class;

		frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, 4000 + (uint16_t)end, 80);
		cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
		cr_expect_eq(v.reason, CORDON_REASON_RULE);
		pair.devices[end].class = pair.addresses[end].class = CLASS_UNKNOWN;
		must_set(&pair.devices[end]);
		cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
		cr_expect_eq(v.reason, CORDON_REASON_CUT);
		pair.devices[end].class = pair.addresses[end].class = class;
		must_set(&pair.devices[end]);
	}
}

Test(rows, a_quarantine_reaches_a_live_flow_and_its_end_lets_it_start_again)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect(v.pass);
	pair.devices[1].quarantined = true;
	must_set(&pair.devices[1]);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_not(v.pass);
	pair.devices[1].quarantined = false;
	must_set(&pair.devices[1]);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
}

Test(rows, a_removed_device_is_unknown_and_its_address_nobodys)
{
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	cr_expect_eq(a_to_b(80), CORDON_REASON_UNKNOWN_DEVICE);
	cr_expect_eq(small_ask(dp, 2, MAC_B, MAC_GATEWAY, 10, 1, 80).reason, CORDON_REASON_BAD_SOURCE);
	cr_expect_eq(dataplane_device_remove(dp, pair.devices[0].key), -ENOENT);
	must_set(&pair.devices[0]);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
}

Test(rows, an_address_is_handed_over_live)
{
	struct dataplane_usage usage;
	struct dataplane_device c = pair.devices[1];

	c.addresses = &(struct dataplane_address){.address = small_address(10), .class = CLASS_B};
	must_set(&c);
	cr_expect_eq(a_to_b(80), CORDON_REASON_SPOOFED_SOURCE);
	cr_expect_eq(small_ask(dp, 2, MAC_B, MAC_GATEWAY, 10, 1, 80).reason, CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.bindings, 2, "10.0.0.10, and the gateway's; 10.0.0.11 is nobody's now");
	/* The device that lost it does not take the new owner's row away when it is told so. */
	pair.devices[0].n_addresses = 0;
	must_set(&pair.devices[0]);
	cr_expect_eq(small_ask(dp, 2, MAC_B, MAC_GATEWAY, 10, 1, 80).reason, CORDON_REASON_DEFAULT_DENY);
}

Test(rows, the_gateways_address_is_not_given_away)
{
	pair.addresses[0].address = small_address(1);
	cr_expect_eq(dataplane_device_set(dp, &pair.devices[0], &told), -EEXIST);
	cr_expect(strstr(told, "10.0.0.1"), "%s", told);
}

Test(rows, saying_the_same_again_changes_nothing)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	for (int i = 0; i < 50; i++) {
		must_set(&pair.devices[0]);
		must_set(&pair.devices[1]);
	}
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_eq(v.reason, CORDON_REASON_ESTABLISHED);
}

Test(rows, a_table_that_is_full_says_so_and_has_room_again)
{
	struct dataplane_device more[3];
	struct dataplane_address addresses[3];

	for (uint8_t i = 0; i < 3; i++)
		more[i] = small_device(0x020000000100ULL + i, CLASS_A, 1, 100 + i, &addresses[i]);
	must_set(&more[0]);
	must_set(&more[1]);
	cr_expect_eq(dataplane_device_set(dp, &more[2], &told), -E2BIG);
	cr_expect(strstr(told, "all 4 device rows"), "%s", told);
	cr_assert_eq(dataplane_device_remove(dp, more[0].key), 0);
	must_set(&more[2]);
	cr_expect_eq(small_ask(dp, 1, 0x020000000102ULL, MAC_B, 102, 11, 80).reason, CORDON_REASON_RULE);
	cr_expect_eq(small_ask(dp, 1, 0x020000000100ULL, MAC_B, 100, 11, 80).reason, CORDON_REASON_UNKNOWN_DEVICE);
}

static int count_drops(void *ctx, const struct drop_key *key, const struct drop_count *count)
{
	uint64_t *by_row = ctx;

	by_row[key->device] += count->packets;
	return 0;
}

Test(rows, a_row_goes_to_its_next_owner_clean)
{
	uint32_t row = row_of(pair.devices[0].key), reused = 0;
	uint64_t drops[8] = {0};
	struct dataplane_device_row read;
	struct dataplane_device next;
	struct dataplane_address address;

	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	cr_expect_eq(a_to_b(81), CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &read), 0);
	cr_expect_eq(read.counters.passed[CORDON_DIR_FROM_DEVICE].packets, 1);
	cr_expect_eq(read.counters.dropped[CORDON_DIR_FROM_DEVICE].packets, 1);
	cr_expect_eq(read.counters.flows_started, 1);
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), 1, "the flow it owned ends with it");

	for (uint8_t i = 0; i < 3 && reused != row; i++) {
		next = small_device(0x020000000200ULL + i, CLASS_A, 1, 100 + i, &address);
		must_set(&next);
		reused = row_of(next.key);
	}
	cr_assert_eq(reused, row, "with four rows the fourth device gets it");
	cr_assert_eq(dataplane_device_read(dp, next.key, &read), 0);
	cr_expect_eq(memcmp(&read.counters, &(struct device_counters){0}, sizeof(read.counters)), 0);
	cr_assert_eq(dataplane_drops_each(dp, count_drops, drops), 0);
	cr_expect_eq(drops[row], 0);
}

Test(rows, flows_are_swept_when_their_time_is_over)
{
	struct dataplane_usage usage;

	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.flows, 1);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), 0);
	cr_assert_eq(dataplane_clock_advance(dp, 31ULL * 1000000000), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), 1);
	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.flows, 0);
}

static int count_flow(void *ctx, const struct flow *flow)
{
	(void)flow;
	++*(int *)ctx;
	return 0;
}

Test(rows, a_walk_meets_every_flow_once)
{
	int n = 0;

	for (int i = 0; i < 100; i++)
		a_to_b(80);
	cr_assert_eq(dataplane_flows_each(dp, count_flow, &n), 0);
	cr_expect_eq(n, 100);
	cr_assert_eq(dataplane_flows_clear(dp), 0);
	n = 0;
	cr_assert_eq(dataplane_flows_each(dp, count_flow, &n), 0);
	cr_expect_eq(n, 0);
}

Test(rows, one_device_cannot_fill_the_flow_table)
{
	/* 1,024 flows in all, an eighth for a device without a limit of its own. */
	for (int i = 0; i < 128; i++)
		cr_assert_eq(a_to_b(80), CORDON_REASON_RULE, "flow %d", i);
	cr_expect_eq(a_to_b(80), CORDON_REASON_FLOW_QUOTA);
}

static void keep_event(void *ctx, const struct event *event)
{
	*(struct event *)ctx = *event;
}

Test(rows, a_drop_is_told)
{
	struct event event = {0};

	dataplane_events_poll(dp, keep_event, &event);
	cr_expect_eq(a_to_b(81), CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(dataplane_events_poll(dp, keep_event, &event), 1);
	cr_expect_eq(event.kind, CORDON_EVENT_DROP);
	cr_expect_eq(event.reason, CORDON_REASON_DEFAULT_DENY);
	cr_expect_eq(event.dport, 81);
	cr_expect_eq(event.device, row_of(pair.devices[0].key));
	cr_expect_eq(dataplane_device_key(dp, event.device), pair.devices[0].key);
}

Test(rows, a_frame_that_the_kernel_will_not_run_is_told_apart)
{
	uint8_t bytes[4096] = {0};
	struct dataplane_frame frame = {.bytes = bytes, .size = 10, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect(v.unrunnable);
	small_syn(bytes, MAC_GATEWAY, MAC_A, 1, 10, 4000, 80);
	frame.dir = CORDON_DIR_TO_DEVICE;
	frame.size = sizeof(bytes);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect(v.unrunnable);
	frame.size = 54;
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_not(v.unrunnable);
	cr_expect_eq(v.reason, CORDON_REASON_DEFAULT_DENY);
}

/* --- index --- */

#define MAC_C 0x02000000000cULL
#define NOT_C 0xff000000U /* what junk slots have for a tag, where that is not the key's */

static struct index_place place_of(uint64_t mac)
{
	struct index_place place;

	index_place_of_device(dp->control, DEVICE_KEY(mac, 0), dp->device_index.n_lines, &place);
	return place;
}

/* Takes what is empty in a line; each slot leads to device a, of which nothing there is true. */
static uint32_t line_fill(struct index_line *line, uint32_t tag)
{
	uint32_t junk = (tag ^ NOT_C ? NOT_C : NOT_C ^ 0x01000000U) | row_of(pair.devices[0].key);

	for (int way = 0; way < CORDON_INDEX_SLOTS; way++)
		if (!line->slot[way])
			line->slot[way] = junk;
	return junk;
}

static void line_empty(struct index_line *line, uint32_t junk)
{
	for (int way = 0; way < CORDON_INDEX_SLOTS; way++)
		if (line->slot[way] == junk)
			line->slot[way] = 0;
}

Test(rows, a_device_without_room_in_the_index_is_refused_and_harms_nobody)
{
	struct index_place place = place_of(MAC_C);
	struct index_line *lines[2] = {&dp->device_lines[place.line[0]], &dp->device_lines[place.line[1]]};
	struct dataplane_address address;
	struct dataplane_device three[3] = {pair.devices[0], pair.devices[1], small_device(MAC_C, CLASS_A, 1, 12, &address)};
	uint32_t junk = line_fill(lines[0], place.tag), now;

	line_fill(lines[1], place.tag);
	cr_expect_eq(dataplane_device_set(dp, &three[2], &told), -EXFULL);
	cr_expect(strstr(told, "index of devices") && strstr(told, "02000000000c/0") && strstr(told, "raise capacity"), "%s", told);
	free(told);
	told = NULL;
	cr_expect_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 81), three, 3, &now, &told), -EXFULL);
	cr_expect(strstr(told, "index of devices") && strstr(told, "the policy in force stays"), "%s", told);
	cr_expect_eq(dataplane_generation(dp), generation);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	line_empty(lines[0], junk);
	line_empty(lines[1], junk);
	must_set(&three[2]);
	cr_expect_eq(small_ask(dp, 1, MAC_C, MAC_B, 12, 11, 80).reason, CORDON_REASON_RULE);
}

Test(rows, an_address_without_room_in_the_index_is_refused_and_harms_nobody)
{
	struct dataplane_address address;
	struct dataplane_device c = small_device(MAC_C, CLASS_A, 1, 12, &address);
	struct index_place place;
	uint32_t junk;

	index_place_of_address(dp->control, &address.address, dp->binding_index.n_lines, &place);
	junk = line_fill(&dp->binding_lines[place.line[0]], place.tag);
	line_fill(&dp->binding_lines[place.line[1]], place.tag);
	cr_expect_eq(dataplane_device_set(dp, &c, &told), -EXFULL);
	cr_expect(strstr(told, "index of addresses") && strstr(told, "10.0.0.12"), "%s", told);
	cr_expect_eq(row_of(c.key), 0);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	line_empty(&dp->binding_lines[place.line[0]], junk);
	must_set(&c);
	cr_expect_eq(small_ask(dp, 1, MAC_C, MAC_B, 12, 11, 80).reason, CORDON_REASON_RULE);
}

/* Whose first line is full is found in the second, for as long as it is there. */
Test(rows, a_device_is_found_in_its_second_line)
{
	struct index_place place = place_of(MAC_C);
	struct dataplane_address address;
	struct dataplane_device c = small_device(MAC_C, CLASS_A, 1, 12, &address);

	line_fill(&dp->device_lines[place.line[0]], place.tag);
	must_set(&c);
	cr_expect_eq(dp->device_lines[place.line[0]].spilled, 1);
	cr_expect_eq(small_ask(dp, 1, MAC_C, MAC_B, 12, 11, 80).reason, CORDON_REASON_RULE);
	cr_assert_eq(dataplane_device_remove(dp, c.key), 0);
	cr_expect_eq(dp->device_lines[place.line[0]].spilled, 0);
	cr_expect_eq(small_ask(dp, 1, MAC_C, MAC_B, 12, 11, 80).reason, CORDON_REASON_UNKNOWN_DEVICE);
}
