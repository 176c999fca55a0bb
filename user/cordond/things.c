/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of a device, a segment, a rule: what lists show, and what descriptions begin with. */
#include <stdlib.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "commands.h"

static json_t *addresses_json(const struct policy_device *device)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; device && i < device->n_addresses; i++)
		json_array_append_new(list, json_string(addr_format(&device->addresses[i], text)));
	return list;
}

/* Both directions; packets or bytes. */
static json_t *sums_json(const struct device_counters *c, bool bytes)
{
#define SUM(what) (json_int_t)(bytes ? c->what[0].bytes + c->what[1].bytes : c->what[0].packets + c->what[1].packets)
	return json_pack("{s:I, s:I, s:I}", "passed", SUM(passed), "dropped", SUM(dropped), "would_deny", SUM(would_deny));
#undef SUM
}

static json_t *limit_json(uint64_t limit)
{
	return limit ? json_integer((json_int_t)limit) : json_null();
}

/* As the kernel has them; in bits, as policies write a rate. */
static json_t *limits_json(const struct dataplane_device_row *row)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:b}", "flows", limit_json(row->flow_quota), "new_flows", limit_json(row->limit.new_flows_per_s), "rate",
			 limit_json(row->limit.bytes_per_s * 8), "packets", limit_json(row->limit.packets_per_s), "critical", row->critical);
}

json_t *device_json(struct engine *e, const struct identity_view *view)
{
	struct dataplane_device_row row = { .port = view->fixed_port };
	char mac_text[MAC_TEXT_SIZE];
	uint16_t vlan;
	uint8_t mac[6];
	bool here = dataplane_device_read(e->dp, view->key, &row) == 0;

	device_key_split(view->key, mac, &vlan);
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s?, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "id", view->id, "mac",
			 mac_format(mac, mac_text), "vlan", (int)vlan, "segment", view->segment, "mode", mode_name(view->mode), "port",
			 ports_name(&e->ports, row.port), "placed", view->fixed_port != CORDON_PORT_NONE, "declared", view->declared,
			 "quarantined", view->quarantined, "authenticated", view->authenticated, "class",
			 here ? json_integer(row.side.class) : json_null(), "addresses", addresses_json(view->device), "packets",
			 sums_json(&row.counters, false), "bytes", sums_json(&row.counters, true), "flows",
			 (json_int_t)row.flows[0] + row.flows[1], "inbound", (json_int_t)row.flows[CORDON_DIR_TO_DEVICE], "limits",
			 here ? limits_json(&row) : json_null());
}

json_t *segment_json(struct engine *e, uint32_t index)
{
	const struct policy *policy = e->in_force->policy;
	const struct segment *segment = &policy->segments[index];
	int members = 0;

	for (size_t i = 0; i < policy->n_devices; i++)
		members += policy->devices[i].segment == index;
	return json_pack("{s:s, s:s, s:i, s:b, s:b, s:b}", "id", segment->id, "mode",
			 mode_name(segment->mode >= 0 ? (enum cordon_mode)segment->mode : policy->site_mode), "devices", members, "auth", segment->auth,
			 "critical", segment->critical, "builtin", segment->builtin);
}

static json_t *peers_json(const struct peers *peers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < peers->n; i++)
		json_array_append_new(list, json_string(peers->items[i].text ? peers->items[i].text : "?"));
	return list;
}

const char *const parked_words[POLICY_PARKED_COUNT] = {
#define X(id, word, text) [POLICY_PARKED_##id] = word,
	POLICY_PARKED(X)
#undef X
};

static json_t *parked_json(uint32_t parked)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < POLICY_PARKED_COUNT; i++)
		if (parked & 1u << i)
			json_array_append_new(list, json_string(parked_words[i]));
	return list;
}

json_t *rule_json(struct engine *e, uint32_t index, uint64_t live_flows)
{
	const struct policy *policy = e->in_force->policy;
	const struct rule *rule = &policy->rules[index];
	const struct image *image = e->in_force->image;
	uint16_t window = image->rules[index].window;
	_cleanup_free_ char *when = window == CORDON_WINDOW_ALWAYS ? NULL : image_window_text(image, window);

	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:s?, s:s?, s:s?, s:i, s:s?, s:s?, s:s?, s:s?, s:b, s:o, s:I}", "id", rule->id, "number", (int)index,
			 "action", rule->deny ? "deny" : "allow", "from", peers_json(&rule->from), "to", peers_json(&rule->to), "services",
			 rule->services.text, "mode", rule->mode >= 0 ? mode_name(rule->mode) : NULL, "file",
			 rule->place.file < policy->n_files ? policy->files[rule->place.file] : NULL, "line", (int)rule->place.line, "why", rule->why,
			 "owner", rule->owner, "expires", rule->expires, "when", when, "holds",
			 image_window_open(image, window, windows_now(e)), "parked", parked_json(rule->parked), "flows", (json_int_t)live_flows);
}

struct rule_counts {
	uint32_t generation;
	size_t n;
	uint64_t *flows;
};

static int count_flow(void *ctx, const struct flow *flow)
{
	struct rule_counts *counts = ctx;

	/* Those that an older policy judged are judged anew with their next packet; until then they are of no rule of this one. */
	if (flow->generation == counts->generation && flow->rule < counts->n && flow->state != CORDON_FLOW_CUT)
		counts->flows[flow->rule]++;
	return 0;
}

uint64_t *flows_by_rule(struct engine *e)
{
	struct rule_counts counts = { .generation = dataplane_generation(e->dp), .n = e->in_force->policy->n_rules };

	counts.flows = calloc(counts.n + 1, sizeof(*counts.flows));
	if (counts.flows)
		dataplane_flows_each(e->dp, count_flow, &counts);
	return counts.flows;
}
