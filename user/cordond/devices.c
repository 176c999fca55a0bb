/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "audit.h"
#include "engine.h"

#define MAX_NOTED 4096 /* of each kind in one round; what is over it tells again with its next frame */
#define STRANGE_FOR (24 * 3600 * NS_PER_S)

static void note(struct sightings *list, uint64_t key, uint32_t port)
{
	struct sighting *grown;

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].key != key)
			continue;
		list->items[i].port = port;
		return;
	}
	if (list->n >= MAX_NOTED)
		return;
	grown = reallocarray(list->items, list->n + 1, sizeof(*grown));
	if (!grown)
		return;
	list->items = grown;
	list->items[list->n++] = (struct sighting){ key, port };
}

void devices_note(struct engine *e, const struct event *event)
{
	uint64_t key;

	if (event->kind == CORDON_EVENT_NEW_DEVICE) {
		key = device_key(event->src_mac, event->vlan & 0x0fff);
		note(&e->devices.strangers, key, event->port);
	} else if (event->kind == CORDON_EVENT_PLACED) {
		key = dataplane_device_key(e->dp, event->device);
		if (key)
			note(&e->devices.unwritten, key, event->port);
	}
}

static int set_row(struct engine *e, uint64_t key, char **ret_why)
{
	const struct dataplane_device *row;
	int r = identity_device(e->identity, key, &row);

	return r < 0 ? r : dataplane_device_set(e->dp, row, ret_why);
}

/* `max_devices:`, 0: not given. */
static uint32_t port_max(const struct engine *e, uint32_t number)
{
	const struct gateway_port *port = ports_by_number(&e->ports, number);

	return port && port->config ? port->config->max_devices : 0;
}

static void say_full(struct engine *e, const struct sighting *who)
{
	uint32_t max = port_max(e, who->port);

	if (who->port >= CORDON_MAX_PORTS || e->devices.port_full[who->port])
		return;
	e->devices.port_full[who->port] = true;
	log_warning("%s, the others get nothing port=%s max_devices=%u device=%s",
		    max ? "as many devices as the port may have" : "as many unknown devices as there is room for",
		    ports_name(&e->ports, who->port) ?: "?", max, identity_name(e->identity, who->key));
}

static bool is_named(void *ctx, uint64_t key)
{
	return !identity_is_unknown(ctx, key);
}

static uint32_t named_on(const struct engine *e, uint32_t port)
{
	return dataplane_port_devices(e->dp, port, is_named, e->identity);
}

/* Strangers have what the devices of the policy leave of a bounded port. */
static uint32_t most_strangers(const struct engine *e, uint32_t port)
{
	uint32_t max = port_max(e, port), named = max ? named_on(e, port) : 0;

	if (!max)
		return IDENTITY_MOST;
	return max > named ? max - named : 0;
}

/*
 * A device of the policy that spoke without a place: where the port is bounded, programs leave it to us. Strangers keep it from no
 * place. True: it has its place there, or takes it by itself.
 */
static bool settle(struct engine *e, const struct sighting *who)
{
	uint32_t max = port_max(e, who->port);
	struct dataplane_device_row row;

	if (!max)
		return true;
	if (dataplane_device_read(e->dp, who->key, &row) < 0)
		return false;
	if (row.port != CORDON_PORT_NONE)
		return row.port == who->port;
	if (named_on(e, who->port) >= max) {
		say_full(e, who);
		return false;
	}
	if (dataplane_device_settle(e->dp, who->key, who->port) < 0)
		return false;
	log_info("placed device=%s port=%s", identity_name(e->identity, who->key), ports_name(&e->ports, who->port) ?: "?");
	return true;
}

static void admit(struct engine *e, const struct sighting *stranger)
{
	_cleanup_free_ char *reason = NULL;
	int r = identity_seen(e->identity, stranger->key, stranger->port, most_strangers(e, stranger->port));

	if (r == -ENOSPC)
		say_full(e, stranger);
	if (r < 0 && r != -EEXIST)
		return;
	/* A known one without a row in the kernel gets its row again. */
	if (set_row(e, stranger->key, &reason) < 0) {
		log_warning("no row for device=%s error='%s'", identity_name(e->identity, stranger->key), reason ? reason : "refused");
		return;
	}
	if (r == -EEXIST && !settle(e, stranger))
		return;
	note(&e->devices.unwritten, stranger->key, stranger->port);
	if (r == 0)
		log_info("new device=%s port=%s segment=unknown", identity_name(e->identity, stranger->key),
			 ports_name(&e->ports, stranger->port) ?: "?");
}

void devices_admit(struct engine *e)
{
	/* Class numbers belong to one compile: without the image that is in force there is no class to give. */
	for (size_t i = 0; e->in_force && i < e->devices.strangers.n; i++)
		admit(e, &e->devices.strangers.items[i]);
	e->devices.strangers.n = 0;
}

void devices_store(struct engine *e)
{
	struct sightings *list = &e->devices.unwritten;
	uint64_t now = clock_wall_ns();
	size_t written = 0;

	if (!list->n && !e->health.text[TROUBLE_STATE_WRITE])
		return;
	for (; written < list->n; written++) {
		struct state_device row = { .key = list->items[written].key, .first_seen = now, .last_seen = now };
		const char *port = ports_name(&e->ports, list->items[written].port);

		snprintf(row.port, sizeof(row.port), "%s", port ? port : "");
		if (state_device_put(e->state, &row) < 0)
			break;
	}
	if (written)
		memmove(list->items, list->items + written, (list->n - written) * sizeof(*list->items));
	list->n -= written;
	if (list->n)
		trouble_set(&e->health, TROUBLE_STATE_WRITE, "the places of %zu devices cannot be written to %s", list->n, e->config->state);
	else if (!e->unstored)
		trouble_clear(&e->health, TROUBLE_STATE_WRITE);
}

static int restore(void *ctx, const struct state_device *device)
{
	struct engine *e = ctx;
	const struct config_port *config = config_port_for(e->config, device->port);
	uint32_t port, most = config && config->max_devices ? config->max_devices : IDENTITY_MOST;

	if (!device->port[0] || device->last_seen + STRANGE_FOR < clock_wall_ns())
		return 0;
	if (state_port_number(e->state, device->port, &port) == 0)
		identity_seen(e->identity, device->key, port, most);
	return 0;
}

/* Boot clock and wall clock go on together, but for suspends, which the boot clock counts too. */
static uint64_t boot_of_wall(struct engine *e, uint64_t wall)
{
	uint64_t now = clock_wall_ns();

	if (!wall)
		return 0;
	return wall > now ? dataplane_now(e->dp) + (wall - now) : 1;
}

static uint64_t wall_of_boot(struct engine *e, uint64_t boot)
{
	return boot ? clock_wall_ns() + (boot - dataplane_now(e->dp)) : 0;
}

static int mark_quarantined(struct engine *e, uint64_t key, uint64_t until)
{
	if (until && (!e->devices.next_end || until < e->devices.next_end))
		e->devices.next_end = until;
	return identity_set_quarantined(e->identity, key, true, until);
}

/* One that ended while nobody looked is kept for a moment: devices_end_quarantines() notes it. */
static int restore_quarantine(void *ctx, uint64_t key, uint64_t since, uint64_t until)
{
	struct engine *e = ctx;

	(void)since;
	return mark_quarantined(e, key, boot_of_wall(e, until));
}

/* What the kernel holds in quarantine stays there though the state was lost; its end is the kernel's. */
static void keep_quarantines(struct engine *e)
{
	struct dataplane_usage usage = { 0 };
	struct dataplane_device_row row;

	dataplane_usage(e->dp, &usage);
	for (uint32_t i = CORDON_DEVICE_FIRST; i < CORDON_DEVICE_FIRST + usage.max_devices; i++) {
		if (dataplane_device_read_row(e->dp, i, &row) < 0 || !row.quarantined)
			continue;
		mark_quarantined(e, row.key, row.quarantine_until);
		if (state_quarantine_set(e->state, row.key, wall_of_boot(e, row.quarantine_until)) < 0)
			log_warning("the quarantine is not stored device=%s", identity_name(e->identity, row.key));
	}
}

void devices_restore_quarantines(struct engine *e)
{
	if (state_quarantines_each(e->state, restore_quarantine, e) < 0)
		log_error("quarantines could not be read from state=%s", e->config->state);
	if (e->adopted)
		keep_quarantines(e);
}

void devices_restore(struct engine *e)
{
	if (state_devices_each(e->state, restore, e) < 0)
		log_error("devices could not be read from state=%s", e->config->state);
}

static int mix_place(void *ctx, const struct identity_view *view)
{
	uint64_t *digest = ctx;

	/* FNV-1a by words: only a comparison with an earlier one hangs on it. */
	*digest = (*digest ^ view->key) * 0x100000001b3ULL;
	*digest = (*digest ^ view->fixed_port) * 0x100000001b3ULL;
	return 0;
}

uint64_t devices_places(struct engine *e)
{
	uint64_t digest = 0xcbf29ce484222325ULL;

	identity_each(e->identity, mix_place, &digest);
	return digest;
}

void devices_done(struct devices *devices)
{
	free(devices->strangers.items);
	free(devices->unwritten.items);
	devices->strangers = (struct sightings){ 0 };
	devices->unwritten = (struct sightings){ 0 };
}

/*
 * A cut goes to the kernel before anything else, a release to the disk first: a crash between the two leaves the device in
 * quarantine. The row is there also under a policy that this process does not know, and the flag belongs to no policy.
 */
int devices_quarantine(struct engine *e, uint64_t key, uint64_t ns, bool *ret_stored, char **ret_why)
{
	uint64_t until = ns ? dataplane_now(e->dp) + ns : 0;
	int r = dataplane_device_quarantine(e->dp, key, true, until);

	if (r < 0 && r != -ENOENT)
		return why(ret_why, r, "the device table: %s", strerror(-r));
	if (mark_quarantined(e, key, until) < 0)
		return -ENOMEM;
	if (r == -ENOENT && e->in_force)
		r = set_row(e, key, ret_why);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_stored = state_quarantine_set(e->state, key, wall_of_boot(e, until)) == 0;
	if (!*ret_stored)
		log_warning("the quarantine holds, but is not stored: it would end with a boot device=%s", identity_name(e->identity, key));
	return 0;
}

int devices_release(struct engine *e, uint64_t key, char **ret_why)
{
	int r;

	if (state_quarantine_end(e->state, key) < 0)
		log_warning("the release holds, but is not stored: it would end with a restart device=%s", identity_name(e->identity, key));
	r = identity_set_quarantined(e->identity, key, false, 0);
	if (r < 0)
		return r;
	r = dataplane_device_quarantine(e->dp, key, false, 0);
	return r < 0 && r != -ENOENT ? why(ret_why, r, "the device table: %s", strerror(-r)) : 0;
}

struct ended {
	uint64_t now;
	uint64_t key;  /* 0: none */
	uint64_t next; /* end of the first of the others; 0: none has one */
};

static int find_ended(void *ctx, const struct identity_view *view)
{
	struct ended *ended = ctx;

	if (!view->quarantined || !view->quarantine_until)
		return 0;
	if (view->quarantine_until <= ended->now)
		ended->key = view->key;
	else if (!ended->next || view->quarantine_until < ended->next)
		ended->next = view->quarantine_until;
	return ended->key != 0;
}

void devices_end_quarantines(struct engine *e)
{
	while (e->devices.next_end && e->devices.next_end <= dataplane_now(e->dp)) {
		struct ended ended = { .now = dataplane_now(e->dp) };
		_cleanup_free_ char *reason = NULL;
		const char *name;

		identity_each(e->identity, find_ended, &ended);
		if (!ended.key) {
			e->devices.next_end = ended.next;
			return;
		}
		name = identity_name(e->identity, ended.key);
		if (devices_release(e, ended.key, &reason) < 0) {
			log_warning("the end of a quarantine could not be noted device=%s error='%s'", name, reason ? reason : "no memory");
			return;
		}
		log_info("a quarantine has ended device=%s", name);
		audit_note(e, "cordond", "quarantine ended", name);
	}
}
