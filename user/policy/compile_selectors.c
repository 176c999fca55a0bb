/* SPDX-License-Identifier: Apache-2.0 */
/* The sides of rules to selectors. */
#include "compile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "decide.h"

/* One peer as it is compared: two that say the same are equal. */
struct term {
	enum policy_peer_kind kind;
	uint32_t index;
	struct prefix prefix;
	const char *tag;
};

static bool peer_is_parked(const struct peer *peer)
{
	switch (peer->kind) {
	case POLICY_PEER_NAME:
	case POLICY_PEER_MCAST:
	case POLICY_PEER_BCAST:
	case POLICY_PEER_FEED:
	case POLICY_PEER_NAT:
		return true;
	default:
		return false;
	}
}

static struct term term_of(const struct peer *peer)
{
	struct term t = {.kind = peer->kind};

	if (peer->kind == POLICY_PEER_SEGMENT || peer->kind == POLICY_PEER_DEVICE || peer->kind == POLICY_PEER_NETWORK)
		t.index = peer->index;
	if (peer->kind == POLICY_PEER_CIDR)
		t.prefix = prefix_masked(&peer->prefix);
	if (peer->kind == POLICY_PEER_TAG)
		t.tag = tag_name(peer);
	return t;
}

static int term_compare(const void *a, const void *b)
{
	const struct term *x = a, *y = b;
	int r = (int)x->kind - (int)y->kind;

	if (r == 0)
		r = x->index < y->index ? -1 : x->index > y->index;
	if (r == 0)
		r = memcmp(&x->prefix.address, &y->prefix.address, sizeof(x->prefix.address));
	if (r == 0)
		r = (int)x->prefix.length - (int)y->prefix.length;
	return r || !x->tag ? r : strcasecmp(x->tag, y->tag);
}

static int term_write(struct buf *b, const struct term *t)
{
	uint32_t numbers[] = {t->kind, t->index, t->prefix.length};
	int r = buf_add(b, numbers, sizeof(numbers));

	if (r >= 0 && t->kind == POLICY_PEER_CIDR)
		r = buf_add(b, &t->prefix.address, sizeof(t->prefix.address));
	for (const char *at = t->tag; at && *at && r >= 0; at++)
		r = buf_addf(b, "%c", tolower((unsigned char)*at));
	return r < 0 ? r : buf_add(b, "", 1);
}

/* -ENOENT: nothing but parked peers. */
static int peers_write(struct buf *b, const struct peers *peers)
{
	_cleanup_free_ struct term *terms = calloc(peers->n + 1, sizeof(*terms));
	size_t n = 0;
	int r = 0;

	if (!terms)
		return -ENOMEM;
	for (size_t i = 0; i < peers->n; i++) {
		if (peers->items[i].kind == POLICY_PEER_ANY) {
			terms[0] = (struct term){.kind = POLICY_PEER_ANY};
			return term_write(b, &terms[0]);
		}
		if (!peer_is_parked(&peers->items[i]))
			terms[n++] = term_of(&peers->items[i]);
	}
	if (!n)
		return -ENOENT;
	qsort(terms, n, sizeof(*terms), term_compare);
	for (size_t i = 0; i < n && r >= 0; i++)
		if (i == 0 || term_compare(&terms[i - 1], &terms[i]))
			r = term_write(b, &terms[i]);
	return r;
}

static int conditions_write(struct buf *b, const struct conditions *conditions, bool unknown_is)
{
	int r = buf_addf(b, "?%d", unknown_is);

	for (size_t i = 0; i < conditions->n && r >= 0; i++) {
		const struct condition *condition = &conditions->items[i];

		r = buf_addf(b, "%c%s%c%d", 0, condition->fact, 0, (int)condition->op);
		for (size_t v = 0; v < condition->n_values && r >= 0; v++)
			r = buf_addf(b, "%c%s", 0, condition->values[v]);
	}
	return r;
}

static int selector_intern(struct compile *c, const struct peers *peers, const struct conditions *conditions, bool deny,
			   bool exception, uint32_t *ret)
{
	_cleanup_buf_ struct buf text = {0};
	bool unknown_is = deny && !exception;
	int r = peers_write(&text, peers);

	if (conditions && !conditions->n)
		conditions = NULL;
	if (r >= 0 && conditions)
		r = conditions_write(&text, conditions, unknown_is);
	if (r >= 0)
		r = intern_add(&c->selector_texts, text.data, text.size, ret);
	if (r >= 0)
		r = array_reserve(&c->selectors, &c->selector_capacity, c->selector_texts.n, sizeof(*c->selectors));
	if (r == -ENOENT) {
		*ret = SELECTOR_NOTHING;
		return 0;
	}
	if (r < 0)
		return r;
	if (!c->selectors[*ret].peers)
		c->selectors[*ret] = (struct selector){.peers = peers, .conditions = conditions, .unknown_is = unknown_is};
	c->selectors[*ret].of_deny |= unknown_is;
	c->conditional |= conditions != NULL;
	return 0;
}

static int exception_add(struct compile *c, const struct exception *from_model)
{
	struct cell_exception e = {.from = SELECTOR_SAME, .to = SELECTOR_SAME, .services = SERVICES_SAME};
	int r = array_reserve(&c->exceptions, &c->exception_capacity, c->n_exceptions + 1, sizeof(*c->exceptions));

	if (r >= 0 && from_model->from.n)
		r = selector_intern(c, &from_model->from, NULL, true, true, &e.from);
	if (r >= 0 && from_model->to.n)
		r = selector_intern(c, &from_model->to, NULL, true, true, &e.to);
	if (r >= 0 && from_model->services.n)
		r = services_intern(c, &from_model->services, &e.services);
	if (r < 0)
		return r;
	c->exceptions[c->n_exceptions++] = e;
	return 0;
}

static int rule_compile(struct compile *c, const struct rule *rule, struct cell_rule *ret)
{
	int r;

	ret->first_exception = (uint32_t)c->n_exceptions;
	r = services_intern(c, &rule->services, &ret->services);
	if (r >= 0)
		r = selector_intern(c, &rule->from, &rule->if_from, rule->deny, false, &ret->from);
	if (r >= 0)
		r = selector_intern(c, &rule->to, &rule->if_to, rule->deny, false, &ret->to);
	for (size_t i = 0; i < rule->n_exceptions && rule->deny && r >= 0; i++)
		r = exception_add(c, &rule->exceptions[i]);
	if (r < 0)
		return r;
	ret->n_exceptions = (uint32_t)c->n_exceptions - ret->first_exception;
	ret->live = ret->from != SELECTOR_NOTHING && ret->to != SELECTOR_NOTHING && ret->services != SERVICES_NOTHING;
	return 0;
}

int compile_selectors(struct compile *c)
{
	c->rules = calloc(c->policy->n_rules + 1, sizeof(*c->rules));
	if (!c->rules)
		return -ENOMEM;
	for (size_t i = 0; i < c->policy->n_rules; i++) {
		int r = rule_compile(c, &c->policy->rules[i], &c->rules[i]);

		if (r < 0)
			return r;
	}
	return 0;
}
