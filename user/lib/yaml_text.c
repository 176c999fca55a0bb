/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "yaml_tree.h"

/* Bytes of the UTF-8 sequence at `s`, 0 if it is none that YAML may hold (NUL, controls, overlong, surrogates). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	uint32_t rune;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 ? s[0] != 0x7f : s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < n)
		return 0;
	rune = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && rune < 0x800) || (n == 4 && rune < 0x10000) || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	if (rune < 0xa0 && rune != 0x85)
		return 0;
	return n;
}

/* libyaml keeps runs of blanks apart from the text beside them; a bound on a run bounds its memory. */
#define MAX_BLANKS (1u << 20)

struct cursor {
	uint32_t line, column; /* in characters, from 1 */
	size_t blanks;         /* of the run that ends here */
};

/* What is wrong with the character at `s`, NULL if nothing; *ret_size: its bytes. */
static const char *character_check(struct cursor *at, const unsigned char *s, size_t left, size_t *ret_size)
{
	*ret_size = utf8_length(s, left);
	if (*ret_size == 0)
		return s[0] < 0x80 ? "control characters are not allowed in YAML" : "not valid UTF-8";
	at->blanks = s[0] <= ' ' ? at->blanks + 1 : 0;
	return at->blanks > MAX_BLANKS ? "more than a million blanks in a row" : NULL;
}

static int characters_check(const char *text, size_t size, yaml_error_fn error, void *ctx)
{
	struct cursor at = {.line = 1, .column = 1};
	size_t n;

	for (size_t i = 0; i < size; i += n) {
		const char *wrong = character_check(&at, (const unsigned char *)text + i, size - i, &n);

		if (wrong) {
			error(ctx, at.line, at.column, wrong);
			return -EINVAL;
		}
		at.column = text[i] == '\n' ? 1 : at.column + 1;
		at.line += text[i] == '\n';
	}
	return 0;
}

/* A document with more of these has more events than its limit, or nearly so; seen in a tenth of the time. */
static int separators_check(const char *text, size_t size, uint32_t events, yaml_error_fn error, void *ctx)
{
	size_t most = (size_t)events + events / 4, n = 0;
	char message[128];

	for (size_t i = 0; i < size; i++)
		n += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{' || text[i] == '\n';
	if (n <= most)
		return 0;
	snprintf(message, sizeof(message), "too large: more than %zu commas, colons, opening brackets and line ends", most);
	error(ctx, 1, 1, message);
	return -EINVAL;
}

int yaml_text_check(const char *text, size_t size, const struct yaml_limits *limits, yaml_error_fn error, void *ctx)
{
	return characters_check(text, size, error, ctx) ?: separators_check(text, size, limits->events, error, ctx);
}
