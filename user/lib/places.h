/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rows of one size, each beginning with its key.
 * Out: where the row of a key stands, in memory that grows with what was put (four to twelve bytes a row).
 * Never: the rows themselves, or a copy of a key: a row keeps its key for as long as it has a place here.
 */
#ifndef CORDON_LIB_PLACES_H
#define CORDON_LIB_PLACES_H

#include <stddef.h>
#include <stdint.h>

#define PLACES_NONE UINT32_MAX

struct places {
	const char *rows;
	size_t stride, key_size;
	uint32_t *slots; /* row + 1; 0: empty */
	uint32_t size;   /* of slots: a power of two, or 0 */
	uint32_t used;
	uint64_t seed;   /* keys come from the network: nobody shall be able to choose ones that collide */
};

void places_init(struct places *p, const void *rows, size_t stride, size_t key_size);
void places_done(struct places *p);

/* Room for so many more, so that puts do not fail. -ENOMEM. */
int places_reserve(struct places *p, uint32_t more);
uint32_t places_find(const struct places *p, const void *key);
/* In the place of another row with the same key, if there is one. -ENOMEM only where nothing was reserved. */
int places_put(struct places *p, uint32_t row);
/* Only if its key leads to this row. */
void places_remove(struct places *p, uint32_t row);

#endif
