/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  protocol.h.
 * Out: the server and its clients, for server.c (who comes and goes) and client.c (what is said).
 * Never: included outside this room.
 */
#ifndef CORDON_CONTROL_SERVER_H
#define CORDON_CONTROL_SERVER_H

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"

#define MAX_CLIENTS 32
#define MAX_READERS 16               /* clients that are not root: some places are always root's */
#define REQUEST_TIME_S 5
#define REQUEST_BYTES_PER_S (1u << 20)
#define MAX_ANSWER (64u << 20)       /* bytes that wait for a client whose handler runs */
#define MAX_STREAM (4u << 20)        /* bytes that wait for a client of a stream, beyond its first answer */
#define MAX_WAITING (192u << 20)     /* bytes that wait for all clients; counts against those that are not root */
#define FETCH_TIME_S 60              /* for a client that takes nothing of its answer */

enum client_phase {
	CLIENT_HEADER, /* its line is being read */
	CLIENT_FILES,
	CLIENT_HANDLED, /* its handler runs, or ran and will answer */
	CLIENT_KEPT,    /* a stream */
	CLIENT_DONE,    /* the last line is written or waits */
	CLIENT_LOST,    /* to be ended by the loop */
};

struct control_client {
	LIST_ENTRY(control_client) entry;
	struct control_server *server;
	struct bufferevent *stream;
	struct event *timer; /* end of the request's time; ends a lost client */
	struct control_peer peer;
	enum client_phase phase;

	uint64_t since;    /* boot ns of the connection */
	uint64_t received; /* bytes of the request */
	struct control_header header;
	size_t reserved;   /* of the server's files_size */
	size_t file;       /* being read */
	size_t file_got;
	size_t answered;   /* bytes that its handler wrote before it returned */
	bool deferred;     /* its handler returned without an answer */

	void (*gone)(void *ctx, struct control_client *client);
	void *gone_ctx;
};

LIST_HEAD(control_clients, control_client);

struct control_server {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *retry; /* listens again after accept() failed */
	char *path;
	dev_t path_device;
	ino_t path_inode;
	const struct control_command *commands;
	size_t n_commands;
	void *ctx;
	struct control_clients clients;
	size_t n_clients;
	size_t n_readers;
	size_t files_size; /* announced by all requests under way */
};

/* Takes fd, also on failure. */
int client_new(struct control_server *server, int fd, const struct control_peer *peer);
/* Now, telling `gone`; only from the loop. */
void client_end(struct control_client *client);

#endif
