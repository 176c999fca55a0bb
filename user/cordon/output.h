/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  documents and cells.
 * Out: data on stdout, as the person or the program wants it.
 * Never: colour beside a terminal, against NO_COLOR, or as the only carrier of a meaning.
 */
#ifndef CORDON_OUTPUT_H
#define CORDON_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define OUTPUTS(X) \
	X(TABLE, "table") \
	X(JSON, "json") \
	X(JSONL, "jsonl") \
	X(CSV, "csv")

enum output_bit {
#define X(id, word) OUTPUT_BIT_##id,
	OUTPUTS(X)
#undef X
	OUTPUT_COUNT
};

/* Bits, so that a command can say which it knows. */
enum output {
#define X(id, word) OUTPUT_##id = 1 << OUTPUT_BIT_##id,
	OUTPUTS(X)
#undef X
};

/* The format of a word if `allowed` has it, else 0. */
enum output output_parse(const char *word, unsigned allowed);
/* "table, json or jsonl" into text */
const char *output_words(unsigned allowed, char *text, size_t size);

bool output_colour(void);

/* The whole document, indented; or its one line. */
int output_json(const json_t *document);
int output_jsonl(const json_t *document);

/* Cell of CSV: quoted where it must be (RFC 4180). */
void output_csv_cell(FILE *out, const char *text);

/* A text field of a JSON object, "" where there is none; numbers and booleans as text in `text`. */
const char *field(const json_t *object, const char *name);
const char *field_text(const json_t *object, const char *name, char *text, size_t size);

#endif
