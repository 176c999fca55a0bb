/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a place on a port by speaking there first. Port 1 is bounded, port 2 is not. */
#include <criterion/criterion.h>
#include <errno.h>

#include "lib/addr.h"
#include "small.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void open_with_policy(void)
{
	struct dataplane_port bounded = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = -1, .bounded = true, .mac = {2, 0, 0, 0, 0, 1}};

	dp = small_private(4);
	cr_assert_eq(dataplane_port_declare(dp, &bounded), 0);
	small_pair(&pair);
	pair.devices[0].port = CORDON_PORT_NONE;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(place, .init = open_with_policy, .fini = close_private);

static enum cordon_reason a_speaks_on(uint32_t port)
{
	return small_ask(dp, port, MAC_A, MAC_B, 10, 11, 80).reason;
}

static uint32_t place_of(unsigned int device)
{
	struct dataplane_device_row row;

	cr_assert_eq(dataplane_device_read(dp, pair.devices[device].key, &row), 0);
	return row.port;
}

static bool is_key(void *ctx, uint64_t key)
{
	return key == *(uint64_t *)ctx;
}

static void keep_event(void *ctx, const struct event *event)
{
	*(struct event *)ctx = *event;
}

Test(place, speaking_first_takes_one)
{
	cr_expect_eq(a_speaks_on(2), CORDON_REASON_RULE);
	cr_expect_eq(place_of(0), 2);
	cr_expect_eq(a_speaks_on(1), CORDON_REASON_WRONG_PORT);
}

Test(place, on_a_bounded_port_the_engine_is_asked)
{
	struct event event = {0};

	cr_expect_eq(a_speaks_on(1), CORDON_REASON_NO_PLACE);
	cr_expect_eq(place_of(0), CORDON_PORT_NONE);
	cr_assert_geq(dataplane_events_poll(dp, keep_event, &event), 1);
	cr_expect_eq(event.kind, CORDON_EVENT_NEW_DEVICE);
	cr_expect_eq(event.port, 1);
	cr_expect_eq(device_key(event.src_mac, event.vlan & 0xfff), pair.devices[0].key);

	cr_assert_eq(dataplane_device_settle(dp, pair.devices[0].key, 1), 0);
	cr_expect_eq(a_speaks_on(1), CORDON_REASON_RULE);
	cr_expect_eq(place_of(0), 1);
	cr_expect_eq(a_speaks_on(2), CORDON_REASON_WRONG_PORT);
	cr_expect_eq(dataplane_device_settle(dp, pair.devices[0].key, 2), -EEXIST);
	cr_expect_eq(dataplane_device_settle(dp, DEVICE_KEY(0x020000000100ULL, 0), 1), -ENOENT);
}

/* The frame goes on, but nobody has a place by it. */
Test(place, audit_lets_pass_who_has_none)
{
	struct dataplane_verdict v;

	pair.devices[0].mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[0], &told), 0, "%s", told);
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	cr_expect(v.pass);
	cr_expect_eq(v.verdict, CORDON_VERDICT_WOULD_DENY);
	cr_expect_eq(v.reason, CORDON_REASON_NO_PLACE);
	cr_expect_eq(place_of(0), CORDON_PORT_NONE);
}

Test(place, who_is_put_there_is_not_asked)
{
	pair.devices[0].port = 1;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[0], &told), 0, "%s", told);
	cr_expect_eq(a_speaks_on(1), CORDON_REASON_RULE);
	cr_expect_eq(dataplane_port_devices(dp, 1, is_key, &pair.devices[0].key), 1);
	cr_expect_eq(dataplane_port_devices(dp, 1, is_key, &pair.devices[1].key), 0, "it is on the other port");
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	cr_expect_eq(dataplane_port_devices(dp, 1, is_key, &pair.devices[0].key), 0);
}
