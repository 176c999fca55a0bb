/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <string.h>
#include <time.h>

#define DAY 86400
#define DAYS_AHEAD 9 /* a week, the day before and the day after: every weekly schedule opens and closes in them */

struct interval {
	int64_t begin, end; /* moments; begin >= end: it does not come about */
};

static int64_t day_of(int64_t local)
{
	return local >= 0 ? local / DAY : (local - DAY + 1) / DAY;
}

/* What begins on this day (1970-01-01 is 0, a Thursday); an empty interval if nothing does. */
static struct interval interval_of(const struct schedule *s, const struct zone *zone, int64_t day)
{
	unsigned int weekday = (unsigned int)(((day + 3) % 7 + 7) % 7);

	if (!(s->days & 1u << weekday))
		return (struct interval){0};
	return (struct interval){
		.begin = zone_moment(zone, day * DAY + s->from),
		.end = zone_moment(zone, (s->to > s->from ? day : day + 1) * DAY + s->to),
	};
}

static bool inside(struct interval i, int64_t at)
{
	return at >= i.begin && at < i.end;
}

static int64_t sooner(int64_t best, struct interval i, int64_t at)
{
	if (i.begin >= i.end)
		return best;
	if (i.begin > at && i.begin < best)
		best = i.begin;
	return i.end > at && i.end < best ? i.end : best;
}

static struct interval once_of(const struct schedule *s, const struct zone *zone)
{
	return (struct interval){.begin = zone_moment(zone, s->start), .end = zone_moment(zone, s->end)};
}

bool schedule_open(const struct schedule *s, const struct zone *zone, int64_t at)
{
	int64_t today = day_of(zone_local(zone, at));

	if (s->once)
		return inside(once_of(s, zone), at);
	return inside(interval_of(s, zone, today), at) || inside(interval_of(s, zone, today - 1), at);
}

int64_t schedule_next(const struct schedule *s, const struct zone *zone, int64_t at)
{
	int64_t today = day_of(zone_local(zone, at)), best = TIME_NEVER;

	if (s->once)
		return sooner(best, once_of(s, zone), at);
	for (int64_t day = today - 1; day < today + DAYS_AHEAD && best == TIME_NEVER; day++)
		best = sooner(best, interval_of(s, zone, day), at);
	return best;
}

size_t schedule_edges(const struct schedule *s, const struct zone *zone, int64_t from, size_t n, int64_t *ret_edges)
{
	bool open = schedule_open(s, zone, from);
	size_t known = 0;

	for (int64_t at = from; known < n;) {
		at = schedule_next(s, zone, at);
		if (at == TIME_NEVER)
			break;
		if (schedule_open(s, zone, at) == open)
			continue;
		open = !open;
		ret_edges[known++] = at;
	}
	return known;
}

int64_t local_of_text(const char *text)
{
	bool day = strlen(text) == 10;
	struct tm tm = {0};

	strptime(text, day ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M", &tm);
	return (int64_t)timegm(&tm) + (day ? DAY : 0);
}
