/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "control/control.h"
#include "engine.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/file.h"

#define DEVICES 1000
#define RULES 1000
#define DEADLINE_US 20e6
#define DEVICE "dev-000000" /* 02:5e:00:00:00:00, 10.0.0.1; may ask the gateway for names */

static struct place {
	char folder[64];
	char *socket;
	pid_t daemon;
	uint32_t ifindex;
	uint8_t mac[6];
	int program;
} place;

static void shell(const char *command)
{
	if (system(command) != 0)
		die("failed: %s", command);
}

static void file_put(const char *name, const char *text, size_t size)
{
	_cleanup_free_ char *path = format_text("%s/%s", place.folder, name);

	if (!path || file_write(path, text, size, 0600) < 0)
		die("writing %s: %m", name);
}

static void mac_read(void)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/class/net/p1/address", "re");
	unsigned int b[6];

	if (!file || fscanf(file, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		die("the address of p1 cannot be read");
	for (int i = 0; i < 6; i++)
		place.mac[i] = (uint8_t)b[i];
}

/* Own mount and network namespace: both go with this process. `capacity` as gateway.yaml has it. */
static void place_make(const char *capacity)
{
	_cleanup_free_ char *bpffs = NULL, *yaml = NULL, *text = NULL;
	size_t size;

	strcpy(place.folder, "/tmp/cordon-bench-XXXXXX");
	if (!mkdtemp(place.folder) || unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		die("a folder and namespaces of its own: %m (this needs root)");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
		die("mount: %m");
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		die("mount /sys: %m");
	bpffs = format_text("%s/bpf", place.folder);
	if (mkdir(bpffs, 0700) < 0 || mount("none", bpffs, "bpf", 0, "mode=0700") < 0)
		die("mount bpf: %m");
	shell("ip link set lo up && ip link add p1 type veth peer name far1 && ip addr add 10.0.255.254/16 dev p1");
	shell("ip link set p1 up && ip link set far1 up");
	place.ifindex = if_nametoindex("p1");
	mac_read();
	text = policy_make(DEVICES, RULES, &size);
	file_put("policy.yaml", text, size);
	yaml = format_text("version: 1\nports: {p1: {}}\npolicy: %s/policy.yaml\nstate: %s/state\nrun: %s/run\nbpffs: %s/cordon\n"
			   "capacity: %s\n", place.folder, place.folder, place.folder, bpffs, capacity);
	file_put("gateway.yaml", yaml, strlen(yaml));
	place.socket = format_text("%s/run/cordon.sock", place.folder);
}

static void daemon_start(const char *cordond)
{
	_cleanup_free_ char *config = format_text("%s/gateway.yaml", place.folder), *log = format_text("%s/log", place.folder);

	place.daemon = fork();
	if (place.daemon < 0)
		die("fork: %m");
	if (place.daemon > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen(log, "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(1);
	execl(cordond, cordond, "-c", config, "--foreground", NULL);
	_exit(127);
}

static enum control_status ask(const char *command, const char *device, double *ret_sent)
{
	struct control_call *call = NULL;
	_cleanup_free_ char *told = NULL;
	enum control_status status = CONTROL_ERROR;
	json_t *data = NULL;
	int r = control_connect(place.socket, &call, &told);

	if (r < 0)
		return CONTROL_ERROR;
	*ret_sent = now_us();
	r = control_send(call, command, device ? json_pack("{s:s}", "device", device) : NULL, NULL, 0);
	free(told);
	told = NULL;
	while (r >= 0 && (r = control_receive(call, &data, &status, &told)) == 1)
		json_decref(data);
	control_close(call);
	return r < 0 ? CONTROL_ERROR : status;
}

static void put_sum(uint8_t *at, const uint8_t *from, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)from[i] << 8 | from[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* The device asks the gateway for a name; UDP without a checksum. */
static size_t frame_make(uint8_t frame[64])
{
	static const uint8_t head[] = {0x02, 0x5e, 0, 0, 0, 0, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 255, 254,
				       0x80, 0x00, 0, 53, 0, 20, 0, 0};

	memset(frame, 0, 64);
	memcpy(frame, place.mac, 6);
	memcpy(frame + 6, head, sizeof(head));
	put_sum(frame + 24, frame + 14, 20);
	return 60;
}

static uint32_t verdict_ask(void)
{
	uint8_t frame[64], out[64];
	struct xdp_md ctx = {.data_end = (uint32_t)frame_make(frame), .ingress_ifindex = place.ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = ctx.data_end, .data_out = out, .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	int r = bpf_prog_test_run_opts(place.program, &opts);

	if (r < 0)
		die("running the program on p1: %s", strerror(-r));
	return opts.retval;
}

/* Between two frames the CPU is the daemon's: who asks without a pause keeps it for a time slice, 2 ms of the figure. */
static void verdict_await(uint32_t verdict)
{
	double begun = now_us();

	while (verdict_ask() != verdict) {
		if (now_us() - begun > DEADLINE_US)
			die("the device's frame is still answered with %u; see %s/log", verdict_ask(), place.folder);
		usleep(20);
	}
}

static void program_find(void)
{
	double begun = now_us();
	uint32_t id = 0;

	while (bpf_xdp_query_id((int)place.ifindex, 0, &id) < 0 || !id)
		if (now_us() - begun > DEADLINE_US)
			die("no XDP program on p1; see %s/log", place.folder);
	place.program = bpf_prog_get_fd_by_id(id);
	if (place.program < 0)
		die("the program on p1: %m");
}

static void daemon_await(void)
{
	double begun = now_us(), sent;
	enum control_status status;

	do {
		status = ask("status", NULL, &sent);
		if (now_us() - begun > DEADLINE_US || waitpid(place.daemon, NULL, WNOHANG) != 0)
			die("the daemon does not answer; see %s/log", place.folder);
	} while (status != CONTROL_DONE && status != CONTROL_DEGRADED);
}

static atomic_bool watching;

/* Frame after frame until the verdict changes; the time of it. */
static void *watch(void *arg)
{
	double *changed = arg;

	atomic_store(&watching, true);
	verdict_await(XDP_DROP);
	*changed = now_us();
	return NULL;
}

static void cut_once(double *ret_verdict, double *ret_answer)
{
	double sent = 0, changed = 0, ignored;
	pthread_t thread;

	atomic_store(&watching, false);
	if (pthread_create(&thread, NULL, watch, &changed) != 0)
		die("a thread: %m");
	while (!atomic_load(&watching))
		;
	if (ask("quarantine", DEVICE, &sent) != CONTROL_DONE)
		die("quarantine was refused; see %s/log", place.folder);
	*ret_answer = now_us() - sent;
	pthread_join(thread, NULL);
	*ret_verdict = changed - sent;
	if (ask("release", DEVICE, &ignored) != CONTROL_DONE)
		die("release was refused; see %s/log", place.folder);
	verdict_await(XDP_PASS);
}

static void row(struct results *results, struct table *table, const char *subject, const char *unit, const double *samples, size_t n, json_t *extra)
{
	struct summary s = summary_of(samples, n);

	table_cell(table, "%s", subject);
	table_cell(table, "%d", DEVICES);
	table_cell(table, "%d", RULES);
	table_cell(table, "%.0f", s.median);
	table_cell(table, "%.0f-%.0f", s.low, s.high);
	table_cell(table, "%s", unit);
	results_add(results, &(struct result){.subject = subject, .family = "", .devices = DEVICES, .order = "", .shape = "", .contender = "cordon",
					      .unit = unit, .samples = samples, .n_samples = n, .extra = extra});
}

/* What the engine has mapped of the kernel's tables counts as resident too: rows as far as they are in use, and no flows. */
static void memory_report(struct results *results, struct table *table, const char *capacity)
{
	double rss[] = {status_kib(place.daemon, "VmRSS")}, own = status_kib(place.daemon, "RssAnon");

	row(results, table, "rss", "KiB", rss, 1,
	    json_pack("{s:s, s:f, s:f, s:f, s:f}", "capacity", capacity, "anonymous", own, "file", status_kib(place.daemon, "RssFile"), "shared",
		      status_kib(place.daemon, "RssShmem"), "peak", status_kib(place.daemon, "VmHWM")));
	table_cell(table, "%.0f KiB of its own, the rest is files and mapped tables; capacity: %s", own, capacity);
}

static void place_remove(void)
{
	_cleanup_free_ char *command = format_text("umount %s/bpf; rm -rf %s", place.folder, place.folder);

	kill(place.daemon, SIGTERM);
	waitpid(place.daemon, NULL, 0);
	shell(command);
	free(place.socket);
}

static void cuts_measure(struct results *results, struct table *table, size_t runs)
{
	double verdicts[ENGINE_RUNS], answers[ENGINE_RUNS];

	program_find();
	verdict_await(XDP_PASS);
	for (size_t i = 0; i < runs; i++)
		cut_once(&verdicts[i], &answers[i]);
	close(place.program);
	row(results, table, "quarantine", "us", verdicts, runs, json_pack("{s:f}", "answer_us", summary_of(answers, runs).median));
	table_cell(table, "from the request to the first changed verdict; answer after %.0f", summary_of(answers, runs).median);
}

void daemon_measure(struct results *results, struct table *table, const char *cordond, bool quick)
{
	static const char *const capacities[] = {"{devices: 4096, flows: 65536, cache: 8MiB}", "auto"};

	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
		place_make(capacities[i]);
		daemon_start(cordond);
		daemon_await();
		if (i == 0)
			cuts_measure(results, table, quick ? 21 : ENGINE_RUNS);
		memory_report(results, table, capacities[i]);
		place_remove();
	}
}
