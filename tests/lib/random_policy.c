/* SPDX-License-Identifier: Apache-2.0 */
#include "random_policy.h"

#include <string.h>
#include <time.h>

static uint64_t state;
static char zone_name[] = RANDOM_ZONE;

void random_begin(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

uint32_t pick(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % n : 0;
}

bool chance(uint32_t percent)
{
	return pick(100) < percent;
}

bool is_v4(const struct address *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a->byte, mapped, 12);
}

struct address random_address(void)
{
	struct address a = {{0}};

	if (chance(70)) {
		a.byte[10] = a.byte[11] = 0xff;
		a.byte[12] = chance(80) ? 10 : 11;
		a.byte[14] = (uint8_t)pick(2);
		a.byte[15] = (uint8_t)pick(8);
	} else {
		a.byte[0] = chance(80) ? 0xfd : 0x20;
		a.byte[7] = (uint8_t)pick(2);
		a.byte[15] = (uint8_t)pick(4);
	}
	return a;
}

static struct prefix random_prefix(void)
{
	static const uint8_t v4[] = {0, 8, 8, 16, 24, 29, 30, 31, 32, 32}, v6[] = {0, 8, 64, 126, 127, 128};
	struct prefix p = {.address = random_address()};

	p.length = is_v4(&p.address) ? 96 + v4[pick(sizeof(v4))] : v6[pick(sizeof(v6))];
	for (unsigned int bit = p.length; bit < 128; bit++)
		p.address.byte[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return p;
}

static void random_segments(struct world *w)
{
	static char names[6][16] = {"unknown", "unauthenticated", "s2", "s3", "s4", "s5"};

	w->policy.segments = w->segments;
	w->policy.n_segments = 2 + pick(5);
	for (size_t i = 0; i < w->policy.n_segments; i++)
		w->segments[i] = (struct segment){
			.id = names[i], .mode = (int)pick(4) - 1, .auth = i > 1 && chance(30), .builtin = i < 2, .quarantine = POLICY_NONE,
		};
}

static void random_facts(struct world *w, struct policy_device *device)
{
	static char *const names[] = {"type", "firmware", "tag"};
	static char *const values[] = {"a", "b", "1.9", "2.10"};

	device->facts = &w->facts[w->n_facts];
	device->n_facts = pick(4);
	for (size_t i = 0; i < device->n_facts; i++)
		w->facts[w->n_facts++] = (struct fact){.name = names[i], .value = values[pick(4)]};
}

static void random_devices(struct world *w)
{
	static char names[7][4] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6"};

	w->policy.devices = w->devices;
	w->policy.n_devices = pick(8);
	for (size_t i = 0; i < w->policy.n_devices; i++) {
		struct policy_device *device = &w->devices[i];

		*device = (struct policy_device){
			.id = names[i], .mode = (int)pick(4) - 1, .has_mac = chance(90), .mac = {2, 0, 0, 0, 0, (uint8_t)pick(250)},
			.segment = pick((uint32_t)w->policy.n_segments), .segment_named = true,
		};
		device->mac[4] = (uint8_t)i;
		if (device->segment == POLICY_SEGMENT_UNAUTHENTICATED)
			device->segment = POLICY_SEGMENT_UNKNOWN;
		device->addresses = &w->addresses[w->n_addresses];
		device->n_addresses = pick(4);
		for (size_t a = 0; a < device->n_addresses; a++)
			w->addresses[w->n_addresses++] = random_address();
		random_facts(w, device);
	}
}

static void random_networks(struct world *w)
{
	static char names[3][4] = {"n0", "n1", "n2"};

	w->policy.networks = w->networks;
	w->policy.n_networks = pick(4);
	for (size_t i = 0; i < w->policy.n_networks; i++) {
		w->networks[i] = (struct named_network){.id = names[i], .prefixes = &w->prefixes[w->n_prefixes], .n_prefixes = 1 + pick(3)};
		for (size_t p = 0; p < w->networks[i].n_prefixes; p++)
			w->prefixes[w->n_prefixes++] = random_prefix();
	}
}

static struct peer random_peer(struct world *w)
{
	static const enum policy_peer_kind kinds[] = {
		POLICY_PEER_SEGMENT, POLICY_PEER_SEGMENT, POLICY_PEER_DEVICE, POLICY_PEER_DEVICE, POLICY_PEER_TAG, POLICY_PEER_NETWORK,
		POLICY_PEER_CIDR, POLICY_PEER_CIDR, POLICY_PEER_GATEWAY, POLICY_PEER_LOCAL, POLICY_PEER_INTERNET, POLICY_PEER_ANY,
		POLICY_PEER_NAME, POLICY_PEER_MCAST, POLICY_PEER_BCAST, POLICY_PEER_FEED, POLICY_PEER_NAT,
	};
	struct peer peer = {.kind = kinds[pick(sizeof(kinds) / sizeof(kinds[0]))], .index = POLICY_NONE, .text = "peer"};

	if (peer.kind == POLICY_PEER_DEVICE && !w->policy.n_devices)
		peer.kind = POLICY_PEER_ANY;
	if (peer.kind == POLICY_PEER_NETWORK && !w->policy.n_networks)
		peer.kind = POLICY_PEER_LOCAL;
	if (peer.kind == POLICY_PEER_SEGMENT)
		peer.index = pick((uint32_t)w->policy.n_segments);
	if (peer.kind == POLICY_PEER_DEVICE)
		peer.index = pick((uint32_t)w->policy.n_devices);
	if (peer.kind == POLICY_PEER_NETWORK)
		peer.index = pick((uint32_t)w->policy.n_networks);
	if (peer.kind == POLICY_PEER_CIDR)
		peer.prefix = random_prefix();
	if (peer.kind == POLICY_PEER_TAG)
		peer.text = chance(50) ? "tag:a" : "tag:B";
	return peer;
}

static struct peers random_peers(struct world *w, size_t least)
{
	struct peers peers = {.items = &w->peers[w->n_peers], .n = least + pick(3)};

	for (size_t i = 0; i < peers.n; i++)
		w->peers[w->n_peers++] = random_peer(w);
	return peers;
}

static struct services random_services(struct world *w, size_t least)
{
	static const uint32_t tops[] = {20, 20, 20, 10, 10, 150, 3};
	struct services services = {.items = &w->ranges[w->n_ranges], .n = least + pick(3)};

	for (size_t i = 0; i < services.n; i++) {
		struct service_range *range = &w->ranges[w->n_ranges++];

		*range = (struct service_range){.space = chance(15) ? POLICY_SERVICE_ANY : pick(chance(50) ? 2 : 7)};
		if (range->space == POLICY_SERVICE_ANY)
			continue;
		range->first = pick(tops[range->space]);
		range->last = range->first + (chance(50) ? 0 : pick(6));
		if (range->space < POLICY_SERVICE_ICMP && chance(10))
			range->last = 65535;
	}
	return services;
}

static struct conditions random_conditions(struct world *w)
{
	static char *const names[] = {"type", "firmware", "absent"};
	static char *const values[] = {"a", "b", "1.9", "2.10"};
	struct conditions conditions = {.items = &w->conditions[w->n_conditions], .n = chance(75) ? 0 : 1 + pick(2)};

	for (size_t i = 0; i < conditions.n; i++) {
		bool version = chance(40);

		w->values[w->n_conditions] = values[version ? 2 + pick(2) : pick(2)];
		w->conditions[w->n_conditions] = (struct condition){
			.fact = version ? names[1] : names[pick(3)], .n_values = 1, .values = &w->values[w->n_conditions],
			.op = version ? POLICY_OP_GE : pick(2) ? POLICY_OP_IS : POLICY_OP_NOT,
		};
		w->n_conditions++;
	}
	return conditions;
}

static void random_exceptions(struct world *w, struct rule *rule)
{
	rule->exceptions = &w->exceptions[w->n_exceptions];
	rule->n_exceptions = rule->deny && chance(60) ? 1 + pick(2) : 0;
	for (size_t i = 0; i < rule->n_exceptions; i++)
		w->exceptions[w->n_exceptions++] = (struct exception){
			.from = random_peers(w, 0), .to = random_peers(w, 0), .services = random_services(w, 0),
		};
}

static char expiry_early[] = "2026-06-20", expiry_late[] = "2026-12-24T18:30";

/* By the hour, so that moments beside the hour are never on an edge. */
static void random_schedules(struct world *w)
{
	static char names[3][4] = {"s0", "s1", "s2"};

	w->policy.timezone = zone_name;
	w->policy.schedules = (struct schedules){w->schedules, 3};
	for (size_t i = 0; i < 3; i++) {
		int32_t from = (int32_t)pick(24), to = (from + 1 + (int32_t)pick(23)) % 24;

		w->schedules[i] = (struct schedule){
			.name.id = names[i], .days = (uint8_t)(1 + pick(127)), .from = from * 3600, .to = to * 3600,
		};
	}
	w->schedules[2].once = chance(50);
	w->schedules[2].start = timegm(&(struct tm){.tm_year = 126, .tm_mon = 4, .tm_mday = 2, .tm_hour = 9});
	w->schedules[2].end = timegm(&(struct tm){.tm_year = 126, .tm_mon = 6, .tm_mday = 30, .tm_hour = 17});
}

static void random_rules(struct world *w)
{
	static char names[12][4] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "ra", "rb"};

	bool timed = chance(35);

	w->policy.rules = w->rules;
	w->policy.n_rules = pick(9);
	for (size_t i = 0; i < w->policy.n_rules; i++) {
		struct rule *rule = &w->rules[i];

		*rule = (struct rule){
			.id = names[i], .deny = chance(40), .from = random_peers(w, 1), .to = random_peers(w, 1),
			.services = random_services(w, 1), .if_from = random_conditions(w), .if_to = random_conditions(w),
			.schedule = !timed || chance(60) ? POLICY_NONE : pick((uint32_t)w->policy.schedules.n), .mode = -1,
			.expires = !timed || chance(80) ? NULL : chance(50) ? expiry_early : expiry_late,
		};
		if (rule->deny && chance(30))
			rule->mode = CORDON_MODE_AUDIT;
		random_exceptions(w, rule);
	}
}

void random_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->policy.site_mode = pick(3);
	random_segments(w);
	random_devices(w);
	random_networks(w);
	random_schedules(w);
	random_rules(w);
	w->env = (struct policy_env){.gateway = w->gateway, .n_gateway = pick(3), .local = w->local, .n_local = (pick(5) + 1) / 2};
	for (size_t i = 0; i < 2; i++) {
		w->gateway[i] = random_address();
		w->local[i] = random_prefix();
	}
}
