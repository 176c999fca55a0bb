/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of each pair of classes (walk.c) to verdicts. Pairs with the same list of rules share a row, and so do rows that
 * come out equal. A pair that comes out as its plainer classes do needs no entry.
 */
#include "chains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "walk.h"

#define KEY_EXCEPTION 0x80000000u /* in the list of rules of a pair: this exception of the rule before it applies */

struct cells {
	struct compile *c;
	struct intern keys;         /* lists of rules */
	struct intern rows;         /* verdicts of all service classes; `next` is an index into those that only chains lead to */
	struct chains chains;
	uint32_t *key_row;          /* key -> row, ROW_NONE if all is default */
	size_t key_capacity;
	bool *row_talks;
	size_t row_capacity;
	struct pairs pairs;

	/* of one row */
	struct ids key;
	uint32_t *excepted;         /* by service class: stamp of the rule that excepts it */
	uint32_t stamp;
	struct verdict *row;
};

static int cells_init(struct cells *x, struct compile *c)
{
	size_t width = c->image->head.service_classes;
	int r;

	x->c = c;
	x->excepted = calloc(width, sizeof(*x->excepted));
	x->row = calloc(width, sizeof(*x->row));
	if (!x->excepted || !x->row)
		return -ENOMEM;
	r = chains_init(&x->chains, c);
	return r < 0 ? r : pairs_init(&x->pairs, c->plain, c->signatures.n + 1);
}

static void cells_done(struct cells *x)
{
	intern_done(&x->keys);
	intern_done(&x->rows);
	chains_done(&x->chains);
	ids_done(&x->key);
	free(x->key_row);
	free(x->row_talks);
	pairs_done(&x->pairs);
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

static int tally_rule(struct cells *x, uint32_t number)
{
	size_t n;
	const uint32_t *classes = set_classes(x->c, x->c->rules[number].services, &n);
	int r = 0;

	for (uint32_t i = 0; i < n && r >= 0; i++) {
		uint32_t class = classes ? classes[i] : i;

		if (x->excepted[class] != x->stamp)
			r = chains_tally(&x->chains, class, number);
	}
	return r;
}

static int row_store(struct cells *x, bool talks, uint32_t *ret)
{
	size_t width = x->c->image->head.service_classes;
	int r = intern_add(&x->rows, x->row, width * sizeof(*x->row), ret);

	if (r >= 0)
		r = array_reserve(&x->row_talks, &x->row_capacity, x->rows.n, sizeof(*x->row_talks));
	if (r < 0)
		return r;
	if (x->rows.n * width + x->chains.verdicts.n > COMPILE_MAX_VERDICTS)
		return compile_refuse(x->c, "verdicts", x->rows.n * width + x->chains.verdicts.n, COMPILE_MAX_VERDICTS,
				      "let rules share lists of services and name segments, not devices");
	x->row_talks[*ret] = talks;
	return 0;
}

static int row_make(struct cells *x, uint32_t *ret)
{
	size_t width = x->c->image->head.service_classes;
	bool talks = false, ruled = false;
	int r = 0;

	chains_begin(&x->chains);
	for (size_t i = 0; i < x->key.n && r >= 0;) {
		uint32_t rule = x->key.items[i++];

		x->stamp++;
		for (; i < x->key.n && x->key.items[i] & KEY_EXCEPTION; i++)
			mark_excepted(x, rule, &x->c->exceptions[x->key.items[i] & ~KEY_EXCEPTION]);
		r = tally_rule(x, rule);
	}
	for (size_t s = 0; s < width && r >= 0; s++) {
		r = chains_end(&x->chains, (uint32_t)s, &x->row[s], &talks);
		ruled |= x->row[s].action != CORDON_ACTION_DEFAULT;
	}
	*ret = ROW_NONE;
	return r >= 0 && ruled ? row_store(x, talks, ret) : r;
}

/* A row that says of every service what no entry would say, for a pair that would else be judged as plainer classes are. */
static int default_row(struct cells *x, uint32_t *ret)
{
	for (size_t s = 0; s < x->c->image->head.service_classes; s++)
		x->row[s] = (struct verdict){.rule = CORDON_RULE_NONE, .next = CORDON_CHAIN_END, .action = CORDON_ACTION_DEFAULT};
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
	size_t width = image->head.service_classes, n = x->rows.n * width, size;

	image->verdicts = calloc(n + x->chains.verdicts.n + 1, sizeof(*image->verdicts));
	if (!image->verdicts)
		return -ENOMEM;
	for (uint32_t row = 0; row < x->rows.n; row++) {
		const void *verdicts = intern_data(&x->rows, row, &size);

		memcpy(image->verdicts + row * width, verdicts, size);
	}
	for (uint32_t i = 0; i < x->chains.verdicts.n; i++)
		memcpy(&image->verdicts[n + i], intern_data(&x->chains.verdicts, i, &size), sizeof(*image->verdicts));
	image->n_chained = x->chains.verdicts.n;
	for (size_t i = 0; i < n + image->n_chained; i++)
		if (image->verdicts[i].next != CORDON_CHAIN_END)
			image->verdicts[i].next += (uint32_t)n;
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
