/* SPDX-License-Identifier: Apache-2.0 */
/* The road from a model to an image; see compile.h for the words. */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "decide.h"
#include "limits.h"
#include "windows.h"

int compile_refuse(struct compile *c, const char *what, uint64_t needed, uint64_t available, const char *advice)
{
	if (c->d)
		diagnostics_add(c->d, false, c->policy->n_files ? c->policy->files[0] : "policy", 0, 0,
				"the policy does not fit: %llu %s needed, %llu available; %s", (unsigned long long)needed, what,
				(unsigned long long)available, advice);
	return -E2BIG;
}

static int rules_name(struct compile *c)
{
	const struct policy *policy = c->policy;
	struct image *image = c->image;

	image->rules = calloc(policy->n_rules + 1, sizeof(*image->rules));
	if (!image->rules)
		return -ENOMEM;
	for (; image->n_rules < policy->n_rules; image->n_rules++) {
		const struct rule *rule = &policy->rules[image->n_rules];
		struct image_rule *named = &image->rules[image->n_rules];

		named->id = strdup(rule->id);
		named->file = strdup(rule->place.file < policy->n_files ? policy->files[rule->place.file] : "policy");
		named->line = rule->place.line;
		named->deny = rule->deny;
		named->audit = rule->mode == CORDON_MODE_AUDIT;
		if (!named->id || !named->file) {
			image->n_rules++;
			return -ENOMEM;
		}
	}
	return 0;
}

static int image_device_compare(const void *a, const void *b)
{
	const struct image_device *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->policy_device < y->policy_device ? -1 : x->policy_device > y->policy_device;
}

static void device_fill(const struct compile *c, uint32_t index, struct image_device *ret)
{
	const struct policy_device *device = &c->policy->devices[index];
	const struct segment *segment = &c->policy->segments[device->segment];
	const struct image_subject *subject = &c->lookup->subjects[index];

	*ret = (struct image_device){
		.policy_device = index,
		.key = device_key(device->mac, device->vlan),
		.mode = device_mode(c->policy, device),
		.must_authenticate = segment->auth,
		.dot1x_only = segment->auth_dot1x_only,
		.limits = limits_of(c->policy, device),
		.unauthenticated_limits = limits_unauthenticated(c->policy, device),
		.class = subject->class,
		.unauthenticated_class = subject->unauthenticated_class,
		.addresses = subject->addresses,
		.unauthenticated_addresses = subject->unauthenticated_addresses,
		.n_addresses = subject->n_addresses,
	};
}

static int devices_fill(struct compile *c)
{
	struct image *image = c->image;

	image->devices = calloc(c->policy->n_devices + 1, sizeof(*image->devices));
	if (!image->devices)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->policy->n_devices; i++)
		if (c->policy->devices[i].has_mac)
			device_fill(c, i, &image->devices[image->n_devices++]);
	qsort(image->devices, image->n_devices, sizeof(*image->devices), image_device_compare);
	return 0;
}

static bool gateway_has(const struct image *image, const struct address *address)
{
	for (size_t i = 0; i < image->n_gateway; i++)
		if (!memcmp(&image->gateway[i].address, address, sizeof(*address)))
			return true;
	return false;
}

/* One bridge shows the same address at each of its ports: it is one all the same. */
static int gateway_fill(struct compile *c)
{
	struct image *image = c->image;

	image->gateway = calloc(c->env->n_gateway + 1, sizeof(*image->gateway));
	if (!image->gateway)
		return -ENOMEM;
	for (size_t i = 0; i < c->env->n_gateway; i++)
		if (!gateway_has(image, &c->env->gateway[i]))
			image->gateway[image->n_gateway++] = (struct image_address){c->env->gateway[i], image->gateway_class};
	return 0;
}

/* A region that has the class of the one around it needs no entry of its own. */
static int networks_fill(struct compile *c)
{
	const struct regions *regions = &c->lookup->regions;
	struct image *image = c->image;

	image->networks = calloc(regions->n, sizeof(*image->networks));
	if (!image->networks)
		return -ENOMEM;
	for (size_t i = 0; i < regions->n; i++) {
		const struct region *region = &regions->items[i];

		if (region->parent != REGION_NONE && regions->items[region->parent].class == region->class)
			continue;
		image->networks[image->n_networks++] = (struct image_network){
			.key = {.prefixlen = region->prefix.length, .address = region->prefix.address},
			.value = {.class = region->class},
		};
	}
	return 0;
}

static int head_fill(struct compile *c)
{
	c->image->head.site_mode = (uint8_t)c->policy->site_mode;
	c->image->unknown_limits = limits_of(c->policy, NULL);
	c->image->head.unknown_mode = (uint8_t)device_mode(c->policy, NULL);
	return 0;
}

static void compile_done(struct compile *c)
{
	struct intern *tables[] = {&c->selector_texts, &c->service_sets, &c->windows, &c->tags, &c->contexts, &c->bases, &c->signatures, &c->combinations};
	struct lists *rows[] = {&c->service_classes_of, &c->by_segment, &c->by_device, &c->by_tag, &c->by_region, &c->members, &c->own};
	struct ids *lists[] = {&c->of_any, &c->of_local, &c->of_internet, &c->of_gateway, &c->conditional_places};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		intern_done(tables[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		lists_done(rows[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		ids_done(lists[i]);
	free(c->selectors);
	free(c->rules);
	free(c->exceptions);
	free(c->combination_class);
	free(c->segment_bases);
	free(c->plain);
	free(c->segment_plain);
	free(c->base_segment);
	image_free(c->image);
}
#define _cleanup_compile_ __attribute__((cleanup(compile_done)))

int policy_compile(const struct policy *policy, const struct policy_env *env, struct diagnostics *d, struct image **ret)
{
	static int (*const steps[])(struct compile *) = {
		rules_name, compile_windows, compile_selectors, compile_regions, compile_index, compile_services, compile_classes, compile_cells, compile_windows_move,
		compile_names, devices_fill, gateway_fill, networks_fill, head_fill,
	};
	static const struct policy_env nothing;
	_cleanup_compile_ struct compile c = {.policy = policy, .env = env ? env : &nothing, .d = d};

	c.image = calloc(1, sizeof(*c.image));
	if (!c.image)
		return -ENOMEM;
	c.lookup = c.image->lookup = calloc(1, sizeof(*c.lookup));
	if (!c.lookup)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](&c);

		if (r < 0)
			return r;
	}
	*ret = take_ptr(c.image);
	return 0;
}
