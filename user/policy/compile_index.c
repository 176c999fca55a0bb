/* SPDX-License-Identifier: Apache-2.0 */
/* From each peer that a selector names, and from each region of the address space, the way back to the selector. */
#include "compile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "decide.h"

static int network_regions_add(struct compile *c, const struct named_network *network)
{
	int r = 0;

	for (size_t i = 0; i < network->n_prefixes && r >= 0; i++)
		r = regions_add(&c->lookup->regions, &network->prefixes[i]);
	return r;
}

static bool address_is_gateway(const struct policy_env *env, const struct address *address)
{
	for (size_t i = 0; i < env->n_gateway; i++)
		if (!memcmp(&env->gateway[i], address, sizeof(*address)))
			return true;
	return false;
}

/* `cidr:` names networks and what stands in them; the gateway is only ever meant by its own word. */
static void warn_of_gateway(struct compile *c, const struct peer *peer)
{
	if (!c->d || peer->prefix.length != 128 || !address_is_gateway(c->env, &peer->prefix.address))
		return;
	diagnostics_add(c->d, true, c->policy->files ? c->policy->files[peer->place.file] : "policy", peer->place.line,
			peer->place.column, "%s is the gateway's own address, which no cidr stands for; write `gateway`", peer->text);
}

int compile_regions(struct compile *c)
{
	struct regions *regions = &c->lookup->regions;
	int r = 0;

	for (size_t i = 0; i < c->env->n_local && r >= 0; i++)
		r = regions_add(regions, &c->env->local[i]);
	for (size_t i = 0; i < c->policy->n_networks && r >= 0; i++)
		r = network_regions_add(c, &c->policy->networks[i]);
	for (size_t s = 0; s < c->selector_texts.n && r >= 0; s++) {
		const struct peers *peers = c->selectors[s].peers;

		for (size_t i = 0; i < peers->n && r >= 0; i++)
			if (peers->items[i].kind == POLICY_PEER_CIDR) {
				warn_of_gateway(c, &peers->items[i]);
				r = regions_add(regions, &peers->items[i].prefix);
			}
	}
	if (r >= 0)
		r = regions_ready(regions);
	for (size_t i = 0; i < regions->n && r >= 0; i++)
		for (size_t l = 0; l < c->env->n_local; l++)
			regions->items[i].local |= prefix_covers(&c->env->local[l], &regions->items[i].prefix);
	return r;
}

/* Tags are one whatever their case. */
int tag_intern(struct intern *tags, const char *name, bool add, uint32_t *ret)
{
	_cleanup_free_ char *lower = strdup(name);

	if (!lower)
		return -ENOMEM;
	for (char *at = lower; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (add)
		return intern_add(tags, lower, strlen(lower), ret);
	*ret = intern_find(tags, lower, strlen(lower));
	return 0;
}

typedef int (*index_fn)(struct compile *c, const struct peer *peer, uint32_t selector);

static int index_each(struct compile *c, index_fn fn)
{
	int r = 0;

	for (uint32_t s = 0; s < c->selector_texts.n; s++)
		for (size_t i = 0; i < c->selectors[s].peers->n && r >= 0; i++)
			r = fn(c, &c->selectors[s].peers->items[i], s);
	return r;
}

static void region_row_add(struct compile *c, const struct prefix *prefix, uint32_t selector, bool put)
{
	struct prefix masked = prefix_masked(prefix);
	uint32_t region = regions_find(&c->lookup->regions, &masked);

	if (put)
		lists_put(&c->by_region, region, selector);
	else
		lists_count(&c->by_region, region);
}

static void region_rows_add(struct compile *c, const struct peer *peer, uint32_t selector, bool put)
{
	const struct named_network *network;

	if (peer->kind == POLICY_PEER_CIDR)
		region_row_add(c, &peer->prefix, selector, put);
	if (peer->kind != POLICY_PEER_NETWORK)
		return;
	network = &c->policy->networks[peer->index];
	for (size_t i = 0; i < network->n_prefixes; i++)
		region_row_add(c, &network->prefixes[i], selector, put);
}

static int index_count(struct compile *c, const struct peer *peer, uint32_t selector)
{
	uint32_t tag;

	region_rows_add(c, peer, selector, false);
	switch (peer->kind) {
	case POLICY_PEER_SEGMENT:
		lists_count(&c->by_segment, peer->index);
		return 0;
	case POLICY_PEER_DEVICE:
		lists_count(&c->by_device, peer->index);
		return 0;
	case POLICY_PEER_TAG:
		return tag_intern(&c->tags, tag_name(peer), true, &tag);
	case POLICY_PEER_ANY:
		return ids_add(&c->of_any, selector);
	case POLICY_PEER_LOCAL:
		return ids_add(&c->of_local, selector);
	case POLICY_PEER_INTERNET:
		return ids_add(&c->of_internet, selector);
	case POLICY_PEER_GATEWAY:
		return ids_add(&c->of_gateway, selector);
	default:
		return 0;
	}
}

static int index_count_tag(struct compile *c, const struct peer *peer, uint32_t selector)
{
	uint32_t tag;
	int r;

	(void)selector;
	if (peer->kind != POLICY_PEER_TAG)
		return 0;
	r = tag_intern(&c->tags, tag_name(peer), false, &tag);
	if (r >= 0)
		lists_count(&c->by_tag, tag);
	return r;
}

static int index_put(struct compile *c, const struct peer *peer, uint32_t selector)
{
	bool by_address = peer->kind == POLICY_PEER_CIDR || peer->kind == POLICY_PEER_NETWORK;
	uint32_t tag;
	int r = 0;

	region_rows_add(c, peer, selector, true);
	if (peer->kind == POLICY_PEER_SEGMENT)
		lists_put(&c->by_segment, peer->index, selector);
	if (peer->kind == POLICY_PEER_DEVICE)
		lists_put(&c->by_device, peer->index, selector);
	if (peer->kind == POLICY_PEER_TAG)
		r = tag_intern(&c->tags, tag_name(peer), false, &tag);
	if (r < 0)
		return r;
	if (peer->kind == POLICY_PEER_TAG)
		lists_put(&c->by_tag, tag, selector);
	return by_address && c->selectors[selector].conditions ? ids_add(&c->conditional_places, selector) : 0;
}

/* The context of a region: the selectors of its prefix and of every prefix around it. Parents stand before their children. */
static int contexts_make(struct compile *c)
{
	struct regions *regions = &c->lookup->regions;
	_cleanup_ids_ struct ids list = {0};
	uint32_t none;
	int r = intern_add(&c->contexts, NULL, 0, &none);

	for (uint32_t i = 0; i < regions->n && r >= 0; i++) {
		struct region *region = &regions->items[i];
		const uint32_t *items;
		size_t n;

		list.n = 0;
		if (region->parent != REGION_NONE) {
			items = intern_ids(&c->contexts, regions->items[region->parent].context, &n);
			r = ids_add_all(&list, items, n);
		}
		items = lists_get(&c->by_region, i, &n);
		if (r >= 0)
			r = ids_add_all(&list, items, n);
		ids_sort(&list);
		if (r >= 0)
			r = intern_add(&c->contexts, list.items, list.n * sizeof(*list.items), &region->context);
		if (c->contexts.size > COMPILE_MAX_SIGNATURE_BYTES)
			return compile_refuse(c, "bytes to tell prefixes apart", c->contexts.size, COMPILE_MAX_SIGNATURE_BYTES,
					      "name fewer prefixes inside each other, or in fewer rules");
	}
	return r;
}

int compile_index(struct compile *c)
{
	struct lists *all[] = {&c->by_segment, &c->by_device, &c->by_region};
	size_t sizes[] = {c->policy->n_segments, c->policy->n_devices, c->lookup->regions.n};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && r >= 0; i++)
		r = lists_init(all[i], (uint32_t)sizes[i]);
	if (r >= 0)
		r = index_each(c, index_count);
	if (r >= 0)
		r = lists_init(&c->by_tag, (uint32_t)c->tags.n);
	if (r >= 0)
		r = index_each(c, index_count_tag);
	for (size_t i = 0; i < ARRAY_SIZE(all) && r >= 0; i++)
		r = lists_ready(all[i]);
	if (r >= 0)
		r = lists_ready(&c->by_tag);
	if (r >= 0)
		r = index_each(c, index_put);
	ids_sort(&c->conditional_places);
	return r < 0 ? r : contexts_make(c);
}
