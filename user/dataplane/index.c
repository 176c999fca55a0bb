/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cordon/hash.h>

#include "../lib/cleanup.h"
#include "kernel.h"

static const void *row_key(const struct index *index, uint32_t row)
{
	return (const char *)index->rows + row * index->stride;
}

static void place_of(const struct index *index, const void *key, struct index_place *ret)
{
	struct address address;
	uint64_t device;

	if (index->key_size == sizeof(device)) {
		memcpy(&device, key, sizeof(device));
		index_place_of_device(index->secret, device, index->n_lines, ret);
	} else {
		memcpy(&address, key, sizeof(address));
		index_place_of_address(index->secret, &address, index->n_lines, ret);
	}
}

static uint32_t slot_row(uint32_t slot)
{
	return slot & CORDON_INDEX_ROW;
}

static bool slot_is_tagged(uint32_t slot, uint32_t tag)
{
	return (slot & ~CORDON_INDEX_ROW) == tag;
}

static void slot_store(uint32_t *at, uint32_t slot)
{
	__atomic_store_n(at, slot, __ATOMIC_RELEASE);
}

/* The slot that leads to this key's row; `spilled` is not asked, for who died may have left it wrong. *ret_line: 0 or 1. */
static uint32_t *slot_of(const struct index *index, const struct index_place *place, const void *key, int *ret_line)
{
	for (int i = 0; i < 2; i++) {
		struct index_line *line = &index->lines[place->line[i]];

		for (int way = 0; way < CORDON_INDEX_SLOTS; way++) {
			uint32_t slot = line->slot[way];

			if (!slot_is_tagged(slot, place->tag) || memcmp(row_key(index, slot_row(slot)), key, index->key_size) != 0)
				continue;
			*ret_line = i;
			return &line->slot[way];
		}
	}
	return NULL;
}

uint32_t index_find(const struct index *index, const void *key)
{
	struct index_place place;
	const uint32_t *slot;
	int line;

	place_of(index, key, &place);
	slot = slot_of(index, &place, key, &line);
	return slot ? slot_row(*slot) : 0;
}

/* Slots that are taken; CORDON_INDEX_SLOTS also where a reader would not come to one more of this tag. */
static int line_load(const struct index_line *line, uint32_t tag)
{
	int taken = 0, like = 0;

	for (int way = 0; way < CORDON_INDEX_SLOTS; way++) {
		taken += line->slot[way] != 0;
		like += slot_is_tagged(line->slot[way], tag);
	}
	return like < CORDON_INDEX_TRIES ? taken : CORDON_INDEX_SLOTS;
}

/* The first line while that is easy, else the emptier one; readers look into the second only where they must. */
static int line_choose(const struct index *index, const struct index_place *place)
{
	int first = line_load(&index->lines[place->line[0]], place->tag), second;

	if (first < CORDON_INDEX_EASY)
		return 0;
	second = line_load(&index->lines[place->line[1]], place->tag);
	if (first == CORDON_INDEX_SLOTS && second == CORDON_INDEX_SLOTS)
		return -EXFULL;
	return second < first;
}

bool index_has_room(const struct index *index, const void *key)
{
	struct index_place place;
	int line;

	place_of(index, key, &place);
	return slot_of(index, &place, key, &line) || line_choose(index, &place) >= 0;
}

static uint32_t *slot_empty(struct index_line *line)
{
	uint32_t *slot = line->slot;

	while (*slot)
		slot++;
	return slot;
}

int index_lead(struct index *index, uint32_t row)
{
	const void *key = row_key(index, row);
	struct index_place place;
	uint32_t *slot;
	int line, r = kernel_step();

	if (r < 0)
		return r;
	place_of(index, key, &place);
	slot = slot_of(index, &place, key, &line);
	if (!slot) {
		line = line_choose(index, &place);
		if (line < 0)
			return line;
		if (line == 1)
			__atomic_fetch_add(&index->lines[place.line[0]].spilled, 1, __ATOMIC_RELEASE);
		slot = slot_empty(&index->lines[place.line[line]]);
	}
	slot_store(slot, place.tag | row);
	return 0;
}

int index_forget(struct index *index, uint32_t row)
{
	const void *key = row_key(index, row);
	struct index_place place;
	uint32_t *slot;
	int line, r = kernel_step();

	if (r < 0)
		return r;
	place_of(index, key, &place);
	slot = slot_of(index, &place, key, &line);
	if (!slot || slot_row(*slot) != row)
		return 0;
	slot_store(slot, 0);
	if (line == 1)
		__atomic_fetch_sub(&index->lines[place.line[0]].spilled, 1, __ATOMIC_RELEASE);
	return 0;
}

struct adoption {
	const struct index *index;
	uint32_t first, max;
	uint32_t *spilled; /* by line */
};

/* Does it lead to a row that has a key, so that one may look there? */
static bool slot_has_key(const struct adoption *a, uint32_t line, const uint32_t *slot)
{
	static const char none[INDEX_KEY_MAX];
	uint32_t row = slot_row(*slot);

	(void)line;
	return row >= a->first && row < a->max && memcmp(row_key(a->index, row), none, a->index->key_size) != 0;
}

/* Is it the one by which the row's key is found? Then it counts. */
static bool slot_is_found(const struct adoption *a, uint32_t line, const uint32_t *slot)
{
	const void *key = row_key(a->index, slot_row(*slot));
	struct index_place place;
	int which;

	place_of(a->index, key, &place);
	if (slot_of(a->index, &place, key, &which) != slot)
		return false;
	a->spilled[place.line[0]] += place.line[0] != line;
	return true;
}

static void slots_sift(const struct adoption *a, bool (*keeps)(const struct adoption *a, uint32_t line, const uint32_t *slot))
{
	for (uint32_t i = 0; i < a->index->n_lines; i++)
		for (int way = 0; way < CORDON_INDEX_SLOTS; way++) {
			uint32_t *slot = &a->index->lines[i].slot[way];

			if (*slot && !keeps(a, i, slot))
				slot_store(slot, 0);
		}
}

int index_adopt(struct index *index, uint32_t first, uint32_t max)
{
	_cleanup_free_ uint32_t *spilled = calloc(index->n_lines, sizeof(*spilled));
	struct adoption a = {index, first, max, spilled};

	if (!spilled)
		return -ENOMEM;
	slots_sift(&a, slot_has_key);
	slots_sift(&a, slot_is_found);
	for (uint32_t i = 0; i < index->n_lines; i++)
		__atomic_store_n(&index->lines[i].spilled, spilled[i], __ATOMIC_RELEASE);
	return 0;
}
