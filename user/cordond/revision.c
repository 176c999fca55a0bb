/* SPDX-License-Identifier: Apache-2.0 */
#include "revision.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"

static int copy_source(const struct policy_source *from, struct state_source *ret)
{
	_cleanup_free_ char *name = strdup(from->name), *text = malloc(from->size + 1);

	if (!name || !text)
		return -ENOMEM;
	if (from->size)
		memcpy(text, from->text, from->size);
	text[from->size] = '\0';
	*ret = (struct state_source){ take_ptr(name), take_ptr(text), from->size };
	return 0;
}

static int copy_sources(struct revision *revision, const struct policy_source *sources, size_t n)
{
	int r = 0;

	revision->sources = calloc(n ? n : 1, sizeof(*revision->sources));
	if (!revision->sources)
		return -ENOMEM;
	for (; revision->n_sources < n && r == 0; revision->n_sources += r == 0)
		r = copy_source(&sources[revision->n_sources], &revision->sources[revision->n_sources]);
	return r;
}

int revision_build(const struct policy_source *sources, size_t n, const struct env *env, struct diagnostics *d, struct revision **ret)
{
	_cleanup_revision_ struct revision *revision = calloc(1, sizeof(*revision));
	struct policy_env view = env_view(env);
	int r;

	if (!revision)
		return -ENOMEM;
	r = policy_parse(sources, n, d, &revision->policy);
	if (r < 0)
		return r;
	r = policy_compile(revision->policy, &view, d, &revision->image);
	if (r < 0)
		return r;
	r = copy_sources(revision, sources, n);
	if (r < 0)
		return r;
	policy_hash(sources, n, revision->hash);
	*ret = take_ptr(revision);
	return 0;
}

/* The texts as the parser takes them, borrowed; to free. */
static struct policy_source *stored_sources(const struct state_revision *stored)
{
	struct policy_source *sources = calloc(stored->n_sources + 1, sizeof(*sources));

	for (size_t i = 0; sources && i < stored->n_sources; i++)
		sources[i] = (struct policy_source){ stored->sources[i].name, stored->sources[i].text, stored->sources[i].size };
	return sources;
}

int revision_parse_stored(const struct state_revision *stored, struct diagnostics *d, struct policy **ret)
{
	_cleanup_free_ struct policy_source *sources = stored_sources(stored);

	return sources ? policy_parse(sources, stored->n_sources, d, ret) : -ENOMEM;
}

int revision_build_stored(const struct state_revision *stored, const struct env *env, struct diagnostics *d, struct revision **ret)
{
	_cleanup_free_ struct policy_source *sources = stored_sources(stored);
	_cleanup_revision_ struct revision *revision = NULL;
	int r;

	if (!sources)
		return -ENOMEM;
	r = revision_build(sources, stored->n_sources, env, d, &revision);
	if (r < 0)
		return r;
	revision->who = strdup(stored->who ? stored->who : "unknown");
	revision->why = stored->why ? strdup(stored->why) : NULL;
	if (!revision->who || (stored->why && !revision->why))
		return -ENOMEM;
	revision->rev = stored->rev;
	revision->time = stored->time;
	*ret = take_ptr(revision);
	return 0;
}

void revision_free(struct revision *revision)
{
	if (!revision)
		return;
	for (size_t i = 0; i < revision->n_sources; i++) {
		free(revision->sources[i].name);
		free(revision->sources[i].text);
	}
	free(revision->sources);
	free(revision->who);
	free(revision->why);
	image_free(revision->image);
	policy_free(revision->policy);
	free(revision);
}

void revision_freep(struct revision **revision)
{
	revision_free(*revision);
}

char *diagnostics_text(const struct diagnostics *d)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < d->n; i++) {
		const struct diagnostic *item = &d->items[i];

		if (item->warning)
			continue;
		if (text.size)
			buf_addf(&text, "\n");
		if (item->line)
			buf_addf(&text, "%s:%u:%u: %s", item->file ? item->file : "policy", item->line, item->column, item->message);
		else
			buf_addf(&text, "%s: %s", item->file ? item->file : "policy", item->message);
	}
	return take_ptr(text.data);
}
