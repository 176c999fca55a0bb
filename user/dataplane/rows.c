/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "counters.h"
#include "flows.h"
#include "kernel.h"
#include "widen.h"
#include "cordon.skel.h"

#define ROWS_AT_FIRST 1024

int rows_init(struct rows *rows, uint32_t first, struct view *tables, size_t n_tables)
{
	uint32_t max = tables->rows;

	*rows = (struct rows){.first = first, .max = max, .tables = tables, .n_tables = n_tables, .next = first};
	rows->state = calloc(max, 1);
	if (!rows->state)
		return -ENOMEM;
	rows->count[ROW_FREE] = max - first;
	return rows_reach(rows, max < ROWS_AT_FIRST ? max : ROWS_AT_FIRST);
}

void rows_done(struct rows *rows)
{
	free(rows->state);
	rows->state = NULL;
}

uint32_t rows_free(const struct rows *rows)
{
	return rows->count[ROW_FREE];
}

uint32_t rows_waiting(const struct rows *rows)
{
	return rows->count[ROW_LEAVING] + rows->count[ROW_DRAINING];
}

void rows_move(struct rows *rows, uint32_t row, enum row_state to)
{
	rows->count[rows->state[row]]--;
	rows->state[row] = to;
	rows->count[to]++;
}

int rows_reach(struct rows *rows, uint32_t reach)
{
	for (size_t i = 0; i < rows->n_tables; i++) {
		int r = view_show(&rows->tables[i], reach);

		if (r < 0)
			return r;
	}
	rows->reach = reach;
	return 0;
}

/* Half of the rows within reach are free, so that one that was given back rests for a while. */
static int rows_reach_enough(struct rows *rows)
{
	uint32_t spare = rows->count[ROW_FREE] - (rows->max - rows->reach);

	if (rows->reach == rows->max || spare > rows->reach / 2)
		return 0;
	return rows_reach(rows, rows->reach < rows->max / 2 ? rows->reach * 2 : rows->max);
}

static int rows_take(struct rows *rows, uint32_t *ret)
{
	int r = rows->count[ROW_FREE] ? rows_reach_enough(rows) : -ENOSPC;

	if (r < 0)
		return r;
	while (rows->state[rows->next] != ROW_FREE)
		rows->next = rows->next + 1 < rows->reach ? rows->next + 1 : rows->first;
	*ret = rows->next;
	rows_move(rows, *ret, ROW_USED);
	return 0;
}

void side_store(struct side *at, struct side value)
{
	uint64_t word;

	memcpy(&word, &value, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)at, word, __ATOMIC_RELEASE);
}

struct side side_make(uint32_t generation, uint16_t class, enum cordon_mode mode, uint8_t flags)
{
	return (struct side){.generation = generation, .class = class, .mode = (uint8_t)mode, .flags = flags};
}

static bool row_is_used(const struct rows *rows, uint32_t row)
{
	return row >= rows->first && row < rows->max && rows->state[row] == ROW_USED;
}

static int row_find(const struct index *index, const void *key, const struct rows *rows, uint32_t *ret)
{
	uint32_t row = index_find(index, key);

	if (!row_is_used(rows, row))
		return -ENOENT;
	*ret = row;
	return 0;
}

int device_row_find(struct dataplane *dp, uint64_t key, uint32_t *ret)
{
	return row_find(&dp->device_index, &key, &dp->device_rows, ret);
}

int binding_row_find(struct dataplane *dp, const struct address *address, uint32_t *ret)
{
	return row_find(&dp->binding_index, address, &dp->binding_rows, ret);
}

uint32_t row_generation_next(struct dataplane *dp)
{
	return ++dp->control->row_generation;
}

uint32_t device_row_quota(const struct dataplane *dp, const struct dataplane_device *want)
{
	uint32_t share = dp->max_flows / QUOTA_SHARE;

	if (want->flow_quota)
		return want->flow_quota;
	return share ? share : 1;
}

uint32_t device_row_flags(const struct dataplane_device *want)
{
	const struct dataplane_limit *limit = &want->limit;

	return (want->quarantined ? DEVICE_QUARANTINED : 0) | (want->port != CORDON_PORT_NONE ? DEVICE_PLACED : 0) |
	       (want->critical ? DEVICE_CRITICAL : 0) | (want->declared ? DEVICE_DECLARED : 0) |
	       (limit->bytes_per_s || limit->packets_per_s || limit->new_flows_per_s ? DEVICE_LIMITED : 0);
}

void device_row_limit(struct dataplane *dp, uint32_t row, const struct dataplane_limit *want)
{
	struct limit *limit = &dp->limits[row];

	__atomic_store_n(&limit->bytes_per_s, want->bytes_per_s, __ATOMIC_RELAXED);
	__atomic_store_n(&limit->packets_per_s, want->packets_per_s, __ATOMIC_RELAXED);
	__atomic_store_n(&limit->new_flows_per_s, want->new_flows_per_s, __ATOMIC_RELEASE);
}

static void device_row_write(struct dataplane *dp, uint32_t row, const struct dataplane_device *want)
{
	struct device *d = &dp->devices[row];

	side_store(&d->side[0], (struct side){0});
	side_store(&d->side[1], (struct side){0});
	d->generation = row_generation_next(dp);
	device_row_limit(dp, row, &want->limit);
	d->quarantine_until = want->quarantine_until;
	d->flags = device_row_flags(want);
	d->port = want->port;
	d->flow_quota = device_row_quota(dp, want);
	d->until = want->until;
	__atomic_store_n(&d->key, want->key, __ATOMIC_RELEASE);
}

int device_row_prepare(struct dataplane *dp, const struct dataplane_device *want, uint32_t *ret)
{
	uint32_t row;
	int r = rows_take(&dp->device_rows, &row);

	if (r < 0)
		return r;
	r = kernel_step();
	if (r < 0) {
		rows_move(&dp->device_rows, row, ROW_FREE);
		return r;
	}
	device_row_write(dp, row, want);
	*ret = row;
	return 0;
}

int device_row_take(struct dataplane *dp, const struct dataplane_device *want, uint32_t *ret)
{
	uint32_t row;
	int r = device_row_prepare(dp, want, &row);

	if (r < 0)
		return r;
	r = index_lead(&dp->device_index, row);
	if (r < 0) { /* the index never led here */
		dp->devices[row].key = 0;
		rows_move(&dp->device_rows, row, ROW_FREE);
		return r;
	}
	*ret = row;
	return 0;
}

int binding_row_prepare(struct dataplane *dp, const struct address *address, uint32_t device, uint32_t at, struct side side,
			uint64_t until, uint32_t *ret)
{
	struct binding *b;
	uint32_t row;
	int r = rows_take(&dp->binding_rows, &row);

	if (r < 0)
		return r;
	b = &dp->bindings[row];
	r = kernel_step();
	if (r < 0) {
		rows_move(&dp->binding_rows, row, ROW_FREE);
		return r;
	}
	side_store(&b->side[at ^ 1], (struct side){0});
	b->address = *address;
	b->device[at] = device;
	b->device[at ^ 1] = CORDON_DEVICE_NONE;
	b->until = until;
	side_store(&b->side[at], side);
	*ret = row;
	return 0;
}

int binding_row_take(struct dataplane *dp, const struct address *address, uint32_t device, uint32_t at, struct side side,
		     uint64_t until, uint32_t *ret)
{
	uint32_t row;
	int r = binding_row_prepare(dp, address, device, at, side, until, &row);

	if (r < 0)
		return r;
	r = index_lead(&dp->binding_index, row);
	if (r < 0) { /* the index never led here */
		memset(&dp->bindings[row], 0, sizeof(dp->bindings[row]));
		rows_move(&dp->binding_rows, row, ROW_FREE);
		return r;
	}
	*ret = row;
	return 0;
}

#define INDEX_FULL "the index of %s has no room for one more like %s, though there are rows: "
#define INDEX_OF_DEVICES_FULL INDEX_FULL "one MAC can have %d VLANs, fewer where others crowd them; else raise capacity in gateway.yaml"
#define INDEX_OF_ADDRESSES_FULL INDEX_FULL "raise capacity in gateway.yaml"

int device_index_full(uint64_t key, char **ret_why)
{
	char text[sizeof("112233445566/4095")];

	snprintf(text, sizeof(text), "%012llx/%u", (unsigned long long)key >> 16, (unsigned int)(key & 0xfff));
	return why(ret_why, -EXFULL, INDEX_OF_DEVICES_FULL, "devices", text, 2 * CORDON_INDEX_TRIES);
}

int binding_index_full(const struct address *address, char **ret_why)
{
	char text[ADDR_TEXT_SIZE];

	return why(ret_why, -EXFULL, INDEX_OF_ADDRESSES_FULL, "addresses", addr_format(address, text));
}

static void device_row_off(struct dataplane *dp, uint32_t row)
{
	struct device *d = &dp->devices[row];

	side_store(&d->side[plane_side(dp)], (struct side){0});
	side_store(&d->side[plane_side(dp) ^ 1], (struct side){0});
	/* Live flows that name this row are judged anew at their next packet. */
	__atomic_store_n(&d->generation, row_generation_next(dp), __ATOMIC_RELEASE);
}

static void binding_row_off(struct dataplane *dp, uint32_t row)
{
	struct binding *b = &dp->bindings[row];

	side_store(&b->side[plane_side(dp)], (struct side){0});
	side_store(&b->side[plane_side(dp) ^ 1], (struct side){0});
}

int device_row_leave(struct dataplane *dp, uint32_t row)
{
	int r = kernel_step();

	if (r < 0)
		return r;
	device_row_off(dp, row);
	r = index_forget(&dp->device_index, row);
	if (r < 0)
		return r;
	rows_move(&dp->device_rows, row, ROW_LEAVING);
	return 0;
}

int binding_row_leave(struct dataplane *dp, uint32_t row)
{
	int r = kernel_step();

	if (r < 0)
		return r;
	binding_row_off(dp, row);
	r = index_forget(&dp->binding_index, row);
	if (r < 0)
		return r;
	rows_move(&dp->binding_rows, row, ROW_LEAVING);
	return 0;
}

static bool device_is_bound(const struct dataplane *dp, uint32_t row)
{
	return dp->devices[row].side[plane_side(dp)].generation == dp->bound;
}

static bool binding_is_bound(const struct dataplane *dp, uint32_t row)
{
	return dp->bindings[row].side[plane_side(dp)].generation == dp->bound;
}

struct leaving {
	struct rows *rows;
	struct index *index;
	bool (*is_bound)(const struct dataplane *dp, uint32_t row);
	void (*row_off)(struct dataplane *dp, uint32_t row);
};

/* What a failure leaves behind stays used with its sides off; whoever comes next tries again. */
static void rows_leave(struct dataplane *dp, const struct leaving *what)
{
	struct rows *rows = what->rows;
	int r = kernel_step();

	for (uint32_t i = rows->first; r == 0 && i < rows->reach; i++) {
		if (rows->state[i] != ROW_USED || what->is_bound(dp, i))
			continue;
		what->row_off(dp, i);
		r = index_forget(what->index, i);
		if (r == 0)
			rows_move(rows, i, ROW_LEAVING);
	}
}

void device_rows_leave(struct dataplane *dp)
{
	rows_leave(dp, &(struct leaving){&dp->device_rows, &dp->device_index, device_is_bound, device_row_off});
}

void binding_rows_leave(struct dataplane *dp)
{
	rows_leave(dp, &(struct leaving){&dp->binding_rows, &dp->binding_index, binding_is_bound, binding_row_off});
}

int rows_settle(struct dataplane *dp)
{
	int r;

	if (!dp->device_rows.count[ROW_LEAVING] && !dp->binding_rows.count[ROW_LEAVING])
		return 0;
	r = trusts(TRUST_TIME) ? 0 : plane_grace(dp);
	if (r < 0)
		return r;
	for (uint32_t i = dp->binding_rows.first; dp->binding_rows.count[ROW_LEAVING] && i < dp->binding_rows.reach; i++) {
		if (dp->binding_rows.state[i] != ROW_LEAVING)
			continue;
		memset(&dp->bindings[i], 0, sizeof(dp->bindings[i]));
		rows_move(&dp->binding_rows, i, ROW_FREE);
	}
	for (uint32_t i = dp->device_rows.first; dp->device_rows.count[ROW_LEAVING] && i < dp->device_rows.reach; i++)
		if (dp->device_rows.state[i] == ROW_LEAVING)
			rows_move(&dp->device_rows, i, ROW_DRAINING);
	return 0;
}

int rows_drained(struct dataplane *dp)
{
	struct rows *rows = &dp->device_rows;
	int r;

	if (!rows->count[ROW_DRAINING])
		return 0;
	r = counters_wipe_draining(dp);
	if (r < 0)
		return r;
	for (uint32_t i = rows->first; rows->count[ROW_DRAINING] && i < rows->reach; i++) {
		if (rows->state[i] != ROW_DRAINING)
			continue;
		memset(&dp->limits[i], 0, sizeof(dp->limits[i]));
		/* The key goes last: a row with a key is scanned and drained again if we die here. */
		memset((char *)&dp->devices[i] + sizeof(uint64_t), 0, sizeof(struct device) - sizeof(uint64_t));
		__atomic_store_n(&dp->devices[i].key, 0, __ATOMIC_RELEASE);
		rows_move(rows, i, ROW_FREE);
	}
	return 0;
}

int rows_reclaim(struct dataplane *dp)
{
	int r = rows_settle(dp);

	if (r < 0)
		return r;
	if (!dp->device_rows.count[ROW_DRAINING])
		return 0;
	r = flows_drop_draining(dp);
	if (r < 0)
		return r;
	return rows_drained(dp);
}

bool port_is_home(const struct dataplane *dp, uint32_t fixed, uint32_t now)
{
	if (fixed == now)
		return true;
	if (fixed >= CORDON_MAX_PORTS || now >= CORDON_MAX_PORTS || now == CORDON_PORT_NONE)
		return false;
	return dp->ports[fixed].group && dp->ports[fixed].group == dp->ports[now].group;
}

void owned_add(struct dataplane *dp, uint32_t device, uint32_t binding)
{
	dp->owned_next[binding] = dp->owned[device];
	dp->owned[device] = binding;
}

void owned_remove(struct dataplane *dp, uint32_t device, uint32_t binding)
{
	for (uint32_t *at = &dp->owned[device]; *at; at = &dp->owned_next[*at])
		if (*at == binding) {
			*at = dp->owned_next[binding];
			return;
		}
}

void owned_rebuild(struct dataplane *dp)
{
	uint32_t side = plane_side(dp);

	memset(dp->owned, 0, dp->device_rows.reach * sizeof(*dp->owned));
	for (uint32_t i = dp->binding_rows.first; i < dp->binding_rows.reach; i++) {
		const struct binding *b = &dp->bindings[i];

		if (dp->binding_rows.state[i] == ROW_USED && b->side[side].generation == dp->bound && b->device[side] < dp->device_rows.reach)
			owned_add(dp, b->device[side], i);
	}
}
