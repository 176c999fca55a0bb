/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that devices will speak by and that nobody knows yet (DHCP, SLAAC): the class of each base in each context where
 * that can happen is made ahead of time, since the kernel's tables of a revision do not change. They are an extra: as many as
 * fit, and never the reason to refuse a policy. For the rest lookup_class() takes a class that is never wider.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/cleanup.h"

#define WANTS_V4 0x1
#define WANTS_V6 0x2

struct near_context {
	uint32_t context;
	uint8_t wants; /* family of its region */
};

struct learnt {
	struct compile *c;
	struct near_context *near;
	size_t n_near, near_capacity;
	uint8_t *wants;               /* by base: families in which a device of it has no declared address */
	struct lists by_from, by_to;  /* selector -> rules */
	uint64_t *members;            /* by selector: classes, those made here too */
	uint64_t *own;                /* by selector: those whose plainer class lacks it (classes_kin.c); all, where none has one */
	uint64_t steps;
};

static void learnt_done(struct learnt *l)
{
	free(l->near);
	free(l->wants);
	free(l->members);
	free(l->own);
	lists_done(&l->by_from);
	lists_done(&l->by_to);
}
#define _cleanup_learnt_ __attribute__((cleanup(learnt_done)))

static int contexts_judge(struct compile *c)
{
	struct image_lookup *lookup = c->lookup;

	lookup->n_contexts = c->contexts.n;
	lookup->context_denies = calloc(c->contexts.n + 1, sizeof(*lookup->context_denies));
	if (!lookup->context_denies)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->contexts.n; i++) {
		size_t n;
		const uint32_t *selectors = intern_ids(&c->contexts, i, &n);

		for (size_t s = 0; s < n; s++)
			lookup->context_denies[i] |= c->selectors[selectors[s]].of_deny;
	}
	return 0;
}

static uint8_t family_of(const struct prefix *prefix)
{
	return prefix_is_v4(prefix) ? WANTS_V4 : WANTS_V6;
}

static int near_add(struct learnt *l, const struct region *region)
{
	uint8_t family = family_of(&region->prefix);
	int r;

	for (size_t i = 0; i < l->n_near; i++)
		if (l->near[i].context == region->context) {
			l->near[i].wants |= family;
			return 0;
		}
	r = array_reserve(&l->near, &l->near_capacity, l->n_near + 1, sizeof(*l->near));
	if (r >= 0)
		l->near[l->n_near++] = (struct near_context){region->context, family};
	return r;
}

/*
 * Where devices may speak: in the gateway's device networks. Where these are not known (offline): in regions where the policy
 * has devices, and in those that a deny names, which nobody must escape by an address. Bounded, as the search above is plain.
 */
static int near_find(struct learnt *l)
{
	const struct compile *c = l->c;
	const struct regions *regions = &c->lookup->regions;
	_cleanup_free_ bool *lived_in = calloc(regions->n, sizeof(*lived_in));
	int r = lived_in ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->policy->n_devices && r >= 0; i++)
		for (size_t a = 0; a < c->policy->devices[i].n_addresses; a++) {
			struct prefix prefix = prefix_of_address(&c->policy->devices[i].addresses[a]);

			lived_in[regions_find(regions, &prefix)] = true;
		}
	for (size_t i = 0; i < regions->n && l->n_near < 1024 && r >= 0; i++) {
		const struct region *region = &regions->items[i];
		bool lives = c->env->n_local ? region->local : lived_in[i] || c->lookup->context_denies[region->context];

		if (region->context && lives)
			r = near_add(l, region);
	}
	return r;
}

static int wants_find(struct learnt *l)
{
	const struct compile *c = l->c;

	l->wants = calloc(c->bases.n, sizeof(*l->wants));
	if (!l->wants)
		return -ENOMEM;
	l->wants[c->lookup->unknown_base] = l->wants[c->lookup->unauthenticated_base] = WANTS_V4 | WANTS_V6;
	for (size_t i = 0; i < c->policy->n_devices; i++) {
		const struct policy_device *device = &c->policy->devices[i];
		uint8_t lacks = WANTS_V4 | WANTS_V6;

		for (size_t a = 0; a < device->n_addresses; a++) {
			struct prefix prefix = prefix_of_address(&device->addresses[a]);

			lacks &= (uint8_t)~family_of(&prefix);
		}
		l->wants[c->lookup->subjects[i].base] |= lacks;
	}
	return 0;
}

static int rules_index(struct learnt *l)
{
	const struct compile *c = l->c;
	uint32_t selectors = (uint32_t)c->selector_texts.n;
	int r = lists_init(&l->by_from, selectors);

	if (r >= 0)
		r = lists_init(&l->by_to, selectors);
	for (int put = 0; put < 2 && r >= 0; put++) {
		for (uint32_t i = 0; i < c->policy->n_rules; i++) {
			if (!c->rules[i].live)
				continue;
			(put ? lists_put(&l->by_from, c->rules[i].from, i) : lists_count(&l->by_from, c->rules[i].from));
			(put ? lists_put(&l->by_to, c->rules[i].to, i) : lists_count(&l->by_to, c->rules[i].to));
		}
		if (!put)
			r = lists_ready(&l->by_from);
		if (!put && r >= 0)
			r = lists_ready(&l->by_to);
	}
	return r;
}

/* `plain`: the plainer class, 0: none. */
static void members_add(struct learnt *l, const uint32_t *selectors, size_t n, uint32_t plain)
{
	for (size_t i = 0; i < n; i++) {
		l->members[selectors[i]]++;
		l->own[selectors[i]] += !class_has(l->c, plain, selectors[i]);
	}
}

/* Steps that the rules take without any learnt class. */
static int steps_count(struct learnt *l)
{
	const struct compile *c = l->c;

	l->members = calloc(c->selector_texts.n + 1, sizeof(*l->members));
	l->own = calloc(c->selector_texts.n + 1, sizeof(*l->own));
	if (!l->members || !l->own)
		return -ENOMEM;
	for (uint32_t class = 0; class < c->signatures.n; class++) {
		size_t n;
		const uint32_t *selectors = intern_ids(&c->signatures, class, &n);

		members_add(l, selectors, n, c->plain ? c->plain[class + 1] : 0);
	}
	l->steps = rules_steps(c, l->members, l->own);
	return 0;
}

/* Steps that one more class of this signature would add. */
static uint64_t steps_of(const struct learnt *l, const struct ids *signature, uint32_t plain)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < signature->n; i++) {
		size_t n;
		const uint32_t *rules = lists_get(&l->by_from, signature->items[i], &n);

		for (size_t r = 0; r < n; r++)
			steps += l->own[l->c->rules[rules[r]].to] + 1;
		if (class_has(l->c, plain, signature->items[i]))
			continue;
		rules = lists_get(&l->by_to, signature->items[i], &n);
		for (size_t r = 0; r < n; r++)
			steps += l->members[l->c->rules[rules[r]].from];
	}
	return steps;
}

static bool fits(struct learnt *l, const struct ids *signature, uint32_t base, uint64_t limit)
{
	struct compile *c = l->c;
	uint32_t plain = c->plain ? c->segment_plain[c->base_segment[base]] : 0;
	uint64_t more;

	if (intern_find(&c->signatures, signature->items, signature->n * sizeof(*signature->items)) != INTERN_NONE)
		return true;
	more = steps_of(l, signature, plain);
	if (c->signatures.n >= CORDON_MAX_CLASSES || l->steps + more > limit)
		return false;
	l->steps += more;
	members_add(l, signature->items, signature->n, plain);
	return true;
}

static int combinations_make(struct learnt *l)
{
	struct compile *c = l->c;
	_cleanup_ids_ struct ids signature = {0};
	uint64_t limit = l->steps + COMPILE_LEARNT_STEPS, tries = COMPILE_LEARNT_TRIES;
	uint32_t bases = (uint32_t)c->bases.n, class;
	int r = 0;

	/* Pairs are never more than steps, so that what fits here is not refused later. */
	if (limit > COMPILE_MAX_PAIRS)
		limit = COMPILE_MAX_PAIRS;
	for (size_t i = 0; i < l->n_near && r >= 0; i++)
		for (uint32_t base = 0; base < bases && tries && r >= 0; base++) {
			if (!(l->wants[base] & l->near[i].wants))
				continue;
			tries--;
			r = class_combine(c, base, l->near[i].context, &signature);
			if (r >= 0 && fits(l, &signature, base, limit))
				r = class_combination(c, base, l->near[i].context, &class);
		}
	return r;
}

int compile_learnt(struct compile *c)
{
	_cleanup_learnt_ struct learnt l = {.c = c};
	static int (*const steps[])(struct learnt *) = {near_find, wants_find, rules_index, steps_count, combinations_make};
	int r = contexts_judge(c);

	for (size_t i = 0; i < ARRAY_SIZE(steps) && r >= 0; i++)
		r = steps[i](&l);
	return r;
}
