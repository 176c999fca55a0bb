/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cleanup.h"
#include "yaml_tree.h"

/* libyaml counts from 0, people from 1. */
#define LINE(mark) ((uint32_t)(mark).line + 1)
#define COLUMN(mark) ((uint32_t)(mark).column + 1)

/* An open mapping or sequence. */
struct frame {
	uint32_t node;
	uint32_t last;   /* child, 0: none yet */
	uint32_t n_keys;
	bool mapping;
	bool value_next; /* the last child is a key without its value */
};

#define MAX_ERRORS 1000 /* then nobody reads them any more */

struct reader {
	const struct yaml_limits *limits;
	yaml_error_fn error;
	void *ctx;
	struct yaml_tree *tree;
	struct frame *stack; /* limits->depth of them */
	uint32_t depth;
	uint32_t told;
};

static void tell(void *ctx, uint32_t line, uint32_t column, const char *message)
{
	struct reader *r = ctx;

	r->told++;
	r->error(r->ctx, line, column, message);
}

static void __attribute__((format(printf, 3, 4))) tell_at(struct reader *r, yaml_mark_t mark, const char *format, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	tell(r, LINE(mark), COLUMN(mark), message);
}

/* Puts a node where the innermost open container wants its next child. */
static void node_attach(struct reader *r, uint32_t id)
{
	struct yaml_tree *t = r->tree;
	struct frame *f;

	if (r->depth == 0) {
		t->root = id;
		return;
	}
	f = &r->stack[r->depth - 1];
	if (f->last)
		t->nodes[f->last].next = id;
	else
		t->nodes[f->node].content = id;
	f->last = id;
	if (!f->mapping)
		return;
	if (!f->value_next) {
		t->nodes[id].key = 1;
		f->n_keys++;
		if (t->nodes[id].kind != YAML_SCALAR)
			t->nodes[id].kind = YAML_REFUSED;
	}
	f->value_next = !f->value_next;
}

static bool is_key_place(const struct reader *r)
{
	return r->depth && r->stack[r->depth - 1].mapping && !r->stack[r->depth - 1].value_next;
}

static bool has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return true;
	return false;
}

static int read_scalar(struct reader *r, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	size_t size = e->data.scalar.length;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	uint32_t offset = 0, id;
	bool refused = true;

	if (size > YAML_MAX_SCALAR)
		tell_at(r, e->start_mark, "a text of %zu bytes; at most %u are read", size, YAML_MAX_SCALAR);
	else if (has_control(value, size))
		tell_at(r, e->start_mark, "control characters are not allowed in a text");
	else if (plain && is_key_place(r) && strcmp(value, "<<") == 0)
		tell_at(r, e->start_mark, "merge keys (`<<`) are not allowed; write the keys out");
	else
		refused = false;
	if (!refused && yaml_text_add(r->tree, value, size, &offset) < 0)
		return -ENOMEM;
	id = yaml_node_new(r->tree, refused ? YAML_REFUSED : YAML_SCALAR, LINE(e->start_mark), COLUMN(e->start_mark));
	if (!id)
		return -ENOMEM;
	r->tree->nodes[id].quoted = !plain;
	r->tree->nodes[id].content = offset;
	node_attach(r, id);
	return 0;
}

static int read_start(struct reader *r, const yaml_event_t *e, bool mapping)
{
	uint32_t id;

	if (r->depth == r->limits->depth) {
		tell_at(r, e->start_mark, "nested deeper than %u levels", r->limits->depth);
		return -EINVAL;
	}
	if (is_key_place(r))
		tell_at(r, e->start_mark, "a key must be a plain word, not a list or mapping");
	id = yaml_node_new(r->tree, mapping ? YAML_MAPPING : YAML_SEQUENCE, LINE(e->start_mark), COLUMN(e->start_mark));
	if (!id)
		return -ENOMEM;
	node_attach(r, id);
	r->stack[r->depth++] = (struct frame){.node = id, .mapping = mapping};
	return 0;
}

static void tell_duplicate(struct reader *r, uint32_t first, uint32_t again)
{
	const struct yaml_node *a = &r->tree->nodes[first];
	struct yaml_node *b = &r->tree->nodes[again];
	yaml_mark_t place = {.line = b->line - 1, .column = b->column - 1};

	tell_at(r, place, "duplicate key `%.100s`; it stands first at %u:%u", r->tree->text + a->content, a->line, a->column);
	b->kind = YAML_REFUSED;
}

static int key_compare(const void *a, const void *b, void *tree)
{
	const struct yaml_tree *t = tree;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = strcmp(t->text + t->nodes[x].content, t->text + t->nodes[y].content);

	return c ? c : (x > y) - (x < y);
}

#define FEW_KEYS 12

/* Almost every mapping is small and has none: seen without sorting. */
static bool few_and_different(const struct yaml_tree *t, const struct frame *f)
{
	const char *keys[FEW_KEYS];
	uint32_t n = 0;

	if (f->n_keys > FEW_KEYS)
		return false;
	for (uint32_t k = t->nodes[f->node].content; k; k = t->nodes[k].next ? t->nodes[t->nodes[k].next].next : 0) {
		const char *key = t->nodes[k].kind == YAML_SCALAR ? t->text + t->nodes[k].content : NULL;

		for (uint32_t i = 0; i < n && key; i++)
			if (keys[i][0] == key[0] && !strcmp(keys[i], key))
				return false;
		if (key)
			keys[n++] = key;
	}
	return true;
}

/* Sorted, so that a hostile mapping costs n log n. */
static int duplicates_check(struct reader *r, const struct frame *f)
{
	const struct yaml_tree *t = r->tree;
	_cleanup_free_ uint32_t *keys = NULL;
	uint32_t n = 0;

	if (f->n_keys < 2 || few_and_different(t, f))
		return 0;
	keys = malloc(f->n_keys * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t k = t->nodes[f->node].content; k; k = t->nodes[k].next ? t->nodes[t->nodes[k].next].next : 0)
		if (t->nodes[k].kind == YAML_SCALAR)
			keys[n++] = k;
	qsort_r(keys, n, sizeof(*keys), key_compare, r->tree);
	for (uint32_t i = 1, first = 0; i < n && r->told <= MAX_ERRORS; i++) {
		if (strcmp(t->text + t->nodes[keys[first]].content, t->text + t->nodes[keys[i]].content) == 0)
			tell_duplicate(r, keys[first], keys[i]);
		else
			first = i;
	}
	return 0;
}

static int read_end(struct reader *r)
{
	const struct frame *f = &r->stack[--r->depth];

	return f->mapping ? duplicates_check(r, f) : 0;
}

static int read_alias(struct reader *r, const yaml_event_t *e)
{
	uint32_t id = yaml_node_new(r->tree, YAML_REFUSED, LINE(e->start_mark), COLUMN(e->start_mark));

	if (!id)
		return -ENOMEM;
	tell_at(r, e->start_mark, "aliases (`*%.100s`) are not allowed; write the value out",
	     (const char *)e->data.alias.anchor);
	node_attach(r, id);
	return 0;
}

static void refuse_properties(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		tell_at(r, e->start_mark, "anchors (`&%.100s`) are not allowed", (const char *)anchor);
	if (tag)
		tell_at(r, e->start_mark, "tags (`%.100s`) are not allowed", (const char *)tag);
}

/* 1: the document is read, go on; 0: the stream has ended. */
static int read_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
			tell_at(r, e->start_mark, "tags (`%%TAG`) are not allowed");
		if (!r->tree->root)
			return 1;
		tell_at(r, e->start_mark, "a second document begins here; a file holds one");
		return 0;
	case YAML_SCALAR_EVENT:
		refuse_properties(r, e, e->data.scalar.anchor, e->data.scalar.tag);
		return read_scalar(r, e) ?: 1;
	case YAML_SEQUENCE_START_EVENT:
		refuse_properties(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		return read_start(r, e, false) ?: 1;
	case YAML_MAPPING_START_EVENT:
		refuse_properties(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		return read_start(r, e, true) ?: 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return read_end(r) ?: 1;
	case YAML_ALIAS_EVENT:
		return read_alias(r, e) ?: 1;
	default:
		return 1;
	}
}

/* A syntax error: what stands before it is kept, so that its other mistakes are found in the same run. */
static int syntax_error(struct reader *r, const yaml_parser_t *p)
{
	yaml_mark_t at = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->context)
		tell_at(r, at, "not YAML: %s %s that begins at %zu:%zu", p->problem, p->context,
		     p->context_mark.line + 1, p->context_mark.column + 1);
	else
		tell_at(r, at, "not YAML: %s", p->problem ? p->problem : "cannot be read");
	while (r->depth) {
		const struct frame *f = &r->stack[r->depth - 1];
		uint32_t id = f->value_next ? yaml_node_new(r->tree, YAML_REFUSED, 0, 0) : 0;

		if (f->value_next && !id)
			return -ENOMEM;
		if (id)
			node_attach(r, id);
		if (read_end(r) < 0)
			return -ENOMEM;
	}
	r->tree->cut = true;
	return 0;
}

static int read_events(struct reader *r, yaml_parser_t *parser)
{
	for (uint32_t n = 0;; n++) {
		yaml_event_t event;
		int more;

		if (!yaml_parser_parse(parser, &event))
			return syntax_error(r, parser);
		if (n == r->limits->events) {
			tell_at(r, event.start_mark, "more than %u YAML events; too large to be a policy",
			     r->limits->events);
			more = -EINVAL;
		} else {
			more = read_event(r, &event);
		}
		yaml_event_delete(&event);
		if (more <= 0)
			return more;
		if (r->told > MAX_ERRORS)
			return -EINVAL;
	}
}

static int read_document(struct reader *r, const char *text, size_t size)
{
	yaml_parser_t parser;
	int k;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	k = read_events(r, &parser);
	yaml_parser_delete(&parser);
	return k;
}

static void cleanup_tree(struct yaml_tree **tree)
{
	yaml_tree_free(*tree);
}

int yaml_read(const char *text, size_t size, const struct yaml_limits *limits, yaml_error_fn error, void *ctx, struct yaml_tree **ret)
{
	_cleanup_(cleanup_tree) struct yaml_tree *tree = calloc(1, sizeof(*tree));
	_cleanup_free_ struct frame *stack = calloc(limits->depth + 1, sizeof(*stack));
	struct reader r = {.limits = limits, .error = error, .ctx = ctx, .tree = tree, .stack = stack};
	int k;

	if (!tree || !stack)
		return -ENOMEM;
	if (size > limits->bytes) {
		tell_at(&r, (yaml_mark_t){0}, "larger than %zu bytes", limits->bytes);
		return -EINVAL;
	}
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* the mark that some editors write first */
		text += 3;
		size -= 3;
	}
	k = yaml_text_check(text, size, limits, tell, &r);
	if (k == 0)
		k = read_document(&r, text, size);
	if (k < 0)
		return k;
	*ret = take_ptr(tree);
	return r.told > 0;
}
