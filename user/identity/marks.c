/* SPDX-License-Identifier: Apache-2.0 */
#include "marks.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first mark whose key is not below `key`. */
static size_t lower_bound(const struct marks *marks, uint64_t key)
{
	size_t low = 0, high = marks->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (marks->items[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct mark *marks_find(const struct marks *marks, uint64_t key)
{
	size_t at = lower_bound(marks, key);

	return at < marks->n && marks->items[at].key == key ? &marks->items[at] : NULL;
}

static bool make_room(struct marks *marks)
{
	size_t capacity = marks->capacity ? marks->capacity * 2 : 16;
	struct mark *items;

	if (marks->n < marks->capacity)
		return true;
	items = reallocarray(marks->items, capacity, sizeof(*items));
	if (!items)
		return false;
	marks->items = items;
	marks->capacity = capacity;
	return true;
}

struct mark *marks_put(struct marks *marks, uint64_t key)
{
	size_t at = lower_bound(marks, key);

	if (at < marks->n && marks->items[at].key == key)
		return &marks->items[at];
	if (!make_room(marks))
		return NULL;
	memmove(&marks->items[at + 1], &marks->items[at], (marks->n - at) * sizeof(*marks->items));
	marks->items[at] = (struct mark){ .key = key };
	marks->n++;
	return &marks->items[at];
}

size_t marks_unknown(const struct marks *marks)
{
	size_t count = 0;

	for (size_t i = 0; i < marks->n; i++)
		count += marks->items[i].unknown;
	return count;
}

size_t marks_unknown_on(const struct marks *marks, uint32_t port)
{
	size_t count = 0;

	for (size_t i = 0; i < marks->n; i++)
		count += marks->items[i].unknown && marks->items[i].seen_port == port;
	return count;
}

size_t marks_unknown_like(const struct marks *marks, uint64_t key)
{
	size_t count = 0;

	for (size_t i = 0; i < marks->n; i++)
		count += marks->items[i].unknown && marks->items[i].key >> 16 == key >> 16;
	return count;
}

void marks_done(struct marks *marks)
{
	free(marks->items);
	*marks = (struct marks){ 0 };
}
