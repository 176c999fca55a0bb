/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a peer of a test or a question stands for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "compile_intern.h"
#include "decide.h"
#include "facts.h"

struct expansion {
	const struct policy *policy;
	const struct image *image;
	const struct fact *laid;
	size_t n_laid;
	struct ends ends;
};

static int end_add(struct expansion *x, struct end end)
{
	int r = array_reserve(&x->ends.items, &x->ends.capacity, x->ends.n + 1, sizeof(*x->ends.items));

	if (r < 0)
		return r;
	end.laid = x->laid;
	end.n_laid = x->n_laid;
	x->ends.items[x->ends.n++] = end;
	return 0;
}

/* With a test's facts laid over its own a device may match another segment. One that is named stays. */
static uint32_t segment_with(const struct expansion *x, const struct policy_device *device)
{
	uint32_t found = POLICY_SEGMENT_UNKNOWN;

	if (!x->n_laid || device->segment_named)
		return device->segment;
	for (uint32_t i = 0; i < x->policy->n_segments; i++) {
		const struct conditions *match = &x->policy->segments[i].match;

		if (!match->n || !conditions_hold_with(match, device, x->laid, x->n_laid, false))
			continue;
		if (found != POLICY_SEGMENT_UNKNOWN)
			return POLICY_SEGMENT_UNKNOWN;
		found = i;
	}
	return found;
}

static struct end device_end(const struct expansion *x, const struct policy_device *device, bool proved)
{
	const struct image_subject *s = &x->image->lookup->subjects[device - x->policy->devices];

	return (struct end){
		.kind = END_DEVICE,
		.device = proved ? device : NULL,
		.segment = proved ? segment_with(x, device) : POLICY_SEGMENT_UNAUTHENTICATED,
		.class = proved ? s->class : s->unauthenticated_class,
		.has_mode = true,
		.mode = device_mode(x->policy, device),
	};
}

/* A device by each of its addresses; by none if it has none. */
static int device_add(struct expansion *x, const struct policy_device *device, bool proved, const struct address *only)
{
	const struct image_subject *s = &x->image->lookup->subjects[device - x->policy->devices];
	struct end end = device_end(x, device, proved);
	int r = s->n_addresses ? 0 : end_add(x, end);

	for (size_t i = 0; i < s->n_addresses && r >= 0; i++) {
		if (only && !addr_equal(only, &s->addresses[i].address))
			continue;
		end.by_address = true;
		end.where = prefix_of_address(&s->addresses[i].address);
		end.class = proved ? s->addresses[i].class : s->unauthenticated_addresses[i].class;
		r = end_add(x, end);
	}
	return r;
}

static int unknown_add(struct expansion *x)
{
	return end_add(x, (struct end){
		.kind = END_DEVICE,
		.segment = POLICY_SEGMENT_UNKNOWN,
		.class = x->image->head.unknown_class,
		.has_mode = true,
		.mode = device_mode(x->policy, NULL),
	});
}

static int gateway_add(struct expansion *x)
{
	return end_add(x, (struct end){.kind = END_GATEWAY, .class = x->image->gateway_class});
}

static int segment_add(struct expansion *x, uint32_t segment)
{
	int r = segment == POLICY_SEGMENT_UNKNOWN ? unknown_add(x) : 0;

	for (size_t i = 0; i < x->policy->n_devices && r >= 0; i++) {
		const struct policy_device *device = &x->policy->devices[i];

		if (segment == POLICY_SEGMENT_UNAUTHENTICATED && x->policy->segments[device->segment].auth)
			r = device_add(x, device, false, NULL);
		else if (device->segment == segment)
			r = device_add(x, device, true, NULL);
	}
	return r;
}

static int tag_add(struct expansion *x, const char *tag)
{
	int r = 0;

	for (size_t i = 0; i < x->policy->n_devices && r >= 0; i++)
		if (device_has_fact(&x->policy->devices[i], "tag", tag))
			r = device_add(x, &x->policy->devices[i], true, NULL);
	return r;
}

static int region_add(struct expansion *x, const struct region *region, const struct prefix *where)
{
	return end_add(x, (struct end){
		.kind = END_NETWORK,
		.by_address = true,
		.where = *where,
		.local = region->local,
		.class = region->class,
	});
}

/* A prefix: what is left of it beside the smaller ones that the policy knows inside it, and each of these. */
static int prefix_add(struct expansion *x, const struct prefix *unmasked)
{
	const struct regions *regions = &x->image->lookup->regions;
	struct prefix prefix = prefix_masked(unmasked);
	uint32_t at = regions_find(regions, &prefix);
	int r = region_add(x, &regions->items[at], &prefix);

	for (uint32_t i = at + 1; i < regions->n && r >= 0; i++) {
		const struct prefix *inner = &regions->items[i].prefix;

		if (prefix_covers(&prefix, inner) && inner->length > prefix.length)
			r = region_add(x, &regions->items[i], inner);
	}
	return r;
}

static const struct policy_device *device_by_address(const struct policy *policy, const struct address *address)
{
	for (size_t i = 0; i < policy->n_devices; i++)
		for (size_t a = 0; a < policy->devices[i].n_addresses; a++)
			if (addr_equal(&policy->devices[i].addresses[a], address))
				return &policy->devices[i];
	return NULL;
}

/* An address is whoever has it. */
static int address_add(struct expansion *x, const struct address *address)
{
	const struct policy_device *device = device_by_address(x->policy, address);
	struct prefix prefix = prefix_of_address(address);

	if (device)
		return device_add(x, device, true, address);
	for (size_t i = 0; i < x->image->n_gateway; i++)
		if (addr_equal(&x->image->gateway[i].address, address))
			return gateway_add(x);
	return prefix_add(x, &prefix);
}

static int network_add(struct expansion *x, const struct named_network *network)
{
	int r = 0;

	for (size_t i = 0; i < network->n_prefixes && r >= 0; i++)
		r = prefix_add(x, &network->prefixes[i]);
	return r;
}

/* All that is neither local nor named by a prefix of its own; IPv6 and IPv4. */
static int internet_add(struct expansion *x)
{
	const struct regions *regions = &x->image->lookup->regions;
	int r = 0;

	for (size_t i = 0; i < regions->n && r >= 0; i++)
		if (regions->items[i].parent == REGION_NONE)
			r = region_add(x, &regions->items[i], &regions->items[i].prefix);
	return r;
}

static int local_add(struct expansion *x)
{
	const struct regions *regions = &x->image->lookup->regions;
	int r = 0;

	for (size_t i = 0; i < x->policy->n_devices && r >= 0; i++)
		r = device_add(x, &x->policy->devices[i], true, NULL);
	for (size_t i = 0; i < regions->n && r >= 0; i++)
		if (regions->items[i].local)
			r = region_add(x, &regions->items[i], &regions->items[i].prefix);
	return r;
}

static int peer_add(struct expansion *x, const struct peer *peer)
{
	switch (peer->kind) {
	case POLICY_PEER_DEVICE:
		return device_add(x, &x->policy->devices[peer->index], true, NULL);
	case POLICY_PEER_SEGMENT:
		return segment_add(x, peer->index);
	case POLICY_PEER_TAG:
		return tag_add(x, tag_name(peer));
	case POLICY_PEER_NETWORK:
		return network_add(x, &x->policy->networks[peer->index]);
	case POLICY_PEER_CIDR:
		return peer->prefix.length == 128 ? address_add(x, &peer->prefix.address) : prefix_add(x, &peer->prefix);
	case POLICY_PEER_GATEWAY:
		return gateway_add(x);
	case POLICY_PEER_INTERNET:
		return internet_add(x);
	case POLICY_PEER_LOCAL:
		return local_add(x);
	default:
		return 0;
	}
}

int ends_of_peer(const struct policy *policy, const struct image *image, const struct peer *peer, const struct fact *laid,
		 size_t n_laid, struct ends *ret, char **ret_why)
{
	struct expansion x = {.policy = policy, .image = image, .laid = laid, .n_laid = n_laid};
	int r = peer_add(&x, peer);

	if (r >= 0 && !x.ends.n)
		r = why(ret_why, -ENOENT, "%s stands for nobody here; name a device, a segment with devices, a network, an address, gateway or internet",
			peer->text);
	if (r < 0) {
		ends_done(&x.ends);
		return r;
	}
	*ret = x.ends;
	return 0;
}

void ends_done(struct ends *ends)
{
	free(ends->items);
	*ends = (struct ends){0};
}

bool ends_can_meet(const struct end *from, const struct end *to)
{
	return !from->by_address || !to->by_address || prefix_is_v4(&from->where) == prefix_is_v4(&to->where);
}

char *end_name(const struct end *end)
{
	char text[ADDR_TEXT_SIZE] = "";

	if (end->by_address)
		addr_format_prefix(&end->where.address, end->where.length, text);
	if (end->kind == END_GATEWAY)
		return strdup("gateway");
	if (end->kind == END_NETWORK)
		return end->local || end->where.length != (prefix_is_v4(&end->where) ? 96 : 0) ? strdup(text) : strdup("internet");
	if (!end->device)
		return format_text("%s device%s%s", end->segment == POLICY_SEGMENT_UNKNOWN ? "unknown" : "unauthenticated", *text ? " " : "", text);
	if (end->device->n_addresses > 1 && *text)
		return format_text("%s (%s)", end->device->id, text);
	return strdup(end->device->id);
}
