/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  YAML text from anyone.
 * Out: a compact tree of mappings, sequences and scalars with line and column, or errors with line and column.
 * Never: anchors, aliases, merge keys, tags, duplicate keys, more than one document; types: every scalar is text as written.
 *
 * Bounded: bytes, depth, events, and so memory. No recursion over what the writer chose.
 */
#ifndef CORDON_LIB_YAML_H
#define CORDON_LIB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_tree; /* opaque; owns its nodes and text */
struct yaml_node;

struct yaml_limits {
	size_t bytes;
	uint32_t depth;
	uint32_t events;
};

/* Told of each error; reading goes on where YAML allows it (duplicate keys, anchors), not after a syntax error. */
typedef void (*yaml_error_fn)(void *ctx, uint32_t line, uint32_t column, const char *message);

/* 0, or -EINVAL after at least one error; *ret only on 0. An empty document gives a NULL root. */
int yaml_read(const char *text, size_t size, const struct yaml_limits *limits, yaml_error_fn error, void *ctx, struct yaml_tree **ret);
void yaml_free(struct yaml_tree *tree);

const struct yaml_node *yaml_root(const struct yaml_tree *tree);
enum yaml_kind yaml_node_kind(const struct yaml_node *node);
uint32_t yaml_line(const struct yaml_node *node);
uint32_t yaml_column(const struct yaml_node *node);
bool yaml_quoted(const struct yaml_node *node);
/* Scalars only; NUL-terminated (a NUL inside is refused on reading). */
const char *yaml_text(const struct yaml_tree *tree, const struct yaml_node *node);
/* Children in order: of a sequence its items, of a mapping its keys; NULL at the end. */
const struct yaml_node *yaml_first(const struct yaml_tree *tree, const struct yaml_node *node);
const struct yaml_node *yaml_next(const struct yaml_tree *tree, const struct yaml_node *node);
/* The value that belongs to a key node. */
const struct yaml_node *yaml_value(const struct yaml_tree *tree, const struct yaml_node *key);

#endif
