/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "../lib/cleanup.h"
#include "facts.h"
#include "parse.h"

/* A segment in a test stands for each of its devices. */
static void check_test_peer(struct parser *p, const struct peer *peer, const bool *inhabited)
{
	if (!peer->text || peer->kind != POLICY_PEER_SEGMENT || peer->index == POLICY_NONE || inhabited[peer->index])
		return;
	place_error(p, peer->place, "segment `%s` has no device, so this test would prove nothing", p->policy->segments[peer->index].id);
}

void check_tests(struct parser *p)
{
	const struct policy *policy = p->policy;
	_cleanup_free_ bool *inhabited = calloc(policy->n_segments, sizeof(*inhabited));

	if (!inhabited) {
		p->form.no_memory = true;
		return;
	}
	for (size_t i = 0; i < policy->n_devices; i++)
		inhabited[policy->devices[i].segment] = true;
	for (size_t i = 0; i < policy->n_tests && !p->incomplete; i++) {
		check_test_peer(p, &policy->tests[i].from, inhabited);
		check_test_peer(p, &policy->tests[i].to, inhabited);
	}
}

void check_policy(struct parser *p)
{
	check_membership(p);
	check_devices(p);
	check_rules(p);
	check_tests(p);
}
