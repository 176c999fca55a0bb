/* SPDX-License-Identifier: Apache-2.0 */
/* Plainer classes answer for those that have no pair of their own: the kernel and image_decide() find the same row. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "small.h"

#define CLASS_PLAIN_A 6
#define CLASS_PLAIN_B 7
#define PORT 80
#define CELLS 4

/* In the order in which they are asked; cell i allows PORT by rule i. */
static const struct pair_key asked[CELLS] = {
	{CLASS_A, CLASS_B}, {CLASS_A, CLASS_PLAIN_B}, {CLASS_PLAIN_A, CLASS_B}, {CLASS_PLAIN_A, CLASS_PLAIN_B},
};

static int pair_compare(const void *a, const void *b)
{
	const struct image_pair *x = a, *y = b;

	return x->key.from != y->key.from ? x->key.from - y->key.from : x->key.to - y->key.to;
}

/* `present`: bit i for asked[i]; `plain`: bit 0 for a's plainer class, bit 1 for b's. */
static struct image *kin_image(unsigned int present, unsigned int plain, bool kin)
{
	struct image *image = small_image(CLASS_A, CLASS_B, PORT);
	struct image_pair *pairs = reallocarray(image->pairs, CELLS + 2, sizeof(*pairs));
	struct verdict *verdicts = reallocarray(image->verdicts, CELLS * image->head.service_classes, sizeof(*verdicts));
	size_t n = 0;

	cr_assert(pairs && verdicts);
	image->head.kin = kin;
	image->n_cells = CELLS;
	for (uint32_t cell = 0; cell < CELLS; cell++) {
		for (uint32_t s = 0; cell && s < image->head.service_classes; s++)
			verdicts[cell * image->head.service_classes + s] = verdicts[s];
		verdicts[cell * image->head.service_classes + 1].rule = cell;
		if (present & 1u << cell)
			pairs[n++] = (struct image_pair){asked[cell], {.cell = cell, .flags = PAIR_TALKS}};
	}
	if (plain & 1)
		pairs[n++] = (struct image_pair){{CLASS_A, 0}, {.cell = CLASS_PLAIN_A}};
	if (plain & 2)
		pairs[n++] = (struct image_pair){{CLASS_B, 0}, {.cell = CLASS_PLAIN_B}};
	qsort(pairs, n, sizeof(*pairs), pair_compare);
	image->pairs = pairs;
	image->n_pairs = n;
	image->verdicts = verdicts;
	return image;
}

/* The first that is there and can be asked for; CORDON_RULE_NONE: none. */
static uint32_t expected(unsigned int present, unsigned int plain, bool kin)
{
	for (uint32_t cell = 0; cell < CELLS; cell++) {
		bool needs_a = asked[cell].from == CLASS_PLAIN_A, needs_b = asked[cell].to == CLASS_PLAIN_B;

		if ((present & 1u << cell) && (kin || cell == 0) && (!needs_a || plain & 1) && (!needs_b || plain & 2))
			return cell;
	}
	return CORDON_RULE_NONE;
}

static void compare(struct dataplane *dp, unsigned int present, unsigned int plain, bool kin)
{
	struct image *image = kin_image(present, plain, kin);
	uint32_t want = expected(present, plain, kin), generation;
	_cleanup_free_ char *why = NULL;
	struct dataplane_verdict v;
	struct small_pair pair;

	cr_expect_eq(image_decide(image, CLASS_A, CLASS_B, CORDON_SERVICE_TCP + PORT, IMAGE_NO_TIME).rule, want, "image, pairs %#x, plain %#x", present, plain);
	small_pair(&pair);
	cr_assert_eq(small_apply(dp, image, pair.devices, 2, &generation, &why), 0, "%s", why);
	cr_assert_eq(dataplane_flows_clear(dp), 0);
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, PORT);
	cr_expect_eq(v.rule, want, "kernel, pairs %#x, plain %#x: rule %d, expected %d", present, plain, (int)v.rule, (int)want);
	cr_expect_eq(v.pass, want != CORDON_RULE_NONE);
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, PORT + 1);
	cr_expect_eq(v.reason, CORDON_REASON_DEFAULT_DENY);
}

Test(kin, the_nearest_pair_that_is_there_decides)
{
	struct dataplane *dp = small_private(16);

	for (unsigned int present = 0; present < 1u << CELLS; present++)
		compare(dp, present, 3, true);
	compare(dp, 0xe, 1, true);
	compare(dp, 0xa, 1, true);
	compare(dp, 0xe, 2, true);
	compare(dp, 0xc, 2, true);
	compare(dp, 0xe, 0, true);
	compare(dp, 0xe, 3, false);
	dataplane_close(dp);
}
