/* SPDX-License-Identifier: Apache-2.0 */
#include "windows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "schedule.h"

#define NS_PER_S 1000000000LL
#define STEPS_AHEAD 1000 /* edges of schedules looked at for those of a window in which several must be open */

static bool rule_is_timed(const struct rule *rule)
{
	return rule->schedule != POLICY_NONE || rule->expires;
}

static bool needs_zone(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rules; i++)
		if (rule_is_timed(&policy->rules[i]))
			return true;
	for (size_t i = 0; i < policy->n_tests; i++)
		if (policy->tests[i].at)
			return true;
	return false;
}

static int zone_ready(struct compile *c)
{
	const char *name = c->policy->timezone;
	int r = needs_zone(c->policy) ? zone_load(name, &c->image->zone) : 0;

	if (r < 0 && r != -ENOMEM && c->d)
		diagnostics_add(c->d, false, c->policy->n_files ? c->policy->files[0] : "policy", 0, 0,
				"the time zone `%s` is not known here (%s): see /usr/share/zoneinfo, or install tzdata; schedules and expiry need it", name,
				strerror(-r));
	return r;
}

static int schedules_copy(struct compile *c)
{
	const struct schedules *from = &c->policy->schedules;
	struct image *image = c->image;

	image->timezone = strdup(c->policy->timezone ?: "UTC");
	image->schedules = calloc(from->n + 1, sizeof(*image->schedules));
	if (!image->schedules || !image->timezone)
		return -ENOMEM;
	for (; image->n_schedules < from->n; image->n_schedules++) {
		struct schedule *copy = &image->schedules[image->n_schedules];

		*copy = from->items[image->n_schedules];
		copy->name.id = strdup(copy->name.id ?: "?");
		if (!copy->name.id)
			return -ENOMEM;
	}
	return 0;
}

static int window_intern(struct compile *c, const struct image_window *window, uint16_t *ret)
{
	uint32_t id;
	int r = intern_add(&c->windows, window, sizeof(*window), &id);

	if (r < 0)
		return r;
	if (id + 1 >= CORDON_MAX_WINDOWS)
		return compile_refuse(c, "windows of time", id + 2, CORDON_MAX_WINDOWS - 1,
				      "let rules share schedules, and end on the same days");
	*ret = (uint16_t)(id + 1);
	return 0;
}

static const struct image_window *window_of(const struct compile *c, uint16_t window)
{
	size_t size;

	return intern_data(&c->windows, window - 1u, &size);
}

static void schedule_join(struct image_window *window, uint32_t schedule)
{
	if (schedule == POLICY_NONE || window->schedules[0] == schedule)
		return;
	if (window->schedules[0] == POLICY_NONE) {
		window->schedules[0] = schedule;
		return;
	}
	window->schedules[1] = schedule > window->schedules[0] ? schedule : window->schedules[0];
	window->schedules[0] = schedule < window->schedules[0] ? schedule : window->schedules[0];
}

/* Two windows of rules have a schedule each at most, and what comes of them is never joined again. */
int window_both(struct compile *c, uint16_t a, uint16_t b, uint16_t *ret)
{
	struct image_window both;

	if (a == CORDON_WINDOW_ALWAYS || b == CORDON_WINDOW_ALWAYS) {
		*ret = a == CORDON_WINDOW_ALWAYS ? b : a;
		return 0;
	}
	both = *window_of(c, a);
	schedule_join(&both, window_of(c, b)->schedules[0]);
	if (window_of(c, b)->expires < both.expires)
		both.expires = window_of(c, b)->expires;
	both.deny &= window_of(c, b)->deny;
	return window_intern(c, &both, ret);
}

static int rule_window(struct compile *c, const struct rule *rule, uint16_t *ret)
{
	struct image_window window;

	if (!rule_is_timed(rule))
		return 0;
	memset(&window, 0, sizeof(window)); /* compared byte by byte */
	window.schedules[0] = rule->schedule;
	window.schedules[1] = POLICY_NONE;
	window.expires = rule->expires ? zone_moment(c->image->zone, local_of_text(rule->expires)) : TIME_NEVER;
	window.deny = rule->deny;
	return window_intern(c, &window, ret);
}

int compile_windows(struct compile *c)
{
	int r = zone_ready(c);

	if (r >= 0)
		r = schedules_copy(c);
	for (size_t i = 0; i < c->policy->n_rules && r >= 0; i++)
		r = rule_window(c, &c->policy->rules[i], &c->image->rules[i].window);
	return r;
}

int compile_windows_move(struct compile *c)
{
	struct image *image = c->image;

	image->n_windows = c->windows.n + 1;
	image->windows = calloc(image->n_windows, sizeof(*image->windows));
	if (!image->windows)
		return -ENOMEM;
	for (uint16_t i = 1; i < image->n_windows; i++)
		image->windows[i] = *window_of(c, i);
	return 0;
}

static bool terms_open(const struct image *image, const struct image_window *window, int64_t at)
{
	if (at >= window->expires)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(window->schedules); i++)
		if (window->schedules[i] != POLICY_NONE && !schedule_open(&image->schedules[window->schedules[i]], image->zone, at))
			return false;
	return true;
}

static int64_t terms_next(const struct image *image, const struct image_window *window, int64_t at)
{
	int64_t best = window->expires > at ? window->expires : TIME_NEVER;

	if (at >= window->expires)
		return TIME_NEVER;
	for (size_t i = 0; i < ARRAY_SIZE(window->schedules); i++) {
		int64_t next = window->schedules[i] == POLICY_NONE ? TIME_NEVER :
								     schedule_next(&image->schedules[window->schedules[i]], image->zone, at);

		best = next < best ? next : best;
	}
	return best;
}

bool image_window_open(const struct image *image, uint16_t window, int64_t at)
{
	if (window == CORDON_WINDOW_ALWAYS)
		return true;
	return at == IMAGE_NO_TIME ? image->windows[window].deny : terms_open(image, &image->windows[window], at);
}

void image_window_times(const struct image *image, uint16_t window, int64_t from, struct window_times *ret)
{
	const struct image_window *w = &image->windows[window];
	struct window_times times = {.open_first = image_window_open(image, window, from), .open_last = w->deny};
	bool open = times.open_first;
	int64_t at = from;

	for (int step = 0; from != IMAGE_NO_TIME && step < STEPS_AHEAD && times.n < CORDON_WINDOW_EDGES; step++) {
		at = terms_next(image, w, at);
		if (at == TIME_NEVER) {
			times.open_last = open; /* nothing more will happen to it, and that is known */
			break;
		}
		if (terms_open(image, w, at) == open)
			continue;
		open = !open;
		times.edge[times.n++] = at;
	}
	*ret = times;
}

void image_windows(const struct image *image, int64_t wall, uint64_t clock, struct window_version *ret)
{
	int64_t from = wall == IMAGE_NO_TIME ? wall : wall / NS_PER_S;

	memset(ret, 0, image->n_windows * sizeof(*ret));
	for (uint16_t i = 1; i < image->n_windows; i++) {
		struct window_times times;

		image_window_times(image, i, from, &times);
		ret[i].n = times.n;
		ret[i].open_first = times.open_first;
		ret[i].open_last = times.open_last;
		for (uint8_t e = 0; e < times.n; e++)
			ret[i].edge[e] = clock + (uint64_t)(times.edge[e] * NS_PER_S - wall);
	}
}

static int moment_add(struct buf *b, int64_t local)
{
	char text[32];
	time_t t = (time_t)local;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M", &tm);
	return buf_addf(b, "%s", text);
}

static int days_add(struct buf *b, uint8_t days)
{
	static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	const char *between = "";
	int r = 0;

	if (days == 0x7f)
		return buf_addf(b, "every day");
	for (size_t first = 0, last; first < ARRAY_SIZE(names) && r >= 0; first = last + 1) {
		last = first;
		if (!(days & 1u << first))
			continue;
		while (last + 1 < ARRAY_SIZE(names) && days & 1u << (last + 1))
			last++;
		r = last > first ? buf_addf(b, "%s%s-%s", between, names[first], names[last]) : buf_addf(b, "%s%s", between, names[first]);
		between = ", ";
	}
	return r;
}

/* "shift (mon-fri 06:00-18:00)" */
static int schedule_add(struct buf *b, const struct schedule *s)
{
	int r = buf_addf(b, "%s (", s->name.id);

	if (r >= 0 && s->once) {
		r = moment_add(b, s->start);
		if (r >= 0)
			r = buf_addf(b, " to ");
		if (r >= 0)
			r = moment_add(b, s->end);
	} else if (r >= 0) {
		r = days_add(b, s->days);
		if (r >= 0)
			r = buf_addf(b, " %02d:%02d-%02d:%02d", s->from / 3600, s->from / 60 % 60, s->to / 3600, s->to / 60 % 60);
	}
	return r < 0 ? r : buf_addf(b, ")");
}

char *image_window_text(const struct image *image, uint16_t window)
{
	const struct image_window *w = &image->windows[window];
	_cleanup_buf_ struct buf text = {0};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(w->schedules) && r >= 0; i++) {
		if (w->schedules[i] == POLICY_NONE)
			continue;
		r = buf_addf(&text, "%s", text.size ? " and " : "in schedule ");
		if (r >= 0)
			r = schedule_add(&text, &image->schedules[w->schedules[i]]);
	}
	if (r >= 0 && w->expires != TIME_NEVER) {
		r = buf_addf(&text, "%suntil ", text.size ? ", " : "");
		if (r >= 0)
			r = moment_add(&text, zone_local(image->zone, w->expires));
	}
	if (r >= 0)
		r = buf_addf(&text, " %s", image->timezone);
	return r < 0 ? NULL : strdup(buf_text(&text));
}
