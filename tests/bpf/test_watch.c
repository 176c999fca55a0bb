/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody changes behind our back is found by the next look, and put right. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "lib/ethtool.h"
#include "small.h"

#define TCX_EGRESS ((enum bpf_attach_type)47) /* not in the headers of the oldest kernel we build on */
#define BEFORE (1U << 3)

static struct dataplane *dp;
static char *told;
static bool card_refuses;

/* Ours comes before the C library's: a card whose features stay as they are. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (card_refuses && request == SIOCETHTOOL && *(uint32_t *)((struct ifreq *)arg)->ifr_data == ETHTOOL_SFEATURES)
		return 0;
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void open_pinned(void)
{
	small_namespace();
	dp = small_pinned(16);
}

static void close_pinned(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(watch, .init = open_pinned, .fini = close_pinned);

static uint32_t attach(const char *name, uint32_t number)
{
	struct dataplane_port port = {.number = number, .ifindex = small_veth(name), .role = CORDON_ROLE_DEVICE, .mode = -1};
	enum dataplane_attach how = DATAPLANE_ATTACH_NONE;

	cr_assert_eq(dataplane_port_set(dp, &port, &how, &told), 0, "%s", told);
	cr_expect_null(told, "%s", told);
	cr_expect(dataplane_port_holds(dp, number));
	return port.ifindex;
}

static int look(uint32_t number)
{
	enum dataplane_attach how = DATAPLANE_ATTACH_NONE;

	free(told);
	told = NULL;
	return dataplane_port_watch(dp, number, &how, &told);
}

static int look_at_pins(void)
{
	free(told);
	told = NULL;
	return dataplane_pins_watch(dp, &told);
}

static void found(int r, const char *words)
{
	cr_expect_eq(r, 1, "%d %s", r, told);
	cr_expect(told && strstr(told, words), "%s", told);
	cr_expect(dataplane_port_holds(dp, 1));
	cr_expect_eq(look(1), 0, "and then nothing more: %s", told);
}

/* Lets everything pass, as other versions or other people's programs do. */
static int foreign(enum bpf_prog_type type)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = type == BPF_PROG_TYPE_XDP ? XDP_PASS : 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = type == BPF_PROG_TYPE_XDP ? BPF_F_XDP_HAS_FRAGS : 0,
		    .expected_attach_type = type == BPF_PROG_TYPE_XDP ? BPF_XDP : 0);
	int fd = bpf_prog_load(type, "foreign", "GPL", insns, ARRAY_SIZE(insns), &opts);

	cr_assert_geq(fd, 0);
	return fd;
}

static void replace_program(const char *link, enum bpf_prog_type type)
{
	int program = foreign(type), fd = bpf_obj_get(link);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bpf_link_update(fd, program, NULL), 0);
	close(fd);
	close(program);
}

static uint32_t id_of(const char *pin)
{
	struct bpf_map_info info = {0}; /* maps, programs and links alike begin with type and id */
	uint32_t size = sizeof(info);
	char path[200];
	int fd;

	snprintf(path, sizeof(path), SMALL_PINS "/%s", pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static uint32_t runs(int link)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(link, &info, &size), 0);
	return info.prog_id;
}

Test(watch, nothing_is_found_where_nothing_is_wrong)
{
	attach("p1", 1);
	cr_expect_eq(look_at_pins(), 0, "%s", told);
	cr_expect_eq(look(1), 0, "%s", told);
	cr_expect_null(told);
}

Test(watch, another_program_in_the_link_of_xdp)
{
	attach("p1", 1);
	replace_program(SMALL_PINS "/links/xdp-1", BPF_PROG_TYPE_XDP);
	cr_expect_not(dataplane_port_holds(dp, 1));
	found(look(1), "(foreign)");
	cr_expect_eq(runs(dp->links[1].xdp), id_of("progs/xdp_from_device"));
}

Test(watch, another_program_in_the_link_of_tcx)
{
	attach("p1", 1);
	if (!dp->tcx)
		cr_skip_test("this kernel has no tcx");
	replace_program(SMALL_PINS "/links/tc-1", BPF_PROG_TYPE_SCHED_CLS);
	cr_expect_not(dataplane_port_holds(dp, 1));
	found(look(1), "(foreign)");
	cr_expect_eq(runs(dp->links[1].tc), id_of("progs/tc_to_device"));
}

Test(watch, a_program_before_ours_at_tcx)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = BEFORE);
	uint32_t ids[8] = {0}, n = ARRAY_SIZE(ids), ifindex = attach("p1", 1), before = id_of("links/tc-1");
	int program, link;

	if (!dp->tcx)
		cr_skip_test("this kernel has no tcx");
	program = foreign(BPF_PROG_TYPE_SCHED_CLS);
	link = bpf_link_create(program, (int)ifindex, TCX_EGRESS, &first);
	cr_assert_geq(link, 0);
	cr_expect_not(dataplane_port_holds(dp, 1));
	found(look(1), "(foreign)");
	cr_assert_eq(bpf_prog_query((int)ifindex, TCX_EGRESS, 0, NULL, ids, &n), 0);
	cr_expect_eq(n, 2, "ours and theirs, nothing of the move: %u", n);
	cr_expect_eq(ids[0], id_of("progs/tc_to_device"));
	cr_expect_neq(id_of("links/tc-1"), before);
	cr_expect_eq(runs(dp->links[1].tc), ids[0]);
	close(link);
	cr_expect_eq(look(1), 0, "%s", told);
}

Test(watch, a_filter_before_ours_at_clsact)
{
	int program = foreign(BPF_PROG_TYPE_SCHED_CLS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program, .handle = 7, .priority = 1);
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_EGRESS);

	dp->tcx = false;
	hook.ifindex = (int)attach("p1", 1);
	cr_expect_eq(look(1), 0, "%s", told);
	cr_assert_eq(bpf_tc_attach(&hook, &filter), 0);
	cr_expect_not(dataplane_port_holds(dp, 1));
	found(look(1), "foreign");
	cr_expect_eq(system("test $(tc filter show dev p1 egress | grep -c handle) = 2"), 0, "ours and theirs, nothing of the move");
	cr_assert_eq(system("tc qdisc del dev p1 clsact"), 0);
	found(look(1), "gone");
}

static bool card_hides(const char *feature)
{
	uint32_t on = 0;

	cr_assert_eq(ethtool_features_on("p1", &feature, 1, &on), 0);
	return on;
}

Test(watch, tags_that_the_card_begins_to_hide)
{
	attach("p1", 1);
	cr_expect_not(card_hides("rx-vlan-hw-parse"), "at the start");
	cr_expect_not(card_hides("rx-vlan-stag-hw-parse"), "at the start");
	cr_assert_eq(system("ethtool -K p1 rx-vlan-hw-parse on rx-vlan-stag-hw-parse on"), 0);
	cr_assert(card_hides("rx-vlan-hw-parse") && card_hides("rx-vlan-stag-hw-parse"));
	found(look(1), "rx-vlan-hw-parse rx-vlan-stag-hw-parse");
	cr_expect_not(card_hides("rx-vlan-hw-parse"));
	cr_expect_not(card_hides("rx-vlan-stag-hw-parse"));
}

Test(watch, a_card_that_goes_on_hiding_tags)
{
	struct dataplane_port port = {.number = 1, .ifindex = small_veth("p1"), .role = CORDON_ROLE_DEVICE, .mode = -1};
	enum dataplane_attach how;

	card_refuses = true;
	cr_assert_eq(dataplane_port_set(dp, &port, &how, &told), 0);
	cr_expect(told && strstr(told, "ethtool -K p1 rx-vlan-hw-parse"), "%s", told);
	cr_expect_eq(look(1), -EOPNOTSUPP);
	cr_expect(told && strstr(told, "will not stop"), "%s", told);
	cr_expect(dataplane_port_holds(dp, 1), "the rest is enforced");
	card_refuses = false;
	found(look(1), "rx-vlan-hw-parse");
}

Test(watch, a_pin_of_a_link_that_leads_elsewhere)
{
	uint32_t link;

	attach("p1", 1);
	attach("p2", 2);
	link = id_of("links/xdp-1");
	cr_assert_eq(rename(SMALL_PINS "/links/xdp-2", SMALL_PINS "/links/xdp-1"), 0);
	found(look(1), "xdp-1");
	cr_expect_eq(id_of("links/xdp-1"), link);
	cr_expect_eq(look(2), 1);
	cr_expect(dataplane_port_holds(dp, 2));
}

Test(watch, pins_of_maps_and_programs)
{
	uint32_t flows = id_of("maps/flows"), ports = id_of("maps/ports"), program = id_of("progs/tc_to_device");

	attach("p1", 1);
	cr_assert_eq(unlink(SMALL_PINS "/maps/flows"), 0);
	cr_assert_eq(rename(SMALL_PINS "/maps/control", SMALL_PINS "/maps/ports"), 0);
	cr_assert_eq(unlink(SMALL_PINS "/progs/tc_to_device"), 0);
	cr_expect_eq(look_at_pins(), 1);
	cr_expect(told && !strncmp(told, "4 pins", 6), "%s", told);
	cr_expect_eq(id_of("maps/flows"), flows);
	cr_expect_eq(id_of("maps/ports"), ports);
	cr_expect_eq(id_of("progs/tc_to_device"), program);
	cr_expect_eq(look_at_pins(), 0, "%s", told);
}

Test(watch, the_file_system_of_the_pins)
{
	uint32_t devices = id_of("maps/devices");

	attach("p1", 1);
	cr_assert_eq(umount2(SMALL_BPFFS, 0), 0);
	cr_expect_lt(look_at_pins(), 0);
	cr_expect(told && strstr(told, "mount -t bpf"), "%s", told);
	cr_expect_eq(look(1), 0, "it is enforced all the same: %s", told);
	attach("p2", 2);

	cr_assert_eq(mount("none", SMALL_BPFFS, "bpf", 0, "mode=0700"), 0);
	cr_expect_eq(look_at_pins(), 1, "%s", told);
	cr_expect_eq(look(1), 1, "%s", told);
	cr_expect_eq(look(2), 1, "%s", told);
	cr_expect_eq(look_at_pins(), 0, "%s", told);
	dataplane_close(dp);
	dp = small_pinned(16);
	cr_expect(dataplane_adopted(dp));
	cr_expect_eq(id_of("maps/devices"), devices);
	cr_expect(dataplane_port_holds(dp, 1));
	cr_expect(dataplane_port_holds(dp, 2));
}
