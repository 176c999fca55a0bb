/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../config/capacity.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "../lib/cpus.h"
#include "../lib/memory.h"
#include "apply.h"
#include "audit.h"
#include "commands.h"
#include "notify.h"
#include "resume.h"

#define FLOWS_REMEMBERED 16384

static const struct timeval one_second = { .tv_sec = 1 };
static const struct timeval settle_time = { .tv_usec = 50000 };

static void note_event(void *ctx, const struct event *event)
{
	struct engine *e = ctx;
	struct event_names names = engine_names(e);
	json_t *json = event_json(event, &names);

	devices_note(e, event);
	flow_history_add_event(e->flow_history, event, &names);
	if (json)
		journal_add(e->journal, json);
}

void engine_drain_events(struct engine *e)
{
	/* At a start they wait in the kernel until they have names. */
	if (e->starting)
		return;
	dataplane_events_poll(e->dp, note_event, e);
}

static void on_ring(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *e = ctx;

	(void)fd, (void)what;
	engine_drain_events(e);
	devices_admit(e);
}

static void on_flow_ended(void *ctx, const struct flow *flow)
{
	struct engine *e = ctx;
	struct event_names names = engine_names(e);

	flow_history_add_flow(e->flow_history, flow, &names);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *e = ctx;

	(void)fd, (void)what;
	links_keep(e->links);
	notify_status(e);
	if (e->starting)
		return;
	ports_watch(e);
	confirm_waits(e);
	/* What one round of events could not hold, and what came without a wake-up. */
	engine_drain_events(e);
	devices_admit(e);
	dataplane_flows_sweep(e->dp, on_flow_ended, e);
	engine_store_again(e);
	audit_catch_up(e);
	devices_end_quarantines(e);
	devices_store(e);
	windows_watch(e);
}

static void on_recompile(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what;
	engine_recompile(ctx);
}

void engine_recompile_soon(struct engine *e)
{
	if (e->recompile)
		evtimer_add(e->recompile, &settle_time);
}

/* True if the gateway's own addresses are others than before. */
static bool follow_env(struct engine *e)
{
	struct env env;

	if (ports_env(e, &env) < 0)
		return false;
	if (env_equal(&env, &e->env)) {
		env_done(&env);
		return false;
	}
	env_done(&e->env);
	e->env = env;
	return true;
}

static void on_links_changed(void *ctx)
{
	struct engine *e = ctx;
	bool ports_changed = ports_follow(e), env_changed = follow_env(e);

	/* A port that came may be the place of a device. */
	if (env_changed || (ports_changed && devices_places(e) != e->places))
		engine_recompile_soon(e);
}

static struct dataplane_options dataplane_options_of(const struct gateway_config *config)
{
	struct capacity capacity = capacity_of(config, memory_total(""), cpu_numbers(""));

	return (struct dataplane_options){
		.bpffs = config->bpffs,
		.max_devices = image_device_rows(capacity.devices),
		.max_flows = capacity.flows,
		.cache_bytes = capacity.cache_bytes,
		.xdp = (enum dataplane_xdp)config->xdp,
		.fail_open = config->fail_open,
	};
}

int engine_load_config(const char *path, struct gateway_config **ret, char **ret_why)
{
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	int r = config_load(path, &d, ret);

	if (r < 0)
		*ret_why = diagnostics_text(&d);
	return r;
}

static int open_state(struct engine *e, char **ret_why)
{
	_cleanup_free_ char *damaged = NULL;
	int r = state_open(e->config->state, &e->state, &damaged, ret_why);

	if (r == 0 && damaged) {
		log_error("the database was damaged and is set aside file=%s", damaged);
		trouble_set(&e->health, TROUBLE_STATE_DAMAGED, "the database was damaged; it was set aside as %s and begun anew", damaged);
		audit_note(e, "cordond", "database begun anew", damaged);
	}
	return r;
}

static void log_capability(void *ctx, const char *text)
{
	(void)ctx;
	log_info("kernel '%s'", text);
}

static int open_dataplane(struct engine *e, char **ret_why)
{
	struct dataplane_options options = dataplane_options_of(e->config);
	int r = dataplane_open(&options, &e->dp, ret_why);

	if (r < 0)
		return r;
	e->adopted = dataplane_adopted(e->dp);
	e->brake = dataplane_braked(e->dp);
	log_info("dataplane %s pins=%s generation=%u", e->adopted ? "adopted" : "loaded", e->config->bpffs, dataplane_generation(e->dp));
	dataplane_describe(e->dp, log_capability, NULL);
	return 0;
}

static int make_events(struct engine *e)
{
	e->tick = event_new(e->base, -1, EV_PERSIST, on_tick, e);
	e->recompile = evtimer_new(e->base, on_recompile, e);
	e->ring = event_new(e->base, dataplane_events_fd(e->dp), EV_READ | EV_PERSIST, on_ring, e);
	if (!e->tick || !e->recompile || !e->ring)
		return -ENOMEM;
	return event_add(e->tick, &one_second) < 0 ? -ENOMEM : 0;
}

static int make_rooms(struct engine *e, char **ret_why)
{
	struct identity_options options = { .port_of_place = ports_of_place, .ctx = e };
	struct dataplane_usage usage = { 0 };
	int r;

	r = open_state(e, ret_why);
	if (r < 0)
		return r;
	r = open_dataplane(e, ret_why);
	if (r < 0)
		return r;
	dataplane_usage(e->dp, &usage);
	options.max_unknown = usage.max_devices / (IMAGE_SPARE_SHARE + 1); /* the spare rows */
	r = identity_new(&options, &e->identity);
	if (r < 0)
		return r;
	r = worker_new(e->base, &e->worker);
	if (r < 0)
		return r;
	r = journal_new(&e->journal);
	if (r < 0)
		return r;
	r = flow_history_new(FLOWS_REMEMBERED, &e->flow_history);
	if (r < 0)
		return r;
	return links_open(e->base, on_links_changed, e, &e->links, ret_why);
}

static int open_socket(struct engine *e, char **ret_why)
{
	_cleanup_free_ char *path = format_text("%s/cordon.sock", e->config->run);
	const struct control_command *commands;
	size_t n = commands_table(&commands);

	if (!path)
		return -ENOMEM;
	return control_server_new(e->base, path, commands, n, e, &e->control, ret_why);
}

static int make_engine(struct engine *e, char **ret_why)
{
	int r;

	r = make_rooms(e, ret_why);
	if (r < 0)
		return r;
	ports_follow(e);
	follow_env(e);
	r = make_events(e);
	if (r < 0)
		return r;
	return open_socket(e, ret_why);
}

/* The order matters: what is in force first, then ports that would be judged by nothing. */
void engine_start(struct engine *e, void (*started)(void *ctx), void *ctx)
{
	e->on_started = started;
	e->on_started_ctx = ctx;
	trouble_set(&e->health, TROUBLE_STARTING, "the policy is being compiled; what the kernel holds is enforced meanwhile");
	engine_resume(e);
}

void engine_started(struct engine *e)
{
	e->starting = false;
	trouble_clear(&e->health, TROUBLE_STARTING);
	if (e->ports.live)
		return;
	ports_go_live(e);
	if (event_add(e->ring, NULL) < 0)
		log_error("events are read once a second only: no memory");
	e->on_started(e->on_started_ctx);
}

int engine_new(const char *config_path, struct gateway_config *config, struct event_base *base, struct engine **ret, char **ret_why)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e) {
		config_free(config);
		return -ENOMEM;
	}
	*e = (struct engine){ .config_path = config_path, .config = config, .base = base, .started = clock_boot_ns() };
	r = make_engine(e, ret_why);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->state)
		devices_store(e);
	/* Before the clients: those that wait for an answer get one. */
	worker_free(e->worker);
	control_server_free(e->control);
	free_event(e->tick);
	free_event(e->recompile);
	free_event(e->ring);
	links_close(e->links);
	journal_free(e->journal);
	flow_history_free(e->flow_history);
	identity_free(e->identity);
	revision_free(e->in_force);
	revision_free(e->unbound);
	confirm_done(&e->confirm);
	rule_book_done(&e->rules);
	dataplane_close(e->dp);
	state_close(e->state);
	ports_done(&e->ports);
	env_done(&e->env);
	devices_done(&e->devices);
	health_done(&e->health);
	config_free(e->config);
	free(e);
}

/* What can only be chosen at the start. */
static bool needs_restart(const struct gateway_config *a, const struct gateway_config *b)
{
	return strcmp(a->state, b->state) || strcmp(a->run, b->run) || strcmp(a->bpffs, b->bpffs) || a->xdp != b->xdp ||
	       a->fail_open != b->fail_open || a->max_devices != b->max_devices || a->max_flows != b->max_flows ||
	       a->cache_bytes != b->cache_bytes;
}

int engine_reload_config(struct engine *e, char **ret_why)
{
	struct gateway_config *fresh = NULL, *old = e->config;
	int r = engine_load_config(e->config_path, &fresh, ret_why);

	if (r < 0) {
		trouble_set(&e->health, TROUBLE_CONFIG, "gateway.yaml is bad, the old one stays: %s", *ret_why ? *ret_why : strerror(-r));
		return r;
	}
	if (needs_restart(old, fresh)) {
		config_free(fresh);
		trouble_set(&e->health, TROUBLE_CONFIG, "%s changes paths, capacities, xdp or fail: that needs a restart, the old one stays",
			    e->config_path);
		return why(ret_why, -EBUSY, "%s", e->health.text[TROUBLE_CONFIG]);
	}
	trouble_clear(&e->health, TROUBLE_CONFIG);
	e->config = fresh;
	on_links_changed(e);
	config_free(old);
	return 0;
}
