/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const words[] = {
#define X(id, word) word,
	OUTPUTS(X)
#undef X
};

enum output output_parse(const char *word, unsigned allowed)
{
	for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
		if ((allowed & 1u << i) && !strcmp(word, words[i]))
			return (enum output)(1u << i);
	}
	return 0;
}

const char *output_words(unsigned allowed, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < OUTPUT_COUNT && used < size; i++) {
		if (!(allowed & 1u << i))
			continue;
		allowed &= ~(1u << i);
		used += (size_t)snprintf(text + used, size - used, "%s%s", !used ? "" : allowed ? ", " : " or ", words[i]);
	}
	return text;
}

bool output_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
}

static int dump(const json_t *document, size_t flags)
{
	if (json_dumpf(document, stdout, flags | JSON_ENCODE_ANY) < 0 || fputc('\n', stdout) == EOF)
		return -EIO;
	return 0;
}

int output_json(const json_t *document)
{
	return dump(document, JSON_INDENT(2));
}

int output_jsonl(const json_t *document)
{
	return dump(document, JSON_COMPACT);
}

void output_csv_cell(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

const char *field_text(const json_t *object, const char *name, char *text, size_t size)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		return json_string_value(value);
	text[0] = '\0';
	if (json_is_integer(value))
		snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, size, "%.3f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
	return text;
}
