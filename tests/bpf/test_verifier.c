/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verifier of this kernel reads of each program, against what was written down (tests/bpf/verifier.txt): it grows by steps
 * that nobody notices until a kernel refuses, and most of what an emulated machine does is to read it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include <cordon/maps.h>

#include "lib/cleanup.h"
#include "cordon.skel.h"

#define FIGURES "tests/bpf/verifier.txt"
#define MAX_PROGRAMS 8
#define LOG_STATS 4 /* kernel: BPF_LOG_STATS */
#define LOG_SIZE 4096
#define GROWN(figure) ((figure) + (figure) / 20)
#define SHRUNK(figure) ((figure) - (figure) / 10)

struct figures {
	char program[32];
	unsigned long instructions; /* read, one on each road that leads there */
	unsigned long states;       /* kept to compare others with */
};

/* "6.18", of "6.18.3-amd64". */
static void release_short(char ret[16])
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	cr_assert_eq(uname(&name), 0);
	cr_assert_eq(sscanf(name.release, "%u.%u", &major, &minor), 2, "release '%s'", name.release);
	snprintf(ret, 16, "%u.%u", major, minor);
}

/* Tables as large as they are without a word in gateway.yaml: programs are read with the sizes known. */
static void constants_set(struct cordon_bpf *bpf)
{
	bpf->rodata->flow_buckets = bpf_map__max_entries(bpf->maps.flows);
	bpf->rodata->device_lines = bpf_map__max_entries(bpf->maps.device_index);
	bpf->rodata->binding_lines = bpf_map__max_entries(bpf->maps.binding_index);
	bpf->rodata->cache_pairs = bpf_map__max_entries(bpf->maps.cache);
}

static size_t figures_read(struct figures ret[MAX_PROGRAMS])
{
	static char logs[MAX_PROGRAMS][LOG_SIZE];
	struct cordon_bpf *bpf = cordon_bpf__open();
	struct bpf_program *program;
	size_t n = 0;

	cr_assert(bpf);
	constants_set(bpf);
	bpf_object__for_each_program(program, bpf->obj) {
		cr_assert_lt(n, MAX_PROGRAMS);
		snprintf(ret[n].program, sizeof(ret[n].program), "%s", bpf_program__name(program));
		cr_assert_eq(bpf_program__set_log_level(program, LOG_STATS), 0);
		cr_assert_eq(bpf_program__set_log_buf(program, logs[n], LOG_SIZE), 0);
		n++;
	}
	cr_assert_eq(cordon_bpf__load(bpf), 0);
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(logs[i], "processed ");

		cr_assert(at && sscanf(at, "processed %lu insns (limit %*u) max_states_per_insn %*u total_states %lu", &ret[i].instructions,
				       &ret[i].states) == 2, "%s: %s", ret[i].program, logs[i]);
	}
	cordon_bpf__destroy(bpf);
	return n;
}

/* Whether this kernel has a line for it. */
static bool figures_find(const char *release, const char *program, struct figures *ret)
{
	_cleanup_fclose_ FILE *file = fopen(FIGURES, "re");
	char line[128], kernel[16];

	cr_assert(file, "no " FIGURES " from here");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%15s %31s %lu %lu", kernel, ret->program, &ret->instructions, &ret->states) == 4 && !strcmp(kernel, release) &&
		    !strcmp(ret->program, program))
			return true;
	return false;
}

static void compare(const struct figures *now, const struct figures *then, const char *line)
{
	cr_expect_leq(now->instructions, GROWN(then->instructions), "%s: the verifier reads a twentieth more than %lu instructions: why? If it must be, the new line is\n%s",
		      now->program, then->instructions, line);
	cr_expect_leq(now->states, GROWN(then->states), "%s: the verifier keeps a twentieth more than %lu states: why? If it must be, the new line is\n%s",
		      now->program, then->states, line);
	cr_expect_geq(now->instructions, SHRUNK(then->instructions), "%s: better by a tenth; so that it stays, write down\n%s", now->program, line);
}

Test(verifier, reads_no_more_than_was_written_down)
{
	struct figures now[MAX_PROGRAMS], then;
	char release[16], line[96];
	size_t n = figures_read(now), known = 0;

	release_short(release);
	for (size_t i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "%-6s %-16.31s %8lu %7lu", release, now[i].program, now[i].instructions, now[i].states);
		printf("%s\n", line);
		if (!figures_find(release, now[i].program, &then))
			continue;
		known++;
		compare(&now[i], &then, line);
	}
	if (!known)
		cr_skip_test("nobody wrote down what Linux %s reads", release);
	cr_expect_eq(known, n, "a program has no line in " FIGURES);
}
