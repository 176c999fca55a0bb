/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a packet whose port and device are known.
 * Out: what must never pass (HARD: another's address or MAC, rogue DHCP and RA), and what passes without a rule:
 *      ARP, ND, DHCP, EAPOL, MLD (frames.md 3-6 and "To a device").
 * Never: a flow; a pass for anything that is not whole.
 */
#ifndef CORDON_BPF_GUARD_H
#define CORDON_BPF_GUARD_H

#include "decide.h"
#include "device.h"
#include "parse.h"

static __always_inline bool is_broadcast(const __u8 mac[6])
{
	return mac_number(mac) == 0xffffffffffffULL;
}

static __always_inline bool is_sound(const struct packet *p)
{
	return p->net_fault == CORDON_REASON_NONE && p->trans_fault == CORDON_REASON_NONE;
}

static __always_inline bool is_dhcp4(const struct packet *p)
{
	return p->ip == 4 && p->proto == IPPROTO_UDP && (p->dport == 67 || p->dport == 68 || p->sport == 67);
}

static __always_inline bool is_dhcp6(const struct packet *p)
{
	return p->ip == 6 && p->proto == IPPROTO_UDP && (p->dport == 547 || p->dport == 546 || p->sport == 547);
}

static __always_inline bool is_dhcp_server(const struct packet *p)
{
	return (is_dhcp4(p) && (p->sport == 67 || p->dport == 68)) || (is_dhcp6(p) && (p->sport == 547 || p->dport == 546));
}

static __always_inline bool is_icmp6(const struct packet *p, __u8 type)
{
	return p->ip == 6 && p->proto == IPPROTO_ICMPV6 && p->icmp_type == type;
}

static __always_inline bool is_igmp_query(const struct packet *p)
{
	return p->ip == 4 && p->proto == IPPROTO_IGMP && p->igmp.is_query && p->dst.byte[12] >> 4 == 0xe && mac_is_multicast(p->dst_mac);
}

static __always_inline bool is_router_speech(const struct packet *p)
{
	return is_icmp6(p, 134) || is_icmp6(p, 137);
}

/* Nobody's, and of no network that a rule may name: 169.254/16, which is of this link alone (RFC 3927 7), 0/8, 127/8, groups. */
static __always_inline bool address_is_no_host(const struct address *address)
{
	__u32 v4 = address_is_v4(address) ? address_v4(address) : 0x01000000, first = v4 >> 24;

	return v4 >> 16 == 0xa9fe || !first || first == 127 || first >= 224;
}

/* May the port's device talk with who has this address? The gateway always; nobody's address never more than its network. */
static __noinline bool target_talks(struct packet *p, const struct address *target, __u16 class)
{
	__u16 other = 0;
	__u32 owner = address_owner(p, target, &other);

	if (owner == CORDON_DEVICE_GATEWAY)
		return true;
	if (owner == CORDON_DEVICE_NONE) {
		if (address_is_no_host(target))
			return false;
		other = network_class(p, target);
	}
	return classes_talk(p, class, other);
}

/* Source MAC and address of ARP; *ret_class is the sender's class. */
static __always_inline enum cordon_reason arp_sender(struct packet *p, __u16 *ret_class)
{
	enum cordon_reason own;

	if (!p->arp.readable)
		return CORDON_REASON_NONE;
	if (!mac_equal(p->arp.sha, p->src_mac))
		return CORDON_REASON_ARP_SPOOF;
	if (address_is_zero(&p->arp.spa)) {
		*ret_class = device_class(p, p->device);
		return CORDON_REASON_NONE;
	}
	own = address_is_own(p, &p->arp.spa, p->src_mac, ret_class);
	return own == CORDON_REASON_SPOOFED_SOURCE ? CORDON_REASON_ARP_SPOOF : own;
}

/* ND that says something of an address or a MAC: both must be the sender's. */
static __always_inline enum cordon_reason nd_sender(struct packet *p)
{
	__u16 class = 0;
	enum cordon_reason own;

	if (!is_icmp6(p, 133) && !is_icmp6(p, 135) && !is_icmp6(p, 136))
		return CORDON_REASON_NONE;
	if (p->nd.foreign_lladdr)
		return CORDON_REASON_ND_SPOOF;
	if (is_icmp6(p, 133) || (is_icmp6(p, 135) && !address_is_zero(&p->src)))
		return CORDON_REASON_NONE;
	own = address_is_own(p, &p->nd.target, p->src_mac, &class);
	return own == CORDON_REASON_SPOOFED_SOURCE ? CORDON_REASON_ND_SPOOF : CORDON_REASON_NONE;
}

/*
 * What is dropped in audit too. *ret_source is BAD_SOURCE where the source address is nobody's: that is for later, behind
 * the guards that a device without an address needs. Resolves the sender's end.
 */
static __noinline enum cordon_reason claims_from_device(struct packet *p, enum cordon_reason *ret_source)
{
	enum cordon_reason own;
	__u16 class = 0;

	*ret_source = CORDON_REASON_NONE;
	if (p->ethertype == ETH_P_ARP) {
		own = arp_sender(p, &class);
		p->src_class = class;
	} else if (p->ip) {
		if (is_router_speech(p))
			return CORDON_REASON_ROGUE_RA;
		if (is_dhcp_server(p))
			return CORDON_REASON_ROGUE_DHCP;
		own = nd_sender(p);
		if (own != CORDON_REASON_NONE)
			return own;
		own = address_is_zero(&p->src) ? CORDON_REASON_BAD_SOURCE : address_is_own(p, &p->src, p->src_mac, &class);
		if (own == CORDON_REASON_NONE && !end_set(p, p->device, true, class))
			return CORDON_REASON_STALE_ROW;
	} else {
		return CORDON_REASON_NONE;
	}
	if (own == CORDON_REASON_BAD_SOURCE) {
		*ret_source = own;
		return CORDON_REASON_NONE;
	}
	return own;
}

/* Unicast goes to the gateway, or to the device that owns the address; anything else leaks around the policy. */
static __always_inline bool dest_mac_fits(const struct packet *p, const struct port *port, __u32 owner)
{
	struct device *device;

	if (mac_equal(p->dst_mac, port->mac))
		return true;
	if (owner < CORDON_DEVICE_FIRST)
		return false;
	device = device_row(owner);
	return device && READ_ONCE(device->key) >> 16 == mac_number(p->dst_mac);
}

static __always_inline enum cordon_reason arp_from_device(struct packet *p, const struct port *port, enum cordon_reason source)
{
	__u16 class = 0;

	if (!p->arp.well_formed)
		return CORDON_REASON_ARP_MALFORMED;
	/* 0.0.0.0 asks whether an address is free (RFC 5227 2.1.1); nobody answers from there. */
	if (p->arp.op == 2 && address_is_zero(&p->arp.spa))
		return CORDON_REASON_BAD_SOURCE;
	if (source != CORDON_REASON_NONE)
		return source;
	if (mac_is_multicast(p->dst_mac) ? !is_broadcast(p->dst_mac) : !dest_mac_fits(p, port, binding_owner(p, &p->arp.tpa, &class)))
		return CORDON_REASON_DEST_MAC;
	/* A probe or announcement for an address of its own tells nobody anything new. */
	if (address_is_own(p, &p->arp.tpa, p->src_mac, &class) == CORDON_REASON_NONE)
		return CORDON_REASON_GUARD_ARP;
	return target_talks(p, &p->arp.tpa, p->src_class) ? CORDON_REASON_GUARD_ARP : CORDON_REASON_ARP_TARGET;
}

static __always_inline bool dest_is_all_routers(const struct packet *p)
{
	const __u64 *d = (const __u64 *)&p->dst;

	return d[0] == bpf_cpu_to_be64(0xff02000000000000ULL) && d[1] == bpf_cpu_to_be64(2);
}

/*
 * ND speaks to a group of this link, or to one party on it. A destination farther away would be routed, and carry what the
 * device likes past every rule. Resolves the other end where it is one party.
 */
static __always_inline bool nd_stays_on_link(struct packet *p, const struct port *port)
{
	bool to_gateway = mac_equal(p->dst_mac, port->mac);

	if (p->dst.byte[0] == 0xff)
		return (p->dst.byte[1] & 0x0f) == 2 && (mac_is_multicast(p->dst_mac) || to_gateway);
	if (!peer_resolve(p, &p->dst, false))
		return false;
	return p->dst_device == CORDON_DEVICE_GATEWAY ? to_gateway : !to_gateway && dest_mac_fits(p, port, p->dst_device);
}

static __always_inline enum cordon_reason nd_from_device(struct packet *p, const struct port *port, enum cordon_reason source)
{
	bool unspecified = address_is_zero(&p->src);
	__u16 class = 0;

	if (!p->nd.well_formed || (unspecified && p->nd.has_lladdr))
		return CORDON_REASON_ND_MALFORMED;
	/* RFC 4861 7.1.1: duplicate address detection asks who has the target, not everybody. */
	if (unspecified && is_icmp6(p, 135) && !address_is_solicited_node(p->dst.byte))
		return CORDON_REASON_ND_MALFORMED;
	if (source != CORDON_REASON_NONE && !unspecified)
		return source;
	if (!nd_stays_on_link(p, port))
		return CORDON_REASON_ND_TARGET;
	if (is_icmp6(p, 133))
		return dest_is_all_routers(p) || mac_equal(p->dst_mac, port->mac) ? CORDON_REASON_GUARD_ND : CORDON_REASON_DEST_MAC;
	if (address_is_own(p, &p->nd.target, p->src_mac, &class) == CORDON_REASON_NONE) {
		/* Duplicate address detection, or an advertisement of its own address; a unicast one only to who may hear it. */
		if (mac_is_multicast(p->dst_mac) || mac_equal(p->dst_mac, port->mac))
			return CORDON_REASON_GUARD_ND;
		return classes_talk(p, class, p->dst_class) ? CORDON_REASON_GUARD_ND : CORDON_REASON_ND_TARGET;
	}
	if (!is_icmp6(p, 135) || unspecified)
		return CORDON_REASON_ND_TARGET;
	if (!mac_is_multicast(p->dst_mac) && !dest_mac_fits(p, port, address_owner(p, &p->nd.target, &class)))
		return CORDON_REASON_DEST_MAC;
	return target_talks(p, &p->nd.target, p->src_class) ? CORDON_REASON_GUARD_ND : CORDON_REASON_ND_TARGET;
}

static __always_inline enum cordon_reason dhcp4_from_device(struct packet *p, const struct port *port, enum cordon_reason source)
{
	bool to_gateway = mac_equal(p->dst_mac, port->mac), to_all = address_v4(&p->dst) == 0xffffffff;
	__u16 class = 0;

	if (p->sport != 68 || !p->dhcp.well_formed || p->dhcp.op != 1 || !mac_equal(p->dhcp.chaddr, p->src_mac))
		return CORDON_REASON_DHCP_MALFORMED;
	if (source != CORDON_REASON_NONE && !(to_all && address_is_zero(&p->src)))
		return source;
	if (to_all)
		return to_gateway || is_broadcast(p->dst_mac) ? CORDON_REASON_GUARD_DHCP : CORDON_REASON_DEST_MAC;
	if (binding_owner(p, &p->dst, &class) != CORDON_DEVICE_GATEWAY)
		return CORDON_REASON_NONE; /* a server elsewhere is a peer like any other */
	return to_gateway ? CORDON_REASON_GUARD_DHCP : CORDON_REASON_DEST_MAC;
}

static __always_inline enum cordon_reason dhcp6_from_device(struct packet *p, const struct port *port, enum cordon_reason source)
{
	const __u64 *d = (const __u64 *)&p->dst;
	bool to_all = d[0] == bpf_cpu_to_be64(0xff02000000000000ULL) && d[1] == bpf_cpu_to_be64(0x10002);
	bool to_gateway = mac_equal(p->dst_mac, port->mac);
	__u16 class = 0;

	if (p->sport != 546 || !p->dhcp.well_formed || !p->dhcp.op || p->dhcp.op == 2 || p->dhcp.op == 7 || p->dhcp.op == 10 || p->dhcp.op > 11)
		return CORDON_REASON_DHCP_MALFORMED;
	if (source != CORDON_REASON_NONE)
		return source;
	if (to_all)
		return to_gateway || mac_is_multicast(p->dst_mac) ? CORDON_REASON_GUARD_DHCP : CORDON_REASON_DEST_MAC;
	if (binding_owner(p, &p->dst, &class) != CORDON_DEVICE_GATEWAY)
		return CORDON_REASON_NONE; /* a server elsewhere is a peer like any other */
	return to_gateway ? CORDON_REASON_GUARD_DHCP : CORDON_REASON_DEST_MAC;
}

/* To a group of this link; the gateway hears it, and no router would carry it farther. */
static __always_inline enum cordon_reason mld_from_device(const struct packet *p, enum cordon_reason source)
{
	if (!p->nd.own_groups || !mac_is_multicast(p->dst_mac) || p->dst.byte[0] != 0xff || (p->dst.byte[1] & 0x0f) != 2)
		return CORDON_REASON_MULTICAST;
	return source == CORDON_REASON_NONE || address_is_zero(&p->src) ? CORDON_REASON_GUARD_MLD : source;
}

/* NONE: no guard has a say. */
__noinline enum cordon_reason guard_from_device(struct packet *p, const struct port *port, enum cordon_reason source)
{
	if (!p || !port)
		return CORDON_REASON_INTERNAL;

	if (p->ethertype == ETH_P_ARP)
		return arp_from_device(p, port, source);
	if (!p->ip || !is_sound(p))
		return CORDON_REASON_NONE;
	if (is_dhcp4(p))
		return dhcp4_from_device(p, port, source);
	if (is_dhcp6(p))
		return dhcp6_from_device(p, port, source);
	if (is_icmp6(p, 133) || is_icmp6(p, 135) || is_icmp6(p, 136))
		return nd_from_device(p, port, source);
	if (p->proto == IPPROTO_IGMP)
		return CORDON_REASON_MULTICAST;
	if (is_icmp6(p, 131) || is_icmp6(p, 132) || is_icmp6(p, 143))
		return mld_from_device(p, source);
	return CORDON_REASON_NONE;
}

/* 01:80:c2:00:00:03, the PAE group, or the gateway. Bridges do not forward the group; see docs for group_fwd_mask. */
static __always_inline bool is_pae_address(const __u8 mac[6])
{
	return mac_number(mac) == 0x0180c2000003ULL;
}

static __always_inline enum cordon_reason eapol_judge(const struct packet *p, const struct port *port)
{
	bool known = p->dir == CORDON_DIR_FROM_DEVICE ? is_pae_address(p->dst_mac) || mac_equal(p->dst_mac, port->mac)
						       : p->sender == SENDER_GATEWAY;

	return known && p->eapol_well_formed ? CORDON_REASON_GUARD_EAPOL : CORDON_REASON_EAPOL_MALFORMED;
}

/* Does the device with this address, or this MAC, sit on the port, on another of its group, or nowhere yet? */
static __always_inline bool row_sits_on(__u32 row, const struct port *port)
{
	struct device *device = row >= CORDON_DEVICE_FIRST ? device_row(row) : NULL;
	__u32 at = device ? READ_ONCE(device->port) : CORDON_PORT_NONE;

	return device && (at == port->number || at == CORDON_PORT_NONE || port_lets_roam(at, port));
}

/*
 * What must never reach a device: an address of ours that comes from outside, or from a port where it does not sit.
 * Resolves the sender's end by `address`, which is the IP source or the ARP sender.
 */
static __noinline enum cordon_reason claims_to_device(struct packet *p, const struct address *address, __u32 in_port)
{
	__u16 class = 0;
	__u32 owner = address_owner(p, address, &class), at;
	struct device *device;

	if (owner == CORDON_DEVICE_NONE || p->sender == SENDER_GATEWAY) {
		if (owner >= CORDON_DEVICE_FIRST)
			return CORDON_REASON_SPOOFED_SOURCE;
		p->seen_before = p->sender == SENDER_DEVICE;
		return peer_resolve(p, address, true) ? CORDON_REASON_NONE : CORDON_REASON_STALE_ROW;
	}
	if (p->sender == SENDER_OUTSIDE)
		return CORDON_REASON_UPLINK_SPOOF;
	if (owner == CORDON_DEVICE_GATEWAY) {
		/* Through the bridge: a device behind the gateway's own address (masquerade), which nothing but `nat` may allow. */
		p->masqueraded = in_port == CORDON_PORT_NONE;
		return p->masqueraded ? CORDON_REASON_NONE : CORDON_REASON_SPOOFED_SOURCE;
	}
	device = device_row(owner);
	at = device ? READ_ONCE(device->port) : CORDON_PORT_NONE;
	if (in_port != CORDON_PORT_NONE && at != CORDON_PORT_NONE && at != in_port)
		return CORDON_REASON_SPOOFED_SOURCE;
	p->seen_before = 1;
	return end_set(p, owner, true, class) ? CORDON_REASON_NONE : CORDON_REASON_STALE_ROW;
}

/* A device that must prove itself by 802.1X first is told nothing either. */
static __always_inline bool owes_all(const struct packet *p, __u32 row)
{
	struct device *device = row >= CORDON_DEVICE_FIRST ? device_row(row) : NULL;

	return device && side_read(&device->side[p->side & 1], p->generation).flags & SIDE_NO_GUARDS;
}

/* ARP or ND of another party about `target`: of a device, only to the port where the target sits, and only if the two may talk. */
static __always_inline enum cordon_reason resolution_to_device(struct packet *p, const struct port *port, const struct address *target,
							       enum cordon_reason guard, enum cordon_reason refusal)
{
	__u16 class = 0;
	__u32 owner = address_owner(p, target, &class);

	if (p->sender == SENDER_GATEWAY)
		return owes_all(p, owner) ? CORDON_REASON_UNAUTHENTICATED : guard;
	if (!row_sits_on(owner, port))
		return CORDON_REASON_NOT_HERE;
	if (p->device == CORDON_DEVICE_NONE)
		p->device = owner;
	return p->sender == SENDER_DEVICE && classes_talk(p, p->src_class, class) ? guard : refusal;
}

static __always_inline enum cordon_reason arp_to_device(struct packet *p, const struct port *port)
{
	if (!p->arp.well_formed)
		return CORDON_REASON_ARP_MALFORMED;
	return resolution_to_device(p, port, &p->arp.tpa, CORDON_REASON_GUARD_ARP, CORDON_REASON_ARP_TARGET);
}

/* A client asks for the port that a message comes to, not for the one that it left from. */
static __always_inline bool is_for_dhcp_client(const struct packet *p)
{
	return p->proto == IPPROTO_UDP && p->dport == (p->ip == 4 ? 68 : 546);
}

static __always_inline enum cordon_reason dhcp4_to_device(struct packet *p, const struct port *port)
{
	__u32 row = 0;

	if (!p->dhcp.well_formed || p->dhcp.op != 2)
		return CORDON_REASON_DHCP_MALFORMED;
	if (!device_find(p->dhcp.chaddr, p->vlan, &row) || !row_sits_on(row, port))
		return CORDON_REASON_NOT_HERE;
	if (p->device == CORDON_DEVICE_NONE)
		p->device = row;
	return CORDON_REASON_GUARD_DHCP;
}

__noinline enum cordon_reason guard_to_device(struct packet *p, const struct port *port)
{
	if (!p || !port)
		return CORDON_REASON_INTERNAL;

	bool solicited = is_icmp6(p, 135), advertised = is_icmp6(p, 136);
	__u16 class = 0;

	if (p->ethertype == ETH_P_ARP)
		return arp_to_device(p, port);
	if (!p->ip)
		return CORDON_REASON_NONE;
	if (is_router_speech(p) && (p->sender != SENDER_GATEWAY || is_icmp6(p, 137)))
		return CORDON_REASON_ROGUE_RA;
	if (advertised && p->sender != SENDER_GATEWAY) {
		__u32 owner = address_owner(p, &p->nd.target, &class);

		if (p->sender == SENDER_OUTSIDE && owner != CORDON_DEVICE_NONE)
			return CORDON_REASON_UPLINK_SPOOF;
		if (p->sender == SENDER_DEVICE && owner == CORDON_DEVICE_GATEWAY)
			return CORDON_REASON_ND_SPOOF;
	}
	if (p->sender != SENDER_GATEWAY && is_for_dhcp_client(p))
		return CORDON_REASON_ROGUE_DHCP;
	if (!is_sound(p))
		return CORDON_REASON_NONE;
	if (is_router_speech(p))
		return CORDON_REASON_GUARD_ND;
	if (p->sender == SENDER_GATEWAY && (is_icmp6(p, 130) || is_igmp_query(p)))
		return CORDON_REASON_GUARD_MLD;
	if (p->proto == IPPROTO_IGMP)
		return CORDON_REASON_MULTICAST;
	if (p->ip == 4 && p->proto == IPPROTO_UDP && p->sport == 67 && p->dport == 68)
		return dhcp4_to_device(p, port);
	if (p->ip == 6 && p->proto == IPPROTO_UDP && p->sport == 547 && p->dport == 546)
		return CORDON_REASON_GUARD_DHCP;
	if (!solicited && !advertised)
		return CORDON_REASON_NONE;
	if (!p->nd.well_formed)
		return CORDON_REASON_ND_MALFORMED;
	/* An advertisement is for who hears it; a solicitation for who has the target. */
	return resolution_to_device(p, port, advertised && !mac_is_multicast(p->dst_mac) ? &p->dst : &p->nd.target,
				    CORDON_REASON_GUARD_ND, CORDON_REASON_ND_TARGET);
}

#endif
