/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  numbers and where their names come from.
 * Out: members of a JSON record; what events and flows write alike is written here once.
 * Never: included outside this room.
 */
#ifndef CORDON_EVENTS_RECORD_H
#define CORDON_EVENTS_RECORD_H

#include "events.h"

#define _cleanup_json_ __attribute__((cleanup(record_unref)))
void record_unref(json_t **record);

/* Each is true if it did, false without memory, so that a record is written as one chain of &&. NULL text is JSON null. */
bool put_text(json_t *record, const char *key, const char *text);
bool put_number(json_t *record, const char *key, uint64_t number);
bool put_address(json_t *record, const char *key, const struct address *address);
bool put_mac(json_t *record, const char *key, const uint8_t mac[6]);
bool put_time(json_t *record, const char *key, uint64_t boot_ns);
/* Seconds since the epoch, to the millisecond. */
bool put_epoch(json_t *record, const char *key, uint64_t boot_ns);
/* "FSA": letters in the order of the header's bits, FIN first. */
bool put_tcp_flags(json_t *record, const char *key, uint8_t flags);

/* The name, "gateway", NULL for none, or "#ROW" in text. */
const char *device_label(const struct event_names *names, uint32_t row, char text[16]);
const char *rule_label(const struct event_names *names, uint32_t generation, uint32_t rule, char text[16]);
const char *port_label(const struct event_names *names, uint32_t number, char text[16]);
/* Device that owns an address, or NULL. */
const char *owner_label(const struct event_names *names, const struct address *address);

#endif
