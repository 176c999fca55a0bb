/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "parse.h"

/* The nearest of a large set costs milliseconds; that many are looked for in one run. */
#define LARGE_SET 2000
#define MAX_HINTS 20
#define MAX_THINGS 200000 /* of one kind: twice the devices that a gateway can hold */

static const struct {
	const char *key;
	const char *word;
	bool list;
} kinds[SYMBOL_COUNT] = {
#define X(id, key_, word_, list_) [SYMBOL_##id] = {.key = (key_), .word = (word_), .list = (list_)},
	PARSE_SYMBOLS(X)
#undef X
};

const enum symbol_kind symbol_kinds[SYMBOL_COUNT] = {
#define X(id, key, word, list) [SYMBOL_##id] = SYMBOL_##id,
	PARSE_SYMBOLS(X)
#undef X
};

const char *const builtin_segments[POLICY_SEGMENT_UNAUTHENTICATED + 1] = {
	[POLICY_SEGMENT_UNKNOWN] = "unknown",
	[POLICY_SEGMENT_UNAUTHENTICATED] = "unauthenticated",
};

static int builtin_segment(enum symbol_kind kind, const char *name)
{
	for (size_t i = 0; kind == SYMBOL_SEGMENT && i < ARRAY_SIZE(builtin_segments); i++)
		if (strcmp(builtin_segments[i], name) == 0)
			return (int)i;
	return -1;
}

/* Names that the two passes meet in the same order get the same index in both. */
static uint32_t take_index(enum symbol_kind kind, const char *name, uint32_t *counter)
{
	int builtin = builtin_segment(kind, name);

	return builtin >= 0 ? (uint32_t)builtin : (*counter)++;
}

uint32_t symbol_take(struct parser *p, enum symbol_kind kind, const char *name)
{
	return take_index(kind, name, &p->symbols[kind].next);
}

static void declare(struct parser *p, enum symbol_kind kind, const struct yaml_node *node, const char *name)
{
	struct symbols *s = &p->symbols[kind];
	uint32_t index = take_index(kind, name, &s->count);
	struct symbol *symbol;

	if (s->count == MAX_THINGS + 1)
		form_error(&p->form, node, "more than %u %s", MAX_THINGS, kinds[kind].key);
	p->too_many |= s->count > MAX_THINGS;
	if (!*name || p->too_many)
		return;
	symbol = form_add(&p->form, &s->items, &s->n, sizeof(*symbol));
	if (symbol)
		*symbol = (struct symbol){.name = name, .index = index, .place = place_of(p, node)};
}

static const struct yaml_node *find_value(const struct yaml_tree *tree, const struct yaml_node *mapping, const char *key)
{
	for (const struct yaml_node *k = yaml_first(tree, mapping); k; k = yaml_next(tree, k))
		if (yaml_node_kind(k) == YAML_SCALAR && strcmp(yaml_text(tree, k), key) == 0)
			return yaml_value(tree, k);
	return NULL;
}

static void declare_items(struct parser *p, enum symbol_kind kind, const struct yaml_node *list)
{
	const struct yaml_tree *tree = p->form.tree;

	for (const struct yaml_node *item = yaml_first(tree, list); item; item = yaml_next(tree, item)) {
		const struct yaml_node *id = yaml_node_kind(item) == YAML_MAPPING ? find_value(tree, item, "id") : NULL;

		declare(p, kind, id ?: item, id ? yaml_text(tree, id) : "");
	}
}

static void declare_keys(struct parser *p, enum symbol_kind kind, const struct yaml_node *mapping)
{
	const struct yaml_tree *tree = p->form.tree;

	for (const struct yaml_node *k = yaml_first(tree, mapping); k; k = yaml_next(tree, k))
		if (yaml_node_kind(k) == YAML_SCALAR)
			declare(p, kind, k, yaml_text(tree, k));
}

void symbols_declare(struct parser *p, const struct yaml_node *root)
{
	if (!root || yaml_node_kind(root) != YAML_MAPPING)
		return;
	for (int kind = 0; kind < SYMBOL_COUNT; kind++) {
		const struct yaml_node *value = find_value(p->form.tree, root, kinds[kind].key);

		if (value && kinds[kind].list && yaml_node_kind(value) == YAML_SEQUENCE)
			declare_items(p, kind, value);
		else if (value && !kinds[kind].list && yaml_node_kind(value) == YAML_MAPPING)
			declare_keys(p, kind, value);
	}
}

static int symbol_compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->index > y->index) - (x->index < y->index);
}

static void tell_duplicate(struct parser *p, enum symbol_kind kind, const struct symbol *first, const struct symbol *again)
{
	place_error(p, again->place, "%s `%.64s` is already defined at %s:%u:%u; a name is defined once", kinds[kind].word, again->name,
		    p->policy->files[first->place.file], first->place.line, first->place.column);
}

static void settle(struct parser *p, enum symbol_kind kind)
{
	struct symbols *s = &p->symbols[kind];

	for (size_t i = 0; kind == SYMBOL_SEGMENT && i < ARRAY_SIZE(builtin_segments); i++) {
		struct symbol *symbol = NULL;

		for (size_t k = 0; k < s->n && !symbol; k++)
			symbol = s->items[k].index == i ? &s->items[k] : NULL;
		if (!symbol)
			symbol = form_add(&p->form, &s->items, &s->n, sizeof(*symbol));
		if (symbol && !symbol->name)
			*symbol = (struct symbol){.name = builtin_segments[i], .index = (uint32_t)i};
	}
	if (s->n)
		qsort(s->items, s->n, sizeof(*s->items), symbol_compare);
	for (size_t i = 1, first = 0; i < s->n; i++) {
		if (strcmp(s->items[first].name, s->items[i].name) == 0)
			tell_duplicate(p, kind, &s->items[first], &s->items[i]);
		else
			first = i;
	}
}

void symbols_settle(struct parser *p)
{
	for (int kind = 0; kind < SYMBOL_COUNT; kind++)
		settle(p, kind);
}

void symbols_free(struct parser *p)
{
	for (int kind = 0; kind < SYMBOL_COUNT; kind++)
		free(p->symbols[kind].items);
}

uint32_t symbol_find(const struct parser *p, enum symbol_kind kind, const char *name)
{
	const struct symbols *s = &p->symbols[kind];
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(s->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && strcmp(s->items[low].name, name) == 0 ? s->items[low].index : POLICY_NONE;
}

static const char *symbol_at(void *ctx, size_t i)
{
	const struct symbols *s = ctx;

	return s->items[i].name;
}

uint32_t symbol_resolve(struct parser *p, enum symbol_kind kind, const struct yaml_node *node, const char *name)
{
	uint32_t index = symbol_find(p, kind, name);
	struct symbols *s = &p->symbols[kind];
	const char *near = NULL;

	if (index != POLICY_NONE || p->incomplete)
		return index;
	if (p->d->errors <= POLICY_MAX_DIAGNOSTICS && (s->n <= LARGE_SET || p->hints++ < MAX_HINTS))
		near = name_nearest(name, symbol_at, s, s->n);
	if (near)
		form_error(&p->form, node, "unknown %s `%.64s`; did you mean `%s`?", kinds[kind].word, name, near);
	else
		form_error(&p->form, node, "unknown %s `%.64s`; expected one defined under `%s:`", kinds[kind].word, name, kinds[kind].key);
	return POLICY_NONE;
}

void parse_reference(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	enum symbol_kind kind = *(const enum symbol_kind *)arg;
	const char *name;
	char what[48];

	snprintf(what, sizeof(what), "the name of a %s", kinds[kind].word);
	name = form_scalar(f, value, what);
	if (name)
		*(uint32_t *)field = symbol_resolve(parser_of(f), kind, value, name);
}
