/* SPDX-License-Identifier: Apache-2.0 */
#include "confirm.h"

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
#include "engine.h"
#include "resume.h"

/* A revision that a work of the worker may still look at goes after that work. */
struct farewell {
	struct work work;
	struct revision *revision;
};

static bool farewell_begin(struct work *work)
{
	(void)work;
	return false;
}

static void farewell_done(struct work *work)
{
	(void)work;
}

static void farewell_free(struct work *work)
{
	revision_free(((struct farewell *)work)->revision);
	free(work);
}

static void let_go(struct engine *e, struct revision *revision)
{
	struct farewell *farewell = calloc(1, sizeof(*farewell));

	/* Without memory it stays: better than under the feet of the worker. */
	if (!farewell)
		return;
	*farewell = (struct farewell){ { .changes = true, .begin = farewell_begin, .done = farewell_done, .free = farewell_free }, revision };
	worker_submit(e->worker, &farewell->work);
}

struct waiter {
	LIST_ENTRY(waiter) entry;
	struct control_client *client;
};

static void waiter_free(struct waiter *waiter)
{
	LIST_REMOVE(waiter, entry);
	free(waiter);
}

static void waiter_gone(void *ctx, struct control_client *client)
{
	(void)client;
	waiter_free(ctx);
}

void confirm_tell(struct engine *e, struct control_client *client)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter) {
		control_done(client, CONTROL_ERROR, "no memory to wait; `cordon status` says how it ends");
		return;
	}
	waiter->client = client;
	LIST_INSERT_HEAD(&e->confirm.waiters, waiter, entry);
	control_defer(client, waiter_gone, waiter);
}

static void tell_waiters(struct engine *e, const struct state_confirmation *last, enum state_outcome outcome)
{
	struct waiter *waiter;

	while ((waiter = LIST_FIRST(&e->confirm.waiters))) {
		if (outcome == STATE_OUTCOME_CONFIRMED)
			control_done(waiter->client, CONTROL_DONE, "revision %" PRIu64 " is confirmed", last->rev);
		else
			control_done(waiter->client, CONTROL_REVERTED, "revision %" PRIu64 " was not confirmed: reverted to revision %" PRIu64,
				     last->rev, last->fallback);
		waiter_free(waiter);
	}
}

static void note(struct engine *e, const struct state_confirmation *last, enum state_outcome outcome, const char *who)
{
	static const char *const words[] = { "open", "confirm", "revert" };
	uint64_t now = clock_wall_ns();
	_cleanup_free_ char *detail = NULL;
	int r;

	/* Seen late: it was taken back when its time was over. */
	if (outcome == STATE_OUTCOME_REVERTED && !strcmp(who, "cordond") && last->deadline < now)
		now = last->deadline;
	e->confirm.came_back = outcome == STATE_OUTCOME_REVERTED ? last->fallback : 0;
	tell_waiters(e, last, outcome);
	r = state_confirmation_decide(e->state, last->rev, outcome, now);
	if (r == 0 && outcome == STATE_OUTCOME_REVERTED)
		r = state_revision_activate(e->state, last->fallback);
	if (r < 0)
		log_error("the end of the wait is not stored revision=%" PRIu64 " error='%s'", last->rev, strerror(-r));
	detail = format_text("revision %" PRIu64 "%s", last->rev, outcome == STATE_OUTCOME_REVERTED ? " was not confirmed" : "");
	audit_note(e, who, words[outcome], detail);
	log_info("%s revision=%" PRIu64 " fallback=%" PRIu64 " who='%s'", outcome == STATE_OUTCOME_REVERTED ? "reverted" : "confirmed", last->rev,
		 last->fallback, who);
}

/* The open one of the state; rev 0 where the state knows of none. */
static struct state_confirmation last_open(struct engine *e)
{
	struct state_confirmation last = { 0 };

	if (state_confirmation_last(e->state, &last) < 0 || last.outcome != STATE_OUTCOME_OPEN)
		return (struct state_confirmation){ 0 };
	return last;
}

static void decide(struct engine *e, enum state_outcome outcome, const char *who)
{
	struct state_confirmation last = last_open(e);

	if (last.rev)
		note(e, &last, outcome, who);
}

static void end_wait(struct engine *e)
{
	e->confirm.adopted = false;
	if (e->confirm.recompile_due)
		engine_recompile_soon(e);
	e->confirm.recompile_due = false;
}

/* The policy before is in force; names and rows follow it. Then once more under a generation of its own, which writes all anew. */
static void follow_revert(struct engine *e, const char *who)
{
	_cleanup_free_ char *reason = NULL;
	struct revision *gone = e->in_force;

	decide(e, STATE_OUTCOME_REVERTED, who);
	dataplane_follow_revert(e->dp);
	if (e->confirm.adopted) {
		end_wait(e);
		engine_resume(e);
		return;
	}
	if (!e->confirm.fallback)
		return;
	e->in_force = take_ptr(e->confirm.fallback);
	e->unstored = 0;
	identity_commit(e->identity, e->in_force->policy, e->in_force->image);
	let_go(e, gone);
	if (engine_put_again(e, e->in_force, e->in_force->image, &reason) < 0)
		trouble_set(&e->health, TROUBLE_RECOMPILE, "the policy before is in force again, but could not be written anew: %s",
			    reason ? reason : "no memory");
	end_wait(e);
}

bool confirm_waits(struct engine *e)
{
	enum dataplane_wait wait;
	uint64_t deadline;

	if (!e->confirm.fallback && !e->confirm.adopted)
		return false;
	wait = dataplane_unconfirmed(e->dp, &deadline);
	if (wait == DATAPLANE_WAIT_REVERTED)
		follow_revert(e, "cordond");
	return wait == DATAPLANE_WAIT_OPEN;
}

void confirm_begin(struct engine *e, struct revision *before)
{
	revision_free(e->confirm.fallback);
	e->confirm.fallback = before;
	e->confirm.came_back = 0;
}

bool confirm_adopt(struct engine *e)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision found = { 0 };
	struct state_confirmation last = last_open(e);
	uint32_t generation;
	uint64_t deadline;

	e->confirm.adopted = dataplane_unconfirmed(e->dp, &deadline) == DATAPLANE_WAIT_OPEN;
	if (e->confirm.adopted || !last.rev)
		return e->confirm.adopted;
	generation = dataplane_generation(e->dp); /* after the question: its time may have run out just now */
	/* After a boot the kernel holds nothing: what was not confirmed does not come back. */
	if (generation && state_revision_by_generation(e->state, generation, &found) == 0 && found.rev == last.rev)
		note(e, &last, STATE_OUTCOME_CONFIRMED, "cordond");
	else
		note(e, &last, STATE_OUTCOME_REVERTED, "cordond");
	dataplane_follow_revert(e->dp);
	return false;
}

static int too_late(struct engine *e, char **ret_why)
{
	struct state_confirmation last;
	char text[TIME_TEXT_SIZE];

	if (state_confirmation_last(e->state, &last) < 0 || last.outcome != STATE_OUTCOME_REVERTED)
		return why(ret_why, -ENOENT, "nothing waits to be confirmed");
	return why(ret_why, -ETIMEDOUT, "revision %" PRIu64 " was not confirmed in time: reverted to revision %" PRIu64 " at %s", last.rev,
		   last.fallback, time_format(last.decided, text));
}

int engine_confirm(struct engine *e, const char *who, char **ret_why)
{
	bool adopted = e->confirm.adopted;
	int r;

	if (!confirm_waits(e))
		return too_late(e, ret_why);
	r = dataplane_confirm(e->dp);
	if (r == -ETIMEDOUT) {
		follow_revert(e, "cordond");
		return too_late(e, ret_why);
	}
	if (r < 0)
		return r;
	decide(e, STATE_OUTCOME_CONFIRMED, who);
	revision_free(take_ptr(e->confirm.fallback));
	end_wait(e);
	if (adopted)
		engine_resume(e);
	return 0;
}

int engine_revert(struct engine *e, const char *who, char **ret_why)
{
	int r;

	if (!confirm_waits(e))
		return too_late(e, ret_why);
	r = dataplane_revert(e->dp);
	if (r < 0)
		return r;
	follow_revert(e, who);
	return 0;
}

json_t *confirm_json(struct engine *e)
{
	struct state_confirmation last = last_open(e);
	char text[TIME_TEXT_SIZE];
	uint64_t deadline, now;

	if (!confirm_waits(e) || dataplane_unconfirmed(e->dp, &deadline) != DATAPLANE_WAIT_OPEN)
		return json_null();
	now = dataplane_now(e->dp);
	return json_pack("{s:o, s:o, s:s, s:f}", "revision", last.rev ? json_integer((json_int_t)last.rev) : json_null(), "fallback",
			 last.rev ? json_integer((json_int_t)last.fallback) : json_null(), "deadline",
			 time_format(clock_wall_ns() + (deadline > now ? deadline - now : 0), text), "seconds",
			 (double)((deadline > now ? deadline - now : 0) / 1000000) / 1e3);
}

json_t *reverted_json(struct engine *e)
{
	struct state_confirmation last;
	char text[TIME_TEXT_SIZE];

	if (state_confirmation_last(e->state, &last) < 0 || last.outcome != STATE_OUTCOME_REVERTED || !e->in_force ||
	    e->in_force->rev != last.fallback)
		return json_null();
	return json_pack("{s:I, s:I, s:s}", "revision", (json_int_t)last.rev, "to", (json_int_t)last.fallback, "time",
			 time_format(last.decided, text));
}

void confirm_done(struct confirm *confirm)
{
	revision_free(confirm->fallback);
	confirm->fallback = NULL;
}
