/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two yards: a bridge with two ports and a device behind each. On the ports of one yard sits cordon; on those of the other
 * programs at the same hooks that pass all: native XDP on a veth costs TCP its large segments, whatever the program does, so
 * ports without any program would compare something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "results.h"
#include "table.h"
#include "wire.h"

#define PORT "5201"
#define LISTENS ":1451 00000000:0000 0A" /* a line of /proc/net/tcp: that port, no peer, listening */
#define PATIENCE 5.0

struct yard {
	const char *name;
	int gateway, device[2];
	unsigned int port[2], bridge;
	int links[4];
	struct cordon *cordon;
	double bits[MAX_RUNS]; /* a second */
	double cost[MAX_RUNS]; /* ns of CPU a frame that the ports took in */
};

struct child {
	pid_t pid;
	int out;
};

static void device_make(struct yard *y, int i)
{
	y->device[i] = namespace_make();
	namespace_enter(y->gateway);
	shell("ip link add p%d type veth peer name dev netns /proc/%d/fd/%d && ip link set p%d master br0 up", i, getpid(), y->device[i], i);
	namespace_enter(y->device[i]);
	shell("ip link set dev dev address %s && ip link set dev dev up && ip addr add %s/8 dev dev && ip neigh add %s lladdr %s dev dev nud permanent",
	      device_mac((uint32_t)i).text, device_ip((uint32_t)i).text, device_ip(1 - (uint32_t)i).text, device_mac(1 - (uint32_t)i).text);
	lane_leave();
}

static void yard_make(struct yard *y, const char *name)
{
	*y = (struct yard){.name = name};
	y->gateway = namespace_make();
	shell("ip link add br0 type bridge && ip link set br0 address " SITE_GATEWAY_MAC " up");
	device_make(y, 0);
	device_make(y, 1);
	namespace_enter(y->gateway);
	y->port[0] = index_of("p0");
	y->port[1] = index_of("p1");
	y->bridge = index_of("br0");
	lane_leave();
}

static void yard_guard(struct yard *y)
{
	struct cordon_site site = {.ns = y->gateway, .devices = 2, .may = "to: segment:things, allow: [tcp/" PORT "]",
				   .ports = {y->port[0], y->port[1]}, .bridge = y->bridge};

	y->cordon = cordon_start(&site);
}

static void yard_open(struct yard *y)
{
	for (int i = 0; i < 2; i++) {
		y->links[2 * i] = attach_xdp(y->gateway, y->port[i], "wire_pass");
		y->links[2 * i + 1] = attach_tc(y->gateway, y->port[i], "wire_next", true);
	}
}

static void yard_free(struct yard *y)
{
	if (y->cordon)
		cordon_stop(y->cordon);
	for (int i = 0; i < 4 && !y->cordon; i++)
		close(y->links[i]);
	close(y->device[0]);
	close(y->device[1]);
	close(y->gateway);
}

static struct child child_start(int ns, int cpu, const char *const *words)
{
	struct child c;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	c.pid = fork();
	if (c.pid < 0)
		die("fork: %s", strerror(errno));
	if (c.pid == 0) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setaffinity(0, sizeof(one), &one);
		namespace_enter(ns);
		dup2(ends[1], 1);
		execvp(words[0], (char *const *)words);
		_exit(127);
	}
	close(ends[1]);
	c.out = ends[0];
	return c;
}

/* What it wrote, to free; *ret_cpu gets the seconds it computed. */
static char *child_end(struct child *c, double *ret_cpu)
{
	size_t size = 0, capacity = 1 << 16;
	char *text = malloc(capacity);
	struct rusage use;
	int status;
	ssize_t n;

	while (text && (n = read(c->out, text + size, capacity - size - 1)) > 0) {
		size += (size_t)n;
		if (capacity - size < 2)
			text = realloc(text, capacity *= 2);
	}
	if (!text)
		die("no memory");
	text[size] = '\0';
	close(c->out);
	if (wait4(c->pid, &status, 0, &use) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("iperf3 failed: %s", text);
	*ret_cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	return text;
}

static bool listens(int ns)
{
	char line[256];
	bool found = false;
	FILE *f;

	namespace_enter(ns);
	f = fopen("/proc/thread-self/net/tcp", "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, LISTENS) != NULL;
	if (f)
		fclose(f);
	lane_leave();
	return found;
}

static double received_bits(const char *report)
{
	json_t *root = json_loads(report, 0, NULL);
	json_t *bits = json_object_get(json_object_get(json_object_get(root, "end"), "sum_received"), "bits_per_second");
	double value = json_number_value(bits);

	if (!bits)
		die("iperf3 said: %s", report);
	json_decref(root);
	return value;
}

static uint64_t frames_in(const struct yard *y)
{
	return received(y->gateway, "p0") + received(y->gateway, "p1");
}

/* One connection from device 0 to device 1; sender and receiver have a CPU each, or share one. */
static void yard_time(struct yard *y, const int cpu[2], const char *seconds, uint32_t run)
{
	const char *const serve[] = {"iperf3", "-s", "-1", "-4", "-p", PORT, "-J", NULL};
	const char *const send[] = {"iperf3", "-c", device_ip(1).text, "-p", PORT, "-t", seconds, "-J", NULL};
	double begun = now_seconds(), used[2], soft = ksoftirqd_seconds(cpu[0]) + (cpu[0] != cpu[1] ? ksoftirqd_seconds(cpu[1]) : 0);
	struct child server = child_start(y->device[1], cpu[1], serve), client;
	uint64_t frames = frames_in(y);
	char *report;

	while (!listens(y->device[1]))
		if (now_seconds() - begun > PATIENCE)
			die("iperf3 does not listen");
	client = child_start(y->device[0], cpu[0], send);
	report = child_end(&client, &used[0]);
	free(child_end(&server, &used[1]));
	soft = ksoftirqd_seconds(cpu[0]) + (cpu[0] != cpu[1] ? ksoftirqd_seconds(cpu[1]) : 0) - soft;
	y->bits[run] = received_bits(report);
	y->cost[run] = (used[0] + used[1] + soft) * 1e9 / (double)(frames_in(y) - frames);
	free(report);
}

static void row_add(const struct plan *plan, const char *name, const struct yard *y, const char *unit, const double *samples)
{
	struct result row = {.subject = name, .family = "ipv4", .devices = 2, .flows = 1, .order = "", .shape = "", .contender = y->name, .unit = unit,
			     .samples = samples, .n_samples = plan->runs};

	if (results_add(plan->results, &row) < 0)
		die("no memory");
}

static double ratio(const double *a, const double *b, uint32_t n)
{
	double ratios[MAX_RUNS];

	for (uint32_t i = 0; i < n; i++)
		ratios[i] = a[i] / b[i];
	return summary_of(ratios, n).median;
}

static void yards_print(const struct plan *plan, const char *name, const struct yard yards[2])
{
	static const char *const heads[] = {"", "Gbit/s", "low", "high", "CPU ns a frame", "low", "high", NULL};
	struct table table;

	table_begin(&table, heads);
	for (int i = 0; i < 2; i++) {
		struct summary bits = summary_of(yards[i].bits, plan->runs), cost = summary_of(yards[i].cost, plan->runs);

		table_cell(&table, "  %s", yards[i].name);
		table_cell(&table, "%.2f", bits.median / 1e9);
		table_cell(&table, "%.2f", bits.low / 1e9);
		table_cell(&table, "%.2f", bits.high / 1e9);
		table_cell(&table, "%.0f", cost.median);
		table_cell(&table, "%.0f", cost.low);
		table_cell(&table, "%.0f", cost.high);
		row_add(plan, name, &yards[i], "bit/s", yards[i].bits);
		row_add(plan, name, &yards[i], "CPU ns/frame", yards[i].cost);
	}
	printf("\n%s\n", name);
	table_print(&table, stdout);
	table_done(&table);
	printf("  cordon / XDP_PASS: %.2f of the throughput, %.2f of the CPU a frame\n", ratio(yards[1].bits, yards[0].bits, plan->runs),
	       ratio(yards[1].cost, yards[0].cost, plan->runs));
	fflush(stdout);
}

static void yards_time(const struct plan *plan, const char *name, struct yard yards[2], int sender, int receiver)
{
	const int cpu[2] = {sender, receiver};
	const char *seconds = "1"; /* whole ones: iperf3 takes less for no end at all */

	if (!plan->wanted(name))
		return;
	for (uint32_t run = 0; run < plan->runs; run++)
		for (int i = 0; i < 2; i++)
			yard_time(&yards[(i + run) % 2], cpu, seconds, run);
	yards_print(plan, name, yards);
}

void tcp_time(const struct plan *plan)
{
	static struct yard yards[2];
	int last = sched_getcpu();

	if (!plan->wanted("tcp through a bridge, one CPU") && !plan->wanted("tcp through a bridge, a CPU each"))
		return;
	yard_make(&yards[0], "XDP_PASS");
	yard_make(&yards[1], "cordon");
	yard_open(&yards[0]);
	yard_guard(&yards[1]);
	yards_time(plan, "tcp through a bridge, one CPU", yards, last, last);
	if (last > 0 && !plan->quick)
		yards_time(plan, "tcp through a bridge, a CPU each", yards, last, 0);
	yard_free(&yards[0]);
	yard_free(&yards[1]);
}
