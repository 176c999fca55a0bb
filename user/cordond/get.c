/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "commands.h"

#define FLOWS_SHOWN 10000

struct visit {
	struct engine *engine;
	struct listing listing;
	const char *device;      /* flows: only those of this one */
	size_t limit;
	size_t left_out;
	bool quarantined_only;
};

static const char *quarantine_end(const struct engine *e, uint64_t until, char text[TIME_TEXT_SIZE])
{
	return until ? time_format(clock_wall_ns() + (until - dataplane_now(e->dp)), text) : NULL;
}

static int add_device(void *ctx, const struct identity_view *view)
{
	struct visit *visit = ctx;
	char text[TIME_TEXT_SIZE];

	if (!visit->quarantined_only)
		listing_add(&visit->listing, device_json(visit->engine, view));
	else if (view->quarantined)
		listing_add(&visit->listing, json_pack("{s:s, s:s, s:s?}", "device", view->id, "segment", view->segment, "until",
						       quarantine_end(visit->engine, view->quarantine_until, text)));
	return 0;
}

static void get_devices(struct visit *visit, const struct control_request *request)
{
	(void)request;
	identity_each(visit->engine->identity, add_device, visit);
}

static void get_quarantines(struct visit *visit, const struct control_request *request)
{
	(void)request;
	visit->quarantined_only = true;
	identity_each(visit->engine->identity, add_device, visit);
}

static void get_segments(struct visit *visit, const struct control_request *request)
{
	struct engine *e = visit->engine;

	(void)request;
	for (uint32_t i = 0; e->in_force && i < e->in_force->policy->n_segments; i++)
		listing_add(&visit->listing, segment_json(e, i));
}

static void get_rules(struct visit *visit, const struct control_request *request)
{
	struct engine *e = visit->engine;
	_cleanup_free_ uint64_t *flows = e->in_force ? flows_by_rule(e) : NULL;

	(void)request;
	for (uint32_t i = 0; e->in_force && i < e->in_force->policy->n_rules; i++)
		listing_add(&visit->listing, rule_json(e, i, flows ? flows[i] : 0));
}

static bool is_of(const json_t *flow, const char *device)
{
	static const char *const fields[] = { "device", "peer" };

	for (size_t i = 0; device && i < ARRAY_SIZE(fields); i++) {
		const char *value = json_string_value(json_object_get(flow, fields[i]));

		if (value && strcmp(value, device) == 0)
			return true;
	}
	return !device;
}

/* Takes the reference. */
static void offer_flow(struct visit *visit, json_t *flow)
{
	if (!flow || !is_of(flow, visit->device)) {
		json_decref(flow);
	} else if (!visit->limit) {
		visit->left_out++;
		json_decref(flow);
	} else {
		visit->limit--;
		listing_add(&visit->listing, flow);
	}
}

static int add_flow(void *ctx, const struct flow *flow)
{
	struct visit *visit = ctx;
	struct event_names names = engine_names(visit->engine);

	offer_flow(visit, flow_json(flow, &names));
	return 0;
}

static int add_record(void *ctx, json_t *record)
{
	offer_flow(ctx, json_incref(record));
	return 0;
}

static void get_flows(struct visit *visit, const struct control_request *request)
{
	json_t *limit = json_object_get(request->args, "limit");

	visit->device = argument_text(request, "device");
	visit->limit = json_is_integer(limit) && json_integer_value(limit) > 0 ? (size_t)json_integer_value(limit) : FLOWS_SHOWN;
	if (json_is_true(json_object_get(request->args, "ended")))
		flow_history_each(visit->engine->flow_history, add_record, visit);
	else
		dataplane_flows_each(visit->engine->dp, add_flow, visit);
}

static int add_revision(void *ctx, const struct state_revision *r)
{
	struct visit *visit = ctx;
	char text[TIME_TEXT_SIZE];

	listing_add(&visit->listing, json_pack("{s:I, s:s, s:s, s:s?, s:s?, s:b}", "rev", (json_int_t)r->rev, "hash", r->hash, "time",
					       time_format(r->time, text), "who", r->who, "why", r->why, "active", r->active));
	return 0;
}

static void get_revisions(struct visit *visit, const struct control_request *request)
{
	(void)request;
	state_revisions_each(visit->engine->state, add_revision, visit);
}

static const struct {
	const char *kind;
	void (*get)(struct visit *visit, const struct control_request *request);
} kinds[] = {
	{ "devices", get_devices },
	{ "segments", get_segments },
	{ "rules", get_rules },
	{ "flows", get_flows },
	{ "revisions", get_revisions },
	{ "quarantines", get_quarantines },
};

void command_get(void *ctx, struct control_client *client, const struct control_request *request)
{
	const char *kind = argument_text(request, "kind");
	struct visit visit = { .engine = ctx };

	for (size_t i = 0; kind && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, kind))
			continue;
		listing_begin(&visit.listing, client, kind);
		kinds[i].get(&visit, request);
		listing_end(&visit.listing);
		if (visit.left_out)
			control_done(client, CONTROL_DONE, "%zu more are not shown; a filter or a higher limit shows them", visit.left_out);
		else
			control_done(client, CONTROL_DONE, NULL);
		return;
	}
	control_done(client, CONTROL_USAGE, "get: expected devices, segments, rules, flows, revisions or quarantines");
}

void command_history(void *ctx, struct control_client *client, const struct control_request *request)
{
	struct visit visit = { .engine = ctx };
	int r;

	(void)request;
	listing_begin(&visit.listing, client, "revisions");
	r = state_revisions_each(visit.engine->state, add_revision, &visit);
	listing_end(&visit.listing);
	if (r < 0)
		control_done(client, CONTROL_ERROR, "the database cannot be read: %s", strerror(-r));
	else
		control_done(client, CONTROL_DONE, NULL);
}
