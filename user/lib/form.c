/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"
#include "names.h"

#define MAX_MESSAGE 600

static void __attribute__((format(printf, 4, 0))) tell(struct form *f, const struct yaml_node *node, bool warning, const char *format,
							va_list ap)
{
	char message[MAX_MESSAGE];

	vsnprintf(message, sizeof(message), format, ap);
	f->tell(f->ctx, yaml_line(node), yaml_column(node), warning, message);
}

void form_error(struct form *f, const struct yaml_node *node, const char *format, ...)
{
	va_list ap;

	f->told++;
	va_start(ap, format);
	tell(f, node, false, format, ap);
	va_end(ap);
}

void form_warning(struct form *f, const struct yaml_node *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(f, node, true, format, ap);
	va_end(ap);
}

const struct yaml_node *form_first(struct form *f, const struct yaml_node *node)
{
	return f->told > FORM_MAX_ERRORS ? NULL : yaml_first(f->tree, node);
}

const struct yaml_node *form_next(struct form *f, const struct yaml_node *node)
{
	return f->told > FORM_MAX_ERRORS ? NULL : yaml_next(f->tree, node);
}

static const char *key_name_at(void *ctx, size_t i)
{
	const struct form_table *table = ctx;

	return table->keys[i].name;
}

static const struct form_key *table_find(const struct form_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	return NULL;
}

/* The key that was meant, NULL if none is near. */
static const struct form_key *tell_unknown_key(struct form *f, const struct yaml_node *key, const struct form_table *table)
{
	const char *text = yaml_text(f->tree, key);
	const char *near = name_nearest(text, key_name_at, (void *)table, table->n);
	char known[MAX_MESSAGE / 2] = "";
	size_t used = 0;

	if (near) {
		form_error(f, key, "unknown key `%.64s` in %s; did you mean `%s`?", text, table->what, near);
		return table_find(table, near);
	}
	for (size_t i = 0; i < table->n && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", table->keys[i].name);
	form_error(f, key, "unknown key `%.64s` in %s; known are %s", text, table->what, known);
	return NULL;
}

bool form_mapping(struct form *f, const struct yaml_node *node, const struct form_table *table, void *object)
{
	uint64_t met = 0; /* 1 << index in the table; a misspelt key counts as met, it was told already */

	if (!form_is(f, node, YAML_MAPPING, table->what))
		return false;
	for (const struct yaml_node *k = form_first(f, node); k; k = form_next(f, k)) {
		const struct form_key *key;

		if (yaml_node_kind(k) == YAML_REFUSED)
			continue;
		key = table_find(table, yaml_text(f->tree, k));
		if (!key) {
			key = tell_unknown_key(f, k, table);
			met |= key ? 1ULL << (key - table->keys) : 0;
			continue;
		}
		met |= 1ULL << (key - table->keys);
		if (key->parked)
			form_warning(f, k, "`%s` has no effect yet: %s", key->name, key->parked);
		key->parse(f, yaml_value(f->tree, k), (char *)object + key->offset, key->arg);
	}
	for (size_t i = 0; i < table->n && !yaml_cut(f->tree) && f->told <= FORM_MAX_ERRORS; i++)
		if (table->keys[i].required && !(met & 1ULL << i))
			form_error(f, node, "%s needs `%s`", table->what, table->keys[i].name);
	return true;
}

bool form_is(struct form *f, const struct yaml_node *node, enum yaml_kind kind, const char *what)
{
	if (yaml_node_kind(node) == kind)
		return true;
	if (yaml_node_kind(node) != YAML_REFUSED)
		form_error(f, node, "expected %s: %s", what, kind == YAML_MAPPING ? "a mapping, {key: value}" : "a list, [item, item]");
	return false;
}

const char *form_scalar(struct form *f, const struct yaml_node *node, const char *what)
{
	const char *text;

	if (yaml_node_kind(node) == YAML_REFUSED)
		return NULL;
	text = yaml_text(f->tree, node);
	if (yaml_node_kind(node) == YAML_SCALAR && *text)
		return text;
	form_error(f, node, "expected %s, not %s", what, yaml_node_kind(node) == YAML_MAPPING ? "a mapping" :
		   yaml_node_kind(node) == YAML_SEQUENCE ? "a list" : "nothing");
	return NULL;
}

void form_each(struct form *f, const struct yaml_node *node, const char *what, form_value_fn fn, void *field, const void *arg)
{
	const struct yaml_node *item;

	if (yaml_node_kind(node) != YAML_SEQUENCE) {
		fn(f, node, field, arg);
		return;
	}
	item = form_first(f, node);
	if (!item)
		form_error(f, node, "an empty list; expected at least one: %s", what);
	for (; item; item = form_next(f, item))
		fn(f, item, field, arg);
}

void *form_add(struct form *f, void *items, size_t *n, size_t size)
{
	char *array;

	memcpy(&array, items, sizeof(array));
	if ((*n & (*n - 1)) == 0) { /* full at each power of two */
		array = reallocarray(array, *n ? *n * 2 : 1, size);
		if (!array) {
			f->no_memory = true;
			return NULL;
		}
		memcpy(items, &array, sizeof(array));
	}
	memset(array + *n * size, 0, size);
	return array + (*n)++ * size;
}

char *form_copy(struct form *f, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		f->no_memory = true;
	return copy;
}

/* A key cannot come twice, but a table may point two keys at one field. */
static void set_text(struct form *f, void *field, const char *text)
{
	char **to = field;

	free(*to);
	*to = form_copy(f, text);
}

void form_text(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, arg ?: "a text");

	if (text)
		set_text(f, field, text);
}

bool form_id_ok(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n > 0 && n <= 63 && text[n] == '\0' && isalnum((unsigned char)text[0]);
}

void form_id(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a name");

	(void)arg;
	if (!text)
		return;
	if (!form_id_ok(text))
		form_error(f, value, "`%.64s` is no name: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 63", text);
	else
		set_text(f, field, text);
}

void form_bool(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "true or false");

	(void)arg;
	if (!text)
		return;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		*(bool *)field = text[0] == 't';
	else
		form_error(f, value, "expected true or false, not `%.64s`", text);
}

bool number_parse(const char *text, uint32_t max, uint32_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t value = 0;

	text += hex ? 2 : 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (!(hex ? isxdigit((unsigned char)*text) : isdigit((unsigned char)*text)))
			return false;
		value = value * (hex ? 16 : 10) + (uint64_t)(isdigit((unsigned char)*text) ? *text - '0' : (*text | 0x20) - 'a' + 10);
		if (value > max)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

void form_number(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const struct form_range any = {0, UINT32_MAX};
	const struct form_range *range = arg ?: &any;
	const char *text = form_scalar(f, value, "a number");
	uint32_t number;

	if (!text)
		return;
	if (number_parse(text, range->max, &number) && number >= range->min)
		*(uint32_t *)field = number;
	else
		form_error(f, value, "expected a number from %u to %u, not `%.64s`", range->min, range->max, text);
}

int form_find(const struct form_words *words, const char *text)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->words[i], text) == 0)
			return (int)i;
	return -1;
}

static int find_word(struct form *f, const struct yaml_node *value, const struct form_words *words)
{
	const char *text = form_scalar(f, value, words->what);
	char known[MAX_MESSAGE / 2] = "";
	const char *near;
	size_t used = 0;
	int i;

	if (!text)
		return -1;
	i = form_find(words, text);
	if (i >= 0)
		return i;
	near = name_nearest_of(text, words->words, words->n);
	for (size_t k = 0; k < words->n && used < sizeof(known); k++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", k ? ", " : "", words->words[k]);
	if (near)
		form_error(f, value, "`%.64s` is not %s; did you mean `%s`? (%s)", text, words->what, near, known);
	else
		form_error(f, value, "`%.64s` is not %s; expected one of %s", text, words->what, known);
	return -1;
}

void form_word(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	int i = find_word(f, value, arg);

	if (i >= 0)
		*(int *)field = i;
}

static void add_bit(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	int i = find_word(f, value, arg);

	if (i >= 0)
		*(uint32_t *)field |= 1u << i;
}

void form_bits(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	if (yaml_node_kind(value) == YAML_SEQUENCE && !yaml_first(f->tree, value))
		return;
	form_each(f, value, ((const struct form_words *)arg)->what, add_bit, field, arg);
}

/* "90s" in a unit of the table; the number and then nothing but the unit. */
struct unit {
	const char *name;
	uint64_t factor;
};

static bool quantity_parse(const char *text, const struct unit *units, size_t n, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 12)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text + digits, units[i].name) == 0) {
			*ret = strtoull(text, NULL, 10) * units[i].factor;
			return true;
		}
	}
	return false;
}

bool duration_parse(const char *text, uint64_t *ret_seconds)
{
	static const struct unit units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

	return quantity_parse(text, units, sizeof(units) / sizeof(units[0]), ret_seconds);
}

void form_duration(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a duration");

	(void)arg;
	if (text && !duration_parse(text, field))
		form_error(f, value, "expected a duration like 10s, 5m, 1h or 7d, not `%.64s`", text);
}

void form_size(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	static const struct unit units[] = {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
	const char *text = form_scalar(f, value, "a size");

	(void)arg;
	if (text && !quantity_parse(text, units, sizeof(units) / sizeof(units[0]), field))
		form_error(f, value, "expected a size like 64KiB, 32MiB or 1GiB, not `%.64s`", text);
}
