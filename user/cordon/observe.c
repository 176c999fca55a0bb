/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../events/events.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "command.h"
#include "engine.h"

struct observe_args {
	bool follow;
	const char *last; /* kept as text: 0 is not "not given" */
	const char *device, *verdict, *reason, *rule, *port, *kind;
};

static const struct option_spec options[] = {
	{"follow", 'f', NULL, "go on with what happens from now", OPTION_FLAG, offsetof(struct observe_args, follow)},
	{"last", 'n', "NUMBER", "begin with so many of the past (default: all in memory; with -f none)", OPTION_TEXT, offsetof(struct observe_args, last)},
	{"device", 'd', "DEVICE", "only about this device", OPTION_TEXT, offsetof(struct observe_args, device)},
	{"verdict", 0, "VERDICT", "only allow, deny or would_deny", OPTION_TEXT, offsetof(struct observe_args, verdict)},
	{"reason", 0, "REASON", "only this reason (docs/reasons.md has the list)", OPTION_TEXT, offsetof(struct observe_args, reason)},
	{"rule", 0, "RULE", "only decided by this rule", OPTION_TEXT, offsetof(struct observe_args, rule)},
	{"port", 0, "PORT", "only on this port", OPTION_TEXT, offsetof(struct observe_args, port)},
	{"kind", 0, "KIND", "only flow, drop, cut, device, placed or integrity", OPTION_TEXT, offsetof(struct observe_args, kind)},
};

struct observer {
	const struct invocation *inv;
	json_t *all; /* for -o json, one document */
};

static int observed_line(const struct observer *o, const json_t *event)
{
	_cleanup_buf_ struct buf line = {};
	json_t *document;
	int r;

	if (o->inv->output == OUTPUT_JSONL) {
		document = json_pack("{s:i}", "schema", 1);
		json_object_update(document, (json_t *)event);
		r = output_jsonl(document);
		json_decref(document);
	} else {
		r = event_line_of_json(event, output_colour(), &line);
		if (r >= 0)
			r = puts(buf_text(&line)) == EOF ? -EIO : 0;
	}
	/* Someone may be watching through a pipe. */
	if (r >= 0 && fflush(stdout))
		r = -EIO;
	return r;
}

static int observed(void *ctx, json_t *document)
{
	struct observer *o = ctx;
	json_t *event = json_object_get(document, "event");

	if (!event)
		return 0;
	return o->all ? json_array_append(o->all, event) : observed_line(o, event);
}

/* The nearest word if `word` is none of the closed list, as a complaint. */
static enum control_status check_word(const struct invocation *inv, const char *option, const char *word, const char *const *words, size_t n)
{
	const char *near;

	for (size_t i = 0; word && i < n; i++) {
		if (!strcmp(word, words[i]))
			return CONTROL_DONE;
	}
	if (!word)
		return CONTROL_DONE;
	near = name_nearest_of(word, words, n);
	return complain(inv, CONTROL_USAGE, "--%s knows no '%s'%s%s%s", option, word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum control_status check_words(const struct invocation *inv)
{
#define X(id, name, ...) name,
	static const char *const verdicts[] = {CORDON_VERDICTS(X)}, *const reasons[] = {CORDON_REASONS(X)}, *const event_kinds[] = {CORDON_EVENT_KINDS(X) EVENT_INTEGRITY};
#undef X
	const struct observe_args *args = inv->args;
	enum control_status status = check_word(inv, "verdict", args->verdict, verdicts, ARRAY_SIZE(verdicts));

	if (status == CONTROL_DONE)
		status = check_word(inv, "reason", args->reason, reasons, ARRAY_SIZE(reasons));
	if (status == CONTROL_DONE)
		status = check_word(inv, "kind", args->kind, event_kinds, ARRAY_SIZE(event_kinds));
	return status;
}

static json_t *question(const struct observe_args *args)
{
	const struct {
		const char *name, *value;
	} filters[] = {
		{"device", args->device}, {"verdict", args->verdict}, {"reason", args->reason},
		{"rule", args->rule}, {"port", args->port}, {"kind", args->kind},
	};
	json_t *q = json_pack("{s:b}", "follow", args->follow);

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		if (filters[i].value)
			json_object_set_new(q, filters[i].name, json_string(filters[i].value));
	}
	if (args->last)
		json_object_set_new(q, "last", json_integer(strtoll(args->last, NULL, 10)));
	return q;
}

static enum control_status observe_run(const struct invocation *inv)
{
	const struct observe_args *args = inv->args;
	struct observer o = {.inv = inv};
	enum control_status status = check_words(inv);

	if (status != CONTROL_DONE)
		return status;
	if (args->last && (!*args->last || args->last[strspn(args->last, "0123456789")]))
		return complain(inv, CONTROL_USAGE, "--last wants a number, not '%s'", args->last);
	if (inv->output == OUTPUT_JSON && args->follow)
		return complain(inv, CONTROL_USAGE, "-o json is one document, which -f never ends; use -o jsonl");
	if (inv->output == OUTPUT_JSON)
		o.all = json_array();
	status = engine_ask(inv, &(struct engine_request){.command = "observe", .args = question(args), .each = observed, .ctx = &o});
	if (o.all && status == CONTROL_DONE) {
		json_t *document = json_pack("{s:i, s:O}", "schema", 1, "events", o.all);

		output_json(document);
		json_decref(document);
	}
	json_decref(o.all);
	return status;
}

const struct command command_observe = {
	.name = "observe",
	.group = "See what happens",
	.summary = "flows and drops, with reason and rule; -f as they happen",
	.usage = "[-f] [--last NUMBER] [--device DEVICE] [--verdict VERDICT] [--reason REASON] [--rule RULE]\n"
		 "        [--port PORT] [--kind KIND] [-o FORMAT]",
	.help =
		"Filters narrow together. -o jsonl has ts, device, port, dir, src, dst, proto, sport, dport, verdict, reason, rule, count;\n"
		"count says for how many frames a record stands: a device has a budget of records a second, and the rest is counted.\n"
		"\n"
		"  cordon observe -f --verdict deny\n"
		"  cordon observe --device cam-door -o jsonl | jq -r .reason | sort | uniq -c\n",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.args_size = sizeof(struct observe_args),
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.run = observe_run,
};
