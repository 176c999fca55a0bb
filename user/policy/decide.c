/* SPDX-License-Identifier: Apache-2.0 */
#include "decide.h"

#include <string.h>
#include <strings.h>

#include "facts.h"
#include "ports.h"

const char *const verdict_words[] = {
#define X(id, name) [CORDON_VERDICT_##id] = name,
	CORDON_VERDICTS(X)
#undef X
};

const char *const mode_words[] = {
#define X(id, name) [CORDON_MODE_##id] = name,
	CORDON_MODES(X)
#undef X
};

const char *tag_name(const struct peer *peer)
{
	return strncmp(peer->text, "tag:", 4) == 0 ? peer->text + 4 : peer->text;
}

/* The most specific wins: device, segment, site. */
enum cordon_mode device_mode(const struct policy *policy, const struct policy_device *device)
{
	uint32_t segment = device ? device->segment : POLICY_SEGMENT_UNKNOWN;

	if (device && device->mode >= 0)
		return (enum cordon_mode)device->mode;
	return policy->segments[segment].mode >= 0 ? (enum cordon_mode)policy->segments[segment].mode : policy->site_mode;
}

static bool end_has_tag(const struct end *end, const char *tag)
{
	bool hidden = false;

	for (size_t i = 0; i < end->n_laid; i++) {
		if (strcmp(end->laid[i].name, "tag"))
			continue;
		hidden = true;
		if (!strcasecmp(end->laid[i].value, tag))
			return true;
	}
	return !hidden && end->device && device_has_fact(end->device, "tag", tag);
}

static bool end_in_network(const struct end *end, const struct prefix *prefixes, size_t n)
{
	if (end->kind == END_GATEWAY || !end->by_address)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct prefix masked = prefix_masked(&prefixes[i]);

		if (prefix_covers(&masked, &end->where))
			return true;
	}
	return false;
}

static bool end_is_peer(const struct policy *policy, const struct end *end, const struct peer *peer)
{
	switch (peer->kind) {
	case POLICY_PEER_ANY:
		return true;
	case POLICY_PEER_GATEWAY:
		return end->kind == END_GATEWAY;
	case POLICY_PEER_LOCAL:
		return end->kind == END_DEVICE || (end->kind == END_NETWORK && end->local);
	case POLICY_PEER_INTERNET:
		return end->kind == END_NETWORK && !end->local;
	case POLICY_PEER_SEGMENT:
		return end->kind == END_DEVICE && end->segment == peer->index;
	case POLICY_PEER_DEVICE:
		return end->device && end->device == &policy->devices[peer->index];
	case POLICY_PEER_TAG:
		return end->kind == END_DEVICE && end_has_tag(end, tag_name(peer));
	case POLICY_PEER_NETWORK:
		return end_in_network(end, policy->networks[peer->index].prefixes, policy->networks[peer->index].n_prefixes);
	case POLICY_PEER_CIDR:
		return end_in_network(end, &peer->prefix, 1);
	default:
		return false;
	}
}

static bool end_in(const struct policy *policy, const struct end *end, const struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		if (end_is_peer(policy, end, &peers->items[i]))
			return true;
	return false;
}

static bool end_meets(const struct end *end, const struct conditions *conditions, bool unknown_is)
{
	return conditions_hold_with(conditions, end->device, end->laid, end->n_laid, unknown_is);
}

static const struct exception *exception_find(const struct policy *policy, const struct rule *rule, const struct end *from,
					      const struct end *to, uint32_t service)
{
	for (size_t i = 0; i < rule->n_exceptions; i++) {
		const struct exception *e = &rule->exceptions[i];

		if ((!e->from.n || end_in(policy, from, &e->from)) && (!e->to.n || end_in(policy, to, &e->to)) &&
		    (!e->services.n || services_have(&e->services, service)))
			return e;
	}
	return NULL;
}

struct rule_view rule_view(const struct moment *m, const struct rule *rule, const struct end *from, const struct end *to, uint32_t service)
{
	const struct policy *policy = m->policy;
	bool from_in = end_in(policy, from, &rule->from), to_in = end_in(policy, to, &rule->to);
	bool from_meets = end_meets(from, &rule->if_from, rule->deny), to_meets = end_meets(to, &rule->if_to, rule->deny);

	return (struct rule_view){
		.from = from_in && from_meets,
		.to = to_in && to_meets,
		.unmet = from_in && to_in && !(from_meets && to_meets),
		.service = services_have(&rule->services, service),
		.closed = !image_window_open(m->image, m->image->rules[rule - policy->rules].window, m->at),
		.exception = rule->deny ? exception_find(policy, rule, from, to, service) : NULL,
	};
}

bool rule_applies(const struct rule_view *view)
{
	return view->from && view->to && view->service && !view->closed && !view->exception;
}

struct verdict rules_decide(const struct moment *m, const struct end *from, const struct end *to, uint32_t service)
{
	uint32_t audit = CORDON_RULE_NONE, allow = CORDON_RULE_NONE;

	for (uint32_t i = 0; i < m->policy->n_rules; i++) {
		const struct rule *rule = &m->policy->rules[i];
		struct rule_view view = rule_view(m, rule, from, to, service);

		if (!rule_applies(&view))
			continue;
		if (rule->deny && rule->mode != CORDON_MODE_AUDIT)
			return (struct verdict){.rule = i, .action = CORDON_ACTION_DENY};
		if (rule->deny && audit == CORDON_RULE_NONE)
			audit = i;
		if (!rule->deny && allow == CORDON_RULE_NONE)
			allow = i;
	}
	if (allow == CORDON_RULE_NONE)
		return (struct verdict){.rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
	if (audit != CORDON_RULE_NONE)
		return (struct verdict){.rule = audit, .action = CORDON_ACTION_DENY, .flags = VERDICT_AUDIT};
	return (struct verdict){.rule = allow, .action = CORDON_ACTION_ALLOW};
}

enum cordon_mode ends_mode(const struct policy *policy, const struct end *from, const struct end *to)
{
	if (!from->has_mode && !to->has_mode)
		return policy->site_mode;
	if (!from->has_mode || !to->has_mode)
		return from->has_mode ? from->mode : to->mode;
	return from->mode > to->mode ? from->mode : to->mode;
}

enum cordon_verdict verdict_under(struct verdict verdict, enum cordon_mode mode)
{
	if (mode == CORDON_MODE_OBSERVE || verdict.action == CORDON_ACTION_ALLOW)
		return CORDON_VERDICT_ALLOW;
	return mode == CORDON_MODE_AUDIT || verdict.flags & VERDICT_AUDIT ? CORDON_VERDICT_WOULD_DENY : CORDON_VERDICT_DENY;
}
