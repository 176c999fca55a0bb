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

int revision_new(const struct policy_source *sources, size_t n, struct revision **ret)
{
	_cleanup_revision_ struct revision *revision = calloc(1, sizeof(*revision));
	int r = revision ? copy_sources(revision, sources, n) : -ENOMEM;

	if (r < 0)
		return r;
	*ret = take_ptr(revision);
	return 0;
}

int revision_new_texts(struct state_revision *stored, struct revision **ret)
{
	struct revision *revision = calloc(1, sizeof(*revision));

	if (!revision)
		return -ENOMEM;
	*revision = (struct revision){ .sources = take_ptr(stored->sources), .n_sources = stored->n_sources };
	stored->n_sources = 0;
	*ret = revision;
	return 0;
}

int revision_new_stored(struct state_revision *stored, struct revision **ret)
{
	_cleanup_free_ char *who = strdup(stored->who ? stored->who : "unknown");
	struct revision *revision;
	int r = who ? revision_new_texts(stored, &revision) : -ENOMEM;

	if (r < 0)
		return r;
	revision->rev = stored->rev;
	revision->time = stored->time;
	revision->who = take_ptr(who);
	revision->why = take_ptr(stored->why);
	memcpy(revision->hash, stored->hash, sizeof(revision->hash));
	*ret = revision;
	return 0;
}

/* The texts as the parser takes them, borrowed; to free. */
static struct policy_source *parser_sources(const struct state_source *texts, size_t n)
{
	struct policy_source *sources = calloc(n + 1, sizeof(*sources));

	for (size_t i = 0; sources && i < n; i++)
		sources[i] = (struct policy_source){ texts[i].name, texts[i].text, texts[i].size };
	return sources;
}

int revision_parse_stored(const struct state_revision *stored, struct diagnostics *d, struct policy **ret)
{
	_cleanup_free_ struct policy_source *sources = parser_sources(stored->sources, stored->n_sources);

	return sources ? policy_parse(sources, stored->n_sources, d, ret) : -ENOMEM;
}

void revision_hash(struct revision *revision)
{
	_cleanup_free_ struct policy_source *sources = parser_sources(revision->sources, revision->n_sources);

	revision->hash[0] = '\0';
	if (sources)
		policy_hash(sources, revision->n_sources, revision->hash);
}

int revision_compile(struct revision *revision, const struct env *env, struct diagnostics *d)
{
	_cleanup_free_ struct policy_source *sources = parser_sources(revision->sources, revision->n_sources);
	struct policy_env view = env_view(env);
	int r;

	if (!sources)
		return -ENOMEM;
	r = policy_parse(sources, revision->n_sources, d, &revision->policy);
	return r < 0 ? r : policy_compile(revision->policy, &view, d, &revision->image);
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
