/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/places.h"

struct row {
	uint8_t key[12];
	uint32_t rest;
};

#define ROWS 2000
#define KEYS 600 /* fewer than rows: several rows have the same key */

static struct row rows[ROWS];
static uint32_t model[KEYS]; /* row + 1 by key */

static void key_make(uint8_t key[12], uint32_t number)
{
	memset(key, 0, 12);
	memcpy(key + 8, &number, sizeof(number));
}

static uint32_t number_of(uint32_t row)
{
	uint32_t number;

	memcpy(&number, rows[row].key + 8, sizeof(number));
	return number;
}

static void expect_like_model(const struct places *p, const char *when)
{
	uint32_t used = 0;

	for (uint32_t k = 0; k < KEYS; k++) {
		uint8_t key[12];

		key_make(key, k);
		cr_assert_eq(places_find(p, key), model[k] ? model[k] - 1 : PLACES_NONE, "%s: key %u", when, k);
		used += model[k] != 0;
	}
	cr_assert_eq(p->used, used, "%s", when);
}

Test(places, an_empty_one_knows_nothing)
{
	_cleanup_(places_done) struct places p = {0};

	places_init(&p, rows, sizeof(rows[0]), sizeof(rows[0].key));
	cr_expect_eq(places_find(&p, rows[0].key), PLACES_NONE);
	places_remove(&p, 0);
	cr_expect_eq(places_find(&p, rows[0].key), PLACES_NONE);
}

Test(places, it_is_like_a_table_of_all_keys)
{
	_cleanup_(places_done) struct places p = {0};
	unsigned int seed = (unsigned int)time(NULL);

	fprintf(stderr, "seed %u\n", seed);
	srand(seed);
	places_init(&p, rows, sizeof(rows[0]), sizeof(rows[0].key));
	for (uint32_t i = 0; i < ROWS; i++)
		key_make(rows[i].key, (uint32_t)rand() % KEYS);
	for (uint32_t i = 0; i < 50000; i++) {
		uint32_t row = (uint32_t)rand() % ROWS, number = number_of(row);

		if (rand() % 2) {
			cr_assert_eq(places_put(&p, row), 0);
			model[number] = row + 1;
		} else {
			places_remove(&p, row);
			if (model[number] == row + 1)
				model[number] = 0;
		}
		if (i % 1000 == 0)
			expect_like_model(&p, "on the way");
	}
	expect_like_model(&p, "at the end");
}

Test(places, what_was_reserved_is_there)
{
	_cleanup_(places_done) struct places p = {0};
	uint32_t size;

	places_init(&p, rows, sizeof(rows[0]), sizeof(rows[0].key));
	cr_assert_eq(places_reserve(&p, ROWS), 0);
	size = p.size;
	for (uint32_t i = 0; i < ROWS; i++) {
		key_make(rows[i].key, i);
		cr_assert_eq(places_put(&p, i), 0);
	}
	cr_expect_eq(p.size, size);
	for (uint32_t i = 0; i < ROWS; i++)
		cr_expect_eq(places_find(&p, rows[i].key), i);
}
