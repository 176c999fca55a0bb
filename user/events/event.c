/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "record.h"

static bool event_is_ip(const struct event *event)
{
	return event->ethertype == ETH_P_IP || event->ethertype == ETH_P_IPV6;
}

static bool event_is_icmp(const struct event *event)
{
	return event_is_ip(event) && (event->proto == IPPROTO_ICMP || event->proto == IPPROTO_ICMPV6);
}

static bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !memcmp(mac, zero, 6);
}

static bool put_link(json_t *record, const struct event *event)
{
	return (mac_is_zero(event->src_mac) || put_mac(record, "src_mac", event->src_mac)) &&
	       (mac_is_zero(event->dst_mac) || put_mac(record, "dst_mac", event->dst_mac)) &&
	       (!event->vlan || put_number(record, "vlan", event->vlan & 0xfff)) &&
	       (!event->length || put_number(record, "length", event->length));
}

static bool put_end(json_t *record, const struct event_names *names, const struct address *address, const char *key,
		    const char *device_key_name)
{
	const char *owner;

	if (addr_is_zero(address))
		return true;
	owner = owner_label(names, address);
	return put_address(record, key, address) && (!owner || put_text(record, device_key_name, owner));
}

static bool put_icmp(json_t *record, const struct event *event)
{
	return put_number(record, "sport", 0) && put_number(record, "dport", 0) &&
	       put_number(record, "icmp_type", event->dport >> 8) && put_number(record, "icmp_code", event->dport & 0xff);
}

static bool put_transport(json_t *record, const struct event *event)
{
	char text[16];

	if (!put_text(record, "proto", proto_name(event->ethertype, event->proto, text)))
		return false;
	if (!event_is_ip(event))
		return true;
	if (event_is_icmp(event))
		return put_icmp(record, event);
	return put_number(record, "sport", event->sport) && put_number(record, "dport", event->dport) &&
	       (event->proto != IPPROTO_TCP || put_tcp_flags(record, "tcp_flags", event->tcp_flags));
}

/* A name is the callback's own until it is called again: each is put before the next is asked for. */
static bool put_event(json_t *record, const struct event *event, const struct event_names *names)
{
	char text[16];

	return put_number(record, "schema", 1) &&
	       put_time(record, "ts", event->time) &&
	       put_text(record, "kind", event_kind_name(event->kind)) &&
	       put_text(record, "device", device_label(names, event->device, text)) &&
	       put_text(record, "port", port_label(names, event->port, text)) &&
	       put_text(record, "dir", dir_name(event->dir)) &&
	       put_end(record, names, &event->src, "src", "src_device") &&
	       put_end(record, names, &event->dst, "dst", "dst_device") &&
	       put_transport(record, event) &&
	       put_text(record, "verdict", verdict_name(event->verdict)) &&
	       put_text(record, "reason", reason_name(event->reason)) &&
	       put_text(record, "rule", rule_label(names, event->generation, event->rule, text)) &&
	       put_number(record, "count", event->count) &&
	       put_link(record, event);
}

json_t *event_json(const struct event *event, const struct event_names *names)
{
	_cleanup_json_ json_t *record = json_object();

	if (!record || !put_event(record, event, names))
		return NULL;
	return take_ptr(record);
}

json_t *integrity_json(uint64_t boot_ns, const char *port, const char *text)
{
	_cleanup_json_ json_t *record = json_object();

	if (!record || !put_number(record, "schema", 1) || !put_time(record, "ts", boot_ns) || !put_text(record, "kind", EVENT_INTEGRITY) ||
	    !put_text(record, "port", port) || !put_text(record, "text", text))
		return NULL;
	return take_ptr(record);
}
