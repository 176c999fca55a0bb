/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine maps device and address rows only as far as they are given out: more of them are there when more are wanted, all of
 * the table in the end, and those of an earlier start wherever they lie.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "small.h"

#define DEVICES 1500 /* more than rows show at first, fewer than there are */
#define ROWS 8192
#define MAC_MANY 0x020000100000ULL

static struct dataplane *dp;
static struct dataplane_device devices[DEVICES];
static struct dataplane_address addresses[DEVICES];
static char *told;

static struct dataplane_device device_number(uint32_t i, struct dataplane_address *ret_address)
{
	struct dataplane_device d = small_device(MAC_MANY + i, CLASS_A, 1, 1, ret_address);

	ret_address->address.byte[13] = 1;
	ret_address->address.byte[14] = (uint8_t)(i >> 8);
	ret_address->address.byte[15] = (uint8_t)i;
	return d;
}

static void make_devices(void)
{
	for (uint32_t i = 0; i < DEVICES; i++)
		devices[i] = device_number(i, &addresses[i]);
}

static void close_all(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(reach, .init = make_devices, .fini = close_all);

static void apply_all(void)
{
	uint32_t generation;

	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), devices, DEVICES, &generation, &told), 0, "%s", told);
}

/* Pages of a table that are mapped, as the kernel counts them. */
static size_t resident_kib(const struct view *view)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/smaps", "re");
	const char *end = view->at + view->size;
	bool inside = false;
	char line[512];
	size_t sum = 0, n;
	void *from;

	cr_assert(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%p-%*p %*4c ", &from) == 1)
			inside = (const char *)from >= view->at && (const char *)from < end;
		else if (inside && sscanf(line, "Rss: %zu kB", &n) == 1)
			sum += n;
	}
	return sum;
}

static void expect_rows_beyond_are_not_there(void)
{
	for (int i = VIEW_DEVICES; i <= VIEW_BINDINGS; i++) {
		const struct view *view = &dp->views[i];

		cr_expect_gt(view->shown, view->row_size * DEVICES, "table %d", i);
		cr_expect_lt(view->shown, view->size / 2, "table %d", i);
		cr_expect_eq(resident_kib(view), view->shown / 1024, "table %d", i);
	}
}

static void rows_read(uint32_t rows[DEVICES])
{
	for (uint32_t i = 0; i < DEVICES; i++) {
		struct dataplane_device_row row;

		cr_assert_eq(dataplane_device_read(dp, devices[i].key, &row), 0, "device %u", i);
		cr_expect_eq(dataplane_device_key(dp, row.row), devices[i].key);
		rows[i] = row.row;
	}
}

Test(reach, rows_are_there_as_far_as_they_are_given_out)
{
	uint32_t rows[DEVICES];

	dp = small_private(ROWS);
	cr_expect_lt(dp->views[VIEW_DEVICES].shown, sizeof(struct device) * DEVICES, "else nothing here would grow");
	apply_all();
	rows_read(rows);
	expect_rows_beyond_are_not_there();
	cr_expect_geq(dp->device_rows.reach, 2 * DEVICES, "half of them can rest");
	cr_expect_eq(dataplane_device_key(dp, ROWS), 0, "a row that is not there is nobody's");
	cr_expect_eq(dataplane_device_read_row(dp, ROWS, &(struct dataplane_device_row){0}), -ENOENT);
}

Test(reach, rows_of_an_earlier_start_are_found_wherever_they_are)
{
	uint32_t before[DEVICES], after[DEVICES];

	small_namespace();
	dp = small_pinned(ROWS);
	apply_all();
	rows_read(before);
	dataplane_close(dp);
	dp = small_pinned(ROWS);
	cr_assert(dataplane_adopted(dp));
	rows_read(after);
	cr_expect_eq(memcmp(before, after, sizeof(before)), 0);
	expect_rows_beyond_are_not_there();
	cr_assert_eq(dataplane_device_remove(dp, devices[DEVICES - 1].key), 0);
	cr_assert_eq(dataplane_flows_sweep(dp, NULL, NULL), 0);
	cr_assert_eq(dataplane_device_set(dp, &devices[DEVICES - 1], &told), 0, "%s", told);
	apply_all();
	rows_read(after);
}

Test(reach, every_row_is_given_out_in_the_end)
{
	struct dataplane_address address;
	struct dataplane_device one_more = device_number(DEVICES, &address);
	uint32_t rows[DEVICES];

	dp = small_private(DEVICES);
	apply_all();
	rows_read(rows);
	cr_expect_eq(dp->device_rows.reach, dp->device_rows.max);
	cr_expect_eq(dataplane_device_set(dp, &one_more, &told), -E2BIG);
	cr_assert_eq(dataplane_device_remove(dp, devices[7].key), 0);
	cr_assert_eq(dataplane_flows_sweep(dp, NULL, NULL), 0);
	free(told);
	told = NULL;
	cr_expect_eq(dataplane_device_set(dp, &one_more, &told), 0, "%s", told);
}

Test(reach, a_row_that_was_given_back_rests)
{
	struct dataplane_address address;
	struct dataplane_device next;
	struct dataplane_device_row row;
	uint32_t rows[DEVICES];

	dp = small_private(ROWS);
	apply_all();
	rows_read(rows);
	cr_assert_eq(dataplane_device_remove(dp, devices[7].key), 0);
	cr_assert_eq(dataplane_flows_sweep(dp, NULL, NULL), 0);
	for (uint32_t i = 0; i < 100; i++) {
		next = device_number(DEVICES + i, &address);
		cr_assert_eq(dataplane_device_set(dp, &next, &told), 0, "%s", told);
		cr_assert_eq(dataplane_device_read(dp, next.key, &row), 0);
		cr_expect_neq(row.row, rows[7]);
	}
}
