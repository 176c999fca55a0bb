/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "small.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void open_private(void)
{
	dp = small_private(16);
	small_pair(&pair);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(apply, .init = open_private, .fini = close_private);

static enum cordon_reason a_to_b(uint16_t port)
{
	return small_ask(dp, 1, MAC_A, MAC_B, 10, 11, port).reason;
}

static enum cordon_reason b_to_a(uint16_t port)
{
	return small_ask(dp, 2, MAC_B, MAC_A, 11, 10, port).reason;
}

static void must_apply(struct image *image)
{
	cr_assert_eq(small_apply(dp, image, pair.devices, 2, &generation, &told), 0, "%s", told);
}

Test(apply, no_policy_passes_nothing)
{
	cr_expect_eq(a_to_b(80), CORDON_REASON_NO_POLICY);
	cr_expect_eq(dataplane_generation(dp), 0);
}

Test(apply, the_policy_in_force_decides)
{
	struct dataplane_verdict v;

	must_apply(small_image(CLASS_A, CLASS_B, 80));
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	cr_expect(v.pass);
	cr_expect_eq(v.reason, CORDON_REASON_RULE);
	cr_expect_eq(v.rule, 80);
	cr_expect_eq(a_to_b(81), CORDON_REASON_DEFAULT_DENY);
	cr_expect_eq(b_to_a(80), CORDON_REASON_DEFAULT_DENY);
}

Test(apply, each_policy_replaces_the_one_before_whole)
{
	for (uint16_t port = 80; port < 86; port++) {
		uint32_t before = generation;

		must_apply(small_image(CLASS_A, CLASS_B, port));
		cr_expect_eq(generation, before + 1);
		cr_expect_eq(dataplane_generation(dp), generation);
		cr_expect_eq(a_to_b(port), CORDON_REASON_RULE);
		cr_expect_eq(a_to_b(port - 1), CORDON_REASON_DEFAULT_DENY);
	}
	must_apply(small_image(CLASS_B, CLASS_A, 80));
	cr_expect_eq(a_to_b(85), CORDON_REASON_DEFAULT_DENY);
	cr_expect_eq(b_to_a(80), CORDON_REASON_RULE);
}

Test(apply, an_address_moves_to_another_device)
{
	must_apply(small_image(CLASS_A, CLASS_B, 80));
	pair.addresses[0].address = small_address(11);
	pair.addresses[1].address = small_address(10);
	must_apply(small_image(CLASS_A, CLASS_B, 80));
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 11, 10, 80).reason, CORDON_REASON_RULE);
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80).reason, CORDON_REASON_SPOOFED_SOURCE);
}

Test(apply, a_device_fixed_elsewhere_speaks_only_there)
{
	must_apply(small_image(CLASS_A, CLASS_B, 80));
	pair.devices[0].port = 2;
	must_apply(small_image(CLASS_A, CLASS_B, 80));
	cr_expect_eq(a_to_b(80), CORDON_REASON_WRONG_PORT);
	cr_expect_eq(small_ask(dp, 2, MAC_A, MAC_B, 10, 11, 80).reason, CORDON_REASON_RULE);
}

Test(apply, what_the_new_policy_does_not_know_is_gone)
{
	struct dataplane_usage usage;

	must_apply(small_image(CLASS_A, CLASS_B, 80));
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 1, &generation, &told), 0, "%s", told);
	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.devices, 1);
	cr_expect_eq(usage.bindings, 2, "one device and the gateway");
	cr_expect_eq(b_to_a(80), CORDON_REASON_UNKNOWN_DEVICE);
	cr_expect_eq(dataplane_device_read(dp, pair.devices[1].key, &(struct dataplane_device_row){0}), -ENOENT);
}

static int refuse(void *ctx, uint32_t prepared)
{
	*(uint32_t *)ctx = prepared;
	return -ECANCELED;
}

Test(apply, a_refusal_before_the_flip_leaves_the_old_policy)
{
	struct image *image = small_image(CLASS_B, CLASS_A, 80);
	struct dataplane_device third[3];
	struct dataplane_address address;
	struct dataplane_usage usage;
	uint32_t prepared = 0;
	struct dataplane_apply what = {.image = image, .devices = third, .n_devices = 3, .before_flip = refuse, .ctx = &prepared};

	must_apply(small_image(CLASS_A, CLASS_B, 80));
	third[0] = pair.devices[0];
	third[1] = pair.devices[1];
	third[2] = small_device(0x020000000003ULL, CLASS_B, 1, 13, &address);
	cr_assert_eq(dataplane_apply(dp, &what, &generation, &told), -ECANCELED);
	small_done(image);
	cr_expect_eq(dataplane_generation(dp), 1);
	cr_expect_eq(prepared, 2);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
	cr_expect_eq(b_to_a(80), CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.devices, 2, "the third device's row was given back");

	must_apply(small_image(CLASS_B, CLASS_A, 80));
	cr_expect_eq(generation, 4, "number 2 was promised to a policy that never came");
	cr_expect_eq(b_to_a(80), CORDON_REASON_RULE);
}

Test(apply, a_policy_that_does_not_fit_is_refused_with_numbers)
{
	struct dataplane_device many[17];
	struct dataplane_address addresses[17];

	must_apply(small_image(CLASS_A, CLASS_B, 80));
	for (uint8_t i = 0; i < 17; i++)
		many[i] = small_device(0x020000000100ULL + i, CLASS_A, 1, 100 + i, &addresses[i]);
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 81), many, 17, &generation, &told), -E2BIG);
	cr_expect(strstr(told, "17") && strstr(told, "14 of 16"), "%s", told);
	cr_expect_eq(dataplane_generation(dp), 1);
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
}

Test(apply, twins_are_refused)
{
	must_apply(small_image(CLASS_A, CLASS_B, 80));
	pair.addresses[1].address = small_address(10);
	cr_expect_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 81), pair.devices, 2, &generation, &told), -EINVAL);
	cr_expect(strstr(told, "10.0.0.10"), "%s", told);
	free(take_ptr(told));
	pair.addresses[1].address = small_address(1);
	cr_expect_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 81), pair.devices, 2, &generation, &told), -EINVAL, "the gateway's own");
	cr_expect_eq(a_to_b(80), CORDON_REASON_RULE);
}

Test(apply, a_live_flow_is_judged_by_the_new_policy)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	must_apply(small_image(CLASS_A, CLASS_B, 80));
	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_eq(v.reason, CORDON_REASON_RULE);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_eq(v.reason, CORDON_REASON_ESTABLISHED);
	must_apply(small_image(CLASS_A, CLASS_B, 81));
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_eq(v.reason, CORDON_REASON_CUT);
	cr_expect_not(v.pass);
}
