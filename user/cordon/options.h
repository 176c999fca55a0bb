/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  argv and a table of options.
 * Out: a filled struct and the operands, or one sentence about what is wrong.
 * Never: abbreviations: a script that leans on one breaks with the next option.
 */
#ifndef CORDON_OPTIONS_H
#define CORDON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char *, borrowed from argv; the last one wins */
	OPTION_TEXTS,    /* struct texts: may be given again and again */
	OPTION_NUMBER,   /* uint64_t */
	OPTION_DURATION, /* uint64_t, ns */
};

struct texts {
	const char **items;
	size_t n;
};

struct option_spec {
	const char *name;  /* long, without the dashes */
	char letter;       /* short, 0: none */
	const char *value; /* how help calls its value: "FILE" */
	const char *help;
	enum option_kind kind;
	size_t offset;     /* of its field */
};

/* A table and the struct it fills. */
struct option_set {
	const struct option_spec *specs;
	size_t n;
	void *target;
};

/*
 * Options may stand anywhere before `--`. Operands are handed out in *ret_operands (to free; the strings are argv's).
 * -EINVAL with *ret_why.
 */
int options_parse(const struct option_set *sets, size_t n_sets, int argc, char **argv,
		  const char ***ret_operands, size_t *ret_n, char **ret_why);
/* Frees what OPTION_TEXTS gathered. */
void options_done(const struct option_set *set);

#endif
