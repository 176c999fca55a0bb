/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../events/events.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "command.h"
#include "replay_world.h"

struct replay_args {
	const char *policy, *frames, *port, *dir, *in_port;
	struct texts place;
	bool expect;
};

static const struct option_spec options[] = {
	{"policy", 'f', "PATH", "policy file or folder", OPTION_TEXT, offsetof(struct replay_args, policy)},
	{"frames", 'r', "FILE", "JSON lines, pcap or pcapng; - for standard input", OPTION_TEXT, offsetof(struct replay_args, frames)},
	{"place", 0, "DEVICE=PORT,…", "where devices sit; else their `location` facts say it", OPTION_TEXTS, offsetof(struct replay_args, place)},
	{"port", 0, "PORT", "port of frames that do not say it (captures)", OPTION_TEXT, offsetof(struct replay_args, port)},
	{"dir", 0, "DIR", "from_device or to_device, for frames that do not say it", OPTION_TEXT, offsetof(struct replay_args, dir)},
	{"in-port", 0, "NAME", "to_device: what they came in by (default: the gateway itself)", OPTION_TEXT, offsetof(struct replay_args, in_port)},
	{"expect", 0, NULL, "judge frames with \"expect\"; print only mismatches and a count", OPTION_FLAG, offsetof(struct replay_args, expect)},
};

struct replay {
	const struct invocation *inv;
	const struct replay_args *args;
	struct replay_world world;
	struct replay_defaults defaults;
	struct diagnostics diagnostics;
	size_t frames, passed, failed, cut_short;
};

static bool is_file(const char *path)
{
	struct stat st;

	return strcmp(path, "-") && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Reads a file once before it is run: which names are device ports, and whether all lines can be read. */
static int note_ports(struct replay *replay, char **ret_why)
{
	struct replay_input *input = NULL;
	struct replay_item item;
	int r;

	if (!is_file(replay->args->frames))
		return 0;
	r = replay_input_open(replay->args->frames, &replay->defaults, &input, ret_why);
	while (r >= 0 && (r = replay_input_next(input, &item, ret_why)) == 1) {
		if (item.kind == REPLAY_FRAME && !config_is_uplink(replay->world.view.config, item.port))
			r = replay_ports_note(&replay->world.ports, item.port);
	}
	replay_input_close(input);
	return r;
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static const char *verdict_word(const struct dataplane_verdict *v)
{
	if (v->unrunnable)
		return "unrunnable";
	return v->pass ? "pass" : "drop";
}

static json_t *result_json(const struct replay *replay, const struct replay_item *item, const struct replay_result *result)
{
	const struct dataplane_verdict *v = &result->verdict;

	return json_pack("{s:I, s:O?, s:s, s:s, s:o, s:o}", "n", (json_int_t)replay->frames, "name", item->name, "verdict", verdict_word(v),
			 "reason", reason_name(v->unrunnable ? CORDON_REASON_NONE : v->reason), "rule", text_or_null(result->rule),
			 "device", text_or_null(result->device));
}

/* Counts a judged frame; true if it is to be printed. A frame that did not run is neither a pass nor a drop. */
static bool judge(struct replay *replay, const struct replay_item *item, const struct dataplane_verdict *v)
{
	bool met;

	if (!replay->args->expect)
		return true;
	if (item->expect == REPLAY_EXPECT_NOTHING)
		return false;
	met = !v->unrunnable && v->pass == (item->expect == REPLAY_EXPECT_PASS);
	met ? replay->passed++ : replay->failed++;
	return !met;
}

static int run_frame(struct replay *replay, const struct replay_item *item, char **ret_why)
{
	struct replay_result result;
	json_t *line;
	int r = replay_world_frame(&replay->world, item, &result, ret_why);

	if (r < 0)
		return r;
	replay->cut_short += item->cut_short;
	if (judge(replay, item, &result.verdict)) {
		line = result_json(replay, item, &result);
		if (replay->args->expect)
			json_object_set_new(line, "expect", json_string(item->expect == REPLAY_EXPECT_PASS ? "pass" : "drop"));
		r = output_jsonl(line);
		json_decref(line);
	}
	replay->frames++;
	return r;
}

/* A failure's sentence gets the place of the item in front. */
static int run_item(struct replay *replay, const struct replay_item *item, char **ret_why)
{
	_cleanup_free_ char *message = NULL;
	int r;

	if (item->kind == REPLAY_FRAME)
		r = run_frame(replay, item, &message);
	else
		r = replay_world_do(&replay->world, item, &replay->diagnostics, &message);
	if (r >= 0)
		return 0;
	if (!message && replay->diagnostics.errors)
		return why(ret_why, r, "%s:%zu: the policy %s is refused", replay->args->frames, item->line, item->policy);
	return why(ret_why, r, "%s:%zu: %s", replay->args->frames, item->line, message ? message : strerror(-r));
}

static int run_all(struct replay *replay, char **ret_why)
{
	struct replay_input *input = NULL;
	struct replay_item item;
	int r = replay_input_open(replay->args->frames, &replay->defaults, &input, ret_why);

	while (r >= 0 && (r = replay_input_next(input, &item, ret_why)) == 1)
		r = run_item(replay, &item, ret_why);
	replay_input_close(input);
	return r;
}

static int run_world(struct replay *replay, char **ret_why)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < replay->args->place.n; i++)
		r = replay_places_add(&replay->world, replay->args->place.items[i], ret_why);
	if (r >= 0)
		r = note_ports(replay, ret_why);
	if (r >= 0)
		r = gateway_view_fill(&replay->world.view, replay_ports_face, &replay->world.ports);
	if (r >= 0)
		r = replay_world_open(&replay->world, replay->args->policy, &replay->diagnostics, ret_why);
	return r < 0 ? r : run_all(replay, ret_why);
}

static enum control_status report(struct replay *replay, int r, const char *message)
{
	const struct invocation *inv = replay->inv;

	fflush(stdout);
	diagnostics_print(&replay->diagnostics, stderr);
	if (r == -EPERM)
		return complain(inv, CONTROL_NOT_PERMITTED, "%s; the test run needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run it as root",
				message ? message : strerror(-r));
	if (r < 0 && (message || !replay->diagnostics.errors))
		return complain(inv, CONTROL_ERROR, "%s", message ? message : strerror(-r));
	if (r < 0)
		return CONTROL_ERROR;
	if (replay->cut_short)
		complain(inv, CONTROL_DONE, "the capture kept only the beginning of %zu frames; they were not judged", replay->cut_short);
	if (replay->args->expect)
		printf("%zu passed, %zu failed\n", replay->passed, replay->failed);
	return replay->failed ? CONTROL_WOULD_CHANGE : CONTROL_DONE;
}

static enum control_status replay_run(const struct invocation *inv)
{
	struct replay replay = {.inv = inv, .args = inv->args};
	_cleanup_free_ char *message = NULL;
	enum cordon_dir dir = CORDON_DIR_FROM_DEVICE;
	enum control_status status;
	int r;

	if (!replay.args->policy || !replay.args->frames)
		return complain(inv, CONTROL_USAGE, "--policy and --frames are both needed");
	if (replay.args->dir && replay_dir_parse(replay.args->dir, &dir) < 0)
		return complain(inv, CONTROL_USAGE, "--dir is from_device or to_device, not '%s'", replay.args->dir);
	replay.defaults = (struct replay_defaults){replay.args->port, replay.args->dir ? (int)dir : -1, replay.args->in_port};
	status = gateway_view_load(inv, &replay.world.view);
	if (status != CONTROL_DONE)
		return status;
	replay.world.ports.config = replay.world.view.config;
	replay.world.beside = replay.args->frames;
	r = run_world(&replay, &message);
	status = report(&replay, r, message);
	diagnostics_done(&replay.diagnostics);
	replay_world_done(&replay.world);
	return status;
}

const struct command command_replay = {
	.name = "replay",
	.group = "Write a policy (no daemon needed)",
	.summary = "real frames through the real programs, on private maps: verdict, reason and rule of each",
	.usage = "--policy PATH --frames FILE [--place DEVICE=PORT,…] [--expect] [-c gateway.yaml]\n"
		 "--policy PATH --frames FILE.pcap --port PORT --dir from_device|to_device [--in-port NAME]",
	.help =
		"Every device of the policy is authenticated and enforced. State is kept from frame to frame. Needs CAP_BPF, CAP_NET_ADMIN\n"
		"and CAP_PERFMON; nothing is pinned or attached. -c gateway.yaml gives the gateway's own addresses (addresses:) and sorts\n"
		"interfaces into ports and uplinks; without it frames to the gateway carry the MAC 02:00:00:00:00:01.\n"
		"\n"
		"Lines of FILE, in order:\n"
		"  {\"name\": \"syn\", \"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"<hex>\", \"expect\": \"pass\"}\n"
		"  {\"port\": \"p2\", \"dir\": \"to_device\", \"in_port\": \"p1\", \"frame\": \"<hex>\", \"gso\": [1448, 3]}\n"
		"  {\"do\": \"reset\"}   {\"do\": \"apply\", \"policy\": \"FILE\"}   {\"do\": \"wait\", \"for\": \"31s\"}\n"
		"  {\"do\": \"deauth\", \"device\": \"ID\"}   also auth, quarantine, release\n"
		"\n"
		"Exit status: 0 done, 1 a line that cannot be read, 3 a frame was not as expected, 6 without the rights.\n"
		"\n"
		"  cordon replay --policy home.yaml --frames cases.jsonl --expect\n"
		"  cordon replay --policy home.yaml --frames cam.pcap --port p1 --dir from_device --place cam-door=p1\n",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.args_size = sizeof(struct replay_args),
	.outputs = OUTPUT_JSONL,
	.run = replay_run,
};
