/* SPDX-License-Identifier: Apache-2.0 */
#include "windows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "kernel.h"

static struct window *window_row(const struct dataplane *dp, uint32_t side, size_t window)
{
	return &dp->windows[side * CORDON_MAX_WINDOWS + window];
}

int windows_put(struct dataplane *dp, const struct dataplane_apply *what, uint32_t side)
{
	int r = kernel_step();

	if (r < 0)
		return r;
	if (what->image->n_windows > CORDON_MAX_WINDOWS || (what->windows && what->n_windows != what->image->n_windows))
		return -EINVAL;
	for (size_t i = 1; i < what->image->n_windows; i++) {
		struct window_version unknown = {.open_last = what->image->windows[i].deny};

		*window_row(dp, side, i) = (struct window){.version[0] = what->windows ? what->windows[i] : unknown};
	}
	return 0;
}

static bool version_is(const struct window *row, const struct window_version *version)
{
	return !memcmp(&row->version[row->current & 1], version, sizeof(*version));
}

int dataplane_windows_set(struct dataplane *dp, const struct window_version *versions, size_t n)
{
	uint32_t side = dp->bound & 1;
	size_t changed = 0;
	int r;

	if (n > CORDON_MAX_WINDOWS)
		return -EINVAL;
	if (dp->bound != dataplane_generation(dp))
		return -ESTALE;
	for (size_t i = 1; i < n; i++)
		changed += !version_is(window_row(dp, side, i), &versions[i]);
	if (!changed)
		return 0;
	/* A program that began before the last change may still read what is about to be written. */
	r = plane_grace(dp);
	for (size_t i = 1; i < n && r >= 0; i++) {
		struct window *row = window_row(dp, side, i);
		uint32_t idle = (row->current & 1) ^ 1;

		if (version_is(row, &versions[i]))
			continue;
		row->version[idle] = versions[i];
		__atomic_store_n(&row->current, idle, __ATOMIC_RELEASE);
	}
	plane_changed(dp); /* a kept verdict knows the edges before */
	return r;
}
