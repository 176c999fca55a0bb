/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that read policy text. Their answers come when the worker is done; a client that goes away stops nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "apply.h"
#include "build.h"
#include "commands.h"

static void send_applied(struct engine *e, struct control_client *client, const struct apply_result *result, bool wait)
{
	const struct revision *now = e->in_force;
	_cleanup_free_ char *undo = result->changed && result->previous ? format_text("cordon rollback %" PRIu64, result->previous) : NULL;
	char text[TIME_TEXT_SIZE];
	const char *deadline = result->confirm_by ? time_format(result->confirm_by, text) : NULL;

	control_data(client, json_pack("{s:i, s:b, s:I, s:I, s:s, s:o, s:I, s:I, s:I, s:f, s:s?, s:s?}", "schema", 1, "changed", result->changed,
				       "revision", (json_int_t)now->rev, "generation", (json_int_t)now->generation, "hash", now->hash,
				       "previous", result->previous ? json_integer((json_int_t)result->previous) : json_null(), "devices", (json_int_t)now->policy->n_devices, "rules",
				       (json_int_t)now->policy->n_rules, "classes", (json_int_t)(now->image->n_classes ? now->image->n_classes - 1 : 0),
				       "milliseconds", result->milliseconds, "undo", undo, "confirm_by", deadline));
	if (deadline && wait)
		confirm_tell(e, client);
	else if (deadline)
		control_done(client, CONTROL_DONE, "revision %" PRIu64 " is in force until %s, then revision %" PRIu64 " again by itself; keep it: cordon confirm",
			     now->rev, deadline, result->previous);
	else if (!result->changed)
		control_done(client, CONTROL_DONE, "unchanged: revision %" PRIu64 " has this very text and is in force", now->rev);
	else if (undo)
		control_done(client, CONTROL_DONE, "revision %" PRIu64 " is in force; undo: %s", now->rev, undo);
	else
		control_done(client, CONTROL_DONE, "revision %" PRIu64 " is in force; it is the first, there is nothing to go back to", now->rev);
}

/* Who waits for the end of a change. */
struct asker {
	struct engine *engine;
	struct control_client *client; /* NULL: gone */
	bool wait;                     /* for the end of the time to confirm it in */
};

static void asker_gone(void *ctx, struct control_client *client)
{
	(void)client;
	((struct asker *)ctx)->client = NULL;
}

static void answer_change(void *ctx, const struct apply_ended *ended)
{
	struct asker *asker = ctx;

	if (asker->client && ended->r < 0) {
		command_failed(asker->client, ended->r, ended->d, ended->why);
	} else if (asker->client) {
		send_diagnostics(asker->client, ended->d);
		send_applied(asker->engine, asker->client, &ended->result, asker->wait);
	}
	free(asker);
}

static bool order_of(struct engine *e, struct control_client *client, const struct control_request *request, const char *reason,
		     struct apply_order *ret)
{
	struct asker *asker = calloc(1, sizeof(*asker));

	if (!asker) {
		control_done(client, CONTROL_ERROR, "no memory");
		return false;
	}
	*asker = (struct asker){ e, client, json_is_true(json_object_get(request->args, "wait")) };
	control_defer(client, asker_gone, asker);
	*ret = (struct apply_order){ .who = request->who, .reason = reason, .told = answer_change, .ctx = asker };
	return true;
}

/* The files of a request as sources; NULL without memory. */
static struct policy_source *sources_of(const struct control_request *request)
{
	struct policy_source *sources = calloc(request->n_files + 1, sizeof(*sources));

	for (size_t i = 0; sources && i < request->n_files; i++)
		sources[i] = (struct policy_source){ request->files[i].name, request->files[i].text, request->files[i].size };
	return sources;
}

static json_t *diff_json(const struct reach_diff *diff)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diff->n; i++) {
		const struct reach_change *c = &diff->items[i];

		json_array_append_new(list, json_pack("{s:s?, s:s?, s:s?, s:s, s:s, s:s?, s:s?, s:s?}", "from", c->from, "to", c->to, "service",
						      c->service, "before", verdict_name(c->before), "after", verdict_name(c->after), "rule", c->rule,
						      "when_before", c->when_before, "when_after", c->when_after));
	}
	return list;
}

/* A question about a policy that is not in force. */
struct question {
	struct build build;
	struct control_client *client; /* NULL: gone */
	const struct revision *now;    /* what runs when its turn comes; NULL: nothing */
	struct reach_diff diff;
};

static void question_gone(void *ctx, struct control_client *client)
{
	(void)client;
	((struct question *)ctx)->client = NULL;
}

/* Nobody waits any more: nothing to do. */
static int begin_question(struct build *build)
{
	struct question *question = (struct question *)build;

	question->now = build->engine->in_force;
	return question->client ? 0 : -EPIPE;
}

static int compare(struct build *build)
{
	struct question *question = (struct question *)build;
	const struct revision *now = question->now;
	int r = policy_diff(now ? now->policy : NULL, now ? now->image : NULL, build->revision->policy, build->revision->image, &question->diff);

	return r == -E2BIG ? why(&build->why, r, "too many pairs of devices and networks to compare; the policy itself was read without error") : r;
}

static void send_diff(const struct question *question)
{
	const struct reach_diff *diff = &question->diff;

	send_diagnostics(question->client, &question->build.d);
	control_data(question->client, json_pack("{s:i, s:b, s:s, s:o}", "schema", 1, "changed", diff->n > 0, "hash",
						 question->build.revision->hash, "diff", diff_json(diff)));
	if (diff->n)
		control_done(question->client, CONTROL_WOULD_CHANGE, "%zu changes of reach", diff->n);
	else
		control_done(question->client, CONTROL_DONE, "nobody gains or loses reach");
}

static void finish_question(struct build *build)
{
	struct question *question = (struct question *)build;

	if (question->client && build->result < 0)
		command_failed(question->client, build->result, &build->d, build->why);
	else if (question->client)
		send_diff(question);
	reach_diff_done(&question->diff);
}

static void answer_diff(struct engine *e, struct control_client *client, const struct control_request *request)
{
	_cleanup_free_ struct policy_source *sources = sources_of(request);
	struct question *question = calloc(1, sizeof(*question));

	if (!question || !sources) {
		free(question);
		control_done(client, CONTROL_ERROR, "no memory");
		return;
	}
	question->client = client;
	question->build.prepare = begin_question;
	question->build.more = compare;
	question->build.finish = finish_question;
	question->build.result = revision_new(sources, request->n_files, &question->build.revision);
	control_defer(client, question_gone, question);
	build_submit(e, &question->build, false);
}

void command_diff(void *ctx, struct control_client *client, const struct control_request *request)
{
	if (!request->n_files)
		control_done(client, CONTROL_USAGE, "diff needs policy files");
	else
		answer_diff(ctx, client, request);
}

void command_apply(void *ctx, struct control_client *client, const struct control_request *request)
{
	_cleanup_free_ struct policy_source *sources = sources_of(request);
	struct apply_order order;
	uint64_t confirm_ns;

	if (!request->n_files) {
		control_done(client, CONTROL_USAGE, "apply needs policy files");
		return;
	}
	if (argument_time(request, "confirm", &confirm_ns) < 0) {
		control_done(client, CONTROL_USAGE, "confirm: expected seconds, at most 10 years");
		return;
	}
	if (!confirm_ns && json_is_true(json_object_get(request->args, "wait"))) {
		control_done(client, CONTROL_USAGE, "--wait waits for what --confirm leaves open; without it there is nothing to wait for");
		return;
	}
	if (json_is_true(json_object_get(request->args, "dry_run")))
		answer_diff(ctx, client, request);
	else if (!sources)
		control_done(client, CONTROL_ERROR, "no memory");
	else if (order_of(ctx, client, request, argument_text(request, "why") ?: "apply", &order)) {
		order.confirm_ns = confirm_ns;
		engine_apply(ctx, sources, request->n_files, &order);
	}
}

void command_reload(void *ctx, struct control_client *client, const struct control_request *request)
{
	_cleanup_free_ char *reason = NULL;
	struct apply_order order;
	int r = engine_reload_config(ctx, &reason);

	if (r < 0)
		command_failed(client, r, NULL, reason);
	else if (order_of(ctx, client, request, "reload", &order))
		engine_apply_folder(ctx, &order);
}

static void send_decided(struct engine *e, struct control_client *client)
{
	const struct revision *now = e->in_force ? e->in_force : e->unbound;

	control_data(client, json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "revision", now ? json_integer((json_int_t)now->rev) : json_null(),
				       "unconfirmed", confirm_json(e), "reverted", reverted_json(e)));
}

void command_confirm(void *ctx, struct control_client *client, const struct control_request *request)
{
	_cleanup_free_ char *reason = NULL;
	struct engine *e = ctx;
	int r = engine_confirm(e, request->who, &reason);

	if (r < 0) {
		command_failed(client, r, NULL, reason);
		return;
	}
	send_decided(e, client);
	control_done(client, CONTROL_DONE, "confirmed: it stays in force; undo: cordon rollback");
}

static void take_back(struct engine *e, struct control_client *client, const struct control_request *request)
{
	_cleanup_free_ char *reason = NULL;
	int r = engine_revert(e, request->who, &reason);

	if (r < 0) {
		command_failed(client, r, NULL, reason);
		return;
	}
	send_decided(e, client);
	control_done(client, CONTROL_DONE, "taken back: what was in force before it is in force again");
}

/* What waits to be confirmed is not a revision to go back from: it is taken back, and nothing new is made. */
void command_rollback(void *ctx, struct control_client *client, const struct control_request *request)
{
	json_t *revision = json_object_get(request->args, "revision");
	struct apply_order order;

	if (revision && !json_is_null(revision) && (!json_is_integer(revision) || json_integer_value(revision) < 1))
		control_done(client, CONTROL_USAGE, "revision: expected a number of `cordon history`");
	else if (!json_integer_value(revision) && confirm_waits(ctx))
		take_back(ctx, client, request);
	else if (order_of(ctx, client, request, NULL, &order))
		engine_rollback(ctx, (uint64_t)json_integer_value(revision), &order);
}
