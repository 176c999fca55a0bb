/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a policy, two ends, a service, a moment.
 * Out: what the language's text says of that: rule by rule, end by end.
 * Never: classes, regions, rows, or anything else of the compiler.
 */
#ifndef CORDON_TESTS_ORACLE_H
#define CORDON_TESTS_ORACLE_H

#include "random_policy.h"

/* An end as the text of the language sees it, and how the image calls it. */
struct probe {
	const struct policy_device *device; /* NULL: no device that the policy knows, or not proved */
	bool is_device, is_gateway;
	uint32_t segment;
	const struct address *address;
	uint16_t class;
	bool exact; /* else only: never wider */
};

struct verdict expected(const struct world *w, const struct probe *from, const struct probe *to, uint32_t service);
bool in_any_prefix(const struct address *a, const struct prefix *p, size_t n);

#endif
