/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../config/config.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "command.h"
#include "table.h"

static const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMANDS(X)
#undef X
};

#define HELP_COLUMN 26 /* where the text of an option begins */

/* What every command takes. */
struct common {
	const char *config;
	const char *output;
	bool help;
};

static const struct option_spec common_options[] = {
	{"config", 'c', "FILE", "gateway.yaml (default: $CORDON_CONFIG, else " CONFIG_DEFAULT_PATH ")", OPTION_TEXT, offsetof(struct common, config)},
	{"output", 'o', "FORMAT", NULL, OPTION_TEXT, offsetof(struct common, output)},
	{"help", 'h', NULL, "this text", OPTION_FLAG, offsetof(struct common, help)},
};

static const char tutorial[] =
	"\n"
	"First steps\n"
	"  cordon check home.yaml                            is it right? all mistakes in one run, and its own tests\n"
	"  cordon explain --policy home.yaml --from device:cam-door --to internet --service tcp/443\n"
	"  cordon diff home.yaml                             who gains and who loses reach against what runs\n"
	"  cordon apply home.yaml                            in force when it returns; prints how to undo it\n"
	"  cordon observe -f                                 flows and drops as they happen, with rule and reason\n"
	"  cordon get devices                                who is here, on which port, in which segment\n"
	"\n"
	"Every command takes -c gateway.yaml, and -o table, json or jsonl where it prints data; `cordon COMMAND --help` says more.\n"
	"Exit status: 0 done, 1 error, 2 usage, 3 would change or a test failed, 4 not found, 5 daemon not reachable,\n"
	"6 not permitted, 7 conflict, 8 degraded, 9 reverted.\n"
	"Manual pages: cordon(1) cordond(8) cordon-policy(5) cordon-gateway(5)\n";

static void help_all(FILE *out)
{
	const char *group = "";

	fputs("cordon: a device may do what the policy names and nothing else; everything it does is accounted for\n"
	      "\n"
	      "usage: cordon COMMAND [operands] [options]\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(group, commands[i]->group))
			fprintf(out, "\n%s\n", commands[i]->group);
		group = commands[i]->group;
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	}
	fputs(tutorial, out);
}

static void help_option(FILE *out, const struct option_spec *spec, const char *text)
{
	char left[64], letter[] = {'-', spec->letter, ',', ' ', '\0'};

	snprintf(left, sizeof(left), "%s--%s%s%s", spec->letter ? letter : "    ", spec->name, spec->value ? " " : "",
		 spec->value ? spec->value : "");
	fprintf(out, "  %s%*s %s\n", left, HELP_COLUMN > text_width(left) ? (int)(HELP_COLUMN - text_width(left)) : 0, "", text);
}

static void help_usage(FILE *out, const struct command *command)
{
	const char *form = command->usage, *label = "usage:";

	while (*form) {
		size_t length = strcspn(form, "\n");

		fprintf(out, "%s cordon %s %.*s\n", label, command->name, (int)length, form);
		form += length + (form[length] == '\n');
		label = "      ";
	}
}

static void help_command(FILE *out, const struct command *command)
{
	char formats[64], text[96];

	fprintf(out, "cordon %s: %s\n\n", command->name, command->summary);
	help_usage(out, command);
	fputs("\nOptions\n", out);
	for (size_t i = 0; i < command->n_options; i++)
		help_option(out, &command->options[i], command->options[i].help);
	for (size_t i = 0; i < ARRAY_SIZE(common_options); i++) {
		const struct option_spec *spec = &common_options[i];

		if (spec->help)
			help_option(out, spec, spec->help);
		else if (command->outputs) {
			snprintf(text, sizeof(text), "%s", output_words(command->outputs, formats, sizeof(formats)));
			help_option(out, spec, text);
		}
	}
	fprintf(out, "\n%s", command->help);
}

enum control_status complain(const struct invocation *inv, enum control_status status, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "cordon %s: ", inv->command->name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static enum control_status usage_error(const struct invocation *inv, const char *message)
{
	complain(inv, CONTROL_USAGE, "%s", message);
	help_usage(stderr, inv->command);
	fprintf(stderr, "`cordon %s --help` says more\n", inv->command->name);
	return CONTROL_USAGE;
}

static enum control_status choose_output(struct invocation *inv, const char *word)
{
	char formats[64];

	inv->output = (enum output)(inv->command->outputs & -inv->command->outputs);
	if (!word)
		return CONTROL_DONE;
	inv->output = output_parse(word, inv->command->outputs);
	if (inv->output)
		return CONTROL_DONE;
	if (!inv->command->outputs)
		return complain(inv, CONTROL_USAGE, "there is no -o here: the output has one form");
	return complain(inv, CONTROL_USAGE, "-o wants %s, not '%s'", output_words(inv->command->outputs, formats, sizeof(formats)), word);
}

static void choose_config(struct invocation *inv, const char *given)
{
	const char *environment = getenv("CORDON_CONFIG");

	if (!given && environment && *environment)
		given = environment;
	inv->config = given ? given : CONFIG_DEFAULT_PATH;
	inv->config_named = given != NULL;
}

static enum control_status run_parsed(struct invocation *inv, const struct common *common)
{
	const struct command *command = inv->command;
	enum control_status status;

	if (common->help) {
		help_command(stdout, command);
		return CONTROL_DONE;
	}
	if (inv->n_operands < command->min_operands)
		return usage_error(inv, "something is missing");
	if (inv->n_operands > command->max_operands) {
		complain(inv, CONTROL_USAGE, "'%s' is one too many", inv->operands[command->max_operands]);
		help_usage(stderr, command);
		return CONTROL_USAGE;
	}
	status = choose_output(inv, common->output);
	if (status != CONTROL_DONE)
		return status;
	choose_config(inv, common->config);
	return command->run(inv);
}

static enum control_status run_command(const struct command *command, int argc, char **argv)
{
	_cleanup_free_ void *args = calloc(1, command->args_size + 1);
	_cleanup_free_ const char **operands = NULL;
	_cleanup_free_ char *message = NULL;
	struct common common = {};
	struct invocation inv = {.command = command, .args = args};
	struct option_set sets[] = {
		{command->options, command->n_options, args},
		{common_options, ARRAY_SIZE(common_options), &common},
	};
	enum control_status status;

	if (!args)
		return CONTROL_ERROR;
	if (options_parse(sets, ARRAY_SIZE(sets), argc, argv, &operands, &inv.n_operands, &message) < 0) {
		status = usage_error(&inv, message ? message : "out of memory");
	} else {
		inv.operands = operands;
		status = run_parsed(&inv, &common);
	}
	options_done(&sets[0]);
	return status;
}

static const char *command_name_at(void *ctx, size_t i)
{
	(void)ctx;
	return commands[i]->name;
}

static enum control_status unknown_command(const char *word)
{
	const char *near = name_nearest(word, command_name_at, NULL, ARRAY_SIZE(commands));

	fprintf(stderr, "cordon: unknown command '%s'", word);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	fputs("\n`cordon --help` lists all commands\n", stderr);
	return CONTROL_USAGE;
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

/* `cordon help`, `cordon help COMMAND` */
static enum control_status help_for(const char *word)
{
	const struct command *command = word ? command_find(word) : NULL;

	if (word && !command)
		return unknown_command(word);
	if (command)
		help_command(stdout, command);
	else
		help_all(stdout);
	return CONTROL_DONE;
}

static enum control_status dispatch(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		help_all(stderr);
		return CONTROL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help_for(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version")) {
		puts("cordon " CORDON_VERSION);
		return CONTROL_DONE;
	}
	if (argv[1][0] == '-') {
		fprintf(stderr, "cordon: the command comes first, then '%s'\n`cordon --help` lists all commands\n", argv[1]);
		return CONTROL_USAGE;
	}
	command = command_find(argv[1]);
	return command ? run_command(command, argc - 2, argv + 2) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
	enum control_status status;

	setlocale(LC_CTYPE, "C.UTF-8");
	status = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "cordon: cannot write the output: %s\n", strerror(errno));
		return CONTROL_ERROR;
	}
	return status;
}
