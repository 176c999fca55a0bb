/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the gateway's own addresses, one by one, from the kernel or from `addresses:` of gateway.yaml.
 * Out: the struct policy_env that policies are compiled with, in an order that depends only on what is in it.
 * Never: netlink; who asks.
 */
#ifndef CORDON_CONFIG_ENV_H
#define CORDON_CONFIG_ENV_H

#include <stdbool.h>

#include "../policy/image.h"
#include "config.h"

struct env {
	struct address *gateway;
	size_t n_gateway;
	struct prefix *local;
	size_t n_local;
};

/* `length` of its prefix: the addresses of the whole link lead to the gateway as well. */
int env_add_gateway(struct env *env, const struct address *address, uint8_t length);
/* Host bits are cleared. */
int env_add_local(struct env *env, const struct address *address, uint8_t length);
/* All of `addresses:`; those of an interface that faces devices are local too. */
typedef bool (*env_faces_fn)(void *ctx, const struct gateway_config *config, const char *interface);
int env_add_config(struct env *env, const struct gateway_config *config, env_faces_fn faces, void *ctx);
/* Sorts and removes what is there twice; after the last addition. */
void env_settle(struct env *env);
int env_copy(const struct env *env, struct env *ret);
bool env_equal(const struct env *a, const struct env *b);
struct policy_env env_view(const struct env *env);
void env_done(struct env *env);

#endif
