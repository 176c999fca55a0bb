/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plainer classes. Of a segment with a hundred devices that rules name one by one, a rule between two such segments would
 * need ten thousand pairs that all say the same. So a class has a plainer one, of what only its segment (or, for networks,
 * `local` or `internet`) tells, if it matches all that this one matches and more.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/cleanup.h"

#define KIN_STEPS (128u << 10)

uint64_t rules_steps(const struct compile *c, const uint64_t *from_members, const uint64_t *to_members)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < c->policy->n_rules; i++)
		if (c->rules[i].live)
			steps += from_members[c->rules[i].from] * to_members[c->rules[i].to];
	return steps;
}

bool class_has(const struct compile *c, uint32_t class, uint32_t selector)
{
	size_t n;
	const uint32_t *selectors;

	if (!class)
		return false;
	selectors = intern_ids(&c->signatures, class - 1, &n);
	return ids_have(selectors, n, selector);
}

/* What a kind has in common with whatever stands in them. Conditions may fail for some, so they are no part of it. */
static int plain_make(struct compile *c, const struct ids *kind, const uint32_t *more, size_t n, uint32_t *ret)
{
	_cleanup_ids_ struct ids list = {0};
	size_t kept = 0;
	int r = ids_add_all(&list, c->of_any.items, c->of_any.n);

	if (r >= 0)
		r = ids_add_all(&list, kind->items, kind->n);
	if (r >= 0)
		r = ids_add_all(&list, more, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++)
		if (!c->selectors[list.items[i]].conditions)
			list.items[kept++] = list.items[i];
	list.n = kept;
	*ret = 0;
	return kept ? class_of(c, &list, ret) : 0;
}

static int plains_make(struct compile *c)
{
	int r = plain_make(c, &c->of_local, NULL, 0, &c->local_plain);

	if (r >= 0)
		r = plain_make(c, &c->of_internet, NULL, 0, &c->internet_plain);
	c->segment_plain = calloc(c->policy->n_segments, sizeof(*c->segment_plain));
	if (!c->segment_plain)
		return -ENOMEM;
	for (uint32_t s = 0; s < c->policy->n_segments && r >= 0; s++) {
		size_t n;
		const uint32_t *selectors = lists_get(&c->by_segment, s, &n);

		r = plain_make(c, &c->of_local, selectors, n, &c->segment_plain[s]);
	}
	return r;
}

static bool is_subset(const uint32_t *few, size_t n_few, const uint32_t *many, size_t n_many)
{
	size_t at = 0;

	for (size_t i = 0; i < n_many && at < n_few; i++)
		at += few[at] == many[i];
	return at == n_few;
}

static void plain_set(struct compile *c, const bool *is_plain, uint32_t class, uint32_t plain)
{
	size_t n, n_plain;
	const uint32_t *selectors = intern_ids(&c->signatures, class - 1, &n), *plain_selectors;

	if (!plain || is_plain[class] || c->plain[class])
		return;
	plain_selectors = intern_ids(&c->signatures, plain - 1, &n_plain);
	if (is_subset(plain_selectors, n_plain, selectors, n))
		c->plain[class] = plain;
}

static int plains_assign(struct compile *c)
{
	_cleanup_free_ bool *is_plain = calloc(c->signatures.n + 1, sizeof(*is_plain));
	const struct regions *regions = &c->lookup->regions;
	size_t n;

	free(c->plain);
	c->plain = calloc(c->signatures.n + 1, sizeof(*c->plain));
	if (!is_plain || !c->plain)
		return -ENOMEM;
	is_plain[c->local_plain] = is_plain[c->internet_plain] = true;
	for (size_t s = 0; s < c->policy->n_segments; s++)
		is_plain[c->segment_plain[s]] = true;
	for (uint32_t i = 0; i < c->combinations.n; i++) {
		const uint32_t *key = intern_ids(&c->combinations, i, &n);

		plain_set(c, is_plain, c->combination_class[i], c->segment_plain[c->base_segment[key[0]]]);
	}
	for (size_t i = 0; i < regions->n; i++)
		plain_set(c, is_plain, regions->items[i].class, regions->items[i].local ? c->local_plain : c->internet_plain);
	return 0;
}

int compile_kin_choose(struct compile *c)
{
	_cleanup_free_ uint64_t *members = calloc(c->selector_texts.n + 1, sizeof(*members));
	int r;

	if (!members)
		return -ENOMEM;
	for (uint32_t class = 0; class < c->signatures.n; class++) {
		size_t n;
		const uint32_t *selectors = intern_ids(&c->signatures, class, &n);

		for (size_t i = 0; i < n; i++)
			members[selectors[i]]++;
	}
	c->kin = rules_steps(c, members, members) >= (c->env->kin_steps ? c->env->kin_steps : KIN_STEPS);
	if (!c->kin)
		return 0;
	r = plains_make(c);
	return r < 0 ? r : plains_assign(c);
}

/* Both lists are sorted, and the plainer one is part of the other. */
static void own_each(struct compile *c, uint32_t class, bool put)
{
	size_t n, n_plain = 0, at = 0;
	const uint32_t *selectors = intern_ids(&c->signatures, class - 1, &n);
	const uint32_t *plain = c->plain[class] ? intern_ids(&c->signatures, c->plain[class] - 1, &n_plain) : NULL;

	for (size_t i = 0; i < n; i++) {
		if (at < n_plain && plain[at] == selectors[i])
			at++;
		else if (put)
			lists_put(&c->own, selectors[i], class);
		else
			lists_count(&c->own, selectors[i]);
	}
}

/* Once more, for the classes that were made since. */
int compile_kin(struct compile *c)
{
	int r = c->kin ? plains_assign(c) : 0;

	if (r < 0 || !c->kin)
		return r;
	r = lists_init(&c->own, (uint32_t)c->selector_texts.n);
	for (int put = 0; put < 2 && r >= 0; put++) {
		for (uint32_t class = 1; class <= c->signatures.n; class++)
			own_each(c, class, put);
		if (!put)
			r = lists_ready(&c->own);
	}
	return r;
}
