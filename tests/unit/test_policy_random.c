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

#include "oracle.h"
#include "policy/decide.h"

#define POLICIES 2200
#define MAX_ENDS 34
#define MAX_SERVICES 8

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

	random_begin(seed);
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

	setenv("TZ", RANDOM_ZONE, 1);
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
