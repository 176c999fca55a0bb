/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a checked model and the gateway's own addresses.
 * Out: the work of one compilation, in the order in which it is done: selectors, regions, ports, classes, cells, names.
 * Never: anything that outlives policy_compile(), but what it moves into the image.
 *
 * A selector is one side of a rule: a set of peers, with conditions on facts. Two sides that say the same are one selector.
 * A subject is whatever can stand at an end of a flow: a device (proved or not, by each of its addresses), an unknown device,
 * the gateway, a region of the address space. Its signature is the set of selectors that match it; subjects of equal
 * signature cannot be told apart by any rule and share a class. The same goes for services and sets of services.
 */
#ifndef CORDON_POLICY_COMPILE_H
#define CORDON_POLICY_COMPILE_H

#include "compile_intern.h"
#include "image_lookup.h"
#include "policy.h"

#define SELECTOR_NOTHING UINT32_MAX    /* all its peers are parked: matches nothing */
#define SELECTOR_SAME (UINT32_MAX - 1) /* in an exception: the rule's own side */
#define SERVICES_SAME (UINT32_MAX - 1)
#define SERVICES_NOTHING UINT32_MAX

/* What one compilation may cost before it is refused; far above what 100,000 devices and 10,000 rules need when rules name segments. */
#define COMPILE_MAX_SIGNATURE_BYTES (512ull << 20)
#define COMPILE_MAX_STEPS (64ull << 20)    /* sum over rules of classes in `from` times classes in `to` */
#define COMPILE_MAX_PAIRS (4ull << 20)
#define COMPILE_MAX_VERDICTS (32ull << 20) /* rows times service classes */
#define COMPILE_LEARNT_STEPS (1ull << 20)  /* of the steps, for classes that only addresses still to be learnt have */
#define COMPILE_LEARNT_TRIES (1ull << 20)

/* The first side that says it speaks for all equal ones. */
struct selector {
	const struct peers *peers;
	const struct conditions *conditions; /* NULL: none */
	bool unknown_is;
	bool of_deny; /* stands on a side of a deny rule, so missing it could open something */
};

struct cell_exception {
	uint32_t from, to; /* selectors, or SELECTOR_SAME */
	uint32_t services; /* service set, or SERVICES_SAME */
};

/* A rule as cells need it. One that can match nothing is not live. */
struct cell_rule {
	uint32_t from, to;
	uint32_t services;
	uint32_t first_exception, n_exceptions;
	bool live;
};

struct compile {
	const struct policy *policy;
	const struct policy_env *env;
	struct diagnostics *d;
	struct image *image;
	struct image_lookup *lookup; /* the image's */

	struct intern selector_texts; /* id: selector */
	struct selector *selectors;
	size_t selector_capacity;
	struct cell_rule *rules;      /* as many as the policy has */
	struct cell_exception *exceptions;
	size_t n_exceptions, exception_capacity;

	struct intern service_sets;   /* {first, last}, …; empty: any */
	struct lists service_classes_of; /* service set -> service classes; not for the set `any` */

	struct intern tags;           /* names of tags that selectors name */
	struct lists by_segment, by_device, by_tag, by_region; /* -> selectors */
	struct ids of_any, of_local, of_internet, of_gateway;
	struct ids conditional_places; /* selectors with conditions and with peers by address, sorted */
	bool conditional;              /* any selector with conditions */
	struct intern contexts;        /* id: context; selectors that name the region or one around it */

	struct intern windows;         /* struct image_window: window - 1 */
	struct intern bases;           /* see classes.c */
	struct intern signatures;      /* class - 1 -> selectors */
	struct intern combinations;    /* {base, context} */
	uint32_t *combination_class;
	size_t combination_capacity;
	uint32_t *segment_bases;       /* of devices that only their segment tells apart; INTERN_NONE: not needed yet */
	struct lists members;           /* selector -> classes */

	/* classes_kin.c; NULL, or empty: too few classes for it to be worth while */
	bool kin;
	uint32_t *plain;                /* class -> its plainer one, 0: none */
	uint32_t *segment_plain;        /* segment -> class of what only that tells from others */
	uint32_t local_plain, internet_plain;
	struct lists own;               /* selector -> classes that have it while their plainer one has not */
	uint32_t *base_segment;         /* base -> segment of the first device that has it */
	size_t base_capacity;
};

/* compile_selectors.c: rules -> selectors */
int compile_selectors(struct compile *c);
/* compile_index.c: prefixes -> regions; peers and regions -> the selectors that name them */
int compile_regions(struct compile *c);
int compile_index(struct compile *c);
/* INTERN_NONE if it is not to be added and no selector names it. */
int tag_intern(struct intern *tags, const char *name, bool add, uint32_t *ret);
/* ports.c: service sets -> service classes, image.services */
int services_intern(struct compile *c, const struct services *services, uint32_t *ret);
int compile_services(struct compile *c);
/* classes.c: subjects -> classes; devices, gateway, networks of the image */
int compile_classes(struct compile *c);
/* The signature of a base by an address of this context. */
int class_combine(const struct compile *c, uint32_t base, uint32_t context, struct ids *ret);
/* Its class, made if need be. */
int class_combination(struct compile *c, uint32_t base, uint32_t context, uint32_t *ret);
/* A signature gets its class, a new one if none has it. */
int class_of(struct compile *c, struct ids *list, uint32_t *ret);
/*
 * classes_kin.c: rules that name single devices or networks make classes of their own for these, and rules about their segments then
 * meet each of them. Where that would be too much, such a class has a plainer one (of what only its segment tells), and no
 * entry where both are judged alike.
 */
int compile_kin_choose(struct compile *c);
int compile_kin(struct compile *c);
/* False for class 0. */
bool class_has(const struct compile *c, uint32_t class, uint32_t selector);
/* What the rules need of pairs: sum over rules of classes in `from` times those in `to`. */
uint64_t rules_steps(const struct compile *c, const uint64_t *from_members, const uint64_t *to_members);
/* classes_learnt.c: classes ahead of time for addresses that nobody knows yet */
int compile_learnt(struct compile *c);
/* cells.c: rules over classes -> pairs and verdicts */
int compile_cells(struct compile *c);
/* compile_names.c: classes -> words */
int compile_names(struct compile *c);

/* Says what was needed and what there is; returns -E2BIG. */
int compile_refuse(struct compile *c, const char *what, uint64_t needed, uint64_t available, const char *advice);

#endif
