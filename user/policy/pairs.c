/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile_intern.h"

int pairs_init(struct pairs *p, const uint32_t *plain, size_t n_classes)
{
	*p = (struct pairs){.plain = plain, .n_classes = n_classes};
	p->of = calloc(n_classes, sizeof(*p->of));
	p->row = malloc(n_classes * sizeof(*p->row));
	if (!p->of || !p->row)
		return -ENOMEM;
	memset(p->row, 0xff, n_classes * sizeof(*p->row));
	return 0;
}

void pairs_begin(struct pairs *p, uint32_t from)
{
	p->from = from;
	p->of[from].first = p->n;
}

static uint32_t row_of(const struct pairs *p, uint32_t from, uint32_t to)
{
	const struct image_pair *items = p->items + p->of[from].first;
	size_t low = 0, n = p->of[from].n;

	while (n > 0) {
		size_t half = n / 2;

		if (items[low + half].key.to == to)
			return items[low + half].value.cell;
		if (items[low + half].key.to < to) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return ROW_NONE;
}

uint32_t pairs_inherited(const struct pairs *p, uint32_t to)
{
	uint32_t from_plain = p->plain ? p->plain[p->from] : 0, to_plain = p->plain ? p->plain[to] : 0;
	uint32_t row = to_plain ? p->row[to_plain] : ROW_NONE;

	if (row == ROW_NONE && from_plain)
		row = row_of(p, from_plain, to);
	if (row == ROW_NONE && from_plain && to_plain)
		row = row_of(p, from_plain, to_plain);
	return row;
}

int pairs_add(struct pairs *p, uint32_t to, uint32_t row, bool talks)
{
	int r = array_reserve(&p->items, &p->capacity, p->n + 1, sizeof(*p->items));

	if (r < 0)
		return r;
	p->items[p->n++] = (struct image_pair){
		.key = {.from = (uint16_t)p->from, .to = (uint16_t)to},
		.value = {.cell = row, .flags = talks ? PAIR_TALKS : 0},
	};
	p->row[to] = row;
	return 0;
}

static int pair_compare(const void *a, const void *b)
{
	const struct image_pair *x = a, *y = b;
	uint32_t left = (uint32_t)x->key.from << 16 | x->key.to, right = (uint32_t)y->key.from << 16 | y->key.to;

	return left < right ? -1 : left > right;
}

static void sort(struct image_pair *items, size_t n)
{
	bool sorted = true;

	for (size_t i = 1; i < n && sorted; i++)
		sorted = pair_compare(&items[i - 1], &items[i]) < 0;
	if (!sorted)
		qsort(items, n, sizeof(*items), pair_compare);
}

void pairs_end(struct pairs *p)
{
	size_t first = p->of[p->from].first;

	p->of[p->from].n = p->n - first;
	for (size_t i = first; i < p->n; i++)
		p->row[p->items[i].key.to] = ROW_NONE;
	sort(p->items + first, p->n - first);
}

int pairs_finish(struct pairs *p)
{
	int r = 0;

	for (uint32_t class = 1; p->plain && class < p->n_classes && r >= 0; class++) {
		p->from = class;
		if (p->plain[class])
			r = pairs_add(p, 0, p->plain[class], false);
	}
	if (r >= 0)
		sort(p->items, p->n);
	return r;
}

void pairs_done(struct pairs *p)
{
	free(p->items);
	free(p->of);
	free(p->row);
	*p = (struct pairs){0};
}
