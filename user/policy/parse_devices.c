/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "parse.h"

struct device_form {
	struct policy_device device;
	struct prefixes_field routes;
	bool cert;
};

static void parse_mac(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_device *device = field;
	const char *text = form_scalar(f, value, "a MAC address");

	(void)arg;
	if (!text)
		return;
	if (mac_parse(text, device->mac) == 0)
		device->has_mac = true;
	else
		form_error(f, value, "expected the MAC of one device like \"aa:bb:cc:00:11:22\" (not a multicast or zero one), not `%.64s`", text);
}

/* Addresses that no device can have. */
static bool address_is_special(const struct address *a)
{
	static const struct address loopback = {.byte = {[15] = 1}};

	if (!addr_is_v4(a))
		return addr_is_zero(a) || addr_equal(a, &loopback) || a->byte[0] == 0xff;
	return a->byte[12] == 0 || a->byte[12] == 127 || a->byte[12] >= 224;
}

static void add_address(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_device *device = field;
	const char *text = form_scalar(f, value, "an IP address");
	struct address address, *item;

	(void)arg;
	if (!text)
		return;
	if (addr_parse(text, &address) < 0) {
		form_error(f, value, "expected an address like 192.168.1.31 or fd00::1, not `%.64s`", text);
		return;
	}
	if (address_is_special(&address)) {
		form_error(f, value, "`%.64s` is no address that one device can have", text);
		return;
	}
	item = form_add(f, &device->addresses, &device->n_addresses, sizeof(*item));
	if (item)
		*item = address;
}

static void parse_addresses(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "an IP address", add_address, field, arg);
}

/* `location` and `vlan` are facts that the dataplane needs too. */
static void parse_device_facts(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_device *device = field;

	(void)arg;
	parse_facts(parser_of(f), value, &device->facts, &device->n_facts);
	for (size_t i = 0; i < device->n_facts; i++) {
		const struct fact *fact = &device->facts[i];

		if (!fact->name || !fact->value)
			return;
		if (strcmp(fact->name, "location") == 0 && !device->location)
			device->location = form_copy(f, fact->value);
		if (strcmp(fact->name, "vlan") == 0)
			device->vlan = (uint16_t)strtoul(fact->value, NULL, 10);
	}
}

static void parse_san(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	if (form_scalar(f, value, "a subject alternative name"))
		*(bool *)field = true;
}

static void parse_sans(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "a subject alternative name", parse_san, field, arg);
}

static const struct form_key cert_keys[] = {
	{.name = "san", .parse = parse_sans, .required = true},
};
static const struct form_table cert_table = FORM_TABLE("a certificate", cert_keys);

static void parse_cert(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	form_mapping(f, value, &cert_table, field);
}

static const char *const servings[] = {"dns", "dhcp", "ntp", "ra", "ra-routes"};
static const struct form_words serving_words = FORM_WORDS("what a device can serve", servings);

static void parse_serves(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	uint32_t bits = 0;

	(void)field;
	form_bits(f, value, &bits, arg);
}

static const enum symbol_kind segment_kind = SYMBOL_SEGMENT;

#define FIELD(name_) offsetof(struct device_form, device.name_)
static const struct form_key device_keys[] = {
	{.name = "id", .parse = form_id, .offset = FIELD(id), .required = true},
	{.name = "segment", .parse = parse_reference, .offset = FIELD(segment), .arg = &segment_kind},
	{.name = "mode", .parse = parse_mode, .offset = FIELD(mode)},
	{.name = "mac", .parse = parse_mac, .offset = offsetof(struct device_form, device)},
	{.name = "ip", .parse = parse_addresses, .offset = offsetof(struct device_form, device)},
	{.name = "limits", .parse = parse_limits, .offset = FIELD(limits)},
	{.name = "facts", .parse = parse_device_facts, .offset = offsetof(struct device_form, device)},
	{.name = "cert", .parse = parse_cert, .offset = offsetof(struct device_form, cert)},
	{.name = "serves", .parse = parse_serves, .arg = &serving_words, .parked = "what a device may serve is not told apart; rules decide"},
	{.name = "routes", .parse = parse_prefixes, .offset = offsetof(struct device_form, routes), .parked = "networks behind a device are not let through"},
};
#undef FIELD
static const struct form_table device_table = FORM_TABLE("a device", device_keys);

static bool names_segment(const struct form *f, const struct yaml_node *item)
{
	for (const struct yaml_node *k = yaml_first(f->tree, item); k; k = yaml_next(f->tree, k))
		if (strcmp(yaml_text(f->tree, k), "segment") == 0)
			return true;
	return false;
}

static void tell_faceless(struct form *f, const struct yaml_node *item, const struct device_form *one)
{
	const char *id = one->device.id ?: "?";

	if (one->device.has_mac || yaml_cut(f->tree))
		return;
	if (one->cert)
		form_warning(f, item, "device `%s` is known by its certificate only, and no certificate is checked yet: without `mac` no frame is known as its own", id);
	else
		form_warning(f, item, "device `%s` has neither `mac` nor `cert`: no frame is known as its own", id);
}

static void parse_device(struct form *f, const struct yaml_node *item, struct policy *policy)
{
	struct parser *p = parser_of(f);
	struct policy_device *device = &policy->devices[symbol_take(p, SYMBOL_DEVICE, "")];
	struct device_form one = {.device = {.segment = POLICY_NONE, .mode = -1}};
	size_t errors = p->d->errors;

	if (form_mapping(f, item, &device_table, &one) && p->d->errors == errors)
		tell_faceless(f, item, &one);
	free(one.routes.items);
	*device = one.device;
	device->place = place_of(p, item);
	device->segment_named = yaml_node_kind(item) == YAML_MAPPING && names_segment(f, item);
	if (device->segment == POLICY_NONE)
		device->segment = POLICY_SEGMENT_UNKNOWN;
	if (!device->id)
		device->id = form_copy(f, "?");
}

void parse_devices(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	if (!form_is(f, value, YAML_SEQUENCE, "devices"))
		return;
	for (const struct yaml_node *item = form_first(f, value); item; item = form_next(f, item))
		parse_device(f, item, field);
}
