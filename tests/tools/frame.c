/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: builds one raw Ethernet frame from words and sends or prints it; or watches an interface for frames that come in.
 *
 *   frame send IFACE KIND [--option value …]     onto the wire, as it stands, whatever the kernel's routes say
 *   frame hex KIND [--option value …]            the bytes as hex
 *   frame json KIND --port P [--dir …] …         one line of `cordon replay` input
 *   frame wait IFACE [--for MS] [--count N] [PCAP FILTER]
 *       prints `ready` once it listens, each matching frame as hex, then how many; outgoing frames are not seen.
 *       Ends after N frames (0: never early), after MS, or at SIGTERM. Exit 0 if N came (N = 0: if none came), else 3.
 */
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"

static _Noreturn void usage(void)
{
	fputs("usage: frame send IFACE KIND [--option value …]\n       frame hex|json KIND [--option value …]\n"
	      "       frame wait IFACE [--for MS] [--count N] [FILTER]\n\nkinds:\n", stderr);
	for (size_t i = 0; i < frame_n_kinds; i++)
		fprintf(stderr, "  %-14s %s\n", frame_kinds[i].name, frame_kinds[i].help);
	fputs("\noptions:\n", stderr);
	frame_print_options();
	exit(EXIT_USAGE);
}

static void print_hex(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
}

static int run_hex(char **argv)
{
	struct frame f;
	struct spec s;

	frame_parse(&f, &s, argv);
	print_hex(f.bytes, f.len);
	puts("");
	return 0;
}

static int run_json(char **argv)
{
	struct frame f;
	struct spec s;

	frame_parse(&f, &s, argv);
	if (!s.port)
		frame_fail(EXIT_USAGE, "json needs --port", NULL);
	printf("{\"name\": \"%s\", \"port\": \"%s\", \"dir\": \"%s\", ", s.name ? s.name : s.kind, s.port, s.dir);
	if (s.in_port)
		printf("\"in_port\": \"%s\", ", s.in_port);
	if (s.expect)
		printf("\"expect\": \"%s\", ", s.expect);
	printf("\"frame\": \"");
	print_hex(f.bytes, f.len);
	puts("\"}");
	return 0;
}

/* In immediate mode, so that a frame is seen when it comes and not when a buffer is full. */
static pcap_t *capture_open(const char *iface)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(iface, error);

	if (!p)
		frame_fail(EXIT_FAILURE, iface, error);
	pcap_set_snaplen(p, 65535);
	pcap_set_promisc(p, 1);
	pcap_set_immediate_mode(p, 1);
	if (pcap_activate(p) < 0)
		frame_fail(EXIT_FAILURE, iface, pcap_geterr(p));
	return p;
}

static int run_send(char **argv)
{
	struct frame f;
	struct spec s;
	pcap_t *p;

	if (!argv[0])
		usage();
	frame_parse(&f, &s, argv + 1);
	p = capture_open(argv[0]);
	for (long i = 0; i < s.count; i++)
		if (pcap_inject(p, f.bytes, f.len) != (int)f.len)
			frame_fail(EXIT_FAILURE, argv[0], pcap_geterr(p));
	pcap_close(p);
	return 0;
}

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	(void)number;
	told_to_end = 1;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void print_frame(u_char *seen, const struct pcap_pkthdr *header, const u_char *data)
{
	++*(long *)(void *)seen;
	print_hex(data, header->caplen);
	puts("");
	fflush(stdout);
}

/* Listens before it says ready, so that nothing sent after `ready` was read can be missed. */
static long watch(pcap_t *p, long ms, long count)
{
	long end = now_ms() + ms, left, seen = 0;

	puts("ready");
	fflush(stdout);
	while (!told_to_end && (left = end - now_ms()) > 0 && (!count || seen < count)) {
		struct pollfd fd = {.fd = pcap_get_selectable_fd(p), .events = POLLIN};

		if (poll(&fd, 1, (int)left) > 0 && pcap_dispatch(p, 1, print_frame, (u_char *)&seen) == PCAP_ERROR)
			frame_fail(EXIT_FAILURE, "wait", pcap_geterr(p));
	}
	while (pcap_dispatch(p, -1, print_frame, (u_char *)&seen) > 0)
		; /* what lay in the ring when the time was over */
	return seen;
}

static int run_wait(char **argv)
{
	char error[PCAP_ERRBUF_SIZE], *iface = argv[0];
	long ms = 1000, count = 1, seen;
	struct bpf_program filter;
	pcap_t *p;

	if (!iface)
		usage();
	for (argv++; argv[0] && argv[1] && !strncmp(argv[0], "--", 2); argv += 2)
		*(!strcmp(argv[0], "--for") ? &ms : &count) = frame_number(argv[1]);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	p = capture_open(iface);
	if (pcap_compile(p, &filter, argv[0] ? argv[0] : "", 1, PCAP_NETMASK_UNKNOWN) || pcap_setfilter(p, &filter))
		frame_fail(EXIT_USAGE, argv[0] ? argv[0] : "filter", pcap_geterr(p));
	if (pcap_setdirection(p, PCAP_D_IN) || pcap_setnonblock(p, 1, error))
		frame_fail(EXIT_FAILURE, iface, pcap_geterr(p));
	seen = watch(p, ms, count);
	printf("%ld\n", seen);
	pcap_freecode(&filter);
	pcap_close(p);
	return (count ? seen >= count : !seen) ? 0 : EXIT_MISSED;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **argv);
	} commands[] = {{"send", run_send}, {"hex", run_hex}, {"json", run_json}, {"wait", run_wait}};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	usage();
}
