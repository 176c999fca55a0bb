/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "attach.h"
#include "kernel.h"
#include "cordon.skel.h"

/* Role, mode and flags are read together, so they change together. */
struct port_word {
	uint8_t role;
	uint8_t mode;
	uint16_t flags;
};
_Static_assert(sizeof(struct port_word) == sizeof(uint32_t) && offsetof(struct port, flags) == offsetof(struct port, role) + 2, "one word");

int port_check(const struct dataplane_port *port, char **ret_why)
{
	if (!port->number || port->number >= CORDON_MAX_PORTS)
		return why(ret_why, -E2BIG, "logical port %u: there are only %d", port->number, CORDON_MAX_PORTS - 1);
	if (!port->ifindex || port->role <= CORDON_ROLE_NONE || port->role >= CORDON_ROLE_COUNT || port->mode >= CORDON_MODE_COUNT)
		return why(ret_why, -EINVAL, "logical port %u has no interface, role or mode that makes sense", port->number);
	return 0;
}

static int port_index_fd(const struct dataplane *dp)
{
	return bpf_map__fd(dp->bpf->maps.port_index);
}

/* One store: programs read interface and number together. */
static void port_slot_store(struct dataplane *dp, uint32_t ifindex, uint32_t number)
{
	struct port_slot slot = {.ifindex = ifindex, .number = number};
	uint64_t word;

	memcpy(&word, &slot, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)&dp->port_slots[ifindex % CORDON_PORT_SLOTS], word, __ATOMIC_RELEASE);
}

static void port_slot_clear(struct dataplane *dp, uint32_t ifindex)
{
	if (dp->port_slots[ifindex % CORDON_PORT_SLOTS].ifindex == ifindex)
		port_slot_store(dp, 0, 0);
}

/* The interface no longer leads to this row, unless it leads to another by now. */
static int port_hide(struct dataplane *dp, uint32_t number)
{
	struct port *row = &dp->ports[number];
	uint32_t ifindex = row->ifindex, leads_to;

	if (!ifindex)
		return 0;
	__atomic_store_n(&row->ifindex, 0, __ATOMIC_RELEASE);
	port_slot_clear(dp, ifindex);
	plane_changed(dp);
	if (kernel_lookup(port_index_fd(dp), &ifindex, &leads_to) < 0 || leads_to != number)
		return 0;
	return kernel_delete(port_index_fd(dp), &ifindex);
}

static uint32_t port_word_make(const struct dataplane *dp, const struct dataplane_port *port)
{
	struct port_word word = {
		.role = (uint8_t)port->role,
		.mode = port->mode < 0 ? 0 : (uint8_t)port->mode,
		.flags = (dp->fail_open ? PORT_FAIL_OPEN : 0) | (port->mode < 0 ? 0 : PORT_MODE_SET) | (port->priority_tag ? PORT_PRIORITY_TAG : 0) |
			 (port->bounded ? PORT_BOUNDED : 0),
	};
	uint32_t value;

	memcpy(&value, &word, sizeof(value));
	return value;
}

int port_row_write(struct dataplane *dp, const struct dataplane_port *port, uint64_t adopt_until)
{
	struct port *row = &dp->ports[port->number];
	int r = row->ifindex != port->ifindex ? port_hide(dp, port->number) : 0;

	if (r == 0)
		r = kernel_step();
	if (r < 0)
		return r;
	row->number = port->number;
	__atomic_store_n((uint32_t *)(void *)&row->role, port_word_make(dp, port), __ATOMIC_RELEASE);
	row->group = port->group;
	row->adopt_until = adopt_until;
	memcpy(row->mac, port->mac, sizeof(row->mac));
	__atomic_store_n(&row->ifindex, port->ifindex, __ATOMIC_RELEASE);
	r = kernel_update(port_index_fd(dp), &port->ifindex, &port->number);
	if (r == 0)
		port_slot_store(dp, port->ifindex, port->number);
	plane_changed(dp);
	return r;
}

int port_row_move(struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	__atomic_store_n(&dp->ports[number].ifindex, ifindex, __ATOMIC_RELEASE);
	port_slot_store(dp, ifindex, number);
	return kernel_update(port_index_fd(dp), &ifindex, &number);
}

int port_row_clear(struct dataplane *dp, uint32_t number)
{
	int r = port_hide(dp, number);

	if (r < 0)
		return r;
	memset(&dp->ports[number], 0, sizeof(dp->ports[number]));
	plane_changed(dp);
	return 0;
}

int dataplane_port_set(struct dataplane *dp, const struct dataplane_port *port, enum dataplane_attach *ret_how, char **ret_why)
{
	_cleanup_free_ char *changes = NULL;
	bool attached;
	int r = port_check(port, ret_why);

	kernel_phase("port");
	if (r < 0)
		return r;
	if (!dp->bpffs)
		return why(ret_why, -EOPNOTSUPP, "a dataplane without pins attaches nothing");
	attached = port->role == CORDON_ROLE_DEVICE && attach_holds(dp, port->number, port->ifindex, NULL);
	r = port_row_write(dp, port, attached ? dp->ports[port->number].adopt_until : port->adopt_for ? dataplane_now(dp) + port->adopt_for : 0);
	if (r < 0)
		return why(ret_why, r, "port row %u: %s", port->number, strerror(-r));
	if (port->role != CORDON_ROLE_DEVICE) {
		attach_clear(dp, port->number, port->ifindex);
		*ret_how = DATAPLANE_ATTACH_NONE;
		return 0;
	}
	r = attach_port(dp, port->number, port->ifindex, port->ingress_only, ret_why);
	if (r < 0)
		return r;
	*ret_how = dp->links[port->number].how;
	if (offload_switch_off(port->ifindex, &changes) < 0 && ret_why)
		*ret_why = take_ptr(changes);
	return 0;
}

int dataplane_port_clear(struct dataplane *dp, uint32_t number)
{
	if (!number || number >= CORDON_MAX_PORTS)
		return -EINVAL;
	kernel_phase("port");
	/* Programs first: a program on a port without a row drops. */
	if (dp->bpffs)
		attach_clear(dp, number, dp->ports[number].ifindex);
	return port_row_clear(dp, number);
}

bool dataplane_port_holds(const struct dataplane *dp, uint32_t number)
{
	if (!dp->bpffs || !number || number >= CORDON_MAX_PORTS || !dp->ports[number].ifindex)
		return false;
	return attach_holds(dp, number, dp->ports[number].ifindex, NULL);
}
