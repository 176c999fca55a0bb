/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic whose every frame is accounted for, so that a test can say "none was lost, none got through".
 *
 *   traffic ask ADDRESS ALLOWED DENIED   one datagram a millisecond to either port; the allowed one is answered, and counts as
 *                                        lost if it is not. A new source port every 64 datagrams asks about new flows and
 *                                        live ones alike and stays within a device's quota of flows. What arrives on the
 *                                        own port DENIED got through.
 *   traffic answer ADDRESS ALLOWED DENIED PEER   answers on ALLOWED; what arrives on DENIED got through; one datagram a
 *                                        millisecond to PEER's port DENIED, which nobody asked for.
 *
 * Both go on until SIGTERM, wait a moment for what is still on its way, and print one JSON line. IPv4.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ASKERS 128       /* sockets that ask: an answer may be 8 s late before its socket is gone */
#define A_SOCKET 64      /* datagrams from one source port */
#define RUN_OUT_MS 1000  /* times CORDON_SLOW, what the machine is slower than a real one */
#define BUFFER (8 << 20) /* so that no answer is lost in our own queue */

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in endpoint(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		die(address);
	}
	return at;
}

static int socket_new(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = BUFFER;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static int socket_bound(const char *address, const char *port)
{
	struct sockaddr_in at = endpoint(address, port);
	int fd = socket_new();

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(port);
	return fd;
}

static int socket_asking(const struct sockaddr_in *to)
{
	int fd = socket_new();

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	return fd;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t run_out_end(void)
{
	const char *slow = getenv("CORDON_SLOW");
	int times = slow ? atoi(slow) : 1;

	return now_ms() + RUN_OUT_MS * (uint64_t)(times > 0 ? times : 1);
}

/* Reads what is there; with `answer` it goes back to who sent it. */
static uint64_t drain(int fd, bool answer)
{
	uint64_t n = 0, payload;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t got;

	while ((got = recvfrom(fd, &payload, sizeof(payload), 0, (struct sockaddr *)&from, &size)) >= 0) {
		n++;
		if (answer && sendto(fd, &payload, (size_t)got, 0, (struct sockaddr *)&from, size) < 0)
			die("answering");
	}
	return n;
}

/* A refused datagram (no route yet, queue full) was never on the wire and does not count as sent. */
static uint64_t put(int fd, uint64_t payload)
{
	return send(fd, &payload, sizeof(payload), 0) == sizeof(payload);
}

struct ask {
	int askers[ASKERS];
	int epoll;
	int denied, listening;
	uint64_t sent, answered, denied_sent, got_through;
};

static void ask_read(struct ask *a)
{
	struct epoll_event ready[64];
	int n = epoll_wait(a->epoll, ready, 64, 0);

	for (int i = 0; i < n; i++)
		a->answered += drain(ready[i].data.fd, false);
	a->got_through += drain(a->denied, false) + drain(a->listening, false);
}

static void asker_renew(struct ask *a, int slot, const struct sockaddr_in *allowed)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (a->askers[slot] >= 0) {
		a->answered += drain(a->askers[slot], false);
		close(a->askers[slot]);
	}
	event.data.fd = a->askers[slot] = socket_asking(allowed);
	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
		die("epoll");
}

static void ask_step(struct ask *a, const struct sockaddr_in *allowed, uint64_t tick)
{
	int slot = (int)(tick / A_SOCKET % ASKERS);

	if (tick % A_SOCKET == 0)
		asker_renew(a, slot, allowed);
	a->sent += put(a->askers[slot], tick);
	a->denied_sent += put(a->denied, tick);
	ask_read(a);
}

static void pause_ms(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int ask(char **argv)
{
	struct sockaddr_in allowed = endpoint(argv[0], argv[1]), denied = endpoint(argv[0], argv[2]);
	struct ask a = {.denied = socket_asking(&denied), .listening = socket_bound("0.0.0.0", argv[2]), .epoll = epoll_create1(0)};
	uint64_t end;

	for (int i = 0; i < ASKERS; i++)
		a.askers[i] = -1;
	for (uint64_t tick = 0; !stopping; tick++) {
		ask_step(&a, &allowed, tick);
		pause_ms();
	}
	for (end = run_out_end(); now_ms() < end; pause_ms())
		ask_read(&a);
	printf("{\"sent\": %llu, \"answered\": %llu, \"denied_sent\": %llu, \"got_through\": %llu}\n", (unsigned long long)a.sent,
	       (unsigned long long)a.answered, (unsigned long long)a.denied_sent, (unsigned long long)a.got_through);
	return 0;
}

static int answer(char **argv)
{
	int allowed = socket_bound(argv[0], argv[1]), denied = socket_bound(argv[0], argv[2]);
	struct sockaddr_in peer = endpoint(argv[3], argv[2]);
	int poke = socket_asking(&peer);
	uint64_t asked = 0, got_through = 0, poked = 0, end = 0;

	while (!end || now_ms() < end) {
		asked += drain(allowed, true);
		got_through += drain(denied, false);
		if (!stopping)
			poked += put(poke, poked);
		else if (!end)
			end = run_out_end();
		pause_ms();
	}
	printf("{\"asked\": %llu, \"got_through\": %llu, \"poked\": %llu}\n", (unsigned long long)asked, (unsigned long long)got_through,
	       (unsigned long long)poked);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return ask(argv + 2);
	if (argc == 6 && !strcmp(argv[1], "answer"))
		return answer(argv + 2);
	fprintf(stderr, "usage: traffic ask ADDRESS ALLOWED DENIED\n       traffic answer ADDRESS ALLOWED DENIED PEER\n");
	return 2;
}
