/* SPDX-License-Identifier: Apache-2.0 */
/* Classes to words: who is in a class, for people who read events, differences and tables. */
#include "compile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"

__attribute__((format(printf, 3, 4))) static int member_add(struct compile *c, uint32_t class, const char *format, ...)
{
	struct image_class *to = &c->image->classes[class];
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&text, format, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (to->n_members && !strcmp(to->members[to->n_members - 1], text))
		return 0;
	if ((to->n_members & (to->n_members - 1)) == 0) {
		char **members = reallocarray(to->members, to->n_members ? to->n_members * 2 : 1, sizeof(*members));

		if (!members)
			return -ENOMEM;
		to->members = members;
	}
	to->members[to->n_members++] = take_ptr(text);
	return 0;
}

static int network_names(struct compile *c, bool *named)
{
	const struct regions *regions = &c->lookup->regions;
	int r = 0;

	for (size_t i = 0; i < c->policy->n_networks; i++) {
		const struct named_network *network = &c->policy->networks[i];

		for (size_t p = 0; p < network->n_prefixes && r >= 0; p++) {
			struct prefix masked = prefix_masked(&network->prefixes[p]);
			uint32_t region = regions_find(regions, &masked);

			named[region] = true;
			r = member_add(c, regions->items[region].class, "network %s", network->id);
		}
	}
	return r;
}

static int region_name(struct compile *c, const struct region *region)
{
	char text[ADDR_TEXT_SIZE];

	if (!region->local && region->parent == REGION_NONE)
		return member_add(c, region->class, "internet");
	addr_format_prefix(&region->prefix.address, region->prefix.length, text);
	return member_add(c, region->class, "%s %s", region->local ? "local" : "cidr", text);
}

static int region_names(struct compile *c)
{
	const struct regions *regions = &c->lookup->regions;
	_cleanup_free_ bool *named = calloc(regions->n, sizeof(*named));
	int r;

	if (!named)
		return -ENOMEM;
	r = network_names(c, named);
	for (size_t i = 0; i < regions->n && r >= 0; i++) {
		const struct region *region = &regions->items[i];

		if (named[i] || (region->parent != REGION_NONE && regions->items[region->parent].class == region->class))
			continue;
		r = region_name(c, region);
	}
	return r;
}

static int device_names(struct compile *c)
{
	int r = 0;

	for (size_t i = 0; i < c->policy->n_devices && r >= 0; i++) {
		const struct image_subject *s = &c->lookup->subjects[i];
		const char *id = c->policy->devices[i].id;

		r = member_add(c, s->class, "device %s", id);
		for (size_t a = 0; a < s->n_addresses && r >= 0; a++)
			if (s->addresses[a].class != s->class)
				r = member_add(c, s->addresses[a].class, "device %s", id);
	}
	return r;
}

static int unauthenticated_names(struct compile *c)
{
	int r = 0;

	for (size_t i = 0; i < c->policy->n_devices && r >= 0; i++) {
		const struct image_subject *s = &c->lookup->subjects[i];

		r = member_add(c, s->unauthenticated_class, "unauthenticated devices");
		for (size_t a = 0; a < s->n_addresses && r >= 0; a++)
			r = member_add(c, s->unauthenticated_addresses[a].class, "unauthenticated devices");
	}
	return r;
}

/* The first device of each base stands for it. */
static void bases_name(const struct compile *c, const char **ret)
{
	for (size_t i = c->policy->n_devices; i-- > 0;)
		ret[c->lookup->subjects[i].base] = c->policy->devices[i].id;
	ret[c->lookup->unauthenticated_base] = "an unauthenticated one";
	ret[c->lookup->unknown_base] = "an unknown one";
}

static int learnt_names(struct compile *c)
{
	const struct image_lookup *lookup = c->lookup;
	_cleanup_free_ const char **base = calloc(lookup->n_bases + 1, sizeof(*base));
	_cleanup_free_ const struct region **region = calloc(lookup->n_contexts + 1, sizeof(*region));
	char text[ADDR_TEXT_SIZE];
	int r = 0;

	if (!base || !region)
		return -ENOMEM;
	bases_name(c, base);
	for (size_t i = lookup->regions.n; i-- > 0;)
		region[lookup->regions.items[i].context] = &lookup->regions.items[i];
	for (size_t i = 0; i < lookup->n_combinations && r >= 0; i++) {
		const struct image_combination *x = &lookup->combinations[i];
		const struct prefix *prefix = region[x->context] ? &region[x->context]->prefix : NULL;

		if (c->image->classes[x->class].n_members || !prefix || !base[x->base])
			continue;
		r = member_add(c, x->class, "devices like %s, by addresses in %s", base[x->base],
			       addr_format_prefix(&prefix->address, prefix->length, text));
	}
	return r;
}

int compile_names(struct compile *c)
{
	int r;

	c->image->classes = calloc(c->image->n_classes, sizeof(*c->image->classes));
	if (!c->image->classes)
		return -ENOMEM;
	r = member_add(c, c->image->gateway_class, "gateway");
	if (r >= 0)
		r = member_add(c, c->image->head.unknown_class, "unknown devices");
	if (r >= 0)
		r = region_names(c);
	if (r >= 0)
		r = device_names(c);
	if (r >= 0)
		r = unauthenticated_names(c);
	return r < 0 ? r : learnt_names(c);
}
