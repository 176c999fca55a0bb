/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of each pair of classes (walk.c) to verdicts. Pairs with the same list of rules share a row, and so do rows that
 * come out equal. A pair that comes out as its plainer classes do needs no entry.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "walk.h"

#define KEY_EXCEPTION 0x80000000u /* in the list of rules of a pair: this exception of the rule before it applies */

/* What rules said of one service class so far; the first of each kind in file order. */
struct tally {
	uint32_t deny, audit, allow;
};

struct cells {
	struct compile *c;
	struct intern keys;         /* lists of rules */
	struct intern rows;         /* verdicts of all service classes */
	uint32_t *key_row;          /* key -> row, ROW_NONE if all is default */
	size_t key_capacity;
	bool *row_talks;
	size_t row_capacity;
	struct pairs pairs;

	/* of one row */
	struct ids key;
	struct tally *tally;        /* by service class */
	uint32_t *excepted;         /* by service class: stamp of the rule that excepts it */
	uint32_t stamp;
	struct verdict *row;
};

static int cells_init(struct cells *x, struct compile *c)
{
	size_t width = c->image->head.service_classes;

	x->c = c;
	x->tally = calloc(width, sizeof(*x->tally));
	x->excepted = calloc(width, sizeof(*x->excepted));
	x->row = calloc(width, sizeof(*x->row));
	if (!x->tally || !x->excepted || !x->row)
		return -ENOMEM;
	return pairs_init(&x->pairs, c->plain, c->signatures.n + 1);
}

static void cells_done(struct cells *x)
{
	intern_done(&x->keys);
	intern_done(&x->rows);
	ids_done(&x->key);
	free(x->key_row);
	free(x->row_talks);
	pairs_done(&x->pairs);
	free(x->tally);
	free(x->excepted);
	free(x->row);
}
#define _cleanup_cells_ __attribute__((cleanup(cells_done)))

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

static int pair_add(void *ctx, uint32_t from, uint32_t to, const uint32_t *rules, size_t n)
{
	struct cells *x = ctx;
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
		r = walk_pairs(c, &x.pairs, pair_add, &x);
	return r < 0 ? r : cells_move(&x, c->image);
}
