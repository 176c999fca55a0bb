/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "../lib/form.h"
#include "parse.h"

#define CONFIG_MAX_DEPTH 8
#define CONFIG_MAX_EVENTS 100000u

struct reading {
	const char *name;
	struct diagnostics *d;
};

static void tell_form(void *ctx, uint32_t line, uint32_t column, bool warning, const char *message)
{
	const struct reading *r = ctx;

	diagnostics_add(r->d, warning, r->name, line, column, "%s", message);
}

static void tell_yaml(void *ctx, uint32_t line, uint32_t column, const char *message)
{
	tell_form(ctx, line, column, false, message);
}

static void parse_version(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "the version of this file's language, 1");

	(void)field;
	(void)arg;
	if (text && strcmp(text, "1") != 0)
		form_error(f, value, "version `%.64s` is not known; this cordon reads version 1", text);
}

static void parse_path(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a path");

	(void)arg;
	if (!text)
		return;
	if (text[0] == '/')
		form_text(f, value, field, NULL);
	else
		form_error(f, value, "expected a whole path that begins with `/`, not `%.64s`", text);
}

static const char *const xdp_names[] = {
#define X(id, word) word,
	CONFIG_XDP(X)
#undef X
};
static const struct form_words xdp_words = FORM_WORDS("a way to attach", xdp_names);

const char *config_xdp_name(enum config_xdp xdp)
{
	return xdp_names[xdp];
}

static void parse_clock(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const char *const names[] = {"kernel", "trusted"};
	static const struct form_words words = FORM_WORDS("whose word is taken for the clock", names);
	int word = 0;

	(void)arg;
	form_word(f, value, &word, &words);
	*(bool *)field = word == 1;
}

static void parse_fail(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const char *const choices[] = {"closed", "open"};
	static const struct form_words choice_words = FORM_WORDS("what a port does before the first policy", choices);
	int choice = 0;

	(void)arg;
	form_word(f, value, &choice, &choice_words);
	*(bool *)field = choice == 1;
}

static void parse_cache(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	uint64_t bytes = CONFIG_MIN_CACHE;

	form_size(f, value, &bytes, arg);
	if (bytes < CONFIG_MIN_CACHE || bytes > CONFIG_MAX_CACHE)
		form_error(f, value, "a flow cache has from 64KiB to 4GiB, over all CPUs together");
	else
		*(uint64_t *)field = bytes;
}

#define FIELD(name_) offsetof(struct gateway_config, name_)
static const struct form_key capacity_keys[] = {
	{.name = "devices", .parse = form_number, .offset = FIELD(max_devices), .arg = &(const struct form_range){1, CONFIG_MAX_DEVICES}},
	{.name = "flows", .parse = form_number, .offset = FIELD(max_flows), .arg = &(const struct form_range){64, CONFIG_MAX_FLOWS}},
	{.name = "cache", .parse = parse_cache, .offset = FIELD(cache_bytes)},
};
#undef FIELD
static const struct form_table capacity_table = FORM_TABLE("capacity", capacity_keys);

static void parse_capacity(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	if (yaml_node_kind(value) == YAML_SCALAR && strcmp(yaml_text(f->tree, value), "auto") == 0)
		return;
	if (yaml_node_kind(value) == YAML_SCALAR)
		form_error(f, value, "expected auto, or {devices: 4096, flows: 65536, cache: 32MiB}");
	else
		form_mapping(f, value, &capacity_table, field);
}

static void parse_mac(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct config_addresses *addresses = field;
	const char *text = form_scalar(f, value, "a MAC address");

	(void)arg;
	if (!text)
		return;
	if (mac_parse(text, addresses->mac) == 0)
		addresses->has_mac = true;
	else
		form_error(f, value, "expected a MAC like \"aa:bb:cc:00:11:22\", not `%.64s`", text);
}

/* "10.0.0.1/24": an address together with the length of its network; alone it is a host. */
static bool address_parse(const char *text, struct config_address *ret)
{
	const char *slash = strchr(text, '/');
	_cleanup_free_ char *host = slash ? strndup(text, (size_t)(slash - text)) : strdup(text);
	uint32_t length, most;

	if (!host || addr_parse(host, &ret->address) < 0)
		return false;
	most = addr_is_v4(&ret->address) ? 32 : 128;
	length = most;
	if (slash && (!number_parse(slash + 1, most, &length) || slash[1] == '\0'))
		return false;
	ret->length = (uint8_t)(128 - most + length);
	return true;
}

static void add_ip(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct config_addresses *addresses = field;
	const char *text = form_scalar(f, value, "an address");
	struct config_address address, *item;

	(void)arg;
	if (!text)
		return;
	if (!address_parse(text, &address)) {
		form_error(f, value, "expected an address like 10.0.0.1/24 or fd00::1/64, not `%.64s`", text);
		return;
	}
	item = form_add(f, &addresses->ip, &addresses->n_ip, sizeof(*item));
	if (item)
		*item = address;
}

static void parse_ips(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "an address", add_ip, field, arg);
}

static const struct form_key address_keys[] = {
	{.name = "mac", .parse = parse_mac},
	{.name = "ip", .parse = parse_ips},
};
static const struct form_table address_table = FORM_TABLE("the addresses of an interface", address_keys);

static void parse_addresses(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct gateway_config *config = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "addresses"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		struct config_addresses *addresses;

		if (!config_interface_ok(f, k, false))
			continue;
		addresses = form_add(f, &config->addresses, &config->n_addresses, sizeof(*addresses));
		if (!addresses)
			return;
		addresses->port = form_copy(f, yaml_text(f->tree, k));
		form_mapping(f, yaml_value(f->tree, k), &address_table, addresses);
	}
}

#define FIELD(name_) offsetof(struct gateway_config, name_)
static const struct form_key config_keys[] = {
	{.name = "version", .parse = parse_version, .required = true},
	{.name = "ports", .parse = config_parse_ports},
	{.name = "uplinks", .parse = config_parse_uplinks},
	{.name = "routers", .parse = config_parse_routers},
	{.name = "policy", .parse = parse_path, .offset = FIELD(policy)},
	{.name = "state", .parse = parse_path, .offset = FIELD(state)},
	{.name = "run", .parse = parse_path, .offset = FIELD(run)},
	{.name = "bpffs", .parse = parse_path, .offset = FIELD(bpffs)},
	{.name = "xdp", .parse = form_word, .offset = FIELD(xdp), .arg = &xdp_words},
	{.name = "fail", .parse = parse_fail, .offset = FIELD(fail_open)},
	{.name = "clock", .parse = parse_clock, .offset = FIELD(clock_trusted)},
	{.name = "capacity", .parse = parse_capacity},
	{.name = "addresses", .parse = parse_addresses},
};
#undef FIELD
static const struct form_table config_table = FORM_TABLE("a gateway file", config_keys);

/* One interface is a device port or an uplink; what globs share is decided by name in config_port_for(). */
static void check_both(struct reading *r, const struct gateway_config *config)
{
	for (size_t i = 0; i < config->n_uplinks; i++)
		for (size_t k = 0; k < config->n_ports; k++)
			if (strcmp(config->uplinks[i].pattern, config->ports[k].pattern) == 0)
				diagnostics_add(r->d, false, r->name, config->uplinks[i].at.line, config->uplinks[i].at.column,
						"`%s` is a port too (line %u); an interface faces devices or the uplink", config->uplinks[i].pattern,
						config->ports[k].at.line);
}

static int fill(struct reading *r, const struct yaml_tree *tree, struct gateway_config *config)
{
	struct form form = {.tree = tree, .tell = tell_form, .ctx = r};

	if (yaml_root(tree))
		form_mapping(&form, yaml_root(tree), &config_table, config);
	else if (!yaml_cut(tree))
		diagnostics_add(r->d, false, r->name, 1, 1, "an empty file is no gateway file; it needs at least `version: 1`");
	if (form.no_memory)
		return -ENOMEM;
	check_both(r, config);
	return 0;
}

static void cleanup_config(struct gateway_config **config)
{
	config_free(*config);
}

static void cleanup_tree(struct yaml_tree **tree)
{
	yaml_tree_free(*tree);
}

int config_parse(const char *name, const char *text, size_t size, struct diagnostics *d, struct gateway_config **ret)
{
	static const struct yaml_limits limits = {.bytes = CONFIG_MAX_BYTES, .depth = CONFIG_MAX_DEPTH, .events = CONFIG_MAX_EVENTS};
	_cleanup_(cleanup_config) struct gateway_config *config = config_default();
	_cleanup_(cleanup_tree) struct yaml_tree *tree = NULL;
	struct reading r = {.name = name, .d = d};
	size_t errors = d->errors;
	int k;

	if (!config)
		return -ENOMEM;
	k = yaml_read(text, size, &limits, tell_yaml, &r, &tree);
	if (k >= 0)
		k = fill(&r, tree, config);
	diagnostics_sort(d, &name, 1);
	if (k < 0)
		return k;
	if (d->errors > errors)
		return -EINVAL;
	*ret = take_ptr(config);
	return 0;
}

int config_load(const char *path, struct diagnostics *d, struct gateway_config **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = file_read(path, CONFIG_MAX_BYTES, &text, &size);

	if (r < 0) {
		diagnostics_add(d, false, path, 0, 0, r == -EFBIG ? "larger than a gateway file may be" : "%s", strerror(-r));
		return r;
	}
	return config_parse(path, text, size, d, ret);
}
