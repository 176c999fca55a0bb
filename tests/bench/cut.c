/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a cut takes: from the write of `quarantine` to the engine's socket until the kernel's row says so and the count of
 * changes has moved, that is, until every later frame and every kept verdict meets it. Both are read in the mapped tables. The
 * real cordond, the state on this machine's disk, in namespaces of its own; "cut and stored" is when the engine has answered. Both
 * processes run before all others of the machine (SCHED_RR): what else it does is not what is measured.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cordon/maps.h>

#include "lib/cleanup.h"
#include "results.h"
#include "table.h"

#define CUTS 200
#define MOST_DEVICES 100000 /* that `capacity: devices:` takes */
#define START_S 120
#define DEVICE "dev-000007"

static char work[32];
static pid_t engine;
static int notices = -1; /* what the engine tells of itself, sd_notify(3) */

static void end(void)
{
	char command[100];

	if (engine > 0) {
		kill(engine, SIGKILL);
		waitpid(engine, NULL, 0);
	}
	snprintf(command, sizeof(command), "umount -l %s/bpf; rm -rf %s", work, work);
	if (system(command) != 0)
		perror(work);
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(const char *command)
{
	if (system(command) != 0)
		die(command);
}

static void lab_make(uint32_t devices, uint32_t rules)
{
	char command[2000];

	snprintf(work, sizeof(work), "build/cut.XXXXXX");
	if (!mkdtemp(work))
		die(work);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		die("unshare");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
		die("mount private");
	snprintf(command, sizeof(command),
		 "mkdir %s/bpf %s/policy && mount -t bpf none %s/bpf && tests/bench/make_policy %u %u >%s/policy/site.yaml && ip link set lo up && "
		 "ip link add p1 type veth peer name far1 && ip link set p1 up && ip link set far1 up && "
		 "printf '%%s\\n' 'version: 1' 'ports: {\"p*\": {}}' \"policy: $PWD/%s/policy\" \"state: $PWD/%s/state\" \"run: $PWD/%s/run\" "
		 "\"bpffs: $PWD/%s/bpf/cordon\" 'capacity: {devices: %u, flows: 65536}' >%s/gateway.yaml",
		 work, work, work, devices, rules, work, work, work, work, work, devices + 1000 < MOST_DEVICES ? devices + 1000 : MOST_DEVICES, work);
	run(command);
}

/* An abstract name is the network namespace's own. */
static void notices_open(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "\0cut"};

	notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notices < 0 || bind(notices, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path) + 4) < 0 || setenv("NOTIFY_SOCKET", "@cut", 1) < 0)
		die("a socket for the engine's notices");
}

/* With the policy in force and its pins made. */
static void engine_wait(void)
{
	double until = now_us() + START_S * 1e6, left;
	char text[300] = "";

	while ((left = until - now_us()) > 0 && strncmp(text, "READY=1", 7) != 0) {
		struct pollfd ready = {.fd = notices, .events = POLLIN};
		ssize_t n = poll(&ready, 1, (int)(left / 1e3) + 1) > 0 ? recv(notices, text, sizeof(text) - 1, 0) : 0;

		text[n > 0 ? n : 0] = '\0';
	}
	if (left <= 0)
		die("the engine is not ready");
}

static void engine_start(void)
{
	char config[240], log[240];

	notices_open();
	snprintf(config, sizeof(config), "%s/gateway.yaml", work);
	snprintf(log, sizeof(log), "%s/log", work);
	engine = fork();
	if (engine)
		return;
	if (!freopen(log, "w", stderr))
		_exit(1);
	execl("build/cordond", "cordond", "-c", config, "--foreground", NULL);
	_exit(127);
}

static int call(const char *request, size_t size)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/run/cordon.sock", work);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	if (request && write(fd, request, size) != (ssize_t)size)
		die("write to the socket");
	return fd;
}

/* To the end of the answer; true if it was done. */
static bool answer_ok(int fd)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, "\"done\":true"))
			return strstr(text, "\"status\":0") != NULL;
	}
	return false;
}

static bool ask(const char *what)
{
	char request[200];
	int n = snprintf(request, sizeof(request), "{\"schema\":1,\"command\":\"%s\",\"args\":{\"device\":\"" DEVICE "\"}}\n", what);
	int fd = call(request, (size_t)n);
	bool ok = fd >= 0 && answer_ok(fd);

	if (fd >= 0)
		close(fd);
	return ok;
}

static const void *table_map(const char *name, struct bpf_map_info *ret)
{
	_cleanup_close_ int fd = -1;
	uint32_t size = sizeof(*ret);
	char path[300];
	size_t bytes;
	void *at;

	snprintf(path, sizeof(path), "%s/bpf/cordon/maps/%s", work, name);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, ret, &size) < 0)
		die(path);
	bytes = (size_t)ret->max_entries * ((ret->value_size + 7) & ~7u);
	at = mmap(NULL, (bytes + 4095) & ~4095UL, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die(path);
	return at;
}

/* The row that a quarantine of the device marks. */
static const struct device *row_of(const struct device *devices, uint32_t n)
{
	if (!ask("quarantine"))
		return NULL;
	for (uint32_t i = CORDON_DEVICE_FIRST; i < n; i++)
		if (devices[i].flags & DEVICE_QUARANTINED)
			return &devices[i];
	return NULL;
}

/* One cut and its end; the connection is made before the clock starts. */
static void cut_once(const struct device *row, const struct control *control, double *ret_cut, double *ret_answer)
{
	static const char request[] = "{\"schema\":1,\"command\":\"quarantine\",\"args\":{\"device\":\"" DEVICE "\"}}\n";
	uint32_t changes = __atomic_load_n(&control->changes, __ATOMIC_ACQUIRE);
	int fd = call(NULL, 0);
	double begun = now_us();

	if (fd < 0 || write(fd, request, sizeof(request) - 1) != (ssize_t)sizeof(request) - 1)
		die("quarantine");
	while (!(__atomic_load_n(&row->flags, __ATOMIC_ACQUIRE) & DEVICE_QUARANTINED) ||
	       __atomic_load_n(&control->changes, __ATOMIC_ACQUIRE) == changes)
		if (now_us() > begun + 10e6)
			die("no cut within 10 s");
	*ret_cut = now_us() - begun;
	if (!answer_ok(fd))
		die("the answer to quarantine");
	*ret_answer = now_us() - begun;
	close(fd);
	if (!ask("release"))
		die("release");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double samples_at(const double *samples, size_t n, double part)
{
	double sorted[CUTS];

	memcpy(sorted, samples, n * sizeof(*samples));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[(size_t)((double)n * part)];
}

static void add(struct results *results, struct table *table, const char *subject, uint32_t devices, const double *samples, size_t n)
{
	struct summary s = summary_of(samples, n);

	results_add(results, &(struct result){.subject = subject, .family = "", .devices = devices, .order = "", .shape = "", .contender = "cordon",
					      .unit = "us", .samples = samples, .n_samples = n});
	table_cell(table, "%s", subject);
	table_cell(table, "%u", devices);
	table_cell(table, "%.0f", s.median);
	table_cell(table, "%.0f-%.0f", s.low, s.high);
	table_cell(table, "%.0f", samples_at(samples, n, 0.9));
}

static void measure(const char *out, uint32_t devices, uint32_t rules)
{
	static const char *const heads[] = {"case", "devices", "us", "95 %", "9 of 10", NULL};
	static double cut[CUTS], answer[CUTS];
	struct bpf_map_info info = {0};
	const struct control *control;
	const struct device *row, *rows;
	struct results *results = NULL;
	struct table table = {0};
	char name[80];

	if (sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 10}) < 0)
		die("sched_setscheduler");
	lab_make(devices, rules);
	atexit(end);
	engine_start();
	engine_wait();
	control = table_map("control", &info);
	rows = table_map("devices", &info);
	row = row_of(rows, info.max_entries);
	if (!row || !ask("release"))
		die("the engine does not quarantine " DEVICE);
	for (int i = 0; i < CUTS; i++)
		cut_once(row, control, &cut[i], &answer[i]);

	snprintf(name, sizeof(name), "cut %u", devices);
	if (results_open(out, name, &results) < 0)
		die(out);
	table_begin(&table, heads);
	add(results, &table, "cut", devices, cut, CUTS);
	add(results, &table, "cut and stored", devices, answer, CUTS);
	table_print(&table, stdout);
	table_done(&table);
	if (results_save(results) < 0)
		die(out);
	results_free(results);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {"quick", no_argument, NULL, 'q'},
						{"only", required_argument, NULL, 'n'}, {0}};
	static const uint32_t sizes[] = {16, 1000, 100000};
	const char *out = "build/bench.json";
	size_t n = ARRAY_SIZE(sizes);
	int c, status, failed = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return 2;
		if (c == 'n' && !strstr("cut", optarg))
			return 0;
		n = c == 'q' ? 2 : n;
		out = c == 'o' ? optarg : out;
	}
	/* Each in a process of its own: its namespaces end with it. */
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			measure(out, sizes[i], sizes[i] / 10);
			exit(0);
		}
		failed |= waitpid(pid, &status, 0) != pid || status != 0;
	}
	return failed;
}
