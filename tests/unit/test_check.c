/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "../../user/policy/facts.h"
#include "policy_text.h"

#define HEAD "version: 1\n"

/* The segment of the first device. */
static const char *segment_of(const char *text)
{
	static char id[64];
	struct policy *policy = text_policy(text);

	snprintf(id, sizeof(id), "%s", policy->segments[policy->devices[0].segment].id);
	policy_free(policy);
	return id;
}

#define DEVICE(facts) "devices: [{id: d, mac: \"aa:bb:cc:00:11:22\", facts: {" facts "}}]\n"
#define MATCH(tests) HEAD "segments: {s: {match: {" tests "}}}\n"

Test(check, a_device_joins_the_segment_that_its_facts_match)
{
	cr_assert_str_eq(segment_of(MATCH("type: tv") DEVICE("type: tv")), "s");
	cr_assert_str_eq(segment_of(MATCH("type: tv") DEVICE("type: TV")), "s");
	cr_assert_str_eq(segment_of(MATCH("type: tv") DEVICE("type: tvs")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("type: [tv, speaker]") DEVICE("type: speaker")), "s");
	cr_assert_str_eq(segment_of(MATCH("model: \"RLC-*\"") DEVICE("model: RLC-810A")), "s");
	cr_assert_str_eq(segment_of(MATCH("type: plc, location: line-2") DEVICE("type: plc, location: line-2")), "s");
	cr_assert_str_eq(segment_of(MATCH("type: plc, location: line-2") DEVICE("type: plc, location: line-1")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("firmware: \">=4.2.1\"") DEVICE("firmware: 4.10.0")), "s");
	cr_assert_str_eq(segment_of(MATCH("firmware: \">=4.2.1\"") DEVICE("firmware: 4.2.0")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("firmware: \"<4.2.1\"") DEVICE("firmware: 4.2.0")), "s");
	cr_assert_str_eq(segment_of(MATCH("type: \"!=tv\"") DEVICE("type: radio")), "s");
	cr_assert_str_eq(segment_of(MATCH("tag: staff") DEVICE("tag: [guest, staff]")), "s");
	cr_assert_str_eq(segment_of(MATCH("tag: \"!=staff\"") DEVICE("tag: [guest, staff]")), "unknown");
}

Test(check, a_missing_fact_never_lets_in)
{
	cr_assert_str_eq(segment_of(MATCH("type: tv") DEVICE("vendor: x")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("type: \"!=tv\"") DEVICE("vendor: x")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("firmware: \"<9\"") DEVICE("firmware: beta")), "unknown");
	cr_assert_str_eq(segment_of(MATCH("firmware: \"fresh:24h\"") DEVICE("firmware: 3.1")), "unknown");
}

Test(check, a_named_segment_wins_and_two_matches_are_an_error)
{
	static const char segments[] = HEAD "segments: {a: {match: {type: tv}}, b: {match: {vendor: sony}}, c: {}}\n";
	char text[512];

	snprintf(text, sizeof(text), "%sdevices: [{id: d, segment: c, mac: \"aa:bb:cc:00:11:22\", facts: {type: tv, vendor: sony}}]\n", segments);
	cr_assert_str_eq(segment_of(text), "c");
	snprintf(text, sizeof(text), "%s" DEVICE("type: tv, vendor: sony"), segments);
	refuses(text, "{id: d", "device `d` matches two segments, `a` and `b`");
}

Test(check, addresses_and_macs_belong_to_one_device)
{
	refuses(HEAD "devices:\n  - {id: a, mac: \"aa:bb:cc:00:11:22\", ip: 10.0.0.1}\n  - {id: b, mac: \"aa:bb:cc:00:11:23\", ip: [10.0.0.2, 10.0.0.1]}\n",
		"{id: b", "the address 10.0.0.1 of device `b` belongs to device `a` (p.yaml:3)");
	refuses(HEAD "devices:\n  - {id: a, mac: \"aa:bb:cc:00:11:22\"}\n  - {id: b, mac: \"AA:BB:CC:00:11:22\"}\n", "{id: b", "the MAC aa:bb:cc:00:11:22");
	refuses(HEAD "devices:\n  - {id: a, mac: \"aa:bb:cc:00:11:22\", ip: [10.0.0.1, 10.0.0.1]}\n", "{id: a", "has the address 10.0.0.1 twice");
	/* one MAC in two VLANs is two devices */
	policy_free(text_policy(HEAD "devices:\n  - {id: a, mac: \"aa:bb:cc:00:11:22\"}\n  - {id: b, mac: \"aa:bb:cc:00:11:22\", facts: {vlan: 7}}\n"));
}

Test(check, a_test_of_an_empty_segment_proves_nothing)
{
	refuses(HEAD "segments: {s: {}}\ntests: [{from: segment:s, to: gateway, service: tcp/1, expect: deny}]\n", "segment:s", "has no device");
	refuses(HEAD "segments: {s: {}}\ntests: [{from: gateway, to: segment:s, service: tcp/1, expect: deny}]\n", "segment:s", "has no device");
}

#define RULE(body) HEAD "devices:\n  - {id: a, mac: \"aa:bb:cc:00:11:22\"}\nschedules: {s: {from: \"06:00\", to: \"18:00\"}}\n" \
	"feeds: {f: {source: \"file:/x\", type: addresses}}\nrules:\n  - {id: r, from: device:a, " body "}\n"

static uint32_t parked(const char *text)
{
	struct policy *policy = text_policy(text);
	uint32_t bits = policy->rules[0].parked;

	policy_free(policy);
	return bits;
}

Test(check, what_is_not_enforced_yet_is_parked_and_said)
{
	static const struct {
		const char *text;
		enum policy_parked reason;
		const char *words;
	} cases[] = {
		{RULE("to: \"name:*.example.org\", allow: any"), POLICY_PARKED_NAME, "that part of the rule opens nothing"},
		{RULE("to: mcast:mdns, allow: mdns"), POLICY_PARKED_MCAST, "that part of the rule opens nothing"},
		{RULE("to: bcast, allow: bacnet"), POLICY_PARKED_BCAST, "that part of the rule opens nothing"},
		{RULE("to: feed:f, deny: any"), POLICY_PARKED_FEED, "that part of the rule stops nothing"},
		{RULE("to: any, allow: eth/0x8892"), POLICY_PARKED_ETH, "that part of the rule opens nothing"},
		{RULE("to: any, allow: any, related: {from: responder, services: udp/6970-6999}"), POLICY_PARKED_RELATED, "only the rule's own"},
		{RULE("to: any, allow: any, if: {trust: \">=70\"}"), POLICY_PARKED_FACT, "taken as false"},
		{RULE("to: any, deny: any, if_to: {posture.disk: ok}"), POLICY_PARKED_FACT, "taken as true"},
		{RULE("to: any, allow: any, if: {type: \"fresh:1h\"}"), POLICY_PARKED_FACT, "taken as false"},
		{RULE("to: any, deny: any, except: [{to: \"name:a.org\"}]"), POLICY_PARKED_NAME, "that part"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		warns(cases[i].text, "{id: r", cases[i].words);
		cr_assert_eq(parked(cases[i].text), 1u << cases[i].reason, "case %zu", i);
	}
	cr_assert_eq(parked(RULE("to: any, allow: any, if: {type: camera}")), 0);
}

Test(check, a_live_fact_that_the_file_declares_is_known)
{
	struct policy *policy = text_policy(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", facts: {trust: 80}}]\n"
						 "rules: [{id: r, from: device:a, to: any, allow: any, if: {trust: \">=70\"}}]\n");

	cr_assert_eq(policy->rules[0].parked, 0);
	cr_assert(conditions_hold(&policy->rules[0].if_from, &policy->devices[0], false));
	policy_free(policy);
}

Test(check, features_without_effect_are_said)
{
	warns(HEAD "segments: {s: {canary: 25%}}\n", "canary", "has no effect yet");
	warns(HEAD "segments: {s: {midstream: reset}}\n", "midstream", "has no effect yet");
	warns(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", serves: [dns]}]\n", "serves", "has no effect yet");
	warns(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", routes: [\"fd00::/64\"]}]\n", "routes", "has no effect yet");
	warns(HEAD "devices: [{id: a, cert: {san: a.example.org}}]\n", "{id: a", "known by its certificate only");
	warns(HEAD "devices: [{id: a}]\n", "{id: a", "neither `mac` nor `cert`");
	warns(HEAD "rules: [{id: r, from: any, to: any, allow: any, if: {firmwre: \">=1\"}}]\n", "firmwre", "did you mean `firmware`?");
}

#define TWO(place_a, place_b, rule) HEAD "segments: {s: {}, t: {}}\ndevices:\n" \
	"  - {id: a, segment: s, mac: \"aa:bb:cc:00:11:22\", facts: {location: " place_a "}}\n" \
	"  - {id: b, segment: t, mac: \"aa:bb:cc:00:11:23\", facts: {location: " place_b "}}\nrules:\n  - {id: r, " rule ", allow: any}\n"

Test(check, neighbours_on_one_port_cannot_be_kept_apart)
{
	static const char *const quiet[] = {
		TWO("p1", "p2", "from: device:a, to: device:b"),
		TWO("p1", "p1", "from: device:a, to: device:a"),
		TWO("p1", "p1", "from: device:a, to: internet"),
	};

	warns(TWO("p1", "p1", "from: device:a, to: device:b"), "{id: r", "`a` and `b` are both at `p1`");
	warns(TWO("p1", "p1", "from: segment:t, to: [gateway, segment:s]"), "{id: r", "`b` and `a` are both at `p1`");
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		struct diagnostics d;
		struct policy *policy;

		cr_assert_eq(text_parse(quiet[i], &d, &policy), 0);
		cr_assert_eq(d.n, 0, "%s", d.n ? d.items[0].message : "");
		policy_free(policy);
		diagnostics_done(&d);
	}
}

Test(facts, unknown_is_what_the_rule_makes_of_it)
{
	struct policy *policy = text_policy(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", facts: {type: camera}}]\n"
						 "rules: [{id: r, from: any, to: any, allow: any, if: {type: camera, firmware: \">=2\"}}]\n");
	const struct conditions *c = &policy->rules[0].if_from;
	struct fact old = {.name = "firmware", .value = "1.9"}, new = {.name = "firmware", .value = "2.0"}, other = {.name = "type", .value = "tv"};

	cr_assert_not(conditions_hold(c, &policy->devices[0], false));
	cr_assert(conditions_hold(c, &policy->devices[0], true));
	cr_assert_not(conditions_hold(c, NULL, false));
	cr_assert(conditions_hold_with(c, &policy->devices[0], &new, 1, false));
	cr_assert_not(conditions_hold_with(c, &policy->devices[0], &old, 1, true));
	cr_assert_not(conditions_hold_with(c, &policy->devices[0], &other, 1, true)); /* what is false stays false */
	policy_free(policy);
}

Test(facts, versions_are_ordered_as_versions)
{
	static const char *const rising[] = {"0.9", "1.0-rc1", "1.0", "1.0.1", "1.2", "1.10", "1.10a", "2", "10.0", "20240101"};

	for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++)
		for (size_t k = 0; k < sizeof(rising) / sizeof(rising[0]); k++)
			cr_assert_eq(version_compare(rising[i], rising[k]), i == k ? 0 : i < k ? -1 : 1, "%s with %s", rising[i], rising[k]);
	cr_assert_eq(version_compare("1.0", "1.0.0"), 0);
	cr_assert_eq(version_compare("v3.1", "3.1"), 0);
	cr_assert_eq(version_compare("007", "7"), 0);
	cr_assert_eq(version_compare("99999999999999999999", "100000000000000000000"), -1);
}

/* Shipped examples: complete, without an error; what their tests say is policy_run_tests()' to judge. */
Test(examples, every_shipped_policy_checks)
{
	static const char *const names[] = {"example", "home", "factory", "hospital"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		const char *paths[] = {path};
		struct policy_source *sources;
		struct policy_env env = {0};
		struct diagnostics d = {0};
		struct policy *policy = NULL;
		struct image *image = NULL;
		size_t n, passed = 0, failed = 0;
		char *text = NULL;

		snprintf(path, sizeof(path), "policies/%s.yaml", names[i]);
		cr_assert_eq(policy_load_path(paths, 1, &sources, &n, &text), 0, "%s (run from the top of the tree)", text);
		cr_assert_eq(policy_parse(sources, n, &d, &policy), 0, "%s: %s", path, d.n ? d.items[0].message : "?");
		cr_assert_eq(policy_compile(policy, &env, &d, &image), 0, "%s", path);
		cr_assert_eq(policy_run_tests(policy, image, 1790000000, &d, &passed, &failed), 0);
		if (failed)
			diagnostics_print(&d, stderr);
		cr_assert_eq(failed, 0, "%s", path);
		cr_assert_eq(passed, policy->n_tests);
		cr_assert_gt(passed, 4);
		image_free(image);
		policy_free(policy);
		diagnostics_done(&d);
		policy_sources_free(sources, n);
	}
}
