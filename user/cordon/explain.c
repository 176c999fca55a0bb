/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../events/events.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "command.h"
#include "compiled.h"
#include "engine.h"
#include "table.h"

struct explain_args {
	const char *from, *to, *service, *policy;
};

static const struct option_spec options[] = {
	{"from", 0, "PEER", "who begins: a device id, device:ID, segment:ID, an address, gateway, internet …", OPTION_TEXT, offsetof(struct explain_args, from)},
	{"to", 0, "PEER", "who answers, in the same words", OPTION_TEXT, offsetof(struct explain_args, to)},
	{"service", 0, "SERVICE", "tcp/445, udp/53, icmp/echo …", OPTION_TEXT, offsetof(struct explain_args, service)},
	{"policy", 'f', "PATH", "ask this file or folder instead of the daemon", OPTION_TEXT, offsetof(struct explain_args, policy)},
};

/* The document that the daemon sends (docs/dev/control.md). */
static json_t *explanation_json(const struct explanation *e, const struct image *image)
{
	const struct image_rule *rule = e->rule < image->n_rules ? &image->rules[e->rule] : NULL;
	json_t *steps = json_array();

	for (size_t i = 0; i < e->n_steps; i++)
		json_array_append_new(steps, json_pack("{s:s?, s:s?, s:s?}", "stage", e->steps[i].stage, "result", e->steps[i].result,
						       "detail", e->steps[i].detail));
	return json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:o, s:s, s:s?, s:s?, s:o, s:s?}", "schema", 1, "verdict", verdict_name(e->verdict),
			 "reason", reason_name(e->reason), "rule", rule ? rule->id : NULL, "file", rule ? rule->file : NULL,
			 "line", rule ? json_integer(rule->line) : json_null(), "mode", mode_name(e->mode), "from", e->from, "to", e->to,
			 "steps", steps, "would_allow", e->would_allow);
}

static void steps_print(const json_t *steps)
{
	static const char *const headings[] = {"STEP", "RESULT", "DETAIL"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *step;
	size_t i;

	if (!table)
		return;
	json_array_foreach(steps, i, step) {
		table_cell(table, TINT_PLAIN, field(step, "stage"));
		table_cell(table, strncmp(field(step, "result"), "MATCH", 5) ? TINT_PLAIN : TINT_WARN, field(step, "result"));
		table_cell(table, TINT_PLAIN, field(step, "detail"));
	}
	table_print(table, stdout, output_colour());
}

static int explanation_print(void *ctx, json_t *doc)
{
	const struct invocation *inv = ctx;
	const struct explain_args *args = inv->args;

	if (inv->output == OUTPUT_JSON)
		return output_json(doc);
	if (inv->output == OUTPUT_JSONL)
		return output_jsonl(doc);
	printf("from     %s\nto       %s\nservice  %s\n\n", field(doc, "from"), field(doc, "to"), args->service);
	steps_print(json_object_get(doc, "steps"));
	printf("\n%s: %s", field(doc, "verdict"), field(doc, "reason"));
	if (*field(doc, "rule"))
		printf(", rule %s (%s:%lld)", field(doc, "rule"), field(doc, "file"),
		       (long long)json_integer_value(json_object_get(doc, "line")));
	printf(", mode %s\n", field(doc, "mode"));
	if (*field(doc, "would_allow"))
		printf("to allow it: %s\n", field(doc, "would_allow"));
	return 0;
}

static enum control_status explain_compiled(const struct invocation *inv, const struct compiled *c, struct diagnostics *d)
{
	const struct explain_args *args = inv->args;
	const struct explain_query query = {args->from, args->to, args->service, (int64_t)(clock_wall_ns() / NS_PER_S)};
	struct explanation e = {};
	json_t *doc;
	int r = policy_explain(c->policy, c->image, &query, d, &e);

	if (r < 0)
		return d->errors ? CONTROL_ERROR : complain(inv, CONTROL_ERROR, "%s", strerror(-r));
	doc = explanation_json(&e, c->image);
	explanation_done(&e);
	explanation_print((void *)inv, doc);
	json_decref(doc);
	return CONTROL_DONE;
}

static enum control_status explain_offline(const struct invocation *inv)
{
	const struct explain_args *args = inv->args;
	struct gateway_view view = {};
	struct diagnostics d = {};
	struct compiled c = {};
	_cleanup_free_ char *message = NULL;
	enum control_status status = gateway_view_load(inv, &view);
	int r;

	if (status != CONTROL_DONE)
		return status;
	r = gateway_view_fill(&view, faces_devices, NULL);
	if (r >= 0)
		r = compiled_load(&args->policy, 1, &view.env, &d, &c, &message);
	if (r >= 0)
		status = explain_compiled(inv, &c, &d);
	else
		status = d.errors ? CONTROL_ERROR : complain(inv, CONTROL_ERROR, "%s", message ? message : strerror(-r));
	diagnostics_print(&d, stderr);
	compiled_done(&c);
	diagnostics_done(&d);
	gateway_view_done(&view);
	return status;
}

static enum control_status explain_run(const struct invocation *inv)
{
	const struct explain_args *args = inv->args;
	json_t *question;

	if (!args->from || !args->to || !args->service)
		return complain(inv, CONTROL_USAGE, "--from, --to and --service are all needed, as in --from device:cam-door --to internet --service tcp/443");
	if (args->policy)
		return explain_offline(inv);
	question = json_pack("{s:s, s:s, s:s}", "from", args->from, "to", args->to, "service", args->service);
	return engine_ask(inv, &(struct engine_request){.command = "explain", .args = question, .each = explanation_print, .ctx = (void *)inv});
}

const struct command command_explain = {
	.name = "explain",
	.group = "Write a policy (no daemon needed)",
	.summary = "why a conversation is allowed or not, step by step, and what would allow it",
	.usage = "--from PEER --to PEER --service SERVICE [--policy PATH] [-o FORMAT]",
	.help =
		"Without --policy the daemon answers from what runs; with it no daemon is needed and -c gives the gateway's addresses.\n"
		"The exit status is 0 whatever the verdict.\n"
		"\n"
		"  cordon explain --from device:cam-door --to segment:phones --service tcp/445\n"
		"  cordon explain --policy home.yaml --from 192.168.1.31 --to 1.1.1.1 --service udp/53\n",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.args_size = sizeof(struct explain_args),
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.run = explain_run,
};
