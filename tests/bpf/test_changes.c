/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict that is kept compares one word of `control`: whatever such a verdict must notice moves that word, nothing else does. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "small.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void open_with_policy(void)
{
	dp = small_private(16);
	small_pair(&pair);
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(changes, .init = open_with_policy, .fini = close_private);

/* True if the count moved since it was asked last. */
static bool noticed(void)
{
	static uint32_t last;
	uint32_t now = __atomic_load_n(&dp->control->changes, __ATOMIC_ACQUIRE);
	bool moved = now != last;

	last = now;
	return moved;
}

static void set(const struct dataplane_device *device)
{
	cr_assert_eq(dataplane_device_set(dp, device, &told), 0, "%s", told);
}

Test(changes, the_word_is_one)
{
	cr_expect_eq((uintptr_t)dp->control % 8, 0);
	cr_expect_eq(offsetof(struct control, generation), 0);
	cr_expect_eq(offsetof(struct control, changes), 4);
}

Test(changes, everything_that_a_device_row_says)
{
	struct dataplane_device *a = &pair.devices[0];

	noticed();
	a->quarantined = true;
	set(a);
	cr_expect(noticed(), "quarantine");
	a->quarantined = false;
	set(a);
	cr_expect(noticed(), "its end");
	a->class = CLASS_UNKNOWN;
	set(a);
	cr_expect(noticed(), "class");
	a->mode = CORDON_MODE_AUDIT;
	set(a);
	cr_expect(noticed(), "mode");
	a->side_flags = SIDE_UNAUTHENTICATED;
	set(a);
	cr_expect(noticed(), "authentication");
	a->until = dataplane_now(dp) + 1000000000;
	set(a);
	cr_expect(noticed(), "lease");
	a->port = 2;
	set(a);
	cr_expect(noticed(), "port");
	set(a);
	cr_expect_not(noticed(), "the same again");
	cr_assert_eq(dataplane_device_remove(dp, a->key), 0);
	cr_expect(noticed(), "removal");
	set(a);
	cr_expect(noticed(), "a new device");
}

Test(changes, a_quarantine_alone_and_windows)
{
	struct window_version versions[2] = {[1] = {.n = 1, .edge = {1000}, .open_first = 1}};

	noticed();
	cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[0].key, true, 0), 0);
	cr_expect(noticed(), "quarantine");
	cr_assert_eq(dataplane_device_quarantine(dp, pair.devices[0].key, false, 0), 0);
	cr_expect(noticed(), "its end");
	cr_assert_eq(dataplane_windows_set(dp, versions, 2), 0);
	cr_expect(noticed(), "other times");
	cr_assert_eq(dataplane_windows_set(dp, versions, 2), 0);
	cr_expect_not(noticed(), "the same again");
}

Test(changes, everything_that_a_binding_says)
{
	struct dataplane_device *a = &pair.devices[0], *b = &pair.devices[1];
	struct dataplane_address two[2] = {pair.addresses[0], {.address = small_address(20), .class = CLASS_A}};

	noticed();
	pair.addresses[0].class = CLASS_UNKNOWN;
	set(a);
	cr_expect(noticed(), "class");
	pair.addresses[0].until = dataplane_now(dp) + 1000000000;
	set(a);
	cr_expect(noticed(), "lease");
	two[0] = pair.addresses[0];
	a->addresses = two;
	a->n_addresses = 2;
	set(a);
	cr_expect(noticed(), "a second address");
	set(a);
	cr_expect_not(noticed(), "the same again");
	a->n_addresses = 1;
	set(a);
	cr_expect(noticed(), "one less");
	pair.addresses[1].address = small_address(10);
	set(b);
	cr_expect(noticed(), "another owner");
}

Test(changes, ports_the_brake_and_a_policy)
{
	struct dataplane_port port = {.number = 3, .role = CORDON_ROLE_DEVICE, .mode = -1};

	noticed();
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	cr_expect(noticed(), "a port");
	port.mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	cr_expect(noticed(), "its mode");
	cr_assert_eq(dataplane_port_clear(dp, 3), 0);
	cr_expect(noticed(), "its end");
	dataplane_brake(dp, true);
	cr_expect(noticed(), "brake");
	dataplane_brake(dp, false);
	cr_expect(noticed(), "brake off");
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 81), pair.devices, 2, &generation, &told), 0, "%s", told);
	cr_expect(noticed(), "policy");
}

/* Rows that both policies have are written behind the flip, so the word must move there once more. */
static uint32_t at_flip;

static int remember(void *ctx, uint32_t prepared)
{
	(void)ctx;
	(void)prepared;
	at_flip = dp->control->changes;
	return 0;
}

Test(changes, a_policy_moves_both_halves)
{
	struct image *image = small_image(CLASS_A, CLASS_B, 81);
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = 2, .before_flip = remember};
	uint32_t before = dp->control->generation;

	cr_assert_eq(dataplane_apply(dp, &what, &generation, &told), 0, "%s", told);
	small_done(image);
	cr_expect_eq(dp->control->generation, before + 1);
	cr_expect_gt(dp->control->changes, at_flip);
}

static int refuse(void *ctx, uint32_t prepared)
{
	remember(ctx, prepared);
	return -ECANCELED;
}

Test(changes, a_refused_policy_gives_back_what_it_claimed)
{
	struct image *image = small_image(CLASS_A, CLASS_B, 81);
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = 2, .before_flip = refuse};

	cr_assert_eq(dataplane_apply(dp, &what, &generation, &told), -ECANCELED);
	small_done(image);
	cr_expect_gt(dp->control->changes, at_flip);
}
