/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/clock.h"
#include "record.h"

void record_unref(json_t **record)
{
	json_decref(*record);
}

bool put_text(json_t *record, const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	/* Interface names may be any bytes; JSON is UTF-8. */
	if (!value)
		value = json_string("?");
	return !json_object_set_new(record, key, value);
}

bool put_number(json_t *record, const char *key, uint64_t number)
{
	return !json_object_set_new(record, key, json_integer((json_int_t)number));
}

bool put_address(json_t *record, const char *key, const struct address *address)
{
	char text[ADDR_TEXT_SIZE];

	return put_text(record, key, addr_format(address, text));
}

bool put_mac(json_t *record, const char *key, const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	return put_text(record, key, mac_format(mac, text));
}

bool put_time(json_t *record, const char *key, uint64_t boot_ns)
{
	char text[TIME_TEXT_SIZE];

	return put_text(record, key, time_format(clock_wall_of_boot(boot_ns), text));
}

bool put_epoch(json_t *record, const char *key, uint64_t boot_ns)
{
	double seconds = (double)(clock_wall_of_boot(boot_ns) / 1000000) / 1000;

	return !json_object_set_new(record, key, json_real(seconds));
}

bool put_tcp_flags(json_t *record, const char *key, uint8_t flags)
{
	static const char letters[] = "FSRPAUEC";
	char text[9];
	size_t n = 0;

	for (unsigned int bit = 0; bit < 8; bit++)
		if (flags & 1 << bit)
			text[n++] = letters[bit];
	text[n] = '\0';
	return put_text(record, key, text);
}

static const char *numbered(uint32_t number, char text[16])
{
	snprintf(text, 16, "#%u", number);
	return text;
}

const char *device_label(const struct event_names *names, uint32_t row, char text[16])
{
	const char *name;

	if (row == CORDON_DEVICE_NONE)
		return NULL;
	if (row == CORDON_DEVICE_GATEWAY)
		return "gateway";
	name = names->device ? names->device(names->ctx, row) : NULL;
	return name ? name : numbered(row, text);
}

const char *rule_label(const struct event_names *names, uint32_t generation, uint32_t rule, char text[16])
{
	const char *name;

	if (rule == CORDON_RULE_NONE)
		return NULL;
	name = names->rule ? names->rule(names->ctx, generation, rule) : NULL;
	return name ? name : numbered(rule, text);
}

const char *port_label(const struct event_names *names, uint32_t number, char text[16])
{
	const char *name;

	if (number == CORDON_PORT_NONE)
		return NULL;
	name = names->port ? names->port(names->ctx, number) : NULL;
	return name ? name : numbered(number, text);
}

const char *owner_label(const struct event_names *names, const struct address *address)
{
	return names->device_of_address ? names->device_of_address(names->ctx, address) : NULL;
}
