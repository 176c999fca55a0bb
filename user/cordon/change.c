/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that change what runs. */
#include <errno.h>
#include <string.h>

#include "../config/config.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "command.h"
#include "engine.h"
#include "table.h"

struct change_args {
	bool dry_run;
	const char *why;
	const char *reason;
	uint64_t time; /* --for, --confirm: ns */
	bool wait;
};

#define CHANGE_GROUP "Change what runs (root)"

static enum control_status print_document(const struct invocation *inv, const json_t *doc)
{
	int r = 0;

	if (doc && inv->output == OUTPUT_JSON)
		r = output_json(doc);
	else if (doc && inv->output == OUTPUT_JSONL)
		r = output_jsonl(doc);
	return r < 0 ? complain(inv, CONTROL_ERROR, "cannot write the output: %s", strerror(-r)) : CONTROL_DONE;
}

/* "maint", and for rules that depend on time what was and what will be: "maint: allow at all times -> allow in schedule …, else deny" */
static void rule_cell(struct table *table, const json_t *item)
{
	const char *rule = *field(item, "rule") ? field(item, "rule") : "(default)", *always = "at all times the same";
	const char *before = field(item, "when_before"), *after = field(item, "when_after");
	_cleanup_free_ char *text = NULL;

	if (*before || *after)
		text = format_text("%s: %s -> %s", rule, *before ? before : always, *after ? after : always);
	table_cell(table, TINT_PLAIN, text ? text : rule);
}

static void diff_print(const json_t *list)
{
	static const char *const headings[] = {"FROM", "TO", "SERVICE", "BEFORE", "AFTER", "RULE"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *item;
	size_t i;

	if (!table)
		return;
	if (!json_array_size(list)) {
		puts("nobody gains or loses reach");
		return;
	}
	json_array_foreach(list, i, item) {
		table_cell(table, TINT_PLAIN, field(item, "from"));
		table_cell(table, TINT_PLAIN, field(item, "to"));
		table_cell(table, TINT_PLAIN, field(item, "service"));
		table_cell(table, tint_of_verdict(field(item, "before")), field(item, "before"));
		table_cell(table, tint_of_verdict(field(item, "after")), field(item, "after"));
		rule_cell(table, item);
	}
	table_print(table, stdout, output_colour());
}

/* Asks; prints the document for programs, the difference or the closing sentence for people. */
static enum control_status change_ask(const struct invocation *inv, struct engine_request *request)
{
	json_t *doc = NULL;
	enum control_status status, printed;

	request->say = inv->output == OUTPUT_TABLE;
	status = engine_ask_one(inv, request, &doc);
	if (inv->output == OUTPUT_TABLE && json_object_get(doc, "diff"))
		diff_print(json_object_get(doc, "diff"));
	printed = print_document(inv, doc);
	json_decref(doc);
	return printed == CONTROL_DONE ? status : printed;
}

/* With the policy text at these paths. */
static enum control_status change_with_policy(const struct invocation *inv, struct engine_request *request, const char *const *paths, size_t n)
{
	struct policy_source *sources = NULL;
	_cleanup_free_ char *message = NULL;
	enum control_status status;
	int r = policy_load_path(paths, n, &sources, &request->n_sources, &message);

	if (r < 0) {
		json_decref(request->args);
		return complain(inv, CONTROL_ERROR, "%s", message ? message : strerror(-r));
	}
	request->sources = sources;
	status = change_ask(inv, request);
	policy_sources_free(sources, request->n_sources);
	return status;
}

/* "apply home.yaml": what stands in the history when no --why is given. */
static char *why_of(const struct invocation *inv)
{
	struct buf text = {};

	buf_addf(&text, "%s", inv->command->name);
	for (size_t i = 0; i < inv->n_operands && text.size < 200; i++)
		buf_addf(&text, " %s", inv->operands[i]);
	return text.data;
}

/* null: not given */
static json_t *seconds_json(uint64_t ns)
{
	return ns ? json_real((double)ns / (double)NS_PER_S) : json_null();
}

static enum control_status apply_run(const struct invocation *inv)
{
	const struct change_args *args = inv->args;
	_cleanup_free_ char *why = why_of(inv);
	struct engine_request request = {
		.command = "apply",
		.args = json_pack("{s:b, s:s?, s:o, s:b}", "dry_run", args->dry_run, "why", args->why ? args->why : why, "confirm",
				  seconds_json(args->time), "wait", args->wait),
	};

	return change_with_policy(inv, &request, inv->operands, inv->n_operands);
}

static enum control_status diff_run(const struct invocation *inv)
{
	return change_with_policy(inv, &(struct engine_request){.command = "diff"}, inv->operands, inv->n_operands);
}

/* --dry-run: the difference to the folder that gateway.yaml names. */
static enum control_status reload_dry(const struct invocation *inv)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {};
	enum control_status status;
	int r = config_load(inv->config, &d, &config);

	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	if (r < 0)
		return complain(inv, CONTROL_ERROR, "cannot use %s: %s", inv->config, strerror(-r));
	status = change_with_policy(inv, &(struct engine_request){.command = "diff"}, (const char *const[]){config->policy}, 1);
	config_free(config);
	return status;
}

static enum control_status reload_run(const struct invocation *inv)
{
	const struct change_args *args = inv->args;

	if (args->dry_run)
		return reload_dry(inv);
	return change_ask(inv, &(struct engine_request){.command = "reload"});
}

static enum control_status rollback_run(const struct invocation *inv)
{
	struct engine_request request = {.command = "rollback"};
	char *end;

	if (inv->n_operands) {
		errno = 0;
		unsigned long long revision = strtoull(inv->operands[0], &end, 10);

		if (*end || errno || !revision)
			return complain(inv, CONTROL_USAGE, "'%s' is not a revision; `cordon history` lists them", inv->operands[0]);
		request.args = json_pack("{s:I}", "revision", (json_int_t)revision);
	}
	return change_ask(inv, &request);
}

/* What a quarantine would stop: the device's live conversations. */
static enum control_status quarantine_dry(const struct invocation *inv)
{
	static const char *const headings[] = {"DEVICE", "PEER", "PROTO", "PORT", "RULE"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	struct engine_request request = {.command = "get", .args = json_pack("{s:s, s:s}", "kind", "flows", "device", inv->operands[0])};
	json_t *doc = NULL, *flow;
	enum control_status status = engine_ask_one(inv, &request, &doc);
	char number[32];
	size_t i;

	if (status == CONTROL_DONE && inv->output != OUTPUT_TABLE)
		status = print_document(inv, doc);
	else if (status == CONTROL_DONE && table) {
		json_array_foreach(json_object_get(doc, "flows"), i, flow) {
			table_cell(table, TINT_PLAIN, field(flow, "device"));
			table_cell(table, TINT_PLAIN, field(flow, "peer"));
			table_cell(table, TINT_PLAIN, field(flow, "proto"));
			table_cell(table, TINT_PLAIN, field_text(flow, "dport", number, sizeof(number)));
			table_cell(table, TINT_PLAIN, field(flow, "rule"));
		}
		printf("a quarantine of %s would stop %zu live conversation%s\n", inv->operands[0], table_rows(table), table_rows(table) == 1 ? "" : "s");
		if (table_rows(table))
			table_print(table, stdout, output_colour());
	}
	json_decref(doc);
	return status;
}

static enum control_status quarantine_run(const struct invocation *inv)
{
	const struct change_args *args = inv->args;

	if (args->dry_run)
		return quarantine_dry(inv);
	return change_ask(inv, &(struct engine_request){
		.command = "quarantine", .args = json_pack("{s:s, s:s?, s:o}", "device", inv->operands[0], "reason", args->reason, "for",
							   seconds_json(args->time))});
}

static enum control_status confirm_run(const struct invocation *inv)
{
	return change_ask(inv, &(struct engine_request){.command = "confirm"});
}

static enum control_status release_run(const struct invocation *inv)
{
	return change_ask(inv, &(struct engine_request){.command = "release", .args = json_pack("{s:s}", "device", inv->operands[0])});
}

static enum control_status brake_run(const struct invocation *inv)
{
	bool on = !strcmp(inv->operands[0], "on");

	if (!on && strcmp(inv->operands[0], "release"))
		return complain(inv, CONTROL_USAGE, "'%s': it is `cordon brake on` or `cordon brake release`", inv->operands[0]);
	return change_ask(inv, &(struct engine_request){.command = "brake", .args = json_pack("{s:b}", "on", on)});
}

#define DRY_RUN(text) {"dry-run", 'n', NULL, text, OPTION_FLAG, offsetof(struct change_args, dry_run)}

static const struct option_spec apply_options[] = {
	DRY_RUN("only say who would gain and lose reach; exit 3 if anything changes"),
	{"confirm", 0, "TIME", "unless `cordon confirm` comes in that time (60s, 5m), go back by itself to what runs now", OPTION_DURATION,
	 offsetof(struct change_args, time)},
	{"wait", 0, NULL, "with --confirm: wait for how it ends; exit 9 if it went back", OPTION_FLAG, offsetof(struct change_args, wait)},
	{"why", 0, "TEXT", "for the history and the audit log", OPTION_TEXT, offsetof(struct change_args, why)},
};
static const struct option_spec reload_options[] = {
	DRY_RUN("only say who would gain and lose reach; exit 3 if anything changes"),
};
static const struct option_spec quarantine_options[] = {
	DRY_RUN("only list the live conversations that it would stop"),
	{"for", 0, "TIME", "how long: 90s, 15m, 1h30m; without it until it is released", OPTION_DURATION, offsetof(struct change_args, time)},
	{"reason", 0, "TEXT", "for the audit log", OPTION_TEXT, offsetof(struct change_args, reason)},
};

#define FORMATS (OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL)

const struct command command_diff = {
	.name = "diff",
	.group = CHANGE_GROUP,
	.summary = "who gains and who loses reach against what runs; changes nothing",
	.usage = "FILE… [-o FORMAT]",
	.help =
		"Compares what runs with FILE (files or folders), conversation by conversation and not line by line: a file that is\n"
		"written differently and means the same changes nothing.\n"
		"\n"
		"Exit status: 0 nothing changes, 3 something does.\n",
	.outputs = FORMATS,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.run = diff_run,
};

const struct command command_apply = {
	.name = "apply",
	.group = CHANGE_GROUP,
	.summary = "put a policy into force, all of it or none, and say how to undo it",
	.usage = "FILE… [--confirm TIME [--wait]] [--dry-run] [--why TEXT] [-o FORMAT]",
	.help =
		"The policy is in force when the command returns; live flows that it no longer allows are cut within a second. A policy\n"
		"that is wrong or does not fit is refused, and what runs stays. No packet is judged by a mix of two policies.\n"
		"\n"
		"With --confirm the command returns at once, and the kernel goes back by itself to what ran before unless `cordon confirm`\n"
		"comes in time, whatever becomes of this session or of cordond. `cordon rollback` goes back at once.\n"
		"\n"
		"  cordon apply home.yaml --dry-run\n"
		"  cordon apply home.yaml --confirm 60s\n"
		"  cordon apply /etc/cordon/policy.d --why 'new camera'\n",
	.options = apply_options,
	.n_options = ARRAY_SIZE(apply_options),
	.args_size = sizeof(struct change_args),
	.outputs = FORMATS,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.run = apply_run,
};

const struct command command_confirm = {
	.name = "confirm",
	.group = CHANGE_GROUP,
	.summary = "keep what was applied with --confirm",
	.usage = "[-o FORMAT]",
	.help = "Exit status: 0 it stays, 4 nothing waits, 9 it was too late: what ran before is in force again.\n",
	.outputs = FORMATS,
	.run = confirm_run,
};

const struct command command_rollback = {
	.name = "rollback",
	.group = CHANGE_GROUP,
	.summary = "go back to an earlier revision",
	.usage = "[REVISION] [-o FORMAT]",
	.help = "Without REVISION to the one before. It becomes a new revision; `cordon history` lists them all. What waits to be confirmed\n"
		"is taken back instead, and nothing new is made.\n",
	.outputs = FORMATS,
	.max_operands = 1,
	.run = rollback_run,
};

const struct command command_reload = {
	.name = "reload",
	.group = CHANGE_GROUP,
	.summary = "apply the folder that gateway.yaml names as policy:",
	.usage = "[--dry-run] [-o FORMAT]",
	.help = "As SIGHUP to the daemon does. If the folder is what already runs, there is no new revision.\n",
	.options = reload_options,
	.n_options = ARRAY_SIZE(reload_options),
	.args_size = sizeof(struct change_args),
	.outputs = FORMATS,
	.run = reload_run,
};

const struct command command_quarantine = {
	.name = "quarantine",
	.group = CHANGE_GROUP,
	.summary = "cut a device off at once: ARP, ND and DHCP are left, nothing else",
	.usage = "DEVICE [--for TIME] [--dry-run] [--reason TEXT] [-o FORMAT]",
	.help =
		"DEVICE is an id of the policy, or mac-aabbcc001122 as `cordon get devices` shows devices that no file names.\n"
		"Holds in every mode and under the brake, until `cordon release DEVICE` or the end that --for gives it, which the kernel\n"
		"keeps, whatever becomes of cordond.\n",
	.options = quarantine_options,
	.n_options = ARRAY_SIZE(quarantine_options),
	.args_size = sizeof(struct change_args),
	.outputs = FORMATS,
	.min_operands = 1,
	.max_operands = 1,
	.run = quarantine_run,
};

const struct command command_release = {
	.name = "release",
	.group = CHANGE_GROUP,
	.summary = "end a quarantine",
	.usage = "DEVICE [-o FORMAT]",
	.help = "UDP goes on with the next packet; TCP starts anew.\n",
	.outputs = FORMATS,
	.min_operands = 1,
	.max_operands = 1,
	.run = release_run,
};

const struct command command_brake = {
	.name = "brake",
	.group = CHANGE_GROUP,
	.summary = "stop enforcing on the whole site, or go on; quarantines stay",
	.usage = "on [-o FORMAT]\nrelease [-o FORMAT]",
	.help = "With the brake on, what would be dropped passes and is told as would_deny. `cordon status` shows it as degraded.\n",
	.outputs = FORMATS,
	.min_operands = 1,
	.max_operands = 1,
	.run = brake_run,
};
