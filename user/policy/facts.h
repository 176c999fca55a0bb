/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  conditions (`match`, `if`, `if_to`) and the facts that the policy file declares of a device.
 * Out: whether they hold, in three values; what a file cannot know is unknown.
 * Never: facts of the registry, the clock.
 *
 * For those who compile: a rule counts for a device as initiator if conditions_hold(&rule->if_from, device, rule->deny),
 * as responder likewise with if_to. What is no device (a network, the gateway) has no facts: pass NULL.
 * In an exception to a deny unknown is false.
 */
#ifndef CORDON_POLICY_FACTS_H
#define CORDON_POLICY_FACTS_H

#include "model.h"

enum fact_answer { FACT_FALSE, FACT_TRUE, FACT_UNKNOWN };

/* All conditions over these facts; a missing fact is unknown. No condition at all is true. */
enum fact_answer conditions_judge(const struct conditions *conditions, const struct fact *facts, size_t n_facts);
/* As above; `unknown_is` stands for unknown: false in `match`, allow rules and `except`, true in deny rules. */
bool conditions_hold(const struct conditions *conditions, const struct policy_device *device, bool unknown_is);
/* The same with `laid` over the device's own facts (a test's `facts:`): a name given there hides the device's. */
bool conditions_hold_with(const struct conditions *conditions, const struct policy_device *device, const struct fact *laid,
			  size_t n_laid, bool unknown_is);

/* Whether a declared device has this value of a fact; `tag:NAME` is device_has_fact(device, "tag", "NAME"). */
bool device_has_fact(const struct policy_device *device, const char *name, const char *value);
/* A fact that changes in life and that no file settles by its nature: trust, cert_days, posture.*, site.* */
bool fact_is_live(const char *name);
/* -1, 0, 1 as versions are ordered: runs of digits as numbers, the rest as text; "4.10" > "4.9". */
int version_compare(const char *a, const char *b);
/* Shell glob without case: "reolink*" */
bool fact_matches(const char *pattern, const char *value);

#endif
