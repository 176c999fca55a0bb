/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "parse.h"

static const char *const alert_kinds[] = {
	"new_peer", "new_service", "port_scan", "address_scan", "lateral", "inbound", "flood", "exfiltration",
	"drift", "dns_tunnel", "beacon", "coordinated", "fleet_change", "silence", "denied", "spoof",
	"threat_intel", "dns_bypass", "auth_failure", "posture", "cert_expiring", "integrity", "any",
};
static const struct form_words alert_words = FORM_WORDS("a kind of alert", alert_kinds);
static const char *const severities[] = {"info", "low", "medium", "high", "critical"};
static const struct form_words severity_words = FORM_WORDS("a severity", severities);
static const char *const approvals[] = {"auto", "manual"};
static const struct form_words approval_words = FORM_WORDS("who approves", approvals);

/* What a response reads; only its name is kept. */
struct response {
	char *id;
	uint32_t alerts, segment, device;
	int severity, approve;
};

/* What may follow the word of an action. */
enum operands { NO_OPERAND, DURATION, OPTIONAL_DURATION, ANYTHING };

static const struct action {
	const char *word;
	enum operands operands;
	const char *form;
} actions[] = {
	{"capture", DURATION, "capture 60s"},
	{"quarantine", OPTIONAL_DURATION, "quarantine 1h, or quarantine without an end"},
	{"limit", ANYTHING, "limit 1mbit"},
	{"set", ANYTHING, "set trust=20"},
	{"notify", NO_OPERAND, "notify"},
};

static bool operands_ok(const struct action *action, const char *rest)
{
	uint64_t seconds;

	switch (action->operands) {
	case NO_OPERAND:
		return !*rest;
	case DURATION:
		return duration_parse(rest, &seconds);
	case OPTIONAL_DURATION:
		return !*rest || duration_parse(rest, &seconds);
	case ANYTHING:
		return *rest;
	}
	return false;
}

static const char *action_word_at(void *ctx, size_t i)
{
	(void)ctx;
	return actions[i].word;
}

static void parse_action(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "an action"), *near;
	_cleanup_free_ char *word = NULL;

	(void)field;
	(void)arg;
	if (!text)
		return;
	word = strndup(text, strcspn(text, " "));
	for (size_t i = 0; word && i < ARRAY_SIZE(actions); i++) {
		const char *rest = text + strlen(word);

		if (strcmp(word, actions[i].word) != 0)
			continue;
		if (!operands_ok(&actions[i], rest + strspn(rest, " ")))
			form_error(f, value, "expected an action like `%s`, not `%.64s`", actions[i].form, text);
		return;
	}
	near = word ? name_nearest(word, action_word_at, NULL, ARRAY_SIZE(actions)) : NULL;
	if (near)
		form_error(f, value, "unknown action `%.64s`; did you mean `%s`?", text, near);
	else
		form_error(f, value, "unknown action `%.64s`; expected capture, quarantine, limit, set or notify", text);
}

static void parse_actions(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "an action", parse_action, field, arg);
}

static const struct form_key trigger_keys[] = {
	{.name = "alert", .parse = form_bits, .offset = offsetof(struct response, alerts), .arg = &alert_words},
	{.name = "severity", .parse = form_word, .offset = offsetof(struct response, severity), .arg = &severity_words},
	{.name = "segment", .parse = parse_reference, .offset = offsetof(struct response, segment), .arg = &symbol_kinds[SYMBOL_SEGMENT]},
	{.name = "device", .parse = parse_reference, .offset = offsetof(struct response, device), .arg = &symbol_kinds[SYMBOL_DEVICE]},
};
static const struct form_table trigger_table = FORM_TABLE("when a response begins", trigger_keys);

static void parse_trigger(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	if (form_mapping(f, value, &trigger_table, field) && !yaml_first(f->tree, value))
		form_error(f, value, "no condition at all; expected at least `alert` or `severity`");
}

static const struct form_key response_keys[] = {
	{.name = "id", .parse = form_id, .offset = offsetof(struct response, id), .required = true},
	{.name = "when", .parse = parse_trigger, .required = true},
	{.name = "do", .parse = parse_actions, .required = true},
	{.name = "approve", .parse = form_word, .offset = offsetof(struct response, approve), .arg = &approval_words},
};
static const struct form_table response_table = FORM_TABLE("a response", response_keys);

static void parse_response(struct form *f, const struct yaml_node *item, struct names *names)
{
	struct named *kept = form_add(f, &names->items, &names->n, sizeof(*kept));
	struct response one = {0};

	form_mapping(f, item, &response_table, &one);
	if (!kept) {
		free(one.id);
		return;
	}
	kept->id = one.id ?: form_copy(f, "?");
	kept->place = place_of(parser_of(f), item);
}

void parse_responses(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy *policy = field;

	(void)arg;
	if (!form_is(f, value, YAML_SEQUENCE, "responses"))
		return;
	for (const struct yaml_node *item = form_first(f, value); item; item = form_next(f, item))
		parse_response(f, item, &policy->responses);
}
