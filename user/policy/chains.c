/* SPDX-License-Identifier: Apache-2.0 */
#include "chains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "windows.h"

int chains_init(struct chains *x, struct compile *c)
{
	x->c = c;
	x->width = c->image->head.service_classes;
	x->tally = calloc(x->width, sizeof(*x->tally));
	return x->tally ? 0 : -ENOMEM;
}

void chains_done(struct chains *x)
{
	intern_done(&x->verdicts);
	free(x->tally);
	free(x->timed);
}

void chains_begin(struct chains *x)
{
	memset(x->tally, 0xff, x->width * sizeof(*x->tally));
	x->n_timed = 0;
}

static enum kind rule_kind(const struct rule *rule)
{
	if (!rule->deny)
		return ALLOW;
	return rule->mode == CORDON_MODE_AUDIT ? AUDIT : DENY;
}

static int timed_add(struct chains *x, struct tally *tally, uint32_t rule)
{
	int r = array_reserve(&x->timed, &x->capacity, x->n_timed + 1, sizeof(*x->timed));

	if (r < 0)
		return r;
	x->timed[x->n_timed] = (struct timed){rule, tally->timed};
	tally->timed = (uint32_t)x->n_timed++;
	return 0;
}

int chains_tally(struct chains *x, uint32_t class, uint32_t rule)
{
	struct tally *tally = &x->tally[class];
	enum kind kind = rule_kind(&x->c->policy->rules[rule]);

	if (tally->always[kind] != CORDON_RULE_NONE)
		return 0;
	if (x->c->image->rules[rule].window != CORDON_WINDOW_ALWAYS)
		return timed_add(x, tally, rule);
	tally->always[kind] = rule;
	return 0;
}

/* What may be said of one service class, in order of precedence. */
struct chain {
	struct verdict links[CORDON_CHAIN_MAX];
	size_t n;
	uint32_t rules[KINDS][CORDON_CHAIN_MAX]; /* in file order, ending with one that always holds */
	size_t n_rules[KINDS];
};

static int chain_refuse(struct chains *x, uint32_t rule, size_t needed)
{
	char advice[200];

	snprintf(advice, sizeof(advice), "rule %.80s is one of many that speak of the same flows at different times: join some of them, or their schedules",
		 x->c->policy->rules[rule].id);
	return compile_refuse(x->c, "verdicts at different times for one service", needed, CORDON_CHAIN_MAX, advice);
}

static int chain_add(struct chains *x, struct chain *chain, uint32_t rule, uint16_t window, uint8_t action, uint8_t flags)
{
	if (chain->n >= CORDON_CHAIN_MAX)
		return chain_refuse(x, rule, chain->n + 1);
	chain->links[chain->n++] =
		(struct verdict){.rule = rule, .next = CORDON_CHAIN_END, .window = window, .action = action, .flags = flags};
	return 0;
}

static int chain_gather(struct chains *x, const struct tally *t, struct chain *chain)
{
	size_t at[KINDS] = {0};

	for (uint32_t i = t->timed; i != CORDON_RULE_NONE; i = x->timed[i].before)
		chain->n_rules[rule_kind(&x->c->policy->rules[x->timed[i].rule])]++;
	for (int kind = 0; kind < KINDS; kind++) {
		at[kind] = chain->n_rules[kind];
		chain->n_rules[kind] += t->always[kind] != CORDON_RULE_NONE;
		if (chain->n_rules[kind] > CORDON_CHAIN_MAX)
			return chain_refuse(x, x->timed[t->timed].rule, chain->n_rules[kind]);
		if (t->always[kind] != CORDON_RULE_NONE)
			chain->rules[kind][at[kind]] = t->always[kind];
	}
	for (uint32_t i = t->timed; i != CORDON_RULE_NONE; i = x->timed[i].before) {
		int kind = rule_kind(&x->c->policy->rules[x->timed[i].rule]);

		chain->rules[kind][--at[kind]] = x->timed[i].rule;
	}
	return 0;
}

/*
 * A deny in mode audit only weakens itself: it passes as would_deny what an allow lets through, and opens nothing that would
 * be closed without it. So it stands in the chain for each time at which some allow holds.
 */
static int audit_add(struct chains *x, struct chain *chain, uint32_t rule)
{
	uint16_t own = x->c->image->rules[rule].window;
	size_t n = chain->n_rules[ALLOW], last = n ? chain->rules[ALLOW][n - 1] : 0;
	int r = 0;

	if (n && x->c->image->rules[last].window == CORDON_WINDOW_ALWAYS)
		return chain_add(x, chain, rule, own, CORDON_ACTION_DENY, VERDICT_AUDIT);
	for (size_t i = 0; i < n && r >= 0; i++) {
		uint16_t both;

		r = window_both(x->c, own, x->c->image->rules[chain->rules[ALLOW][i]].window, &both);
		if (r >= 0)
			r = chain_add(x, chain, rule, both, CORDON_ACTION_DENY, VERDICT_AUDIT);
	}
	return r;
}

/* deny > allow > default, each cut after the first that always holds; what can be reached behind it are the later kinds. */
static int chain_make(struct chains *x, struct chain *chain)
{
	const struct image_rule *rules = x->c->image->rules;
	bool settled = false;
	int r = 0;

	for (size_t i = 0; i < chain->n_rules[DENY] && r >= 0; i++) {
		r = chain_add(x, chain, chain->rules[DENY][i], rules[chain->rules[DENY][i]].window, CORDON_ACTION_DENY, 0);
		settled |= rules[chain->rules[DENY][i]].window == CORDON_WINDOW_ALWAYS;
	}
	for (size_t i = 0; i < chain->n_rules[AUDIT] && chain->n_rules[ALLOW] && !settled && r >= 0; i++) {
		r = audit_add(x, chain, chain->rules[AUDIT][i]);
		settled |= rules[chain->rules[AUDIT][i]].window == CORDON_WINDOW_ALWAYS;
	}
	for (size_t i = 0; i < chain->n_rules[ALLOW] && !settled && r >= 0; i++)
		r = chain_add(x, chain, chain->rules[ALLOW][i], rules[chain->rules[ALLOW][i]].window, CORDON_ACTION_ALLOW, 0);
	return r;
}

static struct verdict verdict_always(const struct tally *t)
{
	if (t->always[DENY] != CORDON_RULE_NONE)
		return (struct verdict){.rule = t->always[DENY], .next = CORDON_CHAIN_END, .action = CORDON_ACTION_DENY};
	if (t->always[ALLOW] == CORDON_RULE_NONE)
		return (struct verdict){.rule = CORDON_RULE_NONE, .next = CORDON_CHAIN_END, .action = CORDON_ACTION_DEFAULT};
	if (t->always[AUDIT] != CORDON_RULE_NONE)
		return (struct verdict){.rule = t->always[AUDIT], .next = CORDON_CHAIN_END, .action = CORDON_ACTION_DENY, .flags = VERDICT_AUDIT};
	return (struct verdict){.rule = t->always[ALLOW], .next = CORDON_CHAIN_END, .action = CORDON_ACTION_ALLOW};
}

static bool opens(const struct verdict *v)
{
	return v->action == CORDON_ACTION_ALLOW || v->flags & VERDICT_AUDIT;
}

int chains_end(struct chains *x, uint32_t class, struct verdict *ret, bool *talks)
{
	const struct tally *t = &x->tally[class];
	struct chain chain = {.n = 0};
	int r = 0;

	*ret = verdict_always(t);
	if (t->timed != CORDON_RULE_NONE) {
		r = chain_gather(x, t, &chain);
		if (r >= 0)
			r = chain_make(x, &chain);
	}
	for (size_t i = chain.n; i-- > 0 && r >= 0;) {
		*talks |= opens(&chain.links[i]);
		if (i)
			r = intern_add(&x->verdicts, &chain.links[i], sizeof(chain.links[i]), &chain.links[i - 1].next);
	}
	if (r >= 0 && chain.n)
		*ret = chain.links[0];
	*talks |= opens(ret);
	return r;
}
