/* SPDX-License-Identifier: Apache-2.0 */
/* What the language means, each point by a policy that turns on it alone. test_policy_random.c tries their mixtures. */
#include <time.h>

#include "../../user/lib/buf.h"
#include "../../user/lib/cleanup.h"
#include "policy_image.h"

#define HEAD "version: 1\nsegments: {a: {}, b: {}, c: {}, proved: {auth: {require: cert}}}\ndevices:\n" DEVICES "rules:\n"
#define DEVICES \
	"  - {id: a1, segment: a, mac: \"02:00:00:00:00:01\", ip: [10.0.0.1], facts: {type: camera, firmware: \"2.10\"}}\n" \
	"  - {id: a2, segment: a, mac: \"02:00:00:00:00:02\", ip: [10.0.0.2, \"fd00::2\"], facts: {type: camera, firmware: \"2.9\", tag: Old}}\n" \
	"  - {id: b1, segment: b, mac: \"02:00:00:00:00:03\", ip: [10.0.1.1, \"fd00::3\"]}\n" \
	"  - {id: c1, segment: c, mac: \"02:00:00:00:00:04\", mode: audit}\n" \
	"  - {id: p1, segment: proved, mac: \"02:00:00:00:00:05\", ip: [10.0.0.5]}\n"

static const struct image_device *device_of(const struct compiled *c, const char *id)
{
	for (size_t i = 0; i < c->image->n_devices; i++)
		if (!strcmp(c->policy->devices[c->image->devices[i].policy_device].id, id))
			return &c->image->devices[i];
	cr_assert_fail("no device %s", id);
	return NULL;
}

Test(compile, what_no_rule_tells_apart_shares_a_class)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: r, from: [segment:a, segment:b], to: internet, allow: [tcp/443]}\n"
		"  - {id: s, from: device:a2, to: gateway, allow: any}\n", NULL, NULL);

	cr_assert_eq(device_of(&c, "a1")->class, device_of(&c, "b1")->class);
	cr_assert_neq(device_of(&c, "a1")->class, device_of(&c, "a2")->class);
	cr_assert_eq(device_of(&c, "c1")->class, c.image->head.unknown_class);
	cr_assert_eq(device_of(&c, "a1")->unauthenticated_class, device_of(&c, "a2")->unauthenticated_class);
	/* gateway, internet, unknown, a1 and b1, a2; the mode of c1 makes no class of its own */
	cr_assert_eq(c.image->n_classes - 1, 5);
	compiled_done(&c);
}

Test(compile, deny_beats_allow_whatever_the_order)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: no, from: segment:a, to: segment:b, deny: [tcp/22, tcp/80]}\n"
		"  - {id: yes, from: segment:a, to: segment:b, allow: any}\n"
		"  - {id: later, from: any, to: any, deny: [tcp/80, tcp/81]}\n", NULL, NULL);

	judges(&c, "a1", "b1", "tcp/22", "deny by no");
	judges(&c, "a1", "b1", "tcp/80", "deny by no");
	judges(&c, "a1", "b1", "tcp/81", "deny by later");
	judges(&c, "a1", "b1", "tcp/82", "allow by yes");
	judges(&c, "b1", "a1", "tcp/82", "deny by default");
	compiled_done(&c);
}

Test(compile, an_exception_takes_its_flows_out_of_its_deny_only)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: no, from: segment:a, to: [segment:b, segment:c], deny: any, except: [{from: device:a1, to: device:b1, services: [tcp/80]}, {services: [udp/53]}]}\n"
		"  - {id: yes, from: any, to: any, allow: any}\n", NULL, NULL);

	judges(&c, "a1", "b1", "tcp/80", "allow by yes");
	judges(&c, "a1", "b1", "tcp/81", "deny by no");
	judges(&c, "a2", "b1", "tcp/80", "deny by no");
	judges(&c, "a2", "b1", "udp/53", "allow by yes");
	compiled_done(&c);
}

Test(compile, a_deny_in_audit_only_weakens_itself)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: maybe, from: segment:a, to: any, deny: any, mode: audit}\n"
		"  - {id: no, from: segment:a, to: any, deny: [tcp/22]}\n"
		"  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/22, tcp/80]}\n", NULL, NULL);

	judges(&c, "a1", "b1", "tcp/80", "would_deny by maybe");
	judges(&c, "a1", "b1", "tcp/22", "deny by no");
	/* Without the rule this is denied; the rule must not open it. */
	judges(&c, "a1", "b1", "tcp/81", "deny by default");
	compiled_done(&c);
}

Test(compile, services_are_their_own_protocol)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: some, from: segment:a, to: segment:b, allow: [tcp/443, udp/6970-6979, icmp/echo, proto/47]}\n"
		"  - {id: all, from: segment:b, to: segment:a, allow: any}\n", NULL, NULL);

	judges(&c, "a1", "b1", "tcp/443", "allow by some");
	judges(&c, "a1", "b1", "udp/443", "deny by default");
	judges(&c, "a1", "b1", "udp/6970", "allow by some");
	judges(&c, "a1", "b1", "udp/6979", "allow by some");
	judges(&c, "a1", "b1", "udp/6980", "deny by default");
	judges(&c, "a1", "b1", "icmp/echo", "allow by some");
	judges(&c, "a1", "b1", "icmp6/8", "deny by default");
	judges(&c, "a1", "b1", "proto/47", "allow by some");
	judges(&c, "a1", "b1", "proto/50", "deny by default");
	judges(&c, "b1", "a1", "sctp/9", "allow by all");
	judges(&c, "b1", "a1", "proto/50", "allow by all");
	compiled_done(&c);
}

Test(compile, prefixes_nest_and_families_stay_apart)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: six, from: segment:a, to: \"cidr:::/0\", allow: [tcp/1]}\n"
		"  - {id: ten, from: segment:a, to: \"cidr:10.0.0.0/8\", allow: [tcp/2, tcp/3]}\n"
		"  - {id: inner, from: segment:a, to: \"cidr:10.9.0.0/16\", deny: [tcp/3]}\n"
		"  - {id: net, from: segment:a, to: internet, allow: [tcp/4]}\n", NULL, "10.0.0.0/16");

	judges(&c, "a2", "2001:db8::1", "tcp/1", "allow by six");
	judges(&c, "a1", "192.0.2.1", "tcp/1", "deny by default");
	judges(&c, "a1", "10.8.0.1", "tcp/3", "allow by ten");
	judges(&c, "a1", "10.9.0.1", "tcp/3", "deny by inner");
	judges(&c, "a1", "10.9.0.1", "tcp/2", "allow by ten");
	judges(&c, "a1", "10.9.0.1", "tcp/4", "allow by net");
	judges(&c, "a1", "10.0.9.9", "tcp/4", "deny by default");
	/* A device is matched by its address as well, and is never the internet. */
	judges(&c, "a1", "b1", "tcp/2", "allow by ten");
	judges(&c, "a1", "b1", "tcp/4", "deny by default");
	compiled_done(&c);
}

Test(compile, local_is_devices_and_their_networks_without_the_gateway)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: near, from: segment:a, to: local, allow: [tcp/1]}\n"
		"  - {id: gw, from: segment:a, to: gateway, allow: [tcp/2]}\n"
		"  - {id: all, from: segment:a, to: any, allow: [tcp/3]}\n"
		"  - {id: lan, from: segment:a, to: \"cidr:10.0.0.0/16\", allow: [tcp/4]}\n", "10.0.0.254", "10.0.0.0/16");

	judges(&c, "a1", "c1", "tcp/1", "allow by near");
	judges(&c, "a1", "10.0.7.7", "tcp/1", "allow by near");
	judges(&c, "a1", "192.0.2.1", "tcp/1", "deny by default");
	judges(&c, "a1", "gateway", "tcp/1", "deny by default");
	judges(&c, "a1", "10.0.0.254", "tcp/2", "allow by gw");
	judges(&c, "a1", "c1", "tcp/2", "deny by default");
	judges(&c, "a1", "gateway", "tcp/3", "allow by all");
	judges(&c, "a1", "segment:unknown", "tcp/3", "allow by all");
	/* A prefix is no word for the gateway. */
	judges(&c, "a1", "10.0.0.254", "tcp/4", "deny by default");
	compiled_done(&c);
}

Test(compile, a_cidr_of_the_gateways_own_address_is_warned_of)
{
	const char *text = HEAD "  - {id: gw, from: any, to: \"cidr:10.0.0.254/32\", allow: any}\n";
	struct policy *policy = text_policy(text);
	struct address gateway = prefix_text("10.0.0.254").address;
	struct policy_env env = {.gateway = &gateway, .n_gateway = 1};
	struct diagnostics d = {0};
	struct image *image = NULL;

	cr_assert_eq(policy_compile(policy, &env, &d, &image), 0);
	cr_assert(text_told(&d, "p.yaml", text, "\"cidr:10.0.0.254", 0, true, "gateway"));
	diagnostics_done(&d);
	image_free(image);
	policy_free(policy);
}

Test(compile, who_has_not_proved_itself_is_only_in_unauthenticated)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: seg, from: segment:proved, to: gateway, allow: [tcp/1]}\n"
		"  - {id: dev, from: device:p1, to: gateway, allow: [tcp/2]}\n"
		"  - {id: un, from: segment:unauthenticated, to: gateway, allow: [tcp/3]}\n"
		"  - {id: unk, from: segment:unknown, to: gateway, allow: [tcp/4]}\n", NULL, NULL);

	judges(&c, "p1", "gateway", "tcp/1", "allow by seg");
	judges(&c, "p1", "gateway", "tcp/2", "allow by dev");
	judges(&c, "p1", "gateway", "tcp/3", "deny by default");
	judges(&c, "segment:unauthenticated", "gateway", "tcp/1", "deny by default");
	judges(&c, "segment:unauthenticated", "gateway", "tcp/2", "deny by default");
	judges(&c, "segment:unauthenticated", "gateway", "tcp/3", "allow by un");
	judges(&c, "segment:unknown", "gateway", "tcp/4", "allow by unk");
	judges(&c, "segment:unknown", "gateway", "tcp/3", "deny by default");
	cr_assert(device_of(&c, "p1")->must_authenticate);
	cr_assert_not(device_of(&c, "a1")->must_authenticate);
	compiled_done(&c);
}

Test(compile, unknown_facts_open_nothing_and_lift_no_deny)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: new, from: segment:a, to: gateway, allow: [tcp/1], if: {firmware: \">=2.10\"}}\n"
		"  - {id: all, from: any, to: gateway, allow: [tcp/2]}\n"
		"  - {id: old, from: any, to: gateway, deny: [tcp/2], if: {firmware: \"<2.10\"}}\n"
		"  - {id: tag, from: \"tag:old\", to: gateway, allow: [tcp/3]}\n"
		"  - {id: trust, from: segment:a, to: gateway, allow: [tcp/4], if: {trust: \">=1\"}}\n", NULL, NULL);

	judges(&c, "a1", "gateway", "tcp/1", "allow by new");
	judges(&c, "a2", "gateway", "tcp/1", "deny by default");
	judges(&c, "a1", "gateway", "tcp/2", "allow by all");
	judges(&c, "a2", "gateway", "tcp/2", "deny by old");
	judges(&c, "b1", "gateway", "tcp/2", "deny by old");
	judges(&c, "internet", "gateway", "tcp/2", "deny by old");
	judges(&c, "a2", "gateway", "tcp/3", "allow by tag");
	judges(&c, "a1", "gateway", "tcp/3", "deny by default");
	judges(&c, "a1", "gateway", "tcp/4", "deny by default");
	compiled_done(&c);
}

Test(compile, what_is_parked_opens_nothing)
{
	struct compiled c = compiled_text(
		"version: 1\nsegments: {a: {}, b: {}, c: {}, proved: {}}\ndevices:\n" DEVICES "rules:\n"
		"  - {id: part, from: segment:a, to: [\"name:a.example.org\", gateway], allow: [tcp/3]}\n", NULL, NULL);

	judges(&c, "a1", "gateway", "tcp/3", "allow by part");
	judges(&c, "a1", "internet", "tcp/3", "deny by default");
	compiled_done(&c);
}

Test(compile, the_stricter_mode_of_two_ends_decides)
{
	struct compiled c = compiled_text(
		"version: 1\nsite: {mode: observe}\nsegments: {a: {mode: enforce}, b: {}, c: {mode: enforce}, proved: {}}\ndevices:\n" DEVICES "rules:\n"
		"  - {id: no, from: segment:c, to: segment:b, deny: any}\n", NULL, NULL);

	judges(&c, "a1", "b1", "tcp/1", "deny by default");
	judges(&c, "b1", "a1", "tcp/1", "deny by default");
	judges(&c, "c1", "b1", "tcp/1", "would_deny by no");
	judges(&c, "c1", "a1", "tcp/1", "deny by default");
	/* observe evaluates nothing, so no rule decides */
	judges(&c, "b1", "internet", "tcp/1", "allow by default");
	judges(&c, "internet", "gateway", "tcp/1", "allow by default");
	cr_assert_eq(c.image->head.site_mode, CORDON_MODE_OBSERVE);
	cr_assert_eq(c.image->head.unknown_mode, CORDON_MODE_OBSERVE);
	compiled_done(&c);
}

Test(compile, a_learnt_address_counts_as_a_declared_one)
{
	struct compiled c = compiled_text(HEAD
		"  - {id: no, from: segment:b, to: \"cidr:10.0.2.0/24\", deny: any}\n"
		"  - {id: yes, from: segment:b, to: segment:c, allow: any}\n"
		"  - {id: more, from: segment:a, to: \"cidr:10.0.2.0/24\", allow: any}\n"
		"  - {id: far, from: segment:b, to: \"cidr:172.16.0.0/12\", deny: any}\n", NULL, "10.0.0.0/16");
	const struct image_device *c1 = device_of(&c, "c1"), *b1 = device_of(&c, "b1"), *a1 = device_of(&c, "a1");
	struct address inside = prefix_text("10.0.2.7").address, outside = prefix_text("10.0.3.7").address;
	struct address far = prefix_text("172.16.0.7").address;

	cr_assert_eq(image_decide(c.image, b1->class, image_address_class(c.image, c1, &outside), 80, 0).action, CORDON_ACTION_ALLOW);
	cr_assert_eq(image_decide(c.image, b1->class, image_address_class(c.image, c1, &inside), 80, 0).action, CORDON_ACTION_DENY);
	cr_assert_eq(image_decide(c.image, a1->class, image_address_class(c.image, c1, &inside), 80, 0).action, CORDON_ACTION_ALLOW);
	cr_assert_eq(image_decide(c.image, a1->class, image_unknown_class(c.image, &inside), 80, 0).action, CORDON_ACTION_ALLOW);
	cr_assert_eq(image_decide(c.image, a1->class, image_unauthenticated_class(c.image, &outside), 80, 0).action, CORDON_ACTION_DEFAULT);
	/* No class was made for an address where no device lives, and a deny names it: then nothing is open. */
	cr_assert_neq(image_decide(c.image, b1->class, image_address_class(c.image, c1, &far), 80, 0).action, CORDON_ACTION_ALLOW);
	compiled_done(&c);
}

static int compile_quietly(const char *text, struct diagnostics *d)
{
	struct policy *policy = text_policy(text);
	struct image *image = NULL;
	int r = policy_compile(policy, NULL, d, &image);

	cr_assert(r < 0 || image);
	cr_assert(r >= 0 || !image);
	image_free(image);
	policy_free(policy);
	return r;
}

static void add_devices(struct buf *b, unsigned int n, unsigned int segments)
{
	buf_addf(b, "version: 1\nsegments:\n");
	for (unsigned int i = 0; i < segments; i++)
		buf_addf(b, "  s%u: {}\n", i);
	buf_addf(b, "devices:\n");
	for (unsigned int i = 0; i < n; i++)
		buf_addf(b, "  - {id: d%u, segment: s%u, mac: \"02:00:00:%02x:%02x:%02x\", ip: [10.%u.%u.%u]}\n", i, i % segments, i >> 16,
			 i >> 8 & 255, i & 255, i >> 16, i >> 8 & 255, i & 255);
	buf_addf(b, "rules:\n");
}

Test(compile, what_does_not_fit_is_refused_with_the_sizes)
{
	_cleanup_buf_ struct buf classes = {0}, pairs = {0};
	struct diagnostics d = {0};

	add_devices(&classes, 66000, 1);
	for (unsigned int i = 0; i < 66000; i++)
		buf_addf(&classes, "  - {id: r%u, from: device:d%u, to: gateway, allow: [tcp/80]}\n", i, i);
	cr_assert_eq(compile_quietly(classes.data, &d), -E2BIG);
	cr_assert_eq(d.errors, 1);
	/* the devices, the gateway, and all that no rule names */
	cr_assert(strstr(d.items[0].message, "66002 classes") && strstr(d.items[0].message, "65535 available"), "%s", d.items[0].message);
	diagnostics_done(&d);

	add_devices(&pairs, 3000, 1);
	for (unsigned int i = 0; i < 3000; i++)
		buf_addf(&pairs, "  - {id: r%u, from: device:d%u, to: gateway, allow: [tcp/80]}\n", i, i);
	buf_addf(&pairs, "  - {id: wide, deny: [tcp/23], from: [device:d0");
	for (unsigned int i = 1; i < 3000; i++)
		buf_addf(&pairs, ", device:d%u", i);
	buf_addf(&pairs, "], to: [device:d0");
	for (unsigned int i = 1; i < 3000; i++)
		buf_addf(&pairs, ", device:d%u", i);
	buf_addf(&pairs, "]}\n");
	cr_assert_eq(compile_quietly(pairs.data, &d), -E2BIG);
	cr_assert(strstr(d.items[0].message, "rule wide") && strstr(d.items[0].message, "4194304 available"), "%s", d.items[0].message);
	diagnostics_done(&d);
}

/* Devices that rules name one by one, in segments that rules join: a pair for each two of them would be 27 million. */
Test(compile, rules_about_segments_do_not_meet_each_device_of_them)
{
	_cleanup_buf_ struct buf text = {0};
	struct compiled c;

	add_devices(&text, 3000, 2);
	for (unsigned int i = 0; i < 3000; i++)
		buf_addf(&text, "  - {id: r%u, from: device:d%u, to: gateway, allow: [tcp/80]}\n", i, i);
	buf_addf(&text, "  - {id: wide, from: any, to: any, deny: [tcp/23]}\n  - {id: ab, from: segment:s0, to: segment:s1, allow: [tcp/22-24]}\n");
	buf_addf(&text, "  - {id: ba, from: segment:s1, to: [segment:s0, segment:s1], allow: [tcp/22]}\n");
	c = compiled_text(text.data, "192.0.2.1", NULL);
	cr_assert_lt(c.image->n_pairs, 10000);
	judges(&c, "d0", "d1", "tcp/22", "allow by ab");
	judges(&c, "d0", "d1", "tcp/23", "deny by wide");
	judges(&c, "d0", "d2", "tcp/22", "deny by default");
	judges(&c, "d1", "d2998", "tcp/22", "allow by ba");
	judges(&c, "d7", "gateway", "tcp/80", "allow by r7");
	compiled_done(&c);
}

/* 10,000 devices and 1,000 rules take some 30 ms; the bound is for a busy machine and the sanitizers. */
Test(compile, a_large_site_is_quick)
{
	_cleanup_buf_ struct buf text = {0};
	struct timespec before, after;
	struct policy *policy;
	struct image *image = NULL;

	add_devices(&text, 10000, 100);
	for (unsigned int i = 0; i < 1000; i++)
		buf_addf(&text, i % 3 ? "  - {id: r%u, from: segment:s%u, to: segment:s%u, allow: [tcp/%u, udp/53]}\n" :
			 "  - {id: r%u, from: device:d%u, to: segment:s%u, deny: [tcp/%u]}\n", i, i % 100, i * 7 % 100, 1000 + i % 50);
	policy = text_policy(text.data);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	cr_assert_eq(policy_compile(policy, NULL, NULL, &image), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	cr_assert_lt(after.tv_sec - before.tv_sec, 3);
	cr_assert_eq(image->n_devices, 10000);
	image_free(image);
	policy_free(policy);
}

Test(compile, the_bill_counts_what_is_there)
{
	struct compiled c = compiled_text(HEAD "  - {id: r, from: segment:a, to: internet, allow: [tcp/443]}\n", "10.0.0.254", NULL);
	struct image_room room = {.devices = 5, .flows = 4096, .cache_bytes = 1 << 20, .cpus = 4};
	struct image_bill bill, boundless;
	uint64_t sum = 0, twice = 0;

	cr_assert_eq(image_bill(c.image, &room, &bill), 0);
	cr_assert_eq(bill.lines[IMAGE_TABLE_DEVICES].rows, 5);
	cr_assert_eq(bill.lines[IMAGE_TABLE_BINDINGS].rows, 7);
	cr_assert_eq(bill.lines[IMAGE_TABLE_BINDINGS].available, 20);
	cr_assert_eq(bill.lines[IMAGE_TABLE_SERVICES].bytes, 4u * CORDON_SERVICE_COUNT);
	cr_assert_eq(bill.lines[IMAGE_TABLE_COUNTERS].bytes, image_device_rows(5) * 4 * (sizeof(struct device_counters) + sizeof(struct limit_share)));
	cr_assert_eq(bill.lines[IMAGE_TABLE_CACHE].bytes, 1u << 20);
	cr_assert_eq(bill.lines[IMAGE_TABLE_FLOWS].bytes, 4096u * IMAGE_FLOW_BYTES);
	for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
		sum += bill.lines[i].bytes;
		twice += bill.lines[i].when == IMAGE_TABLE_POLICY ? bill.lines[i].bytes : 0;
	}
	cr_assert_eq(bill.bytes, sum);
	cr_assert_eq(bill.change_bytes, twice);
	cr_assert_gt(twice, bill.lines[IMAGE_TABLE_SERVICES].bytes);
	room.devices = 4;
	cr_assert_eq(image_bill(c.image, &room, &bill), -E2BIG);
	cr_assert_eq(bill.lines[IMAGE_TABLE_DEVICES].available, 4);
	cr_assert_eq(image_bill(c.image, NULL, &boundless), 0);
	cr_assert_eq(boundless.lines[IMAGE_TABLE_DEVICES].available, 0);
	cr_assert_eq(boundless.lines[IMAGE_TABLE_FLOWS].bytes, 0);
	compiled_done(&c);
}

Test(compile, classes_have_names_for_people)
{
	struct compiled c = compiled_text("version: 1\nnetworks: {nvr: [192.0.2.5/32]}\nsegments: {a: {}, b: {}, c: {}, proved: {}}\ndevices:\n" DEVICES "rules:\n"
		"  - {id: r, from: device:a1, to: network:nvr, allow: any}\n"
		"  - {id: s, from: any, to: gateway, allow: [tcp/53]}\n", NULL, NULL);
	uint16_t a1 = device_of(&c, "a1")->class;
	struct address nvr = prefix_text("192.0.2.5").address;

	cr_assert_eq(c.image->classes[a1].n_members, 1);
	cr_assert_str_eq(c.image->classes[a1].members[0], "device a1");
	cr_assert_str_eq(c.image->classes[c.image->gateway_class].members[0], "gateway");
	cr_assert_str_eq(c.image->classes[image_address_class(c.image, NULL, &nvr)].members[0], "network nvr");
	compiled_done(&c);
}

#define TESTED HEAD "  - {id: no-lan, from: segment:a, to: segment:b, deny: [tcp/445]}\n" \
	"  - {id: hub-video, from: segment:a, to: segment:b, allow: any, if: {firmware: \">=2.9\"}}\ntests:\n"

static void tests_give(const char *tests, size_t passed, const char *needle, const char *message)
{
	_cleanup_free_ char *text = format_text("%s%s", TESTED, tests);
	struct compiled c = compiled_text(text, NULL, NULL);
	struct diagnostics d = {0};
	size_t good, bad;

	cr_assert_eq(policy_run_tests(c.policy, c.image, 0, &d, &good, &bad), 0);
	diagnostics_print(&d, stderr);
	cr_assert_eq(good, passed, "%zu passed", good);
	cr_assert_eq(bad, message ? 1 : 0, "%zu failed", bad);
	cr_assert_eq(d.errors, bad);
	if (message)
		cr_assert(text_told(&d, "p.yaml", text, needle, 0, false, message));
	diagnostics_done(&d);
	compiled_done(&c);
}

Test(policy_tests, those_that_hold_pass)
{
	tests_give("  - {from: device:a1, to: segment:b, service: tcp/445, expect: deny, rule: no-lan}\n"
		   "  - {from: segment:a, to: device:b1, service: tcp/446, expect: allow, rule: hub-video}\n"
		   "  - {from: segment:b, to: segment:a, service: tcp/446, expect: deny, rule: null}\n"
		   "  - {from: device:c1, to: internet, service: udp/53, expect: would_deny}\n"
		   "  - {from: device:a1, to: 10.0.1.1, service: tcp/445, expect: deny, rule: no-lan}\n", 5, NULL, NULL);
}

Test(policy_tests, a_failure_says_what_was_expected_and_what_decided)
{
	_cleanup_free_ char *message = NULL;
	uint32_t line, column;

	text_place(TESTED, "{id: hub-video", 0, &line, &column);
	message = format_text("expected deny by no-lan, got allow by hub-video (p.yaml:%u) for a1 -> b1 (10.0.1.1) tcp/80", line);
	tests_give("  - {from: device:a1, to: device:b1, service: tcp/80, expect: deny, rule: no-lan}\n", 0, "{from: device:a1", message);
	tests_give("  - {from: device:a1, to: device:b1, service: tcp/445, expect: deny, rule: null}\n", 0, "{from: device:a1",
		   "expected deny by default, got deny by no-lan");
	tests_give("  - {from: device:b1, to: device:a1, service: tcp/445, expect: allow}\n", 0, "{from: device:b1", "got deny by default");
}

Test(policy_tests, every_device_of_a_segment_counts)
{
	tests_give("  - {from: device:a1, to: segment:b, service: tcp/80, expect: allow}\n"
		   "  - {from: segment:a, to: segment:b, service: tcp/80, expect: allow, facts: {firmware: \"2.8\"}}\n", 1,
		   "{from: segment:a, to: segment:b, service", "for a1 -> b1");
}

Test(policy_tests, facts_are_laid_over_those_of_the_policy)
{
	tests_give("  - {from: device:a1, to: device:b1, service: tcp/80, expect: deny, rule: null, facts: {firmware: \"2.8\"}}\n"
		   "  - {from: device:a1, to: device:b1, service: tcp/80, expect: allow, facts: {type: plc}}\n"
		   "  - {from: device:a1, to: device:b1, service: tcp/80, expect: allow, to_facts: {firmware: \"1\"}}\n", 3, NULL, NULL);
}

Test(policy_hash, bytes_and_where_they_are_cut)
{
	struct policy_source one[] = {{"a", "xy", 2}}, two[] = {{"a", "x", 1}, {"b", "y", 1}}, renamed[] = {{"z", "xy", 2}};
	char a[65], b[65], c[65];

	policy_hash(one, 1, a);
	policy_hash(two, 2, b);
	policy_hash(renamed, 1, c);
	/* printf '\2\0\0\0\0\0\0\0xy' | sha256sum */
	cr_assert_str_eq(a, "322fb64a71b41293886a8f82c23f08c345c7385053160bbcc763a9e90a76c0a4");
	cr_assert_str_neq(a, b);
	cr_assert_str_eq(a, c);
}
