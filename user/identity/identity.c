/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "known_ids.h"
#include "marks.h"
#include "owners.h"

#define UNKNOWN_PER_PORT 64
/*
 * Rows of one MAC lie in the same two lines of the index, whatever their tags: were there no bound, a stranger that tries tag after tag
 * would fill them, and no policy could be applied any more.
 */
#define UNKNOWN_PER_MAC 2
#define NAME_SIZE 32
#define NAMES_KEPT 4 /* made-up names that stay valid: a line names at most this many devices */

struct identity {
	struct identity_options options;
	struct marks marks;
	bool all_authenticated; /* what a device without a proof of its own counts as */

	const struct policy *policy; /* committed; NULL before the first */
	const struct image *image;
	struct known_ids ids;       /* of the committed image; so are */
	struct owners owners;
	struct owners next;   /* of the image assigned last */

	/* What the last identity_assign() or identity_device() handed out. */
	struct dataplane_device *rows;
	struct dataplane_address *addresses;

	char names[NAMES_KEPT][NAME_SIZE];
	unsigned int next_name;
};

int identity_new(const struct identity_options *options, struct identity **ret)
{
	struct identity *identity = calloc(1, sizeof(*identity));

	if (!identity)
		return -ENOMEM;
	identity->options = *options;
	if (!identity->options.max_unknown_per_port)
		identity->options.max_unknown_per_port = UNKNOWN_PER_PORT;
	*ret = identity;
	return 0;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	marks_done(&identity->marks);
	known_ids_done(&identity->ids);
	owners_done(&identity->owners);
	owners_done(&identity->next);
	free(identity->rows);
	free(identity->addresses);
	free(identity);
}

static int compare_devices(const void *a, const void *b)
{
	uint64_t x = ((const struct image_device *)a)->key, y = ((const struct image_device *)b)->key;

	return x < y ? -1 : x > y;
}

static const struct image_device *image_device_find(const struct image *image, uint64_t key)
{
	struct image_device wanted = { .key = key };

	if (!image || !image->n_devices)
		return NULL;
	return bsearch(&wanted, image->devices, image->n_devices, sizeof(wanted), compare_devices);
}

static bool is_authenticated(const struct identity *identity, const struct image_device *device, const struct mark *mark)
{
	if (!device->must_authenticate)
		return true;
	if (!mark || mark->proof == MARK_PROOF_DEFAULT)
		return identity->all_authenticated;
	return mark->proof == MARK_PROOF_YES;
}

/* Where a device is fixed: by hand, else by its `location`, else nowhere (the dataplane learns it). */
static uint32_t place_of(const struct identity *identity, const struct policy_device *device, const struct mark *mark)
{
	if (mark && mark->place_set)
		return mark->place;
	if (!device->location || !identity->options.port_of_place)
		return CORDON_PORT_NONE;
	return identity->options.port_of_place(identity->options.ctx, device->location);
}

static uint8_t side_flags(const struct image_device *device, bool authenticated)
{
	if (authenticated)
		return 0;
	return SIDE_UNAUTHENTICATED | (device->dot1x_only ? SIDE_NO_GUARDS : 0);
}

static struct dataplane_limit limit_of(const struct policy_limits *limits)
{
	return (struct dataplane_limit){
		.bytes_per_s = limits->rate,
		.packets_per_s = limits->packets,
		.new_flows_per_s = limits->new_flows,
	};
}

/* Fills `row`; its addresses go to `addresses`, which has room for device->n_addresses. */
static void declared_row(const struct identity *identity, const struct policy *policy, const struct image_device *device,
			 struct dataplane_address *addresses, struct dataplane_device *row)
{
	const struct mark *mark = marks_find(&identity->marks, device->key);
	bool authenticated = is_authenticated(identity, device, mark);
	const struct image_address *from = authenticated ? device->addresses : device->unauthenticated_addresses;
	const struct policy_limits *limits = authenticated ? &device->limits : &device->unauthenticated_limits;

	for (size_t i = 0; i < device->n_addresses; i++)
		addresses[i] = (struct dataplane_address){ .address = from[i].address, .class = from[i].class };

	*row = (struct dataplane_device){
		.key = device->key,
		.declared = true,
		.class = authenticated ? device->class : device->unauthenticated_class,
		.mode = device->mode,
		.side_flags = side_flags(device, authenticated),
		.quarantined = mark && mark->quarantined,
		.quarantine_until = mark ? mark->quarantine_until : 0,
		.port = place_of(identity, &policy->devices[device->policy_device], mark),
		.flow_quota = limits->flows,
		.critical = limits->critical,
		.limit = limit_of(limits),
		.addresses = addresses,
		.n_addresses = device->n_addresses,
	};
}

/* No address is an unknown device's own, so it can send nothing that needs one. */
static void unknown_row(const struct image *image, const struct mark *mark, struct dataplane_device *row)
{
	*row = (struct dataplane_device){
		.key = mark->key,
		.class = image->head.unknown_class,
		.mode = image->head.unknown_mode,
		.flow_quota = image->unknown_limits.flows,
		.limit = limit_of(&image->unknown_limits),
		.quarantined = mark->quarantined,
		.quarantine_until = mark->quarantine_until,
		.port = mark->place_set ? mark->place : mark->seen_port,
	};
}

/* Fresh room for what is handed out; what was handed out before ends here. */
static int make_rows(struct identity *identity, size_t n_rows, size_t n_addresses)
{
	_cleanup_free_ struct dataplane_device *rows = calloc(n_rows ? n_rows : 1, sizeof(*rows));
	_cleanup_free_ struct dataplane_address *addresses = calloc(n_addresses ? n_addresses : 1, sizeof(*addresses));

	if (!rows || !addresses)
		return -ENOMEM;
	free(identity->rows);
	free(identity->addresses);
	identity->rows = take_ptr(rows);
	identity->addresses = take_ptr(addresses);
	return 0;
}

int identity_assign(struct identity *identity, const struct policy *policy, const struct image *image,
		    const struct dataplane_device **ret, size_t *ret_n)
{
	size_t n_addresses = 0, row = 0, address = 0;
	struct owners owners;
	int r;

	r = owners_build(image, &owners);
	if (r < 0)
		return r;
	for (size_t i = 0; i < image->n_devices; i++)
		n_addresses += image->devices[i].n_addresses;
	r = make_rows(identity, image->n_devices + identity->marks.n, n_addresses);
	if (r < 0) {
		owners_done(&owners);
		return r;
	}

	for (size_t i = 0; i < image->n_devices; i++) {
		declared_row(identity, policy, &image->devices[i], &identity->addresses[address], &identity->rows[row++]);
		address += image->devices[i].n_addresses;
	}
	for (size_t i = 0; i < identity->marks.n; i++) {
		const struct mark *mark = &identity->marks.items[i];

		if (mark->unknown && !image_device_find(image, mark->key))
			unknown_row(image, mark, &identity->rows[row++]);
	}

	owners_done(&identity->next);
	identity->next = owners;
	*ret = identity->rows;
	*ret_n = row;
	return 0;
}

void identity_commit(struct identity *identity, const struct policy *policy, const struct image *image)
{
	identity->policy = policy;
	identity->image = image;
	known_ids_build(&identity->ids, policy, image);

	owners_done(&identity->owners);
	if (identity->next.image == image) {
		identity->owners = identity->next;
		identity->next = (struct owners){ 0 };
	} else if (owners_build(image, &identity->owners) < 0) {
		/* Without memory addresses have no names until the next commit; rows do not depend on it. */
		identity->owners = (struct owners){ 0 };
	}

	/* What a file names now is no longer unknown. */
	for (size_t i = 0; i < identity->marks.n; i++)
		if (image_device_find(image, identity->marks.items[i].key))
			identity->marks.items[i].unknown = false;
}

int identity_device(struct identity *identity, uint64_t key, const struct dataplane_device **ret)
{
	const struct image_device *device = image_device_find(identity->image, key);
	const struct mark *mark = marks_find(&identity->marks, key);
	int r;

	if (!identity->image || (!device && !(mark && mark->unknown)))
		return -ENOENT;
	r = make_rows(identity, 1, device ? device->n_addresses : 0);
	if (r < 0)
		return r;
	if (device)
		declared_row(identity, identity->policy, device, identity->addresses, identity->rows);
	else
		unknown_row(identity->image, mark, identity->rows);
	*ret = identity->rows;
	return 0;
}

bool identity_is_unknown(const struct identity *identity, uint64_t key)
{
	const struct mark *mark = marks_find(&identity->marks, key);

	return mark && mark->unknown;
}

static bool has_room_for_unknown(const struct identity *identity, uint64_t key, uint32_t port, uint32_t most)
{
	const struct identity_options *options = &identity->options;

	return marks_unknown_like(&identity->marks, key) < UNKNOWN_PER_MAC &&
	       marks_unknown_on(&identity->marks, port) < (most == IDENTITY_MOST ? options->max_unknown_per_port : most) &&
	       (!options->max_unknown || marks_unknown(&identity->marks) < options->max_unknown);
}

int identity_seen(struct identity *identity, uint64_t key, uint32_t port, uint32_t most)
{
	struct mark *mark = marks_find(&identity->marks, key);

	if ((mark && mark->unknown) || image_device_find(identity->image, key))
		return -EEXIST;
	if (!has_room_for_unknown(identity, key, port, most))
		return -ENOSPC;
	mark = marks_put(&identity->marks, key);
	if (!mark)
		return -ENOMEM;
	mark->unknown = true;
	mark->seen_port = port;
	return 0;
}

int identity_forget_unknown(struct identity *identity)
{
	int forgotten = 0;

	for (size_t i = 0; i < identity->marks.n; i++) {
		forgotten += identity->marks.items[i].unknown;
		identity->marks.items[i].unknown = false;
	}
	return forgotten;
}

/* "mac-aabbcc001122", "mac-aabbcc001122.10", "aa:bb:cc:00:11:22" */
static int key_of_text(const char *text, uint64_t *ret)
{
	unsigned int b[6], vlan = 0;
	uint8_t mac[6];
	int end = 0;

	if (mac_parse(text, mac) == 0) {
		*ret = device_key(mac, 0);
		return 0;
	}
	if (sscanf(text, "mac-%2x%2x%2x%2x%2x%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 || end != 16)
		return -EINVAL;
	if (text[end] && (sscanf(text + end, ".%4u%n", &vlan, &end) != 1 || text[16 + end] || vlan > 4095))
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	*ret = device_key(mac, (uint16_t)vlan);
	return 0;
}

static bool is_known(const struct identity *identity, uint64_t key)
{
	const struct mark *mark = marks_find(&identity->marks, key);

	return image_device_find(identity->image, key) || (mark && mark->unknown);
}

int identity_key(const struct identity *identity, const char *id, uint64_t *ret_key)
{
	const struct image_device *device = known_ids_find(&identity->ids, id);
	uint64_t key;

	if (device) {
		*ret_key = device->key;
		return 0;
	}
	if (key_of_text(id, &key) < 0 || !is_known(identity, key))
		return -ENOENT;
	*ret_key = key;
	return 0;
}

static const struct policy_device *policy_device_of(const struct identity *identity, const struct image_device *device)
{
	return device ? &identity->policy->devices[device->policy_device] : NULL;
}

static const char *made_up_name(const struct identity *identity, uint64_t key)
{
	/* The kept names are a cache behind a const face. */
	struct identity *cache = (struct identity *)identity;
	char *name = cache->names[cache->next_name++ % NAMES_KEPT];
	uint16_t vlan;
	uint8_t m[6];
	int used;

	device_key_split(key, m, &vlan);
	used = snprintf(name, NAME_SIZE, "mac-%02x%02x%02x%02x%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	if (vlan)
		snprintf(name + used, NAME_SIZE - (size_t)used, ".%u", vlan);
	return name;
}

const char *identity_name(const struct identity *identity, uint64_t key)
{
	const struct policy_device *device = policy_device_of(identity, image_device_find(identity->image, key));

	return device ? device->id : made_up_name(identity, key);
}

const char *identity_segment(const struct identity *identity, uint64_t key)
{
	const struct image_device *device = image_device_find(identity->image, key);
	uint32_t segment = POLICY_SEGMENT_UNKNOWN;

	if (!identity->policy)
		return "unknown";
	if (device && !is_authenticated(identity, device, marks_find(&identity->marks, key)))
		segment = POLICY_SEGMENT_UNAUTHENTICATED;
	else if (device)
		segment = policy_device_of(identity, device)->segment;
	return identity->policy->segments[segment].id;
}

uint64_t identity_owner(const struct identity *identity, const struct address *address)
{
	return owners_find(&identity->owners, address);
}

/* Marks outlive policies: a device may be marked before the policy that names it is committed. */
int identity_set_quarantined(struct identity *identity, uint64_t key, bool on, uint64_t until)
{
	struct mark *mark = marks_put(&identity->marks, key);

	if (!mark)
		return -ENOMEM;
	mark->quarantined = on;
	mark->quarantine_until = on ? until : 0;
	return 0;
}

int identity_set_authenticated(struct identity *identity, uint64_t key, bool on)
{
	struct mark *mark = marks_put(&identity->marks, key);

	if (!mark)
		return -ENOMEM;
	mark->proof = on ? MARK_PROOF_YES : MARK_PROOF_NO;
	return 0;
}

int identity_set_place(struct identity *identity, uint64_t key, uint32_t port)
{
	struct mark *mark = marks_put(&identity->marks, key);

	if (!mark)
		return -ENOMEM;
	mark->place = port;
	mark->place_set = true;
	return 0;
}

int identity_set_all_authenticated(struct identity *identity, bool on)
{
	identity->all_authenticated = on;
	for (size_t i = 0; i < identity->marks.n; i++)
		identity->marks.items[i].proof = MARK_PROOF_DEFAULT;
	return 0;
}

static void declared_view(const struct identity *identity, const struct image_device *device, struct identity_view *view)
{
	const struct mark *mark = marks_find(&identity->marks, device->key);

	*view = (struct identity_view){
		.key = device->key,
		.id = policy_device_of(identity, device)->id,
		.segment = identity_segment(identity, device->key),
		.mode = device->mode,
		.declared = true,
		.quarantined = mark && mark->quarantined,
		.quarantine_until = mark ? mark->quarantine_until : 0,
		.authenticated = is_authenticated(identity, device, mark),
		.fixed_port = place_of(identity, policy_device_of(identity, device), mark),
		.device = policy_device_of(identity, device),
	};
}

static void unknown_view(const struct identity *identity, const struct mark *mark, struct identity_view *view)
{
	*view = (struct identity_view){
		.key = mark->key,
		.id = identity_name(identity, mark->key),
		.segment = identity_segment(identity, mark->key),
		.mode = identity->image->head.unknown_mode,
		.quarantined = mark->quarantined,
		.quarantine_until = mark->quarantine_until,
		.fixed_port = mark->place_set ? mark->place : mark->seen_port,
	};
}

int identity_each(const struct identity *identity, int (*each)(void *ctx, const struct identity_view *view), void *ctx)
{
	const struct image *image = identity->image;
	struct identity_view view;
	int r = 0;

	for (size_t i = 0; image && i < image->n_devices && r == 0; i++) {
		declared_view(identity, &image->devices[i], &view);
		r = each(ctx, &view);
	}
	for (size_t i = 0; image && i < identity->marks.n && r == 0; i++) {
		if (!identity->marks.items[i].unknown)
			continue;
		unknown_view(identity, &identity->marks.items[i], &view);
		r = each(ctx, &view);
	}
	return r;
}
