/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/names.h"

void replay_world_done(struct replay_world *world)
{
	identity_free(world->identity);
	if (world->dp)
		dataplane_close(world->dp);
	compiled_done(&world->compiled);
	replay_ports_done(&world->ports);
	for (size_t i = 0; i < world->n_places; i++) {
		free(world->places[i].device);
		free(world->places[i].port);
	}
	free(world->places);
	gateway_view_done(&world->view);
	*world = (struct replay_world){};
}

static int place_add(struct replay_world *world, const char *device, const char *port, char **ret_why)
{
	struct replay_place *places = reallocarray(world->places, world->n_places + 1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	world->places = places;
	places[world->n_places++] = (struct replay_place){.device = strdup(device), .port = strdup(port)};
	if (config_is_uplink(world->view.config, port))
		return why(ret_why, -EINVAL, "--place %s=%s: %s is an uplink", device, port, port);
	return replay_ports_note(&world->ports, port);
}

int replay_places_add(struct replay_world *world, const char *text, char **ret_why)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *pair;

	if (!copy)
		return -ENOMEM;
	while ((pair = strsep(&rest, ","))) {
		char *port = strchr(pair, '=');
		int r;

		if (!port || port == pair || !port[1])
			return why(ret_why, -EINVAL, "--place wants DEVICE=PORT, as in cam-door=p1,hub-1=p2, not '%s'", pair);
		*port++ = '\0';
		r = place_add(world, pair, port, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What replay wants of a row beyond what identity says. */
static int row_override(struct replay_world *world, struct dataplane_device *row, char **ret_why)
{
	row->mode = CORDON_MODE_ENFORCE;
	row->limit = (struct dataplane_limit){0}; /* by the second: frames carry no times, and a verdict shall not depend on our speed */
	for (size_t i = 0; i < world->n_places; i++) {
		if (world->places[i].key == row->key)
			return replay_ports_device(&world->ports, world->places[i].port, &row->port, ret_why);
	}
	return 0;
}

static void places_resolve(struct replay_world *world, const struct policy *policy)
{
	for (size_t p = 0; p < world->n_places; p++) {
		world->places[p].key = 0;
		for (size_t i = 0; i < policy->n_devices; i++) {
			const struct policy_device *device = &policy->devices[i];

			if (device->has_mac && !strcmp(device->id, world->places[p].device))
				world->places[p].key = device_key(device->mac, device->vlan);
		}
	}
}

/* Copies of identity's rows, so that the overrides do not reach into it. */
static int rows_make(struct replay_world *world, const struct compiled *c, struct dataplane_device **ret, size_t *ret_n, char **ret_why)
{
	_cleanup_free_ struct dataplane_device *rows = NULL;
	const struct dataplane_device *assigned;
	size_t n;
	int r = identity_assign(world->identity, c->policy, c->image, &assigned, &n);

	if (r < 0)
		return why(ret_why, r, "cannot assign devices: %s", strerror(-r));
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		rows[i] = assigned[i];
		r = row_override(world, &rows[i], ret_why);
		if (r < 0)
			return r;
	}
	*ret = take_ptr(rows);
	*ret_n = n;
	return 0;
}

/* Time in here is that of this machine, believed, and runs ahead by what was waited for. */
static struct window_version *windows_make(const struct replay_world *world, const struct image *image)
{
	struct window_version *versions = calloc(image->n_windows + 1, sizeof(*versions));
	uint64_t now = dataplane_now(world->dp);

	if (versions)
		image_windows(image, (int64_t)clock_wall_of_boot(now), now, versions);
	return versions;
}

/* Takes `c` over if it succeeds. */
static int world_apply(struct replay_world *world, struct compiled *c, char **ret_why)
{
	_cleanup_free_ struct dataplane_device *rows = NULL;
	_cleanup_free_ struct window_version *versions = NULL;
	struct dataplane_apply apply = {.image = c->image};
	uint32_t generation;
	int r;

	c->image->head.site_mode = CORDON_MODE_ENFORCE;
	c->image->head.unknown_mode = CORDON_MODE_ENFORCE;
	places_resolve(world, c->policy);
	r = rows_make(world, c, &rows, &apply.n_devices, ret_why);
	if (r < 0)
		return r;
	apply.devices = rows;
	versions = windows_make(world, c->image);
	if (!versions)
		return -ENOMEM;
	apply.windows = versions;
	apply.n_windows = c->image->n_windows;
	r = dataplane_apply(world->dp, &apply, &generation, ret_why);
	if (r < 0)
		return r;
	identity_commit(world->identity, c->policy, c->image);
	compiled_done(&world->compiled);
	world->compiled = *c;
	*c = (struct compiled){};
	return 0;
}

static int load_and_apply(struct replay_world *world, const char *path, struct diagnostics *d, char **ret_why)
{
	struct compiled c = {};
	int r = compiled_load(&path, 1, &world->view.env, d, &c, ret_why);

	if (r >= 0)
		r = world_apply(world, &c, ret_why);
	compiled_done(&c);
	return r;
}

static const char *policy_device_name_at(void *ctx, size_t i)
{
	return ((const struct policy *)ctx)->devices[i].id;
}

/* A misspelt --place would silently test something else. */
static int places_check(const struct replay_world *world, char **ret_why)
{
	struct policy *policy = world->compiled.policy;

	for (size_t p = 0; p < world->n_places; p++) {
		const char *device = world->places[p].device;
		const char *near = name_nearest(device, policy_device_name_at, policy, policy->n_devices);

		if (near && !strcmp(near, device))
			continue;
		if (near)
			return why(ret_why, -EINVAL, "--place: the policy has no device '%s'; did you mean '%s'?", device, near);
		return why(ret_why, -EINVAL, "--place: the policy has no device '%s'", device);
	}
	return 0;
}

int replay_world_open(struct replay_world *world, const char *policy, struct diagnostics *d, char **ret_why)
{
	const struct dataplane_options options = {
		.max_devices = world->view.config->max_devices,
		.max_flows = world->view.config->max_flows,
		.trace = true,
		.fail_open = world->view.config->fail_open,
	};
	struct identity_options identity_options = {.port_of_place = replay_ports_of_place, .ctx = &world->ports};
	struct compiled c = {};
	int r;

	/* Mistakes in the policy are told before rights are asked for. */
	r = compiled_load(&policy, 1, &world->view.env, d, &c, ret_why);
	if (r >= 0)
		r = dataplane_open(&options, &world->dp, ret_why);
	if (r >= 0) {
		world->ports.dp = world->dp;
		r = identity_new(&identity_options, &world->identity);
	}
	if (r >= 0)
		r = identity_set_all_authenticated(world->identity, true);
	if (r >= 0)
		r = world_apply(world, &c, ret_why);
	if (r >= 0)
		r = places_check(world, ret_why);
	compiled_done(&c);
	return r;
}

static int device_write(struct replay_world *world, uint64_t key, char **ret_why)
{
	const struct dataplane_device *row;
	struct dataplane_device changed;
	int r = identity_device(world->identity, key, &row);

	if (r < 0)
		return r;
	changed = *row;
	r = row_override(world, &changed, ret_why);
	return r < 0 ? r : dataplane_device_set(world->dp, &changed, ret_why);
}

struct newcomers {
	struct replay_world *world;
	int error;
	char **ret_why;
};

/* As the engine does: who speaks without a row gets one in segment `unknown`. */
static void newcomer(void *ctx, const struct event *event)
{
	struct newcomers *n = ctx;
	uint64_t key = device_key(event->src_mac, event->vlan & 0xfff);

	if (event->kind != CORDON_EVENT_NEW_DEVICE || n->error < 0)
		return;
	if (identity_seen(n->world->identity, key, event->port, IDENTITY_MOST) == 0)
		n->error = device_write(n->world, key, n->ret_why);
}

static void name_result(const struct replay_world *world, struct replay_result *result)
{
	const struct image *image = world->compiled.image;
	const struct dataplane_verdict *v = &result->verdict;

	result->rule = !v->unrunnable && v->rule < image->n_rules ? image->rules[v->rule].id : NULL;
	result->device = NULL;
	if (v->unrunnable || v->device == CORDON_DEVICE_NONE)
		return;
	if (v->device == CORDON_DEVICE_GATEWAY) {
		result->device = "gateway";
		return;
	}
	uint64_t key = dataplane_device_key(world->dp, v->device);

	result->device = key ? identity_name(world->identity, key) : NULL;
}

int replay_world_frame(struct replay_world *world, const struct replay_item *item, struct replay_result *ret, char **ret_why)
{
	struct newcomers newcomers = {.world = world, .ret_why = ret_why};
	struct dataplane_frame frame = {
		.bytes = item->bytes,
		.size = (uint32_t)item->size,
		.dir = item->dir,
		.gso_size = item->gso_size,
		.gso_segs = item->gso_segs,
	};
	struct replay_result result = {};
	int r = replay_ports_device(&world->ports, item->port, &frame.port, ret_why);

	if (r >= 0 && item->in_port && item->dir == CORDON_DIR_TO_DEVICE)
		r = replay_ports_any(&world->ports, item->in_port, &frame.in_port, ret_why);
	if (r < 0)
		return r;
	if (item->cut_short)
		result.verdict.unrunnable = true;
	else
		r = dataplane_run(world->dp, &frame, &result.verdict);
	if (r < 0)
		return why(ret_why, r, "the kernel's test run failed: %s", strerror(-r));
	name_result(world, &result);
	r = dataplane_events_poll(world->dp, newcomer, &newcomers);
	if (r >= 0)
		r = newcomers.error;
	if (r >= 0)
		*ret = result;
	return r;
}

struct keys {
	struct replay_world *world;
	uint64_t *items;
	size_t n;
};

/* Rows that hold something learnt: unknown devices, and places taken from a first frame. */
static int learnt_key(void *ctx, const struct identity_view *view)
{
	struct keys *keys = ctx;
	struct dataplane_device_row row;
	uint64_t *items;

	if (dataplane_device_read(keys->world->dp, view->key, &row) < 0)
		return 0;
	if (view->declared && (view->fixed_port != CORDON_PORT_NONE || row.port == CORDON_PORT_NONE))
		return 0;
	items = reallocarray(keys->items, keys->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	keys->items = items;
	items[keys->n++] = view->key;
	return 0;
}

static int world_reset(struct replay_world *world, char **ret_why)
{
	struct keys keys = {.world = world};
	int r = identity_each(world->identity, learnt_key, &keys);

	if (r >= 0)
		identity_forget_unknown(world->identity);
	for (size_t i = 0; r >= 0 && i < keys.n; i++) {
		r = dataplane_device_remove(world->dp, keys.items[i]);
		if (r >= 0)
			r = device_write(world, keys.items[i], ret_why);
		if (r == -ENOENT) /* it was unknown, and is forgotten */
			r = 0;
	}
	if (r >= 0)
		r = dataplane_flows_clear(world->dp);
	free(keys.items);
	return r;
}

static int world_wait(struct replay_world *world, uint64_t ns)
{
	const struct image *image = world->compiled.image;
	_cleanup_free_ struct window_version *versions = NULL;
	int r = dataplane_clock_advance(world->dp, ns);

	if (r < 0)
		return r;
	versions = windows_make(world, image);
	r = versions ? dataplane_windows_set(world->dp, versions, image->n_windows) : -ENOMEM;
	return r < 0 ? r : dataplane_flows_sweep(world->dp, NULL, NULL);
}

static int world_device(struct replay_world *world, const struct replay_item *item, char **ret_why)
{
	uint64_t key;
	int r = identity_key(world->identity, item->device, &key);

	if (r < 0)
		return why(ret_why, r, "there is no device '%s' with a MAC in the policy, and none has spoken", item->device);
	if (item->kind == REPLAY_AUTH || item->kind == REPLAY_DEAUTH)
		r = identity_set_authenticated(world->identity, key, item->kind == REPLAY_AUTH);
	else
		r = identity_set_quarantined(world->identity, key, item->kind == REPLAY_QUARANTINE, 0);
	return r < 0 ? r : device_write(world, key, ret_why);
}

/* A relative path is taken from the working folder, else from where the frames are. */
static int world_change_policy(struct replay_world *world, const char *path, struct diagnostics *d, char **ret_why)
{
	_cleanup_free_ char *near = NULL;
	const char *slash = world->beside ? strrchr(world->beside, '/') : NULL;

	if (path[0] == '/' || !slash || access(path, F_OK) == 0)
		return load_and_apply(world, path, d, ret_why);
	near = format_text("%.*s/%s", (int)(slash - world->beside), world->beside, path);
	if (!near)
		return -ENOMEM;
	return load_and_apply(world, access(near, F_OK) == 0 ? near : path, d, ret_why);
}

int replay_world_do(struct replay_world *world, const struct replay_item *item, struct diagnostics *d, char **ret_why)
{
	switch (item->kind) {
	case REPLAY_RESET:
		return world_reset(world, ret_why);
	case REPLAY_WAIT:
		return world_wait(world, item->wait);
	case REPLAY_APPLY:
		return world_change_policy(world, item->policy, d, ret_why);
	default:
		return world_device(world, item, ret_why);
	}
}
