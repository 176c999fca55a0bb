/* SPDX-License-Identifier: Apache-2.0 */
/* Services: two that no rule tells apart share a service class. Class 0 is what no rule's range names. */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "compile.h"

/* Where each space begins and how many numbers it has; the order is that of enum policy_service_space. */
static const struct {
	const char *word;
	uint32_t begin, size;
	uint32_t protocol; /* that has this space for itself */
} spaces[] = {
	[POLICY_SERVICE_TCP] = {"tcp", CORDON_SERVICE_TCP, 65536, IPPROTO_TCP},
	[POLICY_SERVICE_UDP] = {"udp", CORDON_SERVICE_UDP, 65536, IPPROTO_UDP},
	[POLICY_SERVICE_SCTP] = {"sctp", CORDON_SERVICE_SCTP, 65536, IPPROTO_SCTP},
	[POLICY_SERVICE_ICMP] = {"icmp", CORDON_SERVICE_ICMP, 256, IPPROTO_ICMP},
	[POLICY_SERVICE_ICMP6] = {"icmp6", CORDON_SERVICE_ICMP6, 256, IPPROTO_ICMPV6},
	[POLICY_SERVICE_PROTO] = {"proto", CORDON_SERVICE_PROTO, 256, 0},
};

static struct span span_of(enum policy_service_space space, uint32_t first, uint32_t last)
{
	uint32_t end = spaces[space].size - 1;

	return (struct span){spaces[space].begin + first, spaces[space].begin + (last < end ? last : end)};
}

size_t range_spans(const struct service_range *range, struct span ret[SPANS_PER_RANGE])
{
	size_t n = 0;

	if (range->space >= ARRAY_SIZE(spaces) || range->first > range->last || range->first >= spaces[range->space].size)
		return 0;
	ret[n++] = span_of(range->space, range->first, range->last);
	if (range->space != POLICY_SERVICE_PROTO)
		return n;
	for (size_t s = 0; s < POLICY_SERVICE_PROTO; s++)
		if (spaces[s].protocol >= range->first && spaces[s].protocol <= range->last)
			ret[n++] = (struct span){spaces[s].begin, spaces[s].begin + spaces[s].size - 1};
	return n;
}

bool services_are_any(const struct services *services)
{
	for (size_t i = 0; i < services->n; i++)
		if (services->items[i].space == POLICY_SERVICE_ANY)
			return true;
	return false;
}

bool services_have(const struct services *services, uint32_t service)
{
	struct span spans[SPANS_PER_RANGE];

	if (services_are_any(services))
		return true;
	for (size_t i = 0; i < services->n; i++) {
		size_t n = range_spans(&services->items[i], spans);

		for (size_t s = 0; s < n; s++)
			if (service >= spans[s].first && service <= spans[s].last)
				return true;
	}
	return false;
}

static int span_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted, and those that touch made one. */
static size_t spans_merge(struct span *spans, size_t n)
{
	size_t kept = 0;

	qsort(spans, n, sizeof(*spans), span_compare);
	for (size_t i = 0; i < n; i++) {
		if (kept && spans[i].first <= spans[kept - 1].last + 1) {
			if (spans[i].last > spans[kept - 1].last)
				spans[kept - 1].last = spans[i].last;
		} else {
			spans[kept++] = spans[i];
		}
	}
	return kept;
}

int services_intern(struct compile *c, const struct services *services, uint32_t *ret)
{
	_cleanup_free_ struct span *spans = calloc(services->n + 1, SPANS_PER_RANGE * sizeof(*spans));
	size_t n = 0;

	if (!spans)
		return -ENOMEM;
	if (services_are_any(services))
		return intern_add(&c->service_sets, NULL, 0, ret);
	for (size_t i = 0; i < services->n; i++)
		n += range_spans(&services->items[i], spans + n);
	if (!n) {
		*ret = SERVICES_NOTHING;
		return 0;
	}
	n = spans_merge(spans, n);
	return intern_add(&c->service_sets, spans, n * sizeof(*spans), ret);
}

/* A set of services begins or ends at `service`. */
struct edge {
	uint32_t service;
	uint32_t set;
	bool begins;
};

static int edge_compare(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->service != y->service)
		return x->service < y->service ? -1 : 1;
	if (x->begins != y->begins)
		return x->begins ? 1 : -1;
	return x->set < y->set ? -1 : x->set > y->set;
}

static int edges_collect(const struct intern *sets, struct edge **ret, size_t *ret_n)
{
	struct edge *edges = calloc(sets->size / sizeof(struct span) * 2 + 1, sizeof(*edges));
	size_t n = 0, size;

	if (!edges)
		return -ENOMEM;
	for (uint32_t set = 0; set < sets->n; set++) {
		const struct span *spans = intern_data(sets, set, &size);

		for (size_t i = 0; i < size / sizeof(*spans); i++) {
			edges[n++] = (struct edge){.service = spans[i].first, .set = set, .begins = true};
			edges[n++] = (struct edge){.service = spans[i].last + 1, .set = set};
		}
	}
	qsort(edges, n, sizeof(*edges), edge_compare);
	*ret = edges;
	*ret_n = n;
	return 0;
}

static int active_change(struct ids *active, const struct edge *edge)
{
	size_t at = 0;
	int r;

	while (at < active->n && active->items[at] < edge->set)
		at++;
	if (!edge->begins) {
		memmove(active->items + at, active->items + at + 1, (--active->n - at) * sizeof(*active->items));
		return 0;
	}
	r = ids_add(active, edge->set);
	if (r < 0)
		return r;
	memmove(active->items + at + 1, active->items + at, (active->n - 1 - at) * sizeof(*active->items));
	active->items[at] = edge->set;
	return 0;
}

/* Walks the service space from edge to edge; between two edges all services are in the same sets. */
static int services_number(struct compile *c, struct intern *classes)
{
	_cleanup_ids_ struct ids active = {0};
	_cleanup_free_ struct edge *edges = NULL;
	uint32_t from = 0, class;
	size_t n, i = 0;
	int r = edges_collect(&c->service_sets, &edges, &n);

	if (r >= 0)
		r = intern_add(classes, NULL, 0, &class);
	while (from < CORDON_SERVICE_COUNT && r >= 0) {
		uint32_t to;

		for (; i < n && edges[i].service == from && r >= 0; i++)
			r = active_change(&active, &edges[i]);
		to = i < n ? edges[i].service : CORDON_SERVICE_COUNT;
		if (r >= 0)
			r = intern_add(classes, active.items, active.n * sizeof(*active.items), &class);
		if (r >= 0 && class > UINT16_MAX)
			return compile_refuse(c, "service classes", classes->n, UINT16_MAX + 1, "let rules share lists of services");
		if (r < 0)
			return r;
		for (; from < to; from++)
			c->image->services[from] = (uint16_t)class;
	}
	return r;
}

/* The other way round: which classes a set consists of. */
static int sets_to_classes(struct compile *c, const struct intern *classes)
{
	int r = lists_init(&c->service_classes_of, (uint32_t)c->service_sets.n);
	size_t n;

	for (uint32_t class = 0; class < classes->n && r >= 0; class++) {
		const uint32_t *sets = intern_ids(classes, class, &n);

		for (size_t i = 0; i < n; i++)
			lists_count(&c->service_classes_of, sets[i]);
	}
	if (r >= 0)
		r = lists_ready(&c->service_classes_of);
	for (uint32_t class = 0; class < classes->n && r >= 0; class++) {
		const uint32_t *sets = intern_ids(classes, class, &n);

		for (size_t i = 0; i < n; i++)
			lists_put(&c->service_classes_of, sets[i], class);
	}
	return r;
}

int compile_services(struct compile *c)
{
	struct intern classes = {0};
	int r;

	c->image->services = calloc(CORDON_SERVICE_COUNT, sizeof(*c->image->services));
	if (!c->image->services)
		return -ENOMEM;
	r = services_number(c, &classes);
	if (r >= 0)
		r = sets_to_classes(c, &classes);
	c->image->head.service_classes = (uint32_t)classes.n;
	intern_done(&classes);
	return r;
}

static size_t space_of(uint32_t service)
{
	size_t s = 0;

	while (s + 1 < ARRAY_SIZE(spaces) && service >= spaces[s + 1].begin)
		s++;
	return s;
}

int service_format(struct buf *b, uint32_t service)
{
	size_t s = space_of(service);

	return buf_addf(b, "%s/%u", spaces[s].word, service - spaces[s].begin);
}

int service_parse(const char *text, uint32_t *ret)
{
	const char *slash = strchr(text, '/');
	unsigned long number;
	char *end;

	if (!strcmp(text, "icmp/echo") || !strcmp(text, "icmp6/echo")) {
		*ret = text[4] == '6' ? CORDON_SERVICE_ICMP6 + 128 : CORDON_SERVICE_ICMP + 8;
		return 0;
	}
	if (!slash || slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	number = strtoul(slash + 1, &end, 10);
	for (size_t s = 0; s < ARRAY_SIZE(spaces) && !*end; s++) {
		if (strlen(spaces[s].word) != (size_t)(slash - text) || strncmp(spaces[s].word, text, (size_t)(slash - text)))
			continue;
		if (number >= spaces[s].size)
			return -EINVAL;
		*ret = spaces[s].begin + (uint32_t)number;
		return 0;
	}
	return -EINVAL;
}

/* One span may run over several spaces; each of them is written by itself. */
static int span_format(struct buf *b, struct span span, size_t *written, size_t limit)
{
	while (span.first <= span.last) {
		size_t s = space_of(span.first);
		uint32_t end = spaces[s].begin + spaces[s].size - 1;
		uint32_t last = span.last < end ? span.last : end;
		int r = 0;

		if ((*written)++ < limit) {
			r = buf_addf(b, "%s%s/%u", b->size ? ", " : "", spaces[s].word, span.first - spaces[s].begin);
			if (r >= 0 && last > span.first)
				r = buf_addf(b, "-%u", last - spaces[s].begin);
		}
		if (r < 0)
			return r;
		span.first = last + 1;
	}
	return 0;
}

int spans_format(struct buf *b, const struct span *spans, size_t n, size_t limit)
{
	size_t written = 0;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = span_format(b, spans[i], &written, limit);
	if (r >= 0 && written > limit)
		r = buf_addf(b, " and %zu more", written - limit);
	return r;
}
