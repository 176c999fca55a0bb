/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a policy, its image, and who stands at the two ends of a flow.
 * Out: what the rules say, rule by rule as a person would read them; the verdict under the modes.
 * Never: classes: image_decide() answers by class, this room's tests hold the two against each other.
 */
#ifndef CORDON_POLICY_DECIDE_H
#define CORDON_POLICY_DECIDE_H

#include "image_lookup.h"
#include "policy.h"

enum end_kind {
	END_DEVICE,  /* `device` NULL: one that has not proved who it is, or that nobody knows */
	END_GATEWAY,
	END_NETWORK,
};

struct end {
	enum end_kind kind;
	const struct policy_device *device;
	uint32_t segment;
	const struct fact *laid; /* facts of a test, over those of the policy */
	size_t n_laid;
	bool by_address;
	struct prefix where;
	bool local;              /* a network: behind a device port */
	uint16_t class;
	bool has_mode;
	enum cordon_mode mode;
};

struct ends {
	struct end *items;
	size_t n, capacity;
};

/*
 * Everything that a peer stands for in a test or a question: a segment its devices, a device its addresses. -ENOENT with a
 * reason for what stands for nobody or for too much.
 */
int ends_of_peer(const struct policy *policy, const struct image *image, const struct peer *peer, const struct fact *laid,
		 size_t n_laid, struct ends *ret, char **ret_why);
void ends_done(struct ends *ends);
#define _cleanup_ends_ __attribute__((cleanup(ends_done)))

/* An IPv4 end and an IPv6 end never meet. */
bool ends_can_meet(const struct end *from, const struct end *to);
/* "cam-door", "cam-door (192.168.1.31)" if it has several addresses, "gateway", "10.0.0.0/8", "internet"; to free */
char *end_name(const struct end *end);

/* A policy at a moment; `at` as in image_decide(). */
struct moment {
	const struct policy *policy;
	const struct image *image;
	int64_t at;
};

/* How one rule looks at a flow. */
struct rule_view {
	bool from, to, service;
	bool unmet;                         /* the peers match, the conditions on their facts do not */
	bool closed;                        /* it is not its time */
	const struct exception *exception;  /* of a deny: takes the flow out */
};

struct rule_view rule_view(const struct moment *m, const struct rule *rule, const struct end *from, const struct end *to, uint32_t service);
bool rule_applies(const struct rule_view *view);
/* Every rule in file order; the same answer as image_decide(). */
struct verdict rules_decide(const struct moment *m, const struct end *from, const struct end *to, uint32_t service);

/* The stricter of the two ends decides; if neither is a device, the site. */
enum cordon_mode ends_mode(const struct policy *policy, const struct end *from, const struct end *to);
enum cordon_verdict verdict_under(struct verdict verdict, enum cordon_mode mode);

/* Of a device, or of the segment `unknown` for NULL. */
enum cordon_mode device_mode(const struct policy *policy, const struct policy_device *device);
const char *tag_name(const struct peer *peer);
extern const char *const verdict_words[];
extern const char *const mode_words[];

#endif
