/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One policy for another, with frames on the road all the time and a process that may die at any line.
 *
 * A packet reads the generation once and then believes only what is stamped with it. So all that is written before the
 * flip is invisible: tables go into the idle slots, heads and sides into the idle halves. The flip is one store. After it,
 * packets that began before still read the old side, and nobody touches that before a grace period is over.
 *
 * Three things of a device are not kept twice: its port, its flags, its lease. Flags and leases are the same under either
 * policy, so they are written after the flip. A port that the new policy fixes elsewhere is another matter: written
 * early, the old policy's class would speak from the new port, written late, the new class from the old one; neither
 * policy allows either. Such a device has no side at all between the flip and the store of its port. No frame of it was
 * allowed by both policies, so none is missed. One that has no port yet gets it before the flip: frames from any other
 * port are denied by the new policy, so none that both allow is missed either.
 *
 * Dying before the flip leaves the old policy and rubbish on the idle side, dying after it the new policy and rows that no
 * side needs. rows_scan() tidies either at the next start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/places.h"
#include "confirm.h"
#include "kernel.h"
#include "rows.h"
#include "tables.h"
#include "windows.h"

struct plan_device {
	const struct dataplane_device *want;
	uint32_t row; /* 0: to be taken */
	bool taken;   /* by this apply */
	bool claimed; /* had no port and got the one it is fixed to */
	bool moves;   /* fixed to another port than it sits on */
};

struct plan_address {
	struct address address;
	uint64_t until;
	uint32_t device; /* index into plan.devices, or PLAN_GATEWAY */
	uint32_t row;    /* 0: to be taken */
	uint16_t class;
	bool taken;
};
#define PLAN_GATEWAY 0xffffffffU

struct plan {
	uint32_t generation;
	uint32_t side; /* idle until the flip */
	bool keeps_old; /* the policy before may come back: no port may change, for a row has one */
	struct plan_device *devices; /* as they were given */
	size_t n_devices;
	struct plan_address *addresses;
	size_t n_addresses;
	size_t new_devices, new_addresses;
	uint8_t *wanted_devices; /* by row */
	uint8_t *wanted_bindings;
};

static void plan_done(struct plan *plan)
{
	free(plan->devices);
	free(plan->addresses);
	free(plan->wanted_devices);
	free(plan->wanted_bindings);
}

static int plan_allocate(struct plan *plan, const struct dataplane *dp, const struct dataplane_apply *what)
{
	size_t addresses = what->image->n_gateway;

	for (size_t i = 0; i < what->n_devices; i++)
		addresses += what->devices[i].n_addresses;
	plan->devices = calloc(what->n_devices + 1, sizeof(*plan->devices));
	plan->addresses = calloc(addresses + 1, sizeof(*plan->addresses));
	plan->wanted_devices = calloc(dp->device_rows.max, 1);
	plan->wanted_bindings = calloc(dp->binding_rows.max, 1);
	return plan->devices && plan->addresses && plan->wanted_devices && plan->wanted_bindings ? 0 : -ENOMEM;
}

static void plan_add_address(struct plan *plan, const struct address *address, uint16_t class, uint64_t until, uint32_t device)
{
	plan->addresses[plan->n_addresses++] = (struct plan_address){.address = *address, .class = class, .until = until, .device = device};
}

static void plan_collect(struct plan *plan, const struct dataplane_apply *what)
{
	const struct image *image = what->image;

	for (uint32_t i = 0; i < what->n_devices; i++) {
		const struct dataplane_device *want = &what->devices[i];

		plan->devices[plan->n_devices++].want = want;
		for (size_t a = 0; a < want->n_addresses; a++)
			plan_add_address(plan, &want->addresses[a].address, want->addresses[a].class, want->addresses[a].until, i);
	}
	for (size_t i = 0; i < image->n_gateway; i++)
		plan_add_address(plan, &image->gateway[i].address, image->gateway[i].class, 0, PLAN_GATEWAY);
}

static int refuse_twin_device(uint64_t key, char **ret_why)
{
	return why(ret_why, -EINVAL, "two devices have the MAC and VLAN %012llx/%u", (unsigned long long)key >> 16, (unsigned int)(key & 0xffff));
}

static int refuse_twin_address(const struct address *address, char **ret_why)
{
	char text[ADDR_TEXT_SIZE];

	return why(ret_why, -EINVAL, "the address %s belongs to two devices", addr_format(address, text));
}

/* Rows that exist already, each wanted once; what is not found is to be taken, once by its key among `fresh`. */
static int plan_find_devices(struct plan *plan, struct dataplane *dp, struct places *fresh, char **ret_why)
{
	for (uint32_t i = 0; i < plan->n_devices; i++) {
		struct plan_device *d = &plan->devices[i];
		bool twin;
		int r = 0;

		if (!d->want->key)
			return why(ret_why, -EINVAL, "a device without MAC cannot have a row");
		if (device_row_find(dp, d->want->key, &d->row) == 0) {
			twin = plan->wanted_devices[d->row];
			plan->wanted_devices[d->row] = 1;
		} else {
			twin = places_find(fresh, &d->want->key) != PLACES_NONE;
			r = places_put(fresh, i);
			plan->new_devices++;
		}
		if (twin)
			return refuse_twin_device(d->want->key, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_find_addresses(struct plan *plan, struct dataplane *dp, struct places *fresh, char **ret_why)
{
	for (uint32_t i = 0; i < plan->n_addresses; i++) {
		struct plan_address *a = &plan->addresses[i];
		bool twin;
		int r = 0;

		if (binding_row_find(dp, &a->address, &a->row) == 0) {
			twin = plan->wanted_bindings[a->row];
			plan->wanted_bindings[a->row] = 1;
		} else {
			twin = places_find(fresh, &a->address) != PLACES_NONE;
			r = places_put(fresh, i);
			plan->new_addresses++;
		}
		if (twin)
			return refuse_twin_address(&a->address, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_find_rows(struct plan *plan, struct dataplane *dp, const struct dataplane_apply *what, char **ret_why)
{
	_cleanup_(places_done) struct places devices = {0}, addresses = {0};
	int r;

	places_init(&devices, what->devices, sizeof(*what->devices), sizeof(what->devices->key));
	r = plan_find_devices(plan, dp, &devices, ret_why);
	if (r < 0)
		return r;
	places_init(&addresses, plan->addresses, sizeof(*plan->addresses), sizeof(struct address));
	return plan_find_addresses(plan, dp, &addresses, ret_why);
}

static int refuse_size(char **ret_why, const char *what, size_t need, const struct rows *rows)
{
	return why(ret_why, -E2BIG, "the policy needs %zu new %s rows; %u of %u are free until the old policy is gone: raise capacity in gateway.yaml",
		   need, what, rows_free(rows), rows->max - rows->first);
}

static int plan_fits(struct plan *plan, struct dataplane *dp, char **ret_why)
{
	int r = 0;

	if (plan->new_devices > rows_free(&dp->device_rows) || plan->new_addresses > rows_free(&dp->binding_rows))
		r = rows_reclaim(dp);
	if (r < 0)
		return r;
	if (plan->new_devices > rows_free(&dp->device_rows))
		return refuse_size(ret_why, "device", plan->new_devices, &dp->device_rows);
	if (plan->new_addresses > rows_free(&dp->binding_rows))
		return refuse_size(ret_why, "address", plan->new_addresses, &dp->binding_rows);
	return 0;
}

/* The next generation of the other side; a number that any apply ever began with is not used again. */
static int generation_next(const struct dataplane *dp, uint32_t *ret, char **ret_why)
{
	uint32_t now = dp->control->generation, next = (dp->last_tried > now ? dp->last_tried : now) + 1;

	if (((next ^ now) & 1) == 0)
		next++;
	if (next <= now)
		return why(ret_why, -EOVERFLOW, "all policy generations are used up: detach and start anew");
	*ret = next;
	return 0;
}

static int plan_make(struct plan *plan, struct dataplane *dp, const struct dataplane_apply *what, char **ret_why)
{
	int r = generation_next(dp, &plan->generation, ret_why);

	if (r < 0)
		return r;
	plan->side = plan->generation & 1;
	plan->keeps_old = what->confirm_ns;
	r = plan_allocate(plan, dp, what);
	if (r < 0)
		return r;
	plan_collect(plan, what);
	r = plan_find_rows(plan, dp, what, ret_why);
	if (r < 0)
		return r;
	return plan_fits(plan, dp, ret_why);
}

static struct side address_side(const struct plan *plan, const struct plan_address *a)
{
	const struct dataplane_device *want = a->device == PLAN_GATEWAY ? NULL : plan->devices[a->device].want;

	return want ? side_make(plan->generation, a->class, want->mode, want->side_flags) : side_make(plan->generation, a->class, CORDON_MODE_OBSERVE, 0);
}

static struct side device_side(const struct plan *plan, const struct plan_device *d)
{
	return side_make(plan->generation, d->want->class, d->want->mode, d->want->side_flags);
}

/* Programs write the port too, when a device speaks for the first time or roams: whoever comes first wins. */
static void plan_port(struct dataplane *dp, struct plan_device *d)
{
	uint32_t now = CORDON_PORT_NONE;

	if (d->want->port == CORDON_PORT_NONE)
		return;
	d->claimed = __atomic_compare_exchange_n(&dp->devices[d->row].port, &now, d->want->port, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	d->moves = !d->claimed && !port_is_home(dp, d->want->port, now);
}

static int take_device(struct dataplane *dp, struct plan *plan, struct plan_device *d, char **ret_why)
{
	int r = device_row_prepare(dp, d->want, &d->row);

	if (r < 0)
		return r;
	d->taken = true;
	plan->wanted_devices[d->row] = 1;
	r = index_lead(&dp->device_index, d->row);
	return r == -EXFULL ? device_index_full(d->want->key, ret_why) : r;
}

static int write_devices(struct dataplane *dp, struct plan *plan, char **ret_why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_devices; i++)
		if (!plan->devices[i].row)
			r = take_device(dp, plan, &plan->devices[i], ret_why);
	for (size_t i = 0; r == 0 && i < plan->n_devices; i++) {
		struct plan_device *d = &plan->devices[i];

		r = kernel_step();
		if (r < 0)
			return r;
		plan_port(dp, d);
		if (d->moves && plan->keeps_old)
			return -EXDEV;
		side_store(&dp->devices[d->row].side[plan->side], d->moves ? (struct side){0} : device_side(plan, d));
	}
	return r;
}

static int take_address(struct dataplane *dp, struct plan *plan, struct plan_address *a, uint32_t device, char **ret_why)
{
	int r = binding_row_prepare(dp, &a->address, device, plan->side, address_side(plan, a), a->until, &a->row);

	if (r < 0)
		return r;
	a->taken = true;
	plan->wanted_bindings[a->row] = 1;
	r = index_lead(&dp->binding_index, a->row);
	return r == -EXFULL ? binding_index_full(&a->address, ret_why) : r;
}

static int write_addresses(struct dataplane *dp, struct plan *plan, char **ret_why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_addresses; i++) {
		struct plan_address *a = &plan->addresses[i];
		uint32_t device = a->device == PLAN_GATEWAY ? CORDON_DEVICE_GATEWAY : plan->devices[a->device].row;

		if (!a->row) {
			r = take_address(dp, plan, a, device, ret_why);
			continue;
		}
		r = kernel_step();
		if (r < 0)
			return r;
		/* The idle side may still say something of an apply that failed: absent first, then the new owner, then its class. */
		side_store(&dp->bindings[a->row].side[plan->side], (struct side){0});
		dp->bindings[a->row].device[plan->side] = device;
		side_store(&dp->bindings[a->row].side[plan->side], address_side(plan, a));
	}
	return r;
}

/* Rows that the new policy does not know, and the gateway's own. A row that nobody uses has no sides. */
static int write_rest(struct dataplane *dp, const struct plan *plan, const struct image *image)
{
	uint16_t gateway = image->n_gateway ? image->gateway[0].class : 0;
	int r = kernel_step();

	if (r < 0)
		return r;
	for (uint32_t i = dp->device_rows.first; i < dp->device_rows.reach; i++)
		if (dp->device_rows.state[i] == ROW_USED && !plan->wanted_devices[i])
			side_store(&dp->devices[i].side[plan->side], (struct side){0});
	for (uint32_t i = dp->binding_rows.first; i < dp->binding_rows.reach; i++)
		if (dp->binding_rows.state[i] == ROW_USED && !plan->wanted_bindings[i])
			side_store(&dp->bindings[i].side[plan->side], (struct side){0});
	side_store(&dp->devices[CORDON_DEVICE_GATEWAY].side[plan->side], side_make(plan->generation, gateway, CORDON_MODE_OBSERVE, 0));
	return 0;
}

/* All that a packet of the new generation will read. */
static int write_idle_side(struct dataplane *dp, struct plan *plan, const struct dataplane_apply *what, char **ret_why)
{
	int r;

	if (dp->grace_due) {
		r = plane_grace(dp);
		if (r < 0)
			return r;
	}
	r = tables_announce(dp, plan->generation);
	if (r < 0)
		return r;
	dp->last_tried = plan->generation;
	r = tables_put(dp, what->image, plan->generation, ret_why);
	if (r < 0)
		return r;
	r = windows_put(dp, what, plan->side);
	if (r < 0)
		return r;
	r = write_devices(dp, plan, ret_why);
	if (r == -EXDEV)
		return why(ret_why, r, "a device that sits on one port is fixed to another by this policy, and the kernel could not take that back: "
				       "apply it without a time to confirm it in");
	if (r < 0)
		return r;
	r = write_addresses(dp, plan, ret_why);
	if (r < 0)
		return r;
	return write_rest(dp, plan, what->image);
}

/* Rows taken for a policy that did not come. What cannot leave now is given up at the next apply or start. */
static void give_back(struct dataplane *dp, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_addresses; i++)
		if (plan->addresses[i].taken)
			binding_row_leave(dp, plan->addresses[i].row);
	for (size_t i = 0; i < plan->n_devices; i++) {
		uint32_t now = plan->devices[i].want->port;

		if (plan->devices[i].claimed)
			__atomic_compare_exchange_n(&dp->devices[plan->devices[i].row].port, &now, CORDON_PORT_NONE, false, __ATOMIC_ACQ_REL,
						    __ATOMIC_RELAXED);
		if (plan->devices[i].taken)
			device_row_leave(dp, plan->devices[i].row);
	}
	plane_changed(dp); /* ports were claimed and are free again */
}

/* What is not kept twice. Stores only: nothing here can fail. */
static void write_shared(struct dataplane *dp, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct plan_device *p = &plan->devices[i];
		struct device *d = &dp->devices[p->row];

		device_row_limit(dp, p->row, &p->want->limit);
		__atomic_store_n(&d->quarantine_until, p->want->quarantine_until, __ATOMIC_RELEASE);
		d->flags = device_row_flags(p->want);
		d->flow_quota = device_row_quota(dp, p->want);
		d->until = p->want->until;
		if (!p->moves)
			continue;
		__atomic_store_n(&d->port, p->want->port, __ATOMIC_RELEASE);
		side_store(&d->side[plan->side], device_side(plan, p));
	}
	for (size_t i = 0; i < plan->n_addresses; i++)
		dp->bindings[plan->addresses[i].row].until = plan->addresses[i].until;
}

/*
 * The policy is in force, so nothing here fails the apply: a row or slot that cannot be given back now is found again by
 * the next apply or start.
 */
void apply_leave_old(struct dataplane *dp)
{
	dp->grace_due = true;
	if (plane_grace(dp) < 0)
		return;
	binding_rows_leave(dp);
	device_rows_leave(dp);
	rows_settle(dp);
}

static int prepare(struct dataplane *dp, struct plan *plan, const struct dataplane_apply *what, char **ret_why)
{
	int r = write_idle_side(dp, plan, what, ret_why);

	if (r == 0 && what->before_flip)
		r = what->before_flip(what->ctx, plan->generation);
	if (r == 0)
		r = kernel_step();
	if (r < 0)
		give_back(dp, plan);
	return r;
}

static int refuse_unconfirmed(struct dataplane *dp, const struct dataplane_apply *what, char **ret_why)
{
	uint64_t deadline;

	if (dataplane_unconfirmed(dp, &deadline) == DATAPLANE_WAIT_OPEN)
		return why(ret_why, -EBUSY, "the policy in force waits to be confirmed: confirm it or go back first");
	if (what->confirm_ns && !dp->control->generation)
		return why(ret_why, -ENODATA, "there is no policy to go back to: apply the first one without a time to confirm it in");
	return 0;
}

int dataplane_apply(struct dataplane *dp, const struct dataplane_apply *what, uint32_t *ret_generation, char **ret_why)
{
	_cleanup_(plan_done) struct plan plan = {0};
	_cleanup_free_ char *told = NULL;
	int r;

	kernel_phase("apply");
	r = refuse_unconfirmed(dp, what, &told);
	if (r == 0)
		r = plan_make(&plan, dp, what, &told);
	if (r == 0)
		r = prepare(dp, &plan, what, &told);
	if (r < 0)
		return why(ret_why, r, "%s; the policy in force stays", told ? told : strerror(-r));

	confirm_arm(dp, plan.generation, what->confirm_ns);
	__atomic_store_n(&dp->control->generation, plan.generation, __ATOMIC_RELEASE);
	dp->bound = plan.generation;

	write_shared(dp, &plan);
	plane_addresses_changed(dp); /* who was judged between the flip and this */
	plane_changed(dp);
	dp->grace_due = true;
	if (!what->confirm_ns)
		apply_leave_old(dp);
	owned_rebuild(dp);
	*ret_generation = plan.generation;
	return 0;
}
