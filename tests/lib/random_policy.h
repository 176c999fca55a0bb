/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a seed.
 * Out: a small policy as the parser could have made it, and the gateway it is for.
 * Never: freed: all of it lies in its world.
 */
#ifndef CORDON_TESTS_RANDOM_POLICY_H
#define CORDON_TESTS_RANDOM_POLICY_H

#include "policy/policy.h"

#define RANDOM_ZONE "Europe/Paris"

/* One policy and all it points to; nothing is freed but with the whole. */
struct world {
	struct policy policy;
	struct segment segments[6];
	struct policy_device devices[7];
	struct named_network networks[3];
	struct rule rules[12];
	struct schedule schedules[3];
	int64_t at; /* the moment in question */
	struct prefix prefixes[9];
	struct address addresses[21];
	struct fact facts[21];
	struct peer peers[200];
	struct service_range ranges[200];
	struct exception exceptions[30];
	struct condition conditions[40];
	char *values[40];
	size_t n_prefixes, n_addresses, n_facts, n_peers, n_ranges, n_exceptions, n_conditions;
	struct address gateway[2];
	struct prefix local[2];
	struct policy_env env;
};

void random_begin(uint64_t seed);
uint32_t pick(uint32_t n); /* below n */
bool chance(uint32_t percent);

struct address random_address(void);
bool is_v4(const struct address *a);
void random_world(struct world *w);

#endif
