/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gains and who loses reach. Ends that neither policy tells apart stand in one group, services likewise; only pairs of
 * groups that a rule of either policy names are compared. What comes out alike is then told together.
 */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"

#define DIFF_MAX_PAIRS (16u << 20)

static void work_done(struct diff_work *w)
{
	groups_done(&w->ends);
	intern_done(&w->services);
	intern_done(&w->meetings);
	for (size_t i = 0; w->names && i < w->sets.n; i++)
		free((char *)w->names[i]);
	intern_done(&w->sets);
	intern_done(&w->whens);
	free(w->names);
	free(w->meeting_deltas);
	free(w->deltas);
	lists_done(&w->by_old);
	lists_done(&w->by_new);
	free(w->spans);
	free(w->pairs);
	free(w->changes);
}
#define _cleanup_work_ __attribute__((cleanup(work_done)))

static int services_join(struct diff_work *w)
{
	const struct image *old = w->ends.old_image, *new = w->ends.new_image;
	int r = 0;

	for (uint32_t s = 0; s < CORDON_SERVICE_COUNT && r >= 0; s++) {
		uint32_t key[] = {old ? old->services[s] : 0, new->services[s]};

		if (s && (!old || old->services[s - 1] == key[0]) && new->services[s - 1] == key[1]) {
			w->spans[w->n_spans - 1].span.last = s;
			continue;
		}
		r = array_reserve(&w->spans, &w->span_capacity, w->n_spans + 1, sizeof(*w->spans));
		if (r < 0)
			return r;
		w->spans[w->n_spans].span = (struct span){s, s};
		r = intern_add(&w->services, key, sizeof(key), &w->spans[w->n_spans++].class);
	}
	return r;
}

/* A group stands under its class, and under the plainer one that may answer for it. */
static void group_classes(const struct diff_work *w, bool old, uint32_t g, uint32_t ret[2])
{
	const struct image *image = old ? w->ends.old_image : w->ends.new_image;

	ret[0] = old ? group_get(&w->ends, g)->old_class : group_get(&w->ends, g)->new_class;
	ret[1] = image ? image_plain_class(image, (uint16_t)ret[0]) : 0;
}

static int groups_index(const struct diff_work *w, bool old, size_t n_classes, struct lists *ret)
{
	uint32_t n = (uint32_t)w->ends.groups.n, classes[2];
	int r = lists_init(ret, (uint32_t)n_classes);

	for (int put = 0; put < 2 && r >= 0; put++) {
		for (uint32_t g = 0; g < n; g++) {
			group_classes(w, old, g, classes);
			for (int i = 0; i < (classes[1] ? 2 : 1); i++)
				(put ? lists_put(ret, classes[i], g) : lists_count(ret, classes[i]));
		}
		if (!put)
			r = lists_ready(ret);
	}
	return r;
}

static int pairs_collect(struct diff_work *w, const struct image *image, const struct lists *by_class)
{
	size_t n_from, n_to;

	for (size_t i = 0; image && i < image->n_pairs; i++) {
		const uint32_t *from = lists_get(by_class, image->pairs[i].key.from, &n_from);
		const uint32_t *to = lists_get(by_class, image->pairs[i].key.to, &n_to);
		int r;

		if (!image->pairs[i].key.to) /* leads to a plainer class */
			continue;
		if (w->n_pairs + n_from * n_to > DIFF_MAX_PAIRS)
			return -E2BIG;
		r = array_reserve(&w->pairs, &w->pair_capacity, w->n_pairs + n_from * n_to, sizeof(*w->pairs));
		if (r < 0)
			return r;
		for (size_t f = 0; f < n_from; f++)
			for (size_t t = 0; t < n_to; t++)
				w->pairs[w->n_pairs++] = (uint64_t)from[f] << 32 | to[t];
	}
	return 0;
}

static int pair_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void pairs_sort(struct diff_work *w)
{
	size_t kept = 0;

	if (w->n_pairs)
		qsort(w->pairs, w->n_pairs, sizeof(*w->pairs), pair_compare);
	for (size_t i = 0; i < w->n_pairs; i++)
		if (!kept || w->pairs[kept - 1] != w->pairs[i])
			w->pairs[kept++] = w->pairs[i];
	w->n_pairs = kept;
}

/* What a pair says of one service: the widest verdict of all times and its rule, and the words for when, 0: always the same. */
struct reach {
	enum cordon_verdict verdict;
	uint32_t rule;
	uint32_t when;
	bool ruled;
};

static bool is_wider(enum cordon_verdict a, enum cordon_verdict b)
{
	static const int width[] = {[CORDON_VERDICT_ALLOW] = 2, [CORDON_VERDICT_WOULD_DENY] = 1, [CORDON_VERDICT_DENY] = 0};

	return width[a] > width[b];
}

static int when_add(struct buf *b, const struct image *image, const struct verdict *link, enum cordon_verdict verdict)
{
	_cleanup_free_ char *when = link->window == CORDON_WINDOW_ALWAYS ? NULL : image_window_text(image, link->window);

	if (link->window == CORDON_WINDOW_ALWAYS)
		return buf_addf(b, "%s", verdict_words[verdict]);
	return when ? buf_addf(b, "%s %s, else ", verdict_words[verdict], when) : -ENOMEM;
}

/* The chain link by link, each in the words of verdicts under this mode. */
static int reach_of(struct diff_work *w, const struct image *image, const struct verdict *row, uint32_t class, enum cordon_mode mode,
		    struct reach *ret)
{
	static const struct verdict none = {.rule = CORDON_RULE_NONE, .next = CORDON_CHAIN_END, .action = CORDON_ACTION_DEFAULT};
	const struct verdict *link = row ? &row[class] : &none;
	_cleanup_buf_ struct buf text = {0};
	int r = 0;

	*ret = (struct reach){.verdict = verdict_under(*link, mode), .rule = link->rule, .ruled = link->action != CORDON_ACTION_DEFAULT};
	if (link->window == CORDON_WINDOW_ALWAYS)
		return 0;
	for (;;) {
		enum cordon_verdict verdict = verdict_under(*link, mode);

		r = when_add(&text, image, link, verdict);
		if (r < 0)
			return r;
		if (is_wider(verdict, ret->verdict)) {
			ret->verdict = verdict;
			ret->rule = link->rule;
		}
		if (link->window == CORDON_WINDOW_ALWAYS)
			break;
		link = link->next == CORDON_CHAIN_END ? &none : &image->verdicts[link->next];
	}
	r = intern_add(&w->whens, buf_text(&text), text.size, &ret->when);
	ret->when++;
	return r;
}

static enum cordon_mode stricter(uint32_t from, uint32_t to, enum cordon_mode site)
{
	if (from == MODE_NONE && to == MODE_NONE)
		return site;
	if (from == MODE_NONE || to == MODE_NONE)
		return from == MODE_NONE ? to : from;
	return from > to ? from : to;
}

static int set_of(struct diff_work *w, const uint32_t *items, size_t n, uint32_t *ret)
{
	return intern_add(&w->sets, items, n * sizeof(*items), ret);
}

static int change_add(struct diff_work *w, struct change change)
{
	int r = array_reserve(&w->changes, &w->change_capacity, w->n_changes + 1, sizeof(*w->changes));

	if (r >= 0)
		w->changes[w->n_changes++] = change;
	return r;
}

/* What becomes of one service class. */
struct outcome {
	uint32_t before, after, rule, when_before, when_after;
};

static bool outcome_same(const struct outcome *a, const struct outcome *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool outcome_changes(const struct outcome *o)
{
	return o->before != o->after || o->when_before != o->when_after;
}

/* The service classes with the outcome of the first one left, as one delta; those taken are struck out. */
static int delta_take(struct diff_work *w, struct outcome *outcomes, uint32_t first)
{
	_cleanup_ids_ struct ids services = {0};
	struct outcome outcome = outcomes[first];
	struct delta delta = {.before = outcome.before, .after = outcome.after, .rule = outcome.rule,
			      .when_before = outcome.when_before, .when_after = outcome.when_after};
	int r = array_reserve(&w->deltas, &w->delta_capacity, w->n_deltas + 1, sizeof(*w->deltas));

	for (uint32_t s = first; s < w->services.n && r >= 0; s++) {
		if (!outcome_same(&outcomes[s], &outcome))
			continue;
		r = ids_add(&services, s);
		outcomes[s] = (struct outcome){0};
	}
	if (r >= 0)
		r = set_of(w, services.items, services.n, &delta.services);
	if (r >= 0)
		w->deltas[w->n_deltas++] = delta;
	return r;
}

/* All that differs between two rows under their modes. */
static int meeting_compare(struct diff_work *w, const struct verdict *old_row, const struct verdict *new_row, const struct meeting *m)
{
	_cleanup_free_ struct outcome *outcomes = calloc(w->services.n, sizeof(*outcomes));
	size_t n;
	int r = outcomes ? 0 : -ENOMEM;

	for (uint32_t s = 0; s < w->services.n && r >= 0; s++) {
		const uint32_t *classes = intern_ids(&w->services, s, &n);
		struct reach before, after;

		r = reach_of(w, w->ends.old_image, old_row, classes[0], m->old_mode, &before);
		if (r >= 0)
			r = reach_of(w, w->ends.new_image, new_row, classes[1], m->new_mode, &after);
		/* If only the mode changed, diff_modes_name() says it once. */
		if (r >= 0 && (before.ruled || after.ruled))
			outcomes[s] = (struct outcome){before.verdict, after.verdict, after.rule, before.when, after.when};
	}
	for (uint32_t s = 0; s < w->services.n && r >= 0; s++)
		if (outcome_changes(&outcomes[s]))
			r = delta_take(w, outcomes, s);
	return r;
}

static uint32_t row_number(const struct image *image, const struct verdict *row)
{
	return row ? (uint32_t)((size_t)(row - image->verdicts) / image->head.service_classes) : UINT32_MAX;
}

/* Many pairs meet by the same two rows and modes: these are compared once. */
static int meeting_find(struct diff_work *w, const struct group *f, const struct group *t, uint32_t *ret)
{
	const struct diff *x = &w->ends;
	const struct verdict *old_row = x->old_image ? image_row(x->old_image, (uint16_t)f->old_class, (uint16_t)t->old_class) : NULL;
	const struct verdict *new_row = image_row(x->new_image, (uint16_t)f->new_class, (uint16_t)t->new_class);
	struct meeting m = {
		.old_row = row_number(x->old_image, old_row),
		.new_row = row_number(x->new_image, new_row),
		.old_mode = x->old ? stricter(f->old_mode, t->old_mode, x->old->site_mode) : CORDON_MODE_ENFORCE,
		.new_mode = stricter(f->new_mode, t->new_mode, x->new->site_mode),
	};
	size_t known = w->meetings.n;
	int r = intern_add(&w->meetings, &m, sizeof(m), ret);

	if (r < 0 || w->meetings.n == known)
		return r;
	r = array_reserve(&w->meeting_deltas, &w->meeting_capacity, w->meetings.n + 1, sizeof(*w->meeting_deltas));
	if (r >= 0)
		r = meeting_compare(w, old_row, new_row, &m);
	if (r >= 0)
		w->meeting_deltas[w->meetings.n] = w->n_deltas;
	return r;
}

static int pair_compare_verdicts(struct diff_work *w, uint32_t from, uint32_t to)
{
	uint32_t meeting, from_set, to_set;
	int r = meeting_find(w, group_get(&w->ends, from), group_get(&w->ends, to), &meeting);

	if (r < 0 || w->meeting_deltas[meeting] == w->meeting_deltas[meeting + 1])
		return r;
	r = set_of(w, &from, 1, &from_set);
	if (r >= 0)
		r = set_of(w, &to, 1, &to_set);
	for (size_t i = w->meeting_deltas[meeting]; r >= 0 && i < w->meeting_deltas[meeting + 1]; i++)
		r = change_add(w, (struct change){from_set, to_set, w->deltas[i]});
	return r;
}

static int pairs_compare(struct diff_work *w)
{
	int r = 0;

	for (size_t i = 0; i < w->n_pairs && r >= 0; i++)
		r = pair_compare_verdicts(w, (uint32_t)(w->pairs[i] >> 32), (uint32_t)w->pairs[i]);
	return r;
}

/* Told together: changes that are alike but for one side. Twice: first for `to`, then for `from`. */
static int changes_join(struct diff_work *w, bool join_to)
{
	struct intern kinds = {0};
	struct ids *joined = calloc(w->n_changes + 1, sizeof(*joined));
	uint32_t kind, n = 0;
	size_t n_items;
	int r = joined ? 0 : -ENOMEM;

	for (size_t i = 0; i < w->n_changes && r >= 0; i++) {
		struct change key = w->changes[i];
		uint32_t set = join_to ? key.to : key.from;
		const uint32_t *items = intern_ids(&w->sets, set, &n_items);

		*(join_to ? &key.to : &key.from) = 0;
		r = intern_add(&kinds, &key, sizeof(key), &kind);
		if (r >= 0)
			r = ids_add_all(&joined[kind], items, n_items);
		if (r >= 0 && kind == n)
			w->changes[n++] = key;
	}
	w->n_changes = n;
	for (uint32_t i = 0; i < n && r >= 0; i++) {
		ids_sort(&joined[i]);
		r = set_of(w, joined[i].items, joined[i].n, join_to ? &w->changes[i].to : &w->changes[i].from);
	}
	for (uint32_t i = 0; joined && i < n; i++)
		ids_done(&joined[i]);
	free(joined);
	intern_done(&kinds);
	return r;
}

static int work_run(struct diff_work *w)
{
	const struct image *old = w->ends.old_image, *new = w->ends.new_image;
	int r = groups_make(&w->ends);

	if (r >= 0)
		r = services_join(w);
	if (r >= 0)
		r = groups_index(w, true, old ? old->n_classes : 1, &w->by_old);
	if (r >= 0)
		r = groups_index(w, false, new->n_classes, &w->by_new);
	if (r >= 0)
		r = pairs_collect(w, old, &w->by_old);
	if (r >= 0)
		r = pairs_collect(w, new, &w->by_new);
	if (r < 0)
		return r;
	pairs_sort(w);
	r = pairs_compare(w);
	if (r >= 0)
		r = changes_join(w, true);
	return r < 0 ? r : changes_join(w, false);
}

int policy_diff(const struct policy *old, const struct image *old_image, const struct policy *new,
		const struct image *new_image, struct reach_diff *ret)
{
	_cleanup_work_ struct diff_work w = {
		.ends = {.old = old, .new = new, .old_image = old ? old_image : NULL, .new_image = new_image},
	};
	struct reach_diff changes = {0};
	size_t capacity = 0;
	int r = work_run(&w);

	if (r >= 0)
		r = diff_changes_name(&w, &changes, &capacity);
	if (r >= 0 && old)
		r = diff_modes_name(&w, &changes, &capacity);
	if (r >= 0 && old)
		r = diff_limits_name(&w, &changes, &capacity);
	if (r < 0) {
		reach_diff_done(&changes);
		return r;
	}
	*ret = changes;
	return 0;
}
