/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantines in the database: kept over closing, one row a device, gone once released. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../user/state/state.h"

#define CAMERA 0xffbbcc0000010000ULL /* does not fit a signed number */
#define LOCK 2

static char folder[] = "/tmp/cordon-quarantine.XXXXXX";
static struct state *state;

static void reopen(void)
{
	char *damaged = NULL, *reason = NULL;

	state_close(state);
	cr_assert_eq(state_open(folder, &state, &damaged, &reason), 0, "%s", reason ? reason : "");
	cr_assert_null(damaged);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(folder));
	state = NULL;
	reopen();
}

static void teardown(void)
{
	static const char *const files[] = { "cordon.db", "cordon.db-wal", "cordon.db-shm" };
	char path[128];

	state_close(state);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

TestSuite(quarantine, .init = setup, .fini = teardown);

struct seen {
	size_t n;
	uint64_t key;
	uint64_t since;
	uint64_t until;
};

static int see(void *ctx, uint64_t key, uint64_t since, uint64_t until)
{
	*(struct seen *)ctx = (struct seen){ ((struct seen *)ctx)->n + 1, key, since, until };
	return 0;
}

static struct seen all(void)
{
	struct seen seen = { 0 };

	cr_assert_eq(state_quarantines_each(state, see, &seen), 0);
	return seen;
}

Test(quarantine, outlives_the_process)
{
	struct seen first, again;

	cr_assert_eq(state_quarantine_set(state, CAMERA, 0), 0);
	first = all();
	reopen();
	cr_expect_eq(state_quarantine_set(state, CAMERA, 0), 0);
	again = all();
	cr_expect_eq(again.n, 1);
	cr_expect_eq(again.key, CAMERA);
	cr_expect_eq(again.since, first.since, "the first time counts");
	cr_expect_neq(again.since, 0);
}

Test(quarantine, its_end_is_kept_and_may_change)
{
	uint64_t since;

	cr_assert_eq(state_quarantine_set(state, CAMERA, 4000), 0);
	since = all().since;
	cr_expect_eq(all().until, 4000);
	cr_assert_eq(state_quarantine_set(state, CAMERA, 0), 0);
	reopen();
	cr_expect_eq(all().until, 0);
	cr_expect_eq(all().since, since);
}

Test(quarantine, release_is_of_one_device)
{
	state_quarantine_set(state, CAMERA, 0);
	state_quarantine_set(state, LOCK, 0);
	cr_expect_eq(state_quarantine_end(state, CAMERA), 0);
	cr_expect_eq(state_quarantine_end(state, CAMERA), 0, "releasing twice is fine");
	reopen();
	cr_expect_eq(all().n, 1);
	cr_expect_eq(all().key, LOCK);
}
