/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the words a person typed after `cordon`.
 * Out: one table of commands; each describes itself (summary, usage, options, help) and runs.
 * Never: enforcement. A command asks the engine over its socket, or works on files.
 *
 * To add one: a file that defines `const struct command command_NAME`, a line in COMMANDS, a section in docs/man/cordon.1.
 */
#ifndef CORDON_COMMAND_H
#define CORDON_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "../control/control.h"
#include "options.h"
#include "output.h"

/* In the order and groups of `cordon --help`. */
#define COMMANDS(X) \
	X(check) \
	X(explain) \
	X(replay) \
	X(diff) \
	X(apply) \
	X(confirm) \
	X(rollback) \
	X(reload) \
	X(quarantine) \
	X(release) \
	X(brake) \
	X(status) \
	X(doctor) \
	X(get) \
	X(describe) \
	X(observe) \
	X(history) \
	X(audit)

struct invocation;

struct command {
	const char *name;
	const char *group;   /* heading in `cordon --help` */
	const char *summary; /* one line */
	const char *usage;   /* what follows "cordon NAME"; a line a form */
	const char *help;    /* paragraphs and examples under the options; ends with a newline */
	const struct option_spec *options;
	size_t n_options;
	size_t args_size;    /* of the struct that the options' offsets mean */
	size_t min_operands;
	size_t max_operands;
	unsigned outputs;    /* OUTPUT_* that -o accepts; the lowest bit is the default */
	enum control_status (*run)(const struct invocation *inv);
};

struct invocation {
	const struct command *command;
	const char *config;  /* gateway.yaml: -c, else $CORDON_CONFIG, else the default path */
	bool config_named;   /* by -c or the environment: it must exist */
	enum output output;
	const char *const *operands;
	size_t n_operands;
	const void *args;    /* zeroed, then filled by the options */
};

#define X(name) extern const struct command command_##name;
COMMANDS(X)
#undef X

/* "cordon NAME: message" on stderr; returns `status` so that `return complain(inv, CONTROL_ERROR, "…")` reads well. */
enum control_status complain(const struct invocation *inv, enum control_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
