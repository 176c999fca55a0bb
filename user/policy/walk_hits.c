/* SPDX-License-Identifier: Apache-2.0 */
#include "walk_hits.h"

#include <errno.h>
#include <stdlib.h>

int hits_init(struct hits *h, size_t classes)
{
	h->count = calloc(classes, sizeof(*h->count));
	h->end = calloc(classes, sizeof(*h->end));
	return h->count && h->end ? 0 : -ENOMEM;
}

void hits_done(struct hits *h)
{
	ids_done(&h->rules);
	ids_done(&h->touched);
	ids_done(&h->items);
	free(h->count);
	free(h->end);
}

/* An exception may tell a class from its plainer one where no rule does. */
static int touch_excepted(struct hits *h, const struct compile *c, const struct lists *reached, const struct cell_rule *rule)
{
	int r = 0;

	for (uint32_t e = 0; c->plain && e < rule->n_exceptions && r >= 0; e++) {
		uint32_t to = c->exceptions[rule->first_exception + e].to;
		const uint32_t *classes;
		size_t n;

		if (!selector_is_list(to))
			continue;
		classes = lists_get(reached, to, &n);
		r = ids_add_all(&h->touched, classes, n);
	}
	return r;
}

/* Sorts the rules by responder class: counts, lays out, fills. Each class then has its rules in file order. */
int hits_gather(struct hits *h, const struct compile *c, const struct lists *reached)
{
	const struct cell_rule *rules = c->rules;
	size_t n, total = 0;
	int r = 0;

	h->touched.n = 0;
	for (size_t i = 0; i < h->rules.n && r >= 0; i++) {
		const uint32_t *to = lists_get(reached, rules[h->rules.items[i]].to, &n);

		for (size_t t = 0; t < n && r >= 0; t++)
			if (!h->count[to[t]]++)
				r = ids_add(&h->touched, to[t]);
		total += n;
		if (r >= 0)
			r = touch_excepted(h, c, reached, &rules[h->rules.items[i]]);
	}
	ids_sort(&h->touched);
	if (r >= 0)
		r = array_reserve(&h->items.items, &h->items.capacity, total, sizeof(*h->items.items));
	if (r < 0)
		return r;
	total = 0;
	for (size_t t = 0; t < h->touched.n; t++) {
		h->end[h->touched.items[t]] = (uint32_t)total;
		total += h->count[h->touched.items[t]];
	}
	for (size_t i = 0; i < h->rules.n; i++) {
		const uint32_t *to = lists_get(reached, rules[h->rules.items[i]].to, &n);

		for (size_t t = 0; t < n; t++)
			h->items.items[h->end[to[t]]++] = h->rules.items[i];
	}
	return 0;
}

void hits_clear(struct hits *h)
{
	for (size_t t = 0; t < h->touched.n; t++)
		h->count[h->touched.items[t]] = 0;
}

struct hit_list hits_of(const struct hits *h, uint32_t to)
{
	size_t n = to ? h->count[to] : 0;

	return (struct hit_list){n ? h->items.items + h->end[to] - n : NULL, n};
}

int hits_merge(struct hit_list a, struct hit_list b, struct ids *room, struct hit_list *ret)
{
	int r;

	*ret = a.n ? a : b;
	if (!a.n || !b.n)
		return 0;
	r = array_reserve(&room->items, &room->capacity, a.n + b.n, sizeof(*room->items));
	if (r < 0)
		return r;
	for (room->n = 0; a.n || b.n;) {
		bool take_a = a.n && (!b.n || *a.items <= *b.items), take_b = b.n && (!a.n || *b.items <= *a.items);

		room->items[room->n++] = take_a ? *a.items : *b.items;
		a = (struct hit_list){a.items + take_a, a.n - take_a};
		b = (struct hit_list){b.items + take_b, b.n - take_b};
	}
	*ret = (struct hit_list){room->items, room->n};
	return 0;
}
