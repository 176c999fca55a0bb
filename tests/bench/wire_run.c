/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: the kernel makes n frames on this CPU, sends them into the lane's veth in portions that its ring holds, and the
 * receiving side takes them from there in the same interrupt context on the same CPU. So the time of a run is that of making,
 * carrying and judging n frames on one CPU, and what a contender adds to the ceiling is its judging. What counts is the CPU's
 * time, which others on the machine do not take part in, as they do in the clock's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/cleanup.h"
#include "wire_world.h"

#define TEST_LIVE_FRAMES (1U << 1) /* BPF_F_TEST_XDP_LIVE_FRAMES, not in the oldest headers */
#define PORTION 64                 /* a veth's ring holds 256 frames; one turn of its receiver takes 64 */
#define PATIENCE 5.0               /* seconds until frames that were sent must have been judged */

static const uint32_t zero = 0;

void frames_load(const struct wire_frame *frames, uint32_t n)
{
	int fd = bpf_map__fd(world_bpf->maps.frames);

	if (n > WIRE_MAX_FRAMES)
		die("%u frames do not fit the table of %u", n, WIRE_MAX_FRAMES);
	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &i, &frames[i], BPF_ANY) < 0)
			die("loading frames: %s", strerror(errno));
	world_bpf->bss->next_frame = 0;
	world_bpf->data->n_frames = n;
}

uint64_t received(int ns, const char *name)
{
	char line[512], word[32];
	unsigned long long bytes, packets;
	uint64_t found = 0;
	FILE *f;

	namespace_enter(ns);
	f = fopen("/proc/thread-self/net/dev", "re");
	if (!f)
		die("/proc/thread-self/net/dev: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %31[^:]: %llu %llu", word, &bytes, &packets) == 3 && !strcmp(word, name))
			found = packets;
	fclose(f);
	lane_leave();
	return found;
}

const uint32_t *through_counts(void)
{
	static uint32_t counts[65536];
	int fd = bpf_map__fd(world_bpf->maps.through);

	for (uint32_t i = 0; i < 65536; i++)
		if (bpf_map_lookup_elem(fd, &i, &counts[i]) < 0)
			die("reading what came through: %s", strerror(errno));
	return counts;
}

/* Frames of a timed run all have identification 0. */
static uint32_t through_zero(void)
{
	uint32_t count = 0;

	bpf_map_lookup_elem(bpf_map__fd(world_bpf->maps.through), &zero, &count);
	return count;
}

/* The kernel thread to which interrupts on this CPU are put off when there are many; -1 where processes of others are hidden. */
static int ksoftirqd_open(int cpu)
{
	char wanted[32], name[32], path[300];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int fd = -1;

	snprintf(wanted, sizeof(wanted), "ksoftirqd/%d\n", cpu);
	while (proc && fd < 0 && (entry = readdir(proc))) {
		_cleanup_fclose_ FILE *comm = NULL;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re") : NULL;
		if (!comm || !fgets(name, sizeof(name), comm) || strcmp(name, wanted))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/schedstat", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (proc)
		closedir(proc);
	return fd;
}

double ksoftirqd_seconds(int cpu)
{
	static int fds[CPU_SETSIZE]; /* 0: not tried yet */
	char text[64] = "";

	if (!fds[cpu])
		fds[cpu] = ksoftirqd_open(cpu);
	return fds[cpu] > 0 && pread(fds[cpu], text, sizeof(text) - 1, 0) > 0 ? (double)strtoull(text, NULL, 10) / 1e9 : 0;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9 + ksoftirqd_seconds(sched_getcpu());
}

static void frames_send(uint32_t target, uint64_t n)
{
	static uint8_t template[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = template, .data_size_in = WIRE_FRAME_SIZE, .repeat = (int)n, .flags = TEST_LIVE_FRAMES,
		    .batch_size = PORTION);

	world_bpf->bss->lane = target;
	if (bpf_prog_test_run_opts(world_program("wire_generate"), &opts) < 0)
		die("the kernel's test run: %s", strerror(errno));
}

void lane_run(const struct lane *lane, uint64_t n, struct sample *ret)
{
	struct sample s = {.sent = n};
	uint64_t before = received(lane->ns, "port");
	uint32_t passed = through_zero();
	double begun, cpu, sent;

	cpu = cpu_seconds();
	begun = now_seconds();
	frames_send(lane->number, n);
	sent = now_seconds();
	/* The last portion may be left to a kernel thread; what was lost in the ring never comes. */
	do {
		s.judged = received(lane->ns, "port") - before;
	} while (s.judged < n && now_seconds() - sent < (s.judged ? 0.05 : PATIENCE));
	s.wall = sent - begun;
	s.cpu = cpu_seconds() - cpu;
	s.passed = through_zero() - passed;
	*ret = s;
}

void lane_answer(const struct lane *lane, const struct wire_frame *frames, uint32_t n)
{
	uint64_t before = received(lane_home(), lane->near), back;
	struct wire_frame *answers = frames_answers(frames, n);
	double begun = now_seconds();

	frames_load(answers, n);
	frames_send(lane->back, n);
	do {
		back = received(lane_home(), lane->near) - before;
		if (now_seconds() - begun > PATIENCE)
			die("%llu of %u answers came back", (unsigned long long)back, n);
	} while (back < n);
	frames_load(frames, n);
	free(answers);
}
