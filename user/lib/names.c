/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "names.h"

#define NAME_MAX_COMPARED 63 /* names of the policy language are no longer; longer words have no neighbours */

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits between two words: insert, delete, replace, swap of neighbours. Three rows of the usual table. */
static size_t name_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][NAME_MAX_COMPARED + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_size; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			row[j] = min_of(last[j - 1] + (a[i - 1] != b[j - 1]), min_of(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_size];
}

const char *name_nearest(const char *word, const char *(*at)(void *ctx, size_t i), void *ctx, size_t count)
{
	size_t size = strlen(word), best = SIZE_MAX;
	const char *nearest = NULL;

	if (size > NAME_MAX_COMPARED)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *name = at(ctx, i);
		size_t name_size = name ? strlen(name) : SIZE_MAX, longer, edits;

		if (name_size > NAME_MAX_COMPARED)
			continue;
		longer = size > name_size ? size : name_size;
		/* The difference in length is a lower bound of the edits, and cheap. */
		if (3 * (longer - min_of(size, name_size)) > longer)
			continue;
		edits = name_distance(word, size, name, name_size);
		if (3 * edits <= longer && edits < best) {
			best = edits;
			nearest = name;
		}
	}
	return nearest;
}

static const char *word_at(void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

const char *name_nearest_of(const char *word, const char *const *words, size_t count)
{
	return name_nearest(word, word_at, (void *)words, count);
}
