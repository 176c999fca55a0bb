/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../lib/cleanup.h"
#include "command.h"
#include "compiled.h"
#include "table.h"

/* What one entry costs in a kernel hash or trie beyond its key and value (struct htab_elem, struct lpm_trie_node, a bucket). */
#define HASH_OVERHEAD 64
#define TRIE_OVERHEAD 40

struct verdict_of_check {
	struct diagnostics diagnostics;
	struct compiled compiled; /* empty when it did not compile */
	char hash[65];
	size_t passed, failed;
};

static size_t addresses_count(const struct image *image)
{
	size_t n = 0;

	for (size_t i = 0; i < image->n_devices; i++)
		n += image->devices[i].n_addresses;
	return n;
}

static void bill_add(json_t *tables, const char *name, size_t entries, size_t each)
{
	json_array_append_new(tables, json_pack("{s:s, s:I, s:I}", "table", name, "entries", (json_int_t)entries,
						"bytes", (json_int_t)(entries * each)));
}

/* What this policy takes of the kernel's memory: its tables once (they stand twice during an apply), its devices' rows. */
static json_t *memory_bill(const struct image *image)
{
	json_t *tables = json_array();
	json_int_t total = 0;
	const json_t *item;
	size_t i;

	bill_add(tables, "verdicts", image->n_cells * image->head.service_classes, sizeof(struct verdict));
	bill_add(tables, "services", CORDON_SERVICE_COUNT, sizeof(struct service));
	bill_add(tables, "pairs", image->n_pairs, sizeof(struct pair_key) + sizeof(struct pair) + HASH_OVERHEAD);
	bill_add(tables, "networks", image->n_networks, sizeof(struct network_key) + sizeof(struct network) + TRIE_OVERHEAD);
	bill_add(tables, "devices", image->n_devices, sizeof(struct device) + sizeof(uint64_t) + HASH_OVERHEAD);
	bill_add(tables, "bindings", addresses_count(image), sizeof(struct binding) + sizeof(struct address) + HASH_OVERHEAD);
	json_array_foreach(tables, i, item)
		total += json_integer_value(json_object_get(item, "bytes"));
	return json_pack("{s:I, s:o}", "bytes", total, "tables", tables);
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
	json_object_set_new(doc, "memory", memory_bill(v->compiled.image));
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
	static const char *const headings[] = {"KERNEL TABLE", ">ENTRIES", ">MEMORY"};
	_cleanup_table_ struct table *table = table_new(headings, ARRAY_SIZE(headings));
	const json_t *item;
	size_t i;

	if (!table)
		return;
	json_array_foreach(json_object_get(memory, "tables"), i, item) {
		table_cell(table, TINT_PLAIN, field(item, "table"));
		table_cellf(table, TINT_PLAIN, "%lld", (long long)json_integer_value(json_object_get(item, "entries")));
		print_bytes(table, json_integer_value(json_object_get(item, "bytes")));
	}
	table_cell(table, TINT_PLAIN, "together");
	table_cell(table, TINT_PLAIN, " ");
	print_bytes(table, json_integer_value(json_object_get(memory, "bytes")));
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
	memory = memory_bill(v->compiled.image);
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
