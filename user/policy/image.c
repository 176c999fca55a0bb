/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/zone.h"
#include "image_lookup.h"

static uint32_t context_at(const struct image_lookup *lookup, const struct address *address)
{
	struct prefix prefix = prefix_of_address(address);

	return lookup->regions.items[regions_find(&lookup->regions, &prefix)].context;
}

static const struct image_combination *combination_find(const struct image_lookup *lookup, uint32_t base, uint32_t context)
{
	size_t low = 0, n = lookup->n_combinations;

	while (n > 0) {
		size_t half = n / 2;
		const struct image_combination *at = &lookup->combinations[low + half];

		if (at->base == base && at->context == context)
			return at;
		if (at->base < base || (at->base == base && at->context < context)) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return NULL;
}

uint16_t lookup_class(const struct image_lookup *lookup, uint32_t base, const struct address *address)
{
	uint32_t context = context_at(lookup, address);
	const struct image_combination *known = combination_find(lookup, base, context);

	if (known)
		return (uint16_t)known->class;
	return lookup->context_denies[context] ? lookup->closed_class : lookup->base_class[base];
}

uint16_t image_address_class(const struct image *image, const struct image_device *device, const struct address *address)
{
	const struct image_lookup *lookup = image->lookup;
	struct prefix prefix = prefix_of_address(address);

	if (!device)
		return lookup->regions.items[regions_find(&lookup->regions, &prefix)].class;
	return lookup_class(lookup, lookup->subjects[device->policy_device].base, address);
}

uint16_t image_unauthenticated_class(const struct image *image, const struct address *address)
{
	return lookup_class(image->lookup, image->lookup->unauthenticated_base, address);
}

uint16_t image_unknown_class(const struct image *image, const struct address *address)
{
	return lookup_class(image->lookup, image->lookup->unknown_base, address);
}

/* The pairs are sorted by initiator, then responder. */
static const struct image_pair *pair_find(const struct image *image, uint16_t from, uint16_t to)
{
	uint32_t wanted = (uint32_t)from << 16 | to;
	size_t low = 0, n = image->n_pairs;

	while (n > 0) {
		size_t half = n / 2;
		const struct image_pair *at = &image->pairs[low + half];
		uint32_t key = (uint32_t)at->key.from << 16 | at->key.to;

		if (key == wanted)
			return at;
		if (key < wanted) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return NULL;
}

uint16_t image_plain_class(const struct image *image, uint16_t class)
{
	const struct image_pair *pair = image->head.kin ? pair_find(image, class, 0) : NULL;

	return pair ? (uint16_t)pair->value.cell : 0;
}

/* As the kernel finds it: bpf/decide.h. */
static const struct image_pair *pair_by_kin(const struct image *image, uint16_t from, uint16_t to)
{
	uint16_t from_plain = image_plain_class(image, from), to_plain = image_plain_class(image, to);
	const struct image_pair *pair = pair_find(image, from, to);

	if (!pair && to_plain)
		pair = pair_find(image, from, to_plain);
	if (!pair && from_plain)
		pair = pair_find(image, from_plain, to);
	if (!pair && from_plain && to_plain)
		pair = pair_find(image, from_plain, to_plain);
	return pair;
}

const struct verdict *image_row(const struct image *image, uint16_t from, uint16_t to)
{
	const struct image_pair *pair = from && to ? pair_by_kin(image, from, to) : NULL;

	return pair ? image->verdicts + (size_t)pair->value.cell * image->head.service_classes : NULL;
}

struct verdict image_decide(const struct image *image, uint16_t from, uint16_t to, uint32_t service, int64_t at)
{
	const struct verdict *row = image_row(image, from, to);
	const struct verdict *v = row && service < CORDON_SERVICE_COUNT ? &row[image->services[service]] : NULL;

	while (v && !image_window_open(image, v->window, at))
		v = v->next == CORDON_CHAIN_END ? NULL : &image->verdicts[v->next];
	return v ? *v : (struct verdict){.next = CORDON_CHAIN_END, .rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
}

size_t image_verdicts(const struct image *image)
{
	return image->n_cells * image->head.service_classes + image->n_chained;
}

void lookup_free(struct image_lookup *lookup)
{
	if (!lookup)
		return;
	regions_done(&lookup->regions);
	free(lookup->context_denies);
	free(lookup->subjects);
	free(lookup->addresses);
	free(lookup->base_class);
	free(lookup->combinations);
	free(lookup);
}

static void class_done(struct image_class *class)
{
	for (size_t i = 0; i < class->n_members; i++)
		free(class->members[i]);
	free(class->members);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	for (size_t i = 0; i < image->n_rules; i++) {
		free((char *)image->rules[i].id);
		free((char *)image->rules[i].file);
	}
	for (size_t i = 0; image->classes && i < image->n_classes; i++)
		class_done(&image->classes[i]);
	free(image->pairs);
	free(image->services);
	free(image->verdicts);
	free(image->networks);
	free(image->gateway);
	free(image->devices);
	for (size_t i = 0; i < image->n_schedules; i++)
		free(image->schedules[i].name.id);
	free(image->schedules);
	free(image->windows);
	free(image->timezone);
	zone_free(image->zone);
	free(image->rules);
	free(image->classes);
	lookup_free(image->lookup);
	free(image);
}
