/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "command.h"
#include "compiled.h"
#include "table.h"

struct verdict_of_check {
	struct diagnostics diagnostics;
	struct compiled compiled; /* empty when it did not compile */
	char hash[65];
	struct image_bill bill;
	size_t passed, failed;
};

/* What this policy takes of the kernel's memory; a table without `bytes` has none of its own. */
static json_t *memory_bill(const struct image_bill *bill)
{
	json_t *tables = json_array();

	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++)
		json_array_append_new(tables, json_pack("{s:s, s:s, s:I, s:I}", "table", bill->lines[i].table, "text", bill->lines[i].text,
							"rows", (json_int_t)bill->lines[i].rows, "bytes", (json_int_t)bill->lines[i].bytes));
	return json_pack("{s:I, s:o}", "bytes", (json_int_t)bill->bytes, "tables", tables);
}

/* Fills the bill; what is over the `capacity:` of a gateway.yaml that was named is an error of that file. */
static void check_capacity(const struct invocation *inv, const struct gateway_config *config, struct verdict_of_check *v)
{
	const uint64_t available[IMAGE_TABLE_COUNT] = {[IMAGE_TABLE_DEVICES] = config->max_devices};

	if (image_bill(v->compiled.image, available, &v->bill) >= 0)
		return;
	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
		const struct image_bill_line *line = &v->bill.lines[i];

		if (line->available && line->rows > line->available)
			diagnostics_add(&v->diagnostics, false, inv->config, 0, 0,
					"the policy needs %" PRIu64 " %s, and `capacity:` has room for %" PRIu64, line->rows, line->text, line->available);
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
				(json_int_t)v->diagnostics.errors, "warnings", (json_int_t)(v->diagnostics.n - v->diagnostics.errors),
				"diagnostics", diagnostics_json(&v->diagnostics));

	if (!policy)
		return doc;
	json_object_update_new(doc, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "hash", v->hash, "files", (json_int_t)policy->n_files,
					      "segments", (json_int_t)named_segments(policy), "devices", (json_int_t)policy->n_devices,
					      "rules", (json_int_t)policy->n_rules, "parked", (json_int_t)parked_rules(policy),
					      "classes", (json_int_t)classes_count(v->compiled.image)));
	json_object_set_new(doc, "tests", json_pack("{s:I, s:I}", "passed", (json_int_t)v->passed, "failed", (json_int_t)v->failed));
	json_object_set_new(doc, "memory", memory_bill(&v->bill));
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

static void print_bill(const json_t *memory)
{
	static const char *const headings[] = {"KERNEL TABLE", ">ROWS", ">MEMORY", "OF"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *item;
	size_t i;

	if (!table)
		return;
	json_array_foreach(json_object_get(memory, "tables"), i, item) {
		table_cell(table, TINT_PLAIN, field(item, "table"));
		table_cellf(table, TINT_PLAIN, "%lld", (long long)json_integer_value(json_object_get(item, "rows")));
		print_bytes(table, json_integer_value(json_object_get(item, "bytes")));
		table_cell(table, TINT_DIM, field(item, "text"));
	}
	table_cell(table, TINT_PLAIN, "together");
	table_cell(table, TINT_PLAIN, " ");
	print_bytes(table, json_integer_value(json_object_get(memory, "bytes")));
	table_cell(table, TINT_DIM, "one generation; while one replaces another both are there");
	table_print(table, stdout, output_colour());
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void check_print(const struct verdict_of_check *v)
{
	const struct policy *policy = v->compiled.policy;
	size_t warnings = v->diagnostics.n - v->diagnostics.errors;
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
	memory = memory_bill(&v->bill);
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
		r = policy_run_tests(v.compiled.policy, v.compiled.image, &v.diagnostics, &v.passed, &v.failed);
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
