/* SPDX-License-Identifier: Apache-2.0 */
#include "apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "engine.h"

/*
 * Disk before kernel, kernel before "active". A crash leaves one of: an unborn revision in the database (forgotten when its
 * generation is given again), or one in force that is not yet called active (found by its generation at the next start).
 */
static int put_in_force(struct engine *e, const struct policy *policy, const struct image *image,
			int (*store)(void *ctx, uint32_t generation), void *ctx, uint32_t *ret_generation, char **ret_why)
{
	struct dataplane_apply what = { .image = image, .before_flip = store, .ctx = ctx };
	int r;

	engine_drain_events(e);
	r = identity_assign(e->identity, policy, image, &what.devices, &what.n_devices);
	if (r < 0)
		return r;
	r = dataplane_apply(e->dp, &what, ret_generation, ret_why);
	if (r < 0)
		return r;
	identity_commit(e->identity, policy, image);
	e->places = devices_places(e);
	if (rule_book_add(&e->rules, *ret_generation, policy) < 0)
		log_warning("no memory for the names of the rules of generation=%u", *ret_generation);
	return 0;
}

struct birth {
	struct engine *engine;
	struct revision *revision;
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
static void activate(struct engine *e, struct revision *revision)
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

static void audit(struct engine *e, const struct revision *revision, const char *action)
{
	_cleanup_free_ char *detail = format_text("revision %" PRIu64 " hash %s", revision->rev, revision->hash);

	if (state_audit(e->state, revision->who, action, detail) < 0)
		log_warning("the audit log could not be written action=%s who=%s", action, revision->who);
}

static int say_why_not(int r, char **ret_why)
{
	if (*ret_why)
		return r;
	return why(ret_why, r, "the policy was not put in force, what ran before stays: %s", strerror(-r));
}

int engine_apply(struct engine *e, const struct policy_source *sources, size_t n, const char *who, const char *reason,
		 struct diagnostics *d, struct apply_result *ret, char **ret_why)
{
	_cleanup_revision_ struct revision *revision = NULL;
	struct birth birth = { .engine = e };
	uint64_t begun = clock_boot_ns();
	char hash[65];
	int r;

	policy_hash(sources, n, hash);
	if (e->in_force && strcmp(e->in_force->hash, hash) == 0) {
		*ret = (struct apply_result){ .revision = e->in_force->rev };
		return 0;
	}
	r = revision_build(sources, n, &e->env, d, &revision);
	if (r < 0)
		return r;
	revision->time = clock_wall_ns();
	revision->who = strdup(who);
	revision->why = reason ? strdup(reason) : NULL;
	if (!revision->who)
		return -ENOMEM;

	birth.revision = revision;
	r = put_in_force(e, revision->policy, revision->image, store_new, &birth, &revision->generation, ret_why);
	if (r < 0) {
		if (revision->rev)
			state_revision_forget(e->state, revision->rev);
		return say_why_not(r, ret_why);
	}
	*ret = (struct apply_result){ .changed = true, .revision = revision->rev, .previous = e->in_force ? e->in_force->rev : 0 };
	activate(e, take_ptr(revision));
	audit(e, e->in_force, "apply");
	ret->milliseconds = (double)(clock_boot_ns() - begun) / 1e6;
	log_info("in force revision=%" PRIu64 " generation=%u hash=%.12s who='%s' devices=%zu rules=%zu ms=%.1f", e->in_force->rev,
		 e->in_force->generation, e->in_force->hash, who, e->in_force->image->n_devices, e->in_force->image->n_rules,
		 ret->milliseconds);
	return 0;
}

int engine_apply_folder(struct engine *e, const char *who, const char *reason, struct diagnostics *d, struct apply_result *ret,
			char **ret_why)
{
	const char *path = e->config->policy;
	struct policy_source *sources = NULL;
	size_t n = 0;
	int r = policy_load_path(&path, 1, &sources, &n, ret_why);

	if (r < 0)
		return r;
	r = engine_apply(e, sources, n, who, reason, d, ret, ret_why);
	policy_sources_free(sources, n);
	return r;
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

int engine_rollback(struct engine *e, uint64_t rev, const char *who, struct diagnostics *d, struct apply_result *ret, char **ret_why)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision stored = { 0 };
	_cleanup_free_ struct policy_source *sources = NULL;
	_cleanup_free_ char *reason = NULL;
	int r = rev ? 0 : revision_before(e, &rev);

	if (r == -ENOENT)
		return why(ret_why, r, "there is no revision before the one in force");
	if (r == 0)
		r = state_revision_by_number(e->state, rev, &stored);
	if (r == -ENOENT)
		return why(ret_why, r, "there is no revision %" PRIu64 "; `cordon history` lists them", rev);
	if (r < 0)
		return why(ret_why, r, "the database cannot be read: %s", strerror(-r));
	if (!stored.n_sources)
		return why(ret_why, -ENOENT, "the text of revision %" PRIu64 " is not kept any more", rev);

	sources = calloc(stored.n_sources, sizeof(*sources));
	reason = format_text("rollback to revision %" PRIu64, rev);
	if (!sources || !reason)
		return -ENOMEM;
	for (size_t i = 0; i < stored.n_sources; i++)
		sources[i] = (struct policy_source){ stored.sources[i].name, stored.sources[i].text, stored.sources[i].size };
	return engine_apply(e, sources, stored.n_sources, who, reason, d, ret, ret_why);
}

/* The revision as it is, with a new image; it keeps its number. */
static int put_again(struct engine *e, struct revision *revision, struct image *image, char **ret_why)
{
	struct birth birth = { e, revision };

	return put_in_force(e, revision->policy, image, store_again, &birth, &revision->generation, ret_why);
}

int engine_recompile(struct engine *e, char **ret_why)
{
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	struct policy_env view = env_view(&e->env);
	struct image *image = NULL;
	int r;

	if (!e->in_force)
		return 0;
	r = policy_compile(e->in_force->policy, &view, &d, &image);
	if (r < 0) {
		*ret_why = diagnostics_text(&d);
		return r;
	}
	r = put_again(e, e->in_force, image, ret_why);
	if (r < 0) {
		image_free(image);
		return say_why_not(r, ret_why);
	}
	image_free(e->in_force->image);
	e->in_force->image = image;
	trouble_clear(&e->health, TROUBLE_RECOMPILE);
	log_info("compiled anew revision=%" PRIu64 " generation=%u", e->in_force->rev, e->in_force->generation);
	return 0;
}

/*
 * What the kernel enforces. A revision known by its generation counts if it is active, or newer than the active one (the
 * engine died between flip and activation). An older one merely had the same number before a boot; then, and when the
 * generation was given but its flip never came, it is the active one.
 */
static int find_stored(struct engine *e, uint32_t generation, struct state_revision *ret)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision active = { 0 }, found = { 0 };
	int r = state_revision_active(e->state, &active), s;

	if (r < 0 && r != -ENOENT)
		return r;
	s = generation ? state_revision_by_generation(e->state, generation, &found) : -ENOENT;
	if (s < 0 && s != -ENOENT)
		return s;
	if (s == 0 && (found.active || found.rev > active.rev)) {
		*ret = found;
		found = (struct state_revision){ 0 };
		return 0;
	}
	if (r == 0) {
		*ret = active;
		active = (struct state_revision){ 0 };
	}
	return r;
}

static int resume_stored(struct engine *e, const struct state_revision *stored, char **ret_why)
{
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	_cleanup_revision_ struct revision *revision = NULL;
	int r = revision_build_stored(stored, &e->env, &d, &revision);

	if (r < 0) {
		*ret_why = d.errors ? diagnostics_text(&d) : NULL;
		return r;
	}
	identity_commit(e->identity, revision->policy, revision->image);
	devices_restore(e);
	r = put_again(e, revision, revision->image, ret_why);
	if (r < 0) {
		/* Its names may still be told; rows may not be written: class numbers belong to one compile. */
		e->unbound = take_ptr(revision);
		return r;
	}
	log_info("resumed revision=%" PRIu64 " generation=%u hash=%.12s", revision->rev, revision->generation, revision->hash);
	activate(e, take_ptr(revision));
	return 0;
}

static int resume_folder(struct engine *e, char **ret_why)
{
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	struct apply_result result;
	int r = engine_apply_folder(e, "cordond", "start", &d, &result, ret_why);

	if (r < 0 && d.errors && !*ret_why)
		*ret_why = diagnostics_text(&d);
	return r;
}

/* The folder's policy where there is none, or none that can be put in force. */
static void resume_without(struct engine *e, uint32_t generation, const char *stored_why)
{
	_cleanup_free_ char *folder_why = NULL;

	if (resume_folder(e, &folder_why) == 0) {
		if (stored_why)
			trouble_set(&e->health, TROUBLE_POLICY, "the applied revision could not be put in force, the folder's policy is: %s", stored_why);
		return;
	}
	log_error("the policy in folder=%s cannot be put in force error='%s'", e->config->policy, folder_why ? folder_why : "no memory");
	trouble_set(&e->health, TROUBLE_POLICY, "the policy could not be put in force: %s",
		    stored_why ? stored_why : folder_why ? folder_why : "no memory");
	if (generation)
		trouble_set(&e->health, TROUBLE_NO_TEXT, "the policy in force (generation %u) has no stored text: it goes on, but has no names",
			    generation);
}

void engine_resume(struct engine *e)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision stored = { 0 };
	_cleanup_free_ char *stored_why = NULL;
	uint32_t generation = dataplane_generation(e->dp);
	int r;

	devices_restore_quarantines(e);
	r = find_stored(e, generation, &stored);
	if (r == -ENOENT) {
		resume_without(e, generation, NULL);
		return;
	}
	if (r == 0)
		r = resume_stored(e, &stored, &stored_why);
	if (r == 0)
		return;
	if (!stored_why)
		stored_why = format_text("%s", strerror(-r));
	log_error("the applied policy cannot be put in force again revision=%" PRIu64 " error='%s'", stored.rev, stored_why ? stored_why : "?");

	/* What was applied wins over the folder as long as the kernel holds it, though nothing of it can be changed. */
	if (generation)
		trouble_set(&e->health, TROUBLE_POLICY, "what the kernel enforces goes on, but could not be taken up: %s", stored_why ? stored_why : "?");
	else
		resume_without(e, generation, stored_why ? stored_why : "no memory");
}
