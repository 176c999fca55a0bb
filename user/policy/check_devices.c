/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "facts.h"
#include "parse.h"

struct matcher {
	uint32_t *segments; /* those with `match` */
	size_t n;
};

static void join_matching(struct parser *p, struct policy_device *device, const struct matcher *m)
{
	const struct policy *policy = p->policy;
	uint32_t found = POLICY_NONE;

	for (size_t i = 0; i < m->n; i++) {
		uint32_t index = m->segments[i];

		if (!conditions_hold(&policy->segments[index].match, device, false))
			continue;
		if (found != POLICY_NONE) {
			place_error(p, device->place, "device `%s` matches two segments, `%s` and `%s`; name one with `segment:`", device->id,
				    policy->segments[found].id, policy->segments[index].id);
			break;
		}
		found = index;
	}
	device->segment = found == POLICY_NONE ? POLICY_SEGMENT_UNKNOWN : found;
}

void check_membership(struct parser *p)
{
	struct policy *policy = p->policy;
	struct matcher m = {.segments = calloc(policy->n_segments, sizeof(*m.segments))};

	if (!m.segments) {
		p->form.no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < policy->n_segments; i++)
		if (policy->segments[i].match.n)
			m.segments[m.n++] = i;
	for (size_t i = 0; i < policy->n_devices; i++)
		if (!policy->devices[i].segment_named)
			join_matching(p, &policy->devices[i], &m);
	free(m.segments);
}

/* Something that may belong to one device only: sorted, equal neighbours are two owners. */
struct claim {
	uint8_t key[16];
	uint32_t device;
};

static int claim_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = memcmp(x->key, y->key, sizeof(x->key));

	return c ? c : (x->device > y->device) - (x->device < y->device);
}

static void tell_shared(struct parser *p, const struct claim *first, const struct claim *again, const char *what, const char *text)
{
	const struct policy_device *a = &p->policy->devices[first->device], *b = &p->policy->devices[again->device];

	if (a == b)
		place_error(p, b->place, "device `%s` has %s %s twice", b->id, what, text);
	else
		place_error(p, b->place, "%s %s of device `%s` belongs to device `%s` (%s:%u)", what, text, b->id, a->id,
			    p->policy->files[a->place.file], a->place.line);
}

static void check_claims(struct parser *p, struct claim *claims, size_t n, bool macs)
{
	char text[ADDR_TEXT_SIZE];

	if (n == 0)
		return;
	qsort(claims, n, sizeof(*claims), claim_compare);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (memcmp(claims[first].key, claims[i].key, sizeof(claims[i].key)) != 0) {
			first = i;
			continue;
		}
		if (macs)
			mac_format(claims[i].key, text);
		else
			addr_format((const struct address *)claims[i].key, text);
		tell_shared(p, &claims[first], &claims[i], macs ? "the MAC" : "the address", text);
	}
}

static size_t claim_macs(const struct policy *policy, struct claim *claims)
{
	size_t n = 0;

	for (uint32_t i = 0; i < policy->n_devices; i++) {
		const struct policy_device *device = &policy->devices[i];

		if (!device->has_mac)
			continue;
		claims[n] = (struct claim){.device = i, .key = {[6] = (uint8_t)(device->vlan >> 8), [7] = (uint8_t)device->vlan}};
		memcpy(claims[n++].key, device->mac, sizeof(device->mac));
	}
	return n;
}

static size_t claim_addresses(const struct policy *policy, struct claim *claims)
{
	size_t n = 0;

	for (uint32_t i = 0; i < policy->n_devices; i++) {
		for (size_t k = 0; k < policy->devices[i].n_addresses; k++) {
			claims[n] = (struct claim){.device = i};
			memcpy(claims[n++].key, policy->devices[i].addresses[k].byte, 16);
		}
	}
	return n;
}

void check_devices(struct parser *p)
{
	const struct policy *policy = p->policy;
	_cleanup_free_ struct claim *claims = NULL;
	size_t addresses = 0;

	for (size_t i = 0; i < policy->n_devices; i++)
		addresses += policy->devices[i].n_addresses;
	claims = calloc((addresses > policy->n_devices ? addresses : policy->n_devices) + 1, sizeof(*claims));
	if (!claims) {
		p->form.no_memory = true;
		return;
	}
	check_claims(p, claims, claim_macs(policy, claims), true);
	check_claims(p, claims, claim_addresses(policy, claims), false);
}
