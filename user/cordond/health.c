/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "build.h"
#include "engine.h"

#define JUDGED_AT_ONCE (128u << 10) /* bytes of policy: some milliseconds */

static const struct {
	const char *word;
	const char *fix;
} troubles[] = {
#define X(id, word, fix) [TROUBLE_##id] = { word, fix },
	TROUBLES(X)
#undef X
};

void trouble_set(struct health *health, enum trouble trouble, const char *format, ...)
{
	va_list ap;

	trouble_clear(health, trouble);
	va_start(ap, format);
	if (vasprintf(&health->text[trouble], format, ap) < 0)
		health->text[trouble] = NULL;
	va_end(ap);
	/* Without memory the word alone must do: a trouble is never lost. */
	if (!health->text[trouble])
		health->text[trouble] = strdup(troubles[trouble].word);
}

void trouble_clear(struct health *health, enum trouble trouble)
{
	free(health->text[trouble]);
	health->text[trouble] = NULL;
}

void health_done(struct health *health)
{
	for (int i = 0; i < TROUBLE_COUNT; i++)
		trouble_clear(health, i);
	free(health->folder_error);
	health->folder_error = NULL;
}

static void remember_folder(struct engine *e, const char hash[65], int r, const struct diagnostics *d)
{
	free(e->health.folder_error);
	e->health.folder_error = r < 0 ? diagnostics_text(d) : NULL;
	memcpy(e->health.folder_hash, hash, sizeof(e->health.folder_hash));
}

static void finish_judging(struct build *build)
{
	struct engine *e = build->engine;

	e->health.judging = false;
	if (build->result != -ECANCELED)
		remember_folder(e, build->revision->hash, build->result, &build->d);
}

static void judge_later(struct engine *e, struct revision *revision)
{
	struct build *build = e->health.judging ? NULL : calloc(1, sizeof(*build));

	if (!build) {
		revision_free(revision);
		return;
	}
	build->revision = revision;
	build->finish = finish_judging;
	e->health.judging = true;
	build_submit(e, build, false);
}

/*
 * Parses and compiles the folder's policy once a content: `status` may be asked often. What takes long is the worker's, and
 * `status` tells what is wrong with it once that is known.
 */
static void judge_folder(struct engine *e, const struct policy_source *sources, size_t n, const char hash[65])
{
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	_cleanup_revision_ struct revision *revision = NULL;
	size_t size = 0;

	if (strcmp(e->health.folder_hash, hash) == 0 || revision_new(sources, n, &revision) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		size += sources[i].size;
	memcpy(revision->hash, hash, sizeof(revision->hash));
	if (size > JUDGED_AT_ONCE)
		judge_later(e, take_ptr(revision));
	else
		remember_folder(e, hash, revision_compile(revision, &e->env, &d), &d);
}

/* True if the folder holds something else than what is in force; *ret_hash is "" where it cannot be read. */
static bool folder_differs(struct engine *e, char ret_hash[65], char **ret_error)
{
	const char *path = e->config->policy;
	struct policy_source *sources = NULL;
	size_t n = 0;

	ret_hash[0] = '\0';
	if (policy_load_path(&path, 1, &sources, &n, ret_error) < 0)
		return true;
	policy_hash(sources, n, ret_hash);
	if (e->in_force && strcmp(e->in_force->hash, ret_hash) == 0) {
		policy_sources_free(sources, n);
		return false;
	}
	judge_folder(e, sources, n, ret_hash);
	policy_sources_free(sources, n);
	if (e->health.folder_error && strcmp(e->health.folder_hash, ret_hash) == 0)
		*ret_error = strdup(e->health.folder_error);
	return true;
}

static void look_at_folder(struct engine *e)
{
	_cleanup_free_ char *error = NULL;
	char hash[65];

	if (folder_differs(e, hash, &error) && error)
		trouble_set(&e->health, TROUBLE_FOLDER, "the policy in %s cannot be used: %s", e->config->policy, error);
	else
		trouble_clear(&e->health, TROUBLE_FOLDER);
}

static void look_at_kernel(struct engine *e)
{
	if (dataplane_generation(e->dp))
		trouble_clear(&e->health, TROUBLE_NO_POLICY);
	else
		trouble_set(&e->health, TROUBLE_NO_POLICY, "no policy is in force: every frame on a device port %s",
			    e->config->fail_open ? "passes (fail: open)" : "is dropped (fail: closed)");
	if (e->brake)
		trouble_set(&e->health, TROUBLE_BRAKE, "the brake is on: nothing but quarantine is enforced");
	else
		trouble_clear(&e->health, TROUBLE_BRAKE);
}

static void add(json_t *list, const char *what, const char *text, const char *fix)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "what", what, "text", text, "fix", fix));
}

json_t *health_degraded(struct engine *e)
{
	json_t *list = json_array();

	look_at_folder(e);
	look_at_kernel(e);
	for (int i = 0; i < TROUBLE_COUNT; i++)
		if (e->health.text[i])
			add(list, troubles[i].word, e->health.text[i], troubles[i].fix);
	for (size_t i = 0; i < e->ports.n; i++) {
		const struct gateway_port *port = &e->ports.items[i];
		_cleanup_free_ char *text = NULL;

		if (!port->error)
			continue;
		text = format_text(port->in_kernel ? "port %s is enforced, but: %s" : "port %s is not enforced: %s", port->name, port->error);
		add(list, "port", text ? text : port->name, "look at the driver and `xdp:` in gateway.yaml; it is tried again every second");
	}
	return list;
}

json_t *health_drift(struct engine *e)
{
	_cleanup_free_ char *error = NULL;
	char hash[65];

	if (!e->in_force || !folder_differs(e, hash, &error))
		return json_null();
	return json_pack("{s:s, s:s?, s:s}", "path", e->config->policy, "hash", hash[0] ? hash : NULL, "text",
			 error ? "the folder's policy cannot be used" : "the folder holds another policy than the one in force; `cordon reload` applies it");
}
