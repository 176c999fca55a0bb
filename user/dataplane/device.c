/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device within the policy in force. Each store is whole by itself, and the order errs towards dropping: a quarantine
 * comes before all else and goes after all else. The device's generation and the count of changes come last, so that a flow
 * that cached a verdict between two stores is judged once more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "counters.h"
#include "kernel.h"
#include "rows.h"

static bool side_equal(struct side a, struct side b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static int room_for(struct dataplane *dp, const struct rows *rows, size_t n, const char *what, char **ret_why)
{
	int r = rows_free(rows) < n ? rows_reclaim(dp) : 0;

	if (r < 0)
		return why(ret_why, r, "giving back %s rows: %s", what, strerror(-r));
	if (rows_free(rows) < n)
		return why(ret_why, -E2BIG, "all %u %s rows are in use: raise capacity in gateway.yaml", rows->max - rows->first, what);
	return 0;
}

/* The binding row of an address if it is this device's, else 0. */
static uint32_t binding_of(struct dataplane *dp, uint32_t device, const struct address *address)
{
	uint32_t row, side = plane_side(dp);

	if (binding_row_find(dp, address, &row) < 0 || dp->bindings[row].device[side] != device ||
	    dp->bindings[row].side[side].generation != dp->bound)
		return 0;
	return row;
}

/* *ret_missing: how many it does not have yet. */
static int addresses_check(struct dataplane *dp, const struct dataplane_device *want, uint32_t device, size_t *ret_missing, char **ret_why)
{
	size_t missing = 0;

	for (size_t i = 0; i < want->n_addresses; i++) {
		char text[ADDR_TEXT_SIZE];

		if (binding_of(dp, CORDON_DEVICE_GATEWAY, &want->addresses[i].address))
			return why(ret_why, -EEXIST, "%s is the gateway's own address", addr_format(&want->addresses[i].address, text));
		missing += !device || !binding_of(dp, device, &want->addresses[i].address);
		if (!index_has_room(&dp->binding_index, &want->addresses[i].address))
			return binding_index_full(&want->addresses[i].address, ret_why);
	}
	*ret_missing = missing;
	return room_for(dp, &dp->binding_rows, missing, "address", ret_why);
}

/* Leads the address here; the row of an owner before leaves after that, so the address is never nobody's. */
static int address_take(struct dataplane *dp, uint32_t device, const struct dataplane_address *want, struct side side)
{
	uint32_t before = 0, row, at = plane_side(dp);
	int r = binding_row_find(dp, &want->address, &before);

	if (r < 0 && r != -ENOENT)
		return r;
	r = binding_row_take(dp, &want->address, device, at, side, want->until, &row);
	if (r < 0)
		return r;
	owned_add(dp, device, row);
	if (!before)
		return 0;
	owned_remove(dp, dp->bindings[before].device[at], before);
	return binding_row_leave(dp, before);
}

static int address_set(struct dataplane *dp, uint32_t device, const struct dataplane_address *want, struct side side, bool *changed)
{
	uint32_t row = binding_of(dp, device, &want->address), at = plane_side(dp);
	int r;

	if (!row) {
		*changed = true;
		return address_take(dp, device, want, side);
	}
	r = kernel_step();
	if (r < 0)
		return r;
	*changed |= dp->bindings[row].until != want->until;
	dp->bindings[row].until = want->until;
	if (side_equal(dp->bindings[row].side[at], side))
		return 0;
	side_store(&dp->bindings[row].side[at], side);
	*changed = true;
	return 0;
}

static bool address_is_wanted(const struct dataplane_device *want, const struct address *address)
{
	for (size_t i = 0; i < want->n_addresses; i++)
		if (addr_equal(&want->addresses[i].address, address))
			return true;
	return false;
}

static int addresses_leave(struct dataplane *dp, uint32_t device, const struct dataplane_device *want, bool *changed)
{
	uint32_t next;

	for (uint32_t row = dp->owned[device]; row; row = next) {
		int r;

		next = dp->owned_next[row];
		if (want && address_is_wanted(want, &dp->bindings[row].address))
			continue;
		r = binding_row_leave(dp, row);
		if (r < 0)
			return r;
		owned_remove(dp, device, row);
		*changed = true;
	}
	return 0;
}

static int addresses_set(struct dataplane *dp, uint32_t device, const struct dataplane_device *want, bool *changed)
{
	for (size_t i = 0; i < want->n_addresses; i++) {
		struct side side = side_make(dp->bound, want->addresses[i].class, want->mode, want->side_flags);
		int r = address_set(dp, device, &want->addresses[i], side, changed);

		if (r < 0)
			return r;
	}
	return addresses_leave(dp, device, want, changed);
}

static bool port_set(struct dataplane *dp, struct device *d, uint32_t port)
{
	if (port == CORDON_PORT_NONE || port_is_home(dp, port, d->port))
		return false;
	__atomic_store_n(&d->port, port, __ATOMIC_RELEASE);
	return true;
}

static int row_set(struct dataplane *dp, uint32_t row, const struct dataplane_device *want, bool *changed)
{
	uint32_t flags = device_row_flags(want);
	struct side side = side_make(dp->bound, want->class, want->mode, want->side_flags);
	struct device *d = &dp->devices[row];
	int r = kernel_step();

	if (r < 0)
		return r;
	*changed |= ((d->flags ^ flags) & (DEVICE_QUARANTINED | DEVICE_LIMITED)) || d->quarantine_until != want->quarantine_until || d->until != want->until ||
		    !side_equal(d->side[plane_side(dp)], side);
	__atomic_store_n(&d->quarantine_until, want->quarantine_until, __ATOMIC_RELEASE);
	if (want->quarantined)
		__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	*changed |= port_set(dp, d, want->port);
	d->flow_quota = device_row_quota(dp, want);
	device_row_limit(dp, row, &want->limit);
	d->until = want->until;
	side_store(&d->side[plane_side(dp)], side);
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	return 0;
}

int dataplane_device_set(struct dataplane *dp, const struct dataplane_device *want, char **ret_why)
{
	uint32_t row = 0;
	bool changed = false;
	size_t gained = 0;
	int r;

	kernel_phase("live");
	if (!dp->bound)
		return why(ret_why, -ENODATA, "no policy is in force yet, so a device has no class");
	r = device_row_find(dp, want->key, &row);
	if (r < 0 && r != -ENOENT)
		return why(ret_why, r, "device index: %s", strerror(-r));
	r = row ? 0 : room_for(dp, &dp->device_rows, 1, "device", ret_why);
	if (r == 0 && !index_has_room(&dp->device_index, &want->key))
		r = device_index_full(want->key, ret_why);
	if (r == 0)
		r = addresses_check(dp, want, row, &gained, ret_why);
	if (r < 0)
		return r;
	if (!row)
		r = device_row_take(dp, want, &row);
	if (r == 0)
		r = row_set(dp, row, want, &changed);
	if (r == 0)
		r = addresses_set(dp, row, want, &changed);
	if (row && changed) {
		__atomic_store_n(&dp->devices[row].generation, row_generation_next(dp), __ATOMIC_RELEASE);
		if (gained)
			plane_addresses_changed(dp);
		plane_changed(dp);
	}
	return r < 0 ? why(ret_why, r, "device table: %s", strerror(-r)) : 0;
}

int dataplane_device_remove(struct dataplane *dp, uint64_t key)
{
	bool changed = false;
	uint32_t row;
	int r;

	kernel_phase("live");
	r = device_row_find(dp, key, &row);
	if (r < 0)
		return r;
	r = addresses_leave(dp, row, NULL, &changed);
	if (r == 0)
		r = device_row_leave(dp, row);
	plane_changed(dp); /* also for the half that was done */
	return r;
}

/* Programs of an unbounded port may be quicker. Cached denials go with the change. */
int dataplane_device_settle(struct dataplane *dp, uint64_t key, uint32_t port)
{
	uint32_t row, nowhere = CORDON_PORT_NONE;
	int r;

	kernel_phase("live");
	r = device_row_find(dp, key, &row);
	if (r < 0)
		return r;
	if (!__atomic_compare_exchange_n(&dp->devices[row].port, &nowhere, port, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return -EEXIST;
	plane_changed(dp);
	return 0;
}

uint32_t dataplane_port_devices(const struct dataplane *dp, uint32_t port, bool (*counts)(void *ctx, uint64_t key), void *ctx)
{
	const struct rows *rows = &dp->device_rows;
	uint32_t n = 0;

	for (uint32_t i = rows->first; i < rows->max; i++) {
		const struct device *d = &dp->devices[i];

		if (rows->state[i] == ROW_USED && __atomic_load_n(&d->port, __ATOMIC_RELAXED) == port && counts(ctx, d->key))
			n++;
	}
	return n;
}

int dataplane_device_quarantine(struct dataplane *dp, uint64_t key, bool on, uint64_t until)
{
	struct device *d;
	uint32_t row;
	int r;

	kernel_phase("live");
	r = device_row_find(dp, key, &row);
	if (r < 0)
		return r;
	d = &dp->devices[row];
	__atomic_store_n(&d->quarantine_until, on ? until : 0, __ATOMIC_RELEASE);
	if (on)
		__atomic_fetch_or(&d->flags, DEVICE_QUARANTINED, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&d->flags, ~DEVICE_QUARANTINED, __ATOMIC_RELEASE);
	__atomic_store_n(&d->generation, row_generation_next(dp), __ATOMIC_RELEASE);
	plane_changed(dp);
	return 0;
}

int dataplane_brake(struct dataplane *dp, bool on)
{
	kernel_phase("live");
	__atomic_store_n(&dp->control->brake, on ? 1u : 0u, __ATOMIC_RELEASE);
	plane_changed(dp);
	return 0;
}

bool dataplane_braked(const struct dataplane *dp)
{
	return __atomic_load_n(&dp->control->brake, __ATOMIC_ACQUIRE) != 0;
}

int dataplane_device_read_row(struct dataplane *dp, uint32_t row, struct dataplane_device_row *ret)
{
	struct dataplane_device_row read = {.row = row};
	const struct device *d;
	int r;

	if (row < dp->device_rows.first || row >= dp->device_rows.reach || dp->device_rows.state[row] != ROW_USED)
		return -ENOENT;
	d = &dp->devices[row];
	r = counters_read(dp, row, &read.counters);
	if (r < 0)
		return r;
	read.key = d->key;
	read.port = __atomic_load_n(&d->port, __ATOMIC_ACQUIRE);
	read.quarantine_until = d->quarantine_until;
	read.quarantined = (d->flags & DEVICE_QUARANTINED) && (!d->quarantine_until || d->quarantine_until > dataplane_now(dp));
	read.flow_quota = d->flow_quota;
	read.critical = d->flags & DEVICE_CRITICAL;
	read.limit = (struct dataplane_limit){dp->limits[row].bytes_per_s, dp->limits[row].packets_per_s, dp->limits[row].new_flows_per_s};
	for (int dir = 0; dir < CORDON_DIR_COUNT; dir++)
		read.flows[dir] = __atomic_load_n(&d->budget.flows[dir], __ATOMIC_RELAXED);
	if (d->side[plane_side(dp)].generation == dp->bound)
		read.side = d->side[plane_side(dp)];
	*ret = read;
	return 0;
}

int dataplane_device_read(struct dataplane *dp, uint64_t key, struct dataplane_device_row *ret)
{
	uint32_t row;
	int r = device_row_find(dp, key, &row);

	return r < 0 ? r : dataplane_device_read_row(dp, row, ret);
}

uint64_t dataplane_device_key(const struct dataplane *dp, uint32_t row)
{
	return row >= dp->device_rows.first && row < dp->device_rows.reach ? dp->devices[row].key : 0;
}
