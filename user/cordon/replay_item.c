/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "timespan.h"
#include "replay_input.h"

static const char *const kind_words[] = {
#define X(id, word) word,
	REPLAY_ITEMS(X)
#undef X
};

static const char *const dir_words[] = {
#define X(id, word) word,
	CORDON_DIRS(X)
#undef X
};

int replay_dir_parse(const char *word, enum cordon_dir *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(dir_words); i++) {
		if (strcmp(word, dir_words[i]))
			continue;
		*ret = (enum cordon_dir)i;
		return 0;
	}
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int hex_parse(const json_t *value, uint8_t *bytes, size_t *ret_size, char **ret_why)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (!text)
		return why(ret_why, -EINVAL, "\"frame\" wants the frame as hex digits in a string");
	if (length % 2)
		return why(ret_why, -EINVAL, "\"frame\" has an odd number of hex digits (%zu)", length);
	if (length / 2 > REPLAY_MAX_FRAME)
		return why(ret_why, -EINVAL, "\"frame\" is %zu bytes long; at most %u", length / 2, REPLAY_MAX_FRAME);
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return why(ret_why, -EINVAL, "\"frame\" has something else than hex digits at byte %zu", i / 2);
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_size = length / 2;
	return 0;
}

/* A text field, `fallback` where it is absent or null. */
static int text_field(const json_t *object, const char *name, const char *fallback, const char **ret, char **ret_why)
{
	const json_t *value = json_object_get(object, name);

	if (value && !json_is_null(value) && !json_is_string(value))
		return why(ret_why, -EINVAL, "\"%s\" wants a string", name);
	if (json_is_string(value) && !*json_string_value(value))
		return why(ret_why, -EINVAL, "\"%s\" is empty", name);
	*ret = json_is_string(value) ? json_string_value(value) : fallback;
	return 0;
}

static int needed_field(const json_t *object, const char *name, const char *fallback, const char **ret, char **ret_why)
{
	int r = text_field(object, name, fallback, ret, ret_why);

	if (r < 0 || *ret)
		return r;
	return why(ret_why, -EINVAL, "\"%s\" is missing", name);
}

static int gso_parse(const json_t *value, struct replay_item *item, char **ret_why)
{
	json_int_t size = json_integer_value(json_array_get(value, 0)), segments = json_integer_value(json_array_get(value, 1));

	if (!value || json_is_null(value))
		return 0;
	if (json_array_size(value) != 2 || size < 1 || size > UINT16_MAX || segments < 1 || segments > UINT16_MAX)
		return why(ret_why, -EINVAL, "\"gso\" wants [size, segments], each 1 to 65535");
	item->gso_size = (uint32_t)size;
	item->gso_segs = (uint32_t)segments;
	return 0;
}

static int expect_parse(const json_t *object, struct replay_item *item, char **ret_why)
{
	const char *word;
	int r = text_field(object, "expect", NULL, &word, ret_why);

	if (r < 0 || !word)
		return r;
	if (!strcmp(word, "pass"))
		item->expect = REPLAY_EXPECT_PASS;
	else if (!strcmp(word, "drop"))
		item->expect = REPLAY_EXPECT_DROP;
	else
		return why(ret_why, -EINVAL, "\"expect\" is \"pass\" or \"drop\", not \"%s\"", word);
	return 0;
}

static int frame_parse(const json_t *object, const struct replay_defaults *defaults, uint8_t *bytes, struct replay_item *item, char **ret_why)
{
	const char *dir = NULL;
	int r;

	item->kind = REPLAY_FRAME;
	item->name = json_object_get(object, "name");
	r = needed_field(object, "port", defaults->port, &item->port, ret_why);
	if (r >= 0)
		r = needed_field(object, "dir", defaults->dir >= 0 ? dir_words[defaults->dir] : NULL, &dir, ret_why);
	if (r >= 0)
		r = text_field(object, "in_port", defaults->in_port, &item->in_port, ret_why);
	if (r >= 0)
		r = gso_parse(json_object_get(object, "gso"), item, ret_why);
	if (r >= 0)
		r = expect_parse(object, item, ret_why);
	if (r < 0)
		return r;
	if (replay_dir_parse(dir, &item->dir) < 0)
		return why(ret_why, -EINVAL, "\"dir\" is \"from_device\" or \"to_device\", not \"%s\"", dir);
	if (!json_object_get(object, "frame"))
		return why(ret_why, -EINVAL, "\"frame\" is missing");
	item->bytes = bytes;
	return hex_parse(json_object_get(object, "frame"), bytes, &item->size, ret_why);
}

static int kind_parse(const char *word, enum replay_kind *ret, char **ret_why)
{
	const char *near;

	for (size_t i = REPLAY_FRAME + 1; i < REPLAY_KIND_COUNT; i++) {
		if (strcmp(word, kind_words[i]))
			continue;
		*ret = (enum replay_kind)i;
		return 0;
	}
	near = name_nearest_of(word, kind_words + 1, REPLAY_KIND_COUNT - 1);
	if (near)
		return why(ret_why, -EINVAL, "\"do\" knows no \"%s\"; did you mean \"%s\"?", word, near);
	return why(ret_why, -EINVAL, "\"do\" knows no \"%s\"", word);
}

static int do_parse(const json_t *object, struct replay_item *item, char **ret_why)
{
	const char *word, *duration;
	int r = needed_field(object, "do", NULL, &word, ret_why);

	if (r >= 0)
		r = kind_parse(word, &item->kind, ret_why);
	if (r < 0 || item->kind == REPLAY_RESET)
		return r;
	if (item->kind == REPLAY_APPLY)
		return needed_field(object, "policy", NULL, &item->policy, ret_why);
	if (item->kind != REPLAY_WAIT)
		return needed_field(object, "device", NULL, &item->device, ret_why);
	r = needed_field(object, "for", NULL, &duration, ret_why);
	if (r >= 0 && timespan_parse(duration, &item->wait) < 0)
		return why(ret_why, -EINVAL, "\"for\" wants a duration such as \"31s\", \"5m\" or \"200ms\", not \"%s\"", duration);
	return r;
}

int replay_item_parse(const json_t *object, const struct replay_defaults *defaults, uint8_t *bytes, struct replay_item *ret, char **ret_why)
{
	struct replay_item item = {};
	int r;

	if (!json_is_object(object))
		return why(ret_why, -EINVAL, "not a JSON object");
	if (json_object_get(object, "do"))
		r = do_parse(object, &item, ret_why);
	else
		r = frame_parse(object, defaults, bytes, &item, ret_why);
	if (r >= 0)
		*ret = item;
	return r;
}
