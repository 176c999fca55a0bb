/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "protocol.h"

#define MAX_REPLY_LINE (256u << 20)
#define SEND_TIMEOUT_S 10 /* for a daemon that hangs; an answer may take as long as it takes */

struct control_call {
	int fd;
	struct buf in;
	size_t start;   /* of the line not yet given out */
	size_t scanned; /* no newline before this */
};

static int why_not_connected(char **ret_why, int error, const char *path)
{
	if (error == ECONNREFUSED || error == ENOENT)
		return why(ret_why, -error, "%s: nobody listens there; is cordond running?", path);
	if (error == EACCES)
		return why(ret_why, -error, "%s: not permitted; be root or a member of the group " CONTROL_GROUP, path);
	return why(ret_why, -error, "%s: %s", path, strerror(error));
}

int control_connect(const char *path, struct control_call **ret, char **ret_why)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval timeout = { .tv_sec = SEND_TIMEOUT_S };
	struct sockaddr_un address;
	struct control_call *call;

	if (control_address(path, &address))
		return why_not_connected(ret_why, ENAMETOOLONG, path);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return why_not_connected(ret_why, errno, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return why_not_connected(ret_why, errno == EAGAIN ? ETIMEDOUT : errno, path);
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->fd = take_fd(fd);
	*ret = call;
	return 0;
}

/* 1: the daemon reads no more, its answer says why. */
static int send_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 1;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static json_t *file_entries(const struct control_file *files, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *entry = json_pack("{s:s,s:I}", "name", files[i].name, "size", (json_int_t)files[i].size);

		if (json_array_append_new(list, entry)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Takes args. A name that is not UTF-8 cannot be said in JSON: -EINVAL. */
static int request_line(const char *command, json_t *args, const struct control_file *files, size_t n, char **ret)
{
	json_t *list = file_entries(files, n), *request = json_object();
	int failed;

	failed = json_object_set_new(request, "schema", json_integer(CONTROL_SCHEMA)) |
		 json_object_set_new(request, "command", json_string(command)) |
		 json_object_set_new(request, "args", args ? args : json_object()) |
		 json_object_set_new(request, "files", list);
	*ret = failed ? NULL : json_dumps(request, CONTROL_DUMP);
	json_decref(request);
	return *ret ? 0 : -EINVAL;
}

static bool files_fit(const struct control_file *files, size_t n)
{
	size_t room = CONTROL_MAX_FILES;

	for (size_t i = 0; i < n; i++) {
		if (files[i].size > room)
			return false;
		room -= files[i].size;
	}
	return true;
}

int control_send(struct control_call *call, const char *command, json_t *args, const struct control_file *files, size_t n)
{
	_cleanup_free_ char *line = NULL;
	int r = request_line(command, args, files, n, &line);

	if (r)
		return r;
	if (strlen(line) > CONTROL_MAX_LINE || !files_fit(files, n))
		return -EFBIG;
	r = send_all(call->fd, line, strlen(line));
	if (!r)
		r = send_all(call->fd, "\n", 1);
	for (size_t i = 0; i < n && !r; i++)
		r = send_all(call->fd, files[i].text, files[i].size);
	return r < 0 ? r : 0;
}

static int receive_more(struct control_call *call)
{
	char block[65536];
	ssize_t n;

	buf_drop(&call->in, call->start);
	call->scanned -= call->start;
	call->start = 0;
	if (call->in.size > MAX_REPLY_LINE)
		return -EPROTO;
	n = recv(call->fd, block, sizeof(block), 0);
	if (n < 0)
		return -errno;
	return n ? buf_add(&call->in, block, (size_t)n) : -ECONNRESET;
}

/* The next line, without its newline; valid until the next call. */
static int receive_line(struct control_call *call, const char **ret, size_t *ret_size)
{
	for (;;) {
		size_t left = call->in.size - call->scanned;
		const char *end = left ? memchr(call->in.data + call->scanned, '\n', left) : NULL;
		int r;

		if (end) {
			*ret = call->in.data + call->start;
			*ret_size = (size_t)(end - *ret);
			call->start = call->scanned = (size_t)(end - call->in.data) + 1;
			return 0;
		}
		call->scanned = call->in.size;
		r = receive_more(call);
		if (r)
			return r;
	}
}

static int receive_done(const json_t *line, enum control_status *ret_status, char **ret_message)
{
	const json_t *status = json_object_get(line, "status");
	const char *text = json_string_value(json_object_get(line, "message"));
	char *message = text && *text ? strdup(text) : NULL;

	if (!json_is_integer(status)) {
		free(message);
		return -EPROTO;
	}
	*ret_status = (enum control_status)json_integer_value(status);
	*ret_message = message;
	return 0;
}

int control_receive(struct control_call *call, json_t **ret_data, enum control_status *ret_status, char **ret_message)
{
	const char *text;
	json_t *line, *data;
	size_t size;
	int r;

	r = receive_line(call, &text, &size);
	if (r)
		return r;
	line = json_loadb(text, size, 0, NULL);
	data = json_object_get(line, "data");
	if (json_integer_value(json_object_get(line, "schema")) != CONTROL_SCHEMA)
		r = -EPROTO;
	else if (json_is_true(json_object_get(line, "done")))
		r = receive_done(line, ret_status, ret_message);
	else if (data) {
		*ret_data = json_incref(data);
		r = 1;
	} else
		r = -EPROTO;
	json_decref(line);
	return r;
}

void control_close(struct control_call *call)
{
	if (!call)
		return;
	close(call->fd);
	buf_done(&call->in);
	free(call);
}
