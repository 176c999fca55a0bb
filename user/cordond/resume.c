/* SPDX-License-Identifier: Apache-2.0 */
#include "resume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "apply.h"
#include "build.h"
#include "engine.h"

struct recompile {
	struct work work;
	struct engine *engine;
	const struct revision *of; /* in force when its turn came; stays in memory until this is done */
	struct env env;
	struct image *image;
	struct diagnostics d;
	int result;
};

static bool recompile_begin(struct work *work)
{
	struct recompile *job = (struct recompile *)work;

	job->engine->recompile_waits = false;
	if (confirm_waits(job->engine)) {
		job->engine->confirm.recompile_due = true;
		return false;
	}
	job->of = job->engine->in_force;
	job->result = env_copy(&job->engine->env, &job->env);
	return job->of && job->result == 0;
}

static void recompile_run(struct work *work)
{
	struct recompile *job = (struct recompile *)work;
	struct policy_env view = env_view(&job->env);

	job->result = policy_compile(job->of->policy, &view, &job->d, &job->image);
}

static int put_image(struct engine *e, struct recompile *job, char **ret_why)
{
	int r = job->result;

	if (r < 0) {
		*ret_why = job->d.errors ? diagnostics_text(&job->d) : NULL;
		return r;
	}
	r = engine_put_again(e, e->in_force, job->image, ret_why);
	if (r < 0)
		return r;
	image_free(e->in_force->image);
	e->in_force->image = take_ptr(job->image);
	return 0;
}

static void recompile_done(struct work *work)
{
	struct recompile *job = (struct recompile *)work;
	_cleanup_free_ char *reason = NULL;
	struct engine *e = job->engine;

	if (!job->of)
		return;
	if (job->of != e->in_force) {
		engine_recompile(e);
		return;
	}
	if (put_image(e, job, &reason) == 0) {
		trouble_clear(&e->health, TROUBLE_RECOMPILE);
		log_info("compiled anew revision=%" PRIu64 " generation=%u", e->in_force->rev, e->in_force->generation);
		return;
	}
	log_error("the policy could not be compiled anew error='%s'", reason ? reason : "no memory");
	trouble_set(&e->health, TROUBLE_RECOMPILE, "the gateway's addresses changed, but the policy could not be compiled anew: %s",
		    reason ? reason : "no memory");
}

static void recompile_free(struct work *work)
{
	struct recompile *job = (struct recompile *)work;

	image_free(job->image);
	env_done(&job->env);
	diagnostics_done(&job->d);
	free(job);
}

void engine_recompile(struct engine *e)
{
	struct recompile *job;

	if (e->recompile_waits)
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		trouble_set(&e->health, TROUBLE_RECOMPILE, "the gateway's addresses changed, but the policy could not be compiled anew: no memory");
		return;
	}
	*job = (struct recompile){
		.work = { .changes = true, .begin = recompile_begin, .run = recompile_run, .done = recompile_done, .free = recompile_free },
		.engine = e,
	};
	e->recompile_waits = true;
	worker_submit(e->worker, &job->work);
}

/*
 * What the kernel enforces. A revision known by its generation counts if it is active, or newer than the active one (the
 * engine died between flip and activation). An older one merely had the same number before a boot; then, and when the
 * generation was given but its flip never came, it is the active one.
 */
static int find_stored(struct engine *e, uint32_t generation, struct state_revision *ret)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision active = { 0 }, found = { 0 };
	int r, s;

	/* What came back, also where the database could not be told so. */
	if (e->confirm.came_back)
		return state_revision_by_number(e->state, e->confirm.came_back, ret);
	r = state_revision_active(e->state, &active);
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

/* What is left to try is the folder. */
struct last_resort {
	struct engine *engine;
	char *stored_why; /* why the stored revision could not be put in force; NULL: there is none */
};

static void folder_told(void *ctx, const struct apply_ended *ended)
{
	struct last_resort *last = ctx;
	struct engine *e = last->engine;
	_cleanup_free_ char *stored_why = last->stored_why, *lines = ended->d->errors ? diagnostics_text(ended->d) : NULL;
	const char *folder_why = ended->why ? ended->why : lines ? lines : strerror(-ended->r);
	uint32_t generation = dataplane_generation(e->dp);

	free(last);
	if (ended->r == -ECANCELED)
		return;
	if (ended->r == 0 && stored_why) {
		trouble_set(&e->health, TROUBLE_POLICY, "the applied revision could not be put in force, the folder's policy is: %s", stored_why);
	} else if (ended->r < 0) {
		log_error("the policy in folder=%s cannot be put in force error='%s'", e->config->policy, folder_why);
		trouble_set(&e->health, TROUBLE_POLICY, "the policy could not be put in force: %s", stored_why ? stored_why : folder_why);
		if (generation)
			trouble_set(&e->health, TROUBLE_NO_TEXT,
				    "the policy in force (generation %u) has no stored text: it goes on, but has no names", generation);
	}
	engine_started(e);
}

static void resume_without(struct engine *e, const char *stored_why)
{
	struct last_resort *last = calloc(1, sizeof(*last));
	struct apply_order order = { .who = "cordond", .reason = "start", .told = folder_told, .ctx = last };

	if (!last) {
		trouble_set(&e->health, TROUBLE_POLICY, "the policy could not be put in force: no memory");
		engine_started(e);
		return;
	}
	*last = (struct last_resort){ e, stored_why ? strdup(stored_why) : NULL };
	engine_apply_folder(e, &order);
}

static void give_up(struct engine *e, uint64_t rev, const char *reason)
{
	log_error("the applied policy cannot be put in force again revision=%" PRIu64 " error='%s'", rev, reason);

	/* What was applied wins over the folder as long as the kernel holds it, though nothing of it can be changed. */
	if (!dataplane_generation(e->dp)) {
		resume_without(e, reason);
		return;
	}
	trouble_set(&e->health, TROUBLE_POLICY, "what the kernel enforces goes on, but could not be taken up: %s", reason);
	engine_started(e);
}

static int put_stored(struct engine *e, struct build *build)
{
	struct revision *revision = build->revision;
	int r = build->result;

	if (r < 0) {
		if (build->d.errors && !build->why)
			build->why = diagnostics_text(&build->d);
		return r;
	}
	identity_commit(e->identity, revision->policy, revision->image);
	devices_restore(e);
	e->starting = false; /* what waits in the kernel has names now, and must be read before rows change */
	if (e->confirm.adopted) {
		/* An apply would write over the policy before, which must stay whole: names only, until it is decided. */
		revision_free(e->unbound);
		e->unbound = take_ptr(build->revision);
		log_info("adopted, unconfirmed revision=%" PRIu64 " hash=%.12s", e->unbound->rev, e->unbound->hash);
		return 0;
	}
	r = engine_put_again(e, revision, revision->image, &build->why);
	if (r < 0) {
		/* Its names may still be told; rows may not be written: class numbers belong to one compile. */
		e->unbound = take_ptr(build->revision);
		return r;
	}
	log_info("resumed revision=%" PRIu64 " generation=%u hash=%.12s", revision->rev, revision->generation, revision->hash);
	engine_activate(e, take_ptr(build->revision));
	return 0;
}

static void finish(struct build *build)
{
	struct engine *e = build->engine;
	uint64_t rev = build->revision->rev;
	int r;

	if (build->result == -ECANCELED)
		return;
	r = put_stored(e, build);
	if (r < 0)
		give_up(e, rev, build->why ? build->why : strerror(-r));
	else
		engine_started(e);
}

void engine_resume(struct engine *e)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision stored = { 0 };
	struct build *build = NULL;
	int r;

	e->starting = true;
	devices_restore_quarantines(e);
	confirm_adopt(e);
	r = find_stored(e, dataplane_generation(e->dp), &stored);
	if (r == -ENOENT) {
		resume_without(e, NULL);
		return;
	}
	if (r == 0)
		build = calloc(1, sizeof(*build));
	if (r == 0)
		r = build ? revision_new_stored(&stored, &build->revision) : -ENOMEM;
	if (r < 0) {
		free(build);
		give_up(e, stored.rev, strerror(-r));
		return;
	}
	build->finish = finish;
	build_submit(e, build, true);
}
