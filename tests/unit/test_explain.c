/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations agree with the verdict, and their advice is held to its word: written into the policy, it allows the flow. */
#include "../../user/lib/buf.h"
#include "../../user/lib/cleanup.h"
#include "policy_image.h"

#define BEFORE_RULES \
	"version: 1\n" \
	"segments: {cameras: {mode: enforce}, phones: {mode: audit}, proved: {auth: {require: cert}}}\n" \
	"networks: {nvr: [192.0.2.5/32]}\n" \
	"devices:\n" \
	"  - {id: cam, segment: cameras, mac: \"02:00:00:00:00:01\", ip: [10.0.0.1, \"fd00::1\"], facts: {firmware: \"1.0\"}}\n" \
	"  - {id: phone, segment: phones, mac: \"02:00:00:00:00:02\", ip: [10.0.0.2]}\n" \
	"  - {id: phone-2, segment: phones, mac: \"02:00:00:00:00:03\", ip: [10.0.0.3]}\n" \
	"  - {id: hub, segment: proved, mac: \"02:00:00:00:00:04\"}\n" \
	"rules:\n"
#define NO_LAN "  - {id: no-lan, from: segment:cameras, to: segment:phones, deny: any}\n"
#define VIDEO "  - {id: video, from: segment:proved, to: segment:cameras, allow: [tcp/554]}\n"
#define NEWER "  - {id: newer, from: segment:cameras, to: internet, allow: [tcp/8443], if: {firmware: \">=2.0\"}}\n"
#define POLICY BEFORE_RULES NO_LAN VIDEO NEWER

static struct explanation explained(const struct compiled *c, const char *from, const char *to, const char *service)
{
	struct explain_query query = {from, to, service, 0};
	struct explanation e = {0};
	struct diagnostics d = {0};
	int r = policy_explain(c->policy, c->image, &query, &d, &e);

	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	cr_assert_eq(r, 0);
	return e;
}

static const struct explain_step *step(const struct explanation *e, const char *stage)
{
	for (size_t i = 0; i < e->n_steps; i++)
		if (!strcmp(e->steps[i].stage, stage))
			return &e->steps[i];
	cr_assert_fail("no step %s", stage);
	return NULL;
}

#define has(text, words) cr_assert(strstr(text, words), "no `%s` in: %s", words, text)

Test(explain, a_deny_is_named_with_its_place)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, "device:cam", "phone", "tcp/445");
	_cleanup_free_ char *place = NULL;
	uint32_t line, column;

	text_place(POLICY, "{id: no-lan", 0, &line, &column);
	place = format_text("no-lan (p.yaml:%u): segment:cameras -> segment:phones deny any", line);
	cr_assert_eq(e.verdict, CORDON_VERDICT_DENY);
	cr_assert_eq(e.reason, CORDON_REASON_DENY_RULE);
	cr_assert_eq(e.rule, 0);
	cr_assert_eq(e.mode, CORDON_MODE_ENFORCE);
	has(e.from, "cam");
	has(e.from, "segment cameras");
	has(e.to, "phone");
	cr_assert_str_eq(step(&e, "deny rules")->result, "MATCH no-lan");
	has(step(&e, "deny rules")->detail, place);
	cr_assert_str_eq(step(&e, "allow rules")->result, "no match");
	cr_assert_str_eq(step(&e, "default")->result, "not reached");
	has(step(&e, "modes")->detail, "phone: audit");
	explanation_done(&e);
	compiled_done(&c);
}

Test(explain, the_default_names_the_nearest_rule)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, "hub", "cam", "tcp/80");

	cr_assert_eq(e.verdict, CORDON_VERDICT_DENY);
	cr_assert_eq(e.reason, CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(e.rule, CORDON_RULE_NONE);
	has(step(&e, "devices")->detail, "hub once it has authenticated");
	has(e.would_allow, "nearest: video");
	has(e.would_allow, "add this one to its `allow`");
	explanation_done(&e);
	e = explained(&c, "cam", "internet", "tcp/8443");
	has(e.would_allow, "nearest: newer");
	has(e.would_allow, "conditions");
	explanation_done(&e);
	e = explained(&c, "cam", "gateway", "udp/9");
	has(e.would_allow, "no rule is near");
	explanation_done(&e);
	e = explained(&c, "segment:unauthenticated", "gateway", "udp/9");
	cr_assert_eq(e.reason, CORDON_REASON_UNAUTHENTICATED);
	explanation_done(&e);
	compiled_done(&c);
}

Test(explain, an_allowed_flow_needs_no_advice)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, "hub", "segment:cameras", "tcp/554");

	cr_assert_eq(e.verdict, CORDON_VERDICT_ALLOW);
	cr_assert_eq(e.reason, CORDON_REASON_RULE);
	cr_assert_str_eq(step(&e, "allow rules")->result, "MATCH video");
	cr_assert_null(e.would_allow);
	explanation_done(&e);
	compiled_done(&c);
}

Test(explain, ends_of_one_family_are_chosen)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, "cam", "2001:db8::1", "tcp/443");

	has(e.from, "fd00::1");
	explanation_done(&e);
	e = explained(&c, "10.0.0.1", "segment:phones", "tcp/443");
	has(e.from, "cam (10.0.0.1)");
	has(step(&e, "devices")->detail, "1 more, 0 of them judged otherwise");
	explanation_done(&e);
	compiled_done(&c);
}

/* The text between the nth pair of backquotes. */
static char *quoted(const char *text, int nth)
{
	const char *begin = strchr(text, '`'), *end = begin ? strchr(begin + 1, '`') : NULL;

	while (nth-- > 0 && end) {
		begin = strchr(end + 1, '`');
		end = begin ? strchr(begin + 1, '`') : NULL;
	}
	return end ? strndup(begin + 1, (size_t)(end - begin - 1)) : NULL;
}

static void is_allowed(const char *policy, const char *from, const char *to, const char *service)
{
	struct compiled c = compiled_text(policy, NULL, NULL);
	struct explanation e = explained(&c, from, to, service);

	cr_assert_eq(e.verdict, CORDON_VERDICT_ALLOW, "%s -> %s %s with:\n%s", from, to, service, policy);
	explanation_done(&e);
	compiled_done(&c);
}

static void rule_advice_holds(const char *from, const char *to, const char *service)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, from, to, service);
	_cleanup_free_ char *rule = NULL, *text = NULL;

	cr_assert_neq(e.verdict, CORDON_VERDICT_ALLOW);
	rule = quoted(e.would_allow, 0);
	cr_assert(rule && !strncmp(rule, "- {id: ", 7), "%s", e.would_allow);
	text = format_text("%s  %s\n", POLICY, rule);
	is_allowed(text, from, to, service);
	explanation_done(&e);
	compiled_done(&c);
}

Test(explain, the_rule_it_advises_allows_the_flow)
{
	rule_advice_holds("hub", "cam", "tcp/80");
	rule_advice_holds("cam", "internet", "udp/123");
	rule_advice_holds("cam", "192.0.2.5", "tcp/443");
	rule_advice_holds("cam", "2001:db8::1", "icmp6/echo");
	rule_advice_holds("network:nvr", "cam", "icmp/echo");
	rule_advice_holds("phone", "gateway", "proto/47");
	rule_advice_holds("segment:unknown", "gateway", "udp/53");
	rule_advice_holds("gateway", "segment:unauthenticated", "sctp/7");
}

Test(explain, the_exception_it_advises_lifts_the_deny)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explanation e = explained(&c, "cam", "phone", "tcp/445");
	_cleanup_free_ char *exception = quoted(e.would_allow, 0), *rule = NULL, *text = NULL;

	rule = quoted(e.would_allow, 1);
	cr_assert(exception && rule && !strncmp(exception, "except: ", 8), "%s", e.would_allow);
	text = format_text("%s  - {id: no-lan, from: segment:cameras, to: segment:phones, deny: any, %s}\n  %s\n", BEFORE_RULES, exception,
			   rule);
	is_allowed(text, "cam", "phone", "tcp/445");
	explanation_done(&e);
	compiled_done(&c);
}

static void refuses_question(const char *from, const char *to, const char *service, const char *words)
{
	struct compiled c = compiled_text(POLICY, NULL, NULL);
	struct explain_query query = {from, to, service, 0};
	struct explanation e = {0};
	struct diagnostics d = {0};

	cr_assert_eq(policy_explain(c.policy, c.image, &query, &d, &e), -EINVAL);
	cr_assert_geq(d.errors, 1);
	has(d.items[0].message, words);
	diagnostics_done(&d);
	compiled_done(&c);
}

Test(explain, what_nobody_knows_is_said_with_the_nearest_name)
{
	refuses_question("phnoe", "cam", "tcp/1", "did you mean device:phone?");
	refuses_question("cam", "segment:camera", "tcp/1", "did you mean segment:cameras?");
	refuses_question("cam", "phone", "tcp/70000", "no service");
	refuses_question("cam", "phone", "445", "no service");
	refuses_question("phone", "2001:db8::1", "tcp/1", "family");
	refuses_question("any", "phone", "tcp/1", "nothing is called");
}
