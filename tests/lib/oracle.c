/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool in_prefix(const struct address *a, const struct prefix *p)
{
	if (is_v4(a) != (p->length >= 96 && is_v4(&p->address)))
		return false;
	for (unsigned int bit = 0; bit < p->length; bit++)
		if ((a->byte[bit / 8] ^ p->address.byte[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

bool in_any_prefix(const struct address *a, const struct prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in_prefix(a, &p[i]))
			return true;
	return false;
}

static bool has_tag(const struct policy_device *device, char tag)
{
	for (size_t i = 0; device && i < device->n_facts; i++)
		if (!strcmp(device->facts[i].name, "tag") && (device->facts[i].value[0] | 32) == (tag | 32))
			return true;
	return false;
}

/* policy.md, Meaning 2 */
static bool is_peer(const struct world *w, const struct probe *end, const struct peer *peer)
{
	bool behind_port = !end->is_device && !end->is_gateway && in_any_prefix(end->address, w->env.local, w->env.n_local);

	switch (peer->kind) {
	case POLICY_PEER_ANY:
		return true;
	case POLICY_PEER_SEGMENT:
		return end->is_device && end->segment == peer->index;
	case POLICY_PEER_DEVICE:
		return end->device == &w->devices[peer->index];
	case POLICY_PEER_TAG:
		return has_tag(end->device, peer->text[4]);
	case POLICY_PEER_NETWORK:
		return !end->is_gateway && end->address &&
		       in_any_prefix(end->address, w->networks[peer->index].prefixes, w->networks[peer->index].n_prefixes);
	case POLICY_PEER_CIDR:
		return !end->is_gateway && end->address && in_prefix(end->address, &peer->prefix);
	case POLICY_PEER_GATEWAY:
		return end->is_gateway;
	case POLICY_PEER_LOCAL:
		return end->is_device || behind_port;
	case POLICY_PEER_INTERNET:
		return !end->is_device && !end->is_gateway && !behind_port;
	default:
		return false;
	}
}

static bool is_one_of(const struct world *w, const struct probe *end, const struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		if (is_peer(w, end, &peers->items[i]))
			return true;
	return false;
}

/* 1: holds, 0: does not, -1: unknown. The only versions here are 1.9 and 2.10; other values compare to nothing. */
static int condition_holds(const struct condition *c, const struct policy_device *device)
{
	for (size_t i = 0; device && i < device->n_facts; i++) {
		const char *value = device->facts[i].value, *wanted = c->values[0];

		if (strcmp(device->facts[i].name, c->fact))
			continue;
		if (c->op == POLICY_OP_IS)
			return !strcmp(value, wanted);
		if (c->op == POLICY_OP_NOT)
			return strcmp(value, wanted) != 0;
		if (value[0] == 'a' || value[0] == 'b')
			return -1;
		return !strcmp(wanted, "1.9") || !strcmp(value, "2.10");
	}
	return -1;
}

/* policy.md, Meaning 6: unknown is false in an allow and true in a deny; one condition that is false settles it. */
static bool all_hold(const struct conditions *conditions, const struct policy_device *device, bool deny)
{
	bool unknown = false;

	for (size_t i = 0; i < conditions->n; i++) {
		int holds = condition_holds(&conditions->items[i], device);

		if (holds == 0)
			return false;
		unknown |= holds < 0;
	}
	return deny || !unknown;
}

static bool is_service(const struct services *services, uint32_t service)
{
	static const uint32_t begins[] = {0, 65536, 131072, 196608, 196864, 197120};
	static const uint32_t protocols[] = {6, 17, 132, 1, 58};

	for (size_t i = 0; i < services->n; i++) {
		const struct service_range *range = &services->items[i];

		if (range->space == POLICY_SERVICE_ANY)
			return true;
		if (range->space == POLICY_SERVICE_ETH)
			continue;
		if (service >= begins[range->space] + range->first && service <= begins[range->space] + range->last &&
		    (range->space == POLICY_SERVICE_PROTO || service < begins[range->space + 1]))
			return true;
		for (size_t p = 0; p < 5 && range->space == POLICY_SERVICE_PROTO; p++)
			if (protocols[p] >= range->first && protocols[p] <= range->last && service >= begins[p] && service < begins[p + 1])
				return true;
	}
	return false;
}

static bool is_excepted(const struct world *w, const struct rule *rule, const struct probe *from, const struct probe *to, uint32_t service)
{
	for (size_t i = 0; i < rule->n_exceptions; i++) {
		const struct exception *e = &rule->exceptions[i];

		if ((!e->from.n || is_one_of(w, from, &e->from)) && (!e->to.n || is_one_of(w, to, &e->to)) &&
		    (!e->services.n || is_service(&e->services, service)))
			return true;
	}
	return false;
}

/* The wall clock of the site as the C library shows it; the moments tried are not on the days on which it jumps. */
static bool is_time(const struct world *w, const struct rule *rule)
{
	const struct schedule *s = rule->schedule == POLICY_NONE ? NULL : &w->schedules[rule->schedule];
	time_t now = (time_t)w->at;
	char text[32];
	struct tm tm;
	int32_t second;
	int today, day;

	if (w->at == IMAGE_NO_TIME)
		return rule->deny || (!s && !rule->expires);
	localtime_r(&now, &tm);
	strftime(text, sizeof(text), strlen(rule->expires ?: "") == 10 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M", &tm);
	if (rule->expires && (strlen(rule->expires) == 10 ? strcmp(text, rule->expires) > 0 : strcmp(text, rule->expires) >= 0))
		return false;
	if (!s)
		return true;
	if (s->once)
		return timegm(&tm) >= s->start && timegm(&tm) < s->end;
	localtime_r(&now, &tm);
	second = tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	today = (tm.tm_wday + 6) % 7;
	if (s->from < s->to)
		return s->days >> today & 1 && second >= s->from && second < s->to;
	day = second >= s->from ? today : (today + 6) % 7;
	return s->days >> day & 1 && (second >= s->from || second < s->to);
}

static bool speaks(const struct world *w, const struct rule *rule, const struct probe *from, const struct probe *to, uint32_t service)
{
	if (!is_time(w, rule))
		return false;
	return is_one_of(w, from, &rule->from) && is_one_of(w, to, &rule->to) && is_service(&rule->services, service) &&
	       all_hold(&rule->if_from, from->device, rule->deny) && all_hold(&rule->if_to, to->device, rule->deny) &&
	       !is_excepted(w, rule, from, to, service);
}

/* policy.md, Meaning 4 and 7 */
struct verdict expected(const struct world *w, const struct probe *from, const struct probe *to, uint32_t service)
{
	uint32_t deny = CORDON_RULE_NONE, audit = CORDON_RULE_NONE, allow = CORDON_RULE_NONE;

	for (uint32_t i = (uint32_t)w->policy.n_rules; i-- > 0;) {
		if (!speaks(w, &w->rules[i], from, to, service))
			continue;
		if (!w->rules[i].deny)
			allow = i;
		else if (w->rules[i].mode == CORDON_MODE_AUDIT)
			audit = i;
		else
			deny = i;
	}
	if (deny != CORDON_RULE_NONE)
		return (struct verdict){.rule = deny, .action = CORDON_ACTION_DENY};
	if (allow == CORDON_RULE_NONE)
		return (struct verdict){.rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
	if (audit != CORDON_RULE_NONE)
		return (struct verdict){.rule = audit, .action = CORDON_ACTION_DENY, .flags = VERDICT_AUDIT};
	return (struct verdict){.rule = allow, .action = CORDON_ACTION_ALLOW};
}
