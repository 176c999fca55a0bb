/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For each initiator class: the rules whose `from` matches it, and for each of these the classes that its `to` matches; never
 * all pairs of classes.
 *
 * Where classes have plainer ones (classes_kin.c), a rule's `to` leads only to the classes that the rule itself tells from
 * their plainer one. What is not reached so is judged as the plainer ones are. A family is a plain class with those that it
 * is the plainer one of: of its members only those rules are looked at that tell them from it, and what these lead to.
 */
#include "walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/cleanup.h"
#include "walk_hits.h"

/* A responder with a plainer one. */
struct relative {
	uint32_t plain, class;
};

struct walk {
	struct compile *c;
	struct pairs *pairs;
	walk_fn judge;
	void *ctx;
	uint64_t judged;

	struct lists by_from;        /* selector -> rules */
	struct lists by_excepted;    /* selector -> rules that have an exception from there */
	struct lists members;        /* plain class -> its family without itself */
	const struct lists *reached; /* selector -> classes, as responders */

	struct hits family;          /* of the plain class */
	struct hits own;             /* what tells the one at work from it */
	struct relative *relatives;  /* touched by the family, sorted */
	size_t n_relatives, relative_capacity;
	struct ids responders;
	struct ids merged[3];
};

static uint32_t plain_of(const struct walk *w, uint32_t class)
{
	return w->c->plain ? w->c->plain[class] : 0;
}

static void rules_index_each(struct walk *w, bool put)
{
	const struct compile *c = w->c;

	for (uint32_t i = 0; i < c->policy->n_rules; i++) {
		const struct cell_rule *rule = &c->rules[i];

		if (!rule->live)
			continue;
		(put ? lists_put(&w->by_from, rule->from, i) : lists_count(&w->by_from, rule->from));
		for (uint32_t e = 0; c->plain && e < rule->n_exceptions; e++) {
			uint32_t from = c->exceptions[rule->first_exception + e].from;

			if (selector_is_list(from))
				(put ? lists_put(&w->by_excepted, from, i) : lists_count(&w->by_excepted, from));
		}
	}
}

static int families_index(struct walk *w)
{
	uint32_t classes = (uint32_t)w->c->signatures.n + 1;
	int r = lists_init(&w->members, classes);

	for (int put = 0; put < 2 && r >= 0; put++) {
		for (uint32_t class = 1; class < classes; class++)
			if (plain_of(w, class))
				(put ? lists_put(&w->members, plain_of(w, class), class) : lists_count(&w->members, plain_of(w, class)));
		if (!put)
			r = lists_ready(&w->members);
	}
	return r;
}

static int rules_index(struct walk *w)
{
	uint32_t selectors = (uint32_t)w->c->selector_texts.n;
	int r = lists_init(&w->by_from, selectors);

	if (r >= 0)
		r = lists_init(&w->by_excepted, selectors);
	if (r < 0)
		return r;
	rules_index_each(w, false);
	r = lists_ready(&w->by_from);
	if (r >= 0)
		r = lists_ready(&w->by_excepted);
	if (r >= 0)
		rules_index_each(w, true);
	return r;
}

static void walk_done(struct walk *w)
{
	lists_done(&w->by_from);
	lists_done(&w->by_excepted);
	lists_done(&w->members);
	hits_done(&w->family);
	hits_done(&w->own);
	free(w->relatives);
	ids_done(&w->responders);
	for (size_t i = 0; i < ARRAY_SIZE(w->merged); i++)
		ids_done(&w->merged[i]);
}
#define _cleanup_walk_ __attribute__((cleanup(walk_done)))

static uint64_t count_of(const struct lists *lists, uint32_t selector)
{
	size_t n;

	lists_get(lists, selector, &n);
	return n;
}

/* Pairs that a rule leads to by itself, and those that its exceptions make it look at. */
static uint64_t rule_pairs(const struct walk *w, const struct cell_rule *rule, uint64_t *ret_more)
{
	uint64_t from = count_of(w->reached, rule->from), to = count_of(w->reached, rule->to), all_from = from, all_to = to;

	for (uint32_t e = 0; w->c->plain && e < rule->n_exceptions; e++) {
		const struct cell_exception *exception = &w->c->exceptions[rule->first_exception + e];

		all_from += selector_is_list(exception->from) ? count_of(w->reached, exception->from) : 0;
		all_to += selector_is_list(exception->to) ? count_of(w->reached, exception->to) : 0;
	}
	*ret_more = all_from * all_to - from * to;
	return from * to;
}

/* Refuses before the work is begun, with the widest rule by name: it is the one to change. */
static int refuse_wide(const struct walk *w)
{
	struct compile *c = w->c;
	uint64_t steps = 0, widest = 0, more;
	const struct rule *rule = NULL;
	char advice[256];

	for (size_t i = 0; i < c->policy->n_rules; i++) {
		uint64_t mine;

		if (!c->rules[i].live)
			continue;
		mine = rule_pairs(w, &c->rules[i], &more);
		steps += mine + more;
		if (mine > widest) {
			widest = mine;
			rule = &c->policy->rules[i];
		}
	}
	if (steps <= COMPILE_MAX_STEPS && widest <= COMPILE_MAX_PAIRS)
		return 0;
	snprintf(advice, sizeof(advice), "rule %.80s alone joins %llu pairs; narrow its `from` or `to`, or let rules name segments, not devices",
		 rule ? rule->id : "?", (unsigned long long)widest);
	if (widest > COMPILE_MAX_PAIRS)
		return compile_refuse(c, "pairs of classes", widest, COMPILE_MAX_PAIRS, advice);
	return compile_refuse(c, "pairs of classes, summed over rules", steps, COMPILE_MAX_STEPS, advice);
}

static int rules_append(struct ids *to, const struct lists *rows, uint32_t selector)
{
	size_t n;
	const uint32_t *rules = lists_get(rows, selector, &n);

	return ids_add_all(to, rules, n);
}

/* The rules whose `from` matches this class, in file order. */
static int family_rules(struct walk *w, uint32_t from)
{
	size_t n;
	const uint32_t *selectors = intern_ids(&w->c->signatures, from - 1, &n);
	int r = 0;

	w->family.rules.n = 0;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = rules_append(&w->family.rules, &w->by_from, selectors[i]);
	ids_sort(&w->family.rules);
	return r;
}

/* Rules that tell a class from its plainer one: by their `from`, or by an exception that matches it alone. */
static int own_rules(struct walk *w, uint32_t from)
{
	struct ids *rules = &w->own.rules;
	size_t n, kept = 0, first = 0;
	const uint32_t *selectors = intern_ids(&w->c->signatures, from - 1, &n);
	int r = 0;

	rules->n = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (class_has(w->c, plain_of(w, from), selectors[i]))
			continue;
		r = rules_append(rules, &w->by_from, selectors[i]);
		first = kept = rules->n;
		if (r >= 0)
			r = rules_append(rules, &w->by_excepted, selectors[i]);
		for (size_t k = first; k < rules->n; k++)
			if (ids_have(selectors, n, w->c->rules[rules->items[k]].from))
				rules->items[kept++] = rules->items[k];
		rules->n = kept;
	}
	ids_sort(rules);
	return r;
}

/* All rules of the pair are those that lead to the responder and to its plainer one, from the initiator and from its plainer one. */
static int pair_judge(struct walk *w, uint32_t from, uint32_t to)
{
	uint32_t plain = plain_of(w, to);
	struct hit_list family, own, all;
	int r = hits_merge(hits_of(&w->family, to), hits_of(&w->family, plain), &w->merged[0], &family);

	if (r >= 0)
		r = plain_of(w, from) ? hits_merge(hits_of(&w->own, to), hits_of(&w->own, plain), &w->merged[1], &own) : 0;
	if (r < 0)
		return r;
	all = family;
	if (plain_of(w, from))
		r = hits_merge(family, own, &w->merged[2], &all);
	if (r >= 0 && ++w->judged > COMPILE_MAX_STEPS)
		r = compile_refuse(w->c, "pairs of classes to be looked at", w->judged, COMPILE_MAX_STEPS,
				   "let rules name segments, not devices");
	return r < 0 ? r : w->judge(w->ctx, from, to, all.items, all.n);
}

static int initiator_judge(struct walk *w, uint32_t from, const struct ids *responders)
{
	int r = 0;

	pairs_begin(w->pairs, from);
	for (int pass = 0; pass < (w->c->plain ? 2 : 1); pass++)
		for (size_t t = 0; t < responders->n && r >= 0; t++)
			if (!plain_of(w, responders->items[t]) == !pass)
				r = pair_judge(w, from, responders->items[t]);
	pairs_end(w->pairs);
	return r;
}

static int relative_compare(const void *a, const void *b)
{
	const struct relative *x = a, *y = b;

	if (x->plain != y->plain)
		return x->plain < y->plain ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

static int relatives_find(struct walk *w)
{
	const struct ids *touched = &w->family.touched;
	int r = array_reserve(&w->relatives, &w->relative_capacity, touched->n, sizeof(*w->relatives));

	if (r < 0)
		return r;
	w->n_relatives = 0;
	for (size_t t = 0; t < touched->n; t++)
		if (plain_of(w, touched->items[t]))
			w->relatives[w->n_relatives++] = (struct relative){plain_of(w, touched->items[t]), touched->items[t]};
	if (w->n_relatives)
		qsort(w->relatives, w->n_relatives, sizeof(*w->relatives), relative_compare);
	return 0;
}

/* Where a member of the family has an entry with a plain class, it hides what its plainer one has with that one's family. */
static int relatives_add(struct walk *w, uint32_t plain)
{
	size_t low = 0, n = w->n_relatives;
	int r = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (w->relatives[low + half].plain < plain) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	for (; low < w->n_relatives && w->relatives[low].plain == plain && r >= 0; low++)
		r = ids_add(&w->responders, w->relatives[low].class);
	return r;
}

static int member_judge(struct walk *w, uint32_t from)
{
	const struct ids *touched = &w->own.touched;
	int r = own_rules(w, from);

	if (r >= 0)
		r = hits_gather(&w->own, w->c, w->reached);
	w->responders.n = 0;
	if (r >= 0)
		r = ids_add_all(&w->responders, touched->items, touched->n);
	for (size_t t = 0; t < touched->n && r >= 0; t++)
		if (!plain_of(w, touched->items[t]))
			r = relatives_add(w, touched->items[t]);
	ids_sort(&w->responders);
	if (r >= 0)
		r = initiator_judge(w, from, &w->responders);
	hits_clear(&w->own);
	return r;
}

static int family_judge(struct walk *w, uint32_t plain)
{
	size_t n;
	const uint32_t *members = lists_get(&w->members, plain, &n);
	int r = family_rules(w, plain);

	if (r >= 0)
		r = hits_gather(&w->family, w->c, w->reached);
	if (r >= 0)
		r = initiator_judge(w, plain, &w->family.touched);
	if (r >= 0 && n)
		r = relatives_find(w);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = member_judge(w, members[i]);
	hits_clear(&w->family);
	return r;
}

int walk_pairs(struct compile *c, struct pairs *pairs, walk_fn judge, void *ctx)
{
	_cleanup_walk_ struct walk w = {.c = c, .pairs = pairs, .judge = judge, .ctx = ctx, .reached = c->plain ? &c->own : &c->members};
	size_t classes = c->signatures.n + 1;
	int r = hits_init(&w.family, classes);

	if (r >= 0)
		r = hits_init(&w.own, classes);
	if (r >= 0)
		r = rules_index(&w);
	if (r >= 0)
		r = families_index(&w);
	if (r >= 0)
		r = refuse_wide(&w);
	for (uint32_t from = 1; from < classes && r >= 0; from++)
		if (!plain_of(&w, from))
			r = family_judge(&w, from);
	return r;
}
