/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  nothing.
 * Out: the one closed list of why a frame passed or did not: enum, word (also the metric label), weight, sentence.
 * Never: a second list of the same names anywhere else.
 *
 * Weight: PASS lets a frame go. SOFT becomes would_deny in audit. HARD is dropped in audit too (policy.md 7: a registered
 * device's address or MAC claimed elsewhere, rogue DHCP and RA), and told by the ring of critical events. QUARANTINE is dropped like
 * HARD, survives the brake, and is told like SOFT: a quarantined device goes on asking.
 * To add one: a line here, the place that returns it in bpf/, a frame in tests/bpf that meets it, a line in docs/reasons.md.
 */
#ifndef CORDON_REASONS_H
#define CORDON_REASONS_H

#define CORDON_REASONS(X) \
	X(NONE, "none", PASS, "nothing was decided") \
	X(RULE, "rule", PASS, "a rule allows it") \
	X(ESTABLISHED, "established", PASS, "part of a live flow") \
	X(RELATED, "related", PASS, "an ICMP error about a live flow of this device") \
	X(ADOPTED, "adopted", PASS, "a flow that was alive when the port was attached") \
	X(GUARD_ARP, "arp", PASS, "ARP that the built-in guard lets through") \
	X(GUARD_ND, "nd", PASS, "neighbour discovery that the built-in guard lets through") \
	X(GUARD_DHCP, "dhcp", PASS, "DHCP that the built-in guard lets through") \
	X(GUARD_EAPOL, "eapol", PASS, "EAPOL between the device and the gateway") \
	X(GUARD_MLD, "mld", PASS, "a multicast report for the device's own groups, or the gateway's query") \
	X(OBSERVED, "observed", PASS, "mode observe: recorded, nothing evaluated") \
	X(FAIL_OPEN, "fail_open", PASS, "no policy yet, and gateway.yaml says fail: open") \
	X(SHORT_FRAME, "short_frame", SOFT, "the frame ends inside its link header") \
	X(SOURCE_MAC, "source_mac", SOFT, "the source MAC is not a unicast address") \
	X(LLC, "llc", SOFT, "802.3 LLC or SNAP instead of Ethernet II") \
	X(ETHERTYPE, "ethertype", SOFT, "an ethertype that no rule names") \
	X(VLAN, "vlan", SOFT, "a VLAN tag that is not the device's own") \
	X(UNKNOWN_PORT, "unknown_port", SOFT, "the interface is not one of cordon's ports") \
	X(UNKNOWN_DEVICE, "unknown_device", SOFT, "no device with this MAC and VLAN is known") \
	X(NO_PLACE, "no_place", SOFT, "a device without a place on a port that takes only so many") \
	X(WRONG_PORT, "wrong_port", HARD, "the MAC of a device that sits on another port") \
	X(NOT_HERE, "not_here", SOFT, "a frame for a device that is not on this port") \
	X(DEST_MAC, "dest_mac", SOFT, "the destination MAC is neither the gateway's nor that of the device addressed") \
	X(BAD_SOURCE, "bad_source", SOFT, "the source address is not one of the device's") \
	X(SPOOFED_SOURCE, "spoofed_source", HARD, "the source address belongs to another device or to the gateway") \
	X(BAD_DESTINATION, "bad_destination", SOFT, "the destination address is not one of the receiving device's") \
	X(UPLINK_SPOOF, "uplink_spoof", HARD, "an address of a device or the gateway came in by an uplink") \
	X(ARP_MALFORMED, "arp_malformed", SOFT, "not a well-formed Ethernet/IPv4 ARP packet") \
	X(ARP_SPOOF, "arp_spoof", HARD, "ARP that claims another's MAC or address") \
	X(ARP_TARGET, "arp_target", SOFT, "ARP for an address with which this device may not talk") \
	X(ND_MALFORMED, "nd_malformed", SOFT, "not a well-formed neighbour discovery packet") \
	X(ND_SPOOF, "nd_spoof", HARD, "neighbour discovery that claims another's MAC or address") \
	X(ND_TARGET, "nd_target", SOFT, "neighbour discovery for an address with which this device may not talk") \
	X(ROGUE_RA, "rogue_ra", HARD, "a router advertisement or redirect from a device") \
	X(ROGUE_DHCP, "rogue_dhcp", HARD, "a DHCP server message from a device") \
	X(DHCP_MALFORMED, "dhcp_malformed", SOFT, "not a well-formed DHCP client message of this device") \
	X(EAPOL_MALFORMED, "eapol_malformed", SOFT, "EAPOL with a bad length, version, type or destination") \
	X(MULTICAST, "multicast", SOFT, "multicast or broadcast that no rule opens") \
	X(IP_MALFORMED, "ip_malformed", SOFT, "an IP header that does not fit its frame") \
	X(IP_CHECKSUM, "ip_checksum", SOFT, "the IPv4 header checksum is wrong") \
	X(IP_OPTIONS, "ip_options", SOFT, "IPv4 options") \
	X(IP_TTL, "ip_ttl", SOFT, "TTL or hop limit 0") \
	X(IP_MARTIAN, "ip_martian", SOFT, "an address that no frame on a wire may carry") \
	X(IP_SELF, "ip_self", SOFT, "source and destination are the same address") \
	X(FRAGMENT, "fragment", SOFT, "a fragment") \
	X(EXT_HEADER, "ext_header", SOFT, "an IPv6 extension header") \
	X(PROTOCOL, "protocol", SOFT, "a transport protocol that no rule names") \
	X(L4_MALFORMED, "l4_malformed", SOFT, "a transport header that does not fit its packet") \
	X(L4_PORT, "l4_port", SOFT, "port 0") \
	X(TCP_FLAGS, "tcp_flags", SOFT, "TCP flags that no honest sender combines") \
	X(UDP_CHECKSUM, "udp_checksum", SOFT, "UDP over IPv6 without a checksum") \
	X(ICMP_UNRELATED, "icmp_unrelated", SOFT, "an ICMP message that is not about a live flow of this device") \
	X(TCP_STATE, "tcp_state", SOFT, "a TCP segment that does not fit the state of its flow") \
	X(NO_FLOW, "no_flow", SOFT, "not the start of a flow, and no live flow has it") \
	X(FLOW_FULL, "flow_full", SOFT, "the flow table is full") \
	X(FLOW_QUOTA, "flow_quota", SOFT, "the device has as many flows as it may") \
	X(RATE, "rate", SOFT, "more bytes a second than the device may") \
	X(PACKET_RATE, "packet_rate", SOFT, "more packets a second than the device may") \
	X(NEW_FLOW_RATE, "new_flow_rate", SOFT, "the device begins more flows a second than it may") \
	X(DENY_RULE, "deny_rule", SOFT, "a deny rule") \
	X(DEFAULT_DENY, "default_deny", SOFT, "no rule allows it") \
	X(UNAUTHENTICATED, "unauthenticated", SOFT, "the device must authenticate and has not") \
	X(CUT, "cut", SOFT, "a flow that the policy in force no longer allows") \
	X(QUARANTINE, "quarantine", QUARANTINE, "the device is quarantined") \
	X(NO_POLICY, "no_policy", SOFT, "no policy was ever applied, and the gateway fails closed") \
	X(STALE_ROW, "stale_row", SOFT, "a table row is not of the policy that judges this packet") \
	X(INTERNAL, "internal", SOFT, "a kernel helper refused; never expected")

enum cordon_reason {
#define X(id, name, weight, text) CORDON_REASON_##id,
	CORDON_REASONS(X)
#undef X
	CORDON_REASON_COUNT
};

enum cordon_weight {
	CORDON_WEIGHT_PASS,
	CORDON_WEIGHT_SOFT,
	CORDON_WEIGHT_HARD,
	CORDON_WEIGHT_QUARANTINE,
};

#endif
