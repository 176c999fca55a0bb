/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  revisions, device places, audit entries; all written by the engine alone.
 * Out: the same after a restart; which revision belongs to a generation of the kernel.
 * Never: enforcement: a lost or unreadable database changes no verdict. The only room that knows SQLite. No secrets.
 *
 * WAL, synchronous=FULL: a call that returned 0 survives a power cut. Bounded waits: a locked database is -EBUSY after 1 s.
 */
#ifndef CORDON_STATE_H
#define CORDON_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;

/*
 * Opens or makes DIR/cordon.db (folder 0700, file 0600), checks its integrity and schema version. A damaged file is set
 * aside as cordon.db.damaged-TIME and a new one made; *ret_damaged then names it (to free), else NULL.
 */
int state_open(const char *dir, struct state **ret, char **ret_damaged, char **ret_why);
void state_close(struct state *state);

struct state_source {
	char *name;
	char *text;
	size_t size;
};

/* One applied policy. Strings are owned by the struct. */
struct state_revision {
	uint64_t rev;        /* 1, 2, 3 … never reused */
	uint32_t generation; /* of the kernel's control word */
	char hash[65];
	uint64_t time;       /* wall ns */
	char *who;           /* "root", "uid 1000" */
	char *why;           /* command or reason; may be NULL */
	bool active;
	uint64_t confirm_by; /* wall ns; 0: it need not be confirmed. Only for state_revision_prepare() */
	uint64_t fallback;   /* with confirm_by: the revision that comes back */
	struct state_source *sources;
	size_t n_sources;
};
void state_revision_done(struct state_revision *r);

/*
 * Stores a revision not yet active, before the kernel flips to `generation`. *ret_rev is its number. Revisions prepared
 * earlier for this generation or a later one are forgotten: their flip never came. History keeps the sources of the last
 * 100 revisions (512 MiB), older ones have n_sources 0.
 */
int state_revision_prepare(struct state *s, const struct state_revision *r, uint64_t *ret_rev);
/* After the flip: this one is active, no other is. */
int state_revision_activate(struct state *s, uint64_t rev);
/* The flip did not come: forgets a prepared revision. */
int state_revision_forget(struct state *s, uint64_t rev);
/* The same policy was put under another generation (after a boot the kernel counts from 1 again). -ENOENT. */
int state_revision_regenerate(struct state *s, uint64_t rev, uint32_t generation);
/* -ENOENT. With sources. By generation: the newest one that has it, prepared ones too (the engine may have died at the flip). */
int state_revision_active(struct state *s, struct state_revision *ret);
int state_revision_by_generation(struct state *s, uint32_t generation, struct state_revision *ret);
int state_revision_by_number(struct state *s, uint64_t rev, struct state_revision *ret);
/* Newest first, without sources and without prepared ones. */
int state_revisions_each(struct state *s, int (*each)(void *ctx, const struct state_revision *r), void *ctx);

/* Whether a revision that had to be confirmed was. */
enum state_outcome { STATE_OUTCOME_OPEN, STATE_OUTCOME_CONFIRMED, STATE_OUTCOME_REVERTED };
struct state_confirmation {
	uint64_t rev;
	uint64_t fallback; /* revision */
	uint64_t deadline; /* wall ns */
	enum state_outcome outcome;
	uint64_t decided;  /* wall ns; 0: open */
};
/* Of the newest revision that had one. -ENOENT. */
int state_confirmation_last(struct state *s, struct state_confirmation *ret);
int state_confirmation_decide(struct state *s, uint64_t rev, enum state_outcome outcome, uint64_t time);

/* Devices seen (the last 100,000) that no file names, and where devices sit. */
struct state_device {
	uint64_t key;        /* DEVICE_KEY */
	char port[64];       /* name of the port or place it was last seen on, "" none */
	uint64_t first_seen; /* wall ns */
	uint64_t last_seen;
};
/* first_seen counts only the first time. */
int state_device_put(struct state *s, const struct state_device *d);
int state_devices_each(struct state *s, int (*each)(void *ctx, const struct state_device *d), void *ctx);

/*
 * Devices in quarantine: neither a restart nor a boot releases one. Setting what is set already keeps since when, and takes
 * the new end (wall ns, 0: none).
 */
int state_quarantine_set(struct state *s, uint64_t key, uint64_t until);
int state_quarantine_end(struct state *s, uint64_t key);
int state_quarantines_each(struct state *s, int (*each)(void *ctx, uint64_t key, uint64_t since, uint64_t until), void *ctx);

/* Logical port numbers are stable by name: finds or gives one. -ENOSPC once CORDON_MAX_PORTS names have one. */
int state_port_number(struct state *s, const char *name, uint32_t *ret);
/* Frees the number of an interface that is gone for good; nothing in the kernel may use it any more. */
int state_port_forget(struct state *s, const char *name);

/* Append-only audit log: who asked for which change, each record chained to the one before. Oldest first. */
#define STATE_AUDIT_KEEP 100000
#define STATE_HASH_TEXT 65

struct state_audit_record {
	uint64_t seq;       /* 1, 2, 3 … without a gap */
	uint64_t time;      /* wall ns */
	uint64_t boot;      /* boot clock ns */
	const char *who, *action;
	const char *detail; /* may be NULL */
};
int state_audit(struct state *s, const char *who, const char *action, const char *detail);
int state_audit_each(struct state *s, int (*each)(void *ctx, const struct state_audit_record *record), void *ctx);

/* A record by number and hash: who notes one elsewhere can tell later whether the log still has it. */
struct state_audit_head {
	uint64_t seq; /* 0: none was written yet */
	char hash[STATE_HASH_TEXT];
};
/* The last one that this process knows of, whatever the file says by now. */
void state_audit_head(const struct state *s, struct state_audit_head *ret);

#define STATE_AUDIT_FAULTS(X) \
	X(CHANGED, "changed", "not what was written") \
	X(MISSING, "missing", "missing") \
	X(TRIMMED, "trimmed", "taken away before their time") \
	X(CUT, "cut", "written once, cut off since") \
	X(OTHER, "other", "another than the one that was noted") \
	X(ANCHOR, "anchor", "what the chain hangs on is gone")

enum state_audit_fault {
	STATE_AUDIT_WHOLE,
#define X(id, word, text) STATE_AUDIT_##id,
	STATE_AUDIT_FAULTS(X)
#undef X
};

struct state_audit_report {
	enum state_audit_fault fault;
	uint64_t from, to;    /* records that the fault is about; 0: none */
	uint64_t first;       /* of the chain, now; older ones were trimmed, or are from before there was a chain */
	uint64_t records;     /* that were found good, from the first on */
	uint64_t unchained;   /* older ones, by a version without a chain */
	struct state_audit_head head; /* the last good one */
	uint64_t time;        /* its wall ns */
};

/*
 * Reads the log of a database, the engine's or a copy, without changing it. `known` may be NULL. 0 also for a log that is not
 * whole. -ENOTSUP: written by a version without a chain, or by a newer one.
 */
int state_audit_verify(const char *path, const struct state_audit_head *known, struct state_audit_report *ret, char **ret_why);

#endif
