/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "engine.h"

static void tell(struct engine *e, const char *first)
{
	size_t attached = 0, ports = 0;

	for (size_t i = 0; i < e->ports.n; i++) {
		ports += e->ports.items[i].role == CORDON_ROLE_DEVICE;
		attached += e->ports.items[i].role == CORDON_ROLE_DEVICE && e->ports.items[i].in_kernel;
	}
	if (e->in_force)
		sd_notifyf(0, "%sSTATUS=revision %" PRIu64 " in force, %zu of %zu ports attached%s", first, e->in_force->rev, attached, ports,
			   e->brake ? ", brake on" : "");
	else
		sd_notifyf(0, "%sSTATUS=degraded: no revision in force, %zu of %zu ports attached", first, attached, ports);
}

void notify_ready(struct engine *e)
{
	tell(e, "READY=1\n");
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=the kernel goes on enforcing");
}

void notify_status(struct engine *e)
{
	tell(e, "WATCHDOG=1\n");
}
