/* SPDX-License-Identifier: Apache-2.0 */
#include "env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"

int env_add_gateway(struct env *env, const struct address *address, uint8_t length)
{
	struct address *grown = reallocarray(env->gateway, env->n_gateway + 3, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	env->gateway = grown;
	env->n_gateway += addr_of_host(address, length, grown + env->n_gateway);
	return 0;
}

static struct address masked(const struct address *address, uint8_t length)
{
	struct address result = *address;

	for (unsigned int bit = length; bit < 128; bit++)
		result.byte[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
	return result;
}

int env_add_local(struct env *env, const struct address *address, uint8_t length)
{
	struct prefix *grown = reallocarray(env->local, env->n_local + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	env->local = grown;
	env->local[env->n_local++] = (struct prefix){ masked(address, length), length };
	return 0;
}

int env_add_config(struct env *env, const struct gateway_config *config, env_faces_fn faces, void *ctx)
{
	int r = 0;

	for (size_t i = 0; i < config->n_addresses; i++) {
		const struct config_addresses *of = &config->addresses[i];
		bool local = faces(ctx, config, of->port);

		for (size_t k = 0; k < of->n_ip && r == 0; k++) {
			r = env_add_gateway(env, &of->ip[k].address, of->ip[k].length);
			if (r == 0 && local)
				r = env_add_local(env, &of->ip[k].address, of->ip[k].length);
		}
	}
	return r;
}

/* struct prefix has no padding: 16 bytes and a length, all bytes. */
_Static_assert(sizeof(struct prefix) == 17, "prefixes are compared as bytes");

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct address));
}

static int compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

static size_t settle(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *bytes = items;
	size_t kept = 0;

	if (!n)
		return 0;
	qsort(items, n, size, compare);
	for (size_t i = 1; i < n; i++)
		if (compare(bytes + kept * size, bytes + i * size))
			memmove(bytes + ++kept * size, bytes + i * size, size);
	return kept + 1;
}

void env_settle(struct env *env)
{
	env->n_gateway = settle(env->gateway, env->n_gateway, sizeof(*env->gateway), compare_addresses);
	env->n_local = settle(env->local, env->n_local, sizeof(*env->local), compare_prefixes);
}

static bool same(const void *a, const void *b, size_t size)
{
	return !size || memcmp(a, b, size) == 0;
}

bool env_equal(const struct env *a, const struct env *b)
{
	return a->n_gateway == b->n_gateway && a->n_local == b->n_local &&
	       same(a->gateway, b->gateway, a->n_gateway * sizeof(*a->gateway)) &&
	       same(a->local, b->local, a->n_local * sizeof(*a->local));
}

int env_copy(const struct env *env, struct env *ret)
{
	struct env copy = {
		.gateway = reallocarray(NULL, env->n_gateway + 1, sizeof(*copy.gateway)),
		.n_gateway = env->n_gateway,
		.local = reallocarray(NULL, env->n_local + 1, sizeof(*copy.local)),
		.n_local = env->n_local,
	};

	if (!copy.gateway || !copy.local) {
		env_done(&copy);
		return -ENOMEM;
	}
	if (env->n_gateway)
		memcpy(copy.gateway, env->gateway, env->n_gateway * sizeof(*copy.gateway));
	if (env->n_local)
		memcpy(copy.local, env->local, env->n_local * sizeof(*copy.local));
	*ret = copy;
	return 0;
}

struct policy_env env_view(const struct env *env)
{
	return (struct policy_env){ .gateway = env->gateway, .n_gateway = env->n_gateway, .local = env->local, .n_local = env->n_local };
}

void env_done(struct env *env)
{
	free(env->gateway);
	free(env->local);
	*env = (struct env){ 0 };
}
