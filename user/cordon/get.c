/* SPDX-License-Identifier: Apache-2.0 */
/* `get`, `history` and `describe`: what the engine holds, as lists and one by one. */
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "command.h"
#include "engine.h"
#include "table.h"

#define FORMATS (OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL)
#define FLOW_FIELDS "ts", "device", "peer", "name", "proto", "dport", "dir", "packets", "bytes", "rpackets", "rbytes", "verdict"

/* A column of a list: heading and the field, a dot between an object and its member. */
struct column {
	const char *heading;
	const char *field;
};

struct kind {
	const char *name;
	const char *one;          /* as `describe` calls it; NULL: not there */
	const struct column *columns;
	size_t n_columns;
};

static const struct column device_columns[] = {
	{"ID", "id"}, {"SEGMENT", "segment"}, {"MODE", "mode"}, {"PORT", "port"}, {"MAC", "mac"}, {"ADDRESSES", "addresses"},
	{">PASSED", "packets.passed"}, {">DROPPED", "packets.dropped"}, {">WOULD DENY", "packets.would_deny"}, {">FLOWS", "flows"},
	{"QUARANTINED", "quarantined"},
};
static const struct column segment_columns[] = {
	{"ID", "id"}, {"MODE", "mode"}, {">DEVICES", "devices"}, {"AUTH", "auth"}, {"CRITICAL", "critical"}, {"BUILT IN", "builtin"},
};
static const struct column rule_columns[] = {
	{"ID", "id"}, {"ACTION", "action"}, {"FROM", "from"}, {"TO", "to"}, {"SERVICES", "services"}, {"MODE", "mode"}, {">FLOWS", "flows"},
	{"PARKED", "parked"}, {"FILE", "file"}, {">LINE", "line"},
};
static const struct column flow_columns[] = {
	{"DEVICE", "device"}, {"DIR", "dir"}, {"PEER", "peer"}, {"PROTO", "proto"}, {">PORT", "dport"}, {">PACKETS", "packets"},
	{">BYTES", "bytes"}, {">BACK", "rpackets"}, {">BYTES BACK", "rbytes"}, {"VERDICT", "verdict"}, {"STATE", "state"}, {"RULE", "rule"},
};
static const struct column revision_columns[] = {
	{">REV", "rev"}, {"ACTIVE", "active"}, {"TIME", "time"}, {"WHO", "who"}, {"HASH", "hash"}, {"WHY", "why"},
};
static const struct column quarantine_columns[] = {
	{"DEVICE", "device"}, {"SEGMENT", "segment"}, {"UNTIL", "until"},
};

#define KIND(name, one, columns) {name, one, columns, ARRAY_SIZE(columns)}

static const struct kind kinds[] = {
	KIND("devices", "device", device_columns),
	KIND("segments", "segment", segment_columns),
	KIND("rules", "rule", rule_columns),
	KIND("flows", NULL, flow_columns),
	KIND("revisions", NULL, revision_columns),
	KIND("quarantines", NULL, quarantine_columns),
};

static const char *const describable[] = {"device", "segment", "rule", "class"};

struct get_args {
	const char *device;
	uint64_t limit;
	bool ended;
};

static const struct option_spec get_options[] = {
	{"device", 'd', "DEVICE", "flows: only of this device", OPTION_TEXT, offsetof(struct get_args, device)},
	{"ended", 0, NULL, "flows: those that ended, and denied conversations", OPTION_FLAG, offsetof(struct get_args, ended)},
	{"limit", 'n', "NUMBER", "flows: at most so many", OPTION_NUMBER, offsetof(struct get_args, limit)},
};

static const json_t *value_at(const json_t *item, const char *path)
{
	char first[32];
	size_t length = strcspn(path, ".");

	if (!path[length])
		return json_object_get(item, path);
	snprintf(first, sizeof(first), "%.*s", (int)length, path);
	return json_object_get(json_object_get(item, first), path + length + 1);
}

/* Lists as "a, b"; null and false as nothing. */
static void value_text(const json_t *value, struct buf *text)
{
	const json_t *part;
	size_t i;

	if (json_is_string(value))
		buf_addf(text, "%s", json_string_value(value));
	else if (json_is_integer(value))
		buf_addf(text, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		buf_addf(text, "%.3f", json_real_value(value));
	else if (json_is_true(value))
		buf_addf(text, "yes");
	json_array_foreach(value, i, part) {
		if (i)
			buf_addf(text, ", ");
		value_text(part, text);
	}
}

static enum tint tint_of(const char *name, const char *text)
{
	if (!strcmp(name, "quarantined") && *text)
		return TINT_BAD;
	if (!strcmp(name, "parked") && *text)
		return TINT_WARN;
	return tint_of_verdict(text);
}

static void list_table(const struct kind *kind, const json_t *list)
{
	const char *headings[16];
	_cleanup_table_ struct table *table = table_new(headings, kind->n_columns);
	const json_t *item;
	size_t i;

	if (!table)
		return;
	for (size_t c = 0; c < kind->n_columns; c++)
		headings[c] = kind->columns[c].heading;
	json_array_foreach(list, i, item) {
		for (size_t c = 0; c < kind->n_columns; c++) {
			const char *name = kind->columns[c].field;
			_cleanup_buf_ struct buf text = {};

			value_text(value_at(item, name), &text);
			if (!strcmp(name, "hash") && text.size > 12)
				text.data[12] = '\0';
			table_cell(table, tint_of(name, buf_text(&text)), buf_text(&text));
		}
	}
	if (!table_rows(table))
		printf("no %s\n", kind->name);
	else
		table_print(table, stdout, output_colour());
}

static void list_csv(const json_t *list)
{
	static const char *const fields[] = {FLOW_FIELDS};
	const json_t *item;
	size_t i;

	for (size_t c = 0; c < ARRAY_SIZE(fields); c++)
		printf("%s%s", c ? "," : "", fields[c]);
	putchar('\n');
	json_array_foreach(list, i, item) {
		for (size_t c = 0; c < ARRAY_SIZE(fields); c++) {
			_cleanup_buf_ struct buf text = {};

			value_text(json_object_get(item, fields[c]), &text);
			if (c)
				putchar(',');
			output_csv_cell(stdout, buf_text(&text));
		}
		putchar('\n');
	}
}

/* An item as a document of its own. */
static void list_lines(const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		json_t *line = json_pack("{s:i}", "schema", 1);

		json_object_update(line, (json_t *)item);
		output_jsonl(line);
		json_decref(line);
	}
}

static enum control_status list_run(const struct invocation *inv, const struct kind *kind, struct engine_request *request)
{
	json_t *doc = NULL;
	const json_t *list;
	enum control_status status = engine_ask_one(inv, request, &doc);

	list = json_object_get(doc, kind->name);
	if (doc && inv->output == OUTPUT_JSON)
		output_json(doc);
	else if (doc && inv->output == OUTPUT_JSONL)
		list_lines(list);
	else if (doc && inv->output == OUTPUT_CSV)
		list_csv(list);
	else if (doc)
		list_table(kind, list);
	json_decref(doc);
	return status;
}

static const char *kind_name_at(void *ctx, size_t i)
{
	(void)ctx;
	return kinds[i].name;
}

static const struct kind *kind_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(word, kinds[i].name) || (kinds[i].one && !strcmp(word, kinds[i].one)))
			return &kinds[i];
	}
	return NULL;
}

static enum control_status get_run(const struct invocation *inv)
{
	const struct get_args *args = inv->args;
	const struct kind *kind = kind_find(inv->operands[0]);
	const char *near;
	json_t *question;

	if (!kind) {
		near = name_nearest(inv->operands[0], kind_name_at, NULL, ARRAY_SIZE(kinds));
		return complain(inv, CONTROL_USAGE, "there is no list '%s'%s%s%s (devices, segments, rules, flows, revisions, quarantines)",
				inv->operands[0], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	if (inv->output == OUTPUT_CSV && strcmp(kind->name, "flows"))
		return complain(inv, CONTROL_USAGE, "-o csv is for flows only");
	if (strcmp(kind->name, "flows") && (args->device || args->ended || args->limit))
		return complain(inv, CONTROL_USAGE, "--device, --ended and --limit are for flows only");
	question = json_pack("{s:s}", "kind", kind->name);
	if (args->device)
		json_object_set_new(question, "device", json_string(args->device));
	if (args->ended)
		json_object_set_new(question, "ended", json_true());
	if (args->limit)
		json_object_set_new(question, "limit", json_integer((json_int_t)args->limit));
	return list_run(inv, kind, &(struct engine_request){.command = "get", .args = question});
}

static enum control_status history_run(const struct invocation *inv)
{
	return list_run(inv, kind_find("revisions"), &(struct engine_request){.command = "history"});
}

/* "key: value" lines, objects indented under their key. */
static void describe_print(const json_t *object, int indent)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		_cleanup_buf_ struct buf text = {};
		const json_t *part;
		size_t i;

		if (json_object_size(value)) {
			printf("%*s%s\n", indent, "", key);
			describe_print(value, indent + 2);
		} else if (json_is_object(json_array_get(value, 0))) {
			printf("%*s%s\n", indent, "", key);
			json_array_foreach(value, i, part) {
				printf("%*s-\n", indent + 2, "");
				describe_print(part, indent + 4);
			}
		} else {
			value_text(value, &text);
			text_without_controls(text.data);
			printf("%*s%-*s %s\n", indent, "", 16 - indent, key, text.size ? buf_text(&text) : json_is_false(value) ? "no" : "-");
		}
	}
}

static enum control_status describe_run(const struct invocation *inv)
{
	const struct kind *kind = kind_find(inv->operands[0]);
	const char *word = kind && kind->one ? kind->one : inv->operands[0], *near = name_nearest_of(word, describable, ARRAY_SIZE(describable));
	struct engine_request request = {.command = "describe"};
	enum control_status status;
	json_t *doc = NULL;

	if (!near || strcmp(near, word))
		return complain(inv, CONTROL_USAGE, "there is no kind '%s'%s%s%s (device, segment, rule, class)", word,
				near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	request.args = json_pack("{s:s, s:s}", "kind", word, "name", inv->operands[1]);
	status = engine_ask_one(inv, &request, &doc);
	if (doc && inv->output == OUTPUT_TABLE)
		describe_print(json_object_get(doc, word), 0);
	else if (doc)
		inv->output == OUTPUT_JSON ? output_json(doc) : output_jsonl(doc);
	json_decref(doc);
	return status;
}

const struct command command_get = {
	.name = "get",
	.group = "See what happens",
	.summary = "lists: devices, segments, rules, flows, revisions, quarantines",
	.usage = "devices|segments|rules|revisions|quarantines [-o FORMAT]\nflows [--device DEVICE] [--ended] [--limit NUMBER] [-o FORMAT]",
	.help =
		"Flow records (-o csv, jsonl) have ts, device, peer, name, proto, dport, dir, packets, bytes, rpackets, rbytes, verdict;\n"
		"packets and bytes are the initiator's, rpackets and rbytes the responder's, from the IP header up. csv is for flows.\n"
		"\n"
		"  cordon get devices\n"
		"  cordon get flows --device cam-door -o csv\n"
		"  cordon get rules -o json | jq '.rules[] | select(.flows == 0).id'\n",
	.options = get_options,
	.n_options = ARRAY_SIZE(get_options),
	.args_size = sizeof(struct get_args),
	.outputs = FORMATS | OUTPUT_CSV,
	.min_operands = 1,
	.max_operands = 1,
	.run = get_run,
};

const struct command command_describe = {
	.name = "describe",
	.group = "See what happens",
	.summary = "all about one device, segment, rule or class",
	.usage = "device|segment|rule|class NAME [-o FORMAT]",
	.help =
		"A class is what the kernel knows a device by: all that no rule tells apart share one number.\n"
		"Exit status 4: there is none of that name.\n"
		"\n"
		"  cordon describe device cam-door\n",
	.outputs = FORMATS,
	.min_operands = 2,
	.max_operands = 2,
	.run = describe_run,
};

const struct command command_history = {
	.name = "history",
	.group = "See what happens",
	.summary = "the revisions: what was applied when, by whom and why",
	.usage = "[-o FORMAT]",
	.help = "Newest first; `cordon rollback REVISION` goes back to one.\n",
	.outputs = FORMATS,
	.run = history_run,
};
