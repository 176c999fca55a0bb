/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "timespan.h"

struct found {
	const struct option_spec *spec;
	void *field;
};

static bool option_find(const struct option_set *sets, size_t n_sets, const char *name, size_t length, char letter, struct found *ret)
{
	for (size_t s = 0; s < n_sets; s++) {
		for (size_t i = 0; i < sets[s].n; i++) {
			const struct option_spec *spec = &sets[s].specs[i];
			bool same = name ? strlen(spec->name) == length && !memcmp(spec->name, name, length) : spec->letter == letter;

			if (!same)
				continue;
			*ret = (struct found){spec, (char *)sets[s].target + spec->offset};
			return true;
		}
	}
	return false;
}

struct all_names {
	const struct option_set *sets;
};

static const char *name_at(void *ctx, size_t i)
{
	const struct option_set *set = ((struct all_names *)ctx)->sets;

	while (i >= set->n)
		i -= (set++)->n;
	return set->specs[i].name;
}

static int unknown_option(const struct option_set *sets, size_t n_sets, const char *word, size_t length, char **ret_why)
{
	struct all_names all = {sets};
	_cleanup_free_ char *name = strndup(word, length);
	const char *near;
	size_t n = 0;

	for (size_t s = 0; s < n_sets; s++)
		n += sets[s].n;
	near = name ? name_nearest(name, name_at, &all, n) : NULL;
	if (near)
		return why(ret_why, -EINVAL, "unknown option --%.*s; did you mean --%s?", (int)length, word, near);
	return why(ret_why, -EINVAL, "unknown option --%.*s", (int)length, word);
}

static int texts_add(struct texts *texts, const char *text)
{
	const char **items = reallocarray(texts->items, texts->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	items[texts->n++] = text;
	texts->items = items;
	return 0;
}

static int number_parse(const char *text, uint64_t *ret)
{
	uint64_t number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end || errno)
		return -EINVAL;
	*ret = number;
	return 0;
}

static int option_store(const struct found *f, const char *value, char **ret_why)
{
	switch (f->spec->kind) {
	case OPTION_FLAG:
		*(bool *)f->field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)f->field = value;
		return 0;
	case OPTION_TEXTS:
		return texts_add(f->field, value);
	case OPTION_NUMBER:
		if (number_parse(value, f->field) < 0)
			return why(ret_why, -EINVAL, "--%s wants a number, not '%s'", f->spec->name, value);
		return 0;
	case OPTION_DURATION:
		if (timespan_parse(value, f->field) < 0 || !*(uint64_t *)f->field)
			return why(ret_why, -EINVAL, "--%s wants a duration such as 90s, 5m or 1h30m, not '%s'", f->spec->name, value);
		return 0;
	}
	return -EINVAL;
}

/* One option at argv[*at]; moves *at over a value that stands in the next word. */
static int option_parse(const struct option_set *sets, size_t n_sets, int argc, char **argv, int *at, char **ret_why)
{
	const char *word = argv[*at], *value = NULL;
	struct found f;

	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");

		if (!option_find(sets, n_sets, word + 2, length, 0, &f))
			return unknown_option(sets, n_sets, word + 2, length, ret_why);
		if (word[2 + length] == '=')
			value = word + 3 + length;
	} else {
		if (!option_find(sets, n_sets, NULL, 0, word[1], &f))
			return why(ret_why, -EINVAL, "unknown option -%c", word[1]);
		if (word[2])
			value = word + 2;
	}
	if (f.spec->kind == OPTION_FLAG && value)
		return why(ret_why, -EINVAL, "--%s takes no value", f.spec->name);
	if (f.spec->kind != OPTION_FLAG && !value) {
		if (*at + 1 >= argc)
			return why(ret_why, -EINVAL, "--%s wants %s", f.spec->name, f.spec->value);
		value = argv[++*at];
	}
	return option_store(&f, value, ret_why);
}

int options_parse(const struct option_set *sets, size_t n_sets, int argc, char **argv,
		  const char ***ret_operands, size_t *ret_n, char **ret_why)
{
	_cleanup_free_ const char **operands = calloc((size_t)argc + 1, sizeof(*operands));
	bool only_operands = false;
	size_t n = 0;

	if (!operands)
		return -ENOMEM;
	for (int i = 0; i < argc; i++) {
		int r;

		if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
			operands[n++] = argv[i];
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			only_operands = true;
			continue;
		}
		r = option_parse(sets, n_sets, argc, argv, &i, ret_why);
		if (r < 0)
			return r;
	}
	*ret_operands = take_ptr(operands);
	*ret_n = n;
	return 0;
}

void options_done(const struct option_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->specs[i].kind == OPTION_TEXTS)
			free(((struct texts *)((char *)set->target + set->specs[i].offset))->items);
	}
}
