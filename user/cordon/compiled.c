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

static void host_bits_clear(struct prefix *p)
{
	for (unsigned bit = p->length; bit < 128; bit++)
		p->address.byte[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}

int gateway_view_fill(struct gateway_view *view, faces_devices_fn faces, void *ctx)
{
	const struct gateway_config *config = view->config;
	size_t n = 0, g = 0, l = 0;

	for (size_t i = 0; i < config->n_addresses; i++)
		n += config->addresses[i].n_ip;
	view->gateway = calloc(3 * n + 1, sizeof(*view->gateway));
	view->local = calloc(n + 1, sizeof(*view->local));
	if (!view->gateway || !view->local)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_addresses; i++) {
		const struct config_addresses *of = &config->addresses[i];

		for (size_t k = 0; k < of->n_ip; k++) {
			g += addr_of_host(&of->ip[k].address, of->ip[k].length, view->gateway + g);
			if (!faces(ctx, config, of->port))
				continue;
			view->local[l] = (struct prefix){of->ip[k].address, of->ip[k].length};
			host_bits_clear(&view->local[l++]);
		}
	}
	view->env = (struct policy_env){view->gateway, g, view->local, l};
	return 0;
}

void gateway_view_done(struct gateway_view *view)
{
	config_free(view->config);
	free(view->gateway);
	free(view->local);
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
