/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire [--quick] [--only REGEX] [--runs N] [--seed N] [--devices N,N…] [--out FILE]: the benchmark's second layer, cost on the wire.
 * For each number of devices everybody is set up side by side, judges the same frames, and is timed in turns.
 */
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "results.h"
#include "wire.h"

static struct {
	const char *out;
	uint32_t worlds[8];
	size_t n_worlds;
	bool only;
	regex_t expression;
} options = {.out = "build/bench.json", .worlds = {16, 1000, 10000, 100000}, .n_worlds = 4};

static bool wanted(const char *line)
{
	return !options.only || regexec(&options.expression, line, 0, NULL, 0) == 0;
}

static void worlds_parse(char *list)
{
	options.n_worlds = 0;
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		unsigned long n = strtoul(word, NULL, 10);

		if (n < 2 || n > 100000 || options.n_worlds == sizeof(options.worlds) / sizeof(*options.worlds))
			die("--devices: at most 8 numbers from 2 to 100000, not %s", word);
		options.worlds[options.n_worlds++] = (uint32_t)n;
	}
}

static void quick_choose(struct plan *plan)
{
	plan->quick = true;
	plan->runs = 5;
	plan->seconds = 0.02;
	options.n_worlds = 2;
}

static void only_set(const char *expression)
{
	if (regcomp(&options.expression, expression, REG_EXTENDED | REG_NOSUB) != 0)
		die("--only: %s is no regular expression", expression);
	options.only = true;
}

static void option_set(struct plan *plan, int option)
{
	switch (option) {
	case 'q':
		return quick_choose(plan);
	case 'n':
		return only_set(optarg);
	case 'd':
		return worlds_parse(optarg);
	case 'r':
		plan->runs = (uint32_t)strtoul(optarg, NULL, 10);
		return;
	case 's':
		plan->seed = strtoull(optarg, NULL, 10);
		return;
	case 'o':
		options.out = optarg;
		return;
	}
	exit(2);
}

static void options_parse(int argc, char **argv, struct plan *plan)
{
	static const struct option words[] = {{"quick", no_argument, NULL, 'q'},	{"only", required_argument, NULL, 'n'},
					      {"runs", required_argument, NULL, 'r'},	{"seed", required_argument, NULL, 's'},
					      {"devices", required_argument, NULL, 'd'}, {"out", required_argument, NULL, 'o'},
					      {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1)
		option_set(plan, option);
	if (plan->runs < 1 || plan->runs > MAX_RUNS)
		die("--runs: from 1 to %d", MAX_RUNS);
}

int main(int argc, char **argv)
{
	struct plan plan = {.runs = 11, .seconds = 0.1, .longer = 0.3, .seed = 1, .wanted = wanted};
	double begun = now_seconds();
	int r;

	options_parse(argc, argv, &plan);
	r = results_open(options.out, "wire", &plan.results);
	if (r < 0)
		die("%s: %s", options.out, strerror(-r));
	world_begin();
	printf("Cost on the wire: frames of %d bytes into a veth, made, carried and judged by one CPU; frames a second of that CPU,\n"
	       "median of %u turns with its 95 %% interval\n",
	       WIRE_FRAME_SIZE, plan.runs);
	contenders_describe();
	for (size_t i = 0; i < options.n_worlds; i++) {
		struct world world;

		if (!world_is_wanted(options.worlds[i], &plan))
			continue;
		world_make(&world, options.worlds[i]);
		world_judge(&world, plan.seed);
		world_time(&world, &plan);
		world_free(&world);
	}
	tcp_time(&plan);
	r = results_save(plan.results);
	if (r < 0)
		die("%s: %s", options.out, strerror(-r));
	results_free(plan.results);
	world_end();
	printf("\n%.0f s\n", now_seconds() - begun);
	return 0;
}
