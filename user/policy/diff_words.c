/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of reach in words. */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"

#define SPANS_NAMED 12 /* ranges written out before the rest is counted */

/* The spans of the service space whose class is in the set (or is not), neighbours as one. */
static int spans_select(const struct diff_work *w, const uint32_t *set, size_t n_set, bool in, struct span **ret, size_t *ret_n)
{
	struct span *spans = calloc(w->n_spans + 1, sizeof(*spans));
	size_t n = 0;

	if (!spans)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_spans; i++) {
		if (ids_have(set, n_set, w->spans[i].class) != in)
			continue;
		if (n && spans[n - 1].last + 1 == w->spans[i].span.first)
			spans[n - 1].last = w->spans[i].span.last;
		else
			spans[n++] = w->spans[i].span;
	}
	*ret = spans;
	*ret_n = n;
	return 0;
}

/* "tcp/443"; what holds for all that no rule names is told by what it is not: "any but tcp/443". */
static char *services_name(const struct diff_work *w, uint32_t services)
{
	_cleanup_free_ struct span *spans = NULL;
	_cleanup_buf_ struct buf text = {0};
	uint32_t unnamed[] = {0, 0};
	size_t n, n_spans = 0;
	const uint32_t *set = intern_ids(&w->sets, services, &n);
	bool rest = ids_have(set, n, intern_find(&w->services, unnamed, sizeof(unnamed)));
	int r = spans_select(w, set, n, !rest, &spans, &n_spans);

	if (r >= 0)
		r = spans_format(&text, spans, n_spans, SPANS_NAMED);
	if (r < 0)
		return NULL;
	if (!rest)
		return strdup(buf_text(&text));
	return n_spans ? format_text("any but %s", buf_text(&text)) : strdup("any");
}

static int reach_add(struct reach_diff *to, size_t *capacity, struct reach_change change)
{
	int r = array_reserve(&to->items, capacity, to->n + 1, sizeof(*to->items));

	if (r >= 0)
		to->items[to->n++] = change;
	if (r >= 0 && (!change.from || !change.to || !change.service))
		r = -ENOMEM;
	return r;
}

static char *set_name(struct diff_work *w, uint32_t set)
{
	size_t n;
	const uint32_t *groups = intern_ids(&w->sets, set, &n);

	if (!w->names)
		w->names = calloc(w->sets.n, sizeof(*w->names));
	if (w->names && !w->names[set])
		w->names[set] = groups_name(&w->ends, groups, n);
	return w->names && w->names[set] ? strdup(w->names[set]) : NULL;
}

/* NULL for 0. */
static char *when_name(const struct diff_work *w, uint32_t when)
{
	size_t size;
	const char *text = when ? intern_data(&w->whens, when - 1, &size) : NULL;

	return text ? strndup(text, size) : NULL;
}

int diff_changes_name(struct diff_work *w, struct reach_diff *ret, size_t *capacity)
{
	int r = 0;

	for (size_t i = 0; i < w->n_changes && r >= 0; i++) {
		const struct change *change = &w->changes[i];
		const struct delta *delta = &change->delta;
		bool ruled = delta->rule < w->ends.new->n_rules;

		r = reach_add(ret, capacity, (struct reach_change){
			.from = set_name(w, change->from),
			.to = set_name(w, change->to),
			.service = services_name(w, delta->services),
			.before = (enum cordon_verdict)delta->before,
			.after = (enum cordon_verdict)delta->after,
			.when_before = when_name(w, delta->when_before),
			.when_after = when_name(w, delta->when_after),
			.rule = ruled ? strdup(w->ends.new->rules[delta->rule].id) : NULL,
		});
	}
	return r;
}

/* A change of mode alone: what happens to all that no rule allows. One line for each change of mode. */
static int mode_compare(const struct diff_work *w, uint32_t old_mode, uint32_t new_mode, struct reach_diff *ret, size_t *capacity)
{
	static const struct verdict none = {.rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
	enum cordon_verdict before = verdict_under(none, old_mode), after = verdict_under(none, new_mode);
	_cleanup_ids_ struct ids groups = {0};
	int r = 0;

	for (uint32_t g = 0; g < w->ends.groups.n && r >= 0; g++) {
		const struct group *group = group_get(&w->ends, g);

		if (group->old_mode == old_mode && group->new_mode == new_mode)
			r = ids_add(&groups, g);
	}
	if (r < 0 || !groups.n || before == after)
		return r;
	return reach_add(ret, capacity, (struct reach_change){
		.from = groups_name(&w->ends, groups.items, groups.n),
		.to = strdup("any, and back"),
		.service = strdup("what no rule allows"),
		.before = before,
		.after = after,
	});
}

int diff_modes_name(const struct diff_work *w, struct reach_diff *ret, size_t *capacity)
{
	int r = 0;

	for (uint32_t old_mode = 0; old_mode < CORDON_MODE_COUNT && r >= 0; old_mode++)
		for (uint32_t new_mode = 0; new_mode < CORDON_MODE_COUNT && r >= 0; new_mode++)
			if (old_mode != new_mode)
				r = mode_compare(w, old_mode, new_mode, ret, capacity);
	return r;
}

/* No verdict of a flow changes, so both are ALLOW; `service` tells what does. */
static int limits_compare(const struct diff_work *w, uint32_t index, struct reach_diff *ret, size_t *capacity)
{
	size_t size;
	const struct limits_change *change = intern_data(&w->ends.limits, index, &size);
	_cleanup_ids_ struct ids groups = {0};
	_cleanup_buf_ struct buf text = {0};
	int r = buf_addf(&text, "limits: ");

	if (r >= 0)
		r = limits_add_text(&text, &change->before);
	if (r >= 0)
		r = buf_addf(&text, " -> ");
	if (r >= 0)
		r = limits_add_text(&text, &change->after);
	for (uint32_t g = 0; g < w->ends.groups.n && r >= 0; g++)
		if (group_get(&w->ends, g)->limits == index + 1)
			r = ids_add(&groups, g);
	if (r < 0)
		return r;
	return reach_add(ret, capacity, (struct reach_change){
		.from = groups_name(&w->ends, groups.items, groups.n),
		.to = strdup("any, and back"),
		.service = strdup(buf_text(&text)),
		.before = CORDON_VERDICT_ALLOW,
		.after = CORDON_VERDICT_ALLOW,
	});
}

int diff_limits_name(const struct diff_work *w, struct reach_diff *ret, size_t *capacity)
{
	int r = 0;

	for (uint32_t i = 0; i < w->ends.limits.n && r >= 0; i++)
		r = limits_compare(w, i, ret, capacity);
	return r;
}

void reach_diff_done(struct reach_diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].from);
		free(d->items[i].to);
		free(d->items[i].service);
		free(d->items[i].rule);
		free(d->items[i].when_before);
		free(d->items[i].when_after);
	}
	free(d->items);
	*d = (struct reach_diff){0};
}
