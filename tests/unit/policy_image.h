/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy text, and what the gateway would tell.
 * Out: the model with its image; answers of the image to questions in the words of the policy.
 * Never: class numbers in a test.
 */
#ifndef CORDON_TESTS_POLICY_IMAGE_H
#define CORDON_TESTS_POLICY_IMAGE_H

#include <errno.h>
#include <stdlib.h>

#include "../../user/lib/addr.h"
#include "policy_text.h"

struct compiled {
	struct policy *policy;
	struct image *image;
};

static inline struct prefix prefix_text(const char *text)
{
	struct prefix p;

	cr_assert_eq(addr_parse_prefix(text, &p.address, &p.length), 0, "%s", text);
	return p;
}

/* `gateway` an address and `local` a prefix, or NULL. */
static inline struct compiled compiled_text(const char *text, const char *gateway, const char *local)
{
	struct compiled c = {.policy = text_policy(text)};
	struct address own = {{0}};
	struct prefix behind = {.length = 0};
	struct policy_env env = {.gateway = &own, .n_gateway = gateway != NULL, .local = &behind, .n_local = local != NULL};
	struct diagnostics d = {0};
	int r;

	if (gateway)
		own = prefix_text(gateway).address;
	if (local)
		behind = prefix_text(local);
	r = policy_compile(c.policy, &env, &d, &c.image);
	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	cr_assert_eq(r, 0, "%d for:\n%s", r, text);
	return c;
}

static inline void compiled_done(struct compiled *c)
{
	image_free(c->image);
	policy_free(c->policy);
}

/* "allow by RULE", "deny by RULE", "would_deny by RULE", or "… by default"; valid until the next call. */
static inline const char *judged_at(const struct compiled *c, const char *from, const char *to, const char *service, int64_t at)
{
	static const char *const words[] = {"allow", "deny", "would_deny"};
	static char text[128];
	struct explain_query query = {from, to, service, at};
	struct explanation e = {0};
	struct diagnostics d = {0};
	int r = policy_explain(c->policy, c->image, &query, &d, &e);

	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	cr_assert_eq(r, 0, "%s -> %s %s", from, to, service);
	snprintf(text, sizeof(text), "%s by %s", words[e.verdict], e.rule < c->policy->n_rules ? c->policy->rules[e.rule].id : "default");
	explanation_done(&e);
	return text;
}

static inline const char *judged(const struct compiled *c, const char *from, const char *to, const char *service)
{
	return judged_at(c, from, to, service, 0);
}

#define judges(c, from, to, service, expected) \
	do { \
		const char *got_ = judged(c, from, to, service); \
		cr_assert_str_eq(got_, expected, "%s -> %s %s: expected %s, got %s", from, to, service, expected, got_); \
	} while (0)

#endif
