/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a parsed packet; the tables port, device, binding, network.
 * Out: who its ends are: device rows, classes, the stricter mode; or the reason why it is not who it says.
 * Never: a row without its own key compared; a side of another generation.
 */
#ifndef CORDON_BPF_DEVICE_H
#define CORDON_BPF_DEVICE_H

#include "index.h"

static __always_inline struct port *port_row(__u32 number)
{
	return number ? bpf_map_lookup_elem(&ports, &number) : NULL;
}

static __always_inline __u32 port_number(__u32 ifindex)
{
	__u32 at = ifindex % CORDON_PORT_SLOTS, *number;
	__u64 *slot = bpf_map_lookup_elem(&port_slots, &at);
	union {
		__u64 word;
		struct port_slot slot;
	} u = {.word = slot ? READ_ONCE(*slot) : 0};

	if (u.slot.ifindex == ifindex)
		return u.slot.number;
	number = bpf_map_lookup_elem(&port_index, &ifindex);
	return number ? *number : CORDON_PORT_NONE;
}

static __always_inline struct port *port_find(__u32 ifindex)
{
	struct port *port = port_row(port_number(ifindex));

	return port && port->ifindex == ifindex ? port : NULL;
}

/* One word, so that no reader sees half a change; absent where it belongs to another policy. */
static __always_inline struct side side_read(const struct side *side, __u32 generation)
{
	union {
		__u64 word;
		struct side side;
	} u;

	u.word = READ_ONCE(*(const __u64 *)side);
	if (u.side.generation != generation)
		u.word = 0;
	return u.side;
}

static __always_inline struct device *device_row(__u32 row)
{
	return bpf_map_lookup_elem(&devices, &row);
}

#define DEVICE_OTHER_TAG 0x80000000U /* in an answer of device_number() */

/* Is this row of the key's MAC, and may nobody else have the MAC, under whatever tag? A stranger may have one row a tag. */
static __always_inline bool device_has_mac(const struct device *device, __u64 key)
{
	__u64 own = READ_ONCE(device->key);

	return own >> 16 == key >> 16 && (!(own & 0xffff) || READ_ONCE(device->flags) & DEVICE_DECLARED);
}

/*
 * In which of the key's two lines its row is. A slot leads to rows whose keys have its tag, and a stale one to any: a row is the
 * key's if it says so itself. *ret_spilled: in the first line, whether the second is worth a look. *ret_other: a row that has the MAC,
 * if one was met.
 */
static __always_inline __u32 device_in_line(__u64 key, int which, __u32 *ret_spilled, __u32 *ret_other)
{
	struct control *c = control_row();
	struct index_place place;
	struct index_line *line;
	__u32 ways;

	if (!c)
		return 0;
	index_place_of_device(c, key, device_lines, &place);
	line = device_line(place.line[which]);
	if (!line)
		return 0;
	ways = slots_tagged(line, place.tag);
	if (ways)
		widen(HOLD_SLOT);
#pragma unroll
	for (int i = 0; i < CORDON_INDEX_TRIES; i++) {
		__u32 number = slot_row(line, way_first(ways));
		struct device *device = device_row(number);

		if (number && device && (READ_ONCE(device->key) == key || trusts(TRUST_KEY)))
			return number;
		if (number && device && device_has_mac(device, key))
			*ret_other = number;
		ways &= ways - 1;
	}
	*ret_spilled = READ_ONCE(line->spilled);
	return 0;
}

/* Row number of the device with this key; with DEVICE_OTHER_TAG that of one whose MAC it is under another tag; 0: none. */
__noinline __u32 device_number(__u64 key)
{
	__u32 spilled = 0, other = 0, number = device_in_line(key, 0, &spilled, &other);

	if (!number && spilled) {
		barrier_var(key); /* its places are worked out anew: keeping them would take stack that callers need */
		number = device_in_line(key, 1, &spilled, &other);
	}
	if (number)
		return number;
	return other ? other | DEVICE_OTHER_TAG : 0;
}

/* Row number in *ret_row. `likely`: a row that is looked at before the index is asked; 0: none. */
static __always_inline struct device *device_by_key(__u64 key, __u32 likely, __u32 *ret_row)
{
	struct device *device = likely ? device_row(likely) : NULL;
	__u32 number = likely;

	if (!device || (READ_ONCE(device->key) != key && !trusts(TRUST_KEY))) {
		number = device_number(key);
		widen(HOLD_NONE);
		device = number && !(number & DEVICE_OTHER_TAG) ? device_row(number) : NULL;
		if (!device)
			return NULL;
	}
	widen(HOLD_DEVICE);
	*ret_row = number;
	return device;
}

static __always_inline struct device *device_find(const __u8 mac[6], __u16 vlan, __u32 *ret_row)
{
	return device_by_key(DEVICE_KEY(mac_number(mac), vlan & VLAN_ID), 0, ret_row);
}

static __always_inline struct binding *binding_row(__u32 row)
{
	return bpf_map_lookup_elem(&bindings, &row);
}

/* As device_in_line(). */
static __always_inline __u32 binding_in_line(const struct address *address, int which, __u32 *ret_spilled)
{
	struct control *c = control_row();
	struct index_place place;
	struct index_line *line;
	__u32 ways;

	if (!c)
		return 0;
	index_place_of_address(c, address, binding_lines, &place);
	line = binding_line(place.line[which]);
	if (!line)
		return 0;
	ways = slots_tagged(line, place.tag);
	if (ways)
		widen(HOLD_NONE);
#pragma unroll
	for (int i = 0; i < CORDON_INDEX_TRIES; i++) {
		__u32 number = slot_row(line, way_first(ways));
		struct binding *binding = binding_row(number);

		if (number && binding && (address_equal(&binding->address, address) || trusts(TRUST_KEY)))
			return number;
		ways &= ways - 1;
	}
	*ret_spilled = READ_ONCE(line->spilled);
	return 0;
}

static __always_inline struct binding *binding_find(const struct address *address)
{
	__u32 spilled = 0, number = binding_in_line(address, 0, &spilled);

	if (spilled)
		number = binding_in_line(address, 1, &spilled);
	widen(HOLD_NONE);
	return number ? binding_row(number) : NULL;
}

static __always_inline struct binding *binding_likely(const struct address *address, __u32 likely)
{
	struct binding *binding = likely ? binding_row(likely) : NULL;

	return binding && address_equal(&binding->address, address) ? binding : NULL;
}

/* As binding_find(), without asking the index for the packet's own addresses where warm.h has. */
static __always_inline struct binding *binding_meet(const struct packet *p, const struct address *address)
{
	struct binding *binding = binding_likely(address, p->likely.src);

	if (!binding)
		binding = binding_likely(address, p->likely.dst);
	if (binding) {
		widen(HOLD_NONE);
		return binding;
	}
	if (p->likely.dst_is_nobodys && address_equal(address, &p->dst))
		return NULL;
	return binding_find(address);
}

/* Device row that owns an address under the packet's policy, NONE: nobody. *ret_class is its class by this address. */
__noinline __u32 binding_owner(struct packet *p, const struct address *address, __u16 *ret_class)
{
	if (!p || !address || !ret_class)
		return CORDON_DEVICE_NONE;

	struct binding *binding = binding_meet(p, address);
	struct side side;

	if (!binding)
		return CORDON_DEVICE_NONE;
	side = side_read(&binding->side[p->side & 1], p->generation);
	if (!side.generation || (binding->until && binding->until <= p->now))
		return CORDON_DEVICE_NONE;
	if (binding->until)
		packet_holds_until(p, binding->until);
	*ret_class = side.class;
	return READ_ONCE(binding->device[p->side & 1]);
}

/* As binding_owner(), and of link-local addresses also those that a device's MAC makes. */
__noinline __u32 address_owner(struct packet *p, const struct address *address, __u16 *ret_class)
{
	if (!p || !address || !ret_class)
		return CORDON_DEVICE_NONE;

	__u32 row = binding_owner(p, address, ret_class);
	const __u8 *b = address->byte;
	__u8 mac[6] = {b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]};
	struct device *device;

	if (row != CORDON_DEVICE_NONE || !address_is_eui64(address, mac))
		return row;
	device = device_find(mac, p->vlan, &row);
	if (!device)
		return CORDON_DEVICE_NONE;
	*ret_class = side_read(&device->side[p->side & 1], p->generation).class;
	return row;
}

/* Class of an address that belongs to nobody: its network's. 0 only where the policy has no networks at all. */
static __always_inline __u16 network_class(const struct packet *p, const struct address *address)
{
	struct network_key key = {.prefixlen = 128, .address = *address};
	__u32 side = p->side;
	void *table = bpf_map_lookup_elem(&networks, &side);
	struct network *network;

	if (!table)
		return 0;
	network = bpf_map_lookup_elem(table, &key);
	return network ? network->class : 0;
}

static __always_inline void packet_meets(struct packet *p, const struct device *device, struct side side)
{
	__u64 end = READ_ONCE(device->quarantine_until), lease = READ_ONCE(device->until);

	if (side.mode > p->mode)
		p->mode = side.mode;
	if (lease > p->now)
		packet_holds_until(p, lease);
	if (!(READ_ONCE(device->flags) & DEVICE_QUARANTINED) || (end && end <= p->now))
		return;
	p->quarantined = 1;
	if (end)
		packet_holds_until(p, end);
}

/* The mode of what belongs to no device: the port's, else the segment `unknown`'s. */
static __always_inline void packet_mode_of_port(struct packet *p, const struct port *port)
{
	__u32 side = p->side;
	struct policy_head *head = bpf_map_lookup_elem(&heads, &side);

	if (port->flags & PORT_MODE_SET)
		p->mode = port->mode;
	else
		p->mode = head && head->generation == p->generation ? head->unknown_mode : CORDON_MODE_ENFORCE;
}

static __always_inline bool port_lets_roam(__u32 from, const struct port *to)
{
	struct port *port = port_row(from);

	return port && port->group && port->group == to->group;
}

static __always_inline bool device_lease_is_over(const struct packet *p, const struct device *device)
{
	__u64 until = READ_ONCE(device->until);

	return until && until <= p->now;
}

/*
 * A known device with a tag that is not its own, or without, is told as that, and makes no row; elsewhere than on its port it is a
 * claim to its MAC.
 */
static __always_inline enum cordon_reason device_of_other_tag(struct packet *p, const __u8 mac[6], const struct port *port, bool speaks)
{
	__u32 row = device_number(DEVICE_KEY(mac_number(mac), p->vlan & VLAN_ID)), at;
	struct device *device = row & DEVICE_OTHER_TAG ? device_row(row & ~DEVICE_OTHER_TAG) : NULL;
	struct side side;

	if (!device)
		return CORDON_REASON_UNKNOWN_DEVICE;
	side = side_read(&device->side[p->side & 1], p->generation);
	if (!side.generation || device_lease_is_over(p, device))
		return CORDON_REASON_UNKNOWN_DEVICE;
	row &= ~DEVICE_OTHER_TAG;
	at = READ_ONCE(device->port);
	if (at != port->number && at != CORDON_PORT_NONE && !port_lets_roam(at, port))
		return speaks ? CORDON_REASON_WRONG_PORT : CORDON_REASON_NOT_HERE;
	p->device = row;
	packet_meets(p, device, side);
	return CORDON_REASON_VLAN;
}

enum placed { PLACED_NOT, PLACED_FIRST, PLACED_ANEW };

/*
 * The device whose port this is must be known, and sit here. One without a place takes the first port it speaks on; the
 * compare-and-swap lets two ports race for it and one win. On a bounded port it is told as new, and the engine places it.
 */
__noinline enum cordon_reason device_sits_here(struct packet *p, struct port *port, bool speaks, enum placed *ret_placed)
{
	if (!p || !port || !ret_placed)
		return CORDON_REASON_INTERNAL;

	const __u8 *mac = speaks ? p->src_mac : p->dst_mac;
	bool teaches = speaks && p->vlan != VLAN_PRESENT; /* VID 0 is nobody's tag here: cordon.bpf.c, has_foreign_tag() */
	struct device *device;
	struct side side;
	__u32 row = 0, at;

	device = device_by_key(DEVICE_KEY(mac_number(mac), p->vlan & VLAN_ID), p->likely.device, &row);
	if (!device)
		return device_of_other_tag(p, mac, port, speaks);
	side = side_read(&device->side[p->side & 1], p->generation);
	if (!side.generation || device_lease_is_over(p, device))
		return CORDON_REASON_UNKNOWN_DEVICE;
	p->device = row;
	p->mode = side.mode;
	packet_meets(p, device, side);
	p->unauthenticated = !!(side.flags & SIDE_UNAUTHENTICATED);
	p->no_guards = !!(side.flags & SIDE_NO_GUARDS);

	at = READ_ONCE(device->port);
	if (at == port->number)
		return CORDON_REASON_NONE;
	if (at == CORDON_PORT_NONE) {
		if (!teaches)
			return CORDON_REASON_NONE;
		if (port->flags & PORT_BOUNDED)
			return CORDON_REASON_NO_PLACE;
		at = __sync_val_compare_and_swap(&device->port, CORDON_PORT_NONE, port->number);
		*ret_placed = at == CORDON_PORT_NONE ? PLACED_FIRST : PLACED_NOT;
		return *ret_placed || at == port->number ? CORDON_REASON_NONE : CORDON_REASON_WRONG_PORT;
	}
	if (port_lets_roam(at, port)) {
		if (teaches) {
			WRITE_ONCE(device->port, port->number);
			*ret_placed = PLACED_ANEW;
		}
		return CORDON_REASON_NONE;
	}
	return speaks ? CORDON_REASON_WRONG_PORT : CORDON_REASON_NOT_HERE;
}

/* Takes a device as one end. */
static __always_inline bool end_set(struct packet *p, __u32 row, bool is_source, __u16 class)
{
	struct device *device = device_row(row);
	struct side side;

	if (!device)
		return false;
	if (is_source) {
		p->src_device = row;
		p->src_class = class;
		p->src_generation = READ_ONCE(device->generation);
	} else {
		p->dst_device = row;
		p->dst_class = class;
		p->dst_generation = READ_ONCE(device->generation);
	}
	if (row == CORDON_DEVICE_GATEWAY)
		return true;
	side = side_read(&device->side[p->side & 1], p->generation);
	if (!side.generation)
		return false;
	packet_meets(p, device, side);
	return true;
}

/* Class of the port's device when it speaks by the link-local address that its MAC makes (no binding needed). */
static __always_inline __u16 device_class(const struct packet *p, __u32 row)
{
	struct device *device = device_row(row);

	return device ? side_read(&device->side[p->side & 1], p->generation).class : 0;
}

/* A stranger that has the owner's MAC and port is the owner, whose tag is not as the policy says: no thief. */
static __always_inline bool owner_without_its_tag(const struct packet *p, __u32 owner, const __u8 mac[6])
{
	struct device *device = p->device == CORDON_DEVICE_NONE && owner >= CORDON_DEVICE_FIRST ? device_row(owner) : NULL;
	__u32 at = device ? READ_ONCE(device->port) : CORDON_PORT_NONE;

	return device && READ_ONCE(device->key) >> 16 == mac_number(mac) && (at == p->port || at == CORDON_PORT_NONE);
}

/*
 * Does the address belong to the port's device (p->device, which has `mac`)? NONE: yes, *ret_class set.
 * SPOOFED_SOURCE: it is another's. BAD_SOURCE: nobody's.
 */
static __noinline enum cordon_reason address_is_own(struct packet *p, const struct address *address, const __u8 mac[6], __u16 *ret_class)
{
	__u32 owner = address_owner(p, address, ret_class);

	if (owner == CORDON_DEVICE_NONE)
		return CORDON_REASON_BAD_SOURCE;
	if (owner == p->device)
		return CORDON_REASON_NONE;
	return owner_without_its_tag(p, owner, mac) ? CORDON_REASON_BAD_SOURCE : CORDON_REASON_SPOOFED_SOURCE;
}

/* The other end by its address; a link-local one that no binding knows by the MAC it is made from. False: a torn row. */
__noinline bool peer_resolve(struct packet *p, const struct address *address, bool is_source)
{
	if (!p || !address)
		return false;

	const __u8 *mac = is_source ? p->src_mac : p->dst_mac;
	__u16 class = 0;
	__u32 row = binding_owner(p, address, &class);

	if (row == CORDON_DEVICE_NONE && address_is_eui64(address, mac)) {
		if (device_find(mac, p->vlan, &row))
			class = device_class(p, row);
		else
			row = CORDON_DEVICE_NONE;
	}
	if (row != CORDON_DEVICE_NONE)
		return end_set(p, row, is_source, class);
	class = network_class(p, address);
	if (is_source)
		p->src_class = class;
	else
		p->dst_class = class;
	return true;
}

#endif
