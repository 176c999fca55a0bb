/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/file.h"
#include "engine.h"
#include "revision.h"

int rule_book_add(struct rule_book *book, uint32_t generation, const struct policy *policy)
{
	size_t n = policy ? policy->n_rules : 0;
	char **ids = calloc(n ? n : 1, sizeof(*ids));
	unsigned int at = book->next;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ids[i] = strdup(policy->rules[i].id);
		if (!ids[i]) {
			strv_free(ids, i);
			return -ENOMEM;
		}
	}
	strv_free(book->kept[at].ids, book->kept[at].n);
	book->kept[at].generation = generation;
	book->kept[at].ids = ids;
	book->kept[at].n = n;
	book->next = (at + 1) % RULE_BOOK_GENERATIONS;
	return 0;
}

static bool rule_book_has(const struct rule_book *book, uint32_t generation)
{
	for (unsigned int i = 0; i < RULE_BOOK_GENERATIONS; i++)
		if (book->kept[i].generation == generation)
			return true;
	return false;
}

const char *rule_book_find(const struct rule_book *book, uint32_t generation, uint32_t rule)
{
	for (unsigned int i = 0; generation && i < RULE_BOOK_GENERATIONS; i++)
		if (book->kept[i].generation == generation)
			return rule < book->kept[i].n ? book->kept[i].ids[rule] : NULL;
	return NULL;
}

void rule_book_done(struct rule_book *book)
{
	for (unsigned int i = 0; i < RULE_BOOK_GENERATIONS; i++)
		strv_free(book->kept[i].ids, book->kept[i].n);
	*book = (struct rule_book){ 0 };
}

static const char *name_of_row(void *ctx, uint32_t row)
{
	struct engine *e = ctx;
	uint64_t key;

	if (row == CORDON_DEVICE_GATEWAY)
		return "gateway";
	key = row >= CORDON_DEVICE_FIRST ? dataplane_device_key(e->dp, row) : 0;
	return key ? identity_name(e->identity, key) : NULL;
}

static const char *name_of_address(void *ctx, const struct address *address)
{
	struct engine *e = ctx;
	uint64_t key = identity_owner(e->identity, address);

	if (key)
		return identity_name(e->identity, key);
	for (size_t i = 0; i < e->env.n_gateway; i++)
		if (addr_equal(&e->env.gateway[i], address))
			return "gateway";
	return NULL;
}

/*
 * A flow that has not spoken since may carry a generation of an earlier start; the rules of its revision are in the state.
 * What is not found there is remembered as nameless, so that a generation costs one look.
 */
static void recall_rules(struct engine *e, uint32_t generation)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision stored = { 0 };
	_cleanup_diagnostics_ struct diagnostics d = { 0 };
	struct policy *policy = NULL;

	if (state_revision_by_generation(e->state, generation, &stored) == 0)
		revision_parse_stored(&stored, &d, &policy);
	rule_book_add(&e->rules, generation, policy);
	policy_free(policy);
}

static const char *name_of_rule(void *ctx, uint32_t generation, uint32_t rule)
{
	struct engine *e = ctx;

	if (generation && !rule_book_has(&e->rules, generation))
		recall_rules(e, generation);
	return rule_book_find(&e->rules, generation, rule);
}

static const char *name_of_port(void *ctx, uint32_t number)
{
	struct engine *e = ctx;

	return ports_name(&e->ports, number);
}

struct event_names engine_names(struct engine *engine)
{
	return (struct event_names){ name_of_row, name_of_address, name_of_rule, name_of_port, engine };
}
