/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "kernel.h"

void index_init(struct index *index, int fd, const void *rows, size_t row_size, size_t key_size)
{
	index->fd = fd;
	index->key_size = key_size;
	places_init(&index->places, rows, row_size, key_size);
}

void index_done(struct index *index)
{
	places_done(&index->places);
}

static const char *row_key(const struct index *index, uint32_t row)
{
	return index->places.rows + row * index->places.stride;
}

uint32_t index_find(const struct index *index, const void *key)
{
	uint32_t row = places_find(&index->places, key);

	return row == PLACES_NONE ? 0 : row;
}

int index_lead(struct index *index, uint32_t row)
{
	int r = places_reserve(&index->places, 1);

	if (r == 0)
		r = kernel_update(index->fd, row_key(index, row), &row);
	return r < 0 ? r : places_put(&index->places, row);
}

int index_forget(struct index *index, uint32_t row)
{
	int r;

	if (index_find(index, row_key(index, row)) != row)
		return 0;
	r = kernel_delete(index->fd, row_key(index, row));
	if (r < 0 && r != -ENOENT)
		return r;
	places_remove(&index->places, row);
	return 0;
}

static void batch_add(struct index_batch *batch, uint32_t row)
{
	size_t size = batch->index->key_size;

	memcpy(batch->keys + batch->n * size, row_key(batch->index, row), size);
	batch->rows[batch->n++] = row;
}

int index_batch_flush(struct index_batch *batch)
{
	uint32_t n = batch->n;

	batch->n = 0;
	return n ? kernel_update_batch(batch->index->fd, batch->keys, batch->rows, n) : 0;
}

int index_batch_lead(struct index_batch *batch, uint32_t row)
{
	int r = places_put(&batch->index->places, row);

	if (r < 0)
		return r;
	batch_add(batch, row);
	return batch->n < INDEX_BATCH ? 0 : index_batch_flush(batch);
}

int index_batch_flush_forgotten(struct index_batch *batch, void (*gone)(void *ctx, uint32_t row), void *ctx)
{
	uint32_t n = batch->n;
	int r;

	batch->n = 0;
	r = n ? kernel_delete_batch(batch->index->fd, batch->keys, batch->index->key_size, n) : 0;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		places_remove(&batch->index->places, batch->rows[i]);
		gone(ctx, batch->rows[i]);
	}
	return 0;
}

int index_batch_forget(struct index_batch *batch, uint32_t row, void (*gone)(void *ctx, uint32_t row), void *ctx)
{
	if (index_find(batch->index, row_key(batch->index, row)) != row) {
		gone(ctx, row);
		return 0;
	}
	batch_add(batch, row);
	return batch->n < INDEX_BATCH ? 0 : index_batch_flush_forgotten(batch, gone, ctx);
}

struct adoption {
	struct index *index;
	uint32_t first, max;
	uint8_t *wrong; /* keys that lead nowhere */
	size_t n_wrong, capacity;
};

static int wrong_add(struct adoption *a, const void *key)
{
	size_t size = a->index->key_size;

	if (a->n_wrong == a->capacity) {
		size_t more = a->capacity ? a->capacity * 2 : 64;
		uint8_t *grown = realloc(a->wrong, more * size);

		if (!grown)
			return -ENOMEM;
		a->wrong = grown;
		a->capacity = more;
	}
	memcpy(a->wrong + a->n_wrong++ * size, key, size);
	return 0;
}

static int entry_adopt(void *ctx, const void *key, const void *value)
{
	struct adoption *a = ctx;
	uint32_t row;

	memcpy(&row, value, sizeof(row));
	if (row >= a->first && row < a->max && !memcmp(row_key(a->index, row), key, a->index->key_size))
		return places_put(&a->index->places, row);
	return wrong_add(a, key);
}

int index_adopt(struct index *index, uint32_t first, uint32_t max)
{
	struct adoption a = {.index = index, .first = first, .max = max};
	int r = kernel_each(index->fd, index->key_size, sizeof(uint32_t), entry_adopt, &a);

	if (r == 0 && a.n_wrong)
		r = kernel_delete_batch(index->fd, a.wrong, index->key_size, (uint32_t)a.n_wrong);
	free(a.wrong);
	return r;
}
