/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_MAX_BYTES (1u << 20)
#define DAY 86400

/* "M3.5.0/2": the last Sunday of March at 02:00; days of the year where `month` is 0 (POSIX.1-2017 8.3). */
struct change {
	int month, week, weekday;
	int day;
	bool leap_counts; /* "n" counts 29 February, "Jn" does not */
	int32_t time;     /* seconds after local midnight, RFC 8536 3.3.1: -167 to 167 hours */
};

struct zone {
	size_t n;
	int64_t *at;      /* ascending */
	int32_t *offset;  /* n + 1: offset[i] holds before at[i], the last one after all */
	bool has_rule;    /* the footer's, for what lies after the last entry */
	int32_t standard, summer;
	bool has_summer;
	struct change begin, end;
};

void zone_free(struct zone *zone)
{
	if (!zone)
		return;
	free(zone->at);
	free(zone->offset);
	free(zone);
}

static void zone_freep(struct zone **zone)
{
	zone_free(*zone);
}

static int64_t big_endian(const uint8_t *at, size_t size)
{
	uint64_t v = 0;

	for (size_t i = 0; i < size; i++)
		v = v << 8 | at[i];
	return size == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

/* Where the next number begins; NULL if there is none here. */
static const char *read_number(const char *at, int *ret)
{
	int v = 0;

	if (!isdigit((unsigned char)*at))
		return NULL;
	for (; isdigit((unsigned char)*at) && v < 100000; at++)
		v = v * 10 + (*at - '0');
	*ret = v;
	return at;
}

/* [+-]hh[:mm[:ss]] */
static const char *read_time(const char *at, int32_t *ret)
{
	int sign = *at == '-' ? -1 : 1, part[3] = {0};

	at += *at == '-' || *at == '+';
	for (int i = 0; i < 3; i++) {
		if (i && *at != ':')
			break;
		at = read_number(at + (i > 0), &part[i]);
		if (!at || part[i] > 167)
			return NULL;
	}
	*ret = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
	return at;
}

static const char *skip_name(const char *at)
{
	const char *begin = at;

	if (*at == '<') {
		at = strchr(at, '>');
		return at ? at + 1 : NULL;
	}
	while (isalpha((unsigned char)*at))
		at++;
	return at > begin ? at : NULL;
}

static const char *read_change(const char *at, struct change *ret)
{
	*ret = (struct change){.time = 2 * 3600};
	if (*at++ != ',')
		return NULL;
	if (*at == 'M') {
		at = read_number(at + 1, &ret->month);
		at = at && *at == '.' ? read_number(at + 1, &ret->week) : NULL;
		at = at && *at == '.' ? read_number(at + 1, &ret->weekday) : NULL;
		if (!at || ret->month < 1 || ret->month > 12 || ret->week < 1 || ret->week > 5 || ret->weekday > 6)
			return NULL;
	} else {
		ret->leap_counts = *at != 'J';
		at = read_number(at + (*at == 'J'), &ret->day);
	}
	return at && *at == '/' ? read_time(at + 1, &ret->time) : at;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3"; offsets are written west of Greenwich. */
static int rule_read(struct zone *zone, const char *text)
{
	const char *at = skip_name(text);

	at = at ? read_time(at, &zone->standard) : NULL;
	if (!at)
		return -EINVAL;
	zone->standard = -zone->standard;
	zone->summer = zone->standard + 3600;
	zone->has_rule = true;
	if (!*at)
		return 0;
	at = skip_name(at);
	if (at && *at && *at != ',') {
		at = read_time(at, &zone->summer);
		zone->summer = -zone->summer;
	}
	at = at ? read_change(at, &zone->begin) : NULL;
	at = at ? read_change(at, &zone->end) : NULL;
	zone->has_summer = true;
	return at && !*at ? 0 : -EINVAL;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from the epoch to 1 January. */
static int64_t year_days(int64_t year)
{
	int64_t y = year - 1;

	return 365 * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) + (y / 400 - 1969 / 400);
}

static int64_t year_of(int64_t moment)
{
	int64_t year = 1970 + moment / (365 * DAY + DAY / 4);

	while (year_days(year) * DAY > moment)
		year--;
	while (year_days(year + 1) * DAY <= moment)
		year++;
	return year;
}

static int64_t change_day(const struct change *c, int64_t year)
{
	static const int months[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	int64_t first, day;

	if (!c->month)
		return year_days(year) + (c->leap_counts ? c->day : c->day - 1 + (is_leap(year) && c->day > 59));
	first = year_days(year) + months[c->month - 1] + (is_leap(year) && c->month > 2);
	day = first + ((c->weekday - (first + 4) % 7) + 7) % 7 + 7 * (c->week - 1); /* day 0 was a Thursday */
	while (day >= year_days(year) + months[c->month] + (is_leap(year) && c->month >= 2))
		day -= 7;
	return day;
}

static int32_t rule_offset(const struct zone *zone, int64_t moment)
{
	int64_t year = year_of(moment + zone->standard), begin, end;

	if (!zone->has_summer)
		return zone->standard;
	begin = change_day(&zone->begin, year) * DAY + zone->begin.time - zone->standard;
	end = change_day(&zone->end, year) * DAY + zone->end.time - zone->summer;
	if (begin < end)
		return moment >= begin && moment < end ? zone->summer : zone->standard;
	return moment >= begin || moment < end ? zone->summer : zone->standard;
}

static int32_t offset_at(const struct zone *zone, int64_t moment)
{
	size_t low = 0, n = zone->n;

	while (n > 0) {
		size_t half = n / 2;

		if (zone->at[low + half] <= moment) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low == zone->n && zone->has_rule ? rule_offset(zone, moment) : zone->offset[low];
}

int64_t zone_local(const struct zone *zone, int64_t moment)
{
	return moment + offset_at(zone, moment);
}

/* The offsets of a day before and a day after bound what it may be: no place changes its clock twice in two days. */
int64_t zone_moment(const struct zone *zone, int64_t local)
{
	int64_t early = local - offset_at(zone, local - DAY), late = local - offset_at(zone, local + DAY), low, high;
	bool early_is = zone_local(zone, early) == local, late_is = zone_local(zone, late) == local;

	if (early_is && late_is)
		return early < late ? early : late;
	if (early_is || late_is)
		return early_is ? early : late;
	low = early < late ? early : late;
	high = early < late ? late : early;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (zone_local(zone, middle) > local)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* RFC 8536 3.1: six counts after a magic, a version and 15 unused bytes. */
struct header {
	size_t isut, isstd, leap, times, types, chars;
};
#define HEADER_SIZE 44

static int header_read(const uint8_t *at, size_t size, struct header *ret)
{
	size_t *count[] = {&ret->isut, &ret->isstd, &ret->leap, &ret->times, &ret->types, &ret->chars};

	if (size < HEADER_SIZE || memcmp(at, "TZif", 4))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(count); i++) {
		int64_t n = big_endian(at + 20 + 4 * i, 4);

		if (n < 0 || (uint64_t)n > ZONE_MAX_BYTES)
			return -EINVAL;
		*count[i] = (size_t)n;
	}
	return ret->types ? 0 : -EINVAL;
}

static size_t block_size(const struct header *h, size_t time_size)
{
	return h->times * (time_size + 1) + h->types * 6 + h->chars + h->leap * (time_size + 4) + h->isstd + h->isut;
}

static int block_read(struct zone *zone, const struct header *h, const uint8_t *block, size_t time_size)
{
	const uint8_t *index = block + h->times * time_size, *types = index + h->times;

	zone->at = calloc(h->times + 1, sizeof(*zone->at));
	zone->offset = calloc(h->times + 1, sizeof(*zone->offset));
	if (!zone->at || !zone->offset)
		return -ENOMEM;
	zone->n = h->times;
	zone->offset[0] = (int32_t)big_endian(types, 4); /* RFC 8536 3.2: type 0 holds before the first */
	for (size_t i = 0; i < h->times; i++) {
		if (index[i] >= h->types)
			return -EINVAL;
		zone->at[i] = big_endian(block + i * time_size, time_size);
		zone->offset[i + 1] = (int32_t)big_endian(types + 6 * index[i], 4);
		if (i && zone->at[i] <= zone->at[i - 1])
			return -EINVAL;
	}
	return 0;
}

/* Version 1 has a block of 32-bit times; later ones repeat it with 64 bits, and a rule between two newlines behind it. */
static int zone_read(struct zone *zone, const uint8_t *at, size_t size)
{
	_cleanup_free_ char *rule = NULL;
	struct header h;
	size_t time_size = 4, skip;
	const uint8_t *end;
	int r = header_read(at, size, &h);

	if (r == 0 && at[4] >= '2') {
		skip = HEADER_SIZE + block_size(&h, 4);
		r = skip < size ? header_read(at + skip, size - skip, &h) : -EINVAL;
		time_size = 8;
		at += skip;
		size -= skip;
	}
	if (r < 0 || HEADER_SIZE + block_size(&h, time_size) > size)
		return -EINVAL;
	r = block_read(zone, &h, at + HEADER_SIZE, time_size);
	skip = HEADER_SIZE + block_size(&h, time_size);
	if (r < 0 || time_size == 4 || skip + 2 > size || at[skip] != '\n')
		return r;
	end = memchr(at + skip + 1, '\n', size - skip - 1);
	if (!end || end == at + skip + 1)
		return 0;
	rule = strndup((const char *)at + skip + 1, (size_t)(end - at) - skip - 1);
	return rule ? rule_read(zone, rule) : -ENOMEM;
}

/* Names come from a policy: nothing of them may lead out of the folder. */
static bool name_is_safe(const char *name)
{
	return *name && *name != '/' && !strstr(name, "..") && strlen(name) < 64;
}

int zone_load(const char *name, struct zone **ret)
{
	__attribute__((cleanup(zone_freep))) struct zone *zone = calloc(1, sizeof(*zone));
	_cleanup_free_ char *bytes = NULL;
	char path[128];
	size_t size = 0;
	int r = 0;

	if (!zone)
		return -ENOMEM;
	if (!name || !strcmp(name, "UTC")) {
		zone->has_rule = true;
	} else if (!name_is_safe(name)) {
		return -ENOENT;
	} else {
		snprintf(path, sizeof(path), ZONE_FOLDER "/%s", name);
		r = file_read(path, ZONE_MAX_BYTES, &bytes, &size);
		if (r == 0)
			r = zone_read(zone, (const uint8_t *)bytes, size);
	}
	if (r < 0)
		return r == -EISDIR ? -ENOENT : r;
	*ret = take_ptr(zone);
	return 0;
}
