/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "facts.h"
#include "parse.h"

static const struct {
	const char *word;
	const char *text;
} parked[POLICY_PARKED_COUNT] = {
#define X(id, word_, text_) [POLICY_PARKED_##id] = {.word = (word_), .text = (text_)},
	POLICY_PARKED(X)
#undef X
};

static const char *consequence(const struct rule *rule, int reason)
{
	if (reason == POLICY_PARKED_FACT)
		return rule->deny ? "taken as true" : "taken as false";
	if (reason == POLICY_PARKED_RELATED)
		return "only the rule's own services are";
	return rule->deny ? "that part of the rule stops nothing" : "that part of the rule opens nothing";
}

static void tell_parked(struct parser *p, const struct rule *rule)
{
	for (int reason = 0; reason < POLICY_PARKED_COUNT; reason++)
		if (rule->parked & 1u << reason)
			place_warning(p, rule->place, "rule `%s`: `%s`: %s; %s", rule->id, parked[reason].word, parked[reason].text,
				      consequence(rule, reason));
}

static void refuse_deny_to_name(struct parser *p, const struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		if (peers->items[i].kind == POLICY_PEER_NAME)
			place_error(p, peers->items[i].place,
				    "a deny cannot name `%s`: a device that asks another resolver, or uses the address, would pass; deny the addresses, or allow only what is needed",
				    peers->items[i].text);
}

/* Facts that some device of the files declares, sorted; for "no device has this fact". */
struct known_facts {
	const char **names;
	size_t n;
};

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *const usual_facts[] = {
	"type", "vendor", "model", "firmware", "os", "location", "ssid", "vlan", "proof", "cert_days", "trust", "tag", "mud_url",
};

static void collect_facts(struct parser *p, struct known_facts *known)
{
	const struct policy *policy = p->policy;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_devices; i++)
		for (size_t k = 0; k < policy->devices[i].n_facts; k++) {
			const char **item;

			if (n && strcmp(known->names[n - 1], policy->devices[i].facts[k].name) == 0)
				continue;
			item = form_add(&p->form, &known->names, &n, sizeof(*item));
			if (!item)
				return;
			*item = policy->devices[i].facts[k].name;
		}
	if (n)
		qsort(known->names, n, sizeof(*known->names), name_compare);
	for (size_t i = 0; i < n; i++)
		if (known->n == 0 || strcmp(known->names[known->n - 1], known->names[i]) != 0)
			known->names[known->n++] = known->names[i];
}

static bool fact_is_declared(const struct known_facts *known, const char *name)
{
	return known->n && bsearch(&name, known->names, known->n, sizeof(*known->names), name_compare);
}

static void tell_unheard(struct parser *p, const struct condition *c)
{
	const char *near = name_nearest_of(c->fact, usual_facts, ARRAY_SIZE(usual_facts));

	if (near)
		place_warning(p, c->place, "no device here has a fact `%s`; did you mean `%s`?", c->fact, near);
	else
		place_warning(p, c->place, "no device here has a fact `%s`, so it is unknown until one is set", c->fact);
}

static bool fact_is_usual(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(usual_facts); i++)
		if (strcmp(usual_facts[i], name) == 0)
			return true;
	return false;
}

/* True if a condition waits for what only life can tell. */
static bool check_conditions(struct parser *p, const struct conditions *list, const struct known_facts *known)
{
	bool waits = false;

	for (size_t i = 0; i < list->n; i++) {
		const struct condition *c = &list->items[i];
		bool declared = fact_is_declared(known, c->fact);

		if (c->op == POLICY_OP_FRESH || (fact_is_live(c->fact) && !declared))
			waits = true;
		else if (!declared && !fact_is_usual(c->fact))
			tell_unheard(p, c);
	}
	return waits;
}

/* What a peer of a rule says of one device; conditions are left aside. */
static bool peer_covers(const struct policy *policy, const struct peer *peer, uint32_t device)
{
	switch (peer->kind) {
	case POLICY_PEER_SEGMENT:
		return policy->devices[device].segment == peer->index;
	case POLICY_PEER_DEVICE:
		return peer->index == device;
	case POLICY_PEER_TAG:
		return device_has_fact(&policy->devices[device], "tag", peer->text + 4);
	default:
		return false; /* `local` and `any` name no device: nobody relies on them between neighbours */
	}
}

static bool peers_cover(const struct policy *policy, const struct peers *peers, uint32_t device)
{
	for (size_t i = 0; i < peers->n; i++)
		if (peer_covers(policy, &peers->items[i], device))
			return true;
	return false;
}

/* Devices that stand in one place with others, sorted by place. */
struct neighbours {
	uint32_t *devices;
	size_t n;
	size_t budget; /* of comparisons: a warning is not worth seconds */
};

static const struct policy *sorted_policy(void *ctx)
{
	return ctx;
}

static int location_compare(const void *a, const void *b, void *ctx)
{
	const struct policy *policy = sorted_policy(ctx);
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = strcmp(policy->devices[x].location, policy->devices[y].location);

	return c ? c : (x > y) - (x < y);
}

static void collect_neighbours(struct parser *p, struct neighbours *list)
{
	const struct policy *policy = p->policy;

	for (uint32_t i = 0; i < policy->n_devices; i++) {
		uint32_t *item = policy->devices[i].location ? form_add(&p->form, &list->devices, &list->n, sizeof(*item)) : NULL;

		if (item)
			*item = i;
	}
	if (list->n)
		qsort_r(list->devices, list->n, sizeof(*list->devices), location_compare, (void *)policy);
}

/* The devices of one place, from `start`; tells of the first two that the rule stands between. */
static bool check_place(struct parser *p, const struct rule *rule, const uint32_t *devices, size_t n)
{
	const struct policy *policy = p->policy;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n && peers_cover(policy, &rule->from, devices[i]); k++) {
			if (k == i || !peers_cover(policy, &rule->to, devices[k]))
				continue;
			place_warning(p, rule->place, "rule `%s`: devices `%s` and `%s` are both at `%s`; what passes between devices of one port does not cross the gateway, so the rule is not enforced there",
				      rule->id, policy->devices[devices[i]].id, policy->devices[devices[k]].id, policy->devices[devices[i]].location);
			return true;
		}
	}
	return false;
}

static void check_neighbours(struct parser *p, const struct rule *rule, struct neighbours *list)
{
	const struct policy *policy = p->policy;

	for (size_t start = 0, end; start < list->n; start = end) {
		const char *location = policy->devices[list->devices[start]].location;
		size_t cost;

		for (end = start + 1; end < list->n && strcmp(policy->devices[list->devices[end]].location, location) == 0;)
			end++;
		cost = end - start;
		if (list->budget < cost * cost)
			return;
		list->budget -= cost * cost;
		if (cost > 1 && check_place(p, rule, list->devices + start, cost))
			return;
	}
}

void check_rules(struct parser *p)
{
	struct policy *policy = p->policy;
	struct known_facts known = {0};
	struct neighbours list = {.budget = 20 * 1000 * 1000};

	collect_facts(p, &known);
	collect_neighbours(p, &list);
	for (size_t i = 0; i < policy->n_segments; i++)
		check_conditions(p, &policy->segments[i].match, &known);
	for (size_t i = 0; i < policy->n_rules && !p->form.no_memory; i++) {
		struct rule *rule = &policy->rules[i];
		bool from = check_conditions(p, &rule->if_from, &known), to = check_conditions(p, &rule->if_to, &known);

		rule->parked |= from || to ? 1u << POLICY_PARKED_FACT : 0;
		if (rule->deny) {
			refuse_deny_to_name(p, &rule->from);
			refuse_deny_to_name(p, &rule->to);
		}
		tell_parked(p, rule);
		check_neighbours(p, rule, &list);
	}
	free(known.names);
	free(list.devices);
}
