/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the wall clock, whether the kernel believes it, the image in force.
 * Out: the windows of time that the kernel keeps, known well ahead and in step with the clock.
 * Never: a verdict: an edge takes effect in the kernel, also when nobody is here to see it.
 */
#ifndef CORDOND_WINDOWS_H
#define CORDOND_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/maps.h>

struct engine;
struct image;

/* How the kernel was last told. */
struct windows {
	int64_t offset;   /* wall clock less boot clock, ns */
	bool believed;    /* the wall clock was synchronised */
	uint64_t written; /* boot clock ns */
	uint32_t generation; /* of the policy whose windows they are */
};

/* Seconds since the epoch, or IMAGE_NO_TIME. */
int64_t windows_now(const struct engine *engine);
/* For an apply of this image: a row a window, to free; NULL without memory, which is as if nobody knew the time. */
struct window_version *windows_versions(struct engine *engine, const struct image *image);
/* Once a second: writes anew what an hour, a jump of the clock or its losing or finding its source made old. */
void windows_watch(struct engine *engine);

#endif
