/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../lib/cleanup.h"
#include "command.h"
#include "engine.h"
#include "table.h"

static long long number(const json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

static void print_degraded(const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		printf("DEGRADED  %s: %s\n", field(item, "what"), field(item, "text"));
		if (*field(item, "fix"))
			printf("          fix: %s\n", field(item, "fix"));
	}
}

static void print_policy(const json_t *doc)
{
	if (!json_is_integer(json_object_get(doc, "revision"))) {
		puts("policy    none is in force");
		return;
	}
	printf("policy    revision %lld of %s, mode %s%s\n", number(doc, "revision"),
	       *field(doc, "site") ? field(doc, "site") : "this site", field(doc, "mode"),
	       json_is_true(json_object_get(doc, "brake")) ? ", BRAKE ON: nothing but quarantines is enforced" : "");
	printf("          applied %s by %s, hash %.12s\n", field(doc, "revision_time"), field(doc, "revision_who"), field(doc, "hash"));
}

static void print_confirmation(const json_t *doc)
{
	const json_t *waits = json_object_get(doc, "unconfirmed"), *reverted = json_object_get(doc, "reverted");

	if (json_is_object(waits))
		printf("          revision %lld unconfirmed, reverts in %.0f s (%s); keep it: cordon confirm\n", number(waits, "revision"),
		       json_number_value(json_object_get(waits, "seconds")), field(waits, "deadline"));
	if (json_is_object(reverted))
		printf("          revision %lld was not confirmed, reverted to %lld at %s\n", number(reverted, "revision"), number(reverted, "to"),
		       field(reverted, "time"));
}

/* Of the critical ring, where it could not tell all. */
static void print_critical(const json_t *kinds)
{
	long long lost = 0, suppressed = 0;
	const json_t *count;
	const char *kind;

	json_object_foreach((json_t *)kinds, kind, count) {
		lost += number(count, "lost");
		suppressed += number(count, "suppressed");
	}
	if (lost || suppressed)
		printf("          of critical ones %lld suppressed, %lld lost\n", suppressed, lost);
}

static void print_events(const json_t *events)
{
	printf("events    %lld read, %lld waiting, %lld suppressed over a budget, %lld lost\n", number(events, "read"), number(events, "waiting"),
	       number(events, "suppressed"), number(events, "lost"));
	print_critical(json_object_get(json_object_get(events, "rings"), "critical"));
}

static void print_counts(const json_t *doc)
{
	const json_t *devices = json_object_get(doc, "devices"), *flows = json_object_get(doc, "flows");

	printf("devices   %lld declared, %lld unknown, %lld quarantined (room for %lld)\n", number(devices, "declared"),
	       number(devices, "unknown"), number(devices, "quarantined"), number(devices, "max"));
	printf("flows     %lld live (room for %lld)\n", number(flows, "live"), number(flows, "max"));
	print_events(json_object_get(doc, "events"));
}

static void print_ports(const json_t *ports)
{
	static const char *const headings[] = {"PORT", "ROLE", "ATTACHED", "HOOK", "MODE", "BRIDGE", "PLACE", "ERROR"};
	static const char *const columns[] = {"name", "role", "attached", "hook", "mode", "bridge", "place", "error"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *port;
	char text[32];
	size_t i;

	if (!table || !json_array_size(ports))
		return;
	json_array_foreach(ports, i, port) {
		bool detached = json_is_false(json_object_get(port, "attached"));

		for (size_t c = 0; c < ARRAY_SIZE(columns); c++)
			table_cell(table, detached ? TINT_BAD : TINT_PLAIN, field_text(port, columns[c], text, sizeof(text)));
	}
	putchar('\n');
	table_print(table, stdout, output_colour());
}

static void print_drops(const json_t *drops, const json_t *would)
{
	static const char *const headings[] = {"REASON", ">DROPPED", ">WOULD DENY"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	_cleanup_(json_decrefp) json_t *reasons = json_object();
	const char *reason;
	json_t *value;

	if (!table || !reasons)
		return;
	json_object_update(reasons, (json_t *)drops);
	json_object_update(reasons, (json_t *)would);
	json_object_foreach(reasons, reason, value) {
		table_cell(table, TINT_PLAIN, reason);
		table_cellf(table, TINT_PLAIN, "%lld", number(drops, reason));
		table_cellf(table, TINT_PLAIN, "%lld", number(would, reason));
	}
	if (!table_rows(table))
		return;
	putchar('\n');
	table_print(table, stdout, output_colour());
}

static void status_print(const json_t *doc)
{
	double uptime = json_number_value(json_object_get(doc, "uptime"));
	const json_t *drift = json_object_get(doc, "drift");

	print_degraded(json_object_get(doc, "degraded"));
	printf("cordond   %s, pid %lld, up %.0f s%s\n", field(doc, "version"), number(doc, "pid"), uptime,
	       json_is_true(json_object_get(doc, "adopted")) ? ", adopted what an earlier one had pinned" : "");
	print_policy(doc);
	print_confirmation(doc);
	if (json_is_true(json_object_get(doc, "compiling")))
		puts("          a policy is being compiled");
	if (json_is_object(drift))
		printf("drift     %s: %s\n", field(drift, "path"), field(drift, "text"));
	print_counts(doc);
	print_ports(json_object_get(doc, "ports"));
	print_drops(json_object_get(doc, "drops"), json_object_get(doc, "would_deny"));
}

static enum control_status status_run(const struct invocation *inv)
{
	json_t *doc = NULL;
	enum control_status status = engine_ask_one(inv, &(struct engine_request){.command = "status"}, &doc);

	if (doc && inv->output == OUTPUT_TABLE)
		status_print(doc);
	else if (doc)
		inv->output == OUTPUT_JSON ? output_json(doc) : output_jsonl(doc);
	json_decref(doc);
	return status;
}

const struct command command_status = {
	.name = "status",
	.group = "See what happens",
	.summary = "health in one screen; exit 8 when degraded",
	.usage = "[-o FORMAT]",
	.help = "What runs since when, ports and how they are attached, drops by reason, and what is degraded with its fix.\n",
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.run = status_run,
};
