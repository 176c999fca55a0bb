/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "facts.h"
#include "parse.h"

static const char *const proofs[] = {"mac", "dhcp", "dot1x", "cert"};
static const struct form_words proof_words = FORM_WORDS("a proof", proofs);

static bool fact_name_ok(struct form *f, const struct yaml_node *key)
{
	const char *name = yaml_text(f->tree, key);

	if (yaml_node_kind(key) == YAML_REFUSED)
		return false;
	if (form_id_ok(name))
		return true;
	form_error(f, key, "`%.64s` is no name of a fact: letters, digits, `_`, `.` and `-`", name);
	return false;
}

/* Facts that cordon itself reads must be of their kind. */
static bool fact_value_ok(struct form *f, const char *name, const struct yaml_node *value, const char *text)
{
	uint32_t number;

	if (strcmp(name, "vlan") == 0 && (!number_parse(text, 4094, &number) || text[1] == 'x')) {
		form_error(f, value, "a vlan is a number from 0 to 4094, not `%.64s`", text);
		return false;
	}
	if (strcmp(name, "trust") == 0 && !number_parse(text, 100, &number)) {
		form_error(f, value, "trust is a number from 0 to 100, not `%.64s`", text);
		return false;
	}
	if (strcmp(name, "proof") == 0 && form_find(&proof_words, text) < 0) {
		form_error(f, value, "`%.64s` is not a proof; expected one of mac, dhcp, dot1x, cert", text);
		return false;
	}
	return true;
}

struct fact_list {
	struct fact *items;
	size_t n;
	const char *name;
};

static void add_fact(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct fact_list *list = field;
	const char *text = form_scalar(f, value, "the value of a fact");
	struct fact *fact;

	(void)arg;
	if (!text || !fact_value_ok(f, list->name, value, text))
		return;
	fact = form_add(f, &list->items, &list->n, sizeof(*fact));
	if (!fact)
		return;
	fact->place = place_of(parser_of(f), value);
	fact->name = form_copy(f, list->name);
	fact->value = form_copy(f, text);
}

void parse_facts(struct parser *p, const struct yaml_node *value, struct fact **items, size_t *n)
{
	const struct yaml_tree *tree = p->form.tree;
	struct fact_list list = {.items = *items, .n = *n};

	if (!form_is(&p->form, value, YAML_MAPPING, "facts"))
		return;
	for (const struct yaml_node *k = yaml_first(tree, value); k; k = yaml_next(tree, k)) {
		if (!fact_name_ok(&p->form, k))
			continue;
		list.name = yaml_text(tree, k);
		form_each(&p->form, yaml_value(tree, k), "the value of a fact", add_fact, &list, NULL);
	}
	*items = list.items;
	*n = list.n;
}

static const char *const operators[POLICY_OP_COUNT] = {
#define X(id, text) [POLICY_OP_##id] = text,
	POLICY_OPERATORS(X)
#undef X
};

/* The table has ">=" before ">" so that the longer one is tried first. */
static enum policy_operator find_operator(const char *text)
{
	for (int op = POLICY_OP_IS + 1; op < POLICY_OP_COUNT; op++)
		if (strncmp(text, operators[op], strlen(operators[op])) == 0)
			return (enum policy_operator)op;
	return POLICY_OP_IS;
}

static const char *operand(const char *text, enum policy_operator op)
{
	text += strlen(operators[op]);
	return text + strspn(text, " ");
}

static bool operand_ok(struct form *f, const struct yaml_node *value, enum policy_operator op, const char *text)
{
	uint64_t seconds;

	if (!*text)
		form_error(f, value, "`%s` needs something to compare with", operators[op]);
	else if (op == POLICY_OP_FRESH && !duration_parse(text, &seconds))
		form_error(f, value, "expected an age like fresh:24h, not `fresh:%.64s`", text);
	else if (op >= POLICY_OP_GE && op <= POLICY_OP_LT && !text[strcspn(text, "0123456789")])
		form_error(f, value, "`%s` compares numbers and versions, and `%.64s` is neither", operators[op], text);
	else
		return true;
	return false;
}

static void add_value(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct condition *c = field;
	const char *text = form_scalar(f, value, "a test of a fact");
	enum policy_operator op;
	char **item;

	(void)arg;
	if (!text)
		return;
	op = find_operator(text);
	if (c->n_values > 0 && (op != POLICY_OP_IS || c->op != POLICY_OP_IS)) {
		form_error(f, value, "a list means any of its values; `%s` cannot stand in one with others",
			   operators[op != POLICY_OP_IS ? op : c->op]);
		return;
	}
	text = operand(text, op);
	if (!operand_ok(f, value, op, text))
		return;
	c->op = op;
	item = form_add(f, &c->values, &c->n_values, sizeof(*item));
	if (item)
		*item = form_copy(f, text);
}

void parse_conditions(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct conditions *list = field;

	(void)arg;
	if (!form_is(f, value, YAML_MAPPING, "tests of facts"))
		return;
	if (!yaml_first(f->tree, value))
		form_error(f, value, "no test at all; expected at least one, {type: camera}");
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		struct condition *c;

		if (!fact_name_ok(f, k))
			continue;
		c = form_add(f, &list->items, &list->n, sizeof(*c));
		if (!c)
			return;
		c->place = place_of(parser_of(f), k);
		c->fact = form_copy(f, yaml_text(f->tree, k));
		form_each(f, yaml_value(f->tree, k), "a test of a fact", add_value, c, NULL);
	}
}
