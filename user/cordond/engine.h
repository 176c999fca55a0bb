/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  gateway.yaml; the rooms below.
 * Out: struct engine: all that one running cordond holds, made and released in one place.
 * Never: decisions of its own: each part has its file (apply, ports, devices, journal, health, commands).
 */
#ifndef CORDOND_ENGINE_H
#define CORDOND_ENGINE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "../config/config.h"
#include "../control/control.h"
#include "../dataplane/dataplane.h"
#include "../events/events.h"
#include "../identity/identity.h"
#include "../policy/policy.h"
#include "../state/state.h"
#include "confirm.h"
#include "devices.h"
#include "../config/env.h"
#include "health.h"
#include "journal.h"
#include "links.h"
#include "names.h"
#include "ports.h"
#include "revision.h"
#include "windows.h"
#include "worker.h"

struct engine {
	const char *config_path;
	struct gateway_config *config;
	struct event_base *base;
	uint64_t started; /* boot clock ns */
	bool adopted;     /* the kernel had our maps when this process came */
	bool brake;

	struct state *state;
	struct dataplane *dp;
	struct identity *identity;
	struct links *links;
	struct control_server *control;
	struct journal *journal;
	struct flow_history *flow_history;
	struct worker *worker;    /* compiles; a revision that it may look at goes only after its work */

	struct ports ports;
	struct env env;             /* the gateway's own addresses and prefixes, now */
	struct revision *in_force;  /* NULL: none, or one without text (TROUBLE_NO_TEXT) */
	struct revision *unbound;   /* text of what the kernel enforces, though it could not be put in force again: names only */
	struct rule_book rules;     /* names of the rules of the last generations */
	struct devices devices;
	uint64_t places;            /* devices_places() of the rows in force */
	struct health health;
	struct windows windows;

	struct confirm confirm;
	bool starting;            /* what shall be in force is being worked out */
	void (*on_started)(void *ctx);
	void *on_started_ctx;
	bool recompile_waits;

	struct event *tick;       /* 1 s */
	struct event *recompile;  /* one shot, after the gateway's addresses changed */
	struct event *ring;       /* the kernel's events */
	uint64_t unaudited;       /* records that the audit log lacks */
	uint64_t unstored;        /* revision in force that the database does not call active yet; 0: none */
};

/* *ret_why is the diagnostics, a line each. */
int engine_load_config(const char *path, struct gateway_config **ret, char **ret_why);
/* Everything up to "listening"; takes the config, also on failure. */
int engine_new(const char *config_path, struct gateway_config *config, struct event_base *base, struct engine **ret, char **ret_why);
/*
 * Finds what shall be in force and puts it in force, then attaches the ports; the loop goes on meanwhile. `started` is called
 * once that is done, as far as it can be (health says the rest). After privileges are dropped: the worker takes them over.
 */
void engine_start(struct engine *engine, void (*started)(void *ctx), void *ctx);
void engine_started(struct engine *engine);
/* Lets go; the kernel goes on enforcing. */
void engine_free(struct engine *engine);

/* gateway.yaml anew: ports, uplinks, addresses, the policy's folder. A bad one leaves all as it was. */
int engine_reload_config(struct engine *engine, char **ret_why);

/* Hands on what waits in the ring buffers. Before every change of rows, so that no record is named after a later row. */
void engine_drain_events(struct engine *engine);
/* Recompiles soon, once: addresses often change in bursts. */
void engine_recompile_soon(struct engine *engine);

#endif
