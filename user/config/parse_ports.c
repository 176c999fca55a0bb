/* SPDX-License-Identifier: Apache-2.0 */
#include <net/if.h>
#include <string.h>

#include "../lib/addr.h"
#include "parse.h"

static struct place place_of(const struct yaml_node *node)
{
	return (struct place){.line = yaml_line(node), .column = yaml_column(node)};
}

bool config_interface_ok(struct form *f, const struct yaml_node *key, bool globs)
{
	const char *name = yaml_text(f->tree, key);

	if (yaml_node_kind(key) == YAML_REFUSED)
		return false;
	if (*name && strlen(name) < IFNAMSIZ && !strpbrk(name, " /:\t\n") && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	    (globs || !strpbrk(name, "*?[")))
		return true;
	form_error(f, key, "`%.64s` is no interface name%s: at most %d characters, no blanks, `/` or `:`", name, globs ? " or glob" : "", IFNAMSIZ - 1);
	return false;
}

static void add_vlan(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct config_port *port = field;
	uint32_t number = UINT32_MAX;
	uint16_t *item;

	form_number(f, value, &number, arg);
	item = number == UINT32_MAX ? NULL : form_add(f, &port->vlans, &port->n_vlans, sizeof(*item));
	if (item)
		*item = (uint16_t)number;
}

static void parse_vlans(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "a VLAN number", add_vlan, field, arg);
}

static void parse_priority_tag(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const char *const choices[] = {"refuse", "accept"};
	static const struct form_words choice_words = FORM_WORDS("what to do with priority tags", choices);
	int choice = 0;

	(void)arg;
	form_word(f, value, &choice, &choice_words);
	*(bool *)field = choice == 1;
}

static const char *const mode_names[] = {
#define X(id, word) word,
	CORDON_MODES(X)
#undef X
};
static const struct form_words mode_words = FORM_WORDS("a mode", mode_names);

#define FIELD(name_) offsetof(struct config_port, name_)
static const struct form_key port_keys[] = {
	{.name = "place", .parse = form_id, .offset = FIELD(place)},
	{.name = "group", .parse = form_id, .offset = FIELD(group)},
	{.name = "vlans", .parse = parse_vlans, .arg = &(const struct form_range){1, 4094}},
	{.name = "priority_tag", .parse = parse_priority_tag, .offset = FIELD(priority_tag)},
	{.name = "mode", .parse = form_word, .offset = FIELD(mode), .arg = &mode_words},
	{.name = "max_devices", .parse = form_number, .offset = FIELD(max_devices), .arg = &(const struct form_range){1, CONFIG_MAX_DEVICES}},
};
#undef FIELD
static const struct form_table port_table = FORM_TABLE("a port", port_keys);

void config_parse_ports(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct gateway_config *config = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "ports"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		struct config_port *port;

		if (!config_interface_ok(f, k, true))
			continue;
		port = form_add(f, &config->ports, &config->n_ports, sizeof(*port));
		if (!port)
			return;
		port->pattern = form_copy(f, yaml_text(f->tree, k));
		port->mode = -1;
		port->at = place_of(k);
		form_mapping(f, yaml_value(f->tree, k), &port_table, port);
	}
}

static const char *const trust_names[] = {
#define X(id, word) word,
	CONFIG_TRUSTS(X)
#undef X
};
static const struct form_words trust_words = FORM_WORDS("what an uplink may be trusted with", trust_names);

static const struct form_key uplink_keys[] = {
	{.name = "trusted", .parse = form_bits, .offset = offsetof(struct config_uplink, trusted), .arg = &trust_words},
};
static const struct form_table uplink_table = FORM_TABLE("an uplink", uplink_keys);

void config_parse_uplinks(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct gateway_config *config = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "uplinks"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		struct config_uplink *uplink;

		if (!config_interface_ok(f, k, true))
			continue;
		uplink = form_add(f, &config->uplinks, &config->n_uplinks, sizeof(*uplink));
		if (!uplink)
			return;
		uplink->pattern = form_copy(f, yaml_text(f->tree, k));
		uplink->at = place_of(k);
		form_mapping(f, yaml_value(f->tree, k), &uplink_table, uplink);
	}
}

static void add_router(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct gateway_config *config = field;
	const char *text = form_scalar(f, value, "a router's MAC, or vrrp:ID");
	struct config_router router = {0}, *item;
	uint32_t id;

	(void)arg;
	if (!text)
		return;
	if (strncmp(text, "vrrp:", 5) == 0 && number_parse(text + 5, 255, &id) && id > 0) {
		/* RFC 5798: the virtual router's IPv4 MAC; the IPv6 one has 02 in the fifth byte */
		router = (struct config_router){.mac = {0x00, 0x00, 0x5e, 0x00, 0x01, (uint8_t)id}, .vrrp = (uint8_t)id};
	} else if (mac_parse(text, router.mac) < 0) {
		form_error(f, value, "expected a MAC like \"aa:bb:cc:00:11:22\" or vrrp:ID with an ID from 1 to 255, not `%.64s`", text);
		return;
	}
	item = form_add(f, &config->routers, &config->n_routers, sizeof(*item));
	if (item)
		*item = router;
}

void config_parse_routers(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	if (yaml_node_kind(value) != YAML_SEQUENCE || yaml_first(f->tree, value))
		form_each(f, value, "a router's MAC", add_router, field, arg);
}
