/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy files and, where -c or $CORDON_CONFIG names one, gateway.yaml.
 * Out: a compiled policy for the offline commands, and what the gateway would know of itself.
 * Never: the running engine or kernel.
 */
#ifndef CORDON_COMPILED_H
#define CORDON_COMPILED_H

#include "../config/config.h"
#include "../config/env.h"
#include "../policy/policy.h"
#include "command.h"

struct gateway_view {
	struct gateway_config *config; /* never NULL once filled */
	struct env known;
	struct policy_env env;         /* borrowed from known */
};

/* gateway.yaml as named, or the defaults; complains by itself. */
enum control_status gateway_view_load(const struct invocation *inv, struct gateway_view *ret);
/* Fills env from `addresses:`. -ENOMEM. */
int gateway_view_fill(struct gateway_view *view, env_faces_fn faces, void *ctx);
void gateway_view_done(struct gateway_view *view);
/* By name alone: the config's word, else what names usually mean. */
bool faces_devices(void *ctx, const struct gateway_config *config, const char *name);

struct compiled {
	struct policy_source *sources;
	size_t n_sources;
	struct policy *policy;
	struct image *image;
};

/* 0; -errno with errors in the diagnostics or a sentence in *ret_why. */
int compiled_load(const char *const *paths, size_t n, const struct policy_env *env, struct diagnostics *d,
		  struct compiled *ret, char **ret_why);
void compiled_done(struct compiled *c);

json_t *diagnostics_json(const struct diagnostics *d);

#endif
