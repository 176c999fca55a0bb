/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "yaml_tree.h"

uint32_t yaml_node_new(struct yaml_tree *t, enum yaml_kind kind, uint32_t line, uint32_t column)
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
	t->nodes[t->n_nodes] = (struct yaml_node){.line = line, .column = column, .kind = kind};
	return t->n_nodes++;
}

int yaml_text_add(struct yaml_tree *t, const void *data, size_t size, uint32_t *ret)
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
