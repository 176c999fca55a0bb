/* SPDX-License-Identifier: Apache-2.0 */
/* Who gains and who loses reach, in the words of the policies. */
#include "../../user/lib/buf.h"
#include "../../user/lib/cleanup.h"
#include "policy_image.h"

#define SEGMENTS "version: 1\nsegments: {cameras: {}, phones: {}}\n"
#define CAMERAS \
	"  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\", ip: [10.0.0.1]}\n" \
	"  - {id: cam-2, segment: cameras, mac: \"02:00:00:00:00:02\"}\n"
#define PHONE "  - {id: phone, segment: phones, mac: \"02:00:00:00:00:03\"}\n"
#define HEAD SEGMENTS "devices:\n" CAMERAS PHONE "rules:\n"

/* All changes, a line each: "FROM -> TO SERVICE: BEFORE -> AFTER by RULE". To free. */
static char *changes(const char *old, const char *new)
{
	static const char *const words[] = {"allow", "deny", "would_deny"};
	struct compiled a = {0}, b = compiled_text(new, NULL, NULL);
	struct reach_diff diff = {0};
	_cleanup_buf_ struct buf text = {0};

	if (old)
		a = compiled_text(old, NULL, NULL);
	cr_assert_eq(policy_diff(a.policy, a.image, b.policy, b.image, &diff), 0);
	for (size_t i = 0; i < diff.n; i++)
		buf_addf(&text, "%s -> %s %s: %s -> %s by %s\n", diff.items[i].from, diff.items[i].to, diff.items[i].service,
			 words[diff.items[i].before], words[diff.items[i].after], diff.items[i].rule ?: "default");
	reach_diff_done(&diff);
	compiled_done(&b);
	if (old)
		compiled_done(&a);
	return strdup(buf_text(&text));
}

#define differ(old, new, expected) \
	do { \
		_cleanup_free_ char *got_ = changes(old, new); \
		cr_assert_str_eq(got_, expected, "expected:\n%sgot:\n%s", expected, got_); \
	} while (0)

#define WEB "  - {id: web, from: segment:cameras, to: internet, allow: [tcp/443]}\n"

Test(diff, the_same_reach_is_no_change)
{
	differ(HEAD WEB, HEAD WEB, "");
	/* other words, other rule, other order: the same reach */
	differ(HEAD WEB "  - {id: x, from: segment:phones, to: gateway, allow: [dns]}\n",
	       HEAD "  - {id: y, from: device:phone, to: gateway, allow: [udp/53, tcp/53]}\n"
	       "  - {id: z, from: [device:cam-1, device:cam-2], to: internet, allow: [tcp/443-443]}\n", "");
}

Test(diff, the_first_policy_opens_what_it_allows)
{
	differ(NULL, HEAD WEB, "segment cameras (2 devices) -> internet tcp/443: deny -> allow by web\n");
}

Test(diff, a_rule_more_and_a_rule_less)
{
	differ(HEAD WEB, HEAD "  - {id: cast, from: device:phone, to: device:cam-1, allow: [tcp/80, udp/6970-6979]}\n",
	       "segment cameras (2 devices) -> internet tcp/443: allow -> deny by default\n"
	       "device phone -> device cam-1 tcp/80, udp/6970-6979: deny -> allow by cast\n");
}

Test(diff, a_range_that_moves_is_told_by_its_ends)
{
	differ(HEAD "  - {id: r, from: device:cam-2, to: gateway, allow: [udp/100-200]}\n",
	       HEAD "  - {id: r, from: device:cam-2, to: gateway, allow: [udp/150-250]}\n",
	       "device cam-2 -> gateway udp/100-149: allow -> deny by default\n"
	       "device cam-2 -> gateway udp/201-250: deny -> allow by r\n");
	differ(HEAD "  - {id: r, from: device:cam-2, to: gateway, allow: any}\n",
	       HEAD "  - {id: r, from: device:cam-2, to: gateway, allow: [udp/53]}\n",
	       "device cam-2 -> gateway any but udp/53: allow -> deny by default\n");
}

Test(diff, a_device_that_moves_takes_its_reach_along)
{
	differ(HEAD WEB, SEGMENTS "devices:\n  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\", ip: [10.0.0.1]}\n"
	       "  - {id: cam-2, segment: phones, mac: \"02:00:00:00:00:02\"}\n" PHONE "rules:\n" WEB,
	       "device cam-2 -> internet tcp/443: allow -> deny by default\n");
	/* One that goes is an unknown device from then on. */
	differ(HEAD WEB, SEGMENTS "devices:\n  - {id: cam-1, segment: cameras, mac: \"02:00:00:00:00:01\", ip: [10.0.0.1]}\n" PHONE "rules:\n" WEB,
	       "device cam-2 -> internet tcp/443: allow -> deny by default\n");
}

Test(diff, a_prefix_inside_another_is_told_apart)
{
	differ(HEAD WEB, HEAD WEB "  - {id: no, from: segment:cameras, to: \"cidr:192.0.2.0/24\", deny: any}\n",
	       "segment cameras (2 devices) -> cidr 192.0.2.0/24 tcp/443: allow -> deny by no\n");
}

Test(diff, a_mode_changes_what_no_rule_allows)
{
	differ("version: 1\nsite: {mode: audit}\nsegments: {cameras: {}, phones: {mode: enforce}}\ndevices:\n" CAMERAS PHONE "rules:\n" WEB,
	       "version: 1\nsite: {mode: audit}\nsegments: {cameras: {mode: enforce}, phones: {mode: enforce}}\ndevices:\n" CAMERAS PHONE "rules:\n" WEB,
	       "segment cameras (2 devices) -> any, and back what no rule allows: would_deny -> deny by default\n");
	differ("version: 1\nsegments: {cameras: {mode: observe}, phones: {}}\ndevices:\n" CAMERAS PHONE "rules:\n  - {id: no, from: segment:cameras, to: internet, deny: any}\n",
	       "version: 1\nsegments: {cameras: {mode: audit}, phones: {}}\ndevices:\n" CAMERAS PHONE "rules:\n  - {id: no, from: segment:cameras, to: internet, deny: any}\n",
	       "segment cameras (2 devices) -> internet any: allow -> would_deny by no\n"
	       "segment cameras (2 devices) -> any, and back what no rule allows: allow -> would_deny by default\n");
}
