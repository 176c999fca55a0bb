/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "apply.h"
#include "audit.h"

#define LIST_ITEMS 256 /* in one document */

const char *argument_text(const struct control_request *request, const char *name)
{
	return json_string_value(json_object_get(request->args, name));
}

#define LONGEST_TIME (10 * 366 * 86400.0)

int argument_time(const struct control_request *request, const char *name, uint64_t *ret_ns)
{
	json_t *given = json_object_get(request->args, name);
	double seconds = json_number_value(given);

	if (given && !json_is_null(given) && (!json_is_number(given) || !(seconds > 0) || seconds > LONGEST_TIME))
		return -EINVAL;
	*ret_ns = (uint64_t)(seconds * (double)NS_PER_S);
	return 0;
}

void listing_begin(struct listing *listing, struct control_client *client, const char *key)
{
	*listing = (struct listing){ .client = client, .key = key, .items = json_array() };
}

static void listing_send(struct listing *listing)
{
	control_data(listing->client, json_pack("{s:i, s:o}", "schema", 1, listing->key, listing->items));
	listing->items = NULL;
	listing->sent++;
}

void listing_add(struct listing *listing, json_t *item)
{
	json_array_append_new(listing->items, item);
	if (json_array_size(listing->items) < LIST_ITEMS)
		return;
	listing_send(listing);
	listing->items = json_array();
}

void listing_end(struct listing *listing)
{
	if (!listing->sent || json_array_size(listing->items))
		listing_send(listing);
	json_decref(listing->items);
	listing->items = NULL;
}

void send_diagnostics(struct control_client *client, const struct diagnostics *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(list, json_pack("{s:s?, s:i, s:i, s:b, s:s}", "file", d->items[i].file, "line", (int)d->items[i].line,
						      "column", (int)d->items[i].column, "warning", d->items[i].warning, "message",
						      d->items[i].message));
	if (d->n)
		control_data(client, json_pack("{s:i, s:o}", "schema", 1, "diagnostics", list));
	else
		json_decref(list);
}

static const struct {
	int code;
	enum control_status status;
} statuses[] = {
	{ -ENOENT, CONTROL_NOT_FOUND },
	{ -EPERM, CONTROL_NOT_PERMITTED },
	{ -EBUSY, CONTROL_CONFLICT },
	{ -ETIMEDOUT, CONTROL_REVERTED },
};

static enum control_status status_of(int r)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].code == r)
			return statuses[i].status;
	return CONTROL_ERROR;
}

void command_failed(struct control_client *client, int r, const struct diagnostics *d, const char *reason)
{
	_cleanup_free_ char *lines = d && d->errors ? diagnostics_text(d) : NULL;

	if (d)
		send_diagnostics(client, d);
	control_done(client, status_of(r), "%s", lines ? lines : reason ? reason : strerror(-r));
}

static void command_observe(void *ctx, struct control_client *client, const struct control_request *request)
{
	bool follow = json_is_true(json_object_get(request->args, "follow"));
	json_t *given = json_object_get(request->args, "last");
	json_int_t last = json_is_integer(given) ? json_integer_value(given) : follow ? 0 : JOURNAL_EVENTS;
	struct engine *e = ctx;

	engine_drain_events(e);
	journal_replay(e->journal, client, request->args, last > 0 ? (size_t)last : 0);
	if (!follow)
		control_done(client, CONTROL_DONE, NULL);
	else if (journal_follow(e->journal, client, request->args) < 0)
		control_done(client, CONTROL_ERROR, "no memory");
}

static json_t *explanation_json(const struct engine *e, const struct explanation *x)
{
	const struct image_rule *rule = x->rule < e->in_force->image->n_rules ? &e->in_force->image->rules[x->rule] : NULL;
	json_t *steps = json_array();

	for (size_t i = 0; i < x->n_steps; i++)
		json_array_append_new(steps, json_pack("{s:s?, s:s?, s:s?}", "stage", x->steps[i].stage, "result", x->steps[i].result, "detail",
						       x->steps[i].detail));
	return json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:o, s:s, s:s?, s:s?, s:o, s:s?}", "schema", 1, "verdict", verdict_name(x->verdict),
			 "reason", reason_name(x->reason), "rule", rule ? rule->id : NULL, "file", rule ? rule->file : NULL, "line",
			 rule ? json_integer(rule->line) : json_null(), "mode", mode_name(x->mode), "from", x->from, "to", x->to, "steps", steps,
			 "would_allow", x->would_allow);
}

static void command_explain(void *ctx, struct control_client *client, const struct control_request *request)
{
	__attribute__((cleanup(explanation_done))) struct explanation explanation = { 0 };
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	struct explain_query query = { argument_text(request, "from"), argument_text(request, "to"), argument_text(request, "service"),
				       windows_now(ctx) };
	struct engine *e = ctx;
	int r;

	if (!query.from || !query.to || !query.service) {
		control_done(client, CONTROL_USAGE, "explain needs from, to and service");
		return;
	}
	if (!e->in_force) {
		control_done(client, CONTROL_DEGRADED, "no policy with a stored text is in force; `cordon status` says why");
		return;
	}
	r = policy_explain(e->in_force->policy, e->in_force->image, &query, &d, &explanation);
	if (r < 0) {
		command_failed(client, r, &d, NULL);
		return;
	}
	control_data(client, explanation_json(e, &explanation));
	control_done(client, CONTROL_DONE, NULL);
}

static void command_brake(void *ctx, struct control_client *client, const struct control_request *request)
{
	json_t *on = json_object_get(request->args, "on");
	struct engine *e = ctx;
	int r;

	if (!json_is_boolean(on)) {
		control_done(client, CONTROL_USAGE, "brake needs on or release");
		return;
	}
	r = dataplane_brake(e->dp, json_is_true(on));
	if (r < 0) {
		control_done(client, CONTROL_ERROR, "the brake could not be set: %s", strerror(-r));
		return;
	}
	e->brake = json_is_true(on);
	audit_note(e, request->who, request->command, e->brake ? "on" : "released");
	control_data(client, json_pack("{s:i, s:b}", "schema", 1, "brake", e->brake));
	control_done(client, CONTROL_DONE, e->brake ? "the brake is on: drops become would_deny, quarantines stay; undo: cordon brake release" :
						      "the brake is released: the policy is enforced; undo: cordon brake on");
}

/* False after it answered. */
static bool device_of(struct engine *e, struct control_client *client, const struct control_request *request, uint64_t *ret_key)
{
	const char *name = argument_text(request, "device");

	if (!name)
		control_done(client, CONTROL_USAGE, "%s needs a device", request->command);
	else if (identity_key(e->identity, name, ret_key) == 0)
		return true;
	else if (e->starting)
		control_done(client, CONTROL_CONFLICT, "cordond is starting and does not know its devices yet; try again in a moment");
	else
		control_done(client, CONTROL_NOT_FOUND, "no device %s; `cordon get devices` lists them", name);
	return false;
}

/* Wall ns as text, or NULL for 0. */
static const char *time_or_null(uint64_t wall, char text[TIME_TEXT_SIZE])
{
	return wall ? time_format(wall, text) : NULL;
}

static void command_quarantine(void *ctx, struct control_client *client, const struct control_request *request)
{
	const char *name = argument_text(request, "device"), *given = argument_text(request, "reason"), *end;
	_cleanup_free_ char *reason = NULL, *detail = NULL;
	char text[TIME_TEXT_SIZE];
	struct engine *e = ctx;
	uint64_t key, ns;
	bool stored;
	int r;

	if (argument_time(request, "for", &ns) < 0) {
		control_done(client, CONTROL_USAGE, "for: expected seconds, at most 10 years");
		return;
	}
	if (!device_of(e, client, request, &key))
		return;
	r = devices_quarantine(e, key, ns, &stored, &reason);
	if (r < 0) {
		command_failed(client, r, NULL, reason);
		return;
	}
	end = time_or_null(ns ? clock_wall_ns() + ns : 0, text);
	detail = format_text("%s%s%s%s%s", name, end ? " until " : "", end ? end : "", given ? ": " : "", given ? given : "");
	audit_note(e, request->who, request->command, detail);
	control_data(client, json_pack("{s:i, s:s, s:b, s:s?}", "schema", 1, "device", identity_name(e->identity, key), "quarantined", true,
				       "until", end));
	control_done(client, CONTROL_DONE, "%s is quarantined%s%s%s; undo: cordon release %s", name, end ? " until " : "", end ? end : "",
		     stored ? "" : ", but that could not be stored: a boot would end it", name);
}

static void command_release(void *ctx, struct control_client *client, const struct control_request *request)
{
	const char *name = argument_text(request, "device");
	_cleanup_free_ char *reason = NULL;
	struct engine *e = ctx;
	uint64_t key;
	int r;

	if (!device_of(e, client, request, &key))
		return;
	r = devices_release(e, key, &reason);
	if (r < 0) {
		command_failed(client, r, NULL, reason);
		return;
	}
	audit_note(e, request->who, request->command, name);
	control_data(client, json_pack("{s:i, s:s, s:b, s:n}", "schema", 1, "device", identity_name(e->identity, key), "quarantined", false, "until"));
	control_done(client, CONTROL_DONE, "%s is released; undo: cordon quarantine %s", name, name);
}

static const struct control_command commands[] = {
	{ "status", false, command_status },
	{ "doctor", false, command_doctor },
	{ "get", false, command_get },
	{ "describe", false, command_describe },
	{ "observe", false, command_observe },
	{ "explain", false, command_explain },
	{ "diff", false, command_diff },
	{ "history", false, command_history },
	{ "apply", true, command_apply },
	{ "reload", true, command_reload },
	{ "confirm", true, command_confirm },
	{ "rollback", true, command_rollback },
	{ "brake", true, command_brake },
	{ "quarantine", true, command_quarantine },
	{ "release", true, command_release },
};

size_t commands_table(const struct control_command **ret)
{
	*ret = commands;
	return ARRAY_SIZE(commands);
}
