/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/names.h"
#include "server.h"

#define READ_AHEAD (256u << 10) /* bytes taken from a client before they are looked at */

static size_t client_waiting(const struct control_client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->stream));
}

static void client_request_done(struct control_client *client)
{
	control_header_done(&client->header);
	client->server->files_size -= client->reserved;
	client->reserved = 0;
}

void client_end(struct control_client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);
	struct control_server *server = client->server;

	if (client->gone)
		client->gone(client->gone_ctx, client);
	LIST_REMOVE(client, entry);
	server->n_clients--;
	if (client->peer.access == CONTROL_ACCESS_READ)
		server->n_readers--;
	client_request_done(client);
	event_free(client->timer);
	/* What the socket takes at once still goes: the daemon may be about to stop. The stream keeps others from its buffer. */
	evbuffer_unfreeze(output, 1);
	evbuffer_write(output, bufferevent_getfd(client->stream));
	bufferevent_free(client->stream);
	free(client);
}

/* Ends from the loop: whoever calls us may still hold the client. */
static void client_lose(struct control_client *client)
{
	client->phase = CLIENT_LOST;
	bufferevent_disable(client->stream, EV_READ | EV_WRITE);
	event_active(client->timer, EV_TIMEOUT, 0);
}

static size_t server_waiting(const struct control_server *server)
{
	const struct control_client *client;
	size_t sum = 0;

	LIST_FOREACH(client, &server->clients, entry)
		sum += client_waiting(client);
	return sum;
}

static bool client_has_room(const struct control_client *client, size_t size)
{
	size_t limit = client->phase == CLIENT_KEPT ? client->answered + MAX_STREAM : MAX_ANSWER;

	if (client_waiting(client) + size > limit)
		return false;
	return client->peer.access == CONTROL_ACCESS_CHANGE || server_waiting(client->server) + size <= MAX_WAITING;
}

static void release_text(const void *data, size_t size, void *ctx)
{
	(void)size, (void)ctx;
	free((void *)data);
}

static int client_write(struct control_client *client, const char *before, char *text, const char *after)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);
	size_t size = strlen(text);

	if (evbuffer_add(output, before, strlen(before)))
		return -ENOMEM;
	if (evbuffer_add_reference(output, text, size, release_text, NULL)) {
		client_lose(client);
		return -ENOMEM;
	}
	if (evbuffer_add(output, after, strlen(after))) {
		client_lose(client);
		return -EPIPE;
	}
	if (client->phase == CLIENT_HANDLED)
		client->answered += size;
	return 0;
}

int control_data(struct control_client *client, json_t *data)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (client->phase == CLIENT_LOST || client->phase == CLIENT_DONE) {
		json_decref(data);
		return -EPIPE;
	}
	text = data ? json_dumps(data, CONTROL_DUMP | JSON_ENCODE_ANY) : NULL;
	json_decref(data);
	if (!text)
		return -ENOMEM;
	if (!client_has_room(client, strlen(text))) {
		client_lose(client);
		return -EPIPE;
	}
	r = client_write(client, "{\"schema\":1,\"data\":", text, "}\n");
	if (r != -ENOMEM)
		(void)take_ptr(text);
	return r;
}

/* The last line. Without memory for it the client sees a connection that broke, which is an error to it too. */
static int client_write_done(struct control_client *client, enum control_status status, const char *message)
{
	json_t *line = json_pack("{s:i,s:b,s:i,s:s}", "schema", CONTROL_SCHEMA, "done", 1, "status", (int)status, "message", message);
	_cleanup_free_ char *text = NULL;

	if (!line) /* not UTF-8 */
		line = json_pack("{s:i,s:b,s:i}", "schema", CONTROL_SCHEMA, "done", 1, "status", (int)status);
	text = line ? json_dumps(line, CONTROL_DUMP) : NULL;
	json_decref(line);
	if (!text)
		return -ENOMEM;
	if (evbuffer_add_printf(bufferevent_get_output(client->stream), "%s\n", text) < 0)
		return -ENOMEM;
	return 0;
}

void control_done(struct control_client *client, enum control_status status, const char *format, ...)
{
	_cleanup_buf_ struct buf message = { 0 };
	va_list ap;

	client->gone = NULL;
	if (client->phase == CLIENT_DONE || client->phase == CLIENT_LOST)
		return;
	va_start(ap, format);
	buf_vaddf(&message, format ? format : "", ap);
	va_end(ap);

	client->phase = CLIENT_DONE;
	event_del(client->timer);
	bufferevent_set_timeouts(client->stream, NULL, &(struct timeval){ .tv_sec = FETCH_TIME_S });
	if (client_write_done(client, status, buf_text(&message)))
		client_lose(client);
}

void control_keep(struct control_client *client, void (*gone)(void *ctx, struct control_client *client), void *ctx)
{
	if (client->phase != CLIENT_HANDLED)
		return;
	client->gone = gone;
	client->gone_ctx = ctx;
	client->phase = CLIENT_KEPT;
}

void control_defer(struct control_client *client, void (*gone)(void *ctx, struct control_client *client), void *ctx)
{
	if (client->phase != CLIENT_HANDLED)
		return;
	client->gone = gone;
	client->gone_ctx = ctx;
	client->deferred = true;
}

static const char *command_name_at(void *ctx, size_t i)
{
	return ((struct control_server *)ctx)->commands[i].name;
}

static const struct control_command *command_find(struct control_server *server, const char *name)
{
	for (size_t i = 0; i < server->n_commands; i++)
		if (!strcmp(server->commands[i].name, name))
			return &server->commands[i];
	return NULL;
}

/* NULL after it answered. */
static const struct control_command *client_command(struct control_client *client)
{
	struct control_server *server = client->server;
	const struct control_command *command = command_find(server, client->header.command);
	const char *near;

	if (!command) {
		near = name_nearest(client->header.command, command_name_at, server, server->n_commands);
		control_done(client, CONTROL_USAGE, "this daemon has no command \"%.64s\"%s%s%s", client->header.command,
			     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		return NULL;
	}
	if (command->changes && client->peer.access != CONTROL_ACCESS_CHANGE) {
		control_done(client, CONTROL_NOT_PERMITTED, "not permitted: \"%s\" changes the gateway, and only root may", command->name);
		return NULL;
	}
	return command;
}

static void client_run(struct control_client *client)
{
	const struct control_command *command = client_command(client);
	struct control_request request = {
		.command = client->header.command,
		.args = client->header.args,
		.files = client->header.files,
		.n_files = client->header.n_files,
		.uid = client->peer.uid,
		.pid = client->peer.pid,
	};

	if (!command)
		return;
	memcpy(request.who, client->peer.who, sizeof(request.who));
	event_del(client->timer);
	client->phase = CLIENT_HANDLED;
	command->handle(client->server->ctx, client, &request);
	if (client->phase == CLIENT_HANDLED && !client->deferred)
		control_done(client, CONTROL_ERROR, "the daemon gave no answer to \"%s\"", command->name);
	client_request_done(client);
}

/* Readers' files together leave room for a whole request of root. */
static bool client_reserve(struct control_client *client)
{
	struct control_server *server = client->server;
	size_t limit = client->peer.access == CONTROL_ACCESS_CHANGE ? 2 * (size_t)CONTROL_MAX_FILES : CONTROL_MAX_FILES;

	if (server->files_size + client->header.files_size > limit)
		return false;
	client->reserved = client->header.files_size;
	server->files_size += client->reserved;
	return true;
}

static void client_take_header(struct control_client *client, const char *line, size_t size)
{
	_cleanup_free_ char *message = NULL;
	int r = control_header_parse(line, size, &client->header, &message);

	if (r) {
		control_done(client, r == -ENOMEM ? CONTROL_ERROR : CONTROL_USAGE, "%s", message ? message : strerror(-r));
		return;
	}
	/* Before their files are read, so that nobody fills memory for a command that is refused anyway. */
	if (!client_command(client))
		return;
	if (!client_reserve(client)) {
		control_done(client, CONTROL_UNREACHABLE, "other requests fill the room for files; try again");
		return;
	}
	client->phase = CLIENT_FILES;
}

/* True if there may be more to do with what was received. */
static bool client_read_header(struct control_client *client, struct evbuffer *input)
{
	_cleanup_free_ char *line = NULL;
	size_t size, length = evbuffer_get_length(input);
	struct evbuffer_ptr end = evbuffer_search_eol(input, NULL, NULL, EVBUFFER_EOL_LF);

	if (end.pos > CONTROL_MAX_LINE || (end.pos < 0 && length > CONTROL_MAX_LINE)) {
		control_done(client, CONTROL_USAGE, "the line of a request may have %u KiB", CONTROL_MAX_LINE >> 10);
		return false;
	}
	if (end.pos < 0)
		return false;
	line = evbuffer_readln(input, &size, EVBUFFER_EOL_LF);
	if (!line) {
		client_lose(client);
		return false;
	}
	client_take_header(client, line, size);
	return true;
}

/* Memory of the announced size: the kernel gives pages only for bytes that come. */
static int client_read_file(struct control_client *client, struct control_file *file, struct evbuffer *input)
{
	int n;

	if (!file->text)
		file->text = malloc(file->size + 1);
	if (!file->text)
		return -ENOMEM;
	n = evbuffer_remove(input, file->text + client->file_got, file->size - client->file_got);
	if (n > 0) {
		client->file_got += (size_t)n;
		client->received += (size_t)n;
	}
	if (client->file_got < file->size)
		return -EAGAIN;
	file->text[file->size] = '\0';
	return 0;
}

static void client_read_files(struct control_client *client, struct evbuffer *input)
{
	for (; client->file < client->header.n_files; client->file++, client->file_got = 0) {
		int r = client_read_file(client, &client->header.files[client->file], input);

		if (r == -EAGAIN)
			return;
		if (r) {
			control_done(client, CONTROL_ERROR, "no memory for the request's files");
			return;
		}
	}
	client_run(client);
}

static void on_readable(struct bufferevent *stream, void *ctx)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct control_client *client = ctx;

	if (client->phase == CLIENT_HEADER && !client_read_header(client, input) && client->phase == CLIENT_HEADER)
		return;
	if (client->phase == CLIENT_FILES)
		client_read_files(client, input);
	if (client->phase != CLIENT_FILES)
		evbuffer_drain(input, evbuffer_get_length(input));
}

/* All of the output has gone. */
static void on_written(struct bufferevent *stream, void *ctx)
{
	struct control_client *client = ctx;

	(void)stream;
	if (client->phase == CLIENT_DONE)
		client_end(client);
}

static void on_stream_event(struct bufferevent *stream, short events, void *ctx)
{
	struct control_client *client = ctx;

	(void)stream;
	if (client->phase == CLIENT_LOST)
		return;
	/* A client may shut its side down after asking, and still fetch the answer. */
	if ((client->phase == CLIENT_DONE || client->phase == CLIENT_HANDLED) && (events & BEV_EVENT_EOF))
		return;
	client_end(client);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct control_client *client = ctx;
	uint64_t allowed = REQUEST_TIME_S * NS_PER_S + client->received * NS_PER_S / REQUEST_BYTES_PER_S;
	uint64_t elapsed = clock_boot_ns() - client->since;

	(void)fd, (void)events;
	if (client->phase == CLIENT_LOST) {
		client_end(client);
		return;
	}
	if (elapsed >= allowed) {
		control_done(client, CONTROL_ERROR, "the request was not finished in time");
		return;
	}
	event_add(client->timer, &(struct timeval){ .tv_sec = (allowed - elapsed) / NS_PER_S,
						    .tv_usec = (allowed - elapsed) % NS_PER_S / 1000 + 1 });
}

static void client_register(struct control_client *client)
{
	struct control_server *server = client->server;

	LIST_INSERT_HEAD(&server->clients, client, entry);
	server->n_clients++;
	if (client->peer.access == CONTROL_ACCESS_READ)
		server->n_readers++;
	bufferevent_setcb(client->stream, on_readable, on_written, on_stream_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, READ_AHEAD);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	event_add(client->timer, &(struct timeval){ .tv_sec = REQUEST_TIME_S });
}

int client_new(struct control_server *server, int fd, const struct control_peer *peer)
{
	struct control_client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->server = server;
	client->peer = *peer;
	client->since = clock_boot_ns();
	client->timer = evtimer_new(server->base, on_timer, client);
	client->stream = client->timer ? bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!client->stream) {
		if (client->timer)
			event_free(client->timer);
		free(client);
		close(fd);
		return -ENOMEM;
	}
	client_register(client);
	return 0;
}
