/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a question to the ends of a flow. */
#include <errno.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "explain.h"
#include "ports.h"

static const char *segment_at(void *ctx, size_t i)
{
	return ((const struct policy *)ctx)->segments[i].id;
}

static const char *device_at(void *ctx, size_t i)
{
	return ((const struct policy *)ctx)->devices[i].id;
}

static const char *network_at(void *ctx, size_t i)
{
	return ((const struct policy *)ctx)->networks[i].id;
}

/* Kinds whose names the policy declares; the first is also what a word without a kind is. */
struct declared {
	const char *word;
	enum policy_peer_kind kind;
	const char *(*at)(void *ctx, size_t i);
	size_t n;
};

static size_t declared_list(const struct policy *policy, struct declared ret[3])
{
	ret[0] = (struct declared){"device:", POLICY_PEER_DEVICE, device_at, policy->n_devices};
	ret[1] = (struct declared){"segment:", POLICY_PEER_SEGMENT, segment_at, policy->n_segments};
	ret[2] = (struct declared){"network:", POLICY_PEER_NETWORK, network_at, policy->n_networks};
	return 3;
}

static uint32_t declared_find(const struct policy *policy, const struct declared *kind, const char *name)
{
	for (uint32_t i = 0; i < kind->n; i++)
		if (!strcmp(kind->at((void *)policy, i), name))
			return i;
	return POLICY_NONE;
}

static bool bare_word(const char *text, struct peer *ret)
{
	static const struct {
		const char *word;
		enum policy_peer_kind kind;
	} bare[] = {{"gateway", POLICY_PEER_GATEWAY}, {"internet", POLICY_PEER_INTERNET}, {"local", POLICY_PEER_LOCAL}};

	for (size_t i = 0; i < ARRAY_SIZE(bare); i++)
		if (!strcmp(text, bare[i].word)) {
			ret->kind = bare[i].kind;
			return true;
		}
	return false;
}

static bool address_word(const char *text, struct peer *ret)
{
	ret->kind = POLICY_PEER_CIDR;
	return addr_parse_prefix(text, &ret->prefix.address, &ret->prefix.length) == 0;
}

static int unknown_name(const struct policy *policy, const struct declared *kind, const char *name, const char *text, struct diagnostics *d)
{
	const char *near = name_nearest(name, kind->at, (void *)policy, kind->n);

	if (near)
		diagnostics_add(d, false, "question", 0, 0, "nothing is called `%.100s`; did you mean %s%s?", text, kind->word, near);
	else
		diagnostics_add(d, false, "question", 0, 0,
				"nothing is called `%.100s`; name a device id, device:ID, segment:ID, network:ID, an address, gateway or internet", text);
	return -EINVAL;
}

static int peer_of_text(const struct policy *policy, const char *text, struct diagnostics *d, struct peer *ret)
{
	struct declared kinds[3];
	size_t n = declared_list(policy, kinds);

	*ret = (struct peer){.index = POLICY_NONE, .text = (char *)text};
	if (bare_word(text, ret) || address_word(strncmp(text, "cidr:", 5) ? text : text + 5, ret))
		return 0;
	ret->kind = POLICY_PEER_TAG;
	if (!strncmp(text, "tag:", 4))
		return 0;
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(kinds[i].word);
		bool prefixed = !strncmp(text, kinds[i].word, length);
		const char *name = prefixed ? text + length : text;

		ret->kind = kinds[i].kind;
		ret->index = prefixed || !strchr(text, ':') ? declared_find(policy, &kinds[i], name) : POLICY_NONE;
		if (ret->index != POLICY_NONE)
			return 0;
		if (prefixed)
			return unknown_name(policy, &kinds[i], name, text, d);
	}
	return unknown_name(policy, &kinds[0], text, text, d);
}

static int ends_of_text(const struct question *q, const char *text, struct diagnostics *d, struct ends *ret)
{
	_cleanup_free_ char *reason = NULL;
	struct peer peer;
	int r = peer_of_text(q->policy, text, d, &peer);

	if (r >= 0)
		r = ends_of_peer(q->policy, q->image, &peer, NULL, 0, ret, &reason);
	if (r != -ENOENT)
		return r;
	diagnostics_add(d, false, "question", 0, 0, "%s", reason ?: text);
	return -EINVAL;
}

static bool judged_alike(const struct question *q, const struct end *from, const struct end *to)
{
	struct verdict v = image_decide(q->image, from->class, to->class, q->service, q->moment.at);

	return verdict_under(v, ends_mode(q->policy, from, to)) == verdict_under(q->verdict, q->mode) && v.rule == q->verdict.rule;
}

/* The first two ends that can meet are the ones asked about; of the rest only whether they fare alike. */
static bool pairs_choose(struct question *q, const struct ends *from, const struct ends *to)
{
	bool chosen = false;

	for (size_t f = 0; f < from->n; f++)
		for (size_t t = 0; t < to->n; t++) {
			const struct end *a = &from->items[f], *b = &to->items[t];

			if (!ends_can_meet(a, b))
				continue;
			if (chosen) {
				q->others++;
				q->differ += !judged_alike(q, a, b);
				continue;
			}
			chosen = true;
			q->from = *a;
			q->to = *b;
			q->verdict = image_decide(q->image, a->class, b->class, q->service, q->moment.at);
			q->mode = ends_mode(q->policy, a, b);
		}
	return chosen;
}

int question_resolve(const struct explain_query *query, struct diagnostics *d, struct question *q)
{
	_cleanup_ends_ struct ends from = {0}, to = {0};
	int r = 0, e;

	q->service_text = query->service;
	if (service_parse(query->service, &q->service) < 0) {
		diagnostics_add(d, false, "question", 0, 0, "`%.100s` is no service; name one like tcp/445, udp/53, icmp/echo or proto/47",
				query->service);
		r = -EINVAL;
	}
	e = ends_of_text(q, query->from, d, &from);
	if (e < 0)
		r = e;
	e = ends_of_text(q, query->to, d, &to);
	if (e < 0)
		r = e;
	if (r < 0)
		return r;
	if (!pairs_choose(q, &from, &to)) {
		diagnostics_add(d, false, "question", 0, 0, "%.100s and %.100s have no address of the same family", query->from, query->to);
		return -EINVAL;
	}
	return 0;
}
