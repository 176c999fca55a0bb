/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../user/lib/addr.h"
#include "../../user/lib/buf.h"
#include "policy_text.h"

#ifdef __SANITIZE_ADDRESS__
#define SLOWER 10
#else
#define SLOWER 1
#endif

#define HEAD "version: 1\n"

static const struct segment *segment_named(const struct policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_segments; i++)
		if (strcmp(policy->segments[i].id, id) == 0)
			return &policy->segments[i];
	cr_assert_fail("no segment %s", id);
	return NULL;
}

Test(parse, the_common_language_becomes_a_model)
{
	struct policy *policy = text_policy(HEAD
		"site: {name: home, timezone: Europe/Paris, mode: audit}\n"
		"segments:\n"
		"  cameras: {mode: enforce, limits: {flows: 64}, auth: {require: [dot1x]}}\n"
		"  phones: {critical: true}\n"
		"devices:\n"
		"  - {id: cam, segment: cameras, mac: \"AA:bb:cc:00:11:22\", ip: [192.168.1.31, \"fd00:1::31\"], facts: {vlan: 20, location: door}}\n"
		"  - {id: stray, mac: \"aa:bb:cc:00:11:23\", mode: observe}\n"
		"networks: {nvr: [10.20.9.5/32], lab: {addresses: [10.1.0.0/16, \"fd20::/64\"], data: x}}\n"
		"services: {rtsp: [tcp/554, udp/6970-6999]}\n"
		"rules:\n"
		"  - {id: a, from: segment:phones, to: [segment:cameras, cidr:10.0.0.0/8, gateway], allow: [rtsp, dns, icmp/echo, proto/47], why: w, owner: o}\n"
		"  - {id: b, from: any, to: device:cam, deny: any, except: [{from: device:stray, services: [tcp/80]}], mode: audit}\n"
		"tests:\n"
		"  - {from: device:stray, to: 10.9.9.9, service: tcp/445, expect: would_deny, rule: null}\n"
		"  - {from: device:stray, to: device:cam, service: icmp6/echo, expect: allow, rule: b}\n");
	const struct segment *cameras = segment_named(policy, "cameras");
	const struct rule *a = &policy->rules[0], *b = &policy->rules[1];
	const struct policy_device *cam = &policy->devices[0];

	cr_assert_str_eq(policy->site_name, "home");
	cr_assert_str_eq(policy->timezone, "Europe/Paris");
	cr_assert_eq(policy->site_mode, CORDON_MODE_AUDIT);
	cr_assert_eq(policy->n_segments, 4);
	cr_assert_str_eq(policy->segments[POLICY_SEGMENT_UNKNOWN].id, "unknown");
	cr_assert_str_eq(policy->segments[POLICY_SEGMENT_UNAUTHENTICATED].id, "unauthenticated");
	cr_assert_eq(cameras->mode, CORDON_MODE_ENFORCE);
	cr_assert_eq(cameras->limits.flows, 64);
	cr_assert(cameras->auth && cameras->auth_dot1x_only);
	cr_assert(segment_named(policy, "phones")->critical);
	cr_assert_eq(segment_named(policy, "phones")->mode, -1);

	cr_assert_eq(&policy->segments[cam->segment], cameras);
	cr_assert(cam->has_mac && cam->mac[0] == 0xaa && cam->mac[5] == 0x22);
	cr_assert_eq(cam->n_addresses, 2);
	cr_assert_eq(cam->vlan, 20);
	cr_assert_str_eq(cam->location, "door");
	cr_assert_eq(policy->devices[1].segment, POLICY_SEGMENT_UNKNOWN);
	cr_assert_eq(policy->devices[1].mode, CORDON_MODE_OBSERVE);
	cr_assert_eq(policy->networks[1].n_prefixes, 2);
	cr_assert_eq(policy->networks[1].prefixes[0].length, 96 + 16);

	cr_assert_eq(a->to.n, 3);
	cr_assert_eq(a->to.items[1].kind, POLICY_PEER_CIDR);
	cr_assert_eq(a->to.items[1].prefix.length, 96 + 8);
	cr_assert_eq(a->to.items[2].kind, POLICY_PEER_GATEWAY);
	cr_assert_eq(a->services.n, 6); /* rtsp 2, dns 2, echo, proto */
	cr_assert_eq(a->services.items[1].first, 6970);
	cr_assert_eq(a->services.items[1].last, 6999);
	cr_assert_eq(a->services.items[4].space, POLICY_SERVICE_ICMP);
	cr_assert_eq(a->services.items[4].first, 8);
	cr_assert_str_eq(a->services.text, "rtsp, dns, icmp/echo, proto/47");
	cr_assert(!a->deny && a->parked == 0);
	cr_assert(b->deny && b->n_exceptions == 1 && b->mode == CORDON_MODE_AUDIT);
	cr_assert_eq(b->exceptions[0].from.items[0].index, 1);

	cr_assert(policy->tests[0].rule_given && policy->tests[0].rule == POLICY_NONE);
	cr_assert_eq(policy->tests[0].expect, CORDON_VERDICT_WOULD_DENY);
	cr_assert_eq(policy->tests[0].to.kind, POLICY_PEER_CIDR);
	cr_assert_eq(policy->tests[0].to.prefix.length, 128);
	cr_assert_eq(policy->tests[1].rule, 1);
	cr_assert_eq(policy->tests[1].service.first, 128);
	policy_free(policy);
}

/* Issue: `cordon check` on a file with five different mistakes reports all five. */
Test(parse, five_mistakes_are_five_errors_with_their_places)
{
	static const char text[] = HEAD
		"segments:\n"
		"  cameras: {mode: enforced}\n"
		"  phones: {}\n"
		"devices:\n"
		"  - {id: cam-1, segment: camera, mac: \"aa:bb:cc:00:11:22\", ip: 192.168.1.300}\n"
		"rules:\n"
		"  - {id: r1, from: segment:cameras, to: internet, alow: [tcp/443]}\n"
		"  - {id: r2, from: segment:phones, to: internet, allow: [tcp/70000]}\n";
	struct diagnostics d;
	struct policy *policy;

	cr_assert_eq(text_parse(text, &d, &policy), -EINVAL);
	cr_assert(text_told(&d, "p.yaml", text, "enforced", 0, false, "did you mean `enforce`?"));
	cr_assert(text_told(&d, "p.yaml", text, "camera,", 0, false, "unknown segment `camera`; did you mean `cameras`?"));
	cr_assert(text_told(&d, "p.yaml", text, "192.168.1.300", 0, false, "expected an address"));
	cr_assert(text_told(&d, "p.yaml", text, "alow", 0, false, "unknown key `alow` in a rule; did you mean `allow`?"));
	cr_assert(text_told(&d, "p.yaml", text, "tcp/70000", 0, false, "expected a port from 1 to 65535"));
	cr_assert_eq(d.errors, 5);
	for (size_t i = 1; i < d.n; i++)
		cr_assert(d.items[i - 1].line < d.items[i].line ||
			  (d.items[i - 1].line == d.items[i].line && d.items[i - 1].column <= d.items[i].column));
	cr_assert_null(policy);
	diagnostics_done(&d);
}

/* Mistakes that YAML itself sees, and those only the policy sees, in one run. */
Test(parse, mistakes_of_every_layer_come_together)
{
	static const char text[] = HEAD
		"segments: {a: {}, a: {}}\n"
		"devices:\n"
		"  - {id: one, segment: b, mac: &m \"aa:bb:cc:00:11:22\"}\n"
		"  - {id: two, segment: a, mac: \"aa:bb:cc:00:11:22\"}\n"
		"rules: [{id: r, from: any, to: any, allow: <<}]\n"
		"sgments: {}\n"
		"tests: [{from: device:one, to: gateway\n";
	struct diagnostics d;
	struct policy *policy;

	cr_assert_eq(text_parse(text, &d, &policy), -EINVAL);
	cr_assert(text_told(&d, "p.yaml", text, "a: {}}", 0, false, "duplicate key"));
	cr_assert(text_told(&d, "p.yaml", text, "&m", 0, false, "anchors"));
	cr_assert(text_told(&d, "p.yaml", text, "{id: two", 0, false, "the MAC aa:bb:cc:00:11:22 of device `two` belongs to device `one`"));
	cr_assert(text_told(&d, "p.yaml", text, "sgments", 0, false, "did you mean `segments`?"));
	cr_assert_eq(d.items[d.n - 1].line, 9); /* the brackets never close */
	diagnostics_done(&d);
}

Test(parse, a_misspelt_key_is_one_error)
{
	refuses(HEAD "devices: [{idd: a, mac: \"aa:bb:cc:00:11:22\"}]\n", "idd", "did you mean `id`?");
	refuses("versoin: 1\n", "versoin", "did you mean `version`?");
}

/* What is missing may stand behind the place where the file breaks off. */
Test(parse, a_broken_file_blames_no_name_that_may_follow)
{
	refuses(HEAD "rules:\n  - {id: r, from: segment:later, to: any, allow: any}\nnetworks: {n: ]\nsegments: {later: {}}\n", "]", "not YAML");
}

Test(parse, a_policy_must_say_its_version)
{
	refuses("site: {name: x}\n", "site", "a policy needs `version`");
	refuses("version: 2\n", "2", "version `2` is not known");
	refuses("[]\n", "[", "expected a policy: a mapping");

	struct diagnostics d;
	struct policy *policy;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(text_parse(i ? "# only a comment\n" : "", &d, &policy), -EINVAL);
		cr_assert(strstr(d.items[0].message, "empty"));
		diagnostics_done(&d);
	}
	cr_assert_eq(policy_parse(NULL, 0, &d, &policy), -EINVAL);
	diagnostics_done(&d);
}

#define RULE(body) HEAD "segments: {cameras: {}, phones: {}}\ndevices: [{id: cam, segment: cameras, mac: \"aa:bb:cc:00:11:22\"}]\n" \
	"networks: {nvr: [10.0.0.1]}\nrules:\n  - {id: r, " body "}\n"

Test(parse, peers_are_checked)
{
	refuses(RULE("from: segment:camers, to: any, allow: any"), "segment:camers", "unknown segment `camers`; did you mean `cameras`?");
	refuses(RULE("from: devise:cam, to: any, allow: any"), "devise:cam", "did you mean `device:cam`?");
	refuses(RULE("from: gatway, to: any, allow: any"), "gatway", "did you mean `gateway`?");
	refuses(RULE("from: cameras, to: any, allow: any"), "cameras, to", "needs its kind before it: `segment:cameras`");
	refuses(RULE("from: any, to: 10.0.0.0/8, allow: any"), "10.0.0.0/8", "`cidr:10.0.0.0/8`");
	refuses(RULE("from: any, to: cidr:10.0.0.1/8, allow: any"), "cidr:", "bits beyond its length");
	refuses(RULE("from: any, to: cidr:10.0.0.0/33, allow: any"), "cidr:", "expected an address or prefix");
	refuses(RULE("from: any, to: \"name:nodots\", allow: any"), "\"name:", "is no DNS name");
	refuses(RULE("from: any, to: \"name:a.*.org\", allow: any"), "\"name:", "is no DNS name");
	refuses(RULE("from: any, to: mcast:mdsn, allow: any"), "mcast:", "did you mean `mcast:mdns`?");
	refuses(RULE("from: any, to: mcast:10.0.0.1, allow: any"), "mcast:", "a multicast address");
	refuses(RULE("from: mcast:mdns, to: any, allow: any"), "mcast:", "can stand in `to` only");
	refuses(RULE("from: bcast, to: any, allow: any"), "bcast", "can stand in `to` only");
	refuses(RULE("from: any, to: nat, allow: any"), "nat", "can stand in `from` only");
	refuses(RULE("from: any, to: network:nvrr, allow: any"), "network:nvrr", "did you mean `nvr`?");
	refuses(RULE("from: any, to: feed:x, allow: any"), "feed:x", "expected one defined under `feeds:`");
	refuses(RULE("from: any, to: [], allow: any"), "[], allow", "an empty list");
	refuses(RULE("from: \"device:\", to: any, allow: any"), "\"device:\"", "needs a name after the colon");
	refuses(RULE("from: any, to: \"name:*.x.org\", deny: any"), "\"name:", "a deny cannot name");
}

Test(parse, services_are_checked)
{
	refuses(RULE("from: any, to: any, allow: [htps]"), "htps", "did you mean `https`?");
	refuses(RULE("from: any, to: any, allow: tcp/0"), "tcp/0", "a port from 1 to 65535");
	refuses(RULE("from: any, to: any, allow: tcp/80-79"), "tcp/80-79", "a port from 1 to 65535");
	refuses(RULE("from: any, to: any, allow: tcp/80-"), "tcp/80-", "a port from 1 to 65535");
	refuses(RULE("from: any, to: any, allow: icmp/256"), "icmp/256", "a type from 0 to 255");
	refuses(RULE("from: any, to: any, allow: dccp/80"), "dccp/80", "expected tcp/, udp/");
	refuses(RULE("from: any, to: any, allow: proto/6"), "proto/6", "write tcp/PORT");
	refuses(RULE("from: any, to: any, allow: eth/0x0800"), "eth/", "a service of IP");
	refuses(RULE("from: any, to: any, allow: eth/5"), "eth/5", "an ethertype");
	refuses_at(RULE("from: any, to: any, allow: {}"), "{}}", 1, "expected a service like tcp/443, not a mapping");
	refuses(HEAD "services: {a: [tcp/1], b: [a]}\n", "a]", "is a named list itself");
	refuses(HEAD "services: {dns: [tcp/1]}\n", "dns", "is built in");
}

Test(parse, rules_are_checked)
{
	refuses(RULE("from: any, to: any"), "{id: r,", "needs `allow` or `deny`");
	refuses(RULE("from: any, to: any, allow: any, deny: any"), "deny", "not both");
	refuses(RULE("from: any, allow: any"), "{id: r,", "a rule needs `to`");
	refuses(RULE("from: any, to: any, allow: any, except: [{to: device:cam}]"), "except", "belongs to a deny");
	refuses(RULE("from: any, to: any, deny: any, except: [{}]"), "{}]", "would undo the whole rule");
	refuses(RULE("from: any, to: any, allow: any, mode: enforce"), "enforce", "can only be audit");
	refuses(RULE("from: any, to: any, allow: any, when: shift"), "shift", "unknown schedule");
	refuses(RULE("from: any, to: any, allow: any, expires: \"2027-02-29\""), "\"2027", "expected a time like");
	refuses(RULE("from: any, to: any, allow: any, alert: loud"), "loud", "is not a severity");
	refuses(RULE("from: any, to: any, allow: any, if: {firmware: \">=new\"}"), "\">=new", "compares numbers and versions");
	refuses(RULE("from: any, to: any, allow: any, if: {firmware: \"fresh:soon\"}"), "\"fresh", "expected an age");
	refuses(RULE("from: any, to: any, allow: any, if: {trust: [\">1\", 3]}"), "3]", "cannot stand in one with others");
	refuses_at(RULE("from: any, to: any, allow: any, if: {}"), "{}}", 1, "no test at all");
	refuses_at(HEAD "rules:\n  - {id: r, from: any, to: any, allow: any}\n  - {id: r, from: any, to: any, allow: any}\n", "r, from", 1,
		   "rule `r` is already defined at p.yaml:3:10");
	refuses(HEAD "rules: {a: b}\n", "{a", "expected rules: a list");
}

Test(parse, segments_devices_and_the_site_are_checked)
{
	refuses(HEAD "site: {mode: on}\n", "on}", "is not a mode");
	refuses(HEAD "site: {timezone: \"../etc\"}\n", "\"..", "expected a time zone");
	refuses(HEAD "site: {resolvers: [8.8.8]}\n", "8.8.8", "as a resolver");
	refuses(HEAD "segments: {a b: {}}\n", "a b", "is no name for a segment");
	refuses(HEAD "segments: {a: }\n", "}", "expected a segment: a mapping");
	refuses(HEAD "segments: {a: {quarantine: q}}\n", "q}", "unknown quarantine profile");
	refuses(HEAD "segments: {a: {auth: {}}}\n", "{}}", "auth needs `require`");
	refuses(HEAD "segments: {a: {auth: {require: [cert, retina]}}}\n", "retina", "is not a proof to require");
	refuses(HEAD "segments: {a: {limits: {flows: 0}}}\n", "0}", "expected a number from 1");
	refuses(HEAD "segments: {a: {canary: 101%}}\n", "101%", "expected a share");
	refuses(HEAD "segments: {a: {critical: yes}}\n", "yes", "expected true or false");
	refuses(HEAD "segments: {unknown: {match: {type: x}}}\n", "unknown", "it has no `match`");
	refuses(HEAD "devices: [{mac: \"aa:bb:cc:00:11:22\"}]\n", "{mac", "a device needs `id`");
	refuses(HEAD "devices: [{id: a, mac: \"01:bb:cc:00:11:22\"}]\n", "\"01", "the MAC of one device");
	refuses(HEAD "devices: [{id: a, mac: \"aa-bb-cc-00-11-22\"}]\n", "\"aa", "the MAC of one device");
	refuses(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", ip: 224.0.0.1}]\n", "224", "no address that one device can have");
	refuses(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", ip: [127.0.0.1]}]\n", "127", "no address that one device can have");
	refuses(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", facts: {vlan: 4095}}]\n", "4095", "a vlan is a number");
	refuses(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", facts: {proof: magic}}]\n", "magic", "is not a proof");
	refuses(HEAD "devices: [{id: a, mac: \"aa:bb:cc:00:11:22\", segment: [b]}]\n", "[b]", "expected the name of a segment, not a list");
	refuses(HEAD "networks: {n: [10.0.0.1/8]}\n", "10.0.0.1", "bits beyond its length");
}

Test(parse, the_rest_of_the_language_is_checked)
{
	refuses(HEAD "schedules: {s: {days: mon-fry, from: \"06:00\", to: \"18:00\"}}\n", "mon-fry", "expected days");
	refuses(HEAD "schedules: {s: {from: \"6:00\", to: \"18:00\"}}\n", "\"6:00", "expected a time of day");
	refuses(HEAD "schedules: {s: {from: \"24:00\", to: \"18:00\"}}\n", "\"24:00", "expected a time of day");
	refuses(HEAD "schedules: {s: {start: \"2026-12-02T08:00\", end: \"2026-12-01T12:00\"}}\n", "{start", "ends (2026-12-01T12:00) before it starts");
	refuses(HEAD "quarantines: {q: {allow: [{services: [dns]}]}}\n", "{services", "expected `to`");
	refuses(HEAD "feeds: {f: {source: \"http://x\", type: addresses}}\n", "\"http:", "expected file:/PATH or https://");
	refuses(HEAD "feeds: {f: {source: \"file:/x\", type: adresses}}\n", "adresses", "did you mean `addresses`?");
	refuses(HEAD "responses: [{id: r, when: {alert: portscan}, do: [notify]}]\n", "portscan", "did you mean `port_scan`?");
	refuses(HEAD "responses: [{id: r, when: {alert: port_scan}, do: [quarantin 1h]}]\n", "quarantin", "did you mean `quarantine`?");
	refuses(HEAD "responses: [{id: r, when: {alert: port_scan}, do: [capture]}]\n", "capture", "`capture 60s`");
	refuses(HEAD "tests: [{from: gateway, to: 10.0.0.1, service: any, expect: deny}]\n", "any", "asks for one service");
	refuses(HEAD "tests: [{from: gateway, to: 10.0.0.1, service: tcp/1, expect: drop}]\n", "drop", "is not a verdict");
	refuses(HEAD "tests: [{from: gateway, to: 10.0.0.1, service: tcp/1, expect: deny, rule: nill}]\n", "nill", "unknown rule");
	refuses(HEAD "tests: [{from: gateway, to: 10.0.0.1, service: tcp/1, expect: deny, at: noon}]\n", "noon", "expected a time");
}

Test(parse, several_files_are_one_policy)
{
	static const char one[] = HEAD "site: {name: x}\nrules:\n  - {id: r, from: segment:s, to: device:d, allow: [web]}\n";
	static const char two[] = HEAD "segments: {s: {}}\ndevices: [{id: d, segment: s, mac: \"aa:bb:cc:00:11:22\"}]\nservices: {web: [tcp/80]}\n";
	struct policy_source sources[] = {{"1.yaml", one, strlen(one)}, {"2.yaml", two, strlen(two)}};
	struct diagnostics d = {0};
	struct policy *policy;

	cr_assert_eq(policy_parse(sources, 2, &d, &policy), 0);
	cr_assert_eq(policy->n_files, 2);
	cr_assert_eq(policy->rules[0].services.items[0].first, 80);
	cr_assert_eq(policy->rules[0].place.file, 0);
	cr_assert_eq(policy->devices[0].place.file, 1);
	cr_assert_eq(policy->rules[0].to.items[0].index, 0);
	policy_free(policy);
	diagnostics_done(&d);
}

Test(parse, what_stands_twice_in_two_files_is_an_error_in_the_second)
{
	static const char one[] = HEAD "site: {name: x}\nsegments: {s: {}}\n";
	static const char two[] = "site: {name: x}\nsegments: {t: {}, s: {}}\nnetworks: {n: [x]}\n";
	struct policy_source sources[] = {{"1.yaml", one, strlen(one)}, {"2.yaml", two, strlen(two)}};
	struct diagnostics d = {0};
	struct policy *policy;

	cr_assert_eq(policy_parse(sources, 2, &d, &policy), -EINVAL);
	cr_assert(text_told(&d, "2.yaml", two, "site", 0, false, "a policy needs `version`"));
	cr_assert(text_told(&d, "2.yaml", two, "{name", 0, false, "already described at 1.yaml:2:7"));
	cr_assert(text_told(&d, "2.yaml", two, "s: {}}", 0, false, "segment `s` is already defined at 1.yaml:3:12"));
	cr_assert(text_told(&d, "2.yaml", two, "x]", 0, false, "expected an address or prefix"));
	cr_assert_eq(d.errors, 4);
	diagnostics_done(&d);
}

Test(parse, two_hundred_errors_and_no_more_are_shown)
{
	_cleanup_buf_ struct buf b = {0};
	struct diagnostics d;
	struct policy *policy;

	buf_addf(&b, HEAD "devices:\n");
	for (int i = 0; i < 500; i++)
		buf_addf(&b, "  - {id: d%d, mac: bad}\n", i);
	cr_assert_eq(text_parse(b.data, &d, &policy), -EINVAL);
	cr_assert_eq(d.errors, 500);
	cr_assert_eq(d.n, POLICY_MAX_DIAGNOSTICS + 1);
	cr_assert(strstr(d.items[d.n - 1].message, "too many errors"));
	diagnostics_done(&d);
}

/* Ends in an error within 2 s of processor time and 256 MiB; others on the machine do not count. */
static void refuses_within_bounds(const char *what, const char *text, size_t size)
{
	struct policy_source source = {.name = what, .text = text, .size = size};
	struct diagnostics d = {0};
	struct policy *policy = NULL;
	clock_t start = clock();
	struct rusage usage;
	double seconds;
	int r = policy_parse(&source, 1, &d, &policy);

	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "%s: %.2f s, %ld MiB, %s\n", what, seconds, usage.ru_maxrss >> 10, d.n ? d.items[0].message : "no error");
	cr_assert(r == -EINVAL || r == -EFBIG, "%s: %d", what, r);
	cr_assert(d.errors > 0 && d.n > 0 && d.items[0].line > 0, "%s: no error told", what);
	cr_assert_lt(seconds, 2.0 * SLOWER, "%s: %.2f s", what, seconds);
	cr_assert_lt(usage.ru_maxrss >> 10, 256 * SLOWER, "%s: %ld MiB", what, usage.ru_maxrss >> 10);
	diagnostics_done(&d);
}

static void repeat(struct buf *b, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		cr_assert_eq(buf_add(b, text, strlen(text)), 0);
}

Test(hostile, more_than_eight_million_events)
{
	static const char *const bodies[] = {"a,", "[],", "{},", "[a],", "{a: b},"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		_cleanup_buf_ struct buf b = {0};

		repeat(&b, HEAD "rules: [", 1);
		repeat(&b, bodies[i], 8200000 / (i == 4 ? 4 : i ? 2 + (i == 3) : 1));
		repeat(&b, "]\n", 1);
		refuses_within_bounds(bodies[i], b.data, b.size);
	}
}

Test(hostile, events_just_below_what_the_separators_show)
{
	_cleanup_buf_ struct buf b = {0};

	repeat(&b, HEAD "devices:\n", 1);
	repeat(&b, "- {a: b}\n", 1500000);
	refuses_within_bounds("mappings", b.data, b.size);
}

Test(hostile, many_names)
{
	_cleanup_buf_ struct buf b = {0}, good = {0};

	repeat(&b, HEAD "networks:\n", 1);
	for (int i = 0; i < 1200000; i++)
		buf_addf(&b, " n%d: x\n", i);
	refuses_within_bounds("networks", b.data, b.size);
	repeat(&good, HEAD "networks:\n", 1);
	for (int i = 0; i < 200001; i++)
		buf_addf(&good, " n%d: 10.0.0.1\n", i);
	refuses_within_bounds("networks without a mistake", good.data, good.size);
}

Test(hostile, ten_thousand_brackets)
{
	_cleanup_buf_ struct buf b = {0}, c = {0};

	repeat(&b, HEAD "rules: ", 1);
	repeat(&b, "[", 10000);
	repeat(&b, "]", 10000);
	refuses_within_bounds("brackets", b.data, b.size);
	repeat(&c, "{a: ", 10000);
	refuses_within_bounds("braces", c.data, c.size);
}

Test(hostile, alias_bomb)
{
	_cleanup_buf_ struct buf b = {0};

	repeat(&b, HEAD "a: &a [x,x,x,x,x,x,x,x,x,x]\n", 1);
	for (char c = 'b'; c <= 'z'; c++)
		buf_addf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1,
			 c - 1);
	refuses_within_bounds("bomb", b.data, b.size);
}

Test(hostile, sixty_five_mebibytes)
{
	size_t size = 65u << 20;
	char *text = calloc(1, size);

	cr_assert_not_null(text);
	refuses_within_bounds("65 MiB", text, size);
	free(text);
}

Test(hostile, one_text_of_sixty_four_mebibytes)
{
	size_t size = 64u << 20;
	char *text = malloc(size);

	cr_assert_not_null(text);
	memset(text, 'a', size);
	memcpy(text, "a: \"", 4);
	memcpy(text + size - 2, "\"\n", 2);
	refuses_within_bounds("one text", text, size);
	free(text);
}

Test(hostile, random_bytes)
{
	unsigned int seed = 42;
	size_t size = 4u << 20;
	char *text = malloc(size);

	fprintf(stderr, "seed %u\n", seed);
	srandom(seed);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)random();
	refuses_within_bounds("random", text, size);
	free(text);
}

/* The largest site that is promised loads. */
Test(parse, a_hundred_thousand_devices_and_ten_thousand_rules)
{
	_cleanup_buf_ struct buf b = {0};
	struct diagnostics d;
	struct policy *policy;
	struct rusage usage;

	buf_addf(&b, HEAD "segments: {s: {}, t: {}}\ndevices:\n");
	for (int i = 1; i <= 100000; i++)
		buf_addf(&b, "  - {id: d%d, segment: s, mac: \"02:00:00:%02x:%02x:%02x\", ip: [10.%d.%d.%d, \"fd00::%x:%x\"], facts: {type: camera, vendor: v%d, location: p%d}}\n", i,
			 i >> 16, i >> 8 & 255, i & 255, i >> 16, i >> 8 & 255, i & 255, i >> 16, i & 0xffff, i % 50, i / 2);
	buf_addf(&b, "rules:\n");
	for (int i = 1; i <= 10000; i++)
		buf_addf(&b, "  - {id: r%d, from: device:d%d, to: segment:t, allow: [tcp/%d], if: {type: camera}, why: x}\n", i, i, i);
	cr_assert_eq(text_parse(b.data, &d, &policy), 0, "%s", d.n ? d.items[0].message : "?");
	cr_assert_eq(policy->n_devices, 100000);
	cr_assert_eq(policy->n_rules, 10000);
	policy_free(policy);
	diagnostics_done(&d);
	getrusage(RUSAGE_SELF, &usage);
	cr_assert_lt(usage.ru_maxrss >> 10, 256 * SLOWER);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

Test(source, folders_are_read_in_name_order)
{
	char folder[] = "/tmp/cordon-test-source.XXXXXX", path[128];
	const char *paths[] = {folder};
	struct policy_source *sources;
	char *text = NULL;
	size_t n;

	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(policy_load_path(paths, 1, &sources, &n, &text), -ENOENT);
	cr_assert(strstr(text, "no *.yaml or *.yml file"));
	free(text);
	static const char *const names[] = {"20-b.yml", "10-a.yaml", "README", ".hidden.yaml"};
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		write_file(path, names[i]);
	}
	cr_assert_eq(policy_load_path(paths, 1, &sources, &n, NULL), 0);
	cr_assert_eq(n, 2);
	cr_assert_str_eq(sources[0].text, "10-a.yaml");
	cr_assert(strstr(sources[1].name, "/20-b.yml"));
	policy_sources_free(sources, n);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
	cr_assert_eq(policy_load_path(paths, 1, &sources, &n, &text), -ENOENT);
	cr_assert(strstr(text, folder));
	free(text);
}

Test(source, more_than_the_limit_is_refused_before_it_is_read)
{
	char path[] = "/tmp/cordon-test-source.XXXXXX";
	const char *paths[] = {path};
	struct policy_source *sources;
	char *text = NULL;
	size_t n;
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && ftruncate(fd, 65 << 20) == 0);
	cr_assert_eq(policy_load_path(paths, 1, &sources, &n, &text), -EFBIG);
	cr_assert(strstr(text, "64 MiB"));
	free(text);
	close(fd);
	unlink(path);
}
