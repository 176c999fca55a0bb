/* SPDX-License-Identifier: Apache-2.0 */
#include "owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_owners(const void *a, const void *b)
{
	return memcmp(&((const struct owner *)a)->address, &((const struct owner *)b)->address, sizeof(struct address));
}

int owners_build(const struct image *image, struct owners *ret)
{
	struct owners owners = { .image = image };
	size_t count = 0;

	for (size_t i = 0; i < image->n_devices; i++)
		count += image->devices[i].n_addresses;
	owners.items = calloc(count ? count : 1, sizeof(*owners.items));
	if (!owners.items)
		return -ENOMEM;

	for (size_t i = 0; i < image->n_devices; i++) {
		const struct image_device *device = &image->devices[i];

		for (size_t k = 0; k < device->n_addresses; k++)
			owners.items[owners.n++] = (struct owner){ device->addresses[k].address, device->key };
	}
	qsort(owners.items, owners.n, sizeof(*owners.items), compare_owners);
	*ret = owners;
	return 0;
}

uint64_t owners_find(const struct owners *owners, const struct address *address)
{
	struct owner wanted = { .address = *address };
	const struct owner *found;

	if (!owners->n)
		return 0;
	found = bsearch(&wanted, owners->items, owners->n, sizeof(wanted), compare_owners);
	return found ? found->key : 0;
}

void owners_done(struct owners *owners)
{
	free(owners->items);
	*owners = (struct owners){ 0 };
}
