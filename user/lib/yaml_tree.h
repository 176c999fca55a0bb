/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  nodes and text as yaml.c reads them.
 * Out: the tree that yaml.h shows; the check of raw text before it is read.
 * Never: libyaml; seen outside yaml*.c.
 */
#ifndef CORDON_LIB_YAML_TREE_H
#define CORDON_LIB_YAML_TREE_H

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

/* 0 without memory. */
uint32_t yaml_node_new(struct yaml_tree *tree, enum yaml_kind kind, uint32_t line, uint32_t column);
int yaml_text_add(struct yaml_tree *tree, const void *data, size_t size, uint32_t *ret);

/* Refuses what is not clean UTF-8, or plainly too much, before libyaml sees it. */
int yaml_text_check(const char *text, size_t size, const struct yaml_limits *limits, yaml_error_fn error, void *ctx);

#endif
