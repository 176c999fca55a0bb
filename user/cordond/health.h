/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  troubles as the parts meet and mend them.
 * Out: why the engine is degraded, a sentence and a fix each; whether the policy folder differs from what is in force.
 * Never: mending anything.
 */
#ifndef CORDOND_HEALTH_H
#define CORDOND_HEALTH_H

#include <jansson.h>
#include <stdbool.h>

struct engine;

/* word, what to do */
#define TROUBLES(X) \
	X(STARTING, "starting", "wait: it ends by itself") \
	X(NO_POLICY, "no_policy", "cordon apply FILE…") \
	X(NO_TEXT, "no_text", "apply the policy's files again: cordon apply FILE…") \
	X(POLICY, "policy", "see what `cordon check` says of the files, then apply them again") \
	X(FOLDER, "folder", "run `cordon check` on the folder; what is in force stays") \
	X(CONFIG, "config", "mend gateway.yaml, then `cordon reload`, or restart cordond for paths and capacities") \
	X(RECOMPILE, "recompile", "see the log; the policy stays in force with the addresses it was compiled with") \
	X(STATE_DAMAGED, "state_damaged", "the damaged file was kept beside the new one; restore a backup, or remove it and restart cordond") \
	X(STATE_WRITE, "state_write", "look at the room and rights of the state folder; it is tried again every second") \
	X(PORT_NUMBER, "port_number", "look at the room and rights of the state folder; it is tried again every second") \
	X(PINS, "pins", "mount -t bpf bpf /sys/fs/bpf, make the folder as cordond.service does; do not restart cordond before") \
	X(AUDIT, "audit", "look at the room and rights of the state folder; what was done stands in the log of cordond") \
	X(CLOCK, "clock", "start an NTP service (chrony, systemd-timesyncd); or say `clock: trusted` in gateway.yaml") \
	X(BRAKE, "brake", "cordon brake release")

enum trouble {
#define X(id, word, fix) TROUBLE_##id,
	TROUBLES(X)
#undef X
	TROUBLE_COUNT
};

struct health {
	char *text[TROUBLE_COUNT]; /* NULL: no such trouble */
	char folder_hash[65];      /* of the folder's policy as last parsed */
	char *folder_error;        /* what was wrong with it, NULL: it is good */
	bool judging;              /* the worker looks at it now, or will */
};

void trouble_set(struct health *health, enum trouble trouble, const char *format, ...) __attribute__((format(printf, 3, 4)));
void trouble_clear(struct health *health, enum trouble trouble);
void health_done(struct health *health);

/* [{"what","text","fix"}]; empty: all well. Also learns how the folder is. */
json_t *health_degraded(struct engine *engine);
/* null, or {"path","hash","text"} */
json_t *health_drift(struct engine *engine);

#endif
