/* SPDX-License-Identifier: Apache-2.0 */
#include "compiled.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"

/* An interface that gateway.yaml does not sort: these names are uplinks almost everywhere. */
static const char *const uplink_names[] = {"up*", "wan*", "eth*", "en*", "ppp*", "wwan*"};

bool faces_devices(void *ctx, const struct gateway_config *config, const char *name)
{
	(void)ctx;
	if (config_is_uplink(config, name))
		return false;
	if (config_port_for(config, name))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(uplink_names); i++) {
		if (!fnmatch(uplink_names[i], name, 0))
			return false;
	}
	return true;
}

enum control_status gateway_view_load(const struct invocation *inv, struct gateway_view *ret)
{
	struct diagnostics d = {};
	struct gateway_config *config = NULL;
	int r = 0;

	if (inv->config_named)
		r = config_load(inv->config, &d, &config);
	else
		config = config_default();
	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	if (!config)
		return complain(inv, CONTROL_ERROR, "cannot use %s: %s", inv->config, strerror(r ? -r : ENOMEM));
	*ret = (struct gateway_view){.config = config};
	return CONTROL_DONE;
}

int gateway_view_fill(struct gateway_view *view, env_faces_fn faces, void *ctx)
{
	int r = env_add_config(&view->known, view->config, faces, ctx);

	if (r < 0)
		return r;
	env_settle(&view->known);
	view->env = env_view(&view->known);
	return 0;
}

void gateway_view_done(struct gateway_view *view)
{
	config_free(view->config);
	env_done(&view->known);
	*view = (struct gateway_view){};
}

int compiled_load(const char *const *paths, size_t n, const struct policy_env *env, struct diagnostics *d,
		  struct compiled *ret, char **ret_why)
{
	struct compiled c = {};
	int r;

	r = policy_load_path(paths, n, &c.sources, &c.n_sources, ret_why);
	if (r >= 0)
		r = policy_parse(c.sources, c.n_sources, d, &c.policy);
	if (r >= 0)
		r = policy_compile(c.policy, env, d, &c.image);
	if (r >= 0) {
		*ret = c;
		return 0;
	}
	compiled_done(&c);
	return r;
}

void compiled_done(struct compiled *c)
{
	image_free(c->image);
	policy_free(c->policy);
	policy_sources_free(c->sources, c->n_sources);
	*c = (struct compiled){};
}

json_t *diagnostics_json(const struct diagnostics *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		const struct diagnostic *item = &d->items[i];

		json_array_append_new(list, json_pack("{s:s?, s:i, s:i, s:b, s:s?}", "file", item->file, "line", (int)item->line,
						      "column", (int)item->column, "warning", item->warning, "message", item->message));
	}
	return list;
}
