/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  byte strings and numbers.
 * Out: one small number for each distinct byte string, in order of first appearance; growing lists of numbers.
 * Never: a seed: the same input gives the same numbers.
 */
#ifndef CORDON_POLICY_COMPILE_INTERN_H
#define CORDON_POLICY_COMPILE_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of numbers; zero-initialised is empty. */
struct ids {
	uint32_t *items;
	size_t n, capacity;
};

int ids_add(struct ids *list, uint32_t id);
int ids_add_all(struct ids *list, const uint32_t *items, size_t n);
/* Sorts and drops repetitions. */
void ids_sort(struct ids *list);
bool ids_have(const uint32_t *items, size_t n, uint32_t id); /* in sorted items */
void ids_done(struct ids *list);
#define _cleanup_ids_ __attribute__((cleanup(ids_done)))

/* Lists of numbers by number, filled in two passes: count, then fill. Row i is items[first[i]] .. items[first[i + 1]]. */
struct lists {
	uint32_t *first; /* n + 1 of them */
	uint32_t *items;
	uint32_t n;
};

int lists_init(struct lists *r, uint32_t n);
void lists_count(struct lists *r, uint32_t row);
int lists_ready(struct lists *r); /* all counted; lists_put() may begin, and must put as many. -E2BIG beyond 2^32 items. */
void lists_put(struct lists *r, uint32_t row, uint32_t item);
void lists_done(struct lists *r);

static inline const uint32_t *lists_get(const struct lists *r, uint32_t row, size_t *ret_n)
{
	*ret_n = r->first[row + 1] - r->first[row];
	return r->items + r->first[row];
}

/* Makes room for `need` items of `size` bytes in *items, a pointer to any type. New room is zeroed. */
int array_reserve(void *items, size_t *capacity, size_t need, size_t size);

struct intern_item {
	size_t offset;
	uint32_t size;
	uint32_t hash;
};

/* Zero-initialised is empty. Content lies in one piece; each starts at a multiple of 8, so equal sizes that are such a multiple make an array. */
struct intern {
	uint8_t *bytes;
	size_t size, capacity;
	struct intern_item *items;
	size_t n, item_capacity;
	uint32_t *slots; /* id + 1; 0: free */
	size_t n_slots;
};

#define INTERN_NONE UINT32_MAX

int intern_add(struct intern *t, const void *data, size_t size, uint32_t *ret);
/* INTERN_NONE if it was never added. */
uint32_t intern_find(const struct intern *t, const void *data, size_t size);
const void *intern_data(const struct intern *t, uint32_t id, size_t *ret_size);
const uint32_t *intern_ids(const struct intern *t, uint32_t id, size_t *ret_n);
void intern_done(struct intern *t);

#endif
