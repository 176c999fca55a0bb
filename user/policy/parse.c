/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "parse.h"

struct place place_of(const struct parser *p, const struct yaml_node *node)
{
	return (struct place){.file = p->file, .line = yaml_line(node), .column = yaml_column(node)};
}

static void __attribute__((format(printf, 4, 0))) place_tell(struct parser *p, struct place place, bool warning, const char *format, va_list ap)
{
	char message[600];

	vsnprintf(message, sizeof(message), format, ap);
	diagnostics_add(p->d, warning, p->policy->files[place.file], place.line, place.column, "%s", message);
}

void place_error(struct parser *p, struct place place, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	place_tell(p, place, false, format, ap);
	va_end(ap);
}

void place_warning(struct parser *p, struct place place, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	place_tell(p, place, true, format, ap);
	va_end(ap);
}

static void tell_form(void *ctx, uint32_t line, uint32_t column, bool warning, const char *message)
{
	struct parser *p = ctx;

	diagnostics_add(p->d, warning, p->policy->files[p->file], line, column, "%s", message);
}

static void tell_yaml(void *ctx, uint32_t line, uint32_t column, const char *message)
{
	tell_form(ctx, line, column, false, message);
}

static void parse_version(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "the version of the language, 1");

	(void)field;
	(void)arg;
	if (text && strcmp(text, "1") != 0)
		form_error(f, value, "version `%.64s` is not known; this cordon reads version 1", text);
}

/* Read before the sections, because services stand flattened in rules. */
static void parse_nothing(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	(void)f;
	(void)value;
	(void)field;
	(void)arg;
}

static const struct form_key sections[] = {
	{.name = "version", .parse = parse_version, .required = true},
	{.name = "site", .parse = parse_site},
	{.name = "segments", .parse = parse_segments},
	{.name = "devices", .parse = parse_devices},
	{.name = "networks", .parse = parse_networks},
	{.name = "services", .parse = parse_nothing},
	{.name = "rules", .parse = parse_rules},
	{.name = "schedules", .parse = parse_schedules},
	{.name = "quarantines", .parse = parse_quarantines},
	{.name = "feeds", .parse = parse_feeds},
	{.name = "responses", .parse = parse_responses},
	{.name = "tests", .parse = parse_tests},
};
static const struct form_table policy_table = FORM_TABLE("a policy", sections);

static void parse_file_services(struct parser *p, const struct yaml_node *root)
{
	if (!root || yaml_node_kind(root) != YAML_MAPPING)
		return;
	for (const struct yaml_node *k = yaml_first(p->form.tree, root); k; k = yaml_next(p->form.tree, k))
		if (yaml_node_kind(k) == YAML_SCALAR && strcmp(yaml_text(p->form.tree, k), "services") == 0)
			parse_services(&p->form, yaml_value(p->form.tree, k), p->policy, NULL);
}

static void parse_file(struct parser *p, const struct yaml_node *root)
{
	if (root)
		form_mapping(&p->form, root, &policy_table, p->policy);
	else if (!yaml_cut(p->form.tree))
		diagnostics_add(p->d, false, p->policy->files[p->file], 1, 1, "an empty file is no policy; it needs at least `version: 1`");
}

/* Does `step` for each file that could be read. */
static void each_file(struct parser *p, struct yaml_tree **trees, void (*step)(struct parser *, const struct yaml_node *))
{
	for (uint32_t i = 0; i < p->policy->n_files; i++) {
		if (!trees[i])
			continue;
		p->file = i;
		p->form.tree = trees[i];
		step(p, yaml_root(trees[i]));
	}
}

static int read_file(struct parser *p, const struct policy_source *source, uint32_t events, struct yaml_tree **ret)
{
	struct yaml_limits limits = {.bytes = POLICY_MAX_BYTES, .depth = POLICY_MAX_DEPTH, .events = events};
	int r = yaml_read(source->text, source->size, &limits, tell_yaml, p, ret);

	if (r == -EINVAL || (r == 1 && yaml_cut(*ret)))
		p->incomplete = true;
	return r == -ENOMEM ? r : 0;
}

static int read_files(struct parser *p, const struct policy_source *sources, size_t n, struct yaml_tree **trees)
{
	uint32_t left = POLICY_MAX_EVENTS;

	for (size_t i = 0; i < n; i++) {
		uint32_t used;
		int r;

		p->file = (uint32_t)i;
		r = read_file(p, &sources[i], left, &trees[i]);
		if (r < 0)
			return r;
		used = trees[i] ? yaml_size(trees[i]) : 0;
		left -= used < left ? used : left;
	}
	return 0;
}

static void *zeroed(struct parser *p, size_t n, size_t size)
{
	void *items = calloc(n ?: 1, size);

	if (!items)
		p->form.no_memory = true;
	return items;
}

/* The first pass has counted: things keep their index while the second fills them in. */
static void allocate(struct parser *p)
{
	struct policy *policy = p->policy;
	struct symbols *s = p->symbols;

	policy->n_segments = s[SYMBOL_SEGMENT].count;
	policy->segments = zeroed(p, policy->n_segments, sizeof(*policy->segments));
	policy->n_devices = s[SYMBOL_DEVICE].count;
	policy->devices = zeroed(p, policy->n_devices, sizeof(*policy->devices));
	policy->n_networks = s[SYMBOL_NETWORK].count;
	policy->networks = zeroed(p, policy->n_networks, sizeof(*policy->networks));
	policy->n_rules = s[SYMBOL_RULE].count;
	policy->rules = zeroed(p, policy->n_rules, sizeof(*policy->rules));
	p->services = zeroed(p, s[SYMBOL_SERVICE].count, sizeof(*p->services));
}

static void builtin_defaults(struct policy *policy)
{
	for (uint32_t i = 0; i <= POLICY_SEGMENT_UNAUTHENTICATED; i++) {
		policy->segments[i].mode = -1;
		policy->segments[i].quarantine = POLICY_NONE;
		policy->segments[i].builtin = true;
	}
}

static int name_builtins(struct policy *policy)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(builtin_segments); i++) {
		if (!policy->segments[i].id)
			policy->segments[i].id = strdup(builtin_segments[i]);
		if (!policy->segments[i].id)
			return -ENOMEM;
	}
	return 0;
}

static int parse_trees(struct parser *p, struct yaml_tree **trees)
{
	p->symbols[SYMBOL_SEGMENT].count = p->symbols[SYMBOL_SEGMENT].next = POLICY_SEGMENT_UNAUTHENTICATED + 1;
	each_file(p, trees, symbols_declare);
	if (p->form.no_memory || p->too_many)
		return p->form.no_memory ? -ENOMEM : -EINVAL;
	symbols_settle(p);
	allocate(p);
	if (p->form.no_memory)
		return -ENOMEM;
	builtin_defaults(p->policy);
	each_file(p, trees, parse_file_services);
	each_file(p, trees, parse_file);
	if (p->form.no_memory || name_builtins(p->policy) < 0)
		return -ENOMEM;
	check_policy(p);
	return p->form.no_memory ? -ENOMEM : 0;
}

static int name_files(struct policy *policy, const struct policy_source *sources, size_t n)
{
	policy->files = calloc(n ?: 1, sizeof(*policy->files));
	if (!policy->files)
		return -ENOMEM;
	for (; policy->n_files < n; policy->n_files++) {
		policy->files[policy->n_files] = strdup(sources[policy->n_files].name);
		if (!policy->files[policy->n_files])
			return -ENOMEM;
	}
	return 0;
}

static int refuse_sizes(const struct policy_source *sources, size_t n, struct diagnostics *d)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		bytes += sources[i].size;
		if (bytes <= POLICY_MAX_BYTES)
			continue;
		diagnostics_add(d, false, sources[i].name, 1, 1, "with this file the policy is larger than %u MiB, the most that is read",
				POLICY_MAX_BYTES >> 20);
		return -EFBIG;
	}
	if (n > 0)
		return 0;
	diagnostics_add(d, false, "policy", 0, 0, "no file at all; a policy needs at least `version: 1`");
	return -EINVAL;
}

static void trees_free(struct yaml_tree **trees, size_t n)
{
	for (size_t i = 0; trees && i < n; i++)
		yaml_tree_free(trees[i]);
	free(trees);
}

static void services_free(struct parser *p)
{
	for (uint32_t i = 0; p->services && i < p->symbols[SYMBOL_SERVICE].count; i++)
		services_done(&p->services[i]);
	free(p->services);
}

static void cleanup_policy(struct policy **policy)
{
	policy_free(*policy);
}

int policy_parse(const struct policy_source *sources, size_t n, struct diagnostics *d, struct policy **ret)
{
	_cleanup_(cleanup_policy) struct policy *policy = calloc(1, sizeof(*policy));
	struct parser p = {.policy = policy, .d = d, .form = {.tell = tell_form, .ctx = &p}};
	size_t errors_before = d->errors;
	struct yaml_tree **trees;
	int r;

	if (!policy || name_files(policy, sources, n) < 0)
		return -ENOMEM;
	policy->site_mode = CORDON_MODE_ENFORCE;
	r = refuse_sizes(sources, n, d);
	if (r < 0)
		return r;
	trees = calloc(n, sizeof(*trees));
	r = trees ? read_files(&p, sources, n, trees) : -ENOMEM;
	if (r == 0)
		r = parse_trees(&p, trees);
	symbols_free(&p);
	services_free(&p);
	trees_free(trees, n);
	diagnostics_sort(d, (const char *const *)policy->files, n);
	if (r < 0)
		return r;
	if (d->errors > errors_before)
		return -EINVAL;
	*ret = take_ptr(policy);
	return 0;
}
