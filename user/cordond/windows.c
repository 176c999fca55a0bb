/* SPDX-License-Identifier: Apache-2.0 */
#include "windows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "engine.h"

#define WRITE_EVERY (3600 * NS_PER_S)
#define JUMP (20 * 1000000) /* ns; less is slewing, which both clocks follow, or the time between two readings */

/* As NTP says of it: RFC 5905's clock discipline clears the flag, and the kernel sets it again when nobody comes back. */
static bool clock_is_synchronised(const struct engine *e)
{
	struct timex t = { 0 };

	return e->config->clock_trusted || (adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC));
}

int64_t windows_now(const struct engine *e)
{
	return clock_is_synchronised(e) ? (int64_t)(clock_wall_ns() / NS_PER_S) : IMAGE_NO_TIME;
}

static int64_t clock_offset(void)
{
	return (int64_t)(clock_wall_ns() - clock_boot_ns());
}

static void tell(struct engine *e, const struct image *image)
{
	if (image->n_windows <= 1 || e->windows.believed)
		trouble_clear(&e->health, TROUBLE_CLOCK);
	else
		trouble_set(&e->health, TROUBLE_CLOCK, "the clock is not synchronised: allows that depend on time are off, denies are on");
}

struct window_version *windows_versions(struct engine *e, const struct image *image)
{
	struct window_version *versions = calloc(image->n_windows + 1, sizeof(*versions));
	uint64_t boot = dataplane_now(e->dp);

	e->windows = (struct windows){ clock_offset(), clock_is_synchronised(e), boot, dataplane_generation(e->dp) };
	tell(e, image);
	if (versions)
		image_windows(image, e->windows.believed ? (int64_t)clock_wall_ns() : IMAGE_NO_TIME, boot, versions);
	return versions;
}

/* The clock was set, or lost or found its source: what was judged by the old time is wrong now. */
static bool time_changed(const struct engine *e)
{
	return llabs(clock_offset() - e->windows.offset) > JUMP || clock_is_synchronised(e) != e->windows.believed;
}

static bool is_old(const struct engine *e)
{
	return e->windows.generation != dataplane_generation(e->dp) || dataplane_now(e->dp) - e->windows.written > WRITE_EVERY;
}

void windows_watch(struct engine *e)
{
	_cleanup_free_ struct window_version *versions = NULL;
	const struct image *image = e->in_force ? e->in_force->image : NULL;
	struct windows before = e->windows;
	bool changed;
	int r;

	if (!image || image->n_windows <= 1)
		trouble_clear(&e->health, TROUBLE_CLOCK);
	changed = time_changed(e);
	if (!image || image->n_windows <= 1 || (!changed && !is_old(e)))
		return;
	versions = windows_versions(e, image);
	if (!versions)
		return;
	r = dataplane_windows_set(e->dp, versions, image->n_windows);
	if (r < 0)
		e->windows = before; /* again in a second */
	if (r < 0 && r != -ESTALE) /* the policy was taken back, and its image goes in a moment */
		log_error("the times of schedules could not be written error='%s'", strerror(-r));
	if (r < 0 || !changed)
		return;
	log_info("the clock was set; %s", e->windows.believed ? "what depends on time follows it" : "it is not synchronised: what depends on time is closed");
	engine_recompile_soon(e); /* another generation: live flows are judged anew */
}
