/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cordon/flow_time.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "record.h"

static const char *const states[] = {
	[CORDON_FLOW_NEW] = "new",
	[CORDON_FLOW_ESTABLISHED] = "established",
	[CORDON_FLOW_CLOSING] = "closing",
	[CORDON_FLOW_CUT] = "cut",
};

const char *flow_state_name(enum cordon_flow_state state)
{
	return (unsigned int)state < ARRAY_SIZE(states) ? states[state] : "unknown";
}

static bool side_is_device(const struct flow_side *side)
{
	return side->device >= CORDON_DEVICE_FIRST;
}

/* By row, else by address: the device's id, "gateway", or the address itself. */
static bool put_flow_end(json_t *record, const char *key, const struct flow_side *side, const struct address *address,
			const struct event_names *names)
{
	const char *name = NULL;

	if (side->device == CORDON_DEVICE_GATEWAY)
		name = "gateway";
	else if (side_is_device(side) && names->device)
		name = names->device(names->ctx, side->device);
	if (!name)
		name = owner_label(names, address);
	return name ? put_text(record, key, name) : put_address(record, key, address);
}

/* The record is told by a device: by the initiator if it is one, else by the responder. */
static bool put_flow_ends(json_t *record, const struct flow *flow, const struct address *ends[2], const struct event_names *names)
{
	int own = side_is_device(&flow->side[0]) || !side_is_device(&flow->side[1]) ? 0 : 1;

	return put_flow_end(record, "device", &flow->side[own], ends[own], names) &&
	       put_flow_end(record, "peer", &flow->side[!own], ends[!own], names) &&
	       put_text(record, "name", "") &&
	       put_text(record, "dir", own ? "in" : "out");
}

static bool put_flow_service(json_t *record, const struct flow *flow, const struct address *responder)
{
	bool icmp = flow->id.proto == IPPROTO_ICMP || flow->id.proto == IPPROTO_ICMPV6;
	char text[16];

	return put_text(record, "proto", proto_name(addr_is_v4(responder) ? ETH_P_IP : ETH_P_IPV6, flow->id.proto, text)) &&
	       put_number(record, "dport", icmp ? 0 : flow->id.port[!flow->initiator]) &&
	       put_number(record, "sport", icmp ? 0 : flow->id.port[!!flow->initiator]);
}

static bool put_flow_counts(json_t *record, const struct flow *flow)
{
	const struct flow_side *side = flow->side;

	return put_number(record, "packets", side[0].packets) && put_number(record, "bytes", side[0].bytes) &&
	       put_number(record, "rpackets", side[1].packets) && put_number(record, "rbytes", side[1].bytes) &&
	       (flow->id.proto != IPPROTO_TCP || (put_tcp_flags(record, "tcp_flags", flow->tcp_flags[0]) &&
						  put_tcp_flags(record, "rtcp_flags", flow->tcp_flags[1])));
}

static bool put_flow(json_t *record, const struct flow *flow, const struct event_names *names)
{
	const struct address *ends[2] = { &flow->id.addr[!!flow->initiator], &flow->id.addr[!flow->initiator] };
	uint64_t first = tick_ns(flow_first(flow)), last = tick_ns(flow_last(flow));
	char text[16];

	return put_epoch(record, "ts", first) &&
	       put_flow_ends(record, flow, ends, names) &&
	       put_flow_service(record, flow, ends[1]) &&
	       put_flow_counts(record, flow) &&
	       put_text(record, "verdict", verdict_name(flow->verdict)) &&
	       put_text(record, "reason", reason_name(flow->reason)) &&
	       put_text(record, "rule", rule_label(names, flow->generation, flow->rule, text)) &&
	       put_text(record, "state", flow_state_name(flow->state)) &&
	       put_time(record, "start", first) &&
	       put_time(record, "last", last) &&
	       put_address(record, "src", ends[0]) &&
	       put_address(record, "dst", ends[1]);
}

json_t *flow_json(const struct flow *flow, const struct event_names *names)
{
	_cleanup_json_ json_t *record = json_object();

	if (!record || !put_flow(record, flow, names))
		return NULL;
	return take_ptr(record);
}
