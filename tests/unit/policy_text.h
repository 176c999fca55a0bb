/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy text, and words that stand in it.
 * Out: the model or the diagnostics; whether a diagnostic stands exactly where a word does.
 * Never: positions counted by hand.
 */
#ifndef CORDON_TESTS_POLICY_TEXT_H
#define CORDON_TESTS_POLICY_TEXT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "../../user/policy/policy.h"

/* Line and column, from 1, of the nth place (from 0) where `needle` stands. Column counts bytes: keep such texts ASCII. */
static inline void text_place(const char *text, const char *needle, int nth, uint32_t *line, uint32_t *column)
{
	const char *at = strstr(text, needle);

	while (nth-- > 0 && at)
		at = strstr(at + 1, needle);
	cr_assert(at, "the test's text has no `%s`", needle);
	*line = *column = 1;
	for (const char *s = text; s < at; s++) {
		*column = *s == '\n' ? 1 : *column + 1;
		*line += *s == '\n';
	}
}

/* A diagnostic of `file` at the nth `needle` of `text` whose message has `words`. */
static inline bool text_told(const struct diagnostics *d, const char *file, const char *text, const char *needle, int nth, bool warning,
			     const char *words)
{
	uint32_t line, column;

	text_place(text, needle, nth, &line, &column);
	for (size_t i = 0; i < d->n; i++) {
		const struct diagnostic *e = &d->items[i];

		if (e->line == line && e->column == column && e->warning == warning && strcmp(e->file, file) == 0 && strstr(e->message, words))
			return true;
	}
	fprintf(stderr, "nothing at %s:%u:%u with `%s` among:\n", file, line, column, words);
	diagnostics_print(d, stderr);
	return false;
}

static inline int text_parse(const char *text, struct diagnostics *d, struct policy **ret)
{
	struct policy_source source = {.name = "p.yaml", .text = text, .size = strlen(text)};

	*d = (struct diagnostics){0};
	*ret = NULL;
	return policy_parse(&source, 1, d, ret);
}

/* The model of a text without a mistake. */
static inline struct policy *text_policy(const char *text)
{
	struct diagnostics d;
	struct policy *policy;
	int r = text_parse(text, &d, &policy);

	if (r)
		diagnostics_print(&d, stderr);
	cr_assert_eq(r, 0);
	diagnostics_done(&d);
	return policy;
}

/* `text` has one mistake, told at the nth `needle` with `words`, and no other. */
#define refuses_at(text, needle, nth, words) \
	do { \
		struct diagnostics d_; \
		struct policy *policy_; \
		int r_ = text_parse(text, &d_, &policy_); \
		cr_assert_eq(r_, -22, "%d for:\n%s", r_, text); \
		cr_assert(text_told(&d_, "p.yaml", text, needle, nth, false, words), "in:\n%s", text); \
		if (d_.errors != 1) \
			diagnostics_print(&d_, stderr); \
		cr_assert_eq(d_.errors, 1, "%zu errors for:\n%s", d_.errors, text); \
		diagnostics_done(&d_); \
	} while (0)
#define refuses(text, needle, words) refuses_at(text, needle, 0, words)

/* `text` is accepted with a warning at `needle`. */
#define warns(text, needle, words) \
	do { \
		struct diagnostics d_; \
		struct policy *policy_; \
		int r_ = text_parse(text, &d_, &policy_); \
		if (r_) \
			diagnostics_print(&d_, stderr); \
		cr_assert_eq(r_, 0, "%d for:\n%s", r_, text); \
		cr_assert(text_told(&d_, "p.yaml", text, needle, 0, true, words), "in:\n%s", text); \
		diagnostics_done(&d_); \
		policy_free(policy_); \
	} while (0)

#endif
