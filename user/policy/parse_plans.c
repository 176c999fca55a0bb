/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules, quarantine profiles, feeds and responses: read and checked whole, kept by name. */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "parse.h"
#include "schedule.h"

struct plan {
	char *from, *to;
	char *source;
	uint64_t quantity;
	uint32_t number, bits;
	int word;
	uint8_t days;
};

static void plan_done(struct plan *plan)
{
	free(plan->from);
	free(plan->to);
	free(plan->source);
}

/* Things that begin with a struct named. */
struct list {
	void *items; /* where its pointer stands */
	size_t *n;
	size_t size;
};

/* Each entry of a section by name; the order of the list is the order of the symbols' indices. */
static void each_named(struct form *f, const struct yaml_node *value, const char *what, struct list list,
		       void (*read)(struct form *, const struct yaml_node *, void *item))
{
	if (!form_is(f, value, YAML_MAPPING, what))
		return;
	for (const struct yaml_node *k = form_first(f, value); k; k = form_next(f, k)) {
		const char *id = yaml_text(f->tree, k);
		struct named *item;

		if (yaml_node_kind(k) == YAML_REFUSED)
			continue;
		if (!form_id_ok(id))
			form_error(f, k, "`%.64s` is no name: letters, digits, `_`, `.` and `-`, at most 63", id);
		item = form_add(f, list.items, list.n, list.size);
		if (!item)
			return;
		*item = (struct named){.id = form_copy(f, id), .place = place_of(parser_of(f), k)};
		read(f, yaml_value(f->tree, k), item);
	}
}

#define EVERY_DAY 0x7f
static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const struct form_words day_words = FORM_WORDS("a day", day_names);

/* "fri-mon" goes round the end of the week. */
static void parse_day(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "days");
	const char *dash = text ? strchr(text, '-') : NULL;
	_cleanup_free_ char *name = dash ? strndup(text, (size_t)(dash - text)) : NULL;
	int first, last;

	(void)arg;
	if (!text)
		return;
	first = form_find(&day_words, name ?: text);
	last = dash ? form_find(&day_words, dash + 1) : first;
	if (first < 0 || last < 0) {
		form_error(f, value, "expected days like mon, mon-fri or [sat, sun], not `%.64s`", text);
		return;
	}
	for (int day = first;; day = (day + 1) % 7) {
		*(uint8_t *)field |= (uint8_t)(1u << day);
		if (day == last)
			return;
	}
}

static void parse_days(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "days", parse_day, field, arg);
}

static void parse_clock(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a time of day");

	(void)arg;
	if (!text)
		return;
	if (strlen(text) == 5 && strspn(text, "0123456789") == 2 && text[2] == ':' && strspn(text + 3, "0123456789") == 2 &&
	    strncmp(text, "24", 2) < 0 && text[3] < '6')
		form_text(f, value, field, NULL);
	else
		form_error(f, value, "expected a time of day like \"06:00\" or \"22:30\", not `%.64s`", text);
}

static const struct form_key weekly_keys[] = {
	{.name = "days", .parse = parse_days, .offset = offsetof(struct plan, days)},
	{.name = "from", .parse = parse_clock, .offset = offsetof(struct plan, from), .required = true},
	{.name = "to", .parse = parse_clock, .offset = offsetof(struct plan, to), .required = true},
};
static const struct form_table weekly_table = FORM_TABLE("a weekly schedule", weekly_keys);

static const struct form_key window_keys[] = {
	{.name = "start", .parse = parse_time, .offset = offsetof(struct plan, from), .required = true},
	{.name = "end", .parse = parse_time, .offset = offsetof(struct plan, to), .required = true},
};
static const struct form_table window_table = FORM_TABLE("a window of time", window_keys);

static bool is_window(const struct form *f, const struct yaml_node *body)
{
	for (const struct yaml_node *k = yaml_first(f->tree, body); k; k = yaml_next(f->tree, k))
		if (strcmp(yaml_text(f->tree, k), "start") == 0 || strcmp(yaml_text(f->tree, k), "end") == 0)
			return true;
	return false;
}

static int32_t clock_seconds(const char *text)
{
	return ((text[0] - '0') * 10 + text[1] - '0') * 3600 + ((text[3] - '0') * 10 + text[4] - '0') * 60;
}

static void read_schedule(struct form *f, const struct yaml_node *body, void *item)
{
	_cleanup_(plan_done) struct plan plan = {0};
	struct schedule *schedule = item;
	bool window = is_window(f, body);

	form_mapping(f, body, window ? &window_table : &weekly_table, &plan);
	if (!plan.from || !plan.to)
		return;
	if (window && strcmp(plan.from, plan.to) >= 0)
		form_error(f, body, "this window ends (%s) before it starts (%s)", plan.to, plan.from);
	if (!window && strcmp(plan.from, plan.to) == 0)
		form_error(f, body, "this schedule begins and ends at %s; for the whole day leave the rule without `when`", plan.from);
	schedule->once = window;
	schedule->days = plan.days ?: EVERY_DAY;
	if (window) {
		schedule->start = local_of_text(plan.from);
		schedule->end = local_of_text(plan.to);
	} else {
		schedule->from = clock_seconds(plan.from);
		schedule->to = clock_seconds(plan.to);
	}
}

void parse_schedules(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct schedules *schedules = &((struct policy *)field)->schedules;

	(void)arg;
	each_named(f, value, "schedules", (struct list){&schedules->items, &schedules->n, sizeof(*schedules->items)}, read_schedule);
}

/* What a quarantined device may still do; not kept. */
static const struct form_key opening_keys[] = {
	{.name = "from", .parse = parse_peers, .offset = offsetof(struct exception, from), .arg = PEERS_FROM},
	{.name = "to", .parse = parse_peers, .offset = offsetof(struct exception, to), .arg = PEERS_TO},
	{.name = "services", .parse = parse_service_list, .offset = offsetof(struct exception, services), .required = true},
};
static const struct form_table opening_table = FORM_TABLE("what a quarantine allows", opening_keys);

static void parse_opening(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct exception one = {0};

	(void)field;
	(void)arg;
	if (form_mapping(f, value, &opening_table, &one) && !one.from.n == !one.to.n && !yaml_cut(f->tree))
		form_error(f, value, "expected `to` (what the device may reach) or `from` (what may reach it), and one of them only");
	peers_done(&one.from);
	peers_done(&one.to);
	services_done(&one.services);
}

static void parse_openings(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "what a quarantine allows", parse_opening, field, arg);
}

static const struct form_key quarantine_keys[] = {
	{.name = "allow", .parse = parse_openings},
};
static const struct form_table quarantine_table = FORM_TABLE("a quarantine profile", quarantine_keys);

static void read_quarantine(struct form *f, const struct yaml_node *body, void *item)
{
	struct plan plan = {0};

	(void)item;
	form_mapping(f, body, &quarantine_table, &plan);
}

void parse_quarantines(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct names *names = &((struct policy *)field)->quarantines;

	(void)arg;
	each_named(f, value, "quarantine profiles", (struct list){&names->items, &names->n, sizeof(*names->items)}, read_quarantine);
}

static void parse_feed_source(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a source");

	(void)arg;
	if (!text)
		return;
	if (strncmp(text, "file:/", 6) == 0 || (strncmp(text, "https://", 8) == 0 && text[8]))
		form_text(f, value, field, NULL);
	else
		form_error(f, value, "expected file:/PATH or https://HOST/PATH, not `%.64s`", text);
}

static const char *const feed_types[] = {"addresses", "names"};
static const struct form_words feed_words = FORM_WORDS("a type of feed", feed_types);
static const struct form_key feed_keys[] = {
	{.name = "source", .parse = parse_feed_source, .offset = offsetof(struct plan, source), .required = true},
	{.name = "type", .parse = form_word, .offset = offsetof(struct plan, word), .arg = &feed_words, .required = true},
	{.name = "every", .parse = form_duration, .offset = offsetof(struct plan, quantity)},
	{.name = "expires", .parse = form_duration, .offset = offsetof(struct plan, quantity)},
	{.name = "limit", .parse = form_number, .offset = offsetof(struct plan, number), .arg = &(const struct form_range){1, 4000000}},
};
static const struct form_table feed_table = FORM_TABLE("a feed", feed_keys);

static void read_feed(struct form *f, const struct yaml_node *body, void *item)
{
	_cleanup_(plan_done) struct plan plan = {0};

	(void)item;
	form_mapping(f, body, &feed_table, &plan);
}

void parse_feeds(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct names *names = &((struct policy *)field)->feeds;

	(void)arg;
	each_named(f, value, "feeds", (struct list){&names->items, &names->n, sizeof(*names->items)}, read_feed);
}
