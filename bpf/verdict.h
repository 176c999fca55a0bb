/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a packet and the reason with which its road ended.
 * Out: pass or drop, after mode, brake and quarantine; every counter and event of it. The one place where verdicts leave.
 * Never: a drop without a reason, a pass that is not counted.
 */
#ifndef CORDON_BPF_VERDICT_H
#define CORDON_BPF_VERDICT_H

#include "count.h"
#include "event.h"
#include "limit.h"
#include "weight.h"

const volatile bool trace = false;

/* Policy 16: no group, and with it no report of MLD. */
static __always_inline bool quarantine_leaves(enum cordon_reason reason)
{
	return reason == CORDON_REASON_GUARD_ARP || reason == CORDON_REASON_GUARD_ND || reason == CORDON_REASON_GUARD_DHCP ||
	       reason == CORDON_REASON_GUARD_EAPOL;
}

/* A quarantined device keeps ARP, ND, DHCP and its proof; one that owes 802.1X has EAPOL alone. What is HARD anyway keeps its own name. */
static __always_inline enum cordon_reason reason_under_restriction(const struct packet *p, enum cordon_reason reason)
{
	if (p->quarantined && !quarantine_leaves(reason) && reason_weight(reason) != CORDON_WEIGHT_HARD)
		return CORDON_REASON_QUARANTINE;
	if (p->no_guards && reason != CORDON_REASON_GUARD_EAPOL && reason_weight(reason) == CORDON_WEIGHT_PASS)
		return CORDON_REASON_UNAUTHENTICATED;
	return reason;
}

static __always_inline enum cordon_verdict weigh(const struct packet *p, __u8 weight)
{
	struct control *c;
	__u32 zero = 0;

	if (weight == CORDON_WEIGHT_QUARANTINE)
		return CORDON_VERDICT_DENY;
	c = bpf_map_lookup_elem(&control, &zero);
	if (c && READ_ONCE(c->brake))
		return CORDON_VERDICT_WOULD_DENY;
	if (p->mode == CORDON_MODE_OBSERVE)
		return CORDON_VERDICT_ALLOW;
	if (weight == CORDON_WEIGHT_HARD)
		return CORDON_VERDICT_DENY;
	return p->mode == CORDON_MODE_ENFORCE && !p->deny_audit ? CORDON_VERDICT_DENY : CORDON_VERDICT_WOULD_DENY;
}

/* What would pass still counts against the limits of the device whose port this is. */
static __always_inline enum cordon_reason reason_under_limit(struct packet *p, enum cordon_reason reason)
{
	enum cordon_reason over = reason_weight(reason) == CORDON_WEIGHT_PASS ? packet_over_limit(p) : CORDON_REASON_NONE;

	return over == CORDON_REASON_NONE ? reason : over;
}

static __always_inline void count_told(const struct packet *p, __u32 payer, enum cordon_reason reason, enum cordon_verdict verdict, enum told told)
{
	struct drop_key key = {.device = payer, .port = payer ? 0 : p->port, .reason = reason, .verdict = verdict, .dir = p->dir};
	struct drop_count more = {.packets = p->segments, .suppressed = told == TOLD_SUPPRESSED, .lost = told == TOLD_LOST};

	count_drop(&key, more, false);
}

/* What a bridge or the gateway sends everywhere, and what a would-deny flow goes on with, are counted but not told. */
static __always_inline bool is_worth_telling(const struct packet *p, enum cordon_reason reason)
{
	if (p->flow_would_deny)
		return false;
	if (reason == CORDON_REASON_MULTICAST && p->dir == CORDON_DIR_TO_DEVICE)
		return false;
	return reason != CORDON_REASON_NOT_HERE && !(p->seen_before && p->mode != CORDON_MODE_ENFORCE);
}

static __always_inline __u8 drop_kind(const struct packet *p, enum cordon_reason reason)
{
	bool stranger = p->device == CORDON_DEVICE_NONE && p->dir == CORDON_DIR_FROM_DEVICE;

	if (reason == CORDON_REASON_NO_PLACE)
		return CORDON_EVENT_NEW_DEVICE;
	/* One that begins with another's address gets its row too: what it sends next is then told as its own. */
	if (stranger && (reason == CORDON_REASON_UNKNOWN_DEVICE || reason_weight(reason) == CORDON_WEIGHT_HARD) && reason != CORDON_REASON_WRONG_PORT)
		return CORDON_EVENT_NEW_DEVICE;
	return reason == CORDON_REASON_CUT ? CORDON_EVENT_CUT : CORDON_EVENT_DROP;
}

static __always_inline void trace_write(const struct packet *p, enum cordon_reason reason, enum cordon_verdict verdict)
{
	struct trace_record r = {.rule = p->rule, .device = p->device, .verdict = verdict, .reason = reason, .written = 1};
	__u32 zero = 0;

	if (trace)
		bpf_map_update_elem(&trace_out, &zero, &r, BPF_ANY);
}

/* True: the frame goes on. */
__noinline bool verdict_leave(struct packet *p, enum cordon_reason why)
{
	if (!p)
		return false;

	enum cordon_reason restricted = reason_under_restriction(p, why), reason = reason_under_limit(p, restricted);
	__u8 weight = reason_weight(reason);
	enum cordon_verdict verdict = CORDON_VERDICT_ALLOW;
	enum told told = TOLD;
	__u32 payer = reason_payer(reason, p->device);

	if (restricted != why)
		p->rule = CORDON_RULE_NONE; /* of the flow that the restriction now ends */
	if (weight == CORDON_WEIGHT_PASS) {
		if (p->new_flow)
			event_tell(p, payer, CORDON_EVENT_FLOW, verdict, reason);
	} else {
		verdict = weigh(p, weight);
		if (verdict == CORDON_VERDICT_ALLOW) {
			reason = CORDON_REASON_OBSERVED;
		} else {
			if (is_worth_telling(p, reason))
				told = event_tell(p, payer, drop_kind(p, reason), verdict, reason);
			count_told(p, payer, reason, verdict, told);
		}
	}
	count_reason(reason, verdict, p->segments, false);
	count_device(payer, p->dir, verdict, packet_traffic(p), p->new_flow, false);
	trace_write(p, reason, verdict);
	p->end_reason = reason;
	p->end_verdict = verdict;
	return verdict != CORDON_VERDICT_DENY;
}

#endif
