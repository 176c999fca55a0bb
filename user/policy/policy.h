/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy text.
 * Out: a model, diagnostics with file, line and column, an image for the kernel, explanations and differences.
 * Never: the kernel, the clock, the network, logging. Everything here runs without root and gives the same answer twice.
 */
#ifndef CORDON_POLICY_H
#define CORDON_POLICY_H

#include <stdio.h>

#include "image.h"
#include "model.h"

#define POLICY_MAX_BYTES (64u << 20) /* all files together */
#define POLICY_MAX_DEPTH 16
#define POLICY_MAX_EVENTS 4000000u /* 100,000 devices and 10,000 rules are 2.3 million; more than this cannot be refused in 2 s */

/* One document. `text` need not be NUL-terminated and stays the caller's. */
struct policy_source {
	const char *name;
	const char *text;
	size_t size;
};

/* Errors refuse the policy; warnings say what is weaker than it looks. In the order of the files. */
struct diagnostic {
	char *file;
	uint32_t line, column;
	bool warning;
	char *message;
};

struct diagnostics {
	struct diagnostic *items;
	size_t n;
	size_t errors;   /* also those that are not among the items */
	size_t warnings;
};

#define POLICY_MAX_DIAGNOSTICS 200 /* of each kind; then one that says so */

/* `line` 0: the whole file. Without memory the message is lost but the count is not. */
void diagnostics_add(struct diagnostics *d, bool warning, const char *file, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* By file as listed in `files`, then by position; the same order again if nothing was added. */
void diagnostics_sort(struct diagnostics *d, const char *const *files, size_t n_files);
void diagnostics_done(struct diagnostics *d);
/* "FILE:LINE:COL: message" a line; warnings as "FILE:LINE:COL: warning: message" */
void diagnostics_print(const struct diagnostics *d, FILE *out);

/*
 * Text to a checked model. All errors of all files come in one run; with any, the result is -EINVAL and *ret untouched.
 * -EFBIG: over POLICY_MAX_BYTES (said in the diagnostics too). -ENOMEM.
 */
int policy_parse(const struct policy_source *sources, size_t n, struct diagnostics *d, struct policy **ret);
void policy_free(struct policy *policy);

/*
 * Model to image. -E2BIG with a diagnostic that names the sizes needed and available if it does not fit; with one too if rules
 * depend on time and the site's time zone is not known on this machine.
 */
int policy_compile(const struct policy *policy, const struct policy_env *env, struct diagnostics *d, struct image **ret);

/*
 * Runs `tests:`; a failed one is an error diagnostic at its place. *ret_passed and *ret_failed count them. `now` in seconds since
 * the epoch is for tests without `at`.
 */
int policy_run_tests(const struct policy *policy, const struct image *image, int64_t now, struct diagnostics *d, size_t *ret_passed,
		     size_t *ret_failed);

/*
 * Sources from files, or from folders read in name order (*.yaml, *.yml). -ENOENT also for a folder without any such file,
 * -EFBIG: over POLICY_MAX_BYTES in all; *ret_why gets a sentence to free, on failure only.
 */
int policy_load_path(const char *const *paths, size_t n, struct policy_source **ret, size_t *ret_n, char **ret_why);
void policy_sources_free(struct policy_source *sources, size_t n);

/* SHA-256 over the sources' bytes with their lengths, hex; the hash of a revision. */
void policy_hash(const struct policy_source *sources, size_t n, char ret[65]);

/* What the decision about a new flow is and how it came about, step by step. */
struct explain_query {
	const char *from; /* a peer (`device:x`), a device id, or an address */
	const char *to;
	const char *service; /* `tcp/445` */
	int64_t at;          /* seconds since the epoch, or IMAGE_NO_TIME */
};

struct explain_step {
	char *stage;  /* "devices", "quarantine", "deny rules", "allow rules", "default" */
	char *result; /* "no match", "MATCH no-lan", … */
	char *detail;
};

struct explanation {
	enum cordon_verdict verdict; /* after the modes */
	enum cordon_reason reason;
	uint32_t rule;               /* index, or CORDON_RULE_NONE */
	enum cordon_mode mode;       /* of the stricter end */
	char *from, *to;             /* as resolved, with segment and class */
	struct explain_step *steps;
	size_t n_steps;
	char *would_allow;           /* what to write to allow it (or the nearest rule), NULL if it is allowed */
};

/* -EINVAL with a diagnostic if the query names nothing known. */
int policy_explain(const struct policy *policy, const struct image *image, const struct explain_query *query,
		   struct diagnostics *d, struct explanation *ret);
void explanation_done(struct explanation *e);

/* Who gains and who loses reach, pair of classes by pair and service range by service range, in the words of the policies. */
struct reach_change {
	char *from, *to;   /* "device cam-door", "segment phones (3 devices)", "internet" */
	char *service;     /* "tcp/443", "udp/6970-6999", "any" */
	enum cordon_verdict before, after; /* the widest of all times */
	char *rule;        /* rule that decides after the change, NULL: the default */
	char *when_before, *when_after; /* "allow in schedule shift, else deny"; NULL: at all times */
};

struct reach_diff {
	struct reach_change *items;
	size_t n;
};

/* `old` may be NULL (no policy yet). */
int policy_diff(const struct policy *old, const struct image *old_image, const struct policy *new,
		const struct image *new_image, struct reach_diff *ret);
void reach_diff_done(struct reach_diff *d);

#endif
