/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon that died left behind. The generation in force is the judge: a row whose side of that generation is absent
 * belongs to nobody, whatever the idle side says, and an index entry is true only if the row it leads to says so too.
 */
#include <errno.h>
#include <string.h>

#include "../lib/addr.h"
#include "rows.h"

/* An unconfirmed policy needs the one before whole. */
static bool side_in_force(const struct dataplane *dp, const struct side side[CORDON_SIDES])
{
	const struct control *c = dp->control;

	if (c->unconfirmed && c->unconfirmed == dp->bound && side[c->fallback & 1].generation == c->fallback)
		return true;
	return dp->bound && side[plane_side(dp)].generation == dp->bound;
}

/* Keeps a row in force, sends any other on its way out. */
static int row_settle_scanned(struct index *index, struct rows *rows, uint32_t row, struct side side[CORDON_SIDES], bool leads, bool keep)
{
	int r = 0;

	if (keep && !leads)
		r = index_lead(index, row);
	if (!keep) {
		side_store(&side[0], (struct side){0});
		side_store(&side[1], (struct side){0});
		r = index_forget(index, row);
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
	struct device *d = &dp->devices[row];
	uint32_t at = d->key ? index_find(&dp->device_index, &d->key) : 0;

	if (!d->key)
		return 0;
	return row_settle_scanned(&dp->device_index, &dp->device_rows, row, d->side, at == row, side_in_force(dp, d->side) && (!at || at == row));
}

static int binding_scan(struct dataplane *dp, uint32_t row)
{
	struct binding *b = &dp->bindings[row];
	static const struct address none;
	uint32_t at;

	if (addr_equal(&b->address, &none))
		return 0;
	at = index_find(&dp->binding_index, &b->address);
	return row_settle_scanned(&dp->binding_index, &dp->binding_rows, row, b->side, at == row, side_in_force(dp, b->side) && (!at || at == row));
}

/* As far as the last row that has a key. What it takes to see that is given back at once. */
static int rows_reach_used(struct rows *rows, const struct index *index)
{
	static const char none[INDEX_KEY_MAX];
	struct view *keys = &rows->tables[0];
	uint32_t end = rows->max;
	int r = view_show(keys, end);

	if (r < 0)
		return r;
	while (end > rows->reach && !memcmp(keys->at + (end - 1) * keys->row_size, none, index->key_size))
		end--;
	r = view_hide(keys, end);
	return r < 0 ? r : rows_reach(rows, end);
}

int rows_scan(struct dataplane *dp)
{
	int r = rows_reach_used(&dp->device_rows, &dp->device_index);

	if (r == 0)
		r = rows_reach_used(&dp->binding_rows, &dp->binding_index);
	if (r == 0)
		r = index_adopt(&dp->device_index, dp->device_rows.first, dp->device_rows.reach);
	if (r == 0)
		r = index_adopt(&dp->binding_index, dp->binding_rows.first, dp->binding_rows.reach);
	for (uint32_t i = dp->device_rows.first; r == 0 && i < dp->device_rows.reach; i++)
		r = device_scan(dp, i);
	for (uint32_t i = dp->binding_rows.first; r == 0 && i < dp->binding_rows.reach; i++)
		r = binding_scan(dp, i);
	return r < 0 ? r : rows_settle(dp);
}
