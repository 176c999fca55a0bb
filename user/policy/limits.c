/* SPDX-License-Identifier: Apache-2.0 */
/* `limits:` from text to numbers and back, and whose of them a device has. */
#include "limits.h"

#include <stdlib.h>
#include <string.h>

#include "parse.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* "8mbit": the number, and its unit or NULL. */
static const struct unit *unit_find(const char *text, const struct unit *units, size_t n, uint64_t *ret_number)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 12)
		return NULL;
	*ret_number = strtoull(text, NULL, 10);
	for (size_t i = 0; i < n; i++)
		if (strcmp(text + digits, units[i].name) == 0)
			return &units[i];
	return NULL;
}

static const struct unit times[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}};

/* The kernel counts by the second, so a rate that is no whole number of it would be another than the one that is written. */
static void parse_rate(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a rate");
	const struct unit *unit;
	uint64_t number = 0;

	(void)arg;
	if (!text)
		return;
	unit = unit_find(text, times, sizeof(times) / sizeof(times[0]), &number);
	if (!unit)
		form_error(f, value, "expected a rate like 10/s or 600/m, not `%.64s`", text);
	else if (number == 0 || number % unit->factor)
		form_error(f, value, "`%.64s` is %s a second; expected at least 1/s and a whole number, as in 10/s or 600/m", text,
			   number < unit->factor ? "less than one" : "no whole number");
	else if (number / unit->factor > LIMIT_MAX_PACKETS)
		form_error(f, value, "`%.64s` is more than %u/s, the most that can be counted; leave the limit out", text, LIMIT_MAX_PACKETS);
	else
		*(uint32_t *)field = (uint32_t)(number / unit->factor);
}

static const struct unit bits[] = {{"gbit", 1000000000}, {"mbit", 1000000}, {"kbit", 1000}, {"bit", 1}};
#define MIN_BITS 1000
#define MAX_BITS (LIMIT_MAX_BYTES * 8)

static void parse_bitrate(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a bit rate");
	const struct unit *unit;
	uint64_t number = 0;

	(void)arg;
	if (!text)
		return;
	unit = unit_find(text, bits, sizeof(bits) / sizeof(bits[0]), &number);
	if (!unit)
		form_error(f, value, "expected bits a second like 500kbit or 8mbit (bit, kbit, mbit, gbit), not `%.64s`", text);
	else if (number > MAX_BITS / unit->factor || number * unit->factor < MIN_BITS)
		form_error(f, value, "expected a rate from 1kbit to 100gbit, not `%.64s`", text);
	else
		*(uint64_t *)field = number * unit->factor / 8;
}

static const struct form_range flow_range = {1, 4000000};

static const struct form_key limit_keys[] = {
	{.name = "flows", .parse = form_number, .offset = offsetof(struct policy_limits, flows), .arg = &flow_range},
	{.name = "new_flows", .parse = parse_rate, .offset = offsetof(struct policy_limits, new_flows)},
	{.name = "rate", .parse = parse_bitrate, .offset = offsetof(struct policy_limits, rate)},
	{.name = "packets", .parse = parse_rate, .offset = offsetof(struct policy_limits, packets)},
};
static const struct form_table limit_table = FORM_TABLE("limits", limit_keys);

void parse_limits(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	form_mapping(f, value, &limit_table, field);
}

static struct policy_limits limits_over(struct policy_limits first, struct policy_limits then)
{
	return (struct policy_limits){
		.rate = first.rate ?: then.rate,
		.packets = first.packets ?: then.packets,
		.new_flows = first.new_flows ?: then.new_flows,
		.flows = first.flows ?: then.flows,
		.critical = then.critical,
	};
}

static struct policy_limits limits_of_segment(const struct policy *policy, uint32_t index)
{
	struct policy_limits limits = policy->segments[index].limits;

	limits.critical = policy->segments[index].critical;
	return limits;
}

struct policy_limits limits_of(const struct policy *policy, const struct policy_device *device)
{
	if (!device)
		return limits_of_segment(policy, POLICY_SEGMENT_UNKNOWN);
	return limits_over(device->limits, limits_of_segment(policy, device->segment));
}

struct policy_limits limits_unauthenticated(const struct policy *policy, const struct policy_device *device)
{
	struct policy_limits while_unproved = limits_over(device->limits, policy->segments[POLICY_SEGMENT_UNAUTHENTICATED].limits);

	return limits_over(while_unproved, policy->segments[device->segment].limits);
}

bool limits_are_none(const struct policy_limits *limits)
{
	return !limits->rate && !limits->packets && !limits->new_flows && !limits->flows && !limits->critical;
}

static int part_add(struct buf *b, size_t begin, const char *name, uint64_t number, const char *unit)
{
	return number ? buf_addf(b, "%s%s %llu%s", b->size > begin ? ", " : "", name, (unsigned long long)number, unit) : 0;
}

int limits_add_text(struct buf *b, const struct policy_limits *limits)
{
	const struct unit *unit = bits;
	size_t begin = b->size;
	int r;

	while (limits->rate * 8 % unit->factor)
		unit++;
	r = part_add(b, begin, "flows", limits->flows, "");
	if (r >= 0)
		r = part_add(b, begin, "new_flows", limits->new_flows, "/s");
	if (r >= 0)
		r = part_add(b, begin, "rate", limits->rate * 8 / unit->factor, unit->name);
	if (r >= 0)
		r = part_add(b, begin, "packets", limits->packets, "/s");
	if (r >= 0 && limits->critical)
		r = buf_addf(b, "%scritical", b->size > begin ? ", " : "");
	return r >= 0 && limits_are_none(limits) ? buf_addf(b, "none") : r;
}
