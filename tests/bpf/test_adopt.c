/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives the process, and who may take it up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/file.h"
#include "small.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void open_pinned(void)
{
	small_namespace();
	small_pair(&pair);
	dp = small_pinned(16);
}

static void close_pinned(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(adopt, .init = open_pinned, .fini = close_pinned);

static void must_apply(uint16_t port)
{
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, port), pair.devices, 2, &generation, &told), 0, "%s", told);
}

static void start_again(void)
{
	dataplane_close(dp);
	dp = small_pinned(16);
}

static uint32_t id_of(const char *pin)
{
	char path[200];
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd;

	snprintf(path, sizeof(path), SMALL_PINS "/%s", pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	/* Maps and programs alike begin with type and id. */
	return info.id;
}

static uint32_t link_prog(const char *pin, uint32_t *ret_ifindex)
{
	char path[200];
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int fd;

	snprintf(path, sizeof(path), SMALL_PINS "/links/%s", pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	*ret_ifindex = info.xdp.ifindex;
	return info.prog_id;
}

/* By a link, or by a filter where the kernel has no tcx. */
static bool egress_has_program(const char *name, uint32_t number, uint32_t ifindex)
{
	char text[120];
	uint32_t at;

	snprintf(text, sizeof(text), "tc-%u", number);
	if (link_prog(text, &at))
		return at == ifindex;
	snprintf(text, sizeof(text), "tc filter show dev %s egress 2>/dev/null | grep -q tc_to_device", name);
	return system(text) == 0;
}

static void set_port(uint32_t number, uint32_t ifindex)
{
	struct dataplane_port port = {.number = number, .ifindex = ifindex, .role = CORDON_ROLE_DEVICE, .mode = -1};
	enum dataplane_attach how = DATAPLANE_ATTACH_NONE;

	cr_assert_eq(dataplane_port_set(dp, &port, &how, &told), 0, "%s", told);
	cr_expect_eq(how, DATAPLANE_ATTACH_NATIVE);
	cr_expect_null(told, "%s", told);
}

/* A SYN of device a to b through the pinned program, as if it came in by this interface. */
static uint32_t ask_pinned(uint32_t ifindex, uint16_t dport)
{
	static uint16_t sport = 30000;
	uint8_t bytes[64];
	uint32_t size = small_syn(bytes, MAC_A, MAC_B, 10, 11, sport++, dport);
	struct xdp_md ctx = {.data_end = size, .ingress_ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int fd = bpf_obj_get(SMALL_PINS "/progs/xdp_from_device");

	cr_assert_geq(fd, 0);
	cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0);
	close(fd);
	return opts.retval;
}

static unsigned int heard;

static void hear_drop(void *ctx, const struct event *event)
{
	(void)ctx;
	heard += event->kind == CORDON_EVENT_DROP && event->reason != CORDON_REASON_WRONG_PORT;
}

/* The kernel's own frames on the interface are told of, too. */
static void expect_drops(unsigned int waiting)
{
	struct event_count counts[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT], *drops = &counts[CORDON_RING_COMMON][CORDON_EVENT_DROP];

	dataplane_events_counts(dp, counts);
	cr_expect_eq(drops->read, heard, "%llu read, %u heard", drops->read, heard);
	cr_expect_geq(drops->emitted, drops->read + waiting, "%llu emitted, %llu read", drops->emitted, drops->read);
}

Test(adopt, what_was_read_and_what_waits_is_known_to_the_next)
{
	uint32_t ifindex = small_veth("p1");

	set_port(1, ifindex);
	must_apply(80);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(ask_pinned(ifindex, 81), XDP_DROP);
	dataplane_events_poll(dp, hear_drop, NULL);
	cr_expect_geq(heard, 3);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(ask_pinned(ifindex, 81), XDP_DROP);
	expect_drops(2);
	start_again();
	expect_drops(2);
	dataplane_events_poll(dp, hear_drop, NULL);
	cr_expect_geq(heard, 5);
	expect_drops(0);
}

Test(adopt, what_is_pinned_is_taken_up_as_it_is)
{
	uint32_t maps = id_of("maps/devices"), programs = id_of("progs/xdp_from_device"), ifindex = small_veth("p1"), at;
	struct dataplane_device_row row, again;

	cr_assert(maps && programs);
	cr_expect_not(dataplane_adopted(dp));
	set_port(1, ifindex);
	must_apply(80);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS);
	cr_expect_eq(ask_pinned(ifindex, 81), XDP_DROP);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &row), 0);
	start_again();
	cr_expect(dataplane_adopted(dp));
	cr_expect_eq(dataplane_generation(dp), 1);
	cr_expect_eq(id_of("maps/devices"), maps);
	cr_expect_eq(id_of("progs/xdp_from_device"), programs);
	cr_expect_eq(link_prog("xdp-1", &at), programs);
	cr_expect_eq(at, ifindex);
	cr_expect(dataplane_port_holds(dp, 1));
	cr_expect(egress_has_program("p1", 1, ifindex));
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &again), 0);
	cr_expect_eq(memcmp(&row, &again, sizeof(row)), 0, "row, side and counters");
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS);
	must_apply(81);
	cr_expect_eq(generation, 2);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_DROP);
	cr_expect_eq(ask_pinned(ifindex, 81), XDP_PASS);
}

/* XDP_PASS for everything: stands for the program of another version. */
static int other_version(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS, .expected_attach_type = BPF_XDP);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", insns, ARRAY_SIZE(insns), &opts);
}

Test(adopt, another_version_of_the_program_is_replaced_in_place)
{
	uint32_t ifindex = small_veth("p1"), maps, other, at;
	int fd = other_version(), link;

	cr_assert_geq(fd, 0);
	set_port(1, ifindex);
	must_apply(80);
	maps = id_of("maps/devices");
	link = bpf_obj_get(SMALL_PINS "/links/xdp-1");
	cr_assert_eq(bpf_link_update(link, fd, NULL), 0);
	close(link);
	cr_assert_eq(unlink(SMALL_PINS "/progs/xdp_from_device"), 0);
	cr_assert_eq(bpf_obj_pin(fd, SMALL_PINS "/progs/xdp_from_device"), 0);
	close(fd);
	other = link_prog("xdp-1", &at);
	cr_expect_eq(ask_pinned(ifindex, 81), XDP_PASS);

	start_again();
	cr_expect(dataplane_adopted(dp));
	cr_expect_eq(id_of("maps/devices"), maps);
	cr_expect_neq(link_prog("xdp-1", &at), other);
	cr_expect_eq(link_prog("xdp-1", &at), id_of("progs/xdp_from_device"));
	cr_expect_eq(at, ifindex);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS);
	cr_expect_eq(ask_pinned(ifindex, 81), XDP_DROP);
	cr_expect_neq(access(SMALL_PINS "/progs/xdp_from_device_new", F_OK), 0);
}

Test(adopt, an_interface_that_comes_back_is_attached_anew)
{
	uint32_t ifindex = small_veth("p1"), second, at;

	set_port(1, ifindex);
	cr_assert_eq(system("ip link del p1"), 0);
	cr_expect_not(dataplane_port_holds(dp, 1));
	start_again();
	cr_expect_eq(link_prog("xdp-1", &at), 0, "a link on nothing is not kept");
	second = small_veth("p1");
	set_port(1, second);
	cr_expect(dataplane_port_holds(dp, 1));
	cr_expect_eq(link_prog("xdp-1", &at), id_of("progs/xdp_from_device"));
	cr_expect_eq(at, second);
	cr_expect(egress_has_program("p1", 1, second));
}

Test(adopt, a_pin_taken_away_is_put_back)
{
	uint32_t ifindex = small_veth("p1"), at;

	set_port(1, ifindex);
	cr_assert_eq(unlink(SMALL_PINS "/links/xdp-1"), 0);
	cr_expect_not(dataplane_port_holds(dp, 1));
	set_port(1, ifindex);
	cr_expect(dataplane_port_holds(dp, 1));
	cr_expect_neq(link_prog("xdp-1", &at), 0);
}

Test(adopt, clearing_a_port_detaches_it)
{
	uint32_t ifindex = small_veth("p1"), at;

	set_port(1, ifindex);
	cr_assert_eq(dataplane_port_clear(dp, 1), 0);
	cr_expect_eq(link_prog("xdp-1", &at), 0);
	cr_expect_eq(system("ip -d link show dev p1 | grep -q xdp"), 256);
	cr_expect_not(egress_has_program("p1", 1, ifindex));
	set_port(1, ifindex);
}

Test(adopt, a_foreign_program_is_named)
{
	uint32_t ifindex = small_veth("p1");
	struct dataplane_port port = {.number = 1, .ifindex = ifindex, .role = CORDON_ROLE_DEVICE, .mode = -1};
	enum dataplane_attach how;

	cr_assert_eq(system("ip link set dev p1 xdp pinned " SMALL_PINS "/progs/xdp_from_device"), 0);
	cr_expect_lt(dataplane_port_set(dp, &port, &how, &told), 0);
	cr_expect(told && strstr(told, "p1"), "%s", told);
	cr_expect_not(dataplane_port_holds(dp, 1));
}

Test(adopt, a_start_that_died_while_pinning_is_made_good)
{
	uint32_t maps = id_of("maps/devices");

	dataplane_close(dp);
	cr_assert_eq(unlink(SMALL_PINS "/maps/flows"), 0);
	cr_assert_eq(unlink(SMALL_PINS "/progs/tc_to_device"), 0);
	dp = small_pinned(16);
	cr_expect_not(dataplane_adopted(dp));
	cr_expect_neq(id_of("maps/devices"), maps);
	cr_expect_neq(id_of("maps/flows"), 0);
	start_again();
	cr_expect(dataplane_adopted(dp));
}

static int open_again(void)
{
	struct dataplane_options options = {.bpffs = SMALL_PINS, .max_devices = 16, .max_flows = 1024};

	dataplane_close(dp);
	dp = NULL;
	return dataplane_open(&options, &dp, &told);
}

Test(adopt, a_map_taken_away_under_live_ports_is_not_replaced)
{
	uint32_t ifindex = small_veth("p1"), maps;

	set_port(1, ifindex);
	must_apply(80);
	maps = id_of("maps/devices");
	cr_assert_eq(unlink(SMALL_PINS "/maps/flows"), 0);
	cr_expect_lt(open_again(), 0);
	cr_expect(told && strstr(told, "flows"), "%s", told);
	cr_expect_eq(id_of("maps/devices"), maps);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS, "what ran, runs");
}

Test(adopt, another_layout_is_left_alone)
{
	uint32_t ifindex = small_veth("p1"), zero = 0;
	struct control control;
	int fd = bpf_obj_get(SMALL_PINS "/maps/control");

	set_port(1, ifindex);
	must_apply(80);
	cr_assert_eq(bpf_map_lookup_elem(fd, &zero, &control), 0);
	control.layout++;
	cr_assert_eq(bpf_map_update_elem(fd, &zero, &control, BPF_ANY), 0);
	close(fd);
	cr_expect_eq(open_again(), -EPROTO);
	cr_expect(told && strstr(told, "layout"), "%s", told);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS);
}

/* Rows of a later version may be longer than what this one has room for. */
Test(adopt, a_control_of_another_size_is_not_read)
{
	uint32_t ifindex = small_veth("p1"), size = 1 << 20, zero = 0;
	_cleanup_free_ char *row = malloc(size);
	int fd;

	set_port(1, ifindex);
	must_apply(80);
	cr_assert_eq(unlink(SMALL_PINS "/maps/control"), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "control", sizeof(zero), size, 1, NULL);
	cr_assert_geq(fd, 0);
	memset(row, 0xff, size);
	cr_assert_eq(bpf_map_update_elem(fd, &zero, row, BPF_ANY), 0);
	cr_assert_eq(bpf_obj_pin(fd, SMALL_PINS "/maps/control"), 0);
	close(fd);
	cr_expect_eq(open_again(), -EPROTO);
	cr_expect(told && strstr(told, "its map control is of another kind or size"), "%s", told);
	cr_expect_eq(ask_pinned(ifindex, 80), XDP_PASS, "what ran, runs");
}

Test(adopt, a_folder_elsewhere_is_refused_with_the_remedy)
{
	struct dataplane_options options = {.bpffs = "/tmp/cordon-test-no-bpffs/x"};
	struct dataplane *other = NULL;

	cr_expect_lt(dataplane_open(&options, &other, &told), 0);
	cr_expect(told && strstr(told, "mount -t bpf"), "%s", told);
	cr_expect_neq(access("/tmp/cordon-test-no-bpffs", F_OK), 0);
}

Test(adopt, removing_leaves_nothing)
{
	uint32_t ifindex = small_veth("p1");

	set_port(1, ifindex);
	cr_assert_eq(dataplane_remove(SMALL_PINS, &told), 0, "%s", told);
	cr_expect_eq(system("ip -d link show dev p1 | grep -q xdp"), 256, "detached though the daemon still holds the link");
	cr_expect_not(egress_has_program("p1", 1, ifindex));
	cr_expect_neq(access(SMALL_PINS, F_OK), 0);
}

Test(adopt, pins_are_for_root_alone)
{
	struct stat at;

	cr_assert_eq(stat(SMALL_PINS, &at), 0);
	cr_expect_eq(at.st_mode & 0777, 0700);
}
