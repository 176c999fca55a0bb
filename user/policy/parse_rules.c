/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "facts.h"
#include "parse.h"

/* A rule as it is read: two keys say its services, and some of what they say has no place in the model. */
struct rule_form {
	struct rule rule;
	struct services allow;
	struct services deny;
	bool has_allow, has_deny;
	bool related;
	int alert;
};

static void parse_action(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct rule_form *one = field;
	bool deny = strcmp(arg, "deny") == 0;

	*(deny ? &one->has_deny : &one->has_allow) = true;
	parse_service_list(f, value, deny ? &one->deny : &one->allow, NULL);
}

static const struct form_key exception_keys[] = {
	{.name = "from", .parse = parse_peers, .offset = offsetof(struct exception, from), .arg = PEERS_FROM},
	{.name = "to", .parse = parse_peers, .offset = offsetof(struct exception, to), .arg = PEERS_TO},
	{.name = "services", .parse = parse_service_list, .offset = offsetof(struct exception, services)},
};
static const struct form_table exception_table = FORM_TABLE("an exception", exception_keys);

static void add_exception(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct rule *rule = field;
	struct exception one = {.place = place_of(parser_of(f), value)}, *item;

	(void)arg;
	if (!form_mapping(f, value, &exception_table, &one))
		return;
	if (!yaml_first(f->tree, value))
		form_error(f, value, "an exception without `from`, `to` or `services` would undo the whole rule");
	item = form_add(f, &rule->exceptions, &rule->n_exceptions, sizeof(*item));
	if (item)
		*item = one;
}

static void parse_exceptions(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "an exception", add_exception, field, arg);
}

struct related {
	int from;
	struct services services;
	uint64_t within;
};

static const char *const sides[] = {"initiator", "responder", "either"};
static const struct form_words side_words = FORM_WORDS("a side", sides);
static const struct form_key related_keys[] = {
	{.name = "from", .parse = form_word, .offset = offsetof(struct related, from), .arg = &side_words, .required = true},
	{.name = "services", .parse = parse_service_list, .offset = offsetof(struct related, services), .required = true},
	{.name = "within", .parse = form_duration, .offset = offsetof(struct related, within)},
};
static const struct form_table related_table = FORM_TABLE("related", related_keys);

static void parse_related(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct related related = {0};

	(void)arg;
	form_mapping(f, value, &related_table, &related);
	services_done(&related.services);
	*(bool *)field = true;
}

static const char *const severities[] = {"info", "low", "medium", "high", "critical"};
static const struct form_words severity_words = FORM_WORDS("a severity", severities);

static void parse_rule_mode(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	int mode = -1;

	parse_mode(f, value, &mode, arg);
	if (mode == CORDON_MODE_AUDIT)
		*(int *)field = mode;
	else if (mode >= 0)
		form_error(f, value, "a rule's own mode can only be audit: it weakens that rule, and nothing else");
}

#define RULE(name_) offsetof(struct rule_form, rule.name_)
static const struct form_key rule_keys[] = {
	{.name = "id", .parse = form_id, .offset = RULE(id), .required = true},
	{.name = "from", .parse = parse_peers, .offset = RULE(from), .arg = PEERS_FROM, .required = true},
	{.name = "to", .parse = parse_peers, .offset = RULE(to), .arg = PEERS_TO, .required = true},
	{.name = "allow", .parse = parse_action, .arg = "allow"},
	{.name = "deny", .parse = parse_action, .arg = "deny"},
	{.name = "except", .parse = parse_exceptions, .offset = offsetof(struct rule_form, rule)},
	{.name = "related", .parse = parse_related, .offset = offsetof(struct rule_form, related)},
	{.name = "when", .parse = parse_reference, .offset = RULE(schedule), .arg = &symbol_kinds[SYMBOL_SCHEDULE]},
	{.name = "if", .parse = parse_conditions, .offset = RULE(if_from)},
	{.name = "if_to", .parse = parse_conditions, .offset = RULE(if_to)},
	{.name = "mode", .parse = parse_rule_mode, .offset = RULE(mode)},
	{.name = "why", .parse = form_text, .offset = RULE(why)},
	{.name = "owner", .parse = form_text, .offset = RULE(owner)},
	{.name = "expires", .parse = parse_time, .offset = RULE(expires), .arg = "day"},
	{.name = "alert", .parse = form_word, .offset = offsetof(struct rule_form, alert), .arg = &severity_words},
};
#undef RULE
static const struct form_table rule_table = FORM_TABLE("a rule", rule_keys);

static const struct yaml_node *key_node(const struct form *f, const struct yaml_node *item, const char *name)
{
	for (const struct yaml_node *k = yaml_first(f->tree, item); k; k = yaml_next(f->tree, k))
		if (yaml_node_kind(k) == YAML_SCALAR && strcmp(yaml_text(f->tree, k), name) == 0)
			return k;
	return item;
}

static void settle_action(struct form *f, const struct yaml_node *item, struct rule_form *one, bool mistaken)
{
	struct services *unused = one->has_deny ? &one->allow : &one->deny;

	if (!one->has_allow && !one->has_deny && !mistaken && !yaml_cut(f->tree))
		form_error(f, item, "a rule needs `allow` or `deny` with its services, like allow: [tcp/443]");
	if (one->has_allow && one->has_deny)
		form_error(f, key_node(f, item, "deny"), "a rule allows or denies, not both; write two rules");
	if (one->rule.n_exceptions && !one->has_deny)
		form_error(f, key_node(f, item, "except"), "`except` belongs to a deny; an allow is written as narrow as it is meant");
	if (one->related && one->has_deny)
		form_error(f, key_node(f, item, "related"), "`related` opens what an allow negotiates; a deny has none");
	services_done(unused);
	one->rule.deny = one->has_deny;
	one->rule.services = one->has_deny ? one->deny : one->allow;
}

static void park(struct rule *rule, enum policy_parked reason, bool on)
{
	rule->parked |= on ? 1u << reason : 0;
}

static void park_peers(struct rule *rule, const struct peers *peers)
{
	static const struct {
		enum policy_peer_kind kind;
		enum policy_parked reason;
	} parked[] = {
		{POLICY_PEER_NAME, POLICY_PARKED_NAME}, {POLICY_PEER_MCAST, POLICY_PARKED_MCAST}, {POLICY_PEER_BCAST, POLICY_PARKED_BCAST},
		{POLICY_PEER_FEED, POLICY_PARKED_FEED}, {POLICY_PEER_NAT, POLICY_PARKED_NAT},
	};

	for (size_t i = 0; i < peers->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(parked); k++)
			park(rule, parked[k].reason, peers->items[i].kind == parked[k].kind);
}

static void park_services(struct rule *rule, const struct services *services)
{
	for (size_t i = 0; i < services->n; i++)
		park(rule, POLICY_PARKED_ETH, services->items[i].space == POLICY_SERVICE_ETH);
}

static void park_rule(struct rule_form *one)
{
	struct rule *rule = &one->rule;

	park(rule, POLICY_PARKED_RELATED, one->related);
	park_peers(rule, &rule->from);
	park_peers(rule, &rule->to);
	park_services(rule, &rule->services);
	for (size_t i = 0; i < rule->n_exceptions; i++) {
		park_peers(rule, &rule->exceptions[i].from);
		park_peers(rule, &rule->exceptions[i].to);
		park_services(rule, &rule->exceptions[i].services);
	}
}

static void parse_rule(struct form *f, const struct yaml_node *item, struct policy *policy)
{
	struct parser *p = parser_of(f);
	struct rule *rule = &policy->rules[symbol_take(p, SYMBOL_RULE, "")];
	size_t told = f->told;
	struct rule_form one = {.rule = {.schedule = POLICY_NONE, .mode = -1}};

	if (form_mapping(f, item, &rule_table, &one))
		settle_action(f, item, &one, f->told > told);
	park_rule(&one);
	*rule = one.rule;
	rule->place = place_of(p, item);
	if (!rule->id)
		rule->id = form_copy(f, "?");
}

void parse_rules(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	if (!form_is(f, value, YAML_SEQUENCE, "rules"))
		return;
	for (const struct yaml_node *item = form_first(f, value); item; item = form_next(f, item))
		parse_rule(f, item, field);
}
