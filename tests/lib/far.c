/* SPDX-License-Identifier: Apache-2.0 */
#include "far.h"

#include <errno.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#define BURST 64

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

static void shell(const char *command)
{
	if (system(command) != 0)
		die("this failed", command);
}

static void port_make(const char *name)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "ip link add %1$s type veth peer name %1$s_far && ip link set %1$s master br0 up && ip link set %1$s_far up && "
		 "for i in %1$s %1$s_far; do ethtool -K $i gro off gso off tso off tx off rx off >/dev/null; done",
		 name);
	shell(command);
}

static struct pcap *capture_open(const char *name)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap *p = pcap_create(name, error);

	if (!p)
		die(name, error);
	pcap_set_snaplen(p, 256);
	pcap_set_immediate_mode(p, 1);
	pcap_set_buffer_size(p, 16 << 20);
	if (pcap_activate(p) < 0 || pcap_setdirection(p, PCAP_D_IN) < 0 || pcap_setnonblock(p, 1, error) < 0)
		die(name, pcap_geterr(p));
	return p;
}

static void end_open(struct far_end *end, const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET};
	char far[IFNAMSIZ];

	snprintf(far, sizeof(far), "%s_far", name);
	end->ifindex = if_nametoindex(name);
	at.sll_ifindex = (int)if_nametoindex(far);
	end->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (end->fd < 0 || bind(end->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(far, strerror(errno));
	end->capture = capture_open(far);
}

void far_make(struct far_end ends[2])
{
	shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 && ip link add br0 type bridge mcast_snooping 0 && "
	      "ip link set br0 up");
	port_make("pa");
	port_make("pb");
	end_open(&ends[0], "pa");
	end_open(&ends[1], "pb");
}

void far_done(struct far_end ends[2])
{
	for (int i = 0; i < 2; i++) {
		close(ends[i].fd);
		pcap_close(ends[i].capture);
	}
}

void far_send(const struct far_end *end, const struct far_frame *frames, unsigned int n)
{
	struct mmsghdr messages[BURST] = {0};
	struct iovec parts[BURST];

	if (n > BURST)
		die("far_send", "too many frames at once");
	for (unsigned int i = 0; i < n; i++) {
		parts[i] = (struct iovec){(void *)frames[i].bytes, frames[i].size};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (unsigned int sent = 0; sent < n;) {
		int done = sendmmsg(end->fd, messages + sent, n - sent, 0);

		if (done <= 0)
			die("sending", strerror(errno));
		sent += (unsigned int)done;
	}
}

struct hearer {
	void (*each)(void *ctx, const uint8_t *bytes, uint32_t size);
	void *ctx;
};

static void hear(u_char *arg, const struct pcap_pkthdr *head, const u_char *bytes)
{
	struct hearer *h = (struct hearer *)(void *)arg;

	if (head->caplen != head->len)
		die("capture", "a frame longer than any that was sent");
	h->each(h->ctx, bytes, head->len);
}

int far_heard(struct far_end *end, void (*each)(void *ctx, const uint8_t *bytes, uint32_t size), void *ctx)
{
	struct hearer h = {each, ctx};
	int n = pcap_dispatch(end->capture, -1, hear, (u_char *)&h);

	if (n < 0)
		die("capture", pcap_geterr(end->capture));
	return n;
}

uint64_t far_missed(const struct far_end *end)
{
	struct pcap_stat stat;

	if (pcap_stats(end->capture, &stat) < 0)
		die("capture", pcap_geterr(end->capture));
	return (uint64_t)stat.ps_drop + stat.ps_ifdrop;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_mac(uint8_t *at, uint64_t mac)
{
	for (int i = 0; i < 6; i++)
		at[i] = (uint8_t)(mac >> (40 - 8 * i));
}

void far_udp(struct far_frame *frame, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
	     uint16_t length, uint64_t number)
{
	uint8_t *ip = frame->bytes + 14, *udp = ip + 20;
	uint32_t sum = 0;

	memset(frame, 0, sizeof(*frame));
	put_mac(frame->bytes, to_mac);
	put_mac(frame->bytes + 6, from_mac);
	put16(frame->bytes + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, length);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, from, 10, 0, 0, to}, 8);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, (uint16_t)~(sum + (sum >> 16)));
	put16(udp, sport);
	put16(udp + 2, dport);
	put16(udp + 4, (uint16_t)(length - 20)); /* no checksum: IPv4 lets it be */
	memcpy(udp + 8, &number, sizeof(number));
	frame->size = 14u + length;
}
