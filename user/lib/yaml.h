/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  YAML text from anyone.
 * Out: a compact tree of mappings, sequences and scalars with line and column, and errors with line and column.
 * Never: anchors, aliases, merge keys, tags, duplicate keys, more than one document; types: every scalar is text as written.
 *
 * Bounded: bytes, depth, events, and so memory. No recursion over what the writer chose.
 */
#ifndef CORDON_LIB_YAML_H
#define CORDON_LIB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* REFUSED: an error was told about this key or value; whoever reads on passes over it in silence. */
enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING, YAML_REFUSED };

#define YAML_MAX_SCALAR 65535u

struct yaml_tree; /* opaque; owns its nodes and text */
struct yaml_node;

struct yaml_limits {
	size_t bytes;
	uint32_t depth;
	uint32_t events;
};

/* Told of each error; reading goes on where YAML allows it (duplicate keys, anchors), not after a syntax error. */
typedef void (*yaml_error_fn)(void *ctx, uint32_t line, uint32_t column, const char *message);

/*
 * 0: *ret is the document. 1: errors were told, and *ret is what could be read, fit to look for more errors in and for
 * nothing else. -EINVAL: errors were told, no tree. -ENOMEM. An empty document gives a NULL root.
 */
int yaml_read(const char *text, size_t size, const struct yaml_limits *limits, yaml_error_fn error, void *ctx, struct yaml_tree **ret);
void yaml_tree_free(struct yaml_tree *tree);
/* The document broke off at a syntax error: what is missing may stand behind it. */
bool yaml_cut(const struct yaml_tree *tree);
/* Nodes of the tree, about its events. */
uint32_t yaml_size(const struct yaml_tree *tree);

const struct yaml_node *yaml_root(const struct yaml_tree *tree);
enum yaml_kind yaml_node_kind(const struct yaml_node *node);
uint32_t yaml_line(const struct yaml_node *node);
uint32_t yaml_column(const struct yaml_node *node);
bool yaml_quoted(const struct yaml_node *node);
/* Scalars only; NUL-terminated (control characters other than tab and newline are refused on reading). */
const char *yaml_text(const struct yaml_tree *tree, const struct yaml_node *node);
/* Children in order: of a sequence its items, of a mapping its keys; NULL at the end. */
const struct yaml_node *yaml_first(const struct yaml_tree *tree, const struct yaml_node *node);
const struct yaml_node *yaml_next(const struct yaml_tree *tree, const struct yaml_node *node);
/* The value that belongs to a key node. */
const struct yaml_node *yaml_value(const struct yaml_tree *tree, const struct yaml_node *key);

#endif
