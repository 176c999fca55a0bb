/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subjects to classes. What rules know of a device is split in two, because a device may speak by addresses that nobody
 * knows yet: its base (all but addresses) and the context of a region of the address space. Both together give the
 * signature and so the class, now for the addresses of the policy, later for learnt ones.
 *
 * A base is the sorted list of selectors that match without an address, then INTERN_NONE, then those selectors with
 * conditions whose conditions hold for this device, so that an address alone would make them match.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "facts.h"

static bool selector_admits(const struct compile *c, uint32_t selector, const struct policy_device *device)
{
	const struct selector *s = &c->selectors[selector];

	return !s->conditions || conditions_hold(s->conditions, device, s->unknown_is);
}

static int lists_append(struct ids *list, const struct lists *rows, uint32_t row)
{
	size_t n;
	const uint32_t *items = lists_get(rows, row, &n);

	return ids_add_all(list, items, n);
}

static int tags_append(struct compile *c, struct ids *list, const struct policy_device *device)
{
	int r = 0;

	for (size_t i = 0; i < device->n_facts && c->tags.n && r >= 0; i++) {
		uint32_t tag = INTERN_NONE;

		if (!strcmp(device->facts[i].name, "tag"))
			r = tag_intern(&c->tags, device->facts[i].value, false, &tag);
		if (r >= 0 && tag != INTERN_NONE)
			r = lists_append(list, &c->by_tag, tag);
	}
	return r;
}

static void drop_unmet(const struct compile *c, struct ids *list, const struct policy_device *device)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (selector_admits(c, list->items[i], device))
			list->items[kept++] = list->items[i];
	list->n = kept;
}

int class_of(struct compile *c, struct ids *list, uint32_t *ret)
{
	int r;

	ids_sort(list);
	r = intern_add(&c->signatures, list->items, list->n * sizeof(*list->items), ret);
	if (r < 0)
		return r;
	if (c->signatures.size > COMPILE_MAX_SIGNATURE_BYTES)
		return compile_refuse(c, "bytes to tell devices apart", c->signatures.size, COMPILE_MAX_SIGNATURE_BYTES,
				      "name segments instead of single devices in rules");
	++*ret;
	return 0;
}

/* What an unknown or unproved device is: a member of its segment, and nothing else that the policy says of it counts. */
static int base_make(struct compile *c, const struct policy_device *device, uint32_t segment, uint32_t *ret)
{
	_cleanup_ids_ struct ids list = {0};
	size_t matched;
	int r = ids_add_all(&list, c->of_any.items, c->of_any.n);

	if (r >= 0)
		r = ids_add_all(&list, c->of_local.items, c->of_local.n);
	if (r >= 0)
		r = lists_append(&list, &c->by_segment, segment);
	if (r >= 0 && device)
		r = lists_append(&list, &c->by_device, (uint32_t)(device - c->policy->devices));
	if (r >= 0 && device)
		r = tags_append(c, &list, device);
	if (r < 0)
		return r;
	if (c->conditional)
		drop_unmet(c, &list, device);
	ids_sort(&list);
	matched = list.n;
	r = ids_add(&list, INTERN_NONE);
	for (size_t i = 0; i < c->conditional_places.n && r >= 0; i++) {
		uint32_t selector = c->conditional_places.items[i];

		if (!ids_have(list.items, matched, selector) && selector_admits(c, selector, device))
			r = ids_add(&list, selector);
	}
	return r < 0 ? r : intern_add(&c->bases, list.items, list.n * sizeof(*list.items), ret);
}

/* True if nothing but its segment tells it from others of the segment, so that one base serves them all. */
static bool device_is_plain(const struct compile *c, size_t index)
{
	return !c->conditional && !c->tags.n && c->by_device.first[index] == c->by_device.first[index + 1];
}

/* Bases that several segments share match what each of them does: any will do. */
static int base_note(struct compile *c, uint32_t base, uint32_t segment)
{
	size_t before = c->base_capacity;
	int r = array_reserve(&c->base_segment, &c->base_capacity, (size_t)base + 1, sizeof(*c->base_segment));

	if (r < 0)
		return r;
	memset(c->base_segment + before, 0xff, (c->base_capacity - before) * sizeof(*c->base_segment));
	if (c->base_segment[base] == POLICY_NONE)
		c->base_segment[base] = segment;
	return 0;
}

static int device_base(struct compile *c, size_t index, uint32_t *ret)
{
	const struct policy_device *device = &c->policy->devices[index];
	uint32_t *known = &c->segment_bases[device->segment];
	int r = 0;

	if (!device_is_plain(c, index))
		r = base_make(c, device, device->segment, ret);
	else if (*known == INTERN_NONE)
		r = base_make(c, device, device->segment, known);
	if (r < 0)
		return r;
	if (device_is_plain(c, index))
		*ret = *known;
	return base_note(c, *ret, device->segment);
}

/* The signature of a base by an address of this context. */
int class_combine(const struct compile *c, uint32_t base, uint32_t context, struct ids *list)
{
	size_t n, n_context, matched = 0;
	const uint32_t *items = intern_ids(&c->bases, base, &n);
	const uint32_t *here = intern_ids(&c->contexts, context, &n_context);
	int r;

	while (items[matched] != INTERN_NONE)
		matched++;
	list->n = 0;
	r = ids_add_all(list, items, matched);
	for (size_t i = 0; i < n_context && r >= 0; i++)
		if (!c->selectors[here[i]].conditions || ids_have(items + matched + 1, n - matched - 1, here[i]))
			r = ids_add(list, here[i]);
	ids_sort(list);
	return r;
}

int class_combination(struct compile *c, uint32_t base, uint32_t context, uint32_t *ret)
{
	_cleanup_ids_ struct ids list = {0};
	uint32_t key[] = {base, context}, id;
	size_t before = c->combinations.n;
	int r = intern_add(&c->combinations, key, sizeof(key), &id);

	if (r >= 0 && c->combinations.n > before) {
		r = array_reserve(&c->combination_class, &c->combination_capacity, c->combinations.n, sizeof(*c->combination_class));
		if (r >= 0)
			r = class_combine(c, base, context, &list);
		if (r >= 0)
			r = class_of(c, &list, &c->combination_class[id]);
	}
	if (r >= 0)
		*ret = c->combination_class[id];
	return r;
}

static int base_at(struct compile *c, uint32_t base, const struct address *address, uint16_t *ret)
{
	struct prefix prefix = prefix_of_address(address);
	uint32_t region = regions_find(&c->lookup->regions, &prefix), class;
	int r = class_combination(c, base, c->lookup->regions.items[region].context, &class);

	*ret = r < 0 ? 0 : (uint16_t)class;
	return r;
}

/* Classes beyond 16 bits are counted on, so that the refusal can name the whole number; see compile_classes(). */
static int base_alone(struct compile *c, uint32_t base, uint16_t *ret)
{
	uint32_t class;
	int r = class_combination(c, base, 0, &class);

	*ret = r < 0 ? 0 : (uint16_t)class;
	return r;
}

static int subject_addresses(struct compile *c, struct image_subject *s, const struct policy_device *device, struct image_address *proved)
{
	struct image_address *unproved = proved + device->n_addresses;
	int r = 0;

	for (size_t i = 0; i < device->n_addresses && r >= 0; i++) {
		proved[i].address = unproved[i].address = device->addresses[i];
		r = base_at(c, s->base, &device->addresses[i], &proved[i].class);
		if (r >= 0)
			r = base_at(c, c->lookup->unauthenticated_base, &device->addresses[i], &unproved[i].class);
	}
	s->addresses = proved;
	s->unauthenticated_addresses = unproved;
	s->n_addresses = device->n_addresses;
	return r;
}

static int subjects_make(struct compile *c)
{
	const struct policy *policy = c->policy;
	struct image_lookup *lookup = c->lookup;
	size_t total = 0;
	int r = base_make(c, NULL, POLICY_SEGMENT_UNAUTHENTICATED, &lookup->unauthenticated_base);

	if (r >= 0)
		r = base_note(c, lookup->unauthenticated_base, POLICY_SEGMENT_UNAUTHENTICATED);
	for (size_t i = 0; i < policy->n_devices; i++)
		total += policy->devices[i].n_addresses * 2;
	lookup->addresses = calloc(total + 1, sizeof(*lookup->addresses));
	lookup->subjects = calloc(policy->n_devices + 1, sizeof(*lookup->subjects));
	c->segment_bases = malloc((policy->n_segments + 1) * sizeof(*c->segment_bases));
	if (!lookup->addresses || !lookup->subjects || !c->segment_bases)
		return -ENOMEM;
	memset(c->segment_bases, 0xff, (policy->n_segments + 1) * sizeof(*c->segment_bases));
	lookup->n_subjects = policy->n_devices;
	for (size_t i = 0, at = 0; i < policy->n_devices && r >= 0; at += policy->devices[i].n_addresses * 2, i++) {
		struct image_subject *s = &lookup->subjects[i];

		r = device_base(c, i, &s->base);
		if (r >= 0)
			r = base_alone(c, s->base, &s->class);
		if (r >= 0)
			r = base_alone(c, lookup->unauthenticated_base, &s->unauthenticated_class);
		if (r >= 0)
			r = subject_addresses(c, s, &policy->devices[i], &lookup->addresses[at]);
	}
	return r;
}

static int unknown_make(struct compile *c)
{
	int r = base_make(c, NULL, POLICY_SEGMENT_UNKNOWN, &c->lookup->unknown_base);

	if (r >= 0)
		r = base_note(c, c->lookup->unknown_base, POLICY_SEGMENT_UNKNOWN);
	return r < 0 ? r : base_alone(c, c->lookup->unknown_base, &c->image->head.unknown_class);
}

/* What is no device: the selectors of its kind and its context; of facts it has none. */
static int thing_class(struct compile *c, const struct ids *kind, uint32_t context, uint16_t *ret)
{
	_cleanup_ids_ struct ids list = {0};
	size_t n;
	const uint32_t *here = intern_ids(&c->contexts, context, &n);
	uint32_t class = 0;
	int r = ids_add_all(&list, c->of_any.items, c->of_any.n);

	if (r >= 0)
		r = ids_add_all(&list, kind->items, kind->n);
	if (r >= 0)
		r = ids_add_all(&list, here, n);
	if (r < 0)
		return r;
	drop_unmet(c, &list, NULL);
	r = class_of(c, &list, &class);
	*ret = (uint16_t)class;
	return r;
}

static int things_make(struct compile *c)
{
	struct regions *regions = &c->lookup->regions;
	int r = thing_class(c, &c->of_gateway, 0, &c->image->gateway_class);

	for (size_t i = 0; i < regions->n && r >= 0; i++)
		r = thing_class(c, regions->items[i].local ? &c->of_local : &c->of_internet, regions->items[i].context,
				&regions->items[i].class);
	return r;
}

static int combination_compare(const void *a, const void *b)
{
	const struct image_combination *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->context < y->context ? -1 : x->context > y->context;
}

static int combinations_store(struct compile *c)
{
	struct image_lookup *lookup = c->lookup;
	size_t n, bases = c->bases.n;

	lookup->n_combinations = c->combinations.n;
	lookup->combinations = calloc(c->combinations.n + 1, sizeof(*lookup->combinations));
	lookup->base_class = calloc(bases + 1, sizeof(*lookup->base_class));
	if (!lookup->combinations || !lookup->base_class)
		return -ENOMEM;
	lookup->n_bases = bases;
	for (uint32_t i = 0; i < c->combinations.n; i++) {
		const uint32_t *key = intern_ids(&c->combinations, i, &n);

		lookup->combinations[i] = (struct image_combination){key[0], key[1], c->combination_class[i]};
		if (key[1] == 0)
			lookup->base_class[key[0]] = (uint16_t)c->combination_class[i];
	}
	qsort(lookup->combinations, lookup->n_combinations, sizeof(*lookup->combinations), combination_compare);
	return 0;
}

static int members_index(struct compile *c)
{
	int r = lists_init(&c->members, (uint32_t)c->selector_texts.n);
	size_t n;

	for (int put = 0; put < 2 && r >= 0; put++) {
		for (uint32_t class = 1; class <= c->signatures.n; class++) {
			const uint32_t *selectors = intern_ids(&c->signatures, class - 1, &n);

			for (size_t i = 0; i < n; i++)
				(put ? lists_put(&c->members, selectors[i], class) : lists_count(&c->members, selectors[i]));
		}
		if (!put)
			r = lists_ready(&c->members);
	}
	return r == -E2BIG ? compile_refuse(c, "memberships of classes in rules", (uint64_t)UINT32_MAX + 1, UINT32_MAX,
					    "let rules share lists of peers") : r;
}

static int closed_make(struct compile *c)
{
	_cleanup_ids_ struct ids none = {0};
	uint32_t class;
	int r = class_of(c, &none, &class);

	if (r < 0)
		return r;
	if (c->signatures.n > CORDON_MAX_CLASSES)
		return compile_refuse(c, "classes (devices and networks that rules tell apart)", c->signatures.n, CORDON_MAX_CLASSES,
				      "name segments instead of single devices in rules");
	c->lookup->closed_class = (uint16_t)class;
	return 0;
}

int compile_classes(struct compile *c)
{
	static int (*const steps[])(struct compile *) = {
		things_make, unknown_make, subjects_make, closed_make, compile_kin_choose, compile_learnt, combinations_store, members_index, compile_kin,
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](c);

		if (r < 0)
			return r;
	}
	c->image->n_classes = c->signatures.n + 1;
	return 0;
}
