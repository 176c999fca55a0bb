/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small random policies, and a second evaluator written from the language's text alone: rule by rule, end by end, without
 * classes, regions or rows. Both must agree on every flow between every two ends. CORDON_TEST_SEED=N begins elsewhere.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/decide.h"
#include "policy/policy.h"

#define POLICIES 2200
#define MAX_ENDS 34
#define MAX_SERVICES 8

static uint64_t state;
static char zone_name[] = "Europe/Paris";

static uint32_t pick(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % n : 0;
}

static bool chance(uint32_t percent)
{
	return pick(100) < percent;
}

/* One policy and all it points to; nothing is freed but with the whole. */
struct world {
	struct policy policy;
	struct segment segments[6];
	struct policy_device devices[7];
	struct named_network networks[3];
	struct rule rules[12];
	struct schedule schedules[3];
	int64_t at; /* the moment in question */
	struct prefix prefixes[9];
	struct address addresses[21];
	struct fact facts[21];
	struct peer peers[200];
	struct service_range ranges[200];
	struct exception exceptions[30];
	struct condition conditions[40];
	char *values[40];
	size_t n_prefixes, n_addresses, n_facts, n_peers, n_ranges, n_exceptions, n_conditions;
	struct address gateway[2];
	struct prefix local[2];
	struct policy_env env;
};

static struct address random_address(void)
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

static bool is_v4(const struct address *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a->byte, mapped, 12);
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

static void random_world(struct world *w)
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

/* An end as the text of the language sees it, and how the image calls it. */
struct probe {
	const struct policy_device *device; /* NULL: no device that the policy knows, or not proved */
	bool is_device, is_gateway;
	uint32_t segment;
	const struct address *address;
	uint16_t class;
	bool exact; /* else only: never wider */
};

static bool in_prefix(const struct address *a, const struct prefix *p)
{
	if (is_v4(a) != (p->length >= 96 && is_v4(&p->address)))
		return false;
	for (unsigned int bit = 0; bit < p->length; bit++)
		if ((a->byte[bit / 8] ^ p->address.byte[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool in_any_prefix(const struct address *a, const struct prefix *p, size_t n)
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
static struct verdict expected(const struct world *w, const struct probe *from, const struct probe *to, uint32_t service)
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

static const struct image_device *image_device_of(const struct image *image, uint32_t index)
{
	for (size_t i = 0; i < image->n_devices; i++)
		if (image->devices[i].policy_device == index)
			return &image->devices[i];
	return NULL;
}

/* A device with declared addresses speaks by these; the compiler owes it nothing exact for others of the same family. */
static bool has_family(const struct policy_device *device, const struct address *address)
{
	for (size_t i = 0; i < device->n_addresses; i++)
		if (is_v4(&device->addresses[i]) == is_v4(address))
			return true;
	return false;
}

/* By each declared address, by none, and by two addresses that the policy does not give it. */
static size_t device_probes(const struct world *w, const struct image *image, uint32_t index, struct address learnt[2], struct probe *ret)
{
	const struct image_device *d = image_device_of(image, index);
	const struct policy_device *device = &w->devices[index];
	struct probe yes = {.device = device, .is_device = true, .segment = device->segment, .exact = true};
	struct probe no = {.is_device = true, .segment = POLICY_SEGMENT_UNAUTHENTICATED, .exact = true};
	size_t n = 0;

	if (!d)
		return 0;
	cr_assert_eq(d->n_addresses, device->n_addresses);
	yes.class = d->class;
	no.class = d->unauthenticated_class;
	ret[n++] = yes;
	ret[n++] = no;
	for (size_t a = 0; a < device->n_addresses; a++) {
		yes.address = no.address = &device->addresses[a];
		yes.class = d->addresses[a].class;
		no.class = d->unauthenticated_addresses[a].class;
		cr_assert_eq(yes.class, image_address_class(image, d, &device->addresses[a]));
		cr_assert_eq(no.class, image_unauthenticated_class(image, &device->addresses[a]));
		ret[n++] = yes;
		ret[n++] = no;
	}
	for (size_t a = 0; a < 2; a++) {
		yes.address = &learnt[a];
		yes.exact = in_any_prefix(&learnt[a], w->env.local, w->env.n_local) && !has_family(device, &learnt[a]);
		yes.class = image_address_class(image, d, &learnt[a]);
		ret[n++] = yes;
	}
	return n;
}

static size_t make_probes(const struct world *w, const struct image *image, struct address addresses[8], struct probe *ret)
{
	size_t n = 0;
	bool near = in_any_prefix(&addresses[7], w->env.local, w->env.n_local);

	ret[n++] = (struct probe){.is_gateway = true, .class = image->gateway_class, .exact = true};
	ret[n++] = (struct probe){.is_device = true, .segment = POLICY_SEGMENT_UNKNOWN, .class = image->head.unknown_class, .exact = true};
	ret[n++] = (struct probe){
		.is_device = true, .segment = POLICY_SEGMENT_UNKNOWN, .address = &addresses[7], .exact = near,
		.class = image_unknown_class(image, &addresses[7]),
	};
	for (size_t i = 2; i < 7; i++)
		ret[n++] = (struct probe){.address = &addresses[i], .class = image_address_class(image, NULL, &addresses[i]), .exact = true};
	for (uint32_t i = 0; i < w->policy.n_devices && n + 10 < MAX_ENDS; i++)
		n += device_probes(w, image, i, addresses, ret + n);
	return n;
}

/* The bounds of what rules name, one beside them, and some that no rule may have thought of. */
static size_t make_services(const struct world *w, uint32_t *ret)
{
	static const uint32_t begins[] = {0, 65536, 131072, 196608, 196864, 197120};
	size_t n = 0;

	for (size_t i = 0; i < w->n_ranges && n < MAX_SERVICES - 1; i++) {
		const struct service_range *range = &w->ranges[w->n_ranges - 1 - i];

		if (range->space >= POLICY_SERVICE_ETH || chance(50))
			continue;
		ret[n] = begins[range->space] + (chance(50) ? range->first : range->last) + (chance(30) ? 1 : 0);
		n += ret[n] < CORDON_SERVICE_COUNT;
	}
	while (n < MAX_SERVICES)
		ret[n++] = pick(CORDON_SERVICE_COUNT);
	return n;
}

static bool opens(struct verdict v)
{
	return v.action == CORDON_ACTION_ALLOW || v.flags & VERDICT_AUDIT;
}

static bool same(struct verdict a, struct verdict b)
{
	return a.rule == b.rule && a.action == b.action && a.flags == b.flags;
}

static struct end end_of(const struct world *w, const struct probe *p)
{
	struct end end = {.kind = p->is_gateway ? END_GATEWAY : p->is_device ? END_DEVICE : END_NETWORK, .device = p->device, .segment = p->segment};

	if (p->address) {
		end.by_address = true;
		end.where = (struct prefix){.address = *p->address, .length = 128};
		end.local = in_any_prefix(p->address, w->env.local, w->env.n_local);
	}
	return end;
}

struct count {
	size_t probes, decided, opened, by_kin, refused;
};

static void compare(const struct world *w, const struct image *image, const struct probe *from, const struct probe *to, uint32_t service,
		    uint64_t seed, struct count *count)
{
	struct verdict want = expected(w, from, to, service), got = image_decide(image, from->class, to->class, service, w->at);
	struct end a = end_of(w, from), b = end_of(w, to);
	struct moment moment = {&w->policy, image, w->at};

	count->probes++;
	count->decided += want.action != CORDON_ACTION_DEFAULT;
	count->opened += opens(want);
	if (from->exact && to->exact)
		cr_assert(same(want, got), "seed %#lx: service %u, classes %u -> %u: expected action %u rule %d, got action %u rule %d", seed, service,
			  from->class, to->class, want.action, (int)want.rule, got.action, (int)got.rule);
	else
		cr_assert(opens(want) || !opens(got), "seed %#lx: service %u, classes %u -> %u: wider than the rules", seed, service,
			  from->class, to->class);
	cr_assert(same(want, rules_decide(&moment, &a, &b, service)), "seed %#lx: rule by rule, service %u", seed, service);
}

static bool same_bytes(const void *a, const void *b, size_t size)
{
	return !size || !memcmp(a, b, size);
}

/* The image twice: byte for byte. */
static void compare_images(const struct image *a, const struct image *b, uint64_t seed)
{
	cr_assert(a->n_pairs == b->n_pairs && same_bytes(a->pairs, b->pairs, a->n_pairs * sizeof(*a->pairs)), "seed %#lx", seed);
	cr_assert(!memcmp(&a->head, &b->head, sizeof(a->head)), "seed %#lx", seed);
	cr_assert_eq(image_verdicts(a), image_verdicts(b), "seed %#lx", seed);
	cr_assert(same_bytes(a->verdicts, b->verdicts, image_verdicts(a) * sizeof(*a->verdicts)), "seed %#lx", seed);
	cr_assert(a->n_windows == b->n_windows && same_bytes(a->windows + 1, b->windows + 1, (a->n_windows - 1) * sizeof(*a->windows)), "seed %#lx",
		  seed);
	cr_assert(same_bytes(a->services, b->services, CORDON_SERVICE_COUNT * sizeof(*a->services)), "seed %#lx", seed);
	cr_assert(a->n_networks == b->n_networks && same_bytes(a->networks, b->networks, a->n_networks * sizeof(*a->networks)), "seed %#lx", seed);
}

/* The trie that the kernel gets: the longest entry decides. */
static uint16_t trie_class(const struct image *image, const struct address *address)
{
	const struct image_network *best = NULL;

	for (size_t i = 0; i < image->n_networks; i++) {
		const struct image_network *at = &image->networks[i];
		bool inside = true;

		for (unsigned int bit = 0; bit < at->key.prefixlen && inside; bit++)
			inside = !((address->byte[bit / 8] ^ at->key.address.byte[bit / 8]) & (0x80 >> bit % 8));
		if (inside && (!best || at->key.prefixlen > best->key.prefixlen))
			best = at;
	}
	return best ? (uint16_t)best->value.class : 0;
}

static void check_talks(const struct image *image, uint64_t seed)
{
	for (size_t i = 0; i < image->n_pairs; i++) {
		if (!image->pairs[i].key.to)
			continue;
		const struct verdict *row = image->verdicts + (size_t)image->pairs[i].value.cell * image->head.service_classes;
		bool talks = false;

		for (uint32_t s = 0; s < image->head.service_classes; s++)
			for (const struct verdict *v = &row[s]; v; v = v->next == CORDON_CHAIN_END ? NULL : &image->verdicts[v->next])
				talks |= opens(*v);
		cr_assert_eq(talks, (image->pairs[i].value.flags & PAIR_TALKS) != 0, "seed %#lx", seed);
	}
}

static void check_modes(const struct world *w, const struct image *image)
{
	for (size_t i = 0; i < image->n_devices; i++) {
		const struct policy_device *device = &w->devices[image->devices[i].policy_device];
		int mode = device->mode >= 0 ? device->mode : w->segments[device->segment].mode;

		cr_assert_eq((int)image->devices[i].mode, mode >= 0 ? mode : (int)w->policy.site_mode);
		cr_assert_eq(image->devices[i].must_authenticate, w->segments[device->segment].auth);
		cr_assert(i == 0 || image->devices[i - 1].key < image->devices[i].key);
	}
}

/* Half past an hour of April to September, or of the winter after it; sometimes nobody knows. */
static int64_t random_moment(void)
{
	int64_t summer = 1775001600 + 1800, winter = 1793491200 + 1800; /* 2026-04-01, 2026-11-01 */

	if (chance(5))
		return IMAGE_NO_TIME;
	return (chance(70) ? summer : winter) + (int64_t)pick(24 * 120) * 3600;
}

static void check_image(const struct world *w, const struct image *image, const struct address addresses[8], uint64_t seed)
{
	check_talks(image, seed);
	check_modes(w, image);
	for (size_t i = 0; i < 8; i++)
		cr_assert_eq(trie_class(image, &addresses[i]), image_address_class(image, NULL, &addresses[i]), "seed %#lx", seed);
}

static void run_image(struct world *w, struct address addresses[8], uint64_t seed, struct count *count)
{
	struct probe probes[MAX_ENDS];
	uint32_t services[MAX_SERVICES];
	struct image *image = NULL, *again = NULL;
	size_t n, n_services;
	int r;

	r = policy_compile(&w->policy, &w->env, NULL, &image);
	if (r == -E2BIG) { /* too many verdicts at different times */
		count->refused++;
		return;
	}
	cr_assert_eq(r, 0, "seed %#lx", seed);
	cr_assert_eq(policy_compile(&w->policy, &w->env, NULL, &again), 0, "seed %#lx", seed);
	compare_images(image, again, seed);
	check_image(w, image, addresses, seed);
	n = make_probes(w, image, addresses, probes);
	n_services = make_services(w, services);
	for (size_t f = 0; f < n; f++)
		for (size_t t = 0; t < n; t++)
			for (size_t s = 0; s < n_services; s++, w->at = random_moment())
				compare(w, image, &probes[f], &probes[t], services[s], seed, count);
	count->by_kin += image->head.kin;
	image_free(image);
	image_free(again);
}

/* As it is; every third time also as if it were large. */
static void run_policy(uint64_t seed, struct count *count)
{
	static struct world w;
	struct address addresses[8];

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	random_world(&w);
	for (size_t i = 0; i < 8; i++)
		addresses[i] = random_address();
	run_image(&w, addresses, seed, count);
	w.env.kin_steps = 1;
	if (seed % 3 == 0)
		run_image(&w, addresses, seed, count);
}

Test(policy_random, both_evaluators_agree)
{
	const char *given = getenv("CORDON_TEST_SEED");

	setenv("TZ", zone_name, 1);
	tzset();
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
	struct count count = {0};

	for (uint64_t i = 0; i < POLICIES; i++)
		run_policy(seed + i, &count);
	printf("seeds %#lx to %#lx: %zu flows, %zu decided by a rule, %zu opened; %zu policies refused\n", seed, seed + POLICIES - 1,
	       count.probes, count.decided, count.opened, count.refused);
	/* A generator that only makes policies about nothing would agree with anything. */
	cr_assert_lt(count.refused, POLICIES / 50);
	cr_assert_gt(count.decided, count.probes / 20);
	cr_assert_gt(count.opened, count.probes / 50);
	cr_assert_gt(count.by_kin, POLICIES / 6);
}
