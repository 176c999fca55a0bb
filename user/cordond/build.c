/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "engine.h"

/* The work is the first member. */
static struct build *build_of(struct work *work)
{
	return (struct build *)work;
}

static bool build_begin(struct work *work)
{
	struct build *build = build_of(work);
	const struct revision *now = build->engine->in_force;

	build->begun = clock_boot_ns();
	if (now)
		memcpy(build->before, now->hash, sizeof(build->before));
	if (build->result == 0)
		build->result = env_copy(&build->engine->env, &build->env);
	if (build->result == 0 && build->prepare)
		build->result = build->prepare(build);
	return build->result == 0;
}

static int read_folder(struct build *build)
{
	const char *path = build->path;
	struct policy_source *sources = NULL;
	size_t n = 0;
	int r = policy_load_path(&path, 1, &sources, &n, &build->why);

	if (r < 0)
		return r;
	r = revision_new(sources, n, &build->revision);
	policy_sources_free(sources, n);
	return r;
}

static int make(struct build *build)
{
	int r = build->path ? read_folder(build) : 0;

	if (r < 0)
		return r;
	if (!build->revision->hash[0])
		revision_hash(build->revision);
	build->same = build->before[0] && strcmp(build->before, build->revision->hash) == 0;
	if (build->same && !build->same_too)
		return 0;
	r = revision_compile(build->revision, &build->env, &build->d);
	return r == 0 && build->more ? build->more(build) : r;
}

static void build_run(struct work *work)
{
	struct build *build = build_of(work);

	build->result = make(build);
}

static void build_done(struct work *work)
{
	struct build *build = build_of(work);

	build->finish(build);
	build->finish = NULL;
}

static void build_free(struct work *work)
{
	struct build *build = build_of(work);

	if (build->finish) {
		build->result = -ECANCELED;
		free(build->why);
		build->why = strdup("cordond is ending; nothing was changed");
		build->finish(build);
	}
	revision_free(build->revision);
	env_done(&build->env);
	diagnostics_done(&build->d);
	free(build->path);
	free(build->why);
	free(build);
}

void build_submit(struct engine *engine, struct build *build, bool changes)
{
	build->engine = engine;
	build->work = (struct work){ .changes = changes, .begin = build_begin, .run = build_run, .done = build_done, .free = build_free };
	worker_submit(engine->worker, &build->work);
}
