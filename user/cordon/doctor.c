/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../lib/cleanup.h"
#include "command.h"
#include "engine.h"
#include "table.h"

static const struct {
	const char *kind, *heading;
} headings[] = {
	{"open", "OPEN: frames may pass that the policy does not allow"},
	{"chosen", "CHOSEN: the policy says so"},
	{"blind", "BLIND: no gateway in this place can see it"},
};

/* An interface may be called anything. */
static char *clean(const json_t *item, const char *name)
{
	return text_without_controls(strdup(field(item, name)));
}

static void print_kind(const json_t *list, const char *kind, const char *heading)
{
	const json_t *item;
	bool any = false;
	size_t i;

	json_array_foreach(list, i, item) {
		_cleanup_free_ char *what = clean(item, "what"), *text = clean(item, "text"), *fix = clean(item, "fix");

		if (strcmp(field(item, "kind"), kind))
			continue;
		if (!any)
			printf("%s\n", heading);
		any = true;
		printf("  %s: %s\n    fix: %s\n", what ? what : "?", text ? text : "?", fix ? fix : "?");
	}
}

static enum control_status doctor_run(const struct invocation *inv)
{
	json_t *doc = NULL;
	enum control_status status = engine_ask_one(inv, &(struct engine_request){.command = "doctor"}, &doc);

	for (size_t i = 0; doc && inv->output == OUTPUT_TABLE && i < ARRAY_SIZE(headings); i++)
		print_kind(json_object_get(doc, "findings"), headings[i].kind, headings[i].heading);
	if (doc && inv->output != OUTPUT_TABLE)
		inv->output == OUTPUT_JSON ? output_json(doc) : output_jsonl(doc);
	json_decref(doc);
	return status;
}

const struct command command_doctor = {
	.name = "doctor",
	.group = "See what happens",
	.summary = "what is not enforced and why, with the fix; exit 8 where something is open",
	.usage = "[-o FORMAT]",
	.help =
		"Each path by which frames may pass this gateway unjudged: what is open and can be mended, what the policy has chosen, and what\n"
		"no gateway in this place can see, with the remedy that is somewhere else.\n"
		"\n"
		"Exit status: 0 nothing is open, 8 something is.\n",
	.outputs = OUTPUT_TABLE | OUTPUT_JSON | OUTPUT_JSONL,
	.run = doctor_run,
};
