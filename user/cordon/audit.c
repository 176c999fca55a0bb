/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log is read by whoever asks, from the database itself: an engine that lies, or is gone, does not matter. It is only
 * asked for the last record that it wrote, because a log whose end was cut off looks whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../config/config.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../state/state.h"
#include "command.h"
#include "engine.h"

struct audit_args {
	const char *file;
	const char *head;
};

static const struct option_spec options[] = {
	{"file", 0, "DATABASE", "another database than that of gateway.yaml: a copy, or one that was set aside", OPTION_TEXT, offsetof(struct audit_args, file)},
	{"head", 0, "NUMBER:HASH", "a record that must be in it, as noted earlier or as the log of cordond has it", OPTION_TEXT, offsetof(struct audit_args, head)},
};

static const struct {
	const char *word, *text;
} faults[] = {
#define X(id, word, text) [STATE_AUDIT_##id] = {word, text},
	STATE_AUDIT_FAULTS(X)
#undef X
};

static bool head_parse(const char *text, struct state_audit_head *ret)
{
	char *end;

	ret->seq = strtoull(text, &end, 10);
	if (!ret->seq || *end != ':' || strlen(end + 1) != sizeof(ret->hash) - 1 || strspn(end + 1, "0123456789abcdef") != sizeof(ret->hash) - 1)
		return false;
	memcpy(ret->hash, end + 1, sizeof(ret->hash));
	return true;
}

/* Not permitted ends here; without an engine the end of the log stays unproved. */
static enum control_status ask_head(const struct invocation *inv, struct state_audit_head *ret)
{
	json_t *doc = NULL, *audit;
	enum control_status status = engine_ask_one(inv, &(struct engine_request){.command = "status"}, &doc);
	const char *hash;

	audit = json_object_get(doc, "audit");
	hash = json_string_value(json_object_get(audit, "hash"));
	if (hash && strlen(hash) == sizeof(ret->hash) - 1) {
		ret->seq = (uint64_t)json_integer_value(json_object_get(audit, "last"));
		memcpy(ret->hash, hash, sizeof(ret->hash));
	}
	json_decref(doc);
	return status == CONTROL_NOT_PERMITTED ? status : CONTROL_DONE;
}

static enum control_status database_path(const struct invocation *inv, char **ret)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {};
	int r = config_load(inv->config, &d, &config);

	if (r == -ENOENT && !inv->config_named)
		config = config_default();
	else
		diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	*ret = config ? format_text("%s/cordon.db", config->state) : NULL;
	config_free(config);
	return *ret ? CONTROL_DONE : complain(inv, CONTROL_ERROR, "cannot use %s", inv->config);
}

static char *fault_text(const struct state_audit_report *report)
{
	const char *text = faults[report->fault].text;

	if (!report->from)
		return strdup(text);
	if (report->from == report->to)
		return format_text("record %" PRIu64 ": %s", report->from, text);
	return format_text("records %" PRIu64 " to %" PRIu64 ": %s", report->from, report->to, text);
}

static json_t *fault_json(const struct state_audit_report *report)
{
	_cleanup_free_ char *text = report->fault ? fault_text(report) : NULL;

	if (!report->fault)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:s?}", "what", faults[report->fault].word, "from", (json_int_t)report->from, "to", (json_int_t)report->to,
			 "text", text);
}

static void print_json(const struct invocation *inv, const char *path, const struct state_audit_report *report, bool compared)
{
	json_t *doc = json_pack("{s:i, s:s, s:b, s:I, s:I, s:I, s:I, s:s?, s:b, s:o}", "schema", 1, "file", path, "whole", !report->fault, "first",
				(json_int_t)report->first, "records", (json_int_t)report->records, "unchained", (json_int_t)report->unchained,
				"last", (json_int_t)report->head.seq, "hash", report->head.seq ? report->head.hash : NULL, "compared", compared,
				"fault", fault_json(report));

	inv->output == OUTPUT_JSON ? output_json(doc) : output_jsonl(doc);
	json_decref(doc);
}

static void print_text(const char *path, const struct state_audit_report *report, bool compared)
{
	_cleanup_free_ char *text = report->fault ? fault_text(report) : NULL;
	char time[TIME_TEXT_SIZE];

	if (report->fault)
		printf("NOT WHOLE  %s\n", text ? text : faults[report->fault].text);
	else
		printf("whole      %" PRIu64 " records%s\n", report->records,
		       compared ? "" : "; that none was cut off at the end is not proved: nobody said which was the last");
	printf("file       %s\n", path);
	if (report->unchained)
		printf("older      %" PRIu64 " records of a version without a chain: nothing proves them\n", report->unchained);
	if (report->head.seq)
		printf("last good  %s\nnote       --head %" PRIu64 ":%s\n", time_format(report->time, time), report->head.seq, report->head.hash);
}

static enum control_status verify(const struct invocation *inv, const char *path, const struct state_audit_head *known)
{
	struct state_audit_report report = {};
	_cleanup_free_ char *message = NULL;
	int r = state_audit_verify(path, known, &report, &message);

	if (r < 0)
		return complain(inv, r == -EACCES || r == -EPERM ? CONTROL_NOT_PERMITTED : CONTROL_ERROR, "%s", message ? message : strerror(-r));
	if (inv->output == OUTPUT_TABLE)
		print_text(path, &report, known);
	else
		print_json(inv, path, &report, known);
	return report.fault ? CONTROL_WOULD_CHANGE : CONTROL_DONE;
}

static enum control_status audit_run(const struct invocation *inv)
{
	const struct audit_args *args = inv->args;
	struct state_audit_head known = {};
	_cleanup_free_ char *path = NULL;
	enum control_status status = CONTROL_DONE;

	if (strcmp(inv->operands[0], "verify"))
		return complain(inv, CONTROL_USAGE, "'%s': it is `cordon audit verify`", inv->operands[0]);
	if (args->head && !head_parse(args->head, &known))
		return complain(inv, CONTROL_USAGE, "--head wants NUMBER:HASH as `cordon audit verify` prints it, not '%s'", args->head);
	if (args->file)
		path = strdup(args->file);
	else
		status = database_path(inv, &path);
	if (status == CONTROL_DONE && !args->file && !args->head)
		status = ask_head(inv, &known);
	return status == CONTROL_DONE ? verify(inv, path, known.hash[0] ? &known : NULL) : status;
}

const struct command command_audit = {
	.name = "audit",
	.group = "See what happens",
	.summary = "is the log of all changes whole? `cordon audit verify`",
	.usage = "verify [--file DATABASE] [--head NUMBER:HASH] [-o FORMAT]",
	.help =
		"Each record of the log is chained to the one before. Says whether one was changed, taken out, put in or trimmed too early,\n"
		"and, by asking cordond for the last one that it wrote, whether the end was cut off. Needs the rights to read the database.\n"
		"\n"
		"  cordon audit verify\n"
		"  cordon audit verify --file cordon.db.damaged-20261122T114003Z\n"
		"\n"
		"Exit status: 0 it is whole, 3 it is not.\n",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.args_size = sizeof(struct audit_args),
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.min_operands = 1,
	.max_operands = 1,
	.run = audit_run,
};
