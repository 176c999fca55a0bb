/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a YAML tree, and for each kind of mapping a table of its keys.
 * Out: structs filled; for every mistake its place, what was expected and the nearest known word.
 * Never: what the words mean.
 *
 * Reading does not stop at a mistake (but at a thousand of them): the field stays as it was, the teller counts.
 */
#ifndef CORDON_LIB_FORM_H
#define CORDON_LIB_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yaml.h"

#define FORM_MAX_ERRORS 1000

typedef void (*form_tell_fn)(void *ctx, uint32_t line, uint32_t column, bool warning, const char *message);

struct form {
	const struct yaml_tree *tree;
	form_tell_fn tell;
	void *ctx;
	bool no_memory; /* sticks */
	size_t told;    /* errors so far; past FORM_MAX_ERRORS reading stops */
};

typedef void (*form_value_fn)(struct form *f, const struct yaml_node *value, void *field, const void *arg);

struct form_key {
	const char *name;
	form_value_fn parse;
	size_t offset;      /* of the field in the struct that is filled */
	const void *arg;    /* for `parse` */
	bool required;
	const char *parked; /* why the key has no effect in this version: a warning where it is used */
};

struct form_table {
	const char *what; /* "a rule" */
	const struct form_key *keys;
	size_t n;
};
#define FORM_TABLE(what_, keys_) {.what = (what_), .keys = (keys_), .n = sizeof(keys_) / sizeof((keys_)[0])}

struct form_words {
	const char *what; /* "a mode" */
	const char *const *words;
	size_t n;
};
#define FORM_WORDS(what_, words_) {.what = (what_), .words = (words_), .n = sizeof(words_) / sizeof((words_)[0])}

struct form_range {
	uint32_t min, max;
};

void form_error(struct form *f, const struct yaml_node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
void form_warning(struct form *f, const struct yaml_node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As yaml_first() and yaml_next(), until there were too many mistakes. */
const struct yaml_node *form_first(struct form *f, const struct yaml_node *node);
const struct yaml_node *form_next(struct form *f, const struct yaml_node *node);
/* A mapping by its table; false if it is none (told). */
bool form_mapping(struct form *f, const struct yaml_node *node, const struct form_table *table, void *object);
/* True if `node` is a mapping or sequence; else told as "expected WHAT". Refused nodes are false in silence. */
bool form_is(struct form *f, const struct yaml_node *node, enum yaml_kind kind, const char *what);
/* The text of a scalar that is not empty; NULL if it is none (told as "expected WHAT"). */
const char *form_scalar(struct form *f, const struct yaml_node *node, const char *what);
/* One value, or each of a list of at least one. */
void form_each(struct form *f, const struct yaml_node *node, const char *what, form_value_fn fn, void *field, const void *arg);
/* A new zeroed item at the end of an array; `items` is a pointer to its pointer. NULL without memory. */
void *form_add(struct form *f, void *items, size_t *n, size_t size);
/* A copy; NULL without memory, which sticks. */
char *form_copy(struct form *f, const char *text);

/* Value parsers for tables; the type of the field stands behind each. */
void form_text(struct form *f, const struct yaml_node *value, void *field, const void *arg);     /* char *; arg: what, or NULL */
void form_id(struct form *f, const struct yaml_node *value, void *field, const void *arg);       /* char * */
void form_bool(struct form *f, const struct yaml_node *value, void *field, const void *arg);     /* bool */
void form_number(struct form *f, const struct yaml_node *value, void *field, const void *arg);   /* uint32_t; arg: struct form_range */
void form_word(struct form *f, const struct yaml_node *value, void *field, const void *arg);     /* int; arg: struct form_words */
void form_bits(struct form *f, const struct yaml_node *value, void *field, const void *arg);     /* uint32_t, 1 << word; one or a list */
void form_duration(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* uint64_t seconds: 10s, 5m, 1h, 7d */
void form_size(struct form *f, const struct yaml_node *value, void *field, const void *arg);     /* uint64_t bytes: 4096, 64KiB, 32MiB */

/* Names of the languages: a letter or digit, then letters, digits, `_`, `.`, `-`; at most 63. */
bool form_id_ok(const char *text);
/* The index of a word in a list, or -1. */
int form_find(const struct form_words *words, const char *text);
/* A whole number without sign or blanks; base 10, or 16 after 0x. */
bool number_parse(const char *text, uint32_t max, uint32_t *ret);
/* "10s", "5m", "1h", "7d" */
bool duration_parse(const char *text, uint64_t *ret_seconds);

#endif
