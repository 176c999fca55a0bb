/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"

int array_reserve(void *items, size_t *capacity, size_t need, size_t size)
{
	void *old, *grown;
	size_t room = *capacity ? *capacity : 16;

	if (need <= *capacity)
		return 0;
	while (room < need)
		room *= 2;
	memcpy(&old, items, sizeof(old));
	grown = reallocarray(old, room, size);
	if (!grown)
		return -ENOMEM;
	memset((uint8_t *)grown + *capacity * size, 0, (room - *capacity) * size);
	memcpy(items, &grown, sizeof(grown));
	*capacity = room;
	return 0;
}

int ids_add(struct ids *list, uint32_t id)
{
	int r = array_reserve(&list->items, &list->capacity, list->n + 1, sizeof(*list->items));

	if (r < 0)
		return r;
	list->items[list->n++] = id;
	return 0;
}

int ids_add_all(struct ids *list, const uint32_t *items, size_t n)
{
	int r = array_reserve(&list->items, &list->capacity, list->n + n, sizeof(*list->items));

	if (r < 0)
		return r;
	if (n)
		memcpy(list->items + list->n, items, n * sizeof(*items));
	list->n += n;
	return 0;
}

static int id_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void ids_sort(struct ids *list)
{
	bool sorted = true;
	size_t kept = 0;

	for (size_t i = 1; i < list->n && sorted; i++)
		sorted = list->items[i - 1] < list->items[i];
	if (sorted)
		return;
	qsort(list->items, list->n, sizeof(*list->items), id_compare);
	for (size_t i = 0; i < list->n; i++)
		if (!kept || list->items[kept - 1] != list->items[i])
			list->items[kept++] = list->items[i];
	list->n = kept;
}

bool ids_have(const uint32_t *items, size_t n, uint32_t id)
{
	size_t low = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (items[low + half] < id) {
			low += half + 1;
			n -= half + 1;
		} else {
			if (items[low + half] == id)
				return true;
			n = half;
		}
	}
	return false;
}

void ids_done(struct ids *list)
{
	free(list->items);
	*list = (struct ids){0};
}

int lists_init(struct lists *r, uint32_t n)
{
	*r = (struct lists){.n = n, .first = calloc((size_t)n + 2, sizeof(*r->first))};
	return r->first ? 0 : -ENOMEM;
}

/* Until all is put, row i's bounds stand one place higher, so that putting can move them without a second array. */
void lists_count(struct lists *r, uint32_t row)
{
	r->first[row + 2]++;
}

int lists_ready(struct lists *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < (size_t)r->n + 2; i++) {
		sum += r->first[i];
		if (sum > UINT32_MAX)
			return -E2BIG;
		r->first[i] = (uint32_t)sum;
	}
	r->items = calloc(sum ? sum : 1, sizeof(*r->items));
	return r->items ? 0 : -ENOMEM;
}

void lists_put(struct lists *r, uint32_t row, uint32_t item)
{
	r->items[r->first[row + 1]++] = item;
}

void lists_done(struct lists *r)
{
	free(r->first);
	free(r->items);
	*r = (struct lists){0};
}

static uint32_t bytes_hash(const uint8_t *data, size_t size)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL ^ size, word;

	for (; size >= 8; data += 8, size -= 8) {
		memcpy(&word, data, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	word = 0;
	if (size)
		memcpy(&word, data, size);
	h = (h ^ word) * 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(h ^ h >> 32);
}

/* The slot that holds this content, or the free one where it belongs. */
static uint32_t *slot_of(const struct intern *t, const void *data, size_t size, uint32_t hash)
{
	size_t at = hash & (t->n_slots - 1);

	for (;; at = (at + 1) & (t->n_slots - 1)) {
		const struct intern_item *item;

		if (!t->slots[at])
			return &t->slots[at];
		item = &t->items[t->slots[at] - 1];
		if (item->hash == hash && item->size == size && (!size || !memcmp(t->bytes + item->offset, data, size)))
			return &t->slots[at];
	}
}

static int slots_grow(struct intern *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 64;
	uint32_t *slots;

	if ((t->n + 1) * 2 <= t->n_slots)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		size_t at = t->items[i].hash & (n - 1);

		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

int intern_add(struct intern *t, const void *data, size_t size, uint32_t *ret)
{
	uint32_t hash = bytes_hash(data, size), *slot;
	size_t padded = (size + 7) & ~(size_t)7;
	int r;

	if (size > UINT32_MAX || t->n >= INTERN_NONE - 1)
		return -E2BIG;
	r = slots_grow(t);
	if (r < 0)
		return r;
	slot = slot_of(t, data, size, hash);
	if (*slot) {
		*ret = *slot - 1;
		return 0;
	}
	r = array_reserve(&t->bytes, &t->capacity, t->size + padded + 8, 1);
	if (r >= 0)
		r = array_reserve(&t->items, &t->item_capacity, t->n + 1, sizeof(*t->items));
	if (r < 0)
		return r;
	if (size)
		memcpy(t->bytes + t->size, data, size);
	t->items[t->n] = (struct intern_item){.offset = t->size, .size = (uint32_t)size, .hash = hash};
	t->size += padded;
	*slot = (uint32_t)++t->n;
	*ret = (uint32_t)t->n - 1;
	return 0;
}

uint32_t intern_find(const struct intern *t, const void *data, size_t size)
{
	uint32_t slot = t->n_slots ? *slot_of(t, data, size, bytes_hash(data, size)) : 0;

	return slot ? slot - 1 : INTERN_NONE;
}

const void *intern_data(const struct intern *t, uint32_t id, size_t *ret_size)
{
	*ret_size = t->items[id].size;
	return t->bytes + t->items[id].offset;
}

const uint32_t *intern_ids(const struct intern *t, uint32_t id, size_t *ret_n)
{
	size_t size;
	const void *data = intern_data(t, id, &size);

	*ret_n = size / sizeof(uint32_t);
	return data;
}

void intern_done(struct intern *t)
{
	free(t->bytes);
	free(t->items);
	free(t->slots);
	*t = (struct intern){0};
}
