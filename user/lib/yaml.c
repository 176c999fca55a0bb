/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cleanup.h"
#include "yaml.h"

/*
 * 16 bytes a node, so that the largest document fits the memory bound. Node 0 is none. A mapping's children alternate
 * key, value, key, value along `next`.
 */
struct yaml_node {
	uint32_t line;
	uint32_t column : 27;
	uint32_t kind : 2;
	uint32_t quoted : 1;
	uint32_t key : 1;
	uint32_t content; /* scalar: offset into text; else the first child */
	uint32_t next;
};

struct yaml_tree {
	struct yaml_node *nodes;
	uint32_t n_nodes, cap_nodes;
	char *text;
	size_t n_text, cap_text;
	uint32_t root;
	bool cut;
};

/* An open mapping or sequence. */
struct frame {
	uint32_t node;
	uint32_t last;   /* child, 0: none yet */
	uint32_t n_keys;
	bool mapping;
	bool value_next; /* the last child is a key without its value */
};

struct reader {
	const struct yaml_limits *limits;
	yaml_error_fn error;
	void *ctx;
	struct yaml_tree *tree;
	struct frame *stack; /* limits->depth of them */
	uint32_t depth;
	uint32_t told;
};

static void __attribute__((format(printf, 4, 5))) tell(struct reader *r, uint32_t line, uint32_t column, const char *format, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	r->told++;
	r->error(r->ctx, line, column, message);
}

static void tell_at(struct reader *r, yaml_mark_t mark, const char *message)
{
	tell(r, mark.line + 1, mark.column + 1, "%s", message);
}

/* Bytes of the UTF-8 sequence at `s`, 0 if it is none that YAML may hold (NUL, controls, overlong, surrogates). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	uint32_t rune;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 ? s[0] != 0x7f : s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < n)
		return 0;
	rune = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && rune < 0x800) || (n == 4 && rune < 0x10000) || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	if (rune < 0xa0 && rune != 0x85)
		return 0;
	return n;
}

#define MAX_ERRORS 1000 /* then nobody reads them any more */

/* libyaml keeps runs of blanks apart from the text beside them; a bound on a run bounds its memory. */
#define MAX_BLANKS (1u << 20)

/* A document with more of these has more events than its limit, or nearly so; seen in a tenth of the time. */
static int separators_check(struct reader *r, const char *text, size_t size)
{
	size_t most = (size_t)r->limits->events + r->limits->events / 4, n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{' || text[i] == '\n';
	if (n <= most)
		return 0;
	tell(r, 1, 1, "too large: more than %zu commas, colons, opening brackets and line ends", most);
	return -EINVAL;
}

/* Refuses what is not clean UTF-8 before libyaml sees it, with a place. */
static int text_check(struct reader *r, const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t line = 1, start = 0, blanks = 0, continued = 0, n;

	for (size_t i = 0; i < size; i += n) {
		n = utf8_length(s + i, size - i);
		blanks = s[i] <= ' ' ? blanks + 1 : 0;
		if (n == 0 || blanks > MAX_BLANKS) {
			tell(r, line, i - start - continued + 1, n ? "more than %u blanks in a row" :
			     s[i] < 0x80 ? "control characters are not allowed in YAML" : "not valid UTF-8", MAX_BLANKS);
			return -EINVAL;
		}
		continued += n - 1;
		if (s[i] == '\n') {
			line++;
			start = i + 1;
			continued = 0;
		}
	}
	return 0;
}

static uint32_t node_new(struct yaml_tree *t, enum yaml_kind kind, yaml_mark_t mark)
{
	if (t->n_nodes == t->cap_nodes) {
		uint32_t cap = t->cap_nodes ? t->cap_nodes * 2 : 256;
		struct yaml_node *nodes = realloc(t->nodes, cap * sizeof(*nodes));

		if (!nodes)
			return 0;
		t->nodes = nodes;
		t->cap_nodes = cap;
	}
	if (t->n_nodes == 0)
		t->nodes[t->n_nodes++] = (struct yaml_node){0};
	t->nodes[t->n_nodes] = (struct yaml_node){.line = mark.line + 1, .column = mark.column + 1, .kind = kind};
	return t->n_nodes++;
}

static int text_add(struct yaml_tree *t, const void *data, size_t size, uint32_t *ret)
{
	if (t->n_text + size + 1 > t->cap_text) {
		size_t cap = t->cap_text ? t->cap_text * 2 : 4096;
		char *text;

		while (cap < t->n_text + size + 1)
			cap *= 2;
		text = realloc(t->text, cap);
		if (!text)
			return -ENOMEM;
		t->text = text;
		t->cap_text = cap;
	}
	memcpy(t->text + t->n_text, data, size);
	t->text[t->n_text + size] = '\0';
	*ret = t->n_text;
	t->n_text += size + 1;
	return 0;
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
		tell(r, e->start_mark.line + 1, e->start_mark.column + 1, "a text of %zu bytes; at most %u are read", size, YAML_MAX_SCALAR);
	else if (has_control(value, size))
		tell_at(r, e->start_mark, "control characters are not allowed in a text");
	else if (plain && is_key_place(r) && strcmp(value, "<<") == 0)
		tell_at(r, e->start_mark, "merge keys (`<<`) are not allowed; write the keys out");
	else
		refused = false;
	if (!refused && text_add(r->tree, value, size, &offset) < 0)
		return -ENOMEM;
	id = node_new(r->tree, refused ? YAML_REFUSED : YAML_SCALAR, e->start_mark);
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
		tell(r, e->start_mark.line + 1, e->start_mark.column + 1, "nested deeper than %u levels", r->limits->depth);
		return -EINVAL;
	}
	if (is_key_place(r))
		tell_at(r, e->start_mark, "a key must be a plain word, not a list or mapping");
	id = node_new(r->tree, mapping ? YAML_MAPPING : YAML_SEQUENCE, e->start_mark);
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

	tell(r, b->line, b->column, "duplicate key `%.100s`; it stands first at %u:%u", r->tree->text + a->content, a->line, a->column);
	b->kind = YAML_REFUSED;
}

static int key_compare(const void *a, const void *b, void *tree)
{
	const struct yaml_tree *t = tree;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = strcmp(t->text + t->nodes[x].content, t->text + t->nodes[y].content);

	return c ? c : (x > y) - (x < y);
}

/* Sorted, so that a hostile mapping costs n log n. */
static int duplicates_check(struct reader *r, const struct frame *f)
{
	const struct yaml_tree *t = r->tree;
	_cleanup_free_ uint32_t *keys = NULL;
	uint32_t n = 0;

	if (f->n_keys < 2)
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
	uint32_t id = node_new(r->tree, YAML_REFUSED, e->start_mark);

	if (!id)
		return -ENOMEM;
	tell(r, e->start_mark.line + 1, e->start_mark.column + 1, "aliases (`*%.100s`) are not allowed; write the value out",
	     (const char *)e->data.alias.anchor);
	node_attach(r, id);
	return 0;
}

static void refuse_properties(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		tell(r, e->start_mark.line + 1, e->start_mark.column + 1, "anchors (`&%.100s`) are not allowed", (const char *)anchor);
	if (tag)
		tell(r, e->start_mark.line + 1, e->start_mark.column + 1, "tags (`%.100s`) are not allowed", (const char *)tag);
}

/* 1: the document is read, go on; 0: the stream has ended. */
static int read_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
			tell_at(r, e->start_mark, "tags (`%TAG`) are not allowed");
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
	static const yaml_mark_t nowhere;
	yaml_mark_t at = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->context)
		tell(r, at.line + 1, at.column + 1, "not YAML: %s %s that begins at %zu:%zu", p->problem, p->context,
		     p->context_mark.line + 1, p->context_mark.column + 1);
	else
		tell(r, at.line + 1, at.column + 1, "not YAML: %s", p->problem ? p->problem : "cannot be read");
	while (r->depth) {
		const struct frame *f = &r->stack[r->depth - 1];
		uint32_t id = f->value_next ? node_new(r->tree, YAML_REFUSED, nowhere) : 0;

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
			tell(r, event.start_mark.line + 1, event.start_mark.column + 1, "more than %u YAML events; too large to be a policy",
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
		tell(&r, 1, 1, "larger than %zu bytes", limits->bytes);
		return -EINVAL;
	}
	k = text_check(&r, text, size) ?: separators_check(&r, text, size);
	if (k == 0)
		k = read_document(&r, text, size);
	if (k < 0)
		return k;
	*ret = take_ptr(tree);
	return r.told > 0;
}

void yaml_tree_free(struct yaml_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->text);
	free(tree);
}

bool yaml_cut(const struct yaml_tree *tree)
{
	return tree->cut;
}

uint32_t yaml_size(const struct yaml_tree *tree)
{
	return tree->n_nodes;
}

static const struct yaml_node *node_at(const struct yaml_tree *tree, uint32_t id)
{
	return id ? &tree->nodes[id] : NULL;
}

const struct yaml_node *yaml_root(const struct yaml_tree *tree)
{
	return node_at(tree, tree->root);
}

enum yaml_kind yaml_node_kind(const struct yaml_node *node)
{
	return node->kind;
}

uint32_t yaml_line(const struct yaml_node *node)
{
	return node->line;
}

uint32_t yaml_column(const struct yaml_node *node)
{
	return node->column;
}

bool yaml_quoted(const struct yaml_node *node)
{
	return node->quoted;
}

const char *yaml_text(const struct yaml_tree *tree, const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR ? tree->text + node->content : "";
}

const struct yaml_node *yaml_first(const struct yaml_tree *tree, const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR || node->kind == YAML_REFUSED ? NULL : node_at(tree, node->content);
}

const struct yaml_node *yaml_next(const struct yaml_tree *tree, const struct yaml_node *node)
{
	const struct yaml_node *next = node_at(tree, node->next);

	return node->key && next ? node_at(tree, next->next) : next;
}

const struct yaml_node *yaml_value(const struct yaml_tree *tree, const struct yaml_node *key)
{
	return node_at(tree, key->next);
}
