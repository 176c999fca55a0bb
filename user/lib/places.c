/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SMALLEST 64

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t home_of(const struct places *p, const char *key)
{
	uint64_t h = p->seed;
	size_t left = p->key_size;

	while (left) {
		size_t n = left < sizeof(uint64_t) ? left : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, key, n);
		h = fold(h ^ word, 0x9e3779b97f4a7c15ULL);
		key += n;
		left -= n;
	}
	return (uint32_t)(fold(h, p->seed | 1) & (p->size - 1));
}

static const char *key_of(const struct places *p, uint32_t row)
{
	return p->rows + row * p->stride;
}

/* The slot that holds this key, or the empty one where it would go. */
static uint32_t slot_of(const struct places *p, const char *key)
{
	uint32_t at = home_of(p, key);

	while (p->slots[at] && memcmp(key_of(p, p->slots[at] - 1), key, p->key_size) != 0)
		at = (at + 1) & (p->size - 1);
	return at;
}

void places_init(struct places *p, const void *rows, size_t stride, size_t key_size)
{
	*p = (struct places){.rows = rows, .stride = stride, .key_size = key_size};
	/* Without randomness this early there is the address, which differs from start to start. */
	if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != (ssize_t)sizeof(p->seed))
		p->seed = (uint64_t)(uintptr_t)rows * 0x9e3779b97f4a7c15ULL;
}

void places_done(struct places *p)
{
	free(p->slots);
	p->slots = NULL;
	p->size = p->used = 0;
}

int places_reserve(struct places *p, uint32_t more)
{
	struct places grown = *p;
	uint64_t need = (uint64_t)p->used + more;

	if (need * 3 <= (uint64_t)p->size * 2)
		return 0;
	grown.size = grown.size ? grown.size : SMALLEST;
	while ((uint64_t)grown.size * 2 < need * 3)
		grown.size *= 2;
	grown.slots = calloc(grown.size, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->size; i++)
		if (p->slots[i])
			grown.slots[slot_of(&grown, key_of(p, p->slots[i] - 1))] = p->slots[i];
	free(p->slots);
	*p = grown;
	return 0;
}

uint32_t places_find(const struct places *p, const void *key)
{
	uint32_t slot;

	if (!p->size)
		return PLACES_NONE;
	slot = p->slots[slot_of(p, key)];
	return slot ? slot - 1 : PLACES_NONE;
}

int places_put(struct places *p, uint32_t row)
{
	int r = places_reserve(p, 1);
	uint32_t at;

	if (r < 0)
		return r;
	at = slot_of(p, key_of(p, row));
	p->used += !p->slots[at];
	p->slots[at] = row + 1;
	return 0;
}

/* What stands behind a gap and belongs before it moves into it, so that every search still ends at the first empty slot. */
void places_remove(struct places *p, uint32_t row)
{
	uint32_t mask = p->size - 1, gap, at;

	if (!p->size)
		return;
	gap = slot_of(p, key_of(p, row));
	if (p->slots[gap] != row + 1)
		return;
	for (at = (gap + 1) & mask; p->slots[at]; at = (at + 1) & mask) {
		uint32_t home = home_of(p, key_of(p, p->slots[at] - 1));

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		p->slots[gap] = p->slots[at];
		gap = at;
	}
	p->slots[gap] = 0;
	p->used--;
}
