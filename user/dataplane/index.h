/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rows of a shared table, each beginning with its key.
 * Out: the kernel's hash that leads programs to them, and the same here, so that asking costs no system call.
 * Never: the rows themselves, or what state they are in.
 *
 * Programs only read the hash, so the copy is true as long as one process owns it. Row 0 is never led to. Where a call to the
 * kernel fails the copy may know more than the hash, never less: forgetting what the kernel does not have is no error.
 */
#ifndef CORDON_DATAPLANE_INDEX_H
#define CORDON_DATAPLANE_INDEX_H

#include <stdint.h>

#include "../lib/places.h"

#define INDEX_KEY_MAX 16

struct index {
	int fd;
	size_t key_size;
	struct places places;
};

void index_init(struct index *index, int fd, const void *rows, size_t row_size, size_t key_size);
void index_done(struct index *index);

/* The row that a key leads to; 0: none. */
uint32_t index_find(const struct index *index, const void *key);
/* Leads the row's key to it, from wherever it led before. */
int index_lead(struct index *index, uint32_t row);
/* Deletes the entry of the row's key only if it leads here: by now it may belong to the row's successor. */
int index_forget(struct index *index, uint32_t row);

/* The same for many, in few calls. Rows put off are written by the flush; after an error the batch is empty. */
#ifdef CORDON_FAILPOINTS
#define INDEX_BATCH 2 /* so that a death between two calls is tried with a handful of rows */
#else
#define INDEX_BATCH 1024
#endif
struct index_batch {
	struct index *index;
	uint32_t n;
	uint32_t rows[INDEX_BATCH];
	uint8_t keys[INDEX_BATCH * INDEX_KEY_MAX];
};
int index_batch_lead(struct index_batch *batch, uint32_t row);
int index_batch_flush(struct index_batch *batch);
/* `gone`: called for each row whose entry is deleted. */
int index_batch_forget(struct index_batch *batch, uint32_t row, void (*gone)(void *ctx, uint32_t row), void *ctx);
int index_batch_flush_forgotten(struct index_batch *batch, void (*gone)(void *ctx, uint32_t row), void *ctx);

/* Takes the kernel's entries over: those that lead to a row in [first, max) which carries their key; deletes all others. */
int index_adopt(struct index *index, uint32_t first, uint32_t max);

#endif
