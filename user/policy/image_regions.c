/* SPDX-License-Identifier: Apache-2.0 */
#include "image_regions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "compile_intern.h"

const struct prefix prefix_all_v4 = {.address = {{[10] = 0xff, [11] = 0xff}}, .length = 96};
const struct prefix prefix_all_v6 = {.length = 0};

bool prefix_is_v4(const struct prefix *p)
{
	return p->length >= 96 && addr_is_v4(&p->address);
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->length <= inner->length && prefix_is_v4(outer) == prefix_is_v4(inner) &&
	       addr_in(&inner->address, &outer->address, outer->length);
}

struct prefix prefix_of_address(const struct address *a)
{
	return (struct prefix){.address = *a, .length = 128};
}

struct prefix prefix_masked(const struct prefix *p)
{
	struct prefix masked = {.length = p->length};

	for (unsigned int i = 0; i < 128 && i < p->length; i += 8) {
		unsigned int kept = p->length - i < 8 ? p->length - i : 8;

		masked.address.byte[i / 8] = p->address.byte[i / 8] & (uint8_t)(0xff << (8 - kept));
	}
	return masked;
}

static int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int r = (int)prefix_is_v4(a) - (int)prefix_is_v4(b);

	if (r == 0)
		r = memcmp(&a->address, &b->address, sizeof(a->address));
	return r ? r : (int)a->length - (int)b->length;
}

static int region_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct region *)a)->prefix, &((const struct region *)b)->prefix);
}

int regions_add(struct regions *r, const struct prefix *prefix)
{
	int e = array_reserve(&r->items, &r->capacity, r->n + 1, sizeof(*r->items));

	if (e < 0)
		return e;
	r->items[r->n++] = (struct region){.prefix = prefix_masked(prefix), .parent = REGION_NONE};
	return 0;
}

static void drop_repetitions(struct regions *r)
{
	size_t kept = 0;

	qsort(r->items, r->n, sizeof(*r->items), region_compare);
	for (size_t i = 0; i < r->n; i++)
		if (!kept || region_compare(&r->items[kept - 1], &r->items[i]))
			r->items[kept++] = r->items[i];
	r->n = kept;
}

/* The predecessor in this order, or one around it, is the nearest prefix that covers: prefixes nest or are apart. */
static uint32_t climb_to_cover(const struct regions *r, uint32_t at, const struct prefix *prefix)
{
	while (at != REGION_NONE && !prefix_covers(&r->items[at].prefix, prefix))
		at = r->items[at].parent;
	return at;
}

int regions_ready(struct regions *r)
{
	int e = regions_add(r, &prefix_all_v6);

	if (e >= 0)
		e = regions_add(r, &prefix_all_v4);
	if (e < 0)
		return e;
	if (r->n >= REGION_NONE)
		return -E2BIG;
	drop_repetitions(r);
	for (uint32_t i = 1; i < r->n; i++)
		r->items[i].parent = climb_to_cover(r, i - 1, &r->items[i].prefix);
	return 0;
}

uint32_t regions_find(const struct regions *r, const struct prefix *prefix)
{
	size_t low = 0, n = r->n;

	while (n > 1) {
		size_t half = n / 2;

		if (prefix_compare(&r->items[low + half].prefix, prefix) <= 0) {
			low += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return climb_to_cover(r, (uint32_t)low, prefix);
}

void regions_done(struct regions *r)
{
	free(r->items);
	*r = (struct regions){0};
}
