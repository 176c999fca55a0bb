/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "record.h"

#define COLOUR_RED "\033[31m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_GREEN "\033[32m"
#define COLOUR_OFF "\033[0m"

static const char *text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

/* Names come from interfaces and files: none may steer the terminal. */
static int add_text(struct buf *b, const char *text)
{
	int r = 0;

	for (; *text && !r; text++) {
		unsigned char c = (unsigned char)*text;

		r = buf_add(b, c < 0x20 || c == 0x7f ? "?" : text, 1);
	}
	return r;
}

/* "10:41:07.112" of "2026-11-22T10:41:07.112Z" */
static int add_time(struct buf *b, const char *ts)
{
	const char *t = strchr(ts, 'T'), *z = t ? strchr(t, 'Z') : NULL;

	return z ? buf_add(b, t + 1, (size_t)(z - t - 1)) : add_text(b, ts);
}

/* What happened, in capitals: the verdict; where nothing was denied and no flow begun, the kind. */
static int add_verdict(struct buf *b, const json_t *event, bool colour)
{
	const char *kind = text_of(event, "kind"), *verdict = text_of(event, "verdict");
	bool allowed = !strcmp(verdict, verdict_name(CORDON_VERDICT_ALLOW));
	bool by_kind = allowed && strcmp(kind, event_kind_name(CORDON_EVENT_FLOW));
	const char *on = COLOUR_YELLOW;
	int r;

	if (allowed)
		on = COLOUR_GREEN;
	else if (!strcmp(verdict, verdict_name(CORDON_VERDICT_DENY)))
		on = COLOUR_RED;
	r = buf_addf(b, " %s", colour ? on : "");
	for (const char *c = by_kind ? kind : verdict; *c && !r; c++) {
		char upper = (char)toupper((unsigned char)*c);

		r = add_text(b, (char[]){ upper, '\0' });
	}
	return r ? r : buf_addf(b, "%s", colour ? COLOUR_OFF : "");
}

/* " camera 192.168.50.11:41822", " camera [fd00::b]:5353", " 02:00:00:00:00:01" */
static int add_end(struct buf *b, const char *device, const char *address, const char *mac, json_int_t port)
{
	int r = 0;

	if (*device) {
		r = buf_add(b, " ", 1);
		r = r ? r : add_text(b, device);
	}
	if (r || (!*address && *device && !*mac))
		return r;
	if (!*address)
		return buf_add(b, " ", 1) ?: add_text(b, *mac ? mac : "?");
	if (!port)
		return buf_add(b, " ", 1) ?: add_text(b, address);
	r = buf_add(b, strchr(address, ':') ? " [" : " ", strchr(address, ':') ? 2 : 1);
	r = r ? r : add_text(b, address);
	return r ? r : buf_addf(b, "%s:%lld", strchr(address, ':') ? "]" : "", (long long)port);
}

/* The device of this end: the owner of the address, or the frame's device if it is its end and has no other name. */
static const char *end_device(const json_t *event, bool source)
{
	const char *owner = text_of(event, source ? "src_device" : "dst_device");
	bool from_device = !strcmp(text_of(event, "dir"), dir_name(CORDON_DIR_FROM_DEVICE));

	if (*owner || source != from_device)
		return owner;
	return text_of(event, "device");
}

static int add_ends(struct buf *b, const json_t *event)
{
	int r;

	r = add_end(b, end_device(event, true), text_of(event, "src"), text_of(event, "src_mac"), number_of(event, "sport"));
	r = r ? r : buf_addf(b, " →");
	return r ? r : add_end(b, end_device(event, false), text_of(event, "dst"), text_of(event, "dst_mac"), number_of(event, "dport"));
}

static int add_why(struct buf *b, const json_t *event)
{
	const char *rule = text_of(event, "rule"), *port = text_of(event, "port");
	json_int_t count = number_of(event, "count");
	int r;

	r = buf_add(b, " ", 1) ?: add_text(b, text_of(event, "proto"));
	if (!r && json_object_get(event, "icmp_type"))
		r = buf_addf(b, "/%lld", (long long)number_of(event, "icmp_type"));
	r = r ?: buf_add(b, "  ", 2) ?: add_text(b, text_of(event, "reason"));
	if (!r && *rule)
		r = buf_add(b, " rule=", 6) ?: add_text(b, rule);
	if (!r && *port)
		r = buf_add(b, " port=", 6) ?: add_text(b, port);
	return !r && count > 1 ? buf_addf(b, "  x%lld", (long long)count) : r;
}

/* " INTEGRITY p1: a sentence" */
static int add_integrity(struct buf *b, const json_t *event, bool colour)
{
	const char *port = text_of(event, "port");
	int r = buf_addf(b, " %sINTEGRITY%s", colour ? COLOUR_RED : "", colour ? COLOUR_OFF : "");

	if (!r && *port)
		r = buf_add(b, " ", 1) ?: add_text(b, port) ?: buf_add(b, ":", 1);
	return r ?: buf_add(b, " ", 1) ?: add_text(b, text_of(event, "text"));
}

int event_line_of_json(const json_t *event, bool colour, struct buf *ret)
{
	_cleanup_buf_ struct buf line = { 0 };
	int r;

	if (!strcmp(text_of(event, "kind"), EVENT_INTEGRITY))
		r = add_time(&line, text_of(event, "ts")) ?: add_integrity(&line, event, colour);
	else
		r = add_time(&line, text_of(event, "ts")) ?: add_verdict(&line, event, colour) ?: add_ends(&line, event) ?: add_why(&line, event);
	return r ? r : buf_add(ret, line.data, line.size);
}

int event_line(const struct event *event, const struct event_names *names, bool colour, struct buf *ret)
{
	_cleanup_json_ json_t *record = event_json(event, names);

	return record ? event_line_of_json(record, colour, ret) : -ENOMEM;
}
