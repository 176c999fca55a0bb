/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of records, oldest overwritten first. Denied conversations that may still count up are also found by their key, a
 * table for each of two minutes: CPUs fill the ring buffers side by side, and the critical one is read first, so the minute
 * that ended may still get an event.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "record.h"

struct history_entry {
	json_t *record;
	char *key; /* of a denied conversation, else NULL */
	uint64_t minute;
};

struct history_minute {
	uint64_t minute;
	json_t *by_key; /* records of the ring, by key */
};

struct flow_history {
	struct history_entry *entries;
	size_t limit;
	size_t next; /* where the next record goes */
	size_t n;
	struct history_minute minutes[2];
};

int flow_history_new(size_t limit, struct flow_history **ret)
{
	struct flow_history *h;

	if (!limit)
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->limit = limit;
	h->entries = calloc(limit, sizeof(*h->entries));
	h->minutes[0].by_key = json_object();
	h->minutes[1].by_key = json_object();
	if (!h->entries || !h->minutes[0].by_key || !h->minutes[1].by_key) {
		flow_history_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

static void history_forget(struct flow_history *h, struct history_entry *entry)
{
	struct history_minute *minute = &h->minutes[entry->minute & 1];

	if (entry->key && minute->minute == entry->minute)
		json_object_del(minute->by_key, entry->key);
	json_decref(entry->record);
	free(entry->key);
	*entry = (struct history_entry){ 0 };
}

void flow_history_free(struct flow_history *h)
{
	if (!h)
		return;
	for (size_t i = 0; h->entries && i < h->limit; i++)
		history_forget(h, &h->entries[i]);
	json_decref(h->minutes[0].by_key);
	json_decref(h->minutes[1].by_key);
	free(h->entries);
	free(h);
}

/* Takes record and key. */
static void history_add(struct flow_history *h, json_t *record, char *key, uint64_t minute)
{
	struct history_entry *entry = &h->entries[h->next];

	history_forget(h, entry);
	*entry = (struct history_entry){ .record = record, .key = key, .minute = minute };
	h->next = (h->next + 1) % h->limit;
	if (h->n < h->limit)
		h->n++;
}

int flow_history_add_flow(struct flow_history *h, const struct flow *flow, const struct event_names *names)
{
	json_t *record = flow_json(flow, names);

	if (!record)
		return -ENOMEM;
	history_add(h, record, NULL, 0);
	return 0;
}

int flow_history_each(struct flow_history *h, int (*each)(void *ctx, json_t *record), void *ctx)
{
	size_t oldest = (h->next + h->limit - h->n) % h->limit;

	for (size_t i = 0; i < h->n; i++) {
		int r = each(ctx, h->entries[(oldest + i) % h->limit].record);

		if (r)
			return r;
	}
	return 0;
}

/* What a denied frame was about, told by the device whose port it met. The texts that a name needs are kept here. */
struct denied {
	char device[128];
	char peer[128];
	char proto[16];
	uint16_t dport;
	bool out;
};

static void copy_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void denied_device(const struct event *event, const struct event_names *names, struct denied *d)
{
	const uint8_t *mac = d->out ? event->src_mac : event->dst_mac;
	char text[16], mac_text[MAC_TEXT_SIZE];
	const char *name = device_label(names, event->device, text);

	copy_text(d->device, sizeof(d->device), name ? name : mac_format(mac, mac_text));
}

static void denied_peer(const struct event *event, const struct event_names *names, struct denied *d)
{
	const struct address *address = d->out ? &event->dst : &event->src;
	const uint8_t *mac = d->out ? event->dst_mac : event->src_mac;
	char text[ADDR_TEXT_SIZE], mac_text[MAC_TEXT_SIZE];
	const char *name;

	if (addr_is_zero(address)) {
		copy_text(d->peer, sizeof(d->peer), mac_format(mac, mac_text));
		return;
	}
	name = owner_label(names, address);
	copy_text(d->peer, sizeof(d->peer), name ? name : addr_format(address, text));
}

static void denied_of_event(const struct event *event, const struct event_names *names, struct denied *ret)
{
	bool icmp = event->proto == IPPROTO_ICMP || event->proto == IPPROTO_ICMPV6;
	char text[16];

	ret->out = event->dir == CORDON_DIR_FROM_DEVICE;
	ret->dport = icmp ? 0 : event->dport;
	copy_text(ret->proto, sizeof(ret->proto), proto_name(event->ethertype, event->proto, text));
	denied_device(event, names, ret);
	denied_peer(event, names, ret);
}

/* From the IP header up, as flows count; every frame that this event stands for is taken to be as long as this one. */
static uint64_t denied_bytes(const struct event *event)
{
	uint64_t link = ETH_HLEN + (event->vlan ? 4 : 0);

	return event->length > link ? (event->length - link) * event->count : 0;
}

static json_t *denied_json(const struct denied *d, const struct event *event, const struct event_names *names)
{
	_cleanup_json_ json_t *record = json_object();
	char text[16];

	if (!record ||
	    !(put_epoch(record, "ts", event->time) &&
	      put_text(record, "device", d->device) &&
	      put_text(record, "peer", d->peer) &&
	      put_text(record, "name", "") &&
	      put_text(record, "dir", d->out ? "out" : "in") &&
	      put_text(record, "proto", d->proto) &&
	      put_number(record, "dport", d->dport) &&
	      put_number(record, "packets", event->count) &&
	      put_number(record, "bytes", denied_bytes(event)) &&
	      put_number(record, "rpackets", 0) &&
	      put_number(record, "rbytes", 0) &&
	      put_text(record, "verdict", verdict_name(event->verdict)) &&
	      put_text(record, "reason", reason_name(event->reason)) &&
	      put_text(record, "rule", rule_label(names, event->generation, event->rule, text)) &&
	      put_time(record, "start", event->time) &&
	      put_time(record, "last", event->time)))
		return NULL;
	return take_ptr(record);
}

static int denied_count_up(json_t *record, const struct event *event)
{
	uint64_t packets = (uint64_t)json_integer_value(json_object_get(record, "packets"));
	uint64_t bytes = (uint64_t)json_integer_value(json_object_get(record, "bytes"));

	return put_number(record, "packets", packets + event->count) && put_number(record, "bytes", bytes + denied_bytes(event)) &&
	       put_time(record, "last", event->time) ? 0 : -ENOMEM;
}

/* The table of this minute, emptied if it was of an older one; NULL for an event that comes more than a minute late. */
static json_t *history_minute(struct flow_history *h, uint64_t minute)
{
	struct history_minute *slot = &h->minutes[minute & 1];

	if (slot->minute > minute)
		return NULL;
	if (slot->minute < minute) {
		json_object_clear(slot->by_key);
		slot->minute = minute;
	}
	return slot->by_key;
}

/* Mode audit lets in what policy denies and keeps a row of it in the flow table: that row counts, this event only says so. */
static bool told_by_its_flow(const struct event *event)
{
	bool by_policy = event->reason == CORDON_REASON_DEFAULT_DENY || event->reason == CORDON_REASON_DENY_RULE ||
			 event->reason == CORDON_REASON_UNAUTHENTICATED;

	return by_policy && event->verdict == CORDON_VERDICT_WOULD_DENY;
}

int flow_history_add_event(struct flow_history *h, const struct event *event, const struct event_names *names)
{
	uint64_t minute = event->time / (60 * NS_PER_S); /* of the boot clock: the wall's may be set back */
	_cleanup_json_ json_t *record = NULL;
	_cleanup_free_ char *key = NULL;
	json_t *by_key, *known;
	struct denied d;

	if (event->verdict == CORDON_VERDICT_ALLOW || !event->count || told_by_its_flow(event))
		return 0;
	denied_of_event(event, names, &d);
	key = format_text("%s %s %s %u %u %u", d.device, d.peer, d.proto, d.dport, d.out, event->verdict);
	if (!key)
		return -ENOMEM;

	by_key = history_minute(h, minute);
	known = by_key ? json_object_get(by_key, key) : NULL;
	if (known)
		return denied_count_up(known, event);

	record = denied_json(&d, event, names);
	if (!record || (by_key && json_object_set_nocheck(by_key, key, record)))
		return -ENOMEM;
	history_add(h, take_ptr(record), take_ptr(key), minute);
	return 0;
}
