/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver FOLDER PORT,… DEVICE,…: frames through the real programs, many a second. FOLDER holds gateway.yaml and policy.yaml.
 *
 * In:  batches on standard input: a size in bytes (u32), then so many bytes of steps. A step is a struct step, then its frame.
 * Out: a line "reasons WORD …" by number, then for each batch a size (u32) and two bytes a frame: PASSES or UNRUNNABLE, and the reason.
 * Never: a verdict of its own; names in the stream: a step's numbers are places in the lists of the command line.
 *
 * Little-endian, for both ends are this machine. Ends at the end of input with 0, else with 1 and a sentence.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cordon/command.h"
#include "cordon/replay_world.h"
#include "events/events.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

#define BATCH_MAX (16u << 20)
#define NOBODY 0xff
/* What a port and a device may tell of is bounded by time (bpf/event.h); this much of it between sequences fills both up again. */
#define RESET_NS (10ULL * 1000 * 1000 * 1000)

enum { PASSES = 1, UNRUNNABLE = 2 };

struct step {
	uint8_t kind;    /* enum replay_kind; REPLAY_APPLY is not for here */
	uint8_t dir;     /* enum cordon_dir */
	uint8_t name;    /* of a frame its port, else the device */
	uint8_t in_port; /* NOBODY: the gateway made it */
	uint32_t size;   /* of a frame its bytes, of a wait milliseconds */
};

struct words {
	char *items[NOBODY];
	size_t n;
};

struct driver {
	struct replay_world world;
	struct words ports, devices;
	uint8_t *batch, *answers;
	size_t n_answers;
};

/* What the rooms of `cordon` complain by; its own is in main.c. */
enum control_status complain(const struct invocation *inv, enum control_status status, const char *format, ...)
{
	va_list args;

	(void)inv;
	va_start(args, format);
	fputs("driver: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	return status;
}

static void words_split(char *text, struct words *names)
{
	char *name;

	while (names->n < ARRAY_SIZE(names->items) && (name = strsep(&text, ",")))
		names->items[names->n++] = name;
}

static const char *word_at(const struct words *names, size_t i)
{
	return i < names->n ? names->items[i] : NULL;
}

static int read_whole(void *to, size_t size)
{
	uint8_t *at = to;

	while (size) {
		ssize_t n = read(STDIN_FILENO, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_whole(const void *from, size_t size)
{
	const uint8_t *at = from;

	while (size) {
		ssize_t n = write(STDOUT_FILENO, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int run_frame(struct driver *driver, const struct step *step, const uint8_t *bytes, char **ret_why)
{
	struct replay_item item = {
		.kind = REPLAY_FRAME,
		.port = word_at(&driver->ports, step->name),
		.dir = step->dir,
		.in_port = word_at(&driver->ports, step->in_port),
		.bytes = bytes,
		.size = step->size,
	};
	struct replay_result result;
	uint8_t *answer = driver->answers + driver->n_answers;
	int r;

	if (!item.port || step->dir >= CORDON_DIR_COUNT)
		return why(ret_why, -EINVAL, "a frame for no port");
	r = replay_world_frame(&driver->world, &item, &result, ret_why);
	if (r < 0)
		return r;
	answer[0] = (uint8_t)((result.verdict.pass ? PASSES : 0) | (result.verdict.unrunnable ? UNRUNNABLE : 0));
	answer[1] = (uint8_t)result.verdict.reason;
	driver->n_answers += 2;
	return 0;
}

static int run_step(struct driver *driver, const struct step *step, const uint8_t *bytes, char **ret_why)
{
	struct replay_item item = {
		.kind = step->kind,
		.device = word_at(&driver->devices, step->name),
		.wait = (uint64_t)step->size * 1000 * 1000,
	};
	struct diagnostics diagnostics = {};
	int r = 0;

	if (step->kind == REPLAY_FRAME)
		return run_frame(driver, step, bytes, ret_why);
	if (step->kind >= REPLAY_KIND_COUNT || step->kind == REPLAY_APPLY)
		return why(ret_why, -EINVAL, "no step is of kind %u", step->kind);
	if (step->kind == REPLAY_RESET)
		r = dataplane_clock_advance(driver->world.dp, RESET_NS);
	return r < 0 ? r : replay_world_do(&driver->world, &item, &diagnostics, ret_why);
}

static int run_batch(struct driver *driver, uint32_t size, char **ret_why)
{
	const uint8_t *at = driver->batch, *end = at + size;
	int r = 0;

	driver->n_answers = 0;
	while (r >= 0 && at < end) {
		struct step step;
		uint32_t bytes;

		if ((size_t)(end - at) < sizeof(step))
			return why(ret_why, -EINVAL, "a step ends early");
		memcpy(&step, at, sizeof(step));
		at += sizeof(step);
		bytes = step.kind == REPLAY_FRAME ? step.size : 0;
		if (bytes > (size_t)(end - at))
			return why(ret_why, -EINVAL, "a frame ends early");
		r = run_step(driver, &step, at, ret_why);
		at += bytes;
	}
	return r;
}

static int run_all(struct driver *driver, char **ret_why)
{
	uint32_t size;
	int r;

	while ((r = read_whole(&size, sizeof(size))) == 0) {
		if (size > BATCH_MAX)
			return why(ret_why, -E2BIG, "a batch of %u bytes", size);
		r = read_whole(driver->batch, size);
		if (r == 0)
			r = run_batch(driver, size, ret_why);
		size = (uint32_t)driver->n_answers;
		if (r >= 0)
			r = write_whole(&size, sizeof(size));
		if (r >= 0)
			r = write_whole(driver->answers, size);
		if (r < 0)
			return r;
	}
	return r == -ENODATA ? 0 : r;
}

static int say_reasons(void)
{
	printf("reasons");
	for (enum cordon_reason reason = 0; reason < CORDON_REASON_COUNT; reason++)
		printf(" %s", reason_name(reason));
	printf("\n");
	return fflush(stdout) ? -errno : 0;
}

static int world_open(struct driver *driver, const char *folder, char **ret_why)
{
	_cleanup_free_ char *config = format_text("%s/gateway.yaml", folder), *policy = format_text("%s/policy.yaml", folder);
	const struct invocation inv = {.config = config, .config_named = true};
	struct replay_world *world = &driver->world;
	struct diagnostics diagnostics = {};
	int r = 0;

	if (!config || !policy)
		return -ENOMEM;
	if (gateway_view_load(&inv, &world->view) != CONTROL_DONE)
		return -EINVAL;
	world->ports.config = world->view.config;
	for (size_t i = 0; r >= 0 && i < driver->ports.n; i++) {
		if (config_port_for(world->view.config, driver->ports.items[i]))
			r = replay_ports_note(&world->ports, driver->ports.items[i]);
	}
	if (r >= 0)
		r = gateway_view_fill(&world->view, replay_ports_face, &world->ports);
	if (r >= 0)
		r = replay_world_open(world, policy, &diagnostics, ret_why);
	if (r < 0)
		diagnostics_print(&diagnostics, stderr);
	diagnostics_done(&diagnostics);
	return r;
}

int main(int argc, char **argv)
{
	static struct driver driver;
	_cleanup_free_ char *message = NULL;
	int r;

	if (argc != 4) {
		fprintf(stderr, "usage: driver FOLDER PORT,… DEVICE,…\n");
		return 2;
	}
	words_split(argv[2], &driver.ports);
	words_split(argv[3], &driver.devices);
	driver.batch = malloc(BATCH_MAX);
	driver.answers = malloc(BATCH_MAX); /* a step is longer than its answer */
	r = driver.batch && driver.answers ? world_open(&driver, argv[1], &message) : -ENOMEM;
	if (r >= 0)
		r = say_reasons();
	if (r >= 0)
		r = run_all(&driver, &message);
	if (r < 0)
		fprintf(stderr, "driver: %s\n", message ? message : strerror(-r));
	replay_world_done(&driver.world);
	free(driver.batch);
	free(driver.answers);
	return r < 0 ? 1 : 0;
}
