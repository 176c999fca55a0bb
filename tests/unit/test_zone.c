/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones against the C library's own reading of the same files. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/zone.h"

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t libc_local(int64_t moment)
{
	time_t t = moment;
	struct tm tm;

	localtime_r(&t, &tm);
	return moment + tm.tm_gmtoff;
}

Test(zone, shows_what_libc_shows)
{
	static const char *const names[] = {
		"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca", "Etc/GMT+5",
		"Europe/Dublin", "UTC", "Pacific/Apia", "Asia/Gaza",
	};
	const char *given = getenv("CORDON_TEST_SEED");

	state = given ? strtoull(given, NULL, 0) : 7;
	printf("seed %#llx\n", (unsigned long long)state);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone = NULL;

		cr_assert_eq(zone_load(names[i], &zone), 0, "%s", names[i]);
		setenv("TZ", names[i], 1);
		tzset();
		for (int k = 0; k < 20000; k++) {
			int64_t moment = (int64_t)(next() % 4700000000ULL); /* to the end of 2118, past every table */

			cr_assert_eq(zone_local(zone, moment), libc_local(moment), "%s at %lld: %lld, libc %lld", names[i], (long long)moment,
				     (long long)zone_local(zone, moment), (long long)libc_local(moment));
		}
		zone_free(zone);
	}
}

static int64_t at(const char *text)
{
	struct tm tm = {0};

	cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M", &tm));
	return timegm(&tm);
}

Test(zone, times_that_come_twice_or_never)
{
	static const struct {
		const char *local, *utc;
	} cases[] = {
		{"2026-03-29T01:59", "2026-03-29T00:59"}, {"2026-03-29T02:00", "2026-03-29T01:00"}, {"2026-03-29T02:30", "2026-03-29T01:00"},
		{"2026-03-29T03:00", "2026-03-29T01:00"}, {"2026-03-29T03:01", "2026-03-29T01:01"}, {"2026-10-25T01:59", "2026-10-24T23:59"},
		{"2026-10-25T02:00", "2026-10-25T00:00"}, {"2026-10-25T02:30", "2026-10-25T00:30"}, {"2026-10-25T03:00", "2026-10-25T02:00"},
		{"2060-03-28T02:30", "2060-03-28T01:00"}, {"2026-07-01T12:00", "2026-07-01T10:00"},
	};
	struct zone *zone = NULL;

	cr_assert_eq(zone_load("Europe/Paris", &zone), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(zone_moment(zone, at(cases[i].local)), at(cases[i].utc), "%s", cases[i].local);
	zone_free(zone);
}

Test(zone, names_stay_in_their_folder)
{
	struct zone *zone = NULL;

	cr_assert_eq(zone_load("Europe/Pariis", &zone), -ENOENT);
	cr_assert_eq(zone_load("../../../etc/passwd", &zone), -ENOENT);
	cr_assert_eq(zone_load("Europe", &zone), -ENOENT);
	cr_assert_eq(zone_load("tzdata.zi", &zone), -EINVAL);
	cr_assert_null(zone);
}
