/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "kernel.h"
#include "cordon.skel.h"

/* Records a poll: the loop has other descriptors too, and this one stays readable. */
#define RING_PORTION 4096
#define RING_TURN 256 /* common records before the critical ring is looked at again */

/* Handled, then counted, then consumed: who dies between the last two, a moment apart, reads and counts one record again. */
static void record_take(struct dataplane *dp, enum cordon_ring ring, const struct event *event, size_t size)
{
	struct event_count *counts = dp->event_counts[kernel_cpu_rows()].of[ring];

	if (size < sizeof(*event))
		return;
	dp->event_handle(dp->event_ctx, event);
	if (event->kind < CORDON_EVENT_KIND_COUNT)
		__atomic_store_n(&counts[event->kind].read, counts[event->kind].read + 1, __ATOMIC_RELAXED);
}

static int critical_record(void *ctx, void *data, size_t size)
{
	struct dataplane *dp = ctx;

	record_take(dp, CORDON_RING_CRITICAL, data, size);
	return --dp->event_left ? 0 : -EAGAIN;
}

static int common_record(void *ctx, void *data, size_t size)
{
	struct dataplane *dp = ctx;

	record_take(dp, CORDON_RING_COMMON, data, size);
	dp->event_turn--;
	return --dp->event_left && dp->event_turn ? 0 : -EAGAIN;
}

/* They are read in this order. */
int ring_init(struct dataplane *dp)
{
	int r;

	dp->ring = ring_buffer__new(bpf_map__fd(dp->bpf->maps.critical_events), critical_record, dp, NULL);
	if (!dp->ring)
		return -errno;
	r = ring_buffer__add(dp->ring, bpf_map__fd(dp->bpf->maps.events), common_record, dp);
	if (r < 0)
		ring_done(dp);
	return r;
}

void ring_done(struct dataplane *dp)
{
	ring_buffer__free(dp->ring);
	dp->ring = NULL;
}

int dataplane_events_fd(const struct dataplane *dp)
{
	return ring_buffer__epoll_fd(dp->ring);
}

int dataplane_events_poll(struct dataplane *dp, void (*handle)(void *ctx, const struct event *event), void *ctx)
{
	int r;

	dp->event_handle = handle;
	dp->event_ctx = ctx;
	dp->event_left = RING_PORTION;
	do {
		dp->event_turn = RING_TURN;
		r = ring_buffer__consume(dp->ring);
	} while (r == -EAGAIN && dp->event_left);
	if (r < 0 && r != -EAGAIN)
		return r;
	return (int)(RING_PORTION - dp->event_left);
}

void dataplane_events_counts(const struct dataplane *dp, struct event_count ret[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT])
{
	memset(ret, 0, CORDON_RING_COUNT * sizeof(*ret));
	for (uint32_t row = 0; row <= kernel_cpu_rows(); row++) {
		for (int at = 0; at < CORDON_RING_COUNT * CORDON_EVENT_KIND_COUNT; at++) {
			int ring = at / CORDON_EVENT_KIND_COUNT, kind = at % CORDON_EVENT_KIND_COUNT;
			const struct event_count *one = &dp->event_counts[row].of[ring][kind];

			ret[ring][kind].emitted += __atomic_load_n(&one->emitted, __ATOMIC_RELAXED);
			ret[ring][kind].lost += __atomic_load_n(&one->lost, __ATOMIC_RELAXED);
			ret[ring][kind].suppressed += __atomic_load_n(&one->suppressed, __ATOMIC_RELAXED);
			ret[ring][kind].read += one->read;
		}
	}
}
