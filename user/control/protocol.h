/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the first line of a request.
 * Out: what it asks, checked: nothing in it is believed before.
 * Never: included outside this room.
 */
#ifndef CORDON_CONTROL_PROTOCOL_H
#define CORDON_CONTROL_PROTOCOL_H

#include <sys/un.h>

#include "control.h"

#define CONTROL_SCHEMA 1
#define CONTROL_GROUP "cordon-read"
#define CONTROL_BACKLOG 64
/* Reals are times in seconds with milliseconds: 16 digits hold them without showing how binary fractions end. */
#define CONTROL_DUMP (JSON_COMPACT | JSON_REAL_PRECISION(16))

struct control_header {
	json_t *line; /* owns command and args */
	const char *command;
	json_t *args;
	struct control_file *files; /* names and sizes; no text yet */
	size_t n_files;
	size_t files_size; /* of all */
};

/* -EINVAL with *ret_why; -EFBIG if the files are too large. */
int control_header_parse(const char *line, size_t size, struct control_header *ret, char **ret_why);
void control_header_done(struct control_header *h);

/* How much of the socket a peer may use. */
enum control_access {
	CONTROL_ACCESS_NONE,
	CONTROL_ACCESS_READ,
	CONTROL_ACCESS_CHANGE,
};

/* Asks the kernel who is at the other end. -errno; *ret_who as in struct control_request. */
struct control_peer {
	uid_t uid;
	pid_t pid;
	enum control_access access;
	char who[64];
};
int control_peer_of(int fd, struct control_peer *ret);

/* The number of CONTROL_GROUP; -ENOENT if there is no such group. */
int control_group(gid_t *ret);

/* -ENAMETOOLONG */
int control_address(const char *path, struct sockaddr_un *ret);
/* Binds and listens; -EADDRINUSE if somebody else does. A socket that nobody listens on is removed. */
int control_listen(const char *path, int *ret_fd, char **ret_why);

#endif
