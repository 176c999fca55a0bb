/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "parse.h"

static void conditions_done(struct conditions *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].fact);
		for (size_t k = 0; k < c->items[i].n_values; k++)
			free(c->items[i].values[k]);
		free(c->items[i].values);
	}
	free(c->items);
}

static void facts_done(struct fact *facts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(facts[i].name);
		free(facts[i].value);
	}
	free(facts);
}

void peers_done(struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		free(peers->items[i].text);
	free(peers->items);
}

void services_done(struct services *services)
{
	free(services->items);
	free(services->text);
}

static void segment_done(struct segment *s)
{
	free(s->id);
	conditions_done(&s->match);
}

static void device_done(struct policy_device *device)
{
	free(device->id);
	free(device->addresses);
	facts_done(device->facts, device->n_facts);
	free(device->location);
}

static void exception_done(struct exception *e)
{
	peers_done(&e->from);
	peers_done(&e->to);
	services_done(&e->services);
}

static void rule_done(struct rule *rule)
{
	free(rule->id);
	peers_done(&rule->from);
	peers_done(&rule->to);
	services_done(&rule->services);
	for (size_t i = 0; i < rule->n_exceptions; i++)
		exception_done(&rule->exceptions[i]);
	free(rule->exceptions);
	conditions_done(&rule->if_from);
	conditions_done(&rule->if_to);
	free(rule->why);
	free(rule->owner);
	free(rule->expires);
}

static void test_done(struct policy_test *test)
{
	free(test->from.text);
	free(test->to.text);
	free(test->service_text);
	free(test->at);
	facts_done(test->facts, test->n_facts);
	facts_done(test->to_facts, test->n_to_facts);
}

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i].id);
	free(names->items);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->n_files; i++)
		free(policy->files[i]);
	for (size_t i = 0; i < policy->n_segments; i++)
		segment_done(&policy->segments[i]);
	for (size_t i = 0; i < policy->n_devices; i++)
		device_done(&policy->devices[i]);
	for (size_t i = 0; i < policy->n_networks; i++) {
		free(policy->networks[i].id);
		free(policy->networks[i].prefixes);
	}
	for (size_t i = 0; i < policy->n_rules; i++)
		rule_done(&policy->rules[i]);
	for (size_t i = 0; i < policy->n_tests; i++)
		test_done(&policy->tests[i]);
	for (size_t i = 0; i < policy->schedules.n; i++)
		free(policy->schedules.items[i].name.id);
	free(policy->schedules.items);
	names_done(&policy->quarantines);
	names_done(&policy->feeds);
	names_done(&policy->responses);
	free(policy->files);
	free(policy->site_name);
	free(policy->timezone);
	free(policy->segments);
	free(policy->devices);
	free(policy->networks);
	free(policy->rules);
	free(policy->tests);
	free(policy);
}
