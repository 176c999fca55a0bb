/* SPDX-License-Identifier: Apache-2.0 */
/* `limits:` of segments and devices: read, checked, whose they are, and what diff and explain say of them. */
#include "../../user/lib/buf.h"
#include "../../user/lib/cleanup.h"
#include "policy_image.h"

#define HEAD "version: 1\n"
#define DEVICES "devices:\n" \
	"  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\"}\n" \
	"  - {id: cam-2, segment: cameras, mac: \"02:00:00:00:00:02\", limits: {rate: 1mbit, packets: 600/m}}\n" \
	"  - {id: phone, segment: phones, mac: \"02:00:00:00:00:03\"}\n"
#define LIMITED HEAD "segments: {cameras: {limits: {flows: 64, new_flows: 10/s, rate: 8mbit}}, phones: {}}\n" DEVICES

static const struct image_device *device(const struct compiled *c, const char *id)
{
	for (size_t i = 0; i < c->image->n_devices; i++)
		if (!strcmp(c->policy->devices[c->image->devices[i].policy_device].id, id))
			return &c->image->devices[i];
	cr_assert_fail("no device %s", id);
	return NULL;
}

static void limited(const struct policy_limits *got, uint32_t flows, uint32_t new_flows, uint64_t rate, uint32_t packets)
{
	cr_expect_eq(got->flows, flows, "%u flows", got->flows);
	cr_expect_eq(got->new_flows, new_flows, "%u new flows", got->new_flows);
	cr_expect_eq(got->rate, rate, "%lu bytes", got->rate);
	cr_expect_eq(got->packets, packets, "%u packets", got->packets);
}

Test(limits, a_device_has_its_segments_but_for_its_own)
{
	struct compiled c = compiled_text(LIMITED, NULL, NULL);

	limited(&device(&c, "cam-1")->limits, 64, 10, 1000000, 0);
	limited(&device(&c, "cam-2")->limits, 64, 10, 125000, 10);
	limited(&device(&c, "phone")->limits, 0, 0, 0, 0);
	compiled_done(&c);
}

Test(limits, strangers_and_the_unproved_have_those_of_their_segments)
{
	struct compiled c = compiled_text(HEAD
		"segments:\n"
		"  unknown: {limits: {flows: 8, new_flows: 1/s}}\n"
		"  unauthenticated: {limits: {rate: 1mbit}}\n"
		"  hub: {auth: {require: cert}, limits: {rate: 8mbit, packets: 100/s}}\n"
		"devices: [{id: h, segment: hub, mac: \"02:00:00:00:00:01\", limits: {packets: 50/s}}]\n", NULL, NULL);

	limited(&c.image->unknown_limits, 8, 1, 0, 0);
	limited(&device(&c, "h")->limits, 0, 0, 1000000, 50);
	limited(&device(&c, "h")->unauthenticated_limits, 0, 0, 125000, 50);
	compiled_done(&c);
}

#define CRITICAL HEAD \
	"segments: {pumps: {critical: true, limits: {flows: 32}}, hub: {critical: true, auth: {require: cert}}, phones: {}}\n" \
	"devices:\n" \
	"  - {id: pump, segment: pumps, mac: \"02:00:00:00:00:01\"}\n" \
	"  - {id: hub, segment: hub, mac: \"02:00:00:00:00:02\"}\n" \
	"  - {id: phone, segment: phones, mac: \"02:00:00:00:00:03\"}\n"

/* Whoever can copy a MAC could else take what is kept for the device that has to prove more. */
Test(limits, a_critical_segments_devices_are_and_the_unproved_are_not)
{
	struct compiled c = compiled_text(CRITICAL, NULL, NULL);

	cr_expect_eq(device(&c, "pump")->limits.critical, 1);
	cr_expect_eq(device(&c, "pump")->limits.flows, 32);
	cr_expect_eq(device(&c, "hub")->limits.critical, 1);
	cr_expect_eq(device(&c, "hub")->unauthenticated_limits.critical, 0);
	cr_expect_eq(device(&c, "phone")->limits.critical, 0);
	cr_expect_eq(c.image->unknown_limits.critical, 0);
	compiled_done(&c);
	refuses(HEAD "segments: {unknown: {critical: true}}\n", "unknown", "whoever comes is in `unknown`");
	refuses(HEAD "segments: {unauthenticated: {critical: true}}\n", "unauthenticated", "whoever comes is in `unauthenticated`");
}

static void reads(const char *limits, uint32_t flows, uint32_t new_flows, uint64_t rate, uint32_t packets)
{
	_cleanup_free_ char *text = format_text(HEAD "segments: {s: {limits: %s}}\n", limits);
	struct policy *policy = text_policy(text);

	limited(&policy->segments[2].limits, flows, new_flows, rate, packets);
	policy_free(policy);
}

Test(limits, every_unit)
{
	reads("{new_flows: 7/s, packets: 7200/h}", 0, 7, 0, 2);
	reads("{rate: 1000bit}", 0, 0, 125, 0);
	reads("{rate: 500kbit}", 0, 0, 62500, 0);
	reads("{rate: 1gbit}", 0, 0, 125000000, 0);
	reads("{rate: 100gbit, packets: 1000000000/s, flows: 4000000}", 4000000, 0, LIMIT_MAX_BYTES, LIMIT_MAX_PACKETS);
}

#define SEGMENT(limits) HEAD "segments: {s: {limits: {" limits "}}}\n"

Test(limits, what_cannot_be_kept_is_refused)
{
	refuses(SEGMENT("rate: 8mb"), "8mb", "expected bits a second");
	refuses(SEGMENT("rate: 8"), "8}", "expected bits a second");
	refuses(SEGMENT("rate: 999bit"), "999bit", "from 1kbit to 100gbit");
	refuses(SEGMENT("rate: 0mbit"), "0mbit", "from 1kbit to 100gbit");
	refuses(SEGMENT("rate: 101gbit"), "101gbit", "from 1kbit to 100gbit");
	refuses(SEGMENT("rate: 999999999999gbit"), "999999999999gbit", "from 1kbit to 100gbit");
	refuses(SEGMENT("packets: 100"), "100}", "expected a rate like 10/s");
	refuses(SEGMENT("packets: 1/d"), "1/d", "expected a rate like 10/s");
	refuses(SEGMENT("new_flows: 10/m"), "10/m", "is less than one a second");
	refuses(SEGMENT("new_flows: 90/m"), "90/m", "is no whole number a second");
	refuses(SEGMENT("new_flows: 0/s"), "0/s", "is less than one a second");
	refuses(SEGMENT("packets: 1000000001/s"), "1000000001/s", "the most that can be counted");
	refuses(SEGMENT("new_flow: 10/s"), "new_flow", "did you mean `new_flows`");
	refuses(HEAD "devices: [{id: a, mac: \"02:00:00:00:00:01\", limits: {rat: 8mbit}}]\n", "rat", "did you mean `rate`");
}

/* Changes of limits, a line each. To free. */
static char *changes(const char *old, const char *new)
{
	struct compiled a = compiled_text(old, NULL, NULL), b = compiled_text(new, NULL, NULL);
	struct reach_diff diff = {0};
	_cleanup_buf_ struct buf text = {0};

	cr_assert_eq(policy_diff(a.policy, a.image, b.policy, b.image, &diff), 0);
	for (size_t i = 0; i < diff.n; i++)
		buf_addf(&text, "%s: %s%s\n", diff.items[i].from, diff.items[i].service, diff.items[i].rule ? " by rule" : "");
	reach_diff_done(&diff);
	compiled_done(&b);
	compiled_done(&a);
	return strdup(buf_text(&text));
}

#define differ(old, new, expected) \
	do { \
		_cleanup_free_ char *got_ = changes(old, new); \
		cr_assert_str_eq(got_, expected, "expected:\n%sgot:\n%s", expected, got_); \
	} while (0)

#define PLAIN HEAD "segments: {cameras: {}, phones: {}}\ndevices:\n" \
	"  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\"}\n" \
	"  - {id: cam-2, segment: cameras, mac: \"02:00:00:00:00:02\"}\n" \
	"  - {id: phone, segment: phones, mac: \"02:00:00:00:00:03\"}\n"

Test(limits, diff_tells_of_each_change_once)
{
	differ(LIMITED, LIMITED, "");
	differ(PLAIN, LIMITED,
	       "device cam-1: limits: none -> flows 64, new_flows 10/s, rate 8mbit\n"
	       "device cam-2: limits: none -> flows 64, new_flows 10/s, rate 1mbit, packets 10/s\n");
	differ(HEAD "segments: {cameras: {limits: {rate: 1500kbit}}, phones: {}}\n" DEVICES,
	       HEAD "segments: {cameras: {limits: {flows: 3}}, phones: {}}\n" DEVICES,
	       "device cam-1: limits: rate 1500kbit -> flows 3\n"
	       "device cam-2: limits: rate 1mbit, packets 10/s -> flows 3, rate 1mbit, packets 10/s\n");
	differ(PLAIN, HEAD "segments: {cameras: {limits: {packets: 5/s}}, phones: {}, unknown: {limits: {flows: 1}}}\ndevices:\n"
	       "  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\"}\n"
	       "  - {id: cam-2, segment: cameras, mac: \"02:00:00:00:00:02\"}\n"
	       "  - {id: phone, segment: phones, mac: \"02:00:00:00:00:03\"}\n",
	       "segment cameras (2 devices): limits: none -> packets 5/s\n"
	       "unknown devices: limits: none -> flows 1\n");
	differ(LIMITED, HEAD "segments: {cameras: {limits: {flows: 64, new_flows: 10/s, rate: 8mbit}}, phones: {critical: true}}\n" DEVICES,
	       "device phone: limits: none -> critical\n");
}

Test(limits, explain_names_them)
{
	struct compiled c = compiled_text(LIMITED "rules: [{id: r, from: segment:cameras, to: internet, allow: any}]\n", NULL, NULL);
	struct diagnostics d = {0};
	const struct {
		const char *from, *to, *result, *detail;
	} cases[] = {
		{"cam-1", "internet", "within", "cam-1: flows 64, new_flows 10/s, rate 8mbit"},
		{"phone", "cam-2", "within", "cam-2: flows 64, new_flows 10/s, rate 1mbit, packets 10/s"},
		{"phone", "internet", "none", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct explanation e = {0};
		const struct explain_step *step;

		cr_assert_eq(policy_explain(c.policy, c.image, &(struct explain_query){cases[i].from, cases[i].to, "tcp/443", 0}, &d, &e), 0);
		step = &e.steps[e.n_steps - 1];
		cr_expect_str_eq(step->stage, "limits");
		cr_expect_str_eq(step->result, cases[i].result);
		cr_expect_str_eq(step->detail, cases[i].detail);
		explanation_done(&e);
	}
	diagnostics_done(&d);
	compiled_done(&c);
}
