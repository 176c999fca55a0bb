/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules over classes to pairs and verdicts. For each initiator class: the rules whose `from` matches it, and for each of
 * these the classes that its `to` matches; never all pairs of classes. Pairs with the same list of rules share a row, and
 * so do rows that come out equal.
 *
 * Where classes have plainer ones (classes_kin.c), a rule's `to` leads only to the classes that the rule itself tells from
 * their plainer one. What is not reached so is judged as the plainer ones are; so is what is, but for the entries made here.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "pairs.h"

#define KEY_EXCEPTION 0x80000000u /* in the list of rules of a pair: this exception of the rule before it applies */

/* What rules said of one service class so far; the first of each kind in file order. */
struct tally {
	uint32_t deny, audit, allow;
};

struct cells {
	struct compile *c;
	struct lists by_from;        /* selector -> rules */
	struct intern keys;         /* lists of rules */
	struct intern rows;         /* verdicts of all service classes */
	uint32_t *key_row;          /* key -> row, ROW_NONE if all is default */
	size_t key_capacity;
	bool *row_talks;
	size_t row_capacity;
	struct pairs pairs;
	const struct lists *reached; /* selector -> classes, as responders */

	/* of one initiator class */
	struct ids rules;
	struct ids touched;         /* responder classes that some rule matches, or an exception */
	uint32_t *count, *end;      /* by class: rules, and where its rules end in `hits` */
	struct ids hits;
	struct ids merged;          /* hits of a class and of its plainer one */

	/* of one row */
	struct ids key;
	struct tally *tally;        /* by service class */
	uint32_t *excepted;         /* by service class: stamp of the rule that excepts it */
	uint32_t stamp;
	struct verdict *row;
};

static int cells_init(struct cells *x, struct compile *c)
{
	size_t width = c->image->head.service_classes, classes = c->signatures.n + 1;
	int r;

	x->c = c;
	x->reached = c->plain ? &c->own : &c->members;
	x->count = calloc(classes, sizeof(*x->count));
	x->end = calloc(classes, sizeof(*x->end));
	x->tally = calloc(width, sizeof(*x->tally));
	x->excepted = calloc(width, sizeof(*x->excepted));
	x->row = calloc(width, sizeof(*x->row));
	if (!x->count || !x->end || !x->tally || !x->excepted || !x->row)
		return -ENOMEM;
	r = pairs_init(&x->pairs, c->plain, classes);
	if (r >= 0)
		r = lists_init(&x->by_from, (uint32_t)c->selector_texts.n);
	for (size_t i = 0; i < c->policy->n_rules && r >= 0; i++)
		if (c->rules[i].live)
			lists_count(&x->by_from, c->rules[i].from);
	if (r >= 0)
		r = lists_ready(&x->by_from);
	for (uint32_t i = 0; i < c->policy->n_rules && r >= 0; i++)
		if (c->rules[i].live)
			lists_put(&x->by_from, c->rules[i].from, i);
	return r;
}

static void cells_done(struct cells *x)
{
	lists_done(&x->by_from);
	intern_done(&x->keys);
	intern_done(&x->rows);
	ids_done(&x->rules);
	ids_done(&x->touched);
	ids_done(&x->hits);
	ids_done(&x->merged);
	ids_done(&x->key);
	free(x->key_row);
	free(x->row_talks);
	pairs_done(&x->pairs);
	free(x->count);
	free(x->end);
	free(x->tally);
	free(x->excepted);
	free(x->row);
}
#define _cleanup_cells_ __attribute__((cleanup(cells_done)))

static size_t count_of(const struct lists *lists, uint32_t selector)
{
	size_t n;

	lists_get(lists, selector, &n);
	return n;
}

static bool selector_is_list(uint32_t selector)
{
	return selector != SELECTOR_SAME && selector != SELECTOR_NOTHING;
}

/* Responder classes that a rule leads to, by itself and by its exceptions. */
static uint64_t responders_of(const struct cells *x, const struct cell_rule *rule)
{
	uint64_t n = count_of(x->reached, rule->to);

	for (uint32_t e = 0; x->c->plain && e < rule->n_exceptions; e++) {
		uint32_t to = x->c->exceptions[rule->first_exception + e].to;

		n += selector_is_list(to) ? count_of(x->reached, to) : 0;
	}
	return n;
}

/* Refuses before the work is begun, with the widest rule by name: it is the one to change. */
static int refuse_wide(const struct cells *x)
{
	struct compile *c = x->c;
	uint64_t steps = 0, widest = 0;
	const struct rule *rule = NULL;
	char advice[256];

	for (size_t i = 0; i < c->policy->n_rules; i++) {
		uint64_t mine;

		if (!c->rules[i].live)
			continue;
		mine = (uint64_t)count_of(x->reached, c->rules[i].from) * count_of(x->reached, c->rules[i].to);
		steps += count_of(&c->members, c->rules[i].from) * responders_of(x, &c->rules[i]);
		if (mine > widest) {
			widest = mine;
			rule = &c->policy->rules[i];
		}
	}
	if (steps <= COMPILE_MAX_STEPS && widest <= COMPILE_MAX_PAIRS)
		return 0;
	snprintf(advice, sizeof(advice), "rule %.80s alone joins %llu pairs; narrow its `from` or `to`, or let rules name segments, not devices",
		 rule->id, (unsigned long long)widest);
	if (widest > COMPILE_MAX_PAIRS)
		return compile_refuse(c, "pairs of classes", widest, COMPILE_MAX_PAIRS, advice);
	return compile_refuse(c, "pairs of classes, summed over rules", steps, COMPILE_MAX_STEPS, advice);
}

static bool exception_applies(const struct compile *c, const struct cell_exception *e, uint32_t from, uint32_t to)
{
	size_t n;
	const uint32_t *signature;

	if (e->services == SERVICES_NOTHING || e->from == SELECTOR_NOTHING || e->to == SELECTOR_NOTHING)
		return false;
	signature = intern_ids(&c->signatures, from - 1, &n);
	if (e->from != SELECTOR_SAME && !ids_have(signature, n, e->from))
		return false;
	signature = intern_ids(&c->signatures, to - 1, &n);
	return e->to == SELECTOR_SAME || ids_have(signature, n, e->to);
}

static int key_make(struct cells *x, uint32_t from, uint32_t to, const uint32_t *rules, size_t n)
{
	const struct compile *c = x->c;
	int r = 0;

	x->key.n = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct cell_rule *rule = &c->rules[rules[i]];

		r = ids_add(&x->key, rules[i]);
		for (uint32_t e = 0; e < rule->n_exceptions && r >= 0; e++)
			if (exception_applies(c, &c->exceptions[rule->first_exception + e], from, to))
				r = ids_add(&x->key, KEY_EXCEPTION | (rule->first_exception + e));
	}
	return r;
}

/* A set of services as service classes: NULL and `n` of all for `any`. */
static const uint32_t *set_classes(const struct compile *c, uint32_t set, size_t *ret_n)
{
	size_t size;

	intern_data(&c->service_sets, set, &size);
	if (size)
		return lists_get(&c->service_classes_of, set, ret_n);
	*ret_n = c->image->head.service_classes;
	return NULL;
}

static void mark_excepted(struct cells *x, uint32_t rule, const struct cell_exception *e)
{
	uint32_t set = e->services == SERVICES_SAME ? x->c->rules[rule].services : e->services;
	size_t n;
	const uint32_t *classes = set_classes(x->c, set, &n);

	for (uint32_t i = 0; i < n; i++)
		x->excepted[classes ? classes[i] : i] = x->stamp;
}

static void tally_rule(struct cells *x, uint32_t number)
{
	const struct rule *rule = &x->c->policy->rules[number];
	size_t n, kind = !rule->deny ? offsetof(struct tally, allow) :
			 rule->mode == CORDON_MODE_AUDIT ? offsetof(struct tally, audit) : offsetof(struct tally, deny);
	const uint32_t *classes = set_classes(x->c, x->c->rules[number].services, &n);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t class = classes ? classes[i] : i;
		uint32_t *first = (uint32_t *)((uint8_t *)&x->tally[class] + kind);

		if (*first == CORDON_RULE_NONE && x->excepted[class] != x->stamp)
			*first = number;
	}
}

/*
 * deny > allow > default. A deny in mode audit only weakens itself: it passes as would_deny what an allow lets through, and
 * opens nothing that would be closed without it.
 */
static struct verdict tally_verdict(const struct tally *t)
{
	if (t->deny != CORDON_RULE_NONE)
		return (struct verdict){.next = CORDON_CHAIN_END, .rule = t->deny, .action = CORDON_ACTION_DENY};
	if (t->allow == CORDON_RULE_NONE)
		return (struct verdict){.next = CORDON_CHAIN_END, .rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
	if (t->audit != CORDON_RULE_NONE)
		return (struct verdict){.next = CORDON_CHAIN_END, .rule = t->audit, .action = CORDON_ACTION_DENY, .flags = VERDICT_AUDIT};
	return (struct verdict){.next = CORDON_CHAIN_END, .rule = t->allow, .action = CORDON_ACTION_ALLOW};
}

static int row_store(struct cells *x, bool talks, uint32_t *ret)
{
	size_t width = x->c->image->head.service_classes;
	int r = intern_add(&x->rows, x->row, width * sizeof(*x->row), ret);

	if (r >= 0)
		r = array_reserve(&x->row_talks, &x->row_capacity, x->rows.n, sizeof(*x->row_talks));
	if (r < 0)
		return r;
	if (x->rows.n * width > COMPILE_MAX_VERDICTS)
		return compile_refuse(x->c, "verdicts", x->rows.n * width, COMPILE_MAX_VERDICTS,
				      "let rules share lists of services and name segments, not devices");
	x->row_talks[*ret] = talks;
	return 0;
}

static int row_make(struct cells *x, uint32_t *ret)
{
	size_t width = x->c->image->head.service_classes;
	bool talks = false, ruled = false;

	memset(x->tally, 0xff, width * sizeof(*x->tally));
	for (size_t i = 0; i < x->key.n;) {
		uint32_t rule = x->key.items[i++];

		x->stamp++;
		for (; i < x->key.n && x->key.items[i] & KEY_EXCEPTION; i++)
			mark_excepted(x, rule, &x->c->exceptions[x->key.items[i] & ~KEY_EXCEPTION]);
		tally_rule(x, rule);
	}
	for (size_t s = 0; s < width; s++) {
		x->row[s] = tally_verdict(&x->tally[s]);
		talks |= x->row[s].action == CORDON_ACTION_ALLOW || x->row[s].flags & VERDICT_AUDIT;
		ruled |= x->row[s].action != CORDON_ACTION_DEFAULT;
	}
	*ret = ROW_NONE;
	return ruled ? row_store(x, talks, ret) : 0;
}

/* A row that says of every service what no entry would say, for a pair that would else be judged as plainer classes are. */
static int default_row(struct cells *x, uint32_t *ret)
{
	static const struct tally none = {CORDON_RULE_NONE, CORDON_RULE_NONE, CORDON_RULE_NONE};

	for (size_t s = 0; s < x->c->image->head.service_classes; s++)
		x->row[s] = tally_verdict(&none);
	return row_store(x, false, ret);
}

static int pair_add(struct cells *x, uint32_t from, uint32_t to, const uint32_t *rules, size_t n)
{
	size_t known = x->keys.n;
	uint32_t key, row, inherited;
	int r = key_make(x, from, to, rules, n);

	if (r >= 0)
		r = intern_add(&x->keys, x->key.items, x->key.n * sizeof(*x->key.items), &key);
	if (r >= 0)
		r = array_reserve(&x->key_row, &x->key_capacity, x->keys.n, sizeof(*x->key_row));
	if (r >= 0 && x->keys.n > known)
		r = row_make(x, &x->key_row[key]);
	if (r < 0)
		return r;
	row = x->key_row[key];
	inherited = pairs_inherited(&x->pairs, to);
	if (row == ROW_NONE && inherited != ROW_NONE)
		r = default_row(x, &row);
	if (r < 0 || row == inherited)
		return r;
	if (x->pairs.n >= COMPILE_MAX_PAIRS)
		return compile_refuse(x->c, "pairs of classes", x->pairs.n + 1, COMPILE_MAX_PAIRS,
				      "narrow the rules with the widest `from` and `to`");
	return pairs_add(&x->pairs, to, row, x->row_talks[row]);
}

/* The rules whose `from` matches this class, in file order. */
static int rules_gather(struct cells *x, uint32_t from)
{
	size_t n, n_rules;
	const uint32_t *selectors = intern_ids(&x->c->signatures, from - 1, &n);
	int r = 0;

	x->rules.n = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		const uint32_t *rules = lists_get(&x->by_from, selectors[i], &n_rules);

		r = ids_add_all(&x->rules, rules, n_rules);
	}
	ids_sort(&x->rules);
	return r;
}

/* An exception may tell a class from its plainer one where no rule does. */
static int touch_excepted(struct cells *x, const struct cell_rule *rule)
{
	int r = 0;

	for (uint32_t e = 0; x->c->plain && e < rule->n_exceptions && r >= 0; e++) {
		uint32_t to = x->c->exceptions[rule->first_exception + e].to;
		const uint32_t *classes;
		size_t n;

		if (!selector_is_list(to))
			continue;
		classes = lists_get(x->reached, to, &n);
		r = ids_add_all(&x->touched, classes, n);
	}
	return r;
}

/* Sorts the rules by responder class: counts, lays out, fills. Each class then has its rules in file order. */
static int hits_gather(struct cells *x)
{
	const struct compile *c = x->c;
	size_t n, total = 0;
	int r = 0;

	x->touched.n = 0;
	for (size_t i = 0; i < x->rules.n && r >= 0; i++) {
		const uint32_t *to = lists_get(x->reached, c->rules[x->rules.items[i]].to, &n);

		for (size_t t = 0; t < n && r >= 0; t++)
			if (!x->count[to[t]]++)
				r = ids_add(&x->touched, to[t]);
		total += n;
		if (r >= 0)
			r = touch_excepted(x, &c->rules[x->rules.items[i]]);
	}
	ids_sort(&x->touched);
	if (r >= 0)
		r = array_reserve(&x->hits.items, &x->hits.capacity, total, sizeof(*x->hits.items));
	if (r < 0)
		return r;
	total = 0;
	for (size_t t = 0; t < x->touched.n; t++) {
		x->end[x->touched.items[t]] = (uint32_t)total;
		total += x->count[x->touched.items[t]];
	}
	for (size_t i = 0; i < x->rules.n; i++) {
		const uint32_t *to = lists_get(x->reached, c->rules[x->rules.items[i]].to, &n);

		for (size_t t = 0; t < n; t++)
			x->hits.items[x->end[to[t]]++] = x->rules.items[i];
	}
	return 0;
}

static const uint32_t *hits_of(const struct cells *x, uint32_t to, size_t *ret_n)
{
	*ret_n = x->count[to];
	return x->hits.items + (*ret_n ? x->end[to] - *ret_n : 0);
}

/* All rules of a responder with a plainer one: those that lead to either, in file order. */
static int hits_merge(struct cells *x, uint32_t to)
{
	size_t n_plain, n_own;
	const uint32_t *plain = hits_of(x, x->c->plain[to], &n_plain), *own = hits_of(x, to, &n_own);
	int r = array_reserve(&x->merged.items, &x->merged.capacity, n_plain + n_own, sizeof(*x->merged.items));

	if (r < 0)
		return r;
	for (x->merged.n = 0; n_plain || n_own;) {
		bool take_own = !n_plain || (n_own && *own < *plain);

		x->merged.items[x->merged.n++] = take_own ? *own++ : *plain++;
		take_own ? n_own-- : n_plain--;
	}
	return 0;
}

static int responder_pair(struct cells *x, uint32_t from, uint32_t to)
{
	const uint32_t *rules;
	size_t n;
	int r;

	if (!x->c->plain || !x->c->plain[to]) {
		rules = hits_of(x, to, &n);
		return pair_add(x, from, to, rules, n);
	}
	r = hits_merge(x, to);
	return r < 0 ? r : pair_add(x, from, to, x->merged.items, x->merged.n);
}

static int class_pairs(struct cells *x, uint32_t from)
{
	const uint32_t *plain = x->c->plain;
	int r = rules_gather(x, from);

	if (r >= 0)
		r = hits_gather(x);
	pairs_begin(&x->pairs, from);
	for (int pass = 0; pass < (plain ? 2 : 1); pass++)
		for (size_t t = 0; t < x->touched.n && r >= 0; t++)
			if (!plain || !plain[x->touched.items[t]] == !pass)
				r = responder_pair(x, from, x->touched.items[t]);
	for (size_t t = 0; t < x->touched.n; t++)
		x->count[x->touched.items[t]] = 0;
	pairs_end(&x->pairs);
	return r;
}

static int cells_move(struct cells *x, struct image *image)
{
	size_t width = image->head.service_classes, size;

	image->verdicts = calloc(x->rows.n * width + 1, sizeof(*image->verdicts));
	if (!image->verdicts)
		return -ENOMEM;
	for (uint32_t row = 0; row < x->rows.n; row++) {
		const void *verdicts = intern_data(&x->rows, row, &size);

		memcpy(image->verdicts + row * width, verdicts, size);
	}
	image->n_cells = x->rows.n;
	if (pairs_finish(&x->pairs) < 0)
		return -ENOMEM;
	image->head.kin = x->c->plain != NULL;
	image->pairs = take_ptr(x->pairs.items);
	image->n_pairs = x->pairs.n;
	return 0;
}

int compile_cells(struct compile *c)
{
	_cleanup_cells_ struct cells x = {0};
	int r = cells_init(&x, c);

	if (r >= 0)
		r = refuse_wide(&x);
	for (int pass = 0; pass < (c->plain ? 2 : 1); pass++)
		for (uint32_t from = 1; from <= c->signatures.n && r >= 0; from++)
			if (!c->plain || !c->plain[from] == !pass)
				r = class_pairs(&x, from);
	return r < 0 ? r : cells_move(&x, c->image);
}
