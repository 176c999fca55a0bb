/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <regex.h>
#include <string.h>

#include "events/events.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

/* Rows 2 camera, 3 laptop; 9 is a row whose device is gone. */
static const char *name_device(void *ctx, uint32_t row)
{
	(void)ctx;
	return row == 2 ? "camera" : row == 3 ? "laptop" : NULL;
}

static const char *name_address(void *ctx, const struct address *address)
{
	static const uint8_t camera[4] = { 192, 168, 50, 11 }, laptop[4] = { 192, 168, 50, 16 };

	(void)ctx;
	if (!memcmp(address->byte + 12, camera, 4))
		return "camera";
	return memcmp(address->byte + 12, laptop, 4) ? NULL : "laptop";
}

static const char *name_rule(void *ctx, uint32_t generation, uint32_t rule)
{
	(void)ctx;
	return generation == 7 && rule == 0 ? "no-lan" : NULL;
}

static const char *name_port(void *ctx, uint32_t number)
{
	(void)ctx;
	return number == 1 ? "p1" : NULL;
}

static const struct event_names names = { name_device, name_address, name_rule, name_port, NULL };
static const struct event_names no_names;

static struct address address(const char *text)
{
	struct address a;

	cr_assert_eq(addr_parse(text, &a), 0);
	return a;
}

static struct event denied(const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
	return (struct event){
		.time = clock_boot_ns(), .generation = 7, .rule = CORDON_RULE_NONE, .device = 2, .port = 1, .count = 1,
		.kind = CORDON_EVENT_DROP, .verdict = CORDON_VERDICT_DENY, .reason = CORDON_REASON_DEFAULT_DENY,
		.dir = CORDON_DIR_FROM_DEVICE, .src = address(src), .dst = address(dst), .sport = 41822, .dport = dport,
		.ethertype = ETH_P_IP, .proto = proto, .src_mac = { 2, 0, 0, 0, 0, 1 }, .dst_mac = { 2, 0, 0, 0, 0, 2 }, .length = 114,
	};
}

/* {"a": 1} is in `record` if all that `expected` names is there and equal. */
static void expect_members(json_t *record, json_t *expected)
{
	const char *key;
	json_t *value;

	cr_assert_not_null(record);
	cr_assert_not_null(expected);
	json_object_foreach(expected, key, value) {
		json_t *found = json_object_get(record, key);
		_cleanup_free_ char *is = found ? json_dumps(found, JSON_ENCODE_ANY) : NULL;
		_cleanup_free_ char *should = json_dumps(value, JSON_ENCODE_ANY);

		cr_expect(found && json_equal(found, value), "\"%s\" is %s, should be %s", key, is ? is : "absent", should);
	}
	json_decref(expected);
}

static void expect_absent(json_t *record, const char *key)
{
	cr_expect_null(json_object_get(record, key), "\"%s\" is there", key);
}

Test(names, every_reason_has_its_own_word_and_a_sentence)
{
	for (unsigned int i = 0; i < CORDON_REASON_COUNT; i++) {
		cr_expect_gt(strlen(reason_text(i)), 5);
		cr_expect_leq(reason_weight(i), CORDON_WEIGHT_QUARANTINE);
		for (unsigned int j = 0; j < i; j++)
			cr_expect_str_neq(reason_name(i), reason_name(j));
	}
	cr_expect_str_eq(reason_name(CORDON_REASON_DEFAULT_DENY), "default_deny");
	cr_expect_eq(reason_weight(CORDON_REASON_SPOOFED_SOURCE), CORDON_WEIGHT_HARD);
	cr_expect_eq(reason_weight(CORDON_REASON_QUARANTINE), CORDON_WEIGHT_QUARANTINE);
	cr_expect_str_eq(verdict_name(CORDON_VERDICT_WOULD_DENY), "would_deny");
	cr_expect_str_eq(dir_name(CORDON_DIR_TO_DEVICE), "to_device");
	cr_expect_str_eq(mode_name(CORDON_MODE_AUDIT), "audit");
	cr_expect_str_eq(event_kind_name(CORDON_EVENT_CUT), "cut");
	cr_expect_str_eq(flow_state_name(CORDON_FLOW_CLOSING), "closing");
}

Test(names, numbers_of_another_version_do_no_harm)
{
	cr_expect_str_eq(reason_name(255), "unknown");
	cr_expect_str_eq(verdict_name(200), "unknown");
	cr_expect_str_eq(dir_name(9), "unknown");
	cr_expect_str_eq(mode_name((enum cordon_mode)-1), "unknown");
	cr_expect_str_eq(event_kind_name(99), "unknown");
	cr_expect_str_eq(flow_state_name(99), "unknown");
	cr_expect_eq(reason_weight(255), CORDON_WEIGHT_SOFT);
}

Test(names, protocols)
{
	static const struct {
		uint16_t ethertype;
		uint8_t proto;
		const char *name;
	} cases[] = {
		{ ETH_P_IP, IPPROTO_TCP, "tcp" },	 { ETH_P_IPV6, IPPROTO_UDP, "udp" },  { ETH_P_IP, IPPROTO_ICMP, "icmp" },
		{ ETH_P_IPV6, IPPROTO_ICMPV6, "icmp6" }, { ETH_P_IP, 200, "200" },	      { ETH_P_IP, 0, "ip" },
		{ ETH_P_IPV6, 0, "ip6" },		 { ETH_P_ARP, 0, "arp" },	      { 0x88cc, 0, "0x88cc" },
		{ 0x888e, 6, "eapol" },			 { 5, 0, "0x0005" },
	};
	char text[16];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_str_eq(proto_name(cases[i].ethertype, cases[i].proto, text), cases[i].name);
}

Test(event, json_of_a_denied_frame)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_TCP, 445);
	json_t *record;

	e.rule = 0;
	e.count = 14;
	e.reason = CORDON_REASON_DENY_RULE;
	e.tcp_flags = 0x12;
	e.vlan = 0x8000 | 30;
	record = event_json(&e, &names);
	expect_members(record, json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:i}", "schema", 1, "kind", "drop", "device",
					 "camera", "port", "p1", "dir", "from_device", "src", "192.168.50.11", "dst", "192.168.50.16",
					 "proto", "tcp", "sport", 41822, "dport", 445, "verdict", "deny", "reason", "deny_rule", "rule",
					 "no-lan", "count", 14));
	expect_members(record, json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:s}", "src_device", "camera", "dst_device", "laptop", "src_mac",
					 "02:00:00:00:00:01", "dst_mac", "02:00:00:00:00:02", "vlan", 30, "length", 114, "tcp_flags", "SA"));
	json_decref(record);
}

Test(event, time_is_the_walls)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_TCP, 445);
	char now[TIME_TEXT_SIZE], before[TIME_TEXT_SIZE];
	json_t *record;
	const char *ts;

	e.time = clock_boot_ns() - 3600 * NS_PER_S;
	time_format(clock_wall_ns() - 3601 * NS_PER_S, before);
	record = event_json(&e, &names);
	time_format(clock_wall_ns() - 3599 * NS_PER_S, now);
	ts = json_string_value(json_object_get(record, "ts"));
	cr_expect(strcmp(ts, before) > 0 && strcmp(ts, now) < 0, "%s is not between %s and %s", ts, before, now);
	json_decref(record);
}

Test(event, what_the_frame_had_not_is_absent_and_what_nobody_knows_is_null)
{
	struct event e = { .kind = CORDON_EVENT_DROP, .verdict = CORDON_VERDICT_DENY, .reason = CORDON_REASON_UNKNOWN_DEVICE,
			   .rule = CORDON_RULE_NONE, .count = 1, .ethertype = 0x88cc, .src_mac = { 2, 0, 0, 0, 0, 9 } };
	json_t *record = event_json(&e, &names);

	expect_members(record, json_pack("{s:n,s:n,s:n,s:s,s:s}", "device", "port", "rule", "proto", "0x88cc", "src_mac", "02:00:00:00:00:09"));
	expect_absent(record, "src");
	expect_absent(record, "dst");
	expect_absent(record, "src_device");
	expect_absent(record, "dst_mac");
	expect_absent(record, "sport");
	expect_absent(record, "dport");
	expect_absent(record, "vlan");
	json_decref(record);
}

Test(event, a_number_without_a_name_is_shown)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_TCP, 445);
	json_t *record;

	e.device = 9;
	e.port = 4;
	e.rule = 12;
	record = event_json(&e, &names);
	expect_members(record, json_pack("{s:s,s:s,s:s}", "device", "#9", "port", "#4", "rule", "#12"));
	json_decref(record);
	record = event_json(&e, &no_names);
	expect_members(record, json_pack("{s:s,s:s,s:s}", "device", "#9", "port", "#4", "rule", "#12"));
	expect_absent(record, "src_device");
	json_decref(record);
}

Test(event, icmp_has_type_and_code_and_no_ports)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_ICMP, 3 << 8 | 4);
	json_t *record;

	e.sport = 99;
	record = event_json(&e, &names);
	expect_members(record, json_pack("{s:i,s:i,s:i,s:i}", "sport", 0, "dport", 0, "icmp_type", 3, "icmp_code", 4));
	expect_absent(record, "tcp_flags");
	json_decref(record);
}

static const char *name_odd(void *ctx, uint32_t number)
{
	(void)ctx, (void)number;
	return "\xff\xfe";
}

Test(event, a_name_of_any_bytes_is_still_json)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_TCP, 445);
	struct event_names odd = names;
	json_t *record;

	odd.port = name_odd;
	record = event_json(&e, &odd);
	expect_members(record, json_pack("{s:s,s:s}", "port", "?", "reason", "default_deny"));
	json_decref(record);
}

static void expect_line(const struct event *e, bool colour, const char *pattern)
{
	_cleanup_buf_ struct buf line = { 0 };
	regex_t regex;

	cr_assert_eq(event_line(e, &names, colour, &line), 0);
	cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	cr_expect_eq(regexec(&regex, buf_text(&line), 0, NULL, 0), 0, "'%s' is not '%s'", buf_text(&line), pattern);
	regfree(&regex);
}

#define CLOCK "^[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} "

Test(event, lines)
{
	struct event e = denied("192.168.50.11", "192.168.50.16", IPPROTO_TCP, 445);

	expect_line(&e, false, CLOCK "DENY camera 192\\.168\\.50\\.11:41822 → laptop 192\\.168\\.50\\.16:445 tcp  default_deny port=p1$");
	e.count = 14;
	expect_line(&e, false, "default_deny port=p1  x14$");
	expect_line(&e, true, "\033\\[31mDENY\033\\[0m camera");
	e.verdict = CORDON_VERDICT_WOULD_DENY;
	e.rule = 0;
	expect_line(&e, false, CLOCK "WOULD_DENY camera .* rule=no-lan ");
	e.kind = CORDON_EVENT_CUT;
	expect_line(&e, false, CLOCK "WOULD_DENY camera ");
	e.kind = CORDON_EVENT_FLOW;
	e.verdict = CORDON_VERDICT_ALLOW;
	expect_line(&e, false, CLOCK "ALLOW camera ");
	e.kind = CORDON_EVENT_PLACED;
	expect_line(&e, false, CLOCK "PLACED camera ");
}

Test(event, lines_of_odd_frames)
{
	struct event v6 = denied("fd00::b", "fd00::c", IPPROTO_UDP, 53);
	struct event ping = denied("192.168.50.11", "8.8.8.8", IPPROTO_ICMP, 8 << 8);
	struct event link = { .kind = CORDON_EVENT_DROP, .verdict = CORDON_VERDICT_DENY, .reason = CORDON_REASON_UNKNOWN_DEVICE, .port = 1,
			      .rule = CORDON_RULE_NONE, .count = 1, .ethertype = 0x88cc, .src_mac = { 2, 0, 0, 0, 0, 9 },
			      .dst_mac = { 1, 0x80, 0xc2, 0, 0, 0xe } };

	v6.ethertype = ETH_P_IPV6;
	expect_line(&v6, false, "DENY camera \\[fd00::b\\]:41822 → \\[fd00::c\\]:53 udp  ");
	expect_line(&ping, false, "DENY camera 192\\.168\\.50\\.11 → 8\\.8\\.8\\.8 icmp/8  ");
	expect_line(&link, false, "DENY 02:00:00:00:00:09 → 01:80:c2:00:00:0e 0x88cc  unknown_device port=p1$");
}

static void expect_integrity(const char *port, const char *text, const char *wanted)
{
	json_t *event = integrity_json(clock_boot_ns(), port, text);
	_cleanup_buf_ struct buf line = { 0 };

	cr_assert_eq(event_line_of_json(event, false, &line), 0);
	cr_assert_gt(line.size, strlen("10:41:07.112 "));
	cr_expect_str_eq(buf_text(&line) + strlen("10:41:07.112 "), wanted, "%s", buf_text(&line));
	json_decref(event);
}

Test(event, what_was_put_right_has_a_port_or_none)
{
	expect_integrity("p1", "the program at XDP was detached", "INTEGRITY p1: the program at XDP was detached");
	expect_integrity(NULL, "2 pins were taken away", "INTEGRITY 2 pins were taken away");
	expect_integrity("p\n1", "a\033[2Jb", "INTEGRITY p?1: a?[2Jb");
}

Test(event, lines_cannot_steer_the_terminal)
{
	json_t *event = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "ts", "2026-11-22T10:41:07.112Z", "kind", "drop", "verdict", "deny", "device",
				  "x\033[2J", "dir", "from_device", "port", "p\n1", "reason", "vlan\r");
	_cleanup_buf_ struct buf line = { 0 };

	cr_assert_eq(event_line_of_json(event, false, &line), 0);
	for (size_t i = 0; i < line.size; i++)
		cr_expect_geq((unsigned char)line.data[i], 0x20);
	cr_expect_eq(strncmp(line.data, "10:41:07.112 DENY x?[2J", 23), 0, "%s", line.data);
	json_decref(event);
}

Test(event, a_line_of_anything_is_no_crash)
{
	json_t *event = json_pack("{s:i,s:[],s:n,s:s}", "ts", 5, "verdict", "src", "kind", "drop");
	_cleanup_buf_ struct buf line = { 0 };

	cr_expect_eq(event_line_of_json(event, true, &line), 0);
	json_decref(event);
	event = json_array();
	cr_expect_eq(event_line_of_json(event, true, &line), 0);
	json_decref(event);
}

/* initiator camera 192.168.50.11:50000 to responder 10.9.9.9:443, answered */
static struct flow flow_out(void)
{
	uint32_t first = CORDON_TICKS(clock_boot_ns());
	struct flow f = { .generation = 7, .rule = 0, .initiator = 1, .state = CORDON_FLOW_ESTABLISHED,
			  .reason = CORDON_REASON_RULE, .verdict = CORDON_VERDICT_ALLOW, .tcp_flags = { 0x1b, 0x1a } };

	f.id.addr[0] = address("10.9.9.9");
	f.id.addr[1] = address("192.168.50.11");
	f.id.port[0] = 443;
	f.id.port[1] = 50000;
	f.id.proto = IPPROTO_TCP;
	f.side[0] = (struct flow_side){ .packets = 5, .bytes = 500, .first = first, .last = first, .device = 2 };
	f.side[1] = (struct flow_side){ .packets = 4, .bytes = 5000000000ULL, .first = first, .last = first + CORDON_TICKS(NS_PER_S), .device = CORDON_DEVICE_NONE };
	return f;
}

Test(flow, of_a_device_that_asks)
{
	struct flow f = flow_out();
	json_t *record = flow_json(&f, &names), *start, *last;

	expect_members(record, json_pack("{s:s,s:s,s:s,s:s,s:i,s:s,s:i,s:i,s:i,s:I,s:s}", "device", "camera", "peer", "10.9.9.9", "name", "",
					 "proto", "tcp", "dport", 443, "dir", "out", "packets", 5, "bytes", 500, "rpackets", 4, "rbytes",
					 (json_int_t)5000000000LL, "verdict", "allow"));
	expect_members(record, json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s}", "src", "192.168.50.11", "dst", "10.9.9.9", "sport", 50000, "rule",
					 "no-lan", "state", "established", "reason", "rule", "tcp_flags", "FSPA", "rtcp_flags", "SPA"));
	start = json_object_get(record, "start");
	last = json_object_get(record, "last");
	cr_expect_lt(strcmp(json_string_value(start), json_string_value(last)), 0, "the responder spoke last");
	cr_expect_lt(llabs((long long)json_real_value(json_object_get(record, "ts")) - (long long)(clock_wall_ns() / NS_PER_S)), 5);
	json_decref(record);
}

Test(flow, of_a_device_that_is_asked)
{
	struct flow f = flow_out();
	json_t *record;

	f.initiator = 0;
	f.side[0].device = CORDON_DEVICE_NONE;
	f.side[1].device = 2;
	record = flow_json(&f, &names);
	expect_members(record, json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i}", "device", "camera", "peer", "10.9.9.9", "dir", "in", "dport", 50000,
					 "sport", 443, "packets", 5, "rpackets", 4));
	json_decref(record);
}

Test(flow, between_devices_is_told_by_who_asked)
{
	struct flow f = flow_out();
	json_t *record;

	f.side[1].device = 3;
	record = flow_json(&f, &names);
	expect_members(record, json_pack("{s:s,s:s,s:s}", "device", "camera", "peer", "laptop", "dir", "out"));
	json_decref(record);
	f.side[1].device = CORDON_DEVICE_GATEWAY;
	record = flow_json(&f, &names);
	expect_members(record, json_pack("{s:s,s:s}", "device", "camera", "peer", "gateway"));
	json_decref(record);
	f.side[0].device = CORDON_DEVICE_GATEWAY;
	f.side[1].device = 3;
	record = flow_json(&f, &names);
	expect_members(record, json_pack("{s:s,s:s,s:s}", "device", "laptop", "peer", "gateway", "dir", "in"));
	json_decref(record);
}

Test(flow, of_icmp_has_no_port)
{
	struct flow f = flow_out();
	json_t *record;

	f.id.proto = IPPROTO_ICMP;
	f.id.port[0] = f.id.port[1] = 4711;
	record = flow_json(&f, &no_names);
	expect_members(record, json_pack("{s:s,s:i,s:i,s:s,s:s}", "proto", "icmp", "dport", 0, "sport", 0, "device", "192.168.50.11", "rule", "#0"));
	expect_absent(record, "tcp_flags");
	json_decref(record);
}

struct records {
	json_t *items[64];
	size_t n;
};

static int collect(void *ctx, json_t *record)
{
	struct records *r = ctx;

	r->items[r->n++] = record;
	return 0;
}

static struct records all_of(struct flow_history *h)
{
	struct records r = { 0 };

	cr_assert_eq(flow_history_each(h, collect, &r), 0);
	return r;
}

static struct flow_history *history_of(size_t limit)
{
	struct flow_history *h;

	cr_assert_eq(flow_history_new(limit, &h), 0);
	return h;
}

/* Well inside a minute of the clock that history counts by, so that a test does not meet its end. */
static uint64_t quiet_minute(void)
{
	uint64_t minute = 60 * NS_PER_S;

	return clock_boot_ns() / minute * minute + 5 * NS_PER_S;
}

static void add_denied(struct flow_history *h, const char *dst, uint16_t dport, uint32_t count, uint64_t time)
{
	struct event e = denied("192.168.50.11", dst, IPPROTO_TCP, dport);

	e.count = count;
	e.time = time;
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
}

Test(history, a_denied_conversation_counts_up)
{
	struct flow_history *h = history_of(8);
	uint64_t now = quiet_minute();
	struct records r;

	add_denied(h, "192.168.50.16", 445, 1, now);
	add_denied(h, "192.168.50.16", 445, 13, now + NS_PER_S);
	add_denied(h, "192.168.50.16", 446, 1, now);
	add_denied(h, "8.8.8.8", 445, 1, now);
	r = all_of(h);
	cr_assert_eq(r.n, 3);
	expect_members(r.items[0], json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:s}", "device", "camera", "peer", "laptop", "dir", "out",
					     "proto", "tcp", "dport", 445, "packets", 14, "bytes", 1400, "rpackets", 0, "verdict", "deny",
					     "reason", "default_deny"));
	expect_members(r.items[2], json_pack("{s:s,s:i,s:i}", "peer", "8.8.8.8", "packets", 1, "bytes", 100));
	flow_history_free(h);
}

Test(history, a_minute_is_a_record_and_a_late_event_still_counts)
{
	struct flow_history *h = history_of(8);
	uint64_t now = quiet_minute(), minute = 60 * NS_PER_S;
	struct records r;

	add_denied(h, "8.8.8.8", 53, 1, now);
	add_denied(h, "8.8.8.8", 53, 2, now + minute);
	add_denied(h, "8.8.8.8", 53, 4, now + 1);
	add_denied(h, "8.8.8.8", 53, 8, now + minute + 1);
	r = all_of(h);
	cr_assert_eq(r.n, 2);
	expect_members(r.items[0], json_pack("{s:i}", "packets", 5));
	expect_members(r.items[1], json_pack("{s:i}", "packets", 10));

	add_denied(h, "8.8.8.8", 53, 16, now + 2 * minute);
	add_denied(h, "8.8.8.8", 53, 32, now + 1);
	r = all_of(h);
	cr_expect_eq(r.n, 4, "later than a minute is a record of its own, and nothing is lost");
	flow_history_free(h);
}

Test(history, is_bounded_and_forgets_the_oldest)
{
	struct flow_history *h = history_of(4);
	struct flow f = flow_out();
	uint64_t now = quiet_minute();
	struct records r;

	cr_assert_eq(flow_history_add_flow(h, &f, &names), 0);
	for (uint16_t port = 1; port <= 1000; port++)
		add_denied(h, "8.8.8.8", port, 1, now);
	r = all_of(h);
	cr_assert_eq(r.n, 4);
	for (uint16_t i = 0; i < 4; i++)
		expect_members(r.items[i], json_pack("{s:i}", "dport", 997 + i));

	/* Forgotten is forgotten: it does not count up what is no longer told. */
	add_denied(h, "8.8.8.8", 1, 1, now);
	r = all_of(h);
	expect_members(r.items[3], json_pack("{s:i,s:i}", "dport", 1, "packets", 1));
	flow_history_free(h);
}

Test(history, takes_what_was_denied_and_has_no_flow)
{
	static const struct {
		uint8_t kind, verdict, reason;
		const char *told;
	} cases[] = {
		{ CORDON_EVENT_DROP, CORDON_VERDICT_DENY, CORDON_REASON_DEFAULT_DENY, "deny" },
		{ CORDON_EVENT_DROP, CORDON_VERDICT_WOULD_DENY, CORDON_REASON_BAD_SOURCE, "would_deny" },
		{ CORDON_EVENT_NEW_DEVICE, CORDON_VERDICT_DENY, CORDON_REASON_UNKNOWN_DEVICE, "deny" },
		{ CORDON_EVENT_CUT, CORDON_VERDICT_DENY, CORDON_REASON_CUT, "deny" },
		{ CORDON_EVENT_FLOW, CORDON_VERDICT_ALLOW, CORDON_REASON_RULE, NULL },
		{ CORDON_EVENT_PLACED, CORDON_VERDICT_ALLOW, CORDON_REASON_NONE, NULL },
		/* let in by audit: the flow's own row tells of it */
		{ CORDON_EVENT_DROP, CORDON_VERDICT_WOULD_DENY, CORDON_REASON_DEFAULT_DENY, NULL },
		{ CORDON_EVENT_DROP, CORDON_VERDICT_WOULD_DENY, CORDON_REASON_DENY_RULE, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct event e = denied("192.168.50.11", "8.8.8.8", IPPROTO_UDP, 53);
		struct flow_history *h = history_of(4);
		struct records r;

		e.kind = cases[i].kind;
		e.verdict = cases[i].verdict;
		e.reason = cases[i].reason;
		cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
		r = all_of(h);
		cr_assert_eq(r.n, cases[i].told ? 1 : 0, "case %zu: %zu records", i, r.n);
		if (r.n)
			expect_members(r.items[0], json_pack("{s:s,s:s}", "verdict", cases[i].told, "reason", reason_name(e.reason)));
		flow_history_free(h);
	}
}

/* It has a record of its own, and no frame was denied. */
Test(history, a_flow_that_was_cut_while_idle_is_no_denial)
{
	struct event e = denied("192.168.50.11", "8.8.8.8", IPPROTO_UDP, 53);
	struct flow_history *h = history_of(4);

	e.kind = CORDON_EVENT_CUT;
	e.reason = CORDON_REASON_CUT;
	e.count = 0;
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
	cr_expect_eq(all_of(h).n, 0);
	flow_history_free(h);
}

Test(history, audit_and_enforcement_are_told_apart)
{
	struct flow_history *h = history_of(4);
	struct event e = denied("192.168.50.11", "8.8.8.8", IPPROTO_UDP, 53);
	struct records r;

	e.time = quiet_minute();
	e.reason = CORDON_REASON_BAD_SOURCE;
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
	e.verdict = CORDON_VERDICT_WOULD_DENY;
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
	r = all_of(h);
	cr_assert_eq(r.n, 2);
	expect_members(r.items[1], json_pack("{s:s,s:i}", "verdict", "would_deny", "packets", 1));
	flow_history_free(h);
}

Test(history, frames_to_a_device_are_told_by_it)
{
	struct flow_history *h = history_of(4);
	struct event e = denied("8.8.8.8", "192.168.50.11", IPPROTO_UDP, 53);
	struct records r;

	e.dir = CORDON_DIR_TO_DEVICE;
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
	e = (struct event){ .time = e.time, .kind = CORDON_EVENT_DROP, .verdict = CORDON_VERDICT_DENY, .reason = CORDON_REASON_UNKNOWN_DEVICE,
			    .rule = CORDON_RULE_NONE, .count = 1, .ethertype = 0x88cc, .src_mac = { 2, 0, 0, 0, 0, 9 }, .dst_mac = { 2 } };
	cr_assert_eq(flow_history_add_event(h, &e, &names), 0);
	r = all_of(h);
	cr_assert_eq(r.n, 2);
	expect_members(r.items[0], json_pack("{s:s,s:s,s:s}", "device", "camera", "peer", "8.8.8.8", "dir", "in"));
	expect_members(r.items[1], json_pack("{s:s,s:s,s:s,s:s}", "device", "02:00:00:00:00:09", "peer", "02:00:00:00:00:00", "dir", "out",
					     "proto", "0x88cc"));
	flow_history_free(h);
}

static int stop(void *ctx, json_t *record)
{
	(void)ctx, (void)record;
	return -ECANCELED;
}

Test(history, edges)
{
	struct flow_history *h = NULL;

	cr_expect_eq(flow_history_new(0, &h), -EINVAL);
	cr_expect_null(h);
	h = history_of(1);
	cr_expect_eq(flow_history_each(h, stop, NULL), 0, "there is nothing");
	add_denied(h, "8.8.8.8", 1, 1, quiet_minute());
	cr_expect_eq(flow_history_each(h, stop, NULL), -ECANCELED);
	flow_history_free(h);
	flow_history_free(NULL);
}
