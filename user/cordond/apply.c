/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "audit.h"
#include "build.h"
#include "engine.h"

/*
 * Disk before kernel, kernel before "active". A crash leaves one of: an unborn revision in the database (forgotten when its
 * generation is given again), or one in force that is not yet called active (found by its generation at the next start).
 */
static int put_in_force(struct engine *e, const struct policy *policy, const struct image *image,
			uint64_t confirm_ns, int (*store)(void *ctx, uint32_t generation), void *ctx, uint32_t *ret_generation, char **ret_why)
{
	struct dataplane_apply what = { .image = image, .before_flip = store, .ctx = ctx, .confirm_ns = confirm_ns };
	_cleanup_free_ struct window_version *versions = NULL;
	struct windows before = e->windows;
	int r;

	engine_drain_events(e);
	r = identity_assign(e->identity, policy, image, &what.devices, &what.n_devices);
	if (r < 0)
		return r;
	versions = windows_versions(e, image);
	what.windows = versions;
	what.n_windows = image->n_windows;
	r = dataplane_apply(e->dp, &what, ret_generation, ret_why);
	if (r < 0) {
		e->windows = before; /* what the kernel goes on with */
		return r;
	}
	e->windows.generation = *ret_generation;
	identity_commit(e->identity, policy, image);
	e->places = devices_places(e);
	if (rule_book_add(&e->rules, *ret_generation, policy) < 0)
		log_warning("no memory for the names of the rules of generation=%u", *ret_generation);
	return 0;
}

struct birth {
	struct engine *engine;
	struct revision *revision;
	uint64_t confirm_by;
};

static int store_new(void *ctx, uint32_t generation)
{
	struct birth *birth = ctx;
	struct revision *revision = birth->revision;
	struct state_revision row = {
		.generation = generation,
		.time = revision->time,
		.who = revision->who,
		.why = revision->why,
		.sources = revision->sources,
		.n_sources = revision->n_sources,
		.confirm_by = birth->confirm_by,
		.fallback = birth->confirm_by ? birth->engine->in_force->rev : 0,
	};

	memcpy(row.hash, revision->hash, sizeof(row.hash));
	return state_revision_prepare(birth->engine->state, &row, &revision->rev);
}

static int store_again(void *ctx, uint32_t generation)
{
	struct birth *birth = ctx;

	return state_revision_regenerate(birth->engine->state, birth->revision->rev, generation);
}

/* In force in the kernel from here on, whatever the database says. */
void engine_activate(struct engine *e, struct revision *revision)
{
	int r = state_revision_activate(e->state, revision->rev);

	e->unstored = r < 0 ? revision->rev : 0;
	if (r < 0) {
		log_error("revision=%" PRIu64 " is in force but not stored as active error='%s'", revision->rev, strerror(-r));
		trouble_set(&e->health, TROUBLE_STATE_WRITE, "revision %" PRIu64 " is in force, but the database does not say so: %s",
			    revision->rev, strerror(-r));
	}
	revision_free(e->in_force);
	revision_free(e->unbound);
	e->in_force = revision;
	malloc_trim(0); /* a policy is many small pieces, which the system else would not get back */
	e->unbound = NULL;
	trouble_clear(&e->health, TROUBLE_NO_TEXT);
	trouble_clear(&e->health, TROUBLE_POLICY);
	trouble_clear(&e->health, TROUBLE_RECOMPILE);
}

void engine_store_again(struct engine *e)
{
	if (e->unstored && state_revision_activate(e->state, e->unstored) == 0) {
		log_info("revision=%" PRIu64 " is stored as active now", e->unstored);
		e->unstored = 0;
		trouble_clear(&e->health, TROUBLE_STATE_WRITE);
	}
}

static void audit(struct engine *e, const char *action, uint64_t before)
{
	const struct revision *now = e->in_force;
	_cleanup_free_ char *detail = format_text("revision %" PRIu64 " hash %s, before it revision %" PRIu64 "%s%s", now->rev, now->hash, before,
						  now->why ? ": " : "", now->why ? now->why : "");

	audit_note(e, now->who, action, detail);
}

static int say_why_not(int r, char **ret_why)
{
	if (*ret_why)
		return r;
	return why(ret_why, r, "the policy was not put in force, what ran before stays: %s", strerror(-r));
}

/* One change, from its order to its end. */
struct turn {
	struct build build;
	char *who, *reason;
	uint64_t rev; /* of a rollback; 0: the one before */
	uint64_t confirm_ns;
	void (*told)(void *ctx, const struct apply_ended *ended);
	void *ctx;
};

static int put_new(struct engine *e, struct turn *turn, struct apply_result *ret)
{
	struct revision *revision = turn->build.revision;
	struct birth birth = { .engine = e, .revision = revision };
	int r;

	revision->time = clock_wall_ns();
	revision->who = take_ptr(turn->who);
	revision->why = take_ptr(turn->reason);
	if (turn->confirm_ns && !e->in_force)
		return why(&turn->build.why, -ENODATA, "there is no revision to go back to: apply this one without --confirm");
	birth.confirm_by = turn->confirm_ns ? revision->time + turn->confirm_ns : 0;
	r = put_in_force(e, revision->policy, revision->image, turn->confirm_ns, store_new, &birth, &revision->generation, &turn->build.why);
	if (r < 0) {
		if (revision->rev)
			state_revision_forget(e->state, revision->rev);
		return say_why_not(r, &turn->build.why);
	}
	*ret = (struct apply_result){ .changed = true, .revision = revision->rev, .previous = e->in_force ? e->in_force->rev : 0,
				      .confirm_by = birth.confirm_by };
	if (turn->confirm_ns)
		confirm_begin(e, take_ptr(e->in_force));
	engine_activate(e, take_ptr(turn->build.revision));
	audit(e, turn->confirm_ns ? "apply, unconfirmed" : "apply", ret->previous);
	ret->milliseconds = (double)(clock_boot_ns() - turn->build.begun) / 1e6;
	log_info("in force revision=%" PRIu64 " generation=%u hash=%.12s who='%s' devices=%zu rules=%zu ms=%.1f", e->in_force->rev,
		 e->in_force->generation, e->in_force->hash, e->in_force->who, e->in_force->image->n_devices, e->in_force->image->n_rules,
		 ret->milliseconds);
	return 0;
}

static void finish(struct build *build)
{
	struct turn *turn = (struct turn *)build;
	struct engine *e = build->engine;
	struct apply_ended ended = { .r = build->result, .d = &build->d };

	if (ended.r == 0 && build->same)
		ended.result = (struct apply_result){ .revision = e->in_force->rev };
	else if (ended.r == 0)
		ended.r = put_new(e, turn, &ended.result);
	ended.why = build->why;
	turn->told(turn->ctx, &ended);
	free(turn->who);
	free(turn->reason);
}

static void refuse(const struct apply_order *order, int r)
{
	order->told(order->ctx, &(struct apply_ended){ .r = r, .d = &(struct diagnostics){ 0 } });
}

/* NULL after it was refused for want of memory. */
static struct turn *turn_new(const struct apply_order *order)
{
	struct turn *turn = calloc(1, sizeof(*turn));
	char *who = strdup(order->who), *reason = order->reason ? strdup(order->reason) : NULL;

	if (!turn || !who || (order->reason && !reason)) {
		free(turn);
		free(who);
		free(reason);
		refuse(order, -ENOMEM);
		return NULL;
	}
	*turn = (struct turn){ .build.finish = finish, .who = who, .reason = reason, .confirm_ns = order->confirm_ns,
				.told = order->told, .ctx = order->ctx };
	return turn;
}

static int refuse_while_one_waits(struct build *build)
{
	if (!confirm_waits(build->engine))
		return 0;
	return why(&build->why, -EBUSY, "the revision in force waits to be confirmed: `cordon confirm` or `cordon rollback` first");
}

void engine_apply(struct engine *e, const struct policy_source *sources, size_t n, const struct apply_order *order)
{
	struct turn *turn = turn_new(order);

	if (!turn)
		return;
	turn->build.prepare = refuse_while_one_waits;
	turn->build.result = revision_new(sources, n, &turn->build.revision);
	build_submit(e, &turn->build, true);
}

void engine_apply_folder(struct engine *e, const struct apply_order *order)
{
	struct turn *turn = turn_new(order);

	if (!turn)
		return;
	turn->build.prepare = refuse_while_one_waits;
	turn->build.path = strdup(e->config->policy);
	turn->build.result = turn->build.path ? 0 : -ENOMEM;
	build_submit(e, &turn->build, true);
}

struct search {
	uint64_t below;
	uint64_t found;
};

static int find_below(void *ctx, const struct state_revision *r)
{
	struct search *search = ctx;

	if (r->rev >= search->below)
		return 0;
	search->found = r->rev;
	return 1;
}

static int revision_before(struct engine *e, uint64_t *ret)
{
	struct search search = { .below = e->in_force ? e->in_force->rev : UINT64_MAX };
	int r = state_revisions_each(e->state, find_below, &search);

	if (r < 0)
		return r;
	if (!search.found)
		return -ENOENT;
	*ret = search.found;
	return 0;
}

/* Which one is before is known when its turn comes: changes asked for earlier are made by then. */
static int find_earlier(struct build *build)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision stored = { 0 };
	struct turn *turn = (struct turn *)build;
	struct engine *e = build->engine;
	_cleanup_free_ struct policy_source *sources = NULL;
	int r = refuse_while_one_waits(build);

	if (r < 0)
		return r;
	if (!turn->rev)
		r = revision_before(e, &turn->rev);
	if (r == -ENOENT)
		return why(&build->why, r, "there is no revision before the one in force");
	if (r == 0)
		r = state_revision_by_number(e->state, turn->rev, &stored);
	if (r == -ENOENT)
		return why(&build->why, r, "there is no revision %" PRIu64 "; `cordon history` lists them", turn->rev);
	if (r < 0)
		return why(&build->why, r, "the database cannot be read: %s", strerror(-r));
	if (!stored.n_sources)
		return why(&build->why, -ENOENT, "the text of revision %" PRIu64 " is not kept any more", turn->rev);
	turn->reason = format_text("rollback to revision %" PRIu64, turn->rev);
	return turn->reason ? revision_new_texts(&stored, &build->revision) : -ENOMEM;
}

void engine_rollback(struct engine *e, uint64_t rev, const struct apply_order *order)
{
	struct turn *turn = turn_new(order);

	if (!turn)
		return;
	turn->rev = rev;
	turn->build.prepare = find_earlier;
	build_submit(e, &turn->build, true);
}

int engine_put_again(struct engine *e, struct revision *revision, struct image *image, char **ret_why)
{
	struct birth birth = { .engine = e, .revision = revision };
	int r = put_in_force(e, revision->policy, image, 0, store_again, &birth, &revision->generation, ret_why);

	return r < 0 ? say_why_not(r, ret_why) : 0;
}
