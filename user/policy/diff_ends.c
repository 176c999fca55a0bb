/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "diff.h"

#define NAMED_DEVICES 3 /* of a segment that is there in part; if there are more, one is named and the rest counted */
#define NAMED_PARTS 12

const struct group *group_get(const struct diff *x, uint32_t group)
{
	size_t size;

	return intern_data(&x->groups, group, &size);
}

static int member_add(struct diff *x, struct group group, struct member member)
{
	int r = intern_add(&x->groups, &group, sizeof(group), &member.group);

	if (r >= 0)
		r = array_reserve(&x->members, &x->member_capacity, x->n_members + 1, sizeof(*x->members));
	if (r < 0) {
		free((char *)member.word);
		return r;
	}
	x->members[x->n_members++] = member;
	return 0;
}

/* Takes `word` over. */
static int thing_add(struct diff *x, uint32_t old_class, uint32_t new_class, uint32_t old_mode, uint32_t new_mode, char *word)
{
	if (!word)
		return -ENOMEM;
	return member_add(x, (struct group){old_class, new_class, old_mode, new_mode, 0}, (struct member){.word = word});
}

/* A device as one of the two policies knows it; one that it does not know is an unknown device there. */
static uint32_t device_class(const struct image *image, const struct policy *policy, const struct policy_device *device,
			     const struct address *address)
{
	const struct image_subject *s;

	if (!image)
		return 0;
	if (!device)
		return address ? image_unknown_class(image, address) : image->head.unknown_class;
	s = &image->lookup->subjects[device - policy->devices];
	return address ? lookup_class(image->lookup, s->base, address) : s->class;
}

/* Without an old policy nothing changed. */
static int limits_changed(struct diff *x, const struct policy_device *old, const struct policy_device *new, uint32_t *ret)
{
	struct limits_change change;
	int r;

	*ret = 0;
	if (!x->old)
		return 0;
	change = (struct limits_change){limits_of(x->old, old), limits_of(x->new, new)};
	if (!memcmp(&change.before, &change.after, sizeof(change.after)))
		return 0;
	r = intern_add(&x->limits, &change, sizeof(change), ret);
	*ret += 1;
	return r;
}

static int device_group_add(struct diff *x, const struct policy_device *old, const struct policy_device *new, const struct address *address)
{
	struct group group = {
		.old_class = device_class(x->old_image, x->old, old, address),
		.new_class = device_class(x->new_image, x->new, new, address),
		.new_mode = device_mode(x->new, new),
	};
	int r;

	group.old_mode = x->old ? device_mode(x->old, old) : group.new_mode;
	r = limits_changed(x, old, new, &group.limits);
	if (r < 0)
		return r;
	return member_add(x, group, (struct member){.device = new ?: old, .is_new = new});
}

static bool has_address(const struct policy_device *device, const struct address *address)
{
	for (size_t i = 0; device && i < device->n_addresses; i++)
		if (addr_equal(&device->addresses[i], address))
			return true;
	return false;
}

/* By each address that either policy gives it; by none if there is none. */
static int device_add(struct diff *x, const struct policy_device *old, const struct policy_device *new)
{
	int r = 0;

	for (size_t i = 0; new && i < new->n_addresses && r >= 0; i++)
		r = device_group_add(x, old, new, &new->addresses[i]);
	for (size_t i = 0; old && i < old->n_addresses && r >= 0; i++)
		if (!has_address(new, &old->addresses[i]))
			r = device_group_add(x, old, new, &old->addresses[i]);
	if (r >= 0 && !(old && old->n_addresses) && !(new && new->n_addresses))
		r = device_group_add(x, old, new, NULL);
	return r;
}

/* Devices of a policy, sorted by id. */
static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct policy_device *const *)a)->id, (*(const struct policy_device *const *)b)->id);
}

static const struct policy_device **devices_sorted(const struct policy *policy, size_t *ret_n)
{
	size_t n = policy ? policy->n_devices : 0;
	const struct policy_device **sorted = calloc(n + 1, sizeof(*sorted));

	for (size_t i = 0; i < n && sorted; i++)
		sorted[i] = &policy->devices[i];
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), by_id);
	*ret_n = n;
	return sorted;
}

static int devices_add(struct diff *x)
{
	size_t n_old, n_new, o = 0, n = 0;
	_cleanup_free_ const struct policy_device **old = devices_sorted(x->old, &n_old);
	_cleanup_free_ const struct policy_device **new = devices_sorted(x->new, &n_new);
	int r = old && new ? 0 : -ENOMEM;

	while (r >= 0 && (o < n_old || n < n_new)) {
		int order = o == n_old ? 1 : n == n_new ? -1 : strcmp(old[o]->id, new[n]->id);

		r = device_add(x, order <= 0 ? old[o] : NULL, order >= 0 ? new[n] : NULL);
		o += order <= 0;
		n += order >= 0;
	}
	return r;
}

static const char *network_of(const struct policy *policy, const struct prefix *prefix)
{
	for (size_t i = 0; policy && i < policy->n_networks; i++)
		for (size_t p = 0; p < policy->networks[i].n_prefixes; p++) {
			struct prefix masked = prefix_masked(&policy->networks[i].prefixes[p]);

			if (prefix_covers(&masked, prefix) && masked.length == prefix->length)
				return policy->networks[i].id;
		}
	return NULL;
}

static char *region_word(const struct diff *x, const struct region *region)
{
	const char *network = network_of(x->new, &region->prefix) ?: network_of(x->old, &region->prefix);
	char text[ADDR_TEXT_SIZE];

	if (network)
		return format_text("network %s", network);
	if (!region->local && region->parent == REGION_NONE)
		return strdup("internet");
	addr_format_prefix(&region->prefix.address, region->prefix.length, text);
	return format_text("%s %s", region->local ? "local" : "cidr", text);
}

static uint32_t region_class(const struct image *image, const struct prefix *prefix)
{
	return image ? image->lookup->regions.items[regions_find(&image->lookup->regions, prefix)].class : 0;
}

static int regions_of_add(struct diff *x, const struct image *of, const struct image *but)
{
	int r = 0;

	for (size_t i = 0; of && i < of->lookup->regions.n && r >= 0; i++) {
		const struct region *region = &of->lookup->regions.items[i];
		uint32_t there = but ? regions_find(&but->lookup->regions, &region->prefix) : 0;

		if (but && but->lookup->regions.items[there].prefix.length == region->prefix.length)
			continue;
		r = thing_add(x, region_class(x->old_image, &region->prefix), region_class(x->new_image, &region->prefix), MODE_NONE, MODE_NONE,
			      region_word(x, region));
	}
	return r;
}

static bool any_must_authenticate(const struct policy *policy)
{
	for (size_t i = 0; policy && i < policy->n_segments; i++)
		if (policy->segments[i].auth)
			return true;
	return false;
}

static uint32_t unproved_class(const struct image *image)
{
	const struct image_lookup *lookup = image ? image->lookup : NULL;

	return lookup ? lookup->base_class[lookup->unauthenticated_base] : 0;
}

static int unknown_add(struct diff *x, struct group group)
{
	char *word = strdup("unknown devices");
	int r = word ? limits_changed(x, NULL, NULL, &group.limits) : -ENOMEM;

	if (r >= 0)
		return member_add(x, group, (struct member){.word = word});
	free(word);
	return r;
}

static int strangers_add(struct diff *x)
{
	uint32_t new_mode = device_mode(x->new, NULL), old_mode = x->old ? device_mode(x->old, NULL) : new_mode;
	int r = thing_add(x, x->old_image ? x->old_image->gateway_class : 0, x->new_image->gateway_class, MODE_NONE, MODE_NONE,
			  strdup("gateway"));

	if (r >= 0)
		r = unknown_add(x, (struct group){x->old_image ? x->old_image->head.unknown_class : 0, x->new_image->head.unknown_class, old_mode,
						  new_mode, 0});
	if (r >= 0 && (any_must_authenticate(x->old) || any_must_authenticate(x->new)))
		r = thing_add(x, unproved_class(x->old_image), unproved_class(x->new_image), old_mode, new_mode,
			      strdup("unauthenticated devices"));
	return r;
}

static int member_compare(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (!x->device != !y->device)
		return x->device ? -1 : 1;
	if (!x->device)
		return strcmp(x->word, y->word);
	return strcmp(x->device->id, y->device->id);
}

static size_t *segment_sizes(const struct policy *policy)
{
	size_t *sizes = calloc(policy ? policy->n_segments : 1, sizeof(*sizes));

	for (size_t i = 0; policy && sizes && i < policy->n_devices; i++)
		sizes[policy->devices[i].segment]++;
	return sizes;
}

int groups_make(struct diff *x)
{
	int r;

	x->old_sizes = segment_sizes(x->old);
	x->new_sizes = segment_sizes(x->new);
	r = x->old_sizes && x->new_sizes ? devices_add(x) : -ENOMEM;

	if (r >= 0)
		r = strangers_add(x);
	if (r >= 0)
		r = regions_of_add(x, x->new_image, NULL);
	if (r >= 0)
		r = regions_of_add(x, x->old_image, x->new_image);
	if (r >= 0)
		qsort(x->members, x->n_members, sizeof(*x->members), member_compare);
	return r;
}

void groups_done(struct diff *x)
{
	for (size_t i = 0; i < x->n_members; i++)
		free((char *)x->members[i].word);
	free(x->members);
	free(x->old_sizes);
	free(x->new_sizes);
	intern_done(&x->groups);
	intern_done(&x->limits);
}

static size_t members_begin(const struct diff *x, uint32_t group)
{
	size_t low = 0, n = x->n_members;

	while (n > 0) {
		size_t half = n / 2;

		if (x->members[low + half].group < group) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low;
}

/* The devices of a name, by segment, each once. */
static int device_compare(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a, *y = *(const struct member *const *)b;

	if (x->is_new != y->is_new)
		return x->is_new ? -1 : 1;
	if (x->device->segment != y->device->segment)
		return x->device->segment < y->device->segment ? -1 : 1;
	return strcmp(x->device->id, y->device->id);
}

/* Parts of a name, one after the other; beyond NAMED_PARTS they are only counted. */
struct name {
	struct buf text;
	size_t parts, left_out;
};

__attribute__((format(printf, 2, 3))) static int part_add(struct name *name, const char *format, ...)
{
	va_list ap;
	int r;

	if (name->parts >= NAMED_PARTS) {
		name->left_out++;
		return 0;
	}
	r = name->parts++ ? buf_addf(&name->text, ", ") : 0;
	va_start(ap, format);
	if (r >= 0)
		r = buf_vaddf(&name->text, format, ap);
	va_end(ap);
	return r;
}

static int segment_part_add(struct name *name, const struct diff *x, const struct member *const *devices, size_t n)
{
	const struct policy *policy = devices[0]->is_new ? x->new : x->old;
	const size_t *sizes = devices[0]->is_new ? x->new_sizes : x->old_sizes;
	uint32_t segment = devices[0]->device->segment;
	int r = 0;

	if (n > 1 && n == sizes[segment])
		return part_add(name, "segment %s (%zu devices)", policy->segments[segment].id, n);
	if (n > NAMED_DEVICES)
		return part_add(name, "device %s and %zu more of segment %s", devices[0]->device->id, n - 1, policy->segments[segment].id);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = part_add(name, "device %s", devices[i]->device->id);
	return r;
}

static int device_parts_add(struct name *name, const struct diff *x, const struct member **devices, size_t n)
{
	size_t kept = 0;
	int r = 0;

	qsort(devices, n, sizeof(*devices), device_compare);
	for (size_t i = 0; i < n; i++)
		if (!kept || device_compare(&devices[kept - 1], &devices[i]))
			devices[kept++] = devices[i];
	for (size_t i = 0, end; i < kept && r >= 0; i = end) {
		for (end = i; end < kept && devices[end]->is_new == devices[i]->is_new && devices[end]->device->segment == devices[i]->device->segment;)
			end++;
		r = segment_part_add(name, x, devices + i, end - i);
	}
	return r;
}

static int word_compare(const void *a, const void *b)
{
	return strcmp((*(const struct member *const *)a)->word, (*(const struct member *const *)b)->word);
}

static int word_parts_add(struct name *name, const struct member **words, size_t n)
{
	int r = 0;

	qsort(words, n, sizeof(*words), word_compare);
	for (size_t i = 0; i < n && r >= 0; i++)
		if (!i || word_compare(&words[i - 1], &words[i]))
			r = part_add(name, "%s", words[i]->word);
	return r;
}

/* The members of all these groups: devices from the front of *ret, words from its end. */
static int members_gather(const struct diff *x, const uint32_t *groups, size_t n, const struct member ***ret, size_t *ret_devices,
			  size_t *ret_all)
{
	const struct member **members;
	size_t all = 0, first = 0, last;

	for (size_t g = 0; g < n; g++)
		all += members_begin(x, groups[g] + 1) - members_begin(x, groups[g]);
	members = calloc(all + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	last = all;
	for (size_t g = 0; g < n; g++)
		for (size_t i = members_begin(x, groups[g]); i < x->n_members && x->members[i].group == groups[g]; i++)
			members[x->members[i].device ? first++ : --last] = &x->members[i];
	*ret = members;
	*ret_devices = first;
	*ret_all = all;
	return 0;
}

char *groups_name(const struct diff *x, const uint32_t *groups, size_t n)
{
	_cleanup_free_ const struct member **members = NULL;
	struct name name = {0};
	size_t devices, all;
	char *text;
	int r;

	if (n == x->groups.n)
		return strdup("any");
	r = members_gather(x, groups, n, &members, &devices, &all);
	if (r >= 0)
		r = device_parts_add(&name, x, members, devices);
	if (r >= 0)
		r = word_parts_add(&name, members + devices, all - devices);
	if (r >= 0 && name.left_out)
		r = buf_addf(&name.text, " and %zu more", name.left_out);
	text = r < 0 ? NULL : strdup(buf_text(&name.text));
	buf_done(&name.text);
	return text;
}
