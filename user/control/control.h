/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  requests on one AF_UNIX stream socket, from peers whose uid the kernel vouches for.
 * Out: replies and streams of JSON lines.
 * Never: what a command does (the daemon registers that in one table); waiting for a slow client.
 *
 * Protocol, version 1. Request: one JSON line {"schema":1,"command":"status","args":{…},"files":[{"name":"…","size":N},…]}
 * followed by the bytes of the files. Reply: any number of JSON lines, the last one
 * {"schema":1,"done":true,"status":EXIT,"message":"…"} where EXIT is an exit status of spec/cli.md; before it
 * {"schema":1,"data":…} documents (streams: one a line). One request a connection; what a client sends after it is ignored.
 *
 * Who may: uid 0 and the daemon's own uid everything, the group cordon-read what does not change, others nothing (status 6
 * before a byte of theirs is read). Bounds: a request over its size limit is refused, and one that is not finished in 5 s
 * and 1 s more for each MiB that came; 32 clients, of them 16 that are not root; a stream whose client does not read is
 * let go once 4 MiB wait for it beyond its first answer, an answer may be 64 MiB, and one that is not fetched at all is
 * dropped after 60 s.
 */
#ifndef CORDON_CONTROL_H
#define CORDON_CONTROL_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_MAX_LINE (64u << 10)
#define CONTROL_MAX_FILES (80u << 20)

/* Exit statuses (spec/cli.md) */
enum control_status {
	CONTROL_DONE = 0,
	CONTROL_ERROR = 1,
	CONTROL_USAGE = 2,
	CONTROL_WOULD_CHANGE = 3,
	CONTROL_NOT_FOUND = 4,
	CONTROL_UNREACHABLE = 5,
	CONTROL_NOT_PERMITTED = 6,
	CONTROL_CONFLICT = 7,
	CONTROL_DEGRADED = 8,
	CONTROL_REVERTED = 9,
};

struct control_server;
struct control_client; /* valid inside a handler, and until its stream ends */

struct control_file {
	char *name;
	char *text;
	size_t size;
};

/* Valid inside the handler only. */
struct control_request {
	const char *command;
	json_t *args; /* object, borrowed */
	struct control_file *files;
	size_t n_files;
	uid_t uid;
	pid_t pid;
	char who[64]; /* "root", "alice", "uid 1234" */
};

/*
 * A handler sends data and ends with control_done(), or keeps the client for a stream (observe -f), or defers its answer.
 * A client that goes away is then reported through `gone`, from the loop, never from inside control_data(); it
 * is not called after control_done(), which ends the client. A handler that does neither answers with an error.
 */
struct control_command {
	const char *name;
	bool changes; /* root only; else root and the group cordon-read */
	void (*handle)(void *ctx, struct control_client *client, const struct control_request *request);
};

/*
 * Makes the socket (0660, group cordon-read where there is one) and ignores SIGPIPE. A socket that a killed daemon left is
 * replaced; one that somebody listens on is -EADDRINUSE.
 */
int control_server_new(struct event_base *base, const char *path, const struct control_command *commands, size_t n, void *ctx,
		       struct control_server **ret, char **ret_why);
void control_server_free(struct control_server *server);

/* Takes the reference. -EPIPE: the client is gone, or was let go because it does not read; `gone` follows. */
int control_data(struct control_client *client, json_t *data);
void control_done(struct control_client *client, enum control_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void control_keep(struct control_client *client, void (*gone)(void *ctx, struct control_client *client), void *ctx);
/* No stream: the handler's answer comes later, from the loop, and control_done() ends it; bounds and `gone` as for both. */
void control_defer(struct control_client *client, void (*gone)(void *ctx, struct control_client *client), void *ctx);

/* The caller's side, blocking. */
struct control_call;
int control_connect(const char *path, struct control_call **ret, char **ret_why); /* -ECONNREFUSED, -ENOENT, -EACCES */
/* Takes args (NULL: none). 0 also if the daemon stopped reading: its answer says why. -EFBIG: over the limits. -ETIMEDOUT. */
int control_send(struct control_call *call, const char *command, json_t *args, const struct control_file *files, size_t n);
/* 1: *ret_data is a document (caller's reference); 0: done, *ret_status and *ret_message (to free, may be NULL) are set; <0: error, -ECONNRESET: no
 * daemon any more, -EPROTO: not our protocol, -EINTR. */
int control_receive(struct control_call *call, json_t **ret_data, enum control_status *ret_status, char **ret_message);
void control_close(struct control_call *call);

#endif
