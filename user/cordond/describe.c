/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "commands.h"

static void answer(struct control_client *client, const char *kind, json_t *thing)
{
	control_data(client, json_pack("{s:i, s:o}", "schema", 1, kind, thing));
	control_done(client, CONTROL_DONE, NULL);
}

static void add_place(const struct engine *e, const struct place *place, json_t *thing)
{
	const struct policy *policy = e->in_force->policy;

	json_object_set_new(thing, "file", place->file < policy->n_files ? json_string(policy->files[place->file]) : json_null());
	json_object_set_new(thing, "line", json_integer(place->line));
}

static json_t *traffic_json(const struct traffic *traffic)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)traffic->packets, "bytes", (json_int_t)traffic->bytes);
}

static json_t *direction_json(const struct device_counters *c, enum cordon_dir dir)
{
	return json_pack("{s:o, s:o, s:o}", "passed", traffic_json(&c->passed[dir]), "dropped", traffic_json(&c->dropped[dir]), "would_deny",
			 traffic_json(&c->would_deny[dir]));
}

struct drops {
	uint32_t row;
	json_t *list;
};

static int add_drop(void *ctx, const struct drop_key *key, const struct drop_count *count)
{
	struct drops *drops = ctx;

	if (key->device != drops->row)
		return 0;
	json_array_append_new(drops->list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "reason", reason_name(key->reason), "text",
						     reason_text(key->reason), "dir", dir_name(key->dir), "verdict", verdict_name(key->verdict), "packets",
						     (json_int_t)count->packets, "suppressed", (json_int_t)count->suppressed, "lost",
						     (json_int_t)count->lost));
	return 0;
}

static void add_counters(struct engine *e, uint64_t key, json_t *device)
{
	struct dataplane_device_row row;
	struct drops drops = { .list = json_array() };

	if (dataplane_device_read(e->dp, key, &row) == 0) {
		drops.row = row.row;
		dataplane_drops_each(e->dp, add_drop, &drops);
		json_object_set_new(device, "row", json_integer(row.row));
		json_object_set_new(device, "from_device", direction_json(&row.counters, CORDON_DIR_FROM_DEVICE));
		json_object_set_new(device, "to_device", direction_json(&row.counters, CORDON_DIR_TO_DEVICE));
		json_object_set_new(device, "flows_live", json_integer((json_int_t)row.flows[0] + row.flows[1]));
		json_object_set_new(device, "flows_started", json_integer((json_int_t)row.counters.flows_started));
	}
	json_object_set_new(device, "drops", drops.list);
}

static void add_declared(const struct engine *e, const struct policy_device *device, json_t *thing)
{
	json_t *facts = json_object();

	for (size_t i = 0; i < device->n_facts; i++)
		json_object_set_new(facts, device->facts[i].name, json_string(device->facts[i].value));
	json_object_set_new(thing, "facts", facts);
	add_place(e, &device->place, thing);
}

struct search {
	struct engine *engine;
	uint64_t key;
	json_t *found;
};

static int find_device(void *ctx, const struct identity_view *view)
{
	struct search *search = ctx;

	if (view->key != search->key)
		return 0;
	search->found = device_json(search->engine, view);
	if (view->device && search->engine->in_force)
		add_declared(search->engine, view->device, search->found);
	return 1;
}

static json_t *describe_device(struct engine *e, const char *name)
{
	struct search search = { .engine = e };

	if (identity_key(e->identity, name, &search.key) < 0)
		return NULL;
	identity_each(e->identity, find_device, &search);
	if (search.found)
		add_counters(e, search.key, search.found);
	return search.found;
}

/* True if a rule names this segment on either side. */
static bool names_segment(const struct rule *rule, uint32_t segment)
{
	const struct peers *sides[] = { &rule->from, &rule->to };

	for (size_t side = 0; side < ARRAY_SIZE(sides); side++)
		for (size_t i = 0; i < sides[side]->n; i++)
			if (sides[side]->items[i].kind == POLICY_PEER_SEGMENT && sides[side]->items[i].index == segment)
				return true;
	return false;
}

static json_t *described_segment(struct engine *e, uint32_t index)
{
	const struct policy *policy = e->in_force->policy;
	json_t *segment = segment_json(e, index), *members = json_array(), *rules = json_array();

	for (size_t i = 0; i < policy->n_devices; i++)
		if (policy->devices[i].segment == index)
			json_array_append_new(members, json_string(policy->devices[i].id));
	for (size_t i = 0; i < policy->n_rules; i++)
		if (names_segment(&policy->rules[i], index))
			json_array_append_new(rules, json_string(policy->rules[i].id));
	json_object_set_new(segment, "members", members);
	json_object_set_new(segment, "rules", rules);
	add_place(e, &policy->segments[index].place, segment);
	return segment;
}

static json_t *describe_segment(struct engine *e, const char *name)
{
	for (uint32_t i = 0; e->in_force && i < e->in_force->policy->n_segments; i++)
		if (strcmp(e->in_force->policy->segments[i].id, name) == 0)
			return described_segment(e, i);
	return NULL;
}

static json_t *texts_json(const struct peers *peers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < peers->n; i++)
		json_array_append_new(list, json_string(peers->items[i].text ? peers->items[i].text : "?"));
	return list;
}

static json_t *described_rule(struct engine *e, uint32_t index)
{
	const struct rule *rule = &e->in_force->policy->rules[index];
	_cleanup_free_ uint64_t *flows = flows_by_rule(e);
	json_t *thing = rule_json(e, index, flows ? flows[index] : 0), *exceptions = json_array();

	for (size_t i = 0; i < rule->n_exceptions; i++)
		json_array_append_new(exceptions, json_pack("{s:o, s:o, s:s?}", "from", texts_json(&rule->exceptions[i].from), "to",
							    texts_json(&rule->exceptions[i].to), "services", rule->exceptions[i].services.text));
	json_object_set_new(thing, "exceptions", exceptions);
	return thing;
}

static json_t *describe_rule(struct engine *e, const char *name)
{
	for (uint32_t i = 0; e->in_force && i < e->in_force->policy->n_rules; i++)
		if (strcmp(e->in_force->policy->rules[i].id, name) == 0)
			return described_rule(e, i);
	return NULL;
}

static json_t *describe_class(struct engine *e, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	const struct image_class *class;
	json_t *members;

	if (*end || end == name || !e->in_force || !number || number >= e->in_force->image->n_classes)
		return NULL;
	class = &e->in_force->image->classes[number];
	members = json_array();
	for (size_t i = 0; i < class->n_members; i++)
		json_array_append_new(members, json_string(class->members[i]));
	return json_pack("{s:i, s:o}", "number", (int)number, "members", members);
}

static const struct {
	const char *kind;
	json_t *(*describe)(struct engine *e, const char *name);
} kinds[] = {
	{ "device", describe_device },
	{ "segment", describe_segment },
	{ "rule", describe_rule },
	{ "class", describe_class },
};

void command_describe(void *ctx, struct control_client *client, const struct control_request *request)
{
	const char *kind = argument_text(request, "kind"), *name = argument_text(request, "name");

	for (size_t i = 0; kind && name && i < ARRAY_SIZE(kinds); i++) {
		json_t *thing;

		if (strcmp(kinds[i].kind, kind))
			continue;
		thing = kinds[i].describe(ctx, name);
		if (thing)
			answer(client, kind, thing);
		else
			control_done(client, CONTROL_NOT_FOUND, "no %s %s; `cordon get %ss` lists them", kind, name, kind);
		return;
	}
	control_done(client, CONTROL_USAGE, "describe: expected device, segment, rule or class, and a name");
}
