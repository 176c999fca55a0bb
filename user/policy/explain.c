/* SPDX-License-Identifier: Apache-2.0 */
/* The decision about a new flow, step by step in the order of the language: denies, allows, the default, the modes. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "explain.h"
#include "limits.h"
#include "ports.h"

#define STEPS 7

/* Takes the texts over, also when it fails. */
static int step_add(struct explanation *e, const char *stage, char *result, char *detail)
{
	struct explain_step *step = &e->steps[e->n_steps++];

	*step = (struct explain_step){.stage = strdup(stage), .result = result, .detail = detail};
	return step->stage && result && detail ? 0 : -ENOMEM;
}

static const char *file_of(const struct policy *policy, const struct place *place)
{
	return place->file < policy->n_files ? policy->files[place->file] : "policy";
}

int rule_name_add(struct buf *b, const struct policy *policy, const struct rule *rule)
{
	return buf_addf(b, "%s (%s:%u)", rule->id, file_of(policy, &rule->place), rule->place.line);
}

static int peers_add(struct buf *b, const struct peers *peers)
{
	int r = 0;

	for (size_t i = 0; i < peers->n && r >= 0; i++)
		r = buf_addf(b, "%s%s", i ? ", " : "", peers->items[i].text);
	return r;
}

int rule_text_add(struct buf *b, const struct rule *rule)
{
	int r = peers_add(b, &rule->from);

	if (r >= 0)
		r = buf_addf(b, " -> ");
	if (r >= 0)
		r = peers_add(b, &rule->to);
	return r < 0 ? r : buf_addf(b, " %s %s", rule->deny ? "deny" : "allow", rule->services.text ?: "");
}

/* "; no-lan (home.yaml:31): segment:a -> segment:b deny any, REMARK" */
static int rule_line_add(struct buf *b, const struct question *q, const struct rule *rule, const char *remark)
{
	int r = buf_addf(b, "%s", b->size ? "; " : "");

	if (r >= 0)
		r = rule_name_add(b, q->policy, rule);
	if (r >= 0)
		r = buf_addf(b, ": ");
	if (r >= 0)
		r = rule_text_add(b, rule);
	return r < 0 || !remark ? r : buf_addf(b, ", %s", remark);
}

static char *end_text(const struct question *q, const struct end *end)
{
	_cleanup_free_ char *name = end_name(end);

	if (!name)
		return NULL;
	if (end->kind == END_DEVICE)
		return format_text("%s [segment %s, class %u]", name, q->policy->segments[end->segment].id, end->class);
	return format_text("%s [class %u]", name, end->class);
}

static int step_devices(const struct question *q, struct explanation *e)
{
	_cleanup_buf_ struct buf detail = {0};
	int r = buf_addf(&detail, "%s -> %s", e->from, e->to);

	if (r >= 0 && q->others)
		r = buf_addf(&detail, "; the question stands for %zu more, %zu of them judged otherwise", q->others, q->differ);
	for (int i = 0; i < 2 && r >= 0; i++) {
		const struct end *end = i ? &q->to : &q->from;

		if (end->device && q->policy->segments[end->device->segment].auth)
			r = buf_addf(&detail, "; %s once it has authenticated", end->device->id);
	}
	return step_add(e, "devices", strdup("found"), r < 0 ? NULL : strdup(buf_text(&detail)));
}

static int step_quarantine(struct explanation *e)
{
	return step_add(e, "quarantine", strdup("no"), strdup("the answer is for devices that are not quarantined"));
}

/* The rules of one kind that match; the first of them is what the step is called by. */
struct matches {
	const struct rule *first;
	bool all_audit;
	struct buf lines;
};

/* "but it is outside schedule shift" */
static char *outside_text(const struct question *q, const struct rule *rule)
{
	uint16_t window = q->image->rules[rule - q->policy->rules].window;
	_cleanup_free_ char *when = image_window_text(q->image, window);

	if (q->moment.at == IMAGE_NO_TIME)
		return format_text("but the clock is not synchronised, and it holds only %s", when ?: "at some times");
	return format_text("but it holds only %s", when ?: "at some times");
}

static int matches_collect(const struct question *q, bool deny, struct matches *m)
{
	int r = 0;

	m->all_audit = true;
	for (size_t i = 0; i < q->policy->n_rules && r >= 0; i++) {
		const struct rule *rule = &q->policy->rules[i];
		struct rule_view view = rule_view(&q->moment, rule, &q->from, &q->to, q->service);
		bool audit = rule->mode == CORDON_MODE_AUDIT, applies = rule_applies(&view);

		if (rule->deny != deny)
			continue;
		if (applies) {
			if (!m->first || (m->all_audit && !audit))
				m->first = rule;
			m->all_audit &= audit;
			r = rule_line_add(&m->lines, q, rule, deny && audit ? "in mode audit" : NULL);
		} else if (view.from && view.to && view.service) {
			_cleanup_free_ char *time = view.closed ? outside_text(q, rule) : NULL;

			r = rule_line_add(&m->lines, q, rule, time ?: "but its `except` takes this flow out");
		}
	}
	return r;
}

static char *match_result(const struct matches *m, const char *suffix)
{
	return m->first ? format_text("MATCH %s%s", m->first->id, suffix) : strdup("no match");
}

static int step_deny(const struct question *q, struct explanation *e)
{
	struct matches m = {0};
	bool audit = q->verdict.flags & VERDICT_AUDIT;
	int r = matches_collect(q, true, &m);

	if (r >= 0)
		r = step_add(e, "deny rules", match_result(&m, audit ? " (audit)" : ""), strdup(buf_text(&m.lines)));
	buf_done(&m.lines);
	return r;
}

static int step_allow(const struct question *q, struct explanation *e)
{
	struct matches m = {0};
	bool beaten = q->verdict.action == CORDON_ACTION_DENY && !(q->verdict.flags & VERDICT_AUDIT);
	int r = matches_collect(q, false, &m);

	if (r >= 0)
		r = step_add(e, "allow rules", match_result(&m, beaten ? ", but deny beats allow" : ""), strdup(buf_text(&m.lines)));
	buf_done(&m.lines);
	return r;
}

static int step_default(const struct question *q, struct explanation *e)
{
	bool reached = q->verdict.action == CORDON_ACTION_DEFAULT;

	return step_add(e, "default", strdup(reached ? "deny" : "not reached"), strdup(reached ? "what no rule allows is denied" : ""));
}

static int end_mode_add(struct buf *b, const struct end *end)
{
	_cleanup_free_ char *name = end_name(end);

	if (!name)
		return -ENOMEM;
	return buf_addf(b, "%s%s: %s", b->size ? ", " : "", name, end->has_mode ? mode_words[end->mode] : "no mode of its own");
}

static int step_modes(const struct question *q, struct explanation *e)
{
	static const char *const effects[] = {
		[CORDON_MODE_OBSERVE] = "; the flow is only recorded",
		[CORDON_MODE_AUDIT] = "; what would be denied passes as would_deny",
		[CORDON_MODE_ENFORCE] = "",
	};
	_cleanup_buf_ struct buf detail = {0};
	int r = end_mode_add(&detail, &q->from);

	if (r >= 0)
		r = end_mode_add(&detail, &q->to);
	if (r >= 0 && !q->from.has_mode && !q->to.has_mode)
		r = buf_addf(&detail, "; the site decides");
	if (r >= 0)
		r = buf_addf(&detail, "%s", effects[q->mode]);
	return step_add(e, "modes", strdup(mode_words[q->mode]), r < 0 ? NULL : strdup(buf_text(&detail)));
}

static struct policy_limits end_limits(const struct question *q, const struct end *end)
{
	if (end->kind != END_DEVICE)
		return (struct policy_limits){0};
	if (!end->device)
		return q->policy->segments[end->segment].limits;
	return end->segment == POLICY_SEGMENT_UNAUTHENTICATED ? limits_unauthenticated(q->policy, end->device) : limits_of(q->policy, end->device);
}

static int end_limits_add(struct buf *b, const struct question *q, const struct end *end)
{
	struct policy_limits limits = end_limits(q, end);
	_cleanup_free_ char *name = end_name(end);
	int r;

	if (!name)
		return -ENOMEM;
	if (limits_are_none(&limits))
		return 0;
	r = buf_addf(b, "%s%s: ", b->size ? "; " : "", name);
	return r < 0 ? r : limits_add_text(b, &limits);
}

/* They are no part of the verdict of a flow, but whoever asks why something does not come through must see them. */
static int step_limits(const struct question *q, struct explanation *e)
{
	_cleanup_buf_ struct buf detail = {0};
	int r = end_limits_add(&detail, q, &q->from);

	if (r >= 0)
		r = end_limits_add(&detail, q, &q->to);
	return step_add(e, "limits", strdup(detail.size ? "within" : "none"), r < 0 ? NULL : strdup(buf_text(&detail)));
}

static bool end_is_unproved(const struct end *end)
{
	return end->kind == END_DEVICE && end->segment == POLICY_SEGMENT_UNAUTHENTICATED;
}

static enum cordon_reason reason_of(const struct question *q)
{
	if (q->mode == CORDON_MODE_OBSERVE)
		return CORDON_REASON_OBSERVED;
	if (q->verdict.action == CORDON_ACTION_ALLOW)
		return CORDON_REASON_RULE;
	if (q->verdict.action == CORDON_ACTION_DENY)
		return CORDON_REASON_DENY_RULE;
	return end_is_unproved(&q->from) || end_is_unproved(&q->to) ? CORDON_REASON_UNAUTHENTICATED : CORDON_REASON_DEFAULT_DENY;
}

static int explanation_make(const struct question *q, struct explanation *e)
{
	int r;

	e->steps = calloc(STEPS, sizeof(*e->steps));
	e->from = end_text(q, &q->from);
	e->to = end_text(q, &q->to);
	if (!e->steps || !e->from || !e->to)
		return -ENOMEM;
	e->verdict = verdict_under(q->verdict, q->mode);
	e->reason = reason_of(q);
	e->rule = q->mode == CORDON_MODE_OBSERVE ? CORDON_RULE_NONE : q->verdict.rule;
	e->mode = q->mode;
	r = step_devices(q, e);
	if (r >= 0)
		r = step_quarantine(e);
	if (r >= 0)
		r = step_deny(q, e);
	if (r >= 0)
		r = step_allow(q, e);
	if (r >= 0)
		r = step_default(q, e);
	if (r >= 0)
		r = step_modes(q, e);
	if (r >= 0)
		r = step_limits(q, e);
	if (r >= 0 && e->verdict != CORDON_VERDICT_ALLOW)
		r = advice_make(q, &e->would_allow);
	return r;
}

int policy_explain(const struct policy *policy, const struct image *image, const struct explain_query *query,
		   struct diagnostics *d, struct explanation *ret)
{
	struct question q = {.policy = policy, .image = image, .moment = {policy, image, query->at}};
	struct explanation e = {0};
	int r = question_resolve(query, d, &q);

	if (r >= 0)
		r = explanation_make(&q, &e);
	if (r < 0) {
		explanation_done(&e);
		return r;
	}
	*ret = e;
	return 0;
}

void explanation_done(struct explanation *e)
{
	for (size_t i = 0; i < e->n_steps; i++) {
		free(e->steps[i].stage);
		free(e->steps[i].result);
		free(e->steps[i].detail);
	}
	free(e->steps);
	free(e->from);
	free(e->to);
	free(e->would_allow);
	*e = (struct explanation){0};
}
