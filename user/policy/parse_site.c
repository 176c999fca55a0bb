/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "parse.h"

/* Checked only; what has no effect yet has nowhere to stand in the model. */
struct unused {
	char *text;
	uint32_t bits;
	uint32_t number;
	uint64_t quantity;
	int word;
	bool flag;
};

static void parse_resolver(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a resolver");
	struct address address;

	(void)field;
	(void)arg;
	if (!text || strcmp(text, "gateway") == 0 || addr_parse(text, &address) == 0)
		return;
	if (strncmp(text, "device:", 7) == 0)
		symbol_resolve(parser_of(f), SYMBOL_DEVICE, value, text + 7);
	else
		form_error(f, value, "expected gateway, device:NAME or an address as a resolver, not `%.64s`", text);
}

static void parse_resolvers(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "a resolver", parse_resolver, field, arg);
}

/* The shape of an IANA name; which zones there are is the gateway's to know. */
static void parse_timezone(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	const char *text = form_scalar(f, value, "a time zone");

	(void)arg;
	if (!text)
		return;
	if (text[strspn(text, allowed)] || strstr(text, "//") || text[0] == '/' || strlen(text) > 63)
		form_error(f, value, "expected a time zone like Europe/Paris or UTC, not `%.64s`", text);
	else
		form_text(f, value, field, NULL);
}

static const struct form_key site_keys[] = {
	{.name = "name", .parse = form_id, .offset = offsetof(struct policy, site_name)},
	{.name = "timezone", .parse = parse_timezone, .offset = offsetof(struct policy, timezone)},
	{.name = "mode", .parse = parse_mode, .offset = offsetof(struct policy, site_mode)},
	{.name = "resolvers", .parse = parse_resolvers},
};
static const struct form_table site_table = FORM_TABLE("the site", site_keys);

void parse_site(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct parser *p = parser_of(f);

	(void)arg;
	if (p->site)
		form_error(f, value, "the site is already described at %s:%u:%u; it stands in one file only",
			   p->policy->files[p->site->file], p->site->line, p->site->column);
	p->site_place = place_of(p, value);
	p->site = &p->site_place;
	form_mapping(f, value, &site_table, field);
}

static const char *const address_sources[] = {"dhcp", "slaac", "static", "linklocal"};
static const struct form_words address_words = FORM_WORDS("a way to get an address", address_sources);
static const char *const midstreams[] = {"adopt", "reset", "drop"};
static const struct form_words midstream_words = FORM_WORDS("what to do with flows found alive", midstreams);
static const char *const requirements[] = {"mac", "dhcp", "dot1x", "cert", "location", "posture"};
static const struct form_words requirement_words = FORM_WORDS("a proof to require", requirements);
#define REQUIRE_DOT1X (1u << 2)
static const char *const failures[] = {"deny", "quarantine", "alert"};
static const struct form_words failure_words = FORM_WORDS("what to do when a proof is lost", failures);

struct auth {
	uint32_t require;
	struct unused unused;
};

static const struct form_key auth_keys[] = {
	{.name = "require", .parse = form_bits, .offset = offsetof(struct auth, require), .arg = &requirement_words, .required = true},
	{.name = "lease", .parse = form_duration, .offset = offsetof(struct auth, unused.quantity)},
	{.name = "grace", .parse = form_duration, .offset = offsetof(struct auth, unused.quantity)},
	{.name = "on_fail", .parse = form_word, .offset = offsetof(struct auth, unused.word), .arg = &failure_words},
};
static const struct form_table auth_table = FORM_TABLE("auth", auth_keys);

static void parse_auth(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct segment *segment = field;
	struct auth auth = {0};

	(void)arg;
	if (!form_mapping(f, value, &auth_table, &auth))
		return;
	segment->auth = true;
	segment->auth_dot1x_only = auth.require == REQUIRE_DOT1X;
}

struct segment_form {
	struct segment segment;
	struct unused unused;
};

#define FIELD(name_) offsetof(struct segment_form, segment.name_)
#define UNUSED(name_) offsetof(struct segment_form, unused.name_)
static const struct form_key segment_keys[] = {
	{.name = "mode", .parse = parse_mode, .offset = FIELD(mode)},
	{.name = "match", .parse = parse_conditions, .offset = FIELD(match)},
	{.name = "critical", .parse = form_bool, .offset = FIELD(critical)},
	{.name = "auth", .parse = parse_auth, .offset = offsetof(struct segment_form, segment)},
	{.name = "limits", .parse = parse_limits, .offset = FIELD(limits)},
	{.name = "quarantine", .parse = parse_reference, .offset = FIELD(quarantine), .arg = &symbol_kinds[SYMBOL_QUARANTINE]},
	{.name = "addresses", .parse = form_bits, .offset = UNUSED(bits), .arg = &address_words},
	{.name = "grace", .parse = form_duration, .offset = UNUSED(quantity)},
	{.name = "canary", .parse = parse_percent, .parked = "an audit segment is audited as a whole"},
	{.name = "midstream", .parse = form_word, .offset = UNUSED(word), .arg = &midstream_words, .parked = "live flows are adopted where policy allows them"},
};
#undef FIELD
#undef UNUSED
static const struct form_table segment_table = FORM_TABLE("a segment", segment_keys);

static bool key_name_ok(struct form *f, const struct yaml_node *key, const char *what)
{
	if (form_id_ok(yaml_text(f->tree, key)))
		return true;
	form_error(f, key, "`%.64s` is no name for %s: letters, digits, `_`, `.` and `-`, at most 63", yaml_text(f->tree, key), what);
	return false;
}

void parse_segments(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct parser *p = parser_of(f);
	struct policy *policy = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "segments"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		const char *name = yaml_text(f->tree, k);
		struct segment_form one = {.segment = {.mode = -1, .quarantine = POLICY_NONE}};
		uint32_t index;

		if (yaml_node_kind(k) == YAML_REFUSED)
			continue;
		index = symbol_take(p, SYMBOL_SEGMENT, name);
		key_name_ok(f, k, "a segment");
		if (policy->segments[index].id)
			continue; /* a built-in one twice; already told */
		one.segment.id = form_copy(f, name);
		one.segment.place = place_of(p, k);
		one.segment.builtin = index <= POLICY_SEGMENT_UNAUTHENTICATED;
		form_mapping(f, yaml_value(f->tree, k), &segment_table, &one);
		if (one.segment.builtin && one.segment.match.n)
			form_error(f, k, "`%s` is what belongs to no other segment; it has no `match`", name);
		if (one.segment.builtin && one.segment.critical)
			form_error(f, k, "whoever comes is in `%s`; what is kept for critical devices cannot be theirs", name);
		policy->segments[index] = one.segment;
	}
}

struct network_form {
	struct prefixes_field prefixes;
	struct unused unused;
};

static const struct form_key network_keys[] = {
	{.name = "addresses", .parse = parse_prefixes, .offset = offsetof(struct network_form, prefixes), .required = true},
	{.name = "data", .parse = form_id, .offset = offsetof(struct network_form, unused.text)},
};
static const struct form_table network_table = FORM_TABLE("a network", network_keys);

void parse_networks(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct parser *p = parser_of(f);
	struct policy *policy = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "networks"))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		const struct yaml_node *body = yaml_value(f->tree, k);
		struct network_form one = {0};
		struct named_network *network;

		if (yaml_node_kind(k) == YAML_REFUSED)
			continue;
		network = &policy->networks[symbol_take(p, SYMBOL_NETWORK, yaml_text(f->tree, k))];
		key_name_ok(f, k, "a network");
		if (yaml_node_kind(body) == YAML_MAPPING)
			form_mapping(f, body, &network_table, &one);
		else
			parse_prefixes(f, body, &one.prefixes, NULL);
		free(one.unused.text);
		network->id = form_copy(f, yaml_text(f->tree, k));
		network->place = place_of(p, k);
		network->prefixes = one.prefixes.items;
		network->n_prefixes = one.prefixes.n;
	}
}
