/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nftables, the policy in one lookup. Its receiver has no XDP program: GRO switches on the receiving side of a veth that live
 * frames need, and is what a gateway has anyway.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire.h"

#define CONCATENATION "ether saddr . ip saddr . ip daddr . ip protocol . th dport"
#define CONCATENATED_TYPE "ether_addr . ipv4_addr . ipv4_addr . inet_proto . inet_service"

static void elements_exact(FILE *f, uint32_t devices)
{
	fprintf(f, "\tset allowed {\n\t\ttype " CONCATENATED_TYPE "\n\t\tsize %u\n\t\telements = {\n", devices);
	for (uint32_t i = 0; i < devices; i++)
		fprintf(f, "\t\t\t%s . %s . " SITE_SERVER " . udp . %d,\n", device_mac(i).text, device_ip(i).text, SITE_PORT);
	fputs("\t\t}\n\t}\n", f);
}

static void netdev_write(FILE *f, uint32_t devices)
{
	fputs("table netdev bench {\n", f);
	elements_exact(f, devices);
	fputs("\tchain in {\n\t\ttype filter hook ingress device port priority 0; policy drop;\n\t\t" CONCATENATION " @allowed accept\n\t}\n}\n", f);
}

/* Who somebody is stays exact; where he may go is a set of intervals. So the rule is two lookups, the second of them short. */
static void interval_write(FILE *f, uint32_t devices)
{
	fprintf(f, "table netdev bench {\n\tset bound {\n\t\ttype ether_addr . ipv4_addr\n\t\tsize %u\n\t\telements = {\n", devices);
	for (uint32_t i = 0; i < devices; i++)
		fprintf(f, "\t\t\t%s . %s,\n", device_mac(i).text, device_ip(i).text);
	fprintf(f, "\t\t}\n\t}\n\tset reach {\n\t\ttype ipv4_addr . inet_proto . inet_service\n\t\tflags interval\n\t\telements = { "
		SITE_SERVER "/32 . udp . %d-%d }\n\t}\n", SITE_PORT, SITE_PORT);
	fputs("\tchain in {\n\t\ttype filter hook ingress device port priority 0; policy drop;\n\t\t"
	      "ip daddr . ip protocol . th dport @reach ether saddr . ip saddr @bound accept\n\t}\n}\n", f);
}

bool nft_has_flowtable(void)
{
	static int known = -1;

	if (known < 0)
		known = system("nft 'add table inet probe; add flowtable inet probe fast { hook ingress priority 0; devices = { lo }; }' 2>/dev/null && "
			       "nft delete table inet probe") == 0;
	return known;
}

static void forward_write(FILE *f, uint32_t devices)
{
	fputs("table inet bench {\n", f);
	if (nft_has_flowtable())
		fputs("\tflowtable fast {\n\t\thook ingress priority 0; devices = { port, out0 };\n\t}\n", f);
	elements_exact(f, devices);
	fputs("\tchain through {\n\t\ttype filter hook forward priority 0; policy drop;\n", f);
	if (nft_has_flowtable())
		fputs("\t\tct state established flow add @fast\n", f);
	fputs("\t\tct state established,related accept\n\t\t" CONCATENATION " @allowed accept\n\t}\n}\n", f);
}

static void nft_load(struct contender *c, void (*write)(FILE *f, uint32_t devices))
{
	int fd = memfd_create("nft", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		die("memfd_create: %s", strerror(errno));
	write(f, c->devices);
	if (fflush(f) != 0)
		die("no memory");
	lane_enter(&c->lane);
	shell("ethtool -K port gro on && nft -f /proc/%d/fd/%d", getpid(), fd);
	lane_leave();
	fclose(f);
}

static void netdev_setup(struct contender *c)
{
	nft_load(c, netdev_write);
}

static void interval_setup(struct contender *c)
{
	nft_load(c, interval_write);
}

static void forward_setup(struct contender *c)
{
	nft_load(c, forward_write);
}

static void nft_done(struct contender *c)
{
	lane_enter(&c->lane);
	shell("nft flush ruleset");
	lane_leave();
}

const struct contender_kind contender_nft_netdev = {
	.name = "nft netdev",
	.what = "netdev ingress, one set of " CONCATENATION,
	.weaker = "state (answers need rules of their own)",
	.nft = true,
	.setup = netdev_setup,
	.done = nft_done,
};

const struct contender_kind contender_nft_interval = {
	.name = "nft netdev intervals",
	.what = "netdev ingress, an interval set of destinations, then a set of MAC and address",
	.weaker = "state (answers need rules of their own)",
	.nft = true,
	.setup = interval_setup,
	.done = nft_done,
};

const struct contender_kind contender_nft_forward = {
	.name = "nft forward",
	.what = "inet forward, conntrack (established first), then one set of " CONCATENATION,
	.stateful = true,
	.weaker = "what is not routed (the gateway itself, neighbours on the bridge)",
	.nft = true,
	.setup = forward_setup,
	.done = nft_done,
};
