/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "parse.h"

#define MAX_BUILTIN 2

/* Unused slots have `last` 0. */
static const struct builtin {
	const char *name;
	struct service_range ranges[MAX_BUILTIN];
} builtins[] = {
	{"dns", {{POLICY_SERVICE_UDP, 53, 53}, {POLICY_SERVICE_TCP, 53, 53}}},
	{"dhcp", {{POLICY_SERVICE_UDP, 67, 67}, {POLICY_SERVICE_UDP, 547, 547}}},
	{"ntp", {{POLICY_SERVICE_UDP, 123, 123}}},
	{"mdns", {{POLICY_SERVICE_UDP, 5353, 5353}}},
	{"ssdp", {{POLICY_SERVICE_UDP, 1900, 1900}}},
	{"coap", {{POLICY_SERVICE_UDP, 5683, 5684}}},
	{"mqtt", {{POLICY_SERVICE_TCP, 1883, 1883}}},
	{"mqtts", {{POLICY_SERVICE_TCP, 8883, 8883}}},
	{"http", {{POLICY_SERVICE_TCP, 80, 80}}},
	{"https", {{POLICY_SERVICE_TCP, 443, 443}}},
	{"modbus", {{POLICY_SERVICE_TCP, 502, 502}}},
	{"opcua", {{POLICY_SERVICE_TCP, 4840, 4840}}},
	{"bacnet", {{POLICY_SERVICE_UDP, 47808, 47808}}},
};

/* What may stand before the slash; `names` are words for numbers (ICMP types). */
static const struct space {
	const char *name;
	enum policy_service_space space;
	uint32_t min, max;
	const char *what;
	bool range;
	struct {
		const char *word;
		uint32_t number;
	} names[6];
} spaces[] = {
	{"tcp", POLICY_SERVICE_TCP, 1, 65535, "a port from 1 to 65535, or a range like 6970-6999", true, {{0}}},
	{"udp", POLICY_SERVICE_UDP, 1, 65535, "a port from 1 to 65535, or a range like 6970-6999", true, {{0}}},
	{"sctp", POLICY_SERVICE_SCTP, 1, 65535, "a port from 1 to 65535, or a range like 6970-6999", true, {{0}}},
	{"icmp", POLICY_SERVICE_ICMP, 0, 255, "echo, timestamp, or a type from 0 to 255", false, {{"echo", 8}, {"timestamp", 13}}},
	{"icmp6", POLICY_SERVICE_ICMP6, 0, 255, "echo, or a type from 0 to 255", false, {{"echo", 128}}},
	{"proto", POLICY_SERVICE_PROTO, 0, 255, "an IP protocol number from 0 to 255", false, {{0}}},
	{"eth", POLICY_SERVICE_ETH, 0x600, 0xffff, "an ethertype from 0x0600 to 0xffff", false, {{0}}},
};

static const struct space *space_find(const char *text, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if (strlen(spaces[i].name) == n && strncmp(spaces[i].name, text, n) == 0)
			return &spaces[i];
	return NULL;
}

static bool bounds_parse(const struct space *space, const char *text, struct service_range *ret)
{
	const char *dash = space->range ? strchr(text, '-') : NULL;
	_cleanup_free_ char *first = dash ? strndup(text, (size_t)(dash - text)) : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(space->names) && space->names[i].word; i++) {
		if (strcmp(space->names[i].word, text) == 0) {
			ret->first = ret->last = space->names[i].number;
			return true;
		}
	}
	if (!number_parse(first ?: text, space->max, &ret->first))
		return false;
	ret->last = ret->first;
	if (dash && !number_parse(dash + 1, space->max, &ret->last))
		return false;
	return ret->first >= space->min && ret->first <= ret->last;
}

/* Protocols that have a space of their own are written there. */
static const char *better_word(const struct service_range *range)
{
	static const struct {
		uint32_t number;
		const char *word;
	} own[] = {{1, "icmp/TYPE"}, {6, "tcp/PORT"}, {17, "udp/PORT"}, {58, "icmp6/TYPE"}, {132, "sctp/PORT"}};

	for (size_t i = 0; range->space == POLICY_SERVICE_PROTO && i < ARRAY_SIZE(own); i++)
		if (own[i].number == range->first)
			return own[i].word;
	if (range->space == POLICY_SERVICE_ETH && (range->first == 0x0800 || range->first == 0x86dd))
		return "a service of IP, or any";
	if (range->space == POLICY_SERVICE_ETH && (range->first == 0x0806 || range->first == 0x8100 || range->first == 0x88a8))
		return "no rule: ARP and VLAN tags follow from the other rules";
	return NULL;
}

/* "tcp/443"; false if there is no such service (told) */
static bool slashed_parse(struct form *f, const struct yaml_node *node, const char *text, struct service_range *ret)
{
	const char *slash = strchr(text, '/'), *better;
	const struct space *space = space_find(text, (size_t)(slash - text));

	if (!space) {
		form_error(f, node, "`%.64s`: expected tcp/, udp/, sctp/, icmp/, icmp6/, proto/ or eth/ before the number", text);
		return false;
	}
	ret->space = space->space;
	if (!bounds_parse(space, slash + 1, ret)) {
		form_error(f, node, "`%.64s`: expected %s after `%s/`", text, space->what, space->name);
		return false;
	}
	better = better_word(ret);
	if (better)
		form_error(f, node, "`%.64s`: write %s", text, better);
	return !better;
}

struct service_names {
	const struct symbols *symbols;
};

static const char *service_name_at(void *ctx, size_t i)
{
	const struct service_names *names = ctx;

	if (i == 0)
		return "any";
	i--;
	return i < ARRAY_SIZE(builtins) ? builtins[i].name : names->symbols->items[i - ARRAY_SIZE(builtins)].name;
}

static void tell_unknown(struct parser *p, const struct yaml_node *node, const char *text)
{
	struct service_names names = {.symbols = &p->symbols[SYMBOL_SERVICE]};
	const char *near;

	if (p->incomplete)
		return;
	near = name_nearest(text, service_name_at, &names, 1 + ARRAY_SIZE(builtins) + names.symbols->n);
	if (near)
		form_error(&p->form, node, "unknown service `%.64s`; did you mean `%s`?", text, near);
	else
		form_error(&p->form, node, "unknown service `%.64s`; expected one like tcp/443, any, a built-in one (dns, ntp, https, …) or a name from `services:`",
			   text);
}

static void add_ranges(struct form *f, struct services *list, const struct service_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct service_range *item = form_add(f, &list->items, &list->n, sizeof(*item));

		if (item)
			*item = ranges[i];
	}
}

static const struct builtin *builtin_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	return NULL;
}

/* The ranges that a word means; *ret points into a table, a named list, or at *one. 0: none (told). */
static size_t word_ranges(struct parser *p, const struct yaml_node *node, const char *text, bool named_ok, struct service_range *one,
			  const struct service_range **ret)
{
	const struct builtin *builtin = builtin_find(text);
	uint32_t index;

	*ret = one;
	if (strcmp(text, "any") == 0) {
		*one = (struct service_range){.space = POLICY_SERVICE_ANY};
		return 1;
	}
	if (strchr(text, '/'))
		return slashed_parse(&p->form, node, text, one);
	if (builtin) {
		*ret = builtin->ranges;
		return 1 + (builtin->ranges[1].last > 0);
	}
	index = symbol_find(p, SYMBOL_SERVICE, text);
	if (index == POLICY_NONE) {
		tell_unknown(p, node, text);
		return 0;
	}
	if (!named_ok) {
		form_error(&p->form, node, "`%.64s` is a named list itself; a list in `services:` holds services and built-in names only", text);
		return 0;
	}
	*ret = p->services[index].items;
	return p->services[index].n;
}

struct service_adding {
	struct services *list;
	struct buf text;
	bool named_ok;
};

static void add_service(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct service_adding *adding = field;
	const char *text = form_scalar(f, value, "a service like tcp/443");
	const struct service_range *ranges;
	struct service_range one = {0};
	size_t n;

	(void)arg;
	if (!text)
		return;
	n = word_ranges(parser_of(f), value, text, adding->named_ok, &one, &ranges);
	add_ranges(f, adding->list, ranges, n);
	if (buf_addf(&adding->text, "%s%.64s", adding->text.size ? ", " : "", text) < 0)
		f->no_memory = true;
}

static void add_services(struct form *f, const struct yaml_node *value, struct services *list, bool named_ok)
{
	struct service_adding adding = {.list = list, .named_ok = named_ok};

	form_each(f, value, "a service", add_service, &adding, NULL);
	free(list->text);
	list->text = form_copy(f, buf_text(&adding.text));
	buf_done(&adding.text);
}

void parse_service_list(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	add_services(f, value, field, true);
}

void parse_services(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct parser *p = parser_of(f);

	(void)field;
	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "services"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		const char *name = yaml_text(f->tree, k);
		uint32_t index;

		if (yaml_node_kind(k) == YAML_REFUSED)
			continue;
		index = symbol_take(p, SYMBOL_SERVICE, name);
		if (builtin_find(name) || strcmp(name, "any") == 0)
			form_error(f, k, "service `%s` is built in; choose another name", name);
		else if (!form_id_ok(name))
			form_error(f, k, "`%.64s` is no name for a service: letters, digits, `_`, `.` and `-`", name);
		add_services(f, yaml_value(f->tree, k), &p->services[index], false);
	}
}

bool parse_service_one(struct parser *p, const struct yaml_node *value, struct service_range *ret)
{
	const char *text = form_scalar(&p->form, value, "a service like tcp/443");
	const struct service_range *ranges;
	struct service_range one = {0};
	size_t n = text ? word_ranges(p, value, text, true, &one, &ranges) : 0;

	if (n == 0)
		return false;
	if (n > 1 || ranges[0].space == POLICY_SERVICE_ANY || ranges[0].first != ranges[0].last) {
		form_error(&p->form, value, "a test asks for one service like tcp/443, and `%.64s` is several", text);
		return false;
	}
	*ret = ranges[0];
	return true;
}
