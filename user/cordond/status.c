/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "commands.h"

static const char *const roles[] = {
#define X(id, name) [CORDON_ROLE_##id] = name,
	CORDON_ROLES(X)
#undef X
};

static json_t *port_json(const struct engine *e, const struct gateway_port *port)
{
	const struct link *bridge = port->bridge ? links_find(e->links, port->bridge) : NULL;
	bool device = port->role == CORDON_ROLE_DEVICE;

	return json_pack("{s:s, s:i, s:i, s:s, s:o, s:s?, s:s?, s:s?, s:s?, s:i, s:s?, s:s?}", "name", port->name, "number", (int)port->number,
			 "ifindex", (int)port->ifindex, "role", roles[port->role], "attached", device ? json_boolean(port->in_kernel) : json_null(),
			 "hook", attach_name(port->hook), "mode", device && port->config->mode >= 0 ? mode_name(port->config->mode) : NULL,
			 "bridge", bridge ? bridge->name : NULL, "place", device ? config_place(port->config, port->name) : NULL, "restored",
			 (int)port->restored, "tampered", port->tampered, "error", port->error);
}

static json_t *ports_json(const struct engine *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->ports.n; i++)
		if (e->ports.items[i].ifindex)
			json_array_append_new(list, port_json(e, &e->ports.items[i]));
	return list;
}

struct device_counts {
	int declared, unknown, quarantined;
};

static int count_device(void *ctx, const struct identity_view *view)
{
	struct device_counts *counts = ctx;

	counts->declared += view->declared;
	counts->unknown += !view->declared;
	counts->quarantined += view->quarantined;
	return 0;
}

static json_t *totals_json(const uint64_t totals[CORDON_REASON_COUNT][CORDON_VERDICT_COUNT], enum cordon_verdict verdict)
{
	json_t *object = json_object();

	for (int reason = 0; reason < CORDON_REASON_COUNT; reason++)
		if (totals[reason][verdict])
			json_object_set_new(object, reason_name(reason), json_integer((json_int_t)totals[reason][verdict]));
	return object;
}

/* A record at which an engine was killed may have been read twice. */
static uint64_t waiting(const struct event_count *count)
{
	return count->emitted > count->read ? count->emitted - count->read : 0;
}

static json_t *event_count_json(const struct event_count *count)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "emitted", (json_int_t)count->emitted, "read", (json_int_t)count->read, "waiting",
			 (json_int_t)waiting(count), "lost", (json_int_t)count->lost, "suppressed", (json_int_t)count->suppressed);
}

static void event_count_add(struct event_count *sum, const struct event_count *more)
{
	sum->emitted += more->emitted;
	sum->read += more->read;
	sum->lost += more->lost;
	sum->suppressed += more->suppressed;
}

/* The sum of all, and under `rings` each kind that was ever wanted. */
static json_t *events_json(const struct engine *e)
{
	static const char *const names[] = { [CORDON_RING_COMMON] = "common", [CORDON_RING_CRITICAL] = "critical" };
	struct event_count counts[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT], sum = { 0 };
	json_t *rings = json_object(), *all;

	dataplane_events_counts(e->dp, counts);
	for (int ring = 0; ring < CORDON_RING_COUNT; ring++) {
		json_t *kinds = json_object();

		for (int kind = 0; kind < CORDON_EVENT_KIND_COUNT; kind++) {
			const struct event_count *one = &counts[ring][kind];

			event_count_add(&sum, one);
			if (one->emitted || one->lost || one->suppressed)
				json_object_set_new(kinds, event_kind_name(kind), event_count_json(one));
		}
		json_object_set_new(rings, names[ring], kinds);
	}
	all = event_count_json(&sum);
	json_object_set_new(all, "rings", rings);
	return all;
}

static json_t *audit_json(const struct engine *e)
{
	struct state_audit_head head;

	state_audit_head(e->state, &head);
	return json_pack("{s:I, s:s}", "last", (json_int_t)head.seq, "hash", head.hash);
}

static void add_capability(void *ctx, const char *text)
{
	json_array_append_new(ctx, json_string(text));
}

static void add_revision(const struct engine *e, json_t *status)
{
	const struct revision *r = e->in_force ? e->in_force : e->unbound;
	char text[TIME_TEXT_SIZE];

	json_object_update_new(status, json_pack("{s:o, s:s?, s:s?, s:s?, s:s?, s:s?}", "revision", r ? json_integer((json_int_t)r->rev) : json_null(),
						 "hash", r ? r->hash : NULL, "mode", r ? mode_name(r->policy->site_mode) : NULL, "site",
						 r ? r->policy->site_name : NULL, "revision_time", r ? time_format(r->time, text) : NULL,
						 "revision_who", r ? r->who : NULL));
}

static void add_kernel(struct engine *e, json_t *status)
{
	uint64_t totals[CORDON_REASON_COUNT][CORDON_VERDICT_COUNT] = { 0 };
	struct dataplane_usage usage = { 0 };
	struct device_counts counts = { 0 };
	json_t *capabilities = json_array();

	dataplane_usage(e->dp, &usage);
	dataplane_reasons(e->dp, totals);
	dataplane_describe(e->dp, add_capability, capabilities);
	identity_each(e->identity, count_device, &counts);
	json_object_update_new(
		status,
		json_pack("{s:I, s:{s:i, s:i, s:i, s:I}, s:{s:I, s:I}, s:o, s:o, s:o, s:o}", "generation",
			  (json_int_t)dataplane_generation(e->dp), "devices", "declared", counts.declared, "unknown", counts.unknown, "quarantined",
			  counts.quarantined, "max", (json_int_t)usage.max_devices, "flows", "live", (json_int_t)usage.flows, "max",
			  (json_int_t)usage.max_flows, "events", events_json(e), "drops", totals_json(totals, CORDON_VERDICT_DENY), "would_deny",
			  totals_json(totals, CORDON_VERDICT_WOULD_DENY), "capabilities", capabilities));
}

void command_status(void *ctx, struct control_client *client, const struct control_request *request)
{
	struct engine *e = ctx;
	json_t *drift = health_drift(e), *degraded = health_degraded(e), *status;
	size_t n = json_array_size(degraded);

	(void)request;
	status = json_pack("{s:i, s:s, s:i, s:f, s:b, s:b, s:b, s:s}", "schema", 1, "version", CORDON_VERSION, "pid", (int)getpid(), "uptime",
			   (double)((clock_boot_ns() - e->started) / 1000000) / 1e3, "adopted", e->adopted, "brake", e->brake, "compiling",
			   worker_busy(e->worker), "config",
			   e->config_path);
	add_revision(e, status);
	add_kernel(e, status);
	json_object_set_new(status, "ports", ports_json(e));
	json_object_set_new(status, "unconfirmed", confirm_json(e));
	json_object_set_new(status, "reverted", reverted_json(e));
	json_object_set_new(status, "audit", audit_json(e));
	json_object_set_new(status, "degraded", degraded);
	json_object_set_new(status, "drift", drift);
	control_data(client, status);
	if (n)
		control_done(client, CONTROL_DEGRADED, "degraded: %zu thing%s not as it should be", n, n == 1 ? " is" : "s are");
	else
		control_done(client, CONTROL_DONE, NULL);
}
