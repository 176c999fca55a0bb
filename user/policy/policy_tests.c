/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's own `tests:`. A segment stands for each of its devices, a device for each of its addresses: all must agree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "decide.h"
#include "ports.h"
#include "schedule.h"

struct run {
	const struct policy *policy;
	const struct image *image;
	const struct policy_test *test;
	int64_t at;
	struct diagnostics *d;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void test_fail(struct run *run, const char *format, ...)
{
	const struct place *place = &run->test->place;
	_cleanup_buf_ struct buf text = {0};
	va_list ap;

	va_start(ap, format);
	buf_vaddf(&text, format, ap);
	va_end(ap);
	run->failed = true;
	diagnostics_add(run->d, false, place->file < run->policy->n_files ? run->policy->files[place->file] : "policy", place->line,
			place->column, "%s", buf_text(&text));
}

/* " by no-lan (home.yaml:31)", or by what else */
static char *decider(const struct policy *policy, struct verdict verdict, enum cordon_mode mode)
{
	const struct rule *rule;

	if (mode == CORDON_MODE_OBSERVE)
		return strdup(" as mode observe evaluates nothing");
	if (verdict.rule >= policy->n_rules)
		return strdup(" by default");
	rule = &policy->rules[verdict.rule];
	return format_text(" by %s (%s:%u)", rule->id, rule->place.file < policy->n_files ? policy->files[rule->place.file] : "policy",
			   rule->place.line);
}

static char *expectation(const struct run *run)
{
	const struct policy_test *test = run->test;
	const char *verdict = verdict_words[test->expect];

	if (!test->rule_given)
		return strdup(verdict);
	if (test->rule >= run->policy->n_rules)
		return format_text("%s by default", verdict);
	return format_text("%s by %s", verdict, run->policy->rules[test->rule].id);
}

static bool rule_as_expected(const struct policy_test *test, struct verdict verdict, enum cordon_mode mode)
{
	uint32_t wanted = test->rule == POLICY_NONE ? CORDON_RULE_NONE : test->rule;

	return !test->rule_given || (mode == CORDON_MODE_OBSERVE ? CORDON_RULE_NONE : verdict.rule) == wanted;
}

static void one_fail(struct run *run, const struct end *from, const struct end *to, uint32_t service, struct verdict verdict,
		     enum cordon_mode mode)
{
	_cleanup_free_ char *expected = expectation(run), *by = decider(run->policy, verdict, mode);
	_cleanup_free_ char *a = end_name(from), *b = end_name(to);
	_cleanup_buf_ struct buf words = {0};

	service_format(&words, service);
	test_fail(run, "expected %s, got %s%s for %s -> %s %s", expected, verdict_words[verdict_under(verdict, mode)], by, a, b,
		  buf_text(&words));
}

/* Facts of a test change who matches what, so the classes of the image do not hold for it: the rules are asked one by one. */
static void one_run(struct run *run, const struct end *from, const struct end *to, uint32_t service)
{
	const struct policy_test *test = run->test;
	bool laid = test->n_facts || test->n_to_facts;
	struct moment moment = {run->policy, run->image, run->at};
	struct verdict verdict =
		laid ? rules_decide(&moment, from, to, service) : image_decide(run->image, from->class, to->class, service, run->at);
	enum cordon_mode mode = ends_mode(run->policy, from, to);

	if (verdict_under(verdict, mode) != test->expect || !rule_as_expected(test, verdict, mode))
		one_fail(run, from, to, service, verdict, mode);
}

static void pairs_run(struct run *run, const struct ends *from, const struct ends *to, uint32_t service)
{
	for (size_t f = 0; f < from->n && !run->failed; f++)
		for (size_t t = 0; t < to->n && !run->failed; t++)
			if (ends_can_meet(&from->items[f], &to->items[t]))
				one_run(run, &from->items[f], &to->items[t], service);
}

/* A range is tried with one service of each class that it touches. */
static int services_run(struct run *run, const struct ends *from, const struct ends *to)
{
	_cleanup_free_ bool *tried = calloc(run->image->head.service_classes, sizeof(*tried));
	struct span spans[SPANS_PER_RANGE] = {{0, CORDON_SERVICE_COUNT - 1}};
	size_t n = run->test->service.space == POLICY_SERVICE_ANY ? 1 : range_spans(&run->test->service, spans);

	if (!tried)
		return -ENOMEM;
	if (!n)
		test_fail(run, "%s cannot be tested: no rule about it is in force in this version", run->test->service_text);
	for (size_t i = 0; i < n; i++)
		for (uint32_t service = spans[i].first; service <= spans[i].last && !run->failed; service++) {
			uint16_t class = run->image->services[service];

			if (tried[class])
				continue;
			tried[class] = true;
			pairs_run(run, from, to, service);
		}
	return 0;
}

static bool any_can_meet(const struct ends *from, const struct ends *to)
{
	for (size_t f = 0; f < from->n; f++)
		for (size_t t = 0; t < to->n; t++)
			if (ends_can_meet(&from->items[f], &to->items[t]))
				return true;
	return false;
}

static int test_run(struct run *run)
{
	const struct policy_test *test = run->test;
	_cleanup_ends_ struct ends from = {0}, to = {0};
	_cleanup_free_ char *reason = NULL;
	int r = ends_of_peer(run->policy, run->image, &test->from, test->facts, test->n_facts, &from, &reason);

	if (r >= 0)
		r = ends_of_peer(run->policy, run->image, &test->to, test->to_facts, test->n_to_facts, &to, &reason);
	if (r == -ENOENT) {
		test_fail(run, "%s", reason ?: "an end of this test stands for nobody");
		return 0;
	}
	if (r < 0)
		return r;
	if (!any_can_meet(&from, &to)) {
		test_fail(run, "%s and %s have no address of the same family", test->from.text, test->to.text);
		return 0;
	}
	return services_run(run, &from, &to);
}

int policy_run_tests(const struct policy *policy, const struct image *image, int64_t now, struct diagnostics *d, size_t *ret_passed,
		     size_t *ret_failed)
{
	size_t failed = 0;
	int r;

	for (size_t i = 0; i < policy->n_tests; i++) {
		const char *at = policy->tests[i].at;
		struct run run = {.policy = policy, .image = image, .test = &policy->tests[i], .d = d};

		run.at = at ? zone_moment(image->zone, local_of_text(at)) : now;
		r = test_run(&run);
		if (r < 0)
			return r;
		failed += run.failed;
	}
	*ret_passed = policy->n_tests - failed;
	*ret_failed = failed;
	return 0;
}
