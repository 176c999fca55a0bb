/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/addr.h"
#include "parse.h"

static const char *const mode_names[] = {
#define X(id, word) word,
	CORDON_MODES(X)
#undef X
};
static const struct form_words mode_words = FORM_WORDS("a mode", mode_names);

void parse_mode(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	form_word(f, value, field, &mode_words);
}

void parse_percent(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a share");
	size_t digits;
	uint32_t number = 0;

	(void)field;
	(void)arg;
	if (!text)
		return;
	digits = strspn(text, "0123456789");
	for (size_t i = 0; i < digits && number <= 100; i++)
		number = number * 10 + (uint32_t)(text[i] - '0');
	if (digits == 0 || number > 100 || strcmp(text + digits, "%") != 0)
		form_error(f, value, "expected a share like 25%%, not `%.64s`", text);
}

static bool date_ok(const struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = tm->tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1970 && tm->tm_mday <= days[tm->tm_mon] + (leap && tm->tm_mon == 1);
}

/* Exactly as many digits as the form has, so that the text sorts as the time does. */
static bool time_ok(const char *text, bool day_only)
{
	static const char form[] = "dddd-dd-ddTdd:dd";
	struct tm tm = {0};
	size_t n = strlen(text);

	if (n != sizeof(form) - 1 && !(day_only && n == 10))
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return strptime(text, n == 10 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M", &tm) && date_ok(&tm);
}

/* `arg` not NULL: a day without a time will do. */
void parse_time(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a time");

	if (!text)
		return;
	if (time_ok(text, arg))
		form_text(f, value, field, NULL);
	else
		form_error(f, value, "expected a time like %s\"2026-12-01T08:00\", not `%.64s`", arg ? "\"2026-12-01\" or " : "", text);
}

static void add_prefix(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	struct prefixes_field *list = field;
	const char *text = form_scalar(f, value, "a prefix like 10.0.0.0/8");
	struct prefix prefix, *item;
	int r;

	(void)arg;
	if (!text)
		return;
	r = addr_parse_prefix(text, &prefix.address, &prefix.length);
	if (r == -ERANGE)
		form_error(f, value, "`%.64s` has bits beyond its length; write the network address or a shorter part", text);
	else if (r < 0)
		form_error(f, value, "expected an address or prefix like 10.0.0.0/8 or fd00::/64, not `%.64s`", text);
	if (r < 0)
		return;
	item = form_add(f, &list->items, &list->n, sizeof(*item));
	if (item)
		*item = prefix;
}

void parse_prefixes(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)arg;
	form_each(f, value, "a prefix", add_prefix, field, NULL);
}
