/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  YAML trees of all files of a policy.
 * Out: for the parse_*.c and check*.c of this room: one parser, its names, and the value parsers that several share.
 * Never: seen outside this room.
 *
 * Two passes: the first collects every name of every file, so that the second can resolve a name where it stands.
 */
#ifndef CORDON_POLICY_PARSE_H
#define CORDON_POLICY_PARSE_H

#include "../lib/form.h"
#include "policy.h"

/* key at the top of the file, word in messages, and whether it is a list of things with `id` or a mapping by name */
#define PARSE_SYMBOLS(X) \
	X(SEGMENT, "segments", "segment", false) \
	X(DEVICE, "devices", "device", true) \
	X(NETWORK, "networks", "network", false) \
	X(SERVICE, "services", "service", false) \
	X(RULE, "rules", "rule", true) \
	X(SCHEDULE, "schedules", "schedule", false) \
	X(QUARANTINE, "quarantines", "quarantine profile", false) \
	X(FEED, "feeds", "feed", false) \
	X(RESPONSE, "responses", "response", true)

enum symbol_kind {
#define X(id, key, word, list) SYMBOL_##id,
	PARSE_SYMBOLS(X)
#undef X
	SYMBOL_COUNT
};

struct symbol {
	const char *name; /* in its tree */
	uint32_t index;
	struct place place;
};

/* Sorted by name once all are known. */
struct symbols {
	struct symbol *items;
	size_t n;
	uint32_t count; /* of indices given, nameless things and duplicates too */
	uint32_t next;  /* index of the next thing of this kind that the second pass meets */
};

struct parser {
	struct form form; /* of the file that is read now; its ctx is the parser */
	struct policy *policy;
	struct diagnostics *d;
	uint32_t file;
	bool incomplete;  /* a file could not be read to its end: an unknown name may stand there */
	bool too_many;    /* things of one kind; nothing more is read */
	struct symbols symbols[SYMBOL_COUNT];
	struct services *services; /* by index of SYMBOL_SERVICE */
	struct place *site;        /* of the one `site:`, NULL: none yet */
	struct place site_place;
	uint32_t hints;            /* nearest names looked for in large sets; bounded */
};

static inline struct parser *parser_of(struct form *f)
{
	return f->ctx;
}

struct place place_of(const struct parser *p, const struct yaml_node *node);
void place_error(struct parser *p, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
void place_warning(struct parser *p, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* parse_names.c */
void symbols_declare(struct parser *p, const struct yaml_node *root);
void symbols_settle(struct parser *p);
void symbols_free(struct parser *p);
/* POLICY_NONE if unknown: told with the nearest name. */
uint32_t symbol_resolve(struct parser *p, enum symbol_kind kind, const struct yaml_node *node, const char *name);
/* POLICY_NONE in silence. */
uint32_t symbol_find(const struct parser *p, enum symbol_kind kind, const char *name);
/* Index of the thing of this kind that the second pass meets now. */
uint32_t symbol_take(struct parser *p, enum symbol_kind kind, const char *name);
/* uint32_t field; arg: const enum symbol_kind * */
void parse_reference(struct form *f, const struct yaml_node *value, void *field, const void *arg);
extern const enum symbol_kind symbol_kinds[SYMBOL_COUNT]; /* to point `arg` at */
extern const char *const builtin_segments[POLICY_SEGMENT_UNAUTHENTICATED + 1];

/* Sections: form_value_fn, field is the struct policy. */
void parse_site(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_segments(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_devices(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_networks(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_rules(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_tests(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_schedules(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_quarantines(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_feeds(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_responses(struct form *f, const struct yaml_node *value, void *field, const void *arg);
/* Before all of those: named services, for parser.services. */
void parse_services(struct form *f, const struct yaml_node *value, void *field, const void *arg);

/* Values that several sections share. */
void parse_mode(struct form *f, const struct yaml_node *value, void *field, const void *arg);       /* int */
void parse_conditions(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* struct conditions */
void parse_facts(struct parser *p, const struct yaml_node *value, struct fact **items, size_t *n);
/* struct peers; arg: a string literal, PEERS_FROM or PEERS_TO */
void parse_peers(struct form *f, const struct yaml_node *value, void *field, const void *arg);
#define PEERS_FROM "from"
#define PEERS_TO "to"
/* struct peer of a test, which may be a bare address */
void parse_peer_or_address(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void parse_service_list(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* struct services */
/* One service of one range, for tests. */
bool parse_service_one(struct parser *p, const struct yaml_node *value, struct service_range *ret);
void parse_prefixes(struct form *f, const struct yaml_node *value, void *field, const void *arg);   /* struct prefixes_field */
struct prefixes_field {
	struct prefix *items;
	size_t n;
};
void parse_time(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* char *: 2026-12-01T08:00, or the day alone with arg */
void parse_limits(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* struct policy_limits */
void parse_percent(struct form *f, const struct yaml_node *value, void *field, const void *arg); /* checked only: 25% */

/* model.c */
void peers_done(struct peers *peers);
void services_done(struct services *services);

/* check*.c: what can be seen only once all is known. */
void check_policy(struct parser *p);
void check_devices(struct parser *p);
void check_membership(struct parser *p);
void check_rules(struct parser *p);
void check_tests(struct parser *p);

#endif
