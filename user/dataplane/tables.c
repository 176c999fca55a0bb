/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/places.h"
#include "kernel.h"
#include "cordon.skel.h"

/*
 * Rows of one table as the kernel takes them in a batch: keys and values apart. An array may have more entries than rows:
 * a new one is all zero.
 */
struct table_rows {
	void *keys;
	void *values;
	const void *all; /* instead of both: every row of an array that can be mapped, in the order of its keys; borrowed */
	uint32_t n;
	uint32_t entries;
};

static void table_rows_done(struct table_rows *rows)
{
	free(rows->keys);
	free(rows->values);
}

static int table_rows_init(struct table_rows *rows, size_t n, size_t key_size, size_t value_size)
{
	rows->n = rows->entries = (uint32_t)n;
	rows->keys = calloc(n ? n : 1, key_size);
	rows->values = calloc(n ? n : 1, value_size);
	return rows->keys && rows->values ? 0 : -ENOMEM;
}

static int pairs_rows(const struct image *image, struct table_rows *rows)
{
	int r = table_rows_init(rows, image->n_pairs, sizeof(struct pair_key), sizeof(struct pair));

	for (size_t i = 0; r == 0 && i < image->n_pairs; i++) {
		((struct pair_key *)rows->keys)[i] = image->pairs[i].key;
		((struct pair *)rows->values)[i] = image->pairs[i].value;
	}
	return r;
}

/* Of 200,000 services a policy names a few; writing and reading back all of them would be most of an apply's time. */
static int services_rows(const struct image *image, struct table_rows *rows)
{
	size_t n = 0;
	int r;

	for (uint32_t i = 0; i < CORDON_SERVICE_COUNT; i++)
		n += image->services[i] != 0;
	r = table_rows_init(rows, n, sizeof(uint32_t), sizeof(struct service));
	if (r < 0)
		return r;
	rows->entries = CORDON_SERVICE_COUNT;
	n = 0;
	for (uint32_t i = 0; i < CORDON_SERVICE_COUNT; i++) {
		if (!image->services[i])
			continue;
		((uint32_t *)rows->keys)[n] = i;
		((struct service *)rows->values)[n++].class = image->services[i];
	}
	return 0;
}

/* Millions of rows in a large policy: not copied here, and read back as memory. (What programs may only read cannot be written so.) */
static int verdicts_rows(const struct image *image, struct table_rows *rows)
{
	rows->all = image->verdicts;
	rows->n = rows->entries = (uint32_t)image_verdicts(image);
	return 0;
}

static int networks_rows(const struct image *image, struct table_rows *rows)
{
	int r = table_rows_init(rows, image->n_networks, sizeof(struct network_key), sizeof(struct network));

	for (size_t i = 0; r == 0 && i < image->n_networks; i++) {
		((struct network_key *)rows->keys)[i] = image->networks[i].key;
		((struct network *)rows->values)[i] = image->networks[i].value;
	}
	return r;
}

static const struct table {
	const char *name;
	int (*rows)(const struct image *image, struct table_rows *ret);
} tables[] = {
	{"pairs", pairs_rows},
	{"services", services_rows},
	{"verdicts", verdicts_rows},
	{"networks", networks_rows},
};
_Static_assert(ARRAY_SIZE(tables) == PLANE_TABLES, "tables a side");

static int slots_fd(const struct dataplane *dp, size_t table)
{
	return bpf_object__find_map_fd_by_name(dp->bpf->obj, tables[table].name);
}

void tables_learn(struct dataplane *dp)
{
	for (size_t i = 0; i < PLANE_TABLES; i++) {
		const struct bpf_map *like = bpf_map__inner_map(bpf_object__find_map_by_name(dp->bpf->obj, tables[i].name));

		dp->tables[i] = (struct table_like){
			.type = bpf_map__type(like),
			.key_size = bpf_map__key_size(like),
			.value_size = bpf_map__value_size(like),
			.flags = bpf_map__map_flags(like),
			.key_type = bpf_map__btf_key_type_id(like),
			.value_type = bpf_map__btf_value_type_id(like),
		};
	}
}

/* An inner map like the template that the programs were checked against, but for its size; with types, for bpftool. */
static int table_make(struct dataplane *dp, size_t table, uint32_t n)
{
	const struct table_like *like = &dp->tables[table];
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = like->flags, .btf_fd = (uint32_t)bpf_object__btf_fd(dp->bpf->obj),
		    .btf_key_type_id = like->key_type, .btf_value_type_id = like->value_type);
	int r = kernel_step();

	if (r < 0)
		return r;
	return bpf_map_create(like->type, tables[table].name, like->key_size, like->value_size, n ? n : 1, &opts);
}

/* Rows of an array that follow each other are read in one call, some thousand at most. */
#define CHECK_RUN 4096

static uint32_t run_length(const uint32_t *keys, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && i < CHECK_RUN && keys[i] == keys[0] + i)
		i++;
	return i;
}

static int array_check(int fd, const struct table_rows *rows, const struct table_like *like)
{
	_cleanup_free_ char *values = calloc(CHECK_RUN, like->value_size);
	const uint32_t *keys = rows->keys;
	uint32_t n;

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i += n) {
		int r;

		n = run_length(keys + i, rows->n - i);
		r = kernel_lookup_run(fd, keys[i], n, values);
		if (r < 0)
			return r;
		if (memcmp(values, (const char *)rows->values + (size_t)i * like->value_size, (size_t)n * like->value_size))
			return -EIO;
	}
	return 0;
}

struct keys_check {
	const struct table_rows *rows;
	const struct table_like *like;
	struct places places;
	uint32_t met;
};

static int key_check(void *ctx, const void *key, const void *value)
{
	struct keys_check *check = ctx;
	uint32_t at = places_find(&check->places, key);

	check->met++;
	if (at == PLACES_NONE || memcmp(value, (const char *)check->rows->values + (size_t)at * check->like->value_size, check->like->value_size))
		return -EIO;
	return 0;
}

static int keys_check(int fd, const struct table_rows *rows, const struct table_like *like)
{
	struct keys_check check = {.rows = rows, .like = like};
	int r;

	places_init(&check.places, rows->keys, like->key_size, like->key_size);
	r = places_reserve(&check.places, rows->n);
	for (uint32_t i = 0; r == 0 && i < rows->n; i++)
		r = places_put(&check.places, i);
	if (r == 0)
		r = kernel_each(fd, like->key_size, like->value_size, key_check, &check);
	if (r == 0 && check.met != check.places.used)
		r = -EIO;
	places_done(&check.places);
	return r;
}

#define RUN 4096 /* rows a call */

static int run_write(int fd, const struct table_rows *rows, const struct table_like *like)
{
	const char *from = rows->all;
	uint32_t keys[RUN];
	int r = 0;

	for (uint32_t i = 0; i < rows->n && r == 0; i += RUN) {
		uint32_t n = rows->n - i < RUN ? rows->n - i : RUN;

		for (uint32_t k = 0; k < n; k++)
			keys[k] = i + k;
		r = kernel_update_batch(fd, keys, from + (size_t)i * like->value_size, n);
	}
	return r;
}

/* The kernel keeps rows of an array 8 bytes apart at least. */
static size_t row_stride(const struct table_like *like)
{
	return (like->value_size + 7u) & ~7u;
}

static int mapped_check(int fd, const struct table_rows *rows, const struct table_like *like)
{
	const char *meant = rows->all;
	size_t size;
	void *at;
	int r = kernel_mmap_frozen(fd, rows->n, like->value_size, &at, &size);

	for (uint32_t i = 0; i < rows->n && r == 0; i++)
		if (memcmp((const char *)at + i * row_stride(like), meant + (size_t)i * like->value_size, like->value_size))
			r = -EIO;
	if (r == 0 || r == -EIO)
		munmap(at, size);
	return r;
}

static int table_write(int fd, const struct table_rows *rows, const struct table_like *like)
{
	if (!rows->n)
		return 0;
	return rows->all ? run_write(fd, rows, like) : kernel_update_batch(fd, rows->keys, rows->values, rows->n);
}

/* Every row as the kernel has it, against what was meant. */
static int table_check(int fd, const struct table_rows *rows, const struct table_like *like)
{
	if (!rows->n)
		return 0;
	if (rows->all)
		return mapped_check(fd, rows, like);
	return like->type == BPF_MAP_TYPE_ARRAY ? array_check(fd, rows, like) : keys_check(fd, rows, like);
}

/* The finished inner map in *ret. */
static int table_fill(struct dataplane *dp, size_t table, const struct image *image, int *ret)
{
	_cleanup_(table_rows_done) struct table_rows rows = {0};
	_cleanup_close_ int fd = -1;
	int r = tables[table].rows(image, &rows);

	if (r < 0)
		return r;
	fd = table_make(dp, table, rows.entries);
	if (fd < 0)
		return fd;
	r = table_write(fd, &rows, &dp->tables[table]);
	if (r < 0)
		return r;
	r = kernel_freeze(fd);
	if (r < 0)
		return r;
	r = table_check(fd, &rows, &dp->tables[table]);
	if (r < 0)
		return r;
	*ret = take_fd(fd);
	return 0;
}

static int head_put(struct dataplane *dp, uint32_t side, const struct policy_head *head)
{
	return kernel_update(bpf_map__fd(dp->bpf->maps.heads), &side, head);
}

static int tables_fill(struct dataplane *dp, const struct image *image, struct kernel_slot slots[PLANE_TABLES], char **ret_why)
{
	for (size_t i = 0; i < PLANE_TABLES; i++) {
		int r = table_fill(dp, i, image, &slots[i].inner);

		if (r < 0)
			return why(ret_why, r, "table %s: %s", tables[i].name,
				   r == -EIO ? "the kernel gives back other rows than were written" : strerror(-r));
	}
	return 0;
}

int tables_put(struct dataplane *dp, const struct image *image, uint32_t generation, char **ret_why)
{
	struct policy_head head = image->head;
	struct kernel_slot slots[PLANE_TABLES];
	int r;

	for (size_t i = 0; i < PLANE_TABLES; i++)
		slots[i] = (struct kernel_slot){.outer = slots_fd(dp, i), .index = generation & 1, .inner = -1};
	r = tables_fill(dp, image, slots, ret_why);
	/* The slots hold them from here on; older ones go after the grace period that this waits for. */
	if (r == 0)
		r = kernel_put_slots(slots, PLANE_TABLES);
	for (size_t i = 0; i < PLANE_TABLES; i++)
		cleanup_close(&slots[i].inner);
	if (r < 0)
		return r;
	head.generation = generation;
	return head_put(dp, generation & 1, &head);
}

int tables_announce(struct dataplane *dp, uint32_t generation)
{
	struct policy_head head = {.generation = generation, .site_mode = CORDON_MODE_ENFORCE, .unknown_mode = CORDON_MODE_ENFORCE};

	return head_put(dp, generation & 1, &head);
}

uint32_t tables_last_tried(struct dataplane *dp)
{
	uint32_t last = dp->control->generation;

	for (uint32_t side = 0; side < CORDON_SIDES; side++) {
		struct policy_head head;

		if (bpf_map_lookup_elem(bpf_map__fd(dp->bpf->maps.heads), &side, &head) == 0 && head.generation > last)
			last = head.generation;
	}
	return last;
}
