/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  addresses and prefixes, one by one.
 * Out: the struct policy_env that policies are compiled with, in an order that depends only on what is in it.
 * Never: where they come from.
 */
#ifndef CORDOND_ENV_H
#define CORDOND_ENV_H

#include <stdbool.h>

#include "../policy/image.h"

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
/* Sorts and removes what is there twice; after the last addition. */
void env_settle(struct env *env);
bool env_equal(const struct env *a, const struct env *b);
struct policy_env env_view(const struct env *env);
void env_done(struct env *env);

#endif
