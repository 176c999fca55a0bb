/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what the kernel tells of devices: a MAC that no row knows, the port of a device that had none.
 * Out: a row in segment `unknown` for strangers, and a place on a port with `max_devices`, bounded a port; the places of all devices in the state, a second behind.
 * Never: more rights than the policy gives to the segment `unknown`.
 */
#ifndef CORDOND_DEVICES_H
#define CORDOND_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/events.h>

struct engine;

struct sighting {
	uint64_t key;
	uint32_t port;
};

struct sightings {
	struct sighting *items;
	size_t n;
};

struct devices {
	struct sightings strangers; /* seen in this round of events */
	struct sightings unwritten; /* for the state */
	bool port_full[CORDON_MAX_PORTS]; /* said in the log already */
	uint64_t next_end; /* boot ns of the first quarantine to end; 0: none has an end */
};

/* Quarantines, from the state and from an adopted kernel. Before the first assignment. */
void devices_restore_quarantines(struct engine *engine);
/* Strangers of the last day, so that a restart does not make them strange again. With the policy committed to identity. */
void devices_restore(struct engine *engine);
/* Notes what an event tells; acts on nothing, so it may be called while events are read. */
void devices_note(struct engine *engine, const struct event *event);
/* Rows for the strangers noted. */
void devices_admit(struct engine *engine);
/* Writes what was noted. */
void devices_store(struct engine *engine);
/* A number for where all devices are fixed to: it changes if the place of one of them does. */
uint64_t devices_places(struct engine *engine);
void devices_done(struct devices *devices);

/*
 * In force when it returns, live flows too; kept over restarts and boots. `ns` 0: until it is released, else the kernel ends it.
 * What goes wrong beside the kernel is logged; *ret_stored false: a boot would end it.
 */
int devices_quarantine(struct engine *engine, uint64_t key, uint64_t ns, bool *ret_stored, char **ret_why);
int devices_release(struct engine *engine, uint64_t key, char **ret_why);
/* Every second: notes what the kernel has ended. */
void devices_end_quarantines(struct engine *engine);

#endif
