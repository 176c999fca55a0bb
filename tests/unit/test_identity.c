/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the device table from a hand-made image: two devices that need no proof, one that does, and strangers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../../user/identity/identity.h"
#include "../../user/lib/addr.h"

#define CAMERA 0xaabbcc0000010000ULL
#define DOOR   0xaabbcc0000020000ULL
#define HUB    0xaabbcc0000030000ULL
#define STRANGER 0x0202020202020000ULL
#define TAGGED   0x020202020203000aULL

enum { CLASS_CAMERA = 5, CLASS_CAMERA_NET = 6, CLASS_DOOR = 7, CLASS_HUB = 8, CLASS_UNPROVEN = 9, CLASS_UNKNOWN = 10 };

static struct segment segments[] = {
	{ .id = "unknown", .builtin = true },
	{ .id = "unauthenticated", .builtin = true },
	{ .id = "cameras" },
	{ .id = "hubs", .auth = true },
};

static struct policy_device devices[] = {
	{ .id = "hub-1", .segment = 3 },
	{ .id = "cam-1", .segment = 2, .location = "ward-3" },
	{ .id = "door", .segment = 2, .location = "nowhere" },
};

static struct policy policy = { .segments = segments, .n_segments = 4, .devices = devices, .n_devices = 3 };

static struct image_address camera_addresses[2], hub_addresses[1], hub_unproven[1];
static struct image_device image_devices[3];
static struct image image;
static struct identity *identity;

static struct address address(const char *text)
{
	struct address a;

	cr_assert_eq(addr_parse(text, &a), 0);
	return a;
}

static uint32_t port_of_place(void *ctx, const char *place)
{
	(void)ctx;
	return strcmp(place, "ward-3") == 0 ? 3 : CORDON_PORT_NONE;
}

static void setup(void)
{
	struct identity_options options = { .port_of_place = port_of_place, .max_unknown_per_port = 2, .max_unknown = 3 };

	camera_addresses[0] = (struct image_address){ address("10.0.0.1"), CLASS_CAMERA };
	camera_addresses[1] = (struct image_address){ address("fd00::1"), CLASS_CAMERA_NET };
	hub_addresses[0] = (struct image_address){ address("10.0.0.3"), CLASS_HUB };
	hub_unproven[0] = (struct image_address){ address("10.0.0.3"), CLASS_UNPROVEN };
	image_devices[0] = (struct image_device){
		.policy_device = 1, .key = CAMERA, .mode = CORDON_MODE_ENFORCE, .limits = {.flows = 64, .rate = 1000000, .critical = 1}, .class = CLASS_CAMERA,
		.unauthenticated_class = CLASS_CAMERA, .addresses = camera_addresses,
		.unauthenticated_addresses = camera_addresses, .n_addresses = 2,
	};
	image_devices[1] = (struct image_device){
		.policy_device = 2, .key = DOOR, .mode = CORDON_MODE_AUDIT, .class = CLASS_DOOR, .unauthenticated_class = CLASS_DOOR,
	};
	image_devices[2] = (struct image_device){
		.policy_device = 0, .key = HUB, .mode = CORDON_MODE_ENFORCE, .must_authenticate = true, .dot1x_only = true,
		.class = CLASS_HUB, .unauthenticated_class = CLASS_UNPROVEN, .addresses = hub_addresses,
		.unauthenticated_addresses = hub_unproven, .n_addresses = 1,
	};
	image = (struct image){ .devices = image_devices, .n_devices = 3 };
	image.head.unknown_class = CLASS_UNKNOWN;
	image.head.unknown_mode = CORDON_MODE_AUDIT;
	cr_assert_eq(identity_new(&options, &identity), 0);
}

static void teardown(void)
{
	identity_free(identity);
}

TestSuite(identity, .init = setup, .fini = teardown);

static const struct dataplane_device *assigned(uint64_t key, size_t *ret_count)
{
	const struct dataplane_device *rows, *found = NULL;
	size_t n;

	cr_assert_eq(identity_assign(identity, &policy, &image, &rows, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (rows[i].key == key)
			found = &rows[i];
	if (ret_count)
		*ret_count = n;
	return found;
}

static void commit(void)
{
	assigned(0, NULL);
	identity_commit(identity, &policy, &image);
}

Test(identity, declared_devices_get_rows)
{
	const struct dataplane_device *camera;
	size_t n;

	camera = assigned(CAMERA, &n);
	cr_assert_eq(n, 3);
	cr_assert_not_null(camera);
	cr_expect_eq(camera->class, CLASS_CAMERA);
	cr_expect_eq(camera->mode, CORDON_MODE_ENFORCE);
	cr_expect_eq(camera->flow_quota, 64);
	cr_expect(camera->critical);
	cr_expect_eq(camera->limit.bytes_per_s, 1000000);
	cr_expect_eq(camera->limit.packets_per_s, 0);
	cr_expect_eq(camera->side_flags, 0);
	cr_expect_eq(camera->port, 3, "its location names a place of this gateway");
	cr_assert_eq(camera->n_addresses, 2);
	cr_expect_eq(camera->addresses[1].class, CLASS_CAMERA_NET);
	cr_expect(addr_equal(&camera->addresses[0].address, &camera_addresses[0].address));
}

Test(identity, a_place_that_is_not_here_is_learnt)
{
	cr_expect_eq(assigned(DOOR, NULL)->port, CORDON_PORT_NONE);
	identity_set_place(identity, DOOR, 9);
	cr_expect_eq(assigned(DOOR, NULL)->port, 9);
	identity_set_place(identity, CAMERA, CORDON_PORT_NONE);
	cr_expect_eq(assigned(CAMERA, NULL)->port, CORDON_PORT_NONE, "freed by hand, though it has a location");
}

Test(identity, unproven_devices_have_the_lesser_class_everywhere)
{
	const struct dataplane_device *hub = assigned(HUB, NULL);

	cr_expect_eq(hub->class, CLASS_UNPROVEN);
	cr_expect_eq(hub->addresses[0].class, CLASS_UNPROVEN);
	cr_expect_eq(hub->side_flags, SIDE_UNAUTHENTICATED | SIDE_NO_GUARDS);

	identity_set_authenticated(identity, HUB, true);
	hub = assigned(HUB, NULL);
	cr_expect_eq(hub->class, CLASS_HUB);
	cr_expect_eq(hub->addresses[0].class, CLASS_HUB);
	cr_expect_eq(hub->side_flags, 0);
}

Test(identity, all_authenticated_resets_single_proofs)
{
	identity_set_authenticated(identity, HUB, false);
	identity_set_all_authenticated(identity, true);
	cr_expect_eq(assigned(HUB, NULL)->class, CLASS_HUB);
	identity_set_authenticated(identity, HUB, false);
	cr_expect_eq(assigned(HUB, NULL)->class, CLASS_UNPROVEN);
}

Test(identity, quarantine_stays_over_policies)
{
	const struct dataplane_device *row;

	identity_set_quarantined(identity, CAMERA, true, 0);
	cr_expect(assigned(CAMERA, NULL)->quarantined);
	cr_expect_not(assigned(DOOR, NULL)->quarantined);
	commit();
	cr_assert_eq(identity_device(identity, CAMERA, &row), 0);
	cr_expect(row->quarantined);
	cr_assert_eq(row->n_addresses, 2);
}

Test(identity, nothing_is_a_device_before_a_policy)
{
	const struct dataplane_device *row;
	uint64_t key;

	cr_expect_eq(identity_device(identity, CAMERA, &row), -ENOENT);
	cr_expect_eq(identity_key(identity, "cam-1", &key), -ENOENT);
	cr_expect_str_eq(identity_segment(identity, CAMERA), "unknown");
}

Test(identity, strangers_are_bounded_by_port)
{
	const struct dataplane_device *row;
	size_t n;

	commit();
	cr_expect_eq(identity_seen(identity, CAMERA, 1, IDENTITY_MOST), -EEXIST);
	cr_expect_eq(identity_seen(identity, STRANGER, 1, IDENTITY_MOST), 0);
	cr_expect_eq(identity_seen(identity, STRANGER, 1, IDENTITY_MOST), -EEXIST);
	cr_expect_eq(identity_seen(identity, TAGGED, 1, IDENTITY_MOST), 0);
	cr_expect_eq(identity_seen(identity, STRANGER + 0x90000, 1, IDENTITY_MOST), -ENOSPC);
	cr_expect(identity_is_unknown(identity, STRANGER));
	cr_expect_not(identity_is_unknown(identity, CAMERA));
	cr_expect_eq(identity_seen(identity, STRANGER + 0x90000, 2, 0), -ENOSPC, "what its max_devices leaves");
	cr_expect_eq(identity_seen(identity, STRANGER + 0x90000, 2, 1), 0, "another port has room of its own");

	cr_expect_eq(identity_seen(identity, STRANGER + 0xa0000, 3, IDENTITY_MOST), -ENOSPC, "the gateway has its fill");

	cr_assert_eq(identity_device(identity, STRANGER, &row), 0);
	cr_expect_eq(row->class, CLASS_UNKNOWN);
	cr_expect_eq(row->mode, CORDON_MODE_AUDIT);
	cr_expect_eq(row->port, 1);
	cr_expect_eq(row->n_addresses, 0);
	assigned(STRANGER, &n);
	cr_expect_eq(n, 6);
	cr_expect_eq(identity_forget_unknown(identity), 3);
	assigned(STRANGER, &n);
	cr_expect_eq(n, 3);

	cr_expect_eq(identity_seen(identity, STRANGER | 1, 1, IDENTITY_MOST), 0);
	cr_expect_eq(identity_seen(identity, STRANGER | 2, 2, IDENTITY_MOST), 0);
	cr_expect_eq(identity_seen(identity, STRANGER | 3, 3, IDENTITY_MOST), -ENOSPC, "as many tags as a MAC may try");
	cr_expect_eq(identity_seen(identity, TAGGED, 3, IDENTITY_MOST), 0, "another MAC may");
}

Test(identity, a_stranger_that_a_file_names_gets_one_row)
{
	size_t n;

	cr_expect_eq(identity_seen(identity, DOOR, 1, IDENTITY_MOST), 0, "before the policy that names it");
	cr_expect_eq(assigned(DOOR, &n)->class, CLASS_DOOR);
	cr_expect_eq(n, 3);
	commit();
	cr_expect_eq(identity_forget_unknown(identity), 0);
}

Test(identity, names_both_ways)
{
	uint64_t key = 0;

	commit();
	cr_expect_str_eq(identity_name(identity, CAMERA), "cam-1");
	cr_expect_str_eq(identity_segment(identity, CAMERA), "cameras");
	cr_expect_str_eq(identity_segment(identity, HUB), "unauthenticated");
	cr_expect_str_eq(identity_name(identity, TAGGED), "mac-020202020203.10");
	cr_expect_eq(identity_key(identity, "mac-020202020203.10", &key), -ENOENT, "nobody has seen it");
	identity_seen(identity, TAGGED, 1, IDENTITY_MOST);
	cr_expect_eq(identity_key(identity, "mac-020202020203.10", &key), 0);
	cr_expect_eq(key, TAGGED);
	cr_expect_eq(identity_key(identity, "door", &key), 0);
	cr_expect_eq(key, DOOR);
	cr_expect_eq(identity_key(identity, "aa:bb:cc:00:00:01", &key), 0);
	cr_expect_eq(key, CAMERA);
	cr_expect_eq(identity_key(identity, "mac-0202020202", &key), -ENOENT);
	cr_expect_eq(identity_key(identity, "mac-020202020203.10x", &key), -ENOENT);
}

Test(identity, addresses_have_owners)
{
	struct address mine = address("fd00::1"), none = address("10.9.9.9");

	cr_expect_eq(identity_owner(identity, &mine), 0);
	commit();
	cr_expect_eq(identity_owner(identity, &mine), CAMERA);
	cr_expect_eq(identity_owner(identity, &none), 0);
}

static int count_views(void *ctx, const struct identity_view *view)
{
	size_t *declared = ctx;

	declared[!view->declared]++;
	if (view->key == CAMERA)
		cr_expect_eq(view->fixed_port, 3);
	return 0;
}

Test(identity, views_of_all)
{
	size_t counts[2] = { 0, 0 };

	commit();
	identity_seen(identity, STRANGER, 1, IDENTITY_MOST);
	cr_expect_eq(identity_each(identity, count_views, counts), 0);
	cr_expect_eq(counts[0], 3);
	cr_expect_eq(counts[1], 1);
}
