/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  records of the ring buffers and flow rows, in numbers.
 * Out: the same with names, as JSON of schema 1 (spec/cli.md `observe`, flow records) and as lines for people.
 * Never: the kernel, sockets, decisions.
 */
#ifndef CORDON_EVENTS_ROOM_H
#define CORDON_EVENTS_ROOM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <cordon/events.h>

#include "../lib/buf.h"

/* How numbers get their names; each may return NULL ("not known any more"). Results are borrowed until the next call. */
struct event_names {
	const char *(*device)(void *ctx, uint32_t row);
	const char *(*device_of_address)(void *ctx, const struct address *address);
	const char *(*rule)(void *ctx, uint32_t generation, uint32_t rule);
	const char *(*port)(void *ctx, uint32_t number);
	void *ctx;
};

const char *reason_name(enum cordon_reason reason);
const char *reason_text(enum cordon_reason reason);
enum cordon_weight reason_weight(enum cordon_reason reason);
const char *verdict_name(enum cordon_verdict verdict);
const char *dir_name(enum cordon_dir dir);
const char *mode_name(enum cordon_mode mode);
/* The kind of a record that no program made. */
#define EVENT_INTEGRITY "integrity"
const char *event_kind_name(enum cordon_event_kind kind);
/* "new", "established", "closing", "cut" */
const char *flow_state_name(enum cordon_flow_state state);
/* "tcp", "udp", "icmp", "arp", "0x88cc" …; text holds the made-up ones */
const char *proto_name(uint16_t ethertype, uint8_t proto, char text[16]);

/*
 * {"schema","ts","kind","device","port","dir","src","dst","proto","sport","dport","verdict","reason","rule","count"} and
 * what helps: "src_mac","dst_mac","src_device","dst_device","vlan","length","tcp_flags","icmp_type","icmp_code". src and
 * dst are addresses; absent where the frame had none. sport and dport are 0 for ICMP, absent without an IP header. device
 * is null for what belongs to no device, port for an interface that is not cordon's, rule where none decided; a number
 * that has no name any more is "#N". NULL without memory.
 */
json_t *event_json(const struct event *event, const struct event_names *names);
/*
 * {"schema","ts","kind":"integrity","port","text"}: somebody changed what enforces, and the engine put it right. No frame is behind it.
 * `port` NULL: it belongs to none. NULL without memory.
 */
json_t *integrity_json(uint64_t boot_ns, const char *port, const char *text);
/* UTC: "10:41:07.112 DENY camera 192.168.50.11:41822 → laptop 192.168.50.16:445 tcp  default_deny  x14" */
int event_line(const struct event *event, const struct event_names *names, bool colour, struct buf *ret);
/* The same line from event_json()'s output, for the command line. */
int event_line_of_json(const json_t *event, bool colour, struct buf *ret);

/*
 * A flow record with the names of spec/cli.md "Flow records" plus "src","dst" (addresses of initiator and responder),
 * "sport","rule","reason","state","start","last" (RFC 3339), and for TCP "tcp_flags","rtcp_flags". NULL without memory.
 */
json_t *flow_json(const struct flow *flow, const struct event_names *names);
/*
 * Bounded memory of flows that ended and conversations denied (one a device, peer, proto, dport, verdict and minute). A
 * denied conversation counts the frames that its events stand for: frames that the device's event budget suppressed are in
 * the record of the event that told of them, so a device's sum is right and its parts are near.
 */
struct flow_history;
int flow_history_new(size_t limit, struct flow_history **ret);
void flow_history_free(struct flow_history *h);
int flow_history_add_flow(struct flow_history *h, const struct flow *flow, const struct event_names *names);
/* Takes events that deny, ignores others and those of flows that mode audit let in: they come by flow_history_add_flow(). */
int flow_history_add_event(struct flow_history *h, const struct event *event, const struct event_names *names);
/* Oldest first; the JSON is borrowed. */
int flow_history_each(struct flow_history *h, int (*each)(void *ctx, json_t *record), void *ctx);

#endif
