/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon that died left behind. The generation in force is the judge: a row whose side of that generation is absent
 * belongs to nobody, whatever the idle side says, and an index entry is true only if the row it leads to says so too.
 */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/addr.h"
#include "kernel.h"
#include "rows.h"
#include "cordon.skel.h"

/* Row numbers begin above 0, so 0 is "nowhere". */
static uint32_t index_leads_to(int fd, const void *key, const struct rows *rows)
{
	uint32_t row;

	if (kernel_lookup(fd, key, &row) < 0 || row < rows->first || row >= rows->max)
		return 0;
	return row;
}

/* An unconfirmed policy needs the one before whole. */
static bool side_in_force(const struct dataplane *dp, const struct side side[CORDON_SIDES])
{
	const struct control *c = dp->control;

	if (c->unconfirmed && c->unconfirmed == dp->bound && side[c->fallback & 1].generation == c->fallback)
		return true;
	return dp->bound && side[plane_side(dp)].generation == dp->bound;
}

/* Keeps a row in force, sends any other on its way out. `at`: where the index leads for its key. */
static int row_settle_scanned(int fd, const void *key, struct rows *rows, uint32_t row, uint32_t at, struct side side[CORDON_SIDES], bool keep)
{
	int r = 0;

	if (keep && at != row)
		r = kernel_update(fd, key, &row);
	if (!keep) {
		side_store(&side[0], (struct side){0});
		side_store(&side[1], (struct side){0});
		if (at == row)
			r = kernel_delete(fd, key);
	}
	if (r < 0)
		return r;
	rows_move(rows, row, keep ? ROW_USED : ROW_LEAVING);
	return 0;
}

/*
 * Two rows of one key may both be in force if a live change was cut short between leading the index to the new row and
 * switching the old one off: the one that the index chose stays.
 */
static int device_scan(struct dataplane *dp, uint32_t row)
{
	int fd = bpf_map__fd(dp->bpf->maps.device_index);
	struct device *d = &dp->devices[row];
	uint32_t at;
	bool twin;

	if (!d->key)
		return 0;
	at = index_leads_to(fd, &d->key, &dp->device_rows);
	twin = at && at != row && dp->devices[at].key == d->key;
	return row_settle_scanned(fd, &d->key, &dp->device_rows, row, at, d->side, side_in_force(dp, d->side) && !twin);
}

static int binding_scan(struct dataplane *dp, uint32_t row)
{
	int fd = bpf_map__fd(dp->bpf->maps.binding_index);
	struct binding *b = &dp->bindings[row];
	static const struct address none;
	uint32_t at;
	bool twin;

	if (addr_equal(&b->address, &none))
		return 0;
	at = index_leads_to(fd, &b->address, &dp->binding_rows);
	twin = at && at != row && addr_equal(&dp->bindings[at].address, &b->address);
	return row_settle_scanned(fd, &b->address, &dp->binding_rows, row, at, b->side, side_in_force(dp, b->side) && !twin);
}

/* Entries that lead to a row which does not carry their key. */
static int index_prune(int fd, size_t key_size, const struct rows *rows, const void *keys_at, size_t row_size)
{
	uint8_t key[sizeof(struct address)], next[sizeof(struct address)];
	int r = bpf_map_get_next_key(fd, NULL, next);

	while (r == 0) {
		uint32_t row;

		memcpy(key, next, key_size);
		r = bpf_map_get_next_key(fd, key, next);
		row = index_leads_to(fd, key, rows);
		if (row && rows->state[row] == ROW_USED && !memcmp((const char *)keys_at + row * row_size, key, key_size))
			continue;
		if (kernel_delete(fd, key) < 0)
			return -EIO;
	}
	return r == -ENOENT ? 0 : r;
}

int rows_scan(struct dataplane *dp)
{
	int r = 0;

	for (uint32_t i = dp->device_rows.first; r == 0 && i < dp->device_rows.max; i++)
		r = device_scan(dp, i);
	for (uint32_t i = dp->binding_rows.first; r == 0 && i < dp->binding_rows.max; i++)
		r = binding_scan(dp, i);
	if (r == 0) /* the key is the first member of either row */
		r = index_prune(bpf_map__fd(dp->bpf->maps.device_index), sizeof(uint64_t), &dp->device_rows, dp->devices, sizeof(*dp->devices));
	if (r == 0)
		r = index_prune(bpf_map__fd(dp->bpf->maps.binding_index), sizeof(struct address), &dp->binding_rows, dp->bindings,
				sizeof(*dp->bindings));
	if (r < 0)
		return r;
	return rows_settle(dp);
}
