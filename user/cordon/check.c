/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "../config/capacity.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/cpus.h"
#include "../lib/memory.h"
#include "command.h"
#include "compiled.h"
#include "table.h"

struct verdict_of_check {
	struct diagnostics diagnostics;
	struct compiled compiled; /* empty when it did not compile */
	char hash[65];
	uint64_t memory; /* of this machine */
	struct image_room room;
	struct image_bill bill;
	size_t passed, failed;
};

/* Where so much of a table is taken, the next devices may not find room. */
static bool line_is_near(const struct image_bill_line *line)
{
	return line->available && line->rows * 5 >= line->available * 4;
}

/* A table without `bytes` has none of its own; without `available` it has no limit but memory. */
static json_t *memory_bill(const struct verdict_of_check *v)
{
	const struct image_bill *bill = &v->bill;
	json_t *tables = json_array();

	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
		const struct image_bill_line *line = &bill->lines[i];

		json_array_append_new(tables, json_pack("{s:s, s:s, s:I, s:o, s:b, s:I, s:b}", "table", line->table, "text", line->text, "rows",
							(json_int_t)line->rows, "available",
							line->available ? json_integer((json_int_t)line->available) : json_null(), "near",
							line_is_near(line), "bytes", (json_int_t)line->bytes, "twice",
							line->when == IMAGE_TABLE_POLICY));
	}
	return json_pack("{s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I}, s:o}", "bytes", (json_int_t)bill->bytes, "change_bytes",
			 (json_int_t)bill->change_bytes, "capacity", "devices", (json_int_t)v->room.devices, "flows", (json_int_t)v->room.flows,
			 "cache", (json_int_t)v->room.cache_bytes, "cpus", (json_int_t)v->room.cpus, "memory", (json_int_t)v->memory, "tables", tables);
}

/* Fills the bill. What is over `capacity:` is an error where gateway.yaml says it, else a warning: another machine may have more. */
static void check_capacity(const struct invocation *inv, const struct gateway_config *config, struct verdict_of_check *v)
{
	struct capacity capacity;

	v->memory = memory_total("");
	v->room.cpus = cpu_numbers("");
	capacity = capacity_of(config, v->memory, v->room.cpus);
	v->room.devices = capacity.devices;
	v->room.flows = capacity.flows;
	v->room.cache_bytes = capacity.cache_bytes;
	if (image_bill(v->compiled.image, &v->room, &v->bill) >= 0)
		return;
	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
		const struct image_bill_line *line = &v->bill.lines[i];

		if (!line->available || line->rows <= line->available || i == IMAGE_TABLE_COUNTERS)
			continue;
		diagnostics_add(&v->diagnostics, !config->max_devices, inv->config_named ? inv->config : "capacity: auto", 0, 0,
				"the policy needs %" PRIu64 " %s, and `capacity:` has room for %" PRIu64 "%s", line->rows, line->text, line->available,
				config->max_devices ? "" : " on a machine like this one");
	}
}

static size_t parked_rules(const struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		n += policy->rules[i].parked != 0;
	return n;
}

/* Without the two built-in segments. */
static size_t named_segments(const struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_segments; i++)
		n += !policy->segments[i].builtin;
	return n;
}

/* Class 0 is no class. */
static size_t classes_count(const struct image *image)
{
	return image->n_classes ? image->n_classes - 1 : 0;
}

static json_t *check_json(const struct verdict_of_check *v)
{
	const struct policy *policy = v->compiled.policy;
	json_t *doc = json_pack("{s:i, s:b, s:I, s:I, s:o}", "schema", 1, "ok", !v->diagnostics.errors, "errors",
				(json_int_t)v->diagnostics.errors, "warnings", (json_int_t)v->diagnostics.warnings,
				"diagnostics", diagnostics_json(&v->diagnostics));

	if (!policy)
		return doc;
	json_object_update_new(doc, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "hash", v->hash, "files", (json_int_t)policy->n_files,
					      "segments", (json_int_t)named_segments(policy), "devices", (json_int_t)policy->n_devices,
					      "rules", (json_int_t)policy->n_rules, "parked", (json_int_t)parked_rules(policy),
					      "classes", (json_int_t)classes_count(v->compiled.image)));
	json_object_set_new(doc, "tests", json_pack("{s:I, s:I}", "passed", (json_int_t)v->passed, "failed", (json_int_t)v->failed));
	json_object_set_new(doc, "memory", memory_bill(v));
	return doc;
}

static void print_bytes(struct table *table, json_int_t bytes)
{
	if (bytes < 10 << 10)
		table_cellf(table, TINT_PLAIN, "%lld B", (long long)bytes);
	else if (bytes < 10 << 20)
		table_cellf(table, TINT_PLAIN, "%.1f KiB", (double)bytes / 1024);
	else
		table_cellf(table, TINT_PLAIN, "%.1f MiB", (double)bytes / (1 << 20));
}

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void print_row(struct table *table, const json_t *item)
{
	bool near = json_is_true(json_object_get(item, "near"));

	table_cell(table, TINT_PLAIN, field(item, "table"));
	table_cellf(table, near ? TINT_WARN : TINT_PLAIN, "%lld%s", (long long)number(item, "rows"), near ? " (near its limit)" : "");
	if (json_is_integer(json_object_get(item, "available")))
		table_cellf(table, TINT_PLAIN, "%lld", (long long)number(item, "available"));
	else
		table_cell(table, TINT_PLAIN, "");
	print_bytes(table, number(item, "bytes"));
	table_cell(table, TINT_DIM, field(item, "text"));
}

static void print_sum(struct table *table, const char *what, json_int_t bytes, const char *text)
{
	table_cell(table, TINT_PLAIN, what);
	table_cell(table, TINT_PLAIN, " ");
	table_cell(table, TINT_PLAIN, " ");
	print_bytes(table, bytes);
	table_cell(table, TINT_DIM, text);
}

static void print_bill(const json_t *memory)
{
	static const char *const headings[] = {"KERNEL TABLE", ">NEEDED", ">ROOM FOR", ">MEMORY", "OF"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *item, *capacity = json_object_get(memory, "capacity");
	size_t i;

	if (!table)
		return;
	json_array_foreach(json_object_get(memory, "tables"), i, item)
		print_row(table, item);
	print_sum(table, "together", number(memory, "bytes"), "and counts of drops, as they come");
	print_sum(table, "a change", number(memory, "change_bytes"), "more, while one policy replaces another: both are there");
	table_print(table, stdout, output_colour());
	printf("\nroom for %lld devices and %lld flows, a flow cache of %lld KiB (`capacity:` of gateway.yaml; auto as on this machine: %lld MiB, %lld CPUs)\n",
	       (long long)number(capacity, "devices"), (long long)number(capacity, "flows"), (long long)number(capacity, "cache") >> 10,
	       (long long)number(capacity, "memory") >> 20, (long long)number(capacity, "cpus"));
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void check_print(const struct verdict_of_check *v)
{
	const struct policy *policy = v->compiled.policy;
	size_t warnings = v->diagnostics.warnings;
	json_t *memory;

	if (!policy) {
		fprintf(stderr, "%zu error%s, %zu warning%s\n", v->diagnostics.errors, plural(v->diagnostics.errors), warnings, plural(warnings));
		return;
	}
	printf("%zu segments, %zu devices, %zu rules, %zu classes; tests: %zu passed, %zu failed; %zu warning%s\n", named_segments(policy),
	       policy->n_devices, policy->n_rules, classes_count(v->compiled.image), v->passed, v->failed, warnings, plural(warnings));
	if (parked_rules(policy))
		printf("%zu rule%s hold%s parts that this version keeps but does not enforce (see the warnings)\n", parked_rules(policy),
		       plural(parked_rules(policy)), parked_rules(policy) == 1 ? "s" : "");
	printf("hash %s\n\n", v->hash);
	memory = memory_bill(v);
	print_bill(memory);
	json_decref(memory);
}

static enum control_status check_report(const struct invocation *inv, struct verdict_of_check *v)
{
	bool compiled = v->compiled.policy != NULL;

	if (inv->output == OUTPUT_TABLE) {
		diagnostics_print(&v->diagnostics, stderr);
		check_print(v);
	} else {
		json_t *doc = check_json(v);

		inv->output == OUTPUT_JSON ? output_json(doc) : output_jsonl(doc);
		json_decref(doc);
	}
	if (!compiled || v->diagnostics.errors > v->failed)
		return CONTROL_ERROR;
	return v->failed ? CONTROL_WOULD_CHANGE : CONTROL_DONE;
}

static enum control_status check_run(const struct invocation *inv)
{
	struct verdict_of_check v = {};
	struct gateway_view view = {};
	_cleanup_free_ char *message = NULL;
	enum control_status status = gateway_view_load(inv, &view);
	int r;

	if (status != CONTROL_DONE)
		return status;
	r = gateway_view_fill(&view, faces_devices, NULL);
	if (r >= 0)
		r = compiled_load(inv->operands, inv->n_operands, &view.env, &v.diagnostics, &v.compiled, &message);
	if (r >= 0)
		r = policy_run_tests(v.compiled.policy, v.compiled.image, (int64_t)(clock_wall_ns() / NS_PER_S), &v.diagnostics, &v.passed, &v.failed);
	if (r >= 0)
		check_capacity(inv, view.config, &v);
	if (r < 0 && !v.diagnostics.errors) {
		status = complain(inv, CONTROL_ERROR, "%s", message ? message : strerror(-r));
	} else {
		if (v.compiled.policy)
			policy_hash(v.compiled.sources, v.compiled.n_sources, v.hash);
		status = check_report(inv, &v);
	}
	compiled_done(&v.compiled);
	diagnostics_done(&v.diagnostics);
	gateway_view_done(&view);
	return status;
}

const struct command command_check = {
	.name = "check",
	.group = "Write a policy (no daemon needed)",
	.summary = "parse, resolve, compile for size and run the policy's tests; no root",
	.usage = "FILE… [-c gateway.yaml] [-o FORMAT]",
	.help =
		"FILE is a policy file or a folder of them, read in name order and merged. All mistakes come in one run, as\n"
		"FILE:LINE:COL: message. Then the size of what was compiled and the memory it takes in the kernel.\n"
		"With -c (or $CORDON_CONFIG), `addresses:` of that file say which addresses are the gateway's and which are local.\n"
		"\n"
		"Exit status: 0 good, 1 errors, 3 a test of the policy failed.\n"
		"\n"
		"  cordon check home.yaml\n"
		"  cordon check /etc/cordon/policy.d -o json | jq .tests\n",
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.run = check_run,
};
