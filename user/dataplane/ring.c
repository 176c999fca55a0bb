/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <errno.h>

#include <bpf/libbpf.h>

#include "cordon.skel.h"

/* Records a poll: the loop has other descriptors too, and this one stays readable. */
#define RING_PORTION 4096

static int ring_record(void *ctx, void *data, size_t size)
{
	struct dataplane *dp = ctx;

	if (size >= sizeof(struct event))
		dp->event_handle(dp->event_ctx, data);
	return --dp->event_left ? 0 : -EAGAIN;
}

int ring_init(struct dataplane *dp)
{
	dp->ring = ring_buffer__new(bpf_map__fd(dp->bpf->maps.events), ring_record, dp, NULL);
	return dp->ring ? 0 : -errno;
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
	r = ring_buffer__consume(dp->ring);
	if (r < 0 && r != -EAGAIN)
		return r;
	return (int)(RING_PORTION - dp->event_left);
}
