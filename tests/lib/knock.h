/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a dataplane whose first device a has a limit.
 * Out: one frame of a given size, asked for until a limit is over; how many pass in a time, where time is the program's own clock.
 * Never: what the limit should let through.
 */
#ifndef CORDON_TESTS_KNOCK_H
#define CORDON_TESTS_KNOCK_H

#include "small.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)
#define HEADERS 14 /* what a frame has before its IP header */

/* A TCP SYN of `size` bytes from the IP header up, of a to b, of one flow that is asked for again and again. */
struct knock {
	uint8_t bytes[1600];
	struct dataplane_frame frame;
};

void knock_make(struct knock *k, uint16_t size);
struct dataplane_verdict knock(struct dataplane *dp, const struct dataplane_frame *frame);
/* Until one is over the limit; how many were not. */
unsigned int knock_until(struct dataplane *dp, const struct knock *k, enum cordon_reason over);

/*
 * How long it was, for a bucket that is kept empty. On a busy machine the test itself may be held up for longer than the bucket
 * takes to fill; what flows over meanwhile is nobody's.
 */
struct stopwatch {
	uint64_t last;
	uint64_t full; /* ns in which an empty bucket is full */
	uint64_t sum;
};

struct stopwatch stopwatch_of(struct dataplane *dp, struct dataplane_limit limit);
void stopwatch_read(struct dataplane *dp, struct stopwatch *w);
/* Knocks each `step` ns for `time` ns; the passed ones a second, in thousandths. */
uint64_t knock_rate(struct dataplane *dp, struct dataplane_limit limit, const struct knock *k, uint64_t step, uint64_t time, enum cordon_reason over);

/* `n` frames or flows are the burst and no more than came by since `start`. */
bool is_burst(struct dataplane *dp, uint64_t n, uint64_t burst, uint64_t per_s, uint64_t start);
bool within_tenth(uint64_t got, uint64_t wanted);

#endif
