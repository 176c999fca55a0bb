/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy costs in the kernel's memory, table by table. */
#include <errno.h>

#include "image.h"

/* Counts of drops, by device and reason: rows come as they are needed; there is room for more, but not every device has so many. */
#define DROPS_A_DEVICE 4
#define DROP_BYTES 80

static const struct table {
	const char *name, *text;
	enum image_table_when when;
	uint64_t bytes, cpu_bytes;
} tables[] = {
#define X(id, name, text, when, bytes, cpu_bytes) [IMAGE_TABLE_##id] = {name, text, IMAGE_TABLE_##when, bytes, cpu_bytes},
	IMAGE_TABLES(X)
#undef X
};

static uint64_t row_bytes(const struct table *table, uint32_t cpus)
{
	return table->bytes + table->cpu_bytes * (cpus ? cpus : 1);
}

uint64_t image_device_bytes(uint32_t cpus)
{
	uint64_t drops = DROPS_A_DEVICE * (DROP_BYTES + sizeof(struct drop_count) * (cpus ? cpus : 1));

	return row_bytes(&tables[IMAGE_TABLE_DEVICES], cpus) + row_bytes(&tables[IMAGE_TABLE_COUNTERS], cpus) +
	       row_bytes(&tables[IMAGE_TABLE_BINDINGS], cpus) * IMAGE_BINDINGS_A_DEVICE + drops;
}

uint32_t image_device_rows(uint32_t devices)
{
	return devices + devices / IMAGE_SPARE_SHARE + 1;
}

/* Of tables that are made once: their rows, the spare ones too. */
static uint64_t rows_made(enum image_table table, const struct image_room *has, uint64_t available)
{
	if (table == IMAGE_TABLE_DEVICES || table == IMAGE_TABLE_COUNTERS)
		return image_device_rows(has->devices);
	return table == IMAGE_TABLE_BINDINGS ? (uint64_t)image_device_rows(has->devices) * IMAGE_BINDINGS_A_DEVICE : available;
}

static uint64_t bindings_count(const struct image *image)
{
	uint64_t n = image->n_gateway;

	for (size_t i = 0; i < image->n_devices; i++)
		n += image->devices[i].n_addresses;
	return n;
}

int image_bill(const struct image *image, const struct image_room *room, struct image_bill *ret)
{
	static const struct image_room boundless;
	const struct image_room *has = room ? room : &boundless;
	const uint64_t rows[] = {
		[IMAGE_TABLE_CLASSES] = image->n_classes - 1,
		[IMAGE_TABLE_PAIRS] = image->n_pairs,
		[IMAGE_TABLE_VERDICTS] = image_verdicts(image),
		[IMAGE_TABLE_SERVICES] = CORDON_SERVICE_COUNT,
		[IMAGE_TABLE_NETWORKS] = image->n_networks,
		[IMAGE_TABLE_DEVICES] = image->n_devices,
		[IMAGE_TABLE_BINDINGS] = bindings_count(image),
		[IMAGE_TABLE_WINDOWS] = image->n_windows - 1,
		[IMAGE_TABLE_COUNTERS] = image->n_devices,
		[IMAGE_TABLE_CACHE] = 0,
	};
	const uint64_t available[IMAGE_TABLE_COUNT] = {
		[IMAGE_TABLE_CLASSES] = CORDON_MAX_CLASSES,
		[IMAGE_TABLE_DEVICES] = has->devices,
		[IMAGE_TABLE_BINDINGS] = (uint64_t)has->devices * IMAGE_BINDINGS_A_DEVICE,
		[IMAGE_TABLE_WINDOWS] = CORDON_MAX_WINDOWS,
		[IMAGE_TABLE_COUNTERS] = has->devices,
		[IMAGE_TABLE_FLOWS] = has->flows,
		[IMAGE_TABLE_CACHE] = has->cache_bytes / IMAGE_CACHE_LINE,
	};
	int r = 0;

	*ret = (struct image_bill){0};
	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
		struct image_bill_line *line = &ret->lines[i];
		uint64_t taken = tables[i].when == IMAGE_TABLE_START && available[i] ? rows_made(i, has, available[i]) : rows[i];

		*line = (struct image_bill_line){tables[i].name, tables[i].text, tables[i].when, rows[i], available[i], 0};
		line->bytes = taken * row_bytes(&tables[i], has->cpus);
		ret->bytes += line->bytes;
		ret->change_bytes += tables[i].when == IMAGE_TABLE_POLICY ? line->bytes : 0;
		if (line->available && line->rows > line->available)
			r = -E2BIG;
	}
	return r;
}
