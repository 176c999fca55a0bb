/* SPDX-License-Identifier: Apache-2.0 */
#include "known_ids.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a; who writes the policy may choose its ids, and only slows themselves down. */
static uint32_t hash_of(const char *id)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 0x100000001b3ULL;
	return (uint32_t)(h ^ h >> 32);
}

static const char *id_of(const struct known_ids *ids, uint32_t device)
{
	return ids->policy->devices[ids->image->devices[device].policy_device].id;
}

void known_ids_build(struct known_ids *ids, const struct policy *policy, const struct image *image)
{
	uint32_t size = 16;

	known_ids_done(ids);
	while (size < image->n_devices * 2)
		size *= 2;
	*ids = (struct known_ids){ .policy = policy, .image = image, .slots = calloc(size, sizeof(*ids->slots)), .mask = size - 1 };
	for (uint32_t i = 0; ids->slots && i < image->n_devices; i++) {
		uint32_t at = hash_of(id_of(ids, i)) & ids->mask;

		while (ids->slots[at])
			at = (at + 1) & ids->mask;
		ids->slots[at] = i + 1;
	}
}

static const struct image_device *find_slowly(const struct known_ids *ids, const char *id)
{
	for (uint32_t i = 0; ids->image && i < ids->image->n_devices; i++)
		if (strcmp(id_of(ids, i), id) == 0)
			return &ids->image->devices[i];
	return NULL;
}

const struct image_device *known_ids_find(const struct known_ids *ids, const char *id)
{
	if (!ids->slots)
		return find_slowly(ids, id);
	for (uint32_t at = hash_of(id) & ids->mask; ids->slots[at]; at = (at + 1) & ids->mask)
		if (strcmp(id_of(ids, ids->slots[at] - 1), id) == 0)
			return &ids->image->devices[ids->slots[at] - 1];
	return NULL;
}

void known_ids_done(struct known_ids *ids)
{
	free(ids->slots);
	*ids = (struct known_ids){ 0 };
}
