/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a request for the running engine.
 * Out: its documents, its diagnostics on stderr, its exit status.
 * Never: waiting in vain: an engine that is not there is exit 5, one that refuses is exit 6.
 */
#ifndef CORDON_ENGINE_H
#define CORDON_ENGINE_H

#include "../policy/policy.h"
#include "command.h"

struct engine_request {
	const char *command;
	json_t *args;                        /* reference taken; NULL: none */
	const struct policy_source *sources; /* policy text that goes with it */
	size_t n_sources;
	int (*each)(void *ctx, json_t *document); /* borrowed; negative ends the call. Diagnostics do not come here. */
	void *ctx;
	bool say;                            /* the engine's closing sentence goes to stdout when it is done */
};

/* All complaints are made; the result is the command's exit status. */
enum control_status engine_ask(const struct invocation *inv, const struct engine_request *request);

/* The same, and *ret is all documents as one: arrays of the same key joined. NULL where there was none. */
enum control_status engine_ask_one(const struct invocation *inv, const struct engine_request *request, json_t **ret);

#endif
