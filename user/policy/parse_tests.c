/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "parse.h"

static const char *const verdict_names[] = {
#define X(id, word) word,
	CORDON_VERDICTS(X)
#undef X
};
static const struct form_words verdict_words = FORM_WORDS("a verdict", verdict_names);

static void parse_test_service(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_test *test = field;

	(void)arg;
	if (parse_service_one(parser_of(f), value, &test->service))
		form_text(f, value, &test->service_text, NULL);
}

/* `null` says that the default must decide. */
static void parse_test_rule(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_test *test = field;
	const char *text = yaml_text(f->tree, value);

	test->rule_given = true;
	if (!yaml_quoted(value) && yaml_node_kind(value) == YAML_SCALAR && (strcmp(text, "null") == 0 || strcmp(text, "~") == 0))
		return;
	parse_reference(f, value, &test->rule, arg);
}

static void parse_from_facts(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_test *test = field;

	(void)arg;
	parse_facts(parser_of(f), value, &test->facts, &test->n_facts);
}

static void parse_to_facts(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy_test *test = field;

	(void)arg;
	parse_facts(parser_of(f), value, &test->to_facts, &test->n_to_facts);
}

static const enum symbol_kind rule_kind = SYMBOL_RULE;

#define FIELD(name_) offsetof(struct policy_test, name_)
static const struct form_key test_keys[] = {
	{.name = "from", .parse = parse_peer_or_address, .offset = FIELD(from), .required = true},
	{.name = "to", .parse = parse_peer_or_address, .offset = FIELD(to), .required = true},
	{.name = "service", .parse = parse_test_service, .required = true},
	{.name = "expect", .parse = form_word, .offset = FIELD(expect), .arg = &verdict_words, .required = true},
	{.name = "rule", .parse = parse_test_rule, .arg = &rule_kind},
	{.name = "at", .parse = parse_time, .offset = FIELD(at)},
	{.name = "facts", .parse = parse_from_facts},
	{.name = "to_facts", .parse = parse_to_facts},
};
#undef FIELD
static const struct form_table test_table = FORM_TABLE("a test", test_keys);

void parse_tests(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct policy *policy = field;

	(void)arg;
	if (!form_is(f, value, YAML_SEQUENCE, "tests"))
		return;
	for (const struct yaml_node *item = form_first(f, value); item; item = form_next(f, item)) {
		struct policy_test *test = form_add(f, &policy->tests, &policy->n_tests, sizeof(*test));

		if (!test)
			return;
		test->rule = test->from.index = test->to.index = POLICY_NONE;
		test->place = place_of(parser_of(f), item);
		form_mapping(f, item, &test_table, test);
	}
}
