/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a question about one flow, resolved to two ends and a service.
 * Out: for explain*.c: words for ends and rules, and what to write so that the flow is allowed.
 * Never: seen outside this room.
 */
#ifndef CORDON_POLICY_EXPLAIN_H
#define CORDON_POLICY_EXPLAIN_H

#include "decide.h"

struct buf;

struct question {
	const struct policy *policy;
	const struct image *image;
	struct moment moment;
	struct end from, to;
	uint32_t service;
	const char *service_text;
	struct verdict verdict;
	enum cordon_mode mode;
	size_t others, differ; /* other flows that the words of the question stand for, and those judged otherwise */
};

/* Words to ends. -EINVAL with a diagnostic. */
int question_resolve(const struct explain_query *query, struct diagnostics *d, struct question *q);
/* "no-lan (home.yaml:31)" */
int rule_name_add(struct buf *b, const struct policy *policy, const struct rule *rule);
/* "segment:cameras -> segment:phones, segment:media deny any" */
int rule_text_add(struct buf *b, const struct rule *rule);
/* What to write to allow it; to free. -ENOMEM. */
int advice_make(const struct question *q, char **ret);

#endif
