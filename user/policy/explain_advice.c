/* SPDX-License-Identifier: Apache-2.0 */
/* What to write so that a flow is allowed: exceptions to the denies that match, a rule if no allow does, and the nearest one. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "explain.h"
#include "ports.h"

/* An end as a peer of the language, quoted where YAML would trip over colons. */
static int peer_add(struct buf *b, const struct end *end)
{
	char text[ADDR_TEXT_SIZE];
	uint8_t root = prefix_is_v4(&end->where) ? 96 : 0;

	if (end->kind == END_GATEWAY)
		return buf_addf(b, "gateway");
	if (end->kind == END_DEVICE && end->device)
		return buf_addf(b, "device:%s", end->device->id);
	if (end->kind == END_DEVICE)
		return buf_addf(b, "segment:%s", end->segment == POLICY_SEGMENT_UNKNOWN ? "unknown" : "unauthenticated");
	if (end->where.length == root)
		return buf_addf(b, end->local ? "local" : "internet");
	addr_format_prefix(&end->where.address, end->where.length, text);
	return buf_addf(b, "\"cidr:%s%s\"", text, end->where.length < 128 ? "" : root ? "/32" : "/128");
}

static const char *end_word(const struct end *end)
{
	if (end->kind == END_GATEWAY)
		return "gateway";
	if (end->kind == END_DEVICE)
		return end->device ? end->device->id : end->segment == POLICY_SEGMENT_UNKNOWN ? "unknown" : "unauthenticated";
	return end->where.length == (prefix_is_v4(&end->where) ? 96 : 0) ? "internet" : "network";
}

static bool rule_id_taken(const struct policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_rules; i++)
		if (!strcmp(policy->rules[i].id, id))
			return true;
	return false;
}

static int rule_id_add(struct buf *b, const struct question *q)
{
	_cleanup_free_ char *id = format_text("%s-to-%s", end_word(&q->from), end_word(&q->to));

	for (unsigned int i = 2; id && rule_id_taken(q->policy, id); i++) {
		free(id);
		id = format_text("%s-to-%s-%u", end_word(&q->from), end_word(&q->to), i);
	}
	return id ? buf_addf(b, "%s", id) : -ENOMEM;
}

/* "from: device:a, to: device:b, WORD: [tcp/445]" */
static int flow_add(struct buf *b, const struct question *q, const char *word)
{
	int r = buf_addf(b, "from: ");

	if (r >= 0)
		r = peer_add(b, &q->from);
	if (r >= 0)
		r = buf_addf(b, ", to: ");
	if (r >= 0)
		r = peer_add(b, &q->to);
	if (r >= 0)
		r = buf_addf(b, ", %s: [", word);
	if (r >= 0)
		r = service_format(b, q->service);
	return r < 0 ? r : buf_addf(b, "]");
}

static int exceptions_add(struct buf *b, const struct question *q, bool *ret_allowed)
{
	int r = 0;

	for (size_t i = 0; i < q->policy->n_rules && r >= 0; i++) {
		const struct rule *rule = &q->policy->rules[i];
		struct rule_view view = rule_view(&q->moment, rule, &q->from, &q->to, q->service);

		if (!rule_applies(&view))
			continue;
		*ret_allowed |= !rule->deny;
		if (!rule->deny)
			continue;
		r = buf_addf(b, "%swrite `except: [{", b->size ? "; " : "");
		if (r >= 0)
			r = flow_add(b, q, "services");
		if (r >= 0)
			r = buf_addf(b, rule->n_exceptions ? "}]` (beside what is there) into " : "}]` into ");
		if (r >= 0)
			r = rule_name_add(b, q->policy, rule);
	}
	return r;
}

/* How near an allow rule is to this flow; the greatest wins, then the first. */
enum nearness { NOT_NEAR, LACKS_FROM, LACKS_TO, LACKS_SERVICE, LACKS_FACTS, WRONG_TIME };

static enum nearness rule_nearness(const struct rule_view *view)
{
	if (view->closed && view->from && view->to && view->service)
		return WRONG_TIME;
	if (view->unmet && view->service)
		return LACKS_FACTS;
	if (view->from && view->to)
		return LACKS_SERVICE;
	if (view->from && view->service)
		return LACKS_TO;
	return view->to && view->service ? LACKS_FROM : NOT_NEAR;
}

static int nearest_add(struct buf *b, const struct question *q)
{
	static const char *const says[] = {
		[LACKS_FROM] = " allows it from others (its `from` lacks this one)",
		[LACKS_TO] = " allows it to others (its `to` lacks this one)",
		[LACKS_SERVICE] = " allows other services between these two (add this one to its `allow`)",
		[LACKS_FACTS] = " would allow it if the conditions on their facts held",
		[WRONG_TIME] = " allows it at other times",
	};
	const struct rule *nearest = NULL;
	enum nearness best = NOT_NEAR;
	int r;

	for (size_t i = 0; i < q->policy->n_rules; i++) {
		const struct rule *rule = &q->policy->rules[i];
		struct rule_view view = rule_view(&q->moment, rule, &q->from, &q->to, q->service);
		enum nearness near = rule->deny ? NOT_NEAR : rule_nearness(&view);

		if (near > best) {
			best = near;
			nearest = rule;
		}
	}
	if (!nearest)
		return buf_addf(b, "; no rule is near it");
	r = buf_addf(b, "; nearest: ");
	if (r >= 0)
		r = rule_name_add(b, q->policy, nearest);
	return r < 0 ? r : buf_addf(b, "%s", says[best]);
}

static int new_rule_add(struct buf *b, const struct question *q)
{
	int r = buf_addf(b, "%sadd to rules `- {id: ", b->size ? "; and " : "");

	if (r >= 0)
		r = rule_id_add(b, q);
	if (r >= 0)
		r = buf_addf(b, ", ");
	if (r >= 0)
		r = flow_add(b, q, "allow");
	if (r >= 0)
		r = buf_addf(b, "}`");
	return r < 0 ? r : nearest_add(b, q);
}

int advice_make(const struct question *q, char **ret)
{
	_cleanup_buf_ struct buf text = {0};
	bool allowed = false;
	int r = exceptions_add(&text, q, &allowed);

	if (r >= 0 && !allowed)
		r = new_rule_add(&text, q);
	if (r < 0)
		return r;
	*ret = strdup(buf_text(&text));
	return *ret ? 0 : -ENOMEM;
}
