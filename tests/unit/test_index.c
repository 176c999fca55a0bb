/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cordon/hash.h>

#include "dataplane/index.h"

#define ROWS 2000
#define LINES (ROWS / CORDON_DEVICES_A_LINE + CORDON_INDEX_SPARE)
#define LINES_OF_ADDRESSES (ROWS / CORDON_ADDRESSES_A_LINE + CORDON_INDEX_SPARE)
#define KEYS 1000 /* of a model that is fuller than any table: each row another's at times */

static struct index_line lines[LINES];
static struct control control;
static uint64_t macs[ROWS];
static struct address addresses[ROWS];
static struct index devices = {lines, LINES, &control, macs, sizeof(macs[0]), sizeof(macs[0])};
static struct index bindings = {lines, LINES_OF_ADDRESSES, &control, addresses, sizeof(addresses[0]), sizeof(addresses[0])};

static uint64_t random_word(void)
{
	uint64_t word = 0;

	for (int i = 0; i < 5; i++)
		word = word << 15 ^ (uint64_t)rand();
	return word;
}

static void secret_make(void)
{
	for (int i = 0; i < CORDON_HASH_WORDS; i++)
		control.hash_key[i] = (uint32_t)random_word();
	for (int i = 0; i < CORDON_HASH_TABLES; i++)
		control.hash_multiplier[i] = random_word() | 1;
	memset(lines, 0, sizeof(lines));
}

static void begin(void)
{
	unsigned int seed = (unsigned int)time(NULL);

	fprintf(stderr, "seed %u\n", seed);
	srand(seed);
	secret_make();
}

TestSuite(index, .init = begin);

static struct index_place place_of(uint64_t mac, uint32_t n_lines)
{
	struct index_place place;

	index_place_of_device(&control, mac, n_lines, &place);
	return place;
}

static uint32_t slots_taken(uint32_t n_lines)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_lines; i++)
		for (int way = 0; way < CORDON_INDEX_SLOTS; way++)
			n += lines[i].slot[way] != 0;
	return n;
}

static uint32_t slots_spilled(uint32_t n_lines)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_lines; i++)
		n += lines[i].spilled;
	return n;
}

/* Rows that lie in the second of their lines, counted one by one. */
static uint32_t rows_in_second(const struct index *index, uint32_t n_lines)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_lines; i++)
		for (int way = 0; way < CORDON_INDEX_SLOTS; way++)
			if (lines[i].slot[way])
				n += place_of(((const uint64_t *)index->rows)[lines[i].slot[way] & CORDON_INDEX_ROW], n_lines).line[0] != i;
	return n;
}

Test(index, an_empty_one_knows_nothing)
{
	macs[1] = DEVICE_KEY(0x020000000001ULL, 0);
	cr_expect_eq(index_find(&devices, &macs[1]), 0);
	cr_expect_eq(index_forget(&devices, 1), 0);
	cr_expect(index_has_room(&devices, &macs[1]));
}

/* Rows come, take the place of others with the same key, and go; now and then the next engine takes over. */
Test(index, it_is_like_a_table_of_all_keys)
{
	static uint32_t model[KEYS]; /* row by key */
	struct index small = devices;

	small.n_lines = KEYS / CORDON_DEVICES_A_LINE;
	for (uint32_t i = 1; i < ROWS; i++)
		macs[i] = DEVICE_KEY(0x020000000000ULL + (uint64_t)rand() % KEYS, 7);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t row = 1 + (uint32_t)rand() % (ROWS - 1), number = (uint32_t)(macs[row] >> 16) & 0xffffff;

		if (rand() % 3) {
			cr_assert_eq(index_lead(&small, row), 0);
			model[number] = row;
		} else {
			cr_assert_eq(index_forget(&small, row), 0);
			if (model[number] == row)
				model[number] = 0;
		}
		if (i % 1000)
			continue;
		if (i % 3000 == 0)
			cr_assert_eq(index_adopt(&small, 1, ROWS), 0);
		for (uint32_t k = 0; k < KEYS; k++) {
			uint64_t mac = DEVICE_KEY(0x020000000000ULL + k, 7);

			cr_assert_eq(index_find(&small, &mac), model[k], "key %u after %u", k, i);
		}
		cr_assert_eq(slots_spilled(small.n_lines), rows_in_second(&small, small.n_lines), "after %u", i);
	}
}

/* All rows at once, by many secrets; few are beside their first line. */
static void all_fit(struct index *index, const char *what)
{
	uint64_t second = 0;

	for (int secret = 0; secret < 300; secret++) {
		secret_make();
		for (uint32_t row = 1; row < ROWS; row++)
			cr_assert_eq(index_lead(index, row), 0, "%s, secret %d: row %u of %d", what, secret, row, ROWS);
		second += slots_spilled(LINES);
	}
	cr_expect_lt(second, 300 * ROWS / 10, "%s: %lu", what, second);
}

Test(index, numbers_in_a_row_do_not_crowd, .timeout = 60)
{
	uint64_t first = random_word() & 0xfeffffff0000ULL;

	for (uint32_t i = 0; i < ROWS; i++)
		macs[i] = DEVICE_KEY(first + i, 0);
	all_fit(&devices, "MACs of one maker");
	for (uint32_t i = 0; i < ROWS; i++)
		macs[i] = DEVICE_KEY(first + 256 * i, 12);
	all_fit(&devices, "every 256th");
	for (uint32_t i = 0; i < ROWS; i++)
		addresses[i] = (struct address){{[10] = 0xff, 0xff, 10, 20, (uint8_t)(i >> 8), (uint8_t)i}};
	all_fit(&bindings, "IPv4 addresses of one network");
	for (uint32_t i = 0; i < ROWS; i++)
		addresses[i] = (struct address){{0xfd, 0x20, [14] = (uint8_t)(i >> 8), (uint8_t)i}};
	all_fit(&bindings, "IPv6 addresses");
	for (uint32_t i = 0; i < ROWS; i++)
		addresses[i] = (struct address){{0xfe, 0x80, [8] = 2, 0, 0, 0xff, 0xfe, 7, (uint8_t)(i >> 8), (uint8_t)i}};
	all_fit(&bindings, "addresses made of MACs");
}

/* Two lines, into which all keys want. */
Test(index, a_full_pair_is_refused_and_harms_nothing)
{
	static struct index_line before[2];
	struct index two = devices;
	uint32_t row = 1;
	int r = 0;

	two.n_lines = 2;
	for (uint32_t i = 1; i < ROWS; i++)
		macs[i] = DEVICE_KEY(0x020000000000ULL + i, 0);
	while (r == 0) {
		memcpy(before, lines, sizeof(before));
		r = index_lead(&two, row++);
	}
	cr_expect_eq(r, -EXFULL);
	cr_expect_not(index_has_room(&two, &macs[--row]));
	cr_expect_eq(memcmp(before, lines, sizeof(before)), 0);
	cr_expect_geq(slots_taken(2), 2 * CORDON_INDEX_EASY);
	for (uint32_t i = 1; i < row; i++)
		cr_expect_eq(index_find(&two, &macs[i]), i);
	for (uint32_t i = 1; i < row; i++) {
		cr_assert_eq(index_forget(&two, i), 0);
		cr_expect_eq(index_find(&two, &macs[i]), 0);
	}
	cr_expect_eq(slots_taken(2), 0);
	cr_expect_eq(slots_spilled(2), 0);
	cr_expect_eq(index_lead(&two, row), 0);
	cr_expect_eq(index_find(&two, &macs[row]), row);
}

/* A reader tries so many rows of a tag in a line: there are never more. */
Test(index, no_line_has_more_of_a_tag_than_a_reader_tries)
{
	struct index_place place = place_of(DEVICE_KEY(1, 0), LINES);
	uint32_t n = 0;

	for (uint64_t mac = 1; n <= CORDON_INDEX_TRIES; mac++) {
		struct index_place other = place_of(DEVICE_KEY(mac, 0), LINES);

		if (other.line[0] != place.line[0] || other.tag != place.tag)
			continue;
		macs[++n] = DEVICE_KEY(mac, 0);
		cr_assert_eq(index_lead(&devices, n), 0);
	}
	for (uint32_t i = 1; i <= n; i++)
		cr_expect_eq(index_find(&devices, &macs[i]), i);
	cr_expect_eq(lines[place.line[0]].spilled, 1, "the last of them lies in its second line");
	cr_expect_eq(lines[place.line[0]].slot[CORDON_INDEX_TRIES], 0);
}

/* Whatever was being stored when somebody died, and worse. */
Test(index, what_does_not_lead_to_its_key_is_put_out_at_adoption)
{
	static struct index_line tidy[LINES];
	struct index_place first, zero, gone;

	for (uint32_t i = 1; i < 100; i++) {
		macs[i] = DEVICE_KEY(0x020000000000ULL + i, 0);
		cr_assert_eq(index_lead(&devices, i), 0);
	}
	memcpy(tidy, lines, sizeof(tidy));
	macs[150] = DEVICE_KEY(0x020000000150ULL, 0);
	cr_assert_eq(index_lead(&devices, 150), 0); /* a row beyond those in use */
	first = place_of(macs[1], LINES);
	macs[0] = DEVICE_KEY(0x020000000999ULL, 0);
	zero = place_of(macs[0], LINES);
	gone = place_of(macs[100], LINES);
	cr_assert_eq(lines[first.line[0]].slot[10] | lines[first.line[1]].slot[10] | lines[gone.line[0]].slot[11], 0);
	lines[first.line[0]].slot[10] = first.tag | 2;    /* another's */
	lines[first.line[1]].slot[10] = first.tag | 1;    /* once more */
	lines[zero.line[0]].slot[14] = zero.tag;          /* row 0 */
	lines[first.line[0]].slot[12] = first.tag | CORDON_INDEX_ROW; /* beyond the table */
	lines[gone.line[0]].slot[11] = gone.tag | 100;    /* an empty row */
	lines[(first.line[0] + 1) % LINES].slot[13] = first.tag | 1;
	lines[7].spilled = 3;
	lines[8].spilled = 0xffffffff;
	cr_assert_eq(index_adopt(&devices, 1, 150), 0);
	for (uint32_t i = 1; i < 100; i++)
		cr_expect_eq(index_find(&devices, &macs[i]), i);
	cr_expect_eq(memcmp(tidy, lines, sizeof(lines)), 0);
}
