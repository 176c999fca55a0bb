/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  requests of the control socket.
 * Out: the one table of commands; the documents of docs/dev/control.md.
 * Never: state of its own: a command reads the engine, or asks apply, devices or the dataplane to change something.
 */
#ifndef CORDOND_COMMANDS_H
#define CORDOND_COMMANDS_H

#include "engine.h"

size_t commands_table(const struct control_command **ret);

/* One handler a command; `ctx` is the engine. */
void command_status(void *ctx, struct control_client *client, const struct control_request *request);
void command_get(void *ctx, struct control_client *client, const struct control_request *request);
void command_history(void *ctx, struct control_client *client, const struct control_request *request);
void command_doctor(void *ctx, struct control_client *client, const struct control_request *request);
void command_describe(void *ctx, struct control_client *client, const struct control_request *request);
void command_diff(void *ctx, struct control_client *client, const struct control_request *request);
void command_apply(void *ctx, struct control_client *client, const struct control_request *request);
void command_reload(void *ctx, struct control_client *client, const struct control_request *request);
void command_confirm(void *ctx, struct control_client *client, const struct control_request *request);
void command_rollback(void *ctx, struct control_client *client, const struct control_request *request);

/* For all handlers. */
void send_diagnostics(struct control_client *client, const struct diagnostics *d);
/* What refused a request: the policy's own errors, or a sentence, or the bare errno; then `d` may be NULL, too. */
void command_failed(struct control_client *client, int r, const struct diagnostics *d, const char *reason);
const char *argument_text(const struct control_request *request, const char *name); /* NULL: not given */
/* Seconds, as ns; 0: not given. -EINVAL. */
int argument_time(const struct control_request *request, const char *name, uint64_t *ret_ns);
/* A document with several items at a time; each takes the reference. */
struct listing {
	struct control_client *client;
	const char *key;
	json_t *items;
	size_t sent;
};
void listing_begin(struct listing *listing, struct control_client *client, const char *key);
void listing_add(struct listing *listing, json_t *item);
void listing_end(struct listing *listing);

/* JSON of single things, for lists and descriptions. */
json_t *device_json(struct engine *engine, const struct identity_view *view);
json_t *segment_json(struct engine *engine, uint32_t segment);
json_t *rule_json(struct engine *engine, uint32_t rule, uint64_t live_flows);
/* What stands for a bit of rule.parked in a policy: "mcast:". */
extern const char *const parked_words[];
/* Live flows by rule of the policy in force; n_rules numbers to free. */
uint64_t *flows_by_rule(struct engine *engine);

#endif
