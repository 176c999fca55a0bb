/* SPDX-License-Identifier: Apache-2.0 */
#include "knock.h"

#include <criterion/criterion.h>
#include <string.h>

void knock_make(struct knock *k, uint16_t size)
{
	uint32_t sum = 0;

	memset(k, 0, sizeof(*k));
	small_syn(k->bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	k->bytes[HEADERS + 2] = (uint8_t)(size >> 8);
	k->bytes[HEADERS + 3] = (uint8_t)size;
	memset(k->bytes + HEADERS + 10, 0, 2);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)k->bytes[HEADERS + i] << 8 | k->bytes[HEADERS + i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	k->bytes[HEADERS + 10] = (uint8_t)(sum >> 8);
	k->bytes[HEADERS + 11] = (uint8_t)sum;
	k->frame = (struct dataplane_frame){.bytes = k->bytes, .size = HEADERS + size, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
}

struct dataplane_verdict knock(struct dataplane *dp, const struct dataplane_frame *frame)
{
	struct dataplane_verdict v;

	cr_assert_eq(dataplane_run(dp, frame, &v), 0);
	cr_assert_not(v.unrunnable);
	return v;
}

unsigned int knock_until(struct dataplane *dp, const struct knock *k, enum cordon_reason over)
{
	for (unsigned int n = 0; n < 100000; n++) {
		struct dataplane_verdict v = knock(dp, &k->frame);

		if (!v.pass) {
			cr_assert_eq(v.reason, over, "reason %d", v.reason);
			return n;
		}
	}
	cr_assert_fail("nothing is over the limit");
	return 0;
}

void stopwatch_read(struct dataplane *dp, struct stopwatch *w)
{
	uint64_t now = dataplane_now(dp), step = now - w->last;

	w->sum += step > w->full ? w->full : step;
	w->last = now;
}

struct stopwatch stopwatch_of(struct dataplane *dp, struct dataplane_limit limit)
{
	uint64_t full = limit.bytes_per_s     ? LIMIT_BURST_BYTES * SECOND / limit.bytes_per_s :
			limit.packets_per_s   ? LIMIT_BURST_PACKETS * SECOND / limit.packets_per_s :
						SECOND;

	return (struct stopwatch){.last = dataplane_now(dp), .full = full};
}

uint64_t knock_rate(struct dataplane *dp, struct dataplane_limit limit, const struct knock *k, uint64_t step, uint64_t time, enum cordon_reason over)
{
	struct stopwatch watch = stopwatch_of(dp, limit);
	uint64_t passed = 0;

	while (watch.sum < time) {
		struct dataplane_verdict v;

		cr_assert_eq(dataplane_clock_advance(dp, step), 0);
		v = knock(dp, &k->frame);
		cr_assert(v.pass || v.reason == over, "reason %d", v.reason);
		passed += v.pass;
		stopwatch_read(dp, &watch);
	}
	return passed * 1000 * SECOND / watch.sum;
}

bool is_burst(struct dataplane *dp, uint64_t n, uint64_t burst, uint64_t per_s, uint64_t start)
{
	uint64_t earned = (dataplane_now(dp) - start) * per_s / SECOND + 1;

	return n >= burst && n <= burst + earned;
}

bool within_tenth(uint64_t got, uint64_t wanted)
{
	return got * 10 >= wanted * 9 && got * 10 <= wanted * 11;
}
