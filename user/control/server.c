/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "server.h"

/* One line into the socket's own buffer, for those who get no more: nothing is kept for them. Takes fd. */
static void refuse(int fd, enum control_status status, const char *message)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "{\"schema\":%d,\"done\":true,\"status\":%d,\"message\":\"%s\"}\n", CONTROL_SCHEMA, status,
			 message);

	send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size, void *ctx)
{
	struct control_server *server = ctx;
	struct control_peer peer;

	(void)listener, (void)address, (void)size;
	if (control_peer_of(fd, &peer)) {
		close(fd);
		return;
	}
	if (peer.access == CONTROL_ACCESS_NONE)
		refuse(fd, CONTROL_NOT_PERMITTED, "not permitted: only root and the group " CONTROL_GROUP " may talk to cordond");
	else if (server->n_clients >= MAX_CLIENTS || (peer.access == CONTROL_ACCESS_READ && server->n_readers >= MAX_READERS))
		refuse(fd, CONTROL_UNREACHABLE, "too many clients; try again when others are done");
	else
		client_new(server, fd, &peer);
}

/* Mostly too many open files: the connection stays in the queue, and asking for it at once would be a busy loop. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	struct control_server *server = ctx;

	evconnlistener_disable(listener);
	event_add(server->retry, &(struct timeval){ .tv_sec = 1 });
}

static void on_retry(evutil_socket_t fd, short events, void *ctx)
{
	struct control_server *server = ctx;

	(void)fd, (void)events;
	evconnlistener_enable(server->listener);
}

static int server_listen(struct control_server *server, char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	r = control_listen(server->path, &fd, ret_why);
	if (r)
		return r;
	if (!lstat(server->path, &st)) {
		server->path_device = st.st_dev;
		server->path_inode = st.st_ino;
	}
	server->listener = evconnlistener_new(server->base, on_connection, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!server->listener) {
		unlink(server->path);
		return -ENOMEM;
	}
	(void)take_fd(fd);
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	return 0;
}

/* A client may close while its answer is on the way: that must not end the daemon. */
static void ignore_sigpipe(void)
{
	struct sigaction now;

	if (!sigaction(SIGPIPE, NULL, &now) && now.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

int control_server_new(struct event_base *base, const char *path, const struct control_command *commands, size_t n, void *ctx,
		       struct control_server **ret, char **ret_why)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int r = -ENOMEM;

	if (!server)
		return -ENOMEM;
	LIST_INIT(&server->clients);
	server->base = base;
	server->commands = commands;
	server->n_commands = n;
	server->ctx = ctx;
	server->path = strdup(path);
	server->retry = evtimer_new(base, on_retry, server);
	if (server->path && server->retry)
		r = server_listen(server, ret_why);
	if (r) {
		control_server_free(server);
		return r;
	}
	ignore_sigpipe();
	*ret = server;
	return 0;
}

/* Only if it is still ours: after a takeover the path is the other daemon's. */
static void server_unlink(struct control_server *server)
{
	struct stat st;

	if (server->listener && !lstat(server->path, &st) && st.st_dev == server->path_device && st.st_ino == server->path_inode)
		unlink(server->path);
}

void control_server_free(struct control_server *server)
{
	struct control_client *client;

	if (!server)
		return;
	server_unlink(server);
	if (server->listener)
		evconnlistener_free(server->listener);
	while ((client = LIST_FIRST(&server->clients)))
		client_end(client);
	if (server->retry)
		event_free(server->retry);
	free(server->path);
	free(server);
}
