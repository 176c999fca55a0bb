/* SPDX-License-Identifier: Apache-2.0 */
/* A server in a process of its own, as in life; clients of every temper. It must end cleanly after each test. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "control/control.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/file.h"

#define DEADLINE_MS 15000
#define READERS_GID 54321
#define STRANGER_UID 12345
#define MIB (1u << 20)

static char folder[64], path[96];
static pid_t server_pid;

/* The server's side. */

static struct {
	struct control_client *kept[4];
	int n_kept, gone, handled;
} served;

static void on_gone(void *ctx, struct control_client *client)
{
	(void)ctx;
	served.gone++;
	for (int i = 0; i < served.n_kept; i++)
		if (served.kept[i] == client)
			served.kept[i] = NULL;
}

static void handle_echo(void *ctx, struct control_client *client, const struct control_request *request)
{
	json_t *files = json_array();

	(void)ctx;
	for (size_t i = 0; i < request->n_files; i++) {
		const struct control_file *f = &request->files[i];
		json_int_t sum = 0;

		for (size_t j = 0; j < f->size; j++)
			sum += (unsigned char)f->text[j];
		json_array_append_new(files, json_pack("{s:s,s:I,s:I,s:i}", "name", f->name, "size", (json_int_t)f->size, "sum", sum, "end",
						       f->text[f->size]));
	}
	served.handled++;
	control_data(client, json_pack("{s:s,s:O,s:o,s:s,s:i,s:i}", "command", request->command, "args", request->args, "files", files, "who",
				       request->who, "uid", (int)request->uid, "pid", (int)request->pid));
	control_done(client, CONTROL_DONE, "%s", "bye");
}

static void handle_change(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx, (void)request;
	served.handled++;
	control_done(client, CONTROL_CONFLICT, "conflict with %d", 7);
	control_done(client, CONTROL_DONE, "ended twice");
}

static void handle_silent(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx, (void)client, (void)request;
}

static json_t *document_of(size_t size, int number)
{
	_cleanup_free_ char *text = malloc(size + 1);

	memset(text, 'x', size);
	text[size] = '\0';
	return json_pack("{s:i,s:s}", "n", number, "text", text);
}

static int argument(const struct control_request *request, const char *name)
{
	return (int)json_integer_value(json_object_get(request->args, name));
}

/* Sends `n` documents of `size` bytes and ends. */
static void handle_big(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx;
	for (int i = 0; i < argument(request, "n"); i++)
		if (control_data(client, document_of((size_t)argument(request, "size"), i)))
			return;
	control_done(client, CONTROL_DONE, " ");
}

static void handle_follow(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx, (void)request;
	served.kept[served.n_kept++] = client;
	control_keep(client, on_gone, NULL);
	control_data(client, json_pack("{s:i}", "n", -1));
}

/* Sends to all that follow; tells how many documents were taken. */
static void handle_push(void *ctx, struct control_client *client, const struct control_request *request)
{
	int taken = 0;

	(void)ctx;
	for (int i = 0; i < argument(request, "n"); i++)
		for (int k = 0; k < served.n_kept; k++)
			taken += served.kept[k] && !control_data(served.kept[k], document_of((size_t)argument(request, "size"), i));
	control_data(client, json_integer(taken));
	control_done(client, CONTROL_DONE, " ");
}

static void handle_finish(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx, (void)request;
	for (int k = 0; k < served.n_kept; k++)
		if (served.kept[k])
			control_done(served.kept[k], CONTROL_REVERTED, "finished");
	control_done(client, CONTROL_DONE, " ");
}

static void handle_counts(void *ctx, struct control_client *client, const struct control_request *request)
{
	(void)ctx, (void)request;
	control_data(client, json_pack("{s:i,s:i}", "gone", served.gone, "handled", served.handled));
	control_done(client, CONTROL_DONE, " ");
}

static const struct control_command commands[] = {
	{ "echo", false, handle_echo },	    { "change", true, handle_change }, { "silent", false, handle_silent },
	{ "big", false, handle_big },	    { "follow", false, handle_follow }, { "push", false, handle_push },
	{ "finish", false, handle_finish }, { "counts", false, handle_counts },
};

static void on_terminate(evutil_socket_t fd, short events, void *base)
{
	(void)fd, (void)events;
	event_base_loopbreak(base);
}

/* Tells its parent once it listens. */
static int serve(int ready)
{
	struct event_base *base = event_base_new();
	struct control_server *server;
	struct event *terminate;
	char *reason = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (control_server_new(base, path, commands, ARRAY_SIZE(commands), NULL, &server, &reason)) {
		fprintf(stderr, "server: %s\n", reason);
		return 1;
	}
	terminate = evsignal_new(base, SIGTERM, on_terminate, base);
	event_add(terminate, NULL);
	if (write(ready, "", 1) != 1)
		return 1;
	event_base_dispatch(base);
	control_server_free(server);
	event_free(terminate);
	event_base_free(base);
	return 0;
}

static void start_server(void)
{
	int ends[2];
	char byte;

	cr_assert_eq(pipe(ends), 0);
	server_pid = fork();
	cr_assert_geq(server_pid, 0);
	if (!server_pid)
		exit(serve(ends[1]));
	close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 1, "the server did not start");
	close(ends[0]);
}

static void make_folder(void)
{
	strcpy(folder, "/tmp/cordon-control-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/cordon.sock", folder);
}

static void remove_folder(void)
{
	_cleanup_free_ char *command = format_text("rm -rf %s", folder);

	cr_assert_eq(system(command), 0);
}

static void setup(void)
{
	make_folder();
	start_server();
}

static void teardown(void)
{
	int status = 0;

	kill(server_pid, SIGTERM);
	cr_assert_eq(waitpid(server_pid, &status, 0), server_pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %#x", (unsigned int)status);
	cr_expect_eq(access(path, F_OK), -1, "the socket was left behind");
	remove_folder();
}

/* The clients' side. */

static struct control_call *call_open(void)
{
	_cleanup_free_ char *reason = NULL;
	struct control_call *call = NULL;

	cr_assert_eq(control_connect(path, &call, &reason), 0, "%s", reason);
	return call;
}

struct reply {
	json_t *data; /* the last document */
	int documents;
	enum control_status status;
	char *message;
};

static void reply_done(struct reply *r)
{
	json_decref(r->data);
	free(r->message);
}
#define _cleanup_reply_ __attribute__((cleanup(reply_done)))

static struct reply fetch(struct control_call *call)
{
	struct reply r = { 0 };
	json_t *data;
	int n;

	while ((n = control_receive(call, &data, &r.status, &r.message)) == 1) {
		json_decref(r.data);
		r.data = data;
		r.documents++;
	}
	cr_assert_eq(n, 0, "receive: %s", strerror(-n));
	return r;
}

static struct reply ask(const char *command, json_t *args, const struct control_file *files, size_t n)
{
	struct control_call *call = call_open();
	struct reply r;

	cr_assert_eq(control_send(call, command, args, files, n), 0);
	r = fetch(call);
	control_close(call);
	return r;
}

static int count_of(const char *name)
{
	_cleanup_reply_ struct reply r = ask("counts", NULL, NULL, 0);

	return (int)json_integer_value(json_object_get(r.data, name));
}

/* A count that follows from what another process noticed: asked again until it is so. */
static void expect_count(const char *name, int expected)
{
	uint64_t end = clock_boot_ns() + DEADLINE_MS * 1000000ULL;
	int is;

	do
		is = count_of(name);
	while (is != expected && clock_boot_ns() < end);
	cr_expect_eq(is, expected, "%s is %d, should be %d", name, is, expected);
}

static int raw_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s", strerror(errno));
	return fd;
}

static void raw_send(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* refused already; the reply tells */
		p += n;
		size -= (size_t)n;
	}
}

/* Everything until the server closes. */
static void raw_receive(int fd, struct buf *reply)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char block[4096];
	ssize_t n;

	for (;;) {
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1, "no answer in time");
		n = recv(fd, block, sizeof(block), 0);
		if (n <= 0)
			return;
		cr_assert_eq(buf_add(reply, block, (size_t)n), 0);
	}
}

/* The status of a reply that is one line, -1 if it is anything else; closes. */
static int raw_status(int fd, char *message, size_t size)
{
	_cleanup_buf_ struct buf reply = { 0 };
	json_t *line, *status;
	int result = -1;

	raw_receive(fd, &reply);
	close(fd);
	line = json_loadb(buf_text(&reply), reply.size, 0, NULL);
	status = json_object_get(line, "status");
	if (json_is_true(json_object_get(line, "done")) && json_is_integer(status))
		result = (int)json_integer_value(status);
	if (message)
		snprintf(message, size, "%s", json_string_value(json_object_get(line, "message")));
	json_decref(line);
	return result;
}

static int raw_ask(const void *data, size_t size)
{
	int fd = raw_open();

	raw_send(fd, data, size);
	return raw_status(fd, NULL, 0);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 60);

Test(control, what_is_asked_arrives_whole)
{
	_cleanup_free_ char *large = calloc(3, MIB);
	struct control_file files[] = { { (char *)"a.yaml", (char *)"x\0y\n", 4 }, { (char *)"empty", (char *)"", 0 }, { (char *)"ü/large", large, 3 * MIB } };
	_cleanup_reply_ struct reply r = { 0 };
	json_t *expected;

	memset(large, 1, 3 * MIB);
	r = ask("echo", json_pack("{s:s,s:[i,b]}", "device", "camera\n\"", "list", 7, 1), files, 3);
	expected = json_pack("{s:s,s:{s:s,s:[i,b]},s:[{s:s,s:i,s:i,s:i},{s:s,s:i,s:i,s:i},{s:s,s:i,s:i,s:i}],s:s,s:i,s:i}", "command", "echo", "args",
			     "device", "camera\n\"", "list", 7, 1, "files", "name", "a.yaml", "size", 4, "sum", 'x' + 'y' + '\n', "end", 0, "name",
			     "empty", "size", 0, "sum", 0, "end", 0, "name", "ü/large", "size", 3 * MIB, "sum", 3 * MIB, "end", 0, "who", "root", "uid",
			     (int)getuid(), "pid", (int)getpid());
	if (getuid())
		json_object_set(expected, "who", json_object_get(r.data, "who"));
	cr_expect(json_equal(r.data, expected), "%s", json_dumps(r.data, 0));
	cr_expect_eq(r.documents, 1);
	cr_expect_eq(r.status, CONTROL_DONE);
	cr_expect_str_eq(r.message, "bye");
	json_decref(expected);
}

Test(control, the_first_end_counts)
{
	_cleanup_reply_ struct reply r = ask("change", NULL, NULL, 0);

	cr_expect_eq(r.status, CONTROL_CONFLICT);
	cr_expect_str_eq(r.message, "conflict with 7");
	cr_expect_eq(r.documents, 0);
}

Test(control, an_unknown_command_names_the_nearest)
{
	_cleanup_reply_ struct reply near = ask("chnage", NULL, NULL, 0), far = ask("zzzzzzzz", NULL, NULL, 0);

	cr_expect_eq(near.status, CONTROL_USAGE);
	cr_expect_not_null(strstr(near.message, "\"change\""), "%s", near.message);
	cr_expect_eq(far.status, CONTROL_USAGE);
	cr_expect_null(strstr(far.message, "did you mean"), "%s", far.message);
}

Test(control, a_handler_that_forgets_to_answer_is_an_error)
{
	_cleanup_reply_ struct reply r = ask("silent", NULL, NULL, 0);

	cr_expect_eq(r.status, CONTROL_ERROR);
}

Test(control, garbage_is_refused)
{
	static const char *const lines[] = {
		"", "nonsense", "[]", "{}", "5", "null", "\"echo\"", "\xff\xfe\x01", "{\"schema\":1}",
		"{\"schema\":2,\"command\":\"echo\"}", "{\"schema\":\"1\",\"command\":\"echo\"}", "{\"command\":\"echo\"}",
		"{\"schema\":1,\"command\":5}", "{\"schema\":1,\"command\":\"\"}", "{\"schema\":1,\"command\":\"ec\\u0000ho\"}",
		"{\"schema\":1,\"command\":\"echo\",\"command\":\"change\"}", "{\"schema\":1,\"command\":\"echo\",\"args\":[]}",
		"{\"schema\":1,\"command\":\"echo\",\"args\":null}", "{\"schema\":1,\"command\":\"echo\",\"files\":{}}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[5]}", "{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\"}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"size\":0}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":5,\"size\":0}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":-1}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":-9223372036854775808}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":1.5}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":\"1\"}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":83886081}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":9223372036854775807}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":99999999999999999999}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":9223372036854775807},{\"name\":\"b\",\"size\":9223372036854775807}]}",
		"{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":83886080},{\"name\":\"b\",\"size\":1}]}",
		"{\"schema\":1,\"command\":\"echo\"} trailing",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *line = format_text("%s\n", lines[i]);

		cr_expect_eq(raw_ask(line, strlen(line)), CONTROL_USAGE, "'%s' was not refused", lines[i]);
	}
	cr_expect_eq(raw_ask("{\"schema\":1,\"command\":\0\"echo\"}\n", 32), CONTROL_USAGE);
	cr_expect_eq(count_of("handled"), 0, "something reached a handler");
}

Test(control, deep_nesting_is_refused)
{
	_cleanup_buf_ struct buf line = { 0 };

	for (int i = 0; i < 30000; i++)
		buf_add(&line, "[", 1);
	buf_add(&line, "\n", 1);
	cr_expect_eq(raw_ask(line.data, line.size), CONTROL_USAGE);
}

static char *line_of(size_t size)
{
	static const char head[] = "{\"schema\":1,\"command\":\"counts\",\"args\":{\"x\":\"", tail[] = "\"}}\n";
	char *line = malloc(size + 2);

	memset(line, 'a', size);
	memcpy(line, head, strlen(head));
	memcpy(line + size + 1 - strlen(tail), tail, strlen(tail) + 1);
	return line;
}

Test(control, a_line_has_its_limit)
{
	_cleanup_free_ char *fits = line_of(CONTROL_MAX_LINE), *over = line_of(CONTROL_MAX_LINE + 1);
	_cleanup_buf_ struct buf reply = { 0 };
	int fd = raw_open();

	cr_assert_eq(strlen(fits), CONTROL_MAX_LINE + 1, "the newline does not count");
	raw_send(fd, fits, strlen(fits));
	raw_receive(fd, &reply);
	close(fd);
	cr_expect_not_null(strstr(buf_text(&reply), "\"status\":0"), "%s", buf_text(&reply));
	cr_expect_eq(raw_ask(over, strlen(over)), CONTROL_USAGE);
	/* Nobody waits for the newline of a line that is too long already. */
	cr_expect_eq(raw_ask(over, strlen(over) - 1), CONTROL_USAGE);
}

#define TEN_BYTES "{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":10}]}\n"

Test(control, a_file_that_ends_early_runs_nothing)
{
	int fd = raw_open();

	raw_send(fd, TEN_BYTES "12345", strlen(TEN_BYTES) + 5);
	cr_assert_eq(shutdown(fd, SHUT_WR), 0);
	cr_expect_eq(raw_status(fd, NULL, 0), -1, "half a request was answered");
	fd = raw_open();
	raw_send(fd, TEN_BYTES "12345", strlen(TEN_BYTES) + 5);
	close(fd);
	cr_expect_eq(count_of("handled"), 0);
}

Test(control, what_comes_after_the_request_is_ignored)
{
	_cleanup_buf_ struct buf reply = { 0 };
	int fd = raw_open();

	raw_send(fd, TEN_BYTES "1234567890{\"schema\":1,\"command\":\"change\"}\n", strlen(TEN_BYTES) + 43);
	raw_receive(fd, &reply);
	close(fd);
	cr_expect_not_null(strstr(buf_text(&reply), "\"size\":10,"), "%s", buf_text(&reply));
	cr_expect_eq(count_of("handled"), 1);
}

/* Byte by byte is a request like any other. */
Test(control, pieces_make_a_request)
{
	static const char request[] = TEN_BYTES "1234567890";
	_cleanup_buf_ struct buf reply = { 0 };
	int fd = raw_open();

	for (size_t i = 0; i < strlen(request); i++)
		raw_send(fd, request + i, 1);
	cr_assert_eq(shutdown(fd, SHUT_WR), 0, "a client may say that it has no more to ask");
	raw_receive(fd, &reply);
	close(fd);
	cr_expect_not_null(strstr(buf_text(&reply), "\"sum\":525,"), "%s", buf_text(&reply));
}

static uint64_t elapsed_ms(uint64_t since)
{
	return (clock_boot_ns() - since) / 1000000;
}

/* Waits up to `ms`; true if the server answered or closed. */
static bool answered_within(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

Test(control, who_does_not_ask_is_let_go_after_five_seconds)
{
	int idle = raw_open(), drip = raw_open(), half = raw_open();
	uint64_t start = clock_boot_ns();
	char message[128];

	raw_send(half, TEN_BYTES "123", strlen(TEN_BYTES) + 3);
	/* A byte now and then buys no time. */
	while (!answered_within(drip, 100)) {
		raw_send(drip, "x", 1);
		cr_assert_lt(elapsed_ms(start), DEADLINE_MS, "the drip was not let go");
	}
	cr_expect_gt(elapsed_ms(start), 4500, "%llu ms", (unsigned long long)elapsed_ms(start));
	cr_expect_eq(raw_status(drip, message, sizeof(message)), CONTROL_ERROR);
	cr_expect_not_null(strstr(message, "not finished in time"), "%s", message);
	cr_expect_eq(raw_status(idle, NULL, 0), CONTROL_ERROR);
	cr_expect_eq(raw_status(half, NULL, 0), CONTROL_ERROR);
	cr_expect_lt(elapsed_ms(start), DEADLINE_MS);
	cr_expect_eq(count_of("handled"), 0);
}

/* 13 MiB in 6.5 s: late, but its bytes keep flowing. */
Test(control, a_large_file_has_its_time)
{
	static const char head[] = "{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":13631488}]}\n";
	_cleanup_free_ char *half = calloc(1, MIB / 2);
	_cleanup_buf_ struct buf reply = { 0 };
	int fd = raw_open();

	raw_send(fd, head, strlen(head));
	for (int i = 0; i < 26; i++) {
		raw_send(fd, half, MIB / 2);
		cr_assert(!answered_within(fd, 250) || i == 25, "answered after %d halves", i);
	}
	raw_receive(fd, &reply);
	close(fd);
	cr_expect_not_null(strstr(buf_text(&reply), "\"size\":13631488,"), "%s", buf_text(&reply));
}

Test(control, a_refusal_reaches_who_is_still_sending)
{
	_cleanup_free_ char *large = calloc(60, MIB);
	struct control_file file = { (char *)"a", large, 60 * MIB };
	_cleanup_reply_ struct reply r = ask("nothing-like-it", NULL, &file, 1);

	cr_expect_eq(r.status, CONTROL_USAGE);
	cr_expect_not_null(r.message);
}

Test(control, requests_that_are_too_large_are_not_sent)
{
	struct control_file files[] = { { (char *)"a", (char *)"", CONTROL_MAX_FILES }, { (char *)"b", (char *)"x", 1 } };
	struct control_call *call = call_open();
	_cleanup_free_ char *text = calloc(1, CONTROL_MAX_LINE + 1);

	memset(text, 'x', CONTROL_MAX_LINE);
	cr_expect_eq(control_send(call, "echo", NULL, files, 2), -EFBIG);
	cr_expect_eq(control_send(call, "echo", json_pack("{s:s}", "a", text), NULL, 0), -EFBIG);
	control_close(call);
}

Test(control, files_of_requests_under_way_are_bounded)
{
	static const char head[] = "{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":83886080}]}\n";
	uint64_t end = clock_boot_ns() + DEADLINE_MS * 1000000ULL;
	struct reply r;
	int fd[2];

	for (int i = 0; i < 2; i++) {
		fd[i] = raw_open();
		raw_send(fd[i], head, strlen(head));
	}
	/* Asked without files it answers only after both headers were read. */
	cr_expect_eq(count_of("handled"), 0);
	cr_expect_eq(raw_ask(TEN_BYTES, strlen(TEN_BYTES)), CONTROL_UNREACHABLE);
	close(fd[0]);
	close(fd[1]);
	do {
		r = ask("echo", NULL, &(struct control_file){ (char *)"a", (char *)"x", 1 }, 1);
		reply_done(&r);
	} while (r.status == CONTROL_UNREACHABLE && clock_boot_ns() < end);
	cr_expect_eq(r.status, CONTROL_DONE, "the room was not given back");
}

Test(control, thirty_two_clients_and_no_more)
{
	int fd[32];
	uint64_t end;
	int status;

	for (int i = 0; i < 32; i++)
		fd[i] = raw_open();
	cr_expect_eq(raw_ask("{\"schema\":1,\"command\":\"counts\"}\n", 32), CONTROL_UNREACHABLE);
	for (int i = 0; i < 32; i++)
		close(fd[i]);
	end = clock_boot_ns() + DEADLINE_MS * 1000000ULL;
	do
		status = raw_ask("{\"schema\":1,\"command\":\"change\"}\n", 32);
	while (status == CONTROL_UNREACHABLE && clock_boot_ns() < end);
	cr_expect_eq(status, CONTROL_CONFLICT, "places were not given back");
}

Test(control, a_stream_comes_in_order_and_its_end_is_noticed)
{
	struct control_call *call = call_open();
	_cleanup_reply_ struct reply pushed = { 0 };
	enum control_status status;
	char *message;
	json_t *data;

	cr_assert_eq(control_send(call, "follow", NULL, NULL, 0), 0);
	cr_assert_eq(control_receive(call, &data, &status, &message), 1);
	json_decref(data);
	pushed = ask("push", json_pack("{s:i,s:i}", "n", 1000, "size", 100), NULL, 0);
	cr_expect_eq(json_integer_value(pushed.data), 1000);
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(control_receive(call, &data, &status, &message), 1);
		cr_assert_eq(json_integer_value(json_object_get(data, "n")), i);
		json_decref(data);
	}
	cr_expect_eq(count_of("gone"), 0);
	control_close(call);
	expect_count("gone", 1);
}

Test(control, a_stream_that_the_daemon_ends_has_a_status)
{
	struct control_call *call = call_open();
	_cleanup_reply_ struct reply finished = { 0 }, r = { 0 };

	cr_assert_eq(control_send(call, "follow", NULL, NULL, 0), 0);
	finished = ask("finish", NULL, NULL, 0);
	r = fetch(call);
	cr_expect_eq(r.status, CONTROL_REVERTED);
	cr_expect_str_eq(r.message, "finished");
	control_close(call);
	cr_expect_eq(count_of("gone"), 0, "gone is not called for a client that was ended");
}

Test(control, who_does_not_read_a_stream_is_let_go)
{
	struct control_call *reads = call_open(), *sleeps = call_open();
	_cleanup_reply_ struct reply r = { 0 };
	enum control_status status;
	char *message = NULL;
	json_t *data;
	int n;

	cr_assert_eq(control_send(sleeps, "follow", NULL, NULL, 0), 0);
	expect_count("gone", 0);
	for (int i = 0; i < 3; i++) {
		_cleanup_reply_ struct reply pushed = ask("push", json_pack("{s:i,s:i}", "n", 1, "size", MIB), NULL, 0);

		cr_expect_eq(json_integer_value(pushed.data), 1, "document %d: three MiB may wait", i);
	}
	r = ask("push", json_pack("{s:i,s:i}", "n", 3, "size", MIB), NULL, 0);
	cr_expect_lt(json_integer_value(r.data), 3, "six MiB may not");
	expect_count("gone", 1);
	while ((n = control_receive(sleeps, &data, &status, &message)) == 1)
		json_decref(data);
	cr_expect_eq(n, -ECONNRESET, "a stream that was broken off ends with an error: %d", n);
	control_close(sleeps);

	cr_assert_eq(control_send(reads, "follow", NULL, NULL, 0), 0);
	cr_expect_eq(control_receive(reads, &data, &status, &message), 1, "others go on");
	json_decref(data);
	control_close(reads);
}

Test(control, a_large_answer_waits_for_its_client)
{
	struct control_call *call = call_open();
	_cleanup_reply_ struct reply r = { 0 };

	cr_assert_eq(control_send(call, "big", json_pack("{s:i,s:i}", "n", 4, "size", 8 * MIB), NULL, 0), 0);
	cr_expect_eq(count_of("gone"), 0, "others are served meanwhile");
	r = fetch(call);
	cr_expect_eq(r.documents, 4);
	cr_expect_eq(r.status, CONTROL_DONE);
	control_close(call);
}

Test(control, who_has_no_more_to_ask_still_gets_a_large_answer)
{
	static const char request[] = "{\"schema\":1,\"command\":\"big\",\"args\":{\"n\":2,\"size\":4194304}}\n";
	_cleanup_buf_ struct buf reply = { 0 };
	int fd = raw_open();

	raw_send(fd, request, strlen(request));
	cr_assert_eq(shutdown(fd, SHUT_WR), 0);
	cr_expect_eq(count_of("gone"), 0, "the server has noticed by now");
	raw_receive(fd, &reply);
	close(fd);
	cr_expect_gt(reply.size, 8 * MIB);
	cr_expect_not_null(strstr(buf_text(&reply) + reply.size - 64, "\"done\":true,\"status\":0"));
}

Test(control, an_answer_without_end_is_broken_off)
{
	struct control_call *call = call_open();
	enum control_status status;
	char *message = NULL;
	json_t *data;
	int n;

	cr_assert_eq(control_send(call, "big", json_pack("{s:i,s:i}", "n", 1000, "size", 8 * MIB), NULL, 0), 0);
	while ((n = control_receive(call, &data, &status, &message)) == 1)
		json_decref(data);
	cr_expect_eq(n, -ECONNRESET);
	control_close(call);
	cr_expect_eq(count_of("gone"), 0);
}

Test(control, who_goes_before_the_answer_does_no_harm)
{
	for (int i = 0; i < 20; i++) {
		struct control_call *call = call_open();

		cr_assert_eq(control_send(call, "big", json_pack("{s:i,s:i}", "n", 1, "size", MIB), NULL, 0), 0);
		control_close(call);
	}
	cr_expect_eq(count_of("gone"), 0);
}

Test(control, a_daemon_that_dies_is_an_error_to_its_clients)
{
	struct control_call *call = call_open();
	enum control_status status;
	char *message = NULL;
	json_t *data;
	int ignored;

	cr_assert_eq(control_send(call, "follow", NULL, NULL, 0), 0);
	cr_assert_eq(control_receive(call, &data, &status, &message), 1);
	json_decref(data);
	kill(server_pid, SIGKILL);
	waitpid(server_pid, &ignored, 0);
	cr_expect_eq(control_receive(call, &data, &status, &message), -ECONNRESET);
	control_close(call);
	cr_expect_eq(access(path, F_OK), 0, "a killed daemon leaves its socket");
	start_server(); /* and the next one takes its place */
	cr_expect_eq(count_of("gone"), 0);
}

Test(control, random_bytes_do_no_harm)
{
	unsigned int seed = 20261122;

	for (int round = 0; round < 100; round++) {
		char noise[2048];
		int fd = raw_open();

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)rand_r(&seed);
		raw_send(fd, noise, (size_t)rand_r(&seed) % sizeof(noise));
		close(fd);
	}
	cr_expect_eq(count_of("handled"), 0, "seed 20261122");
}

/* Who may. A child takes another identity; its exit status is the status it got. */

static int as(uid_t uid, gid_t gid, gid_t extra, const char *request)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (setgroups(extra ? 1 : 0, &extra) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(100);
		_exit(raw_ask(request, strlen(request)) & 0xff);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define SILENT "{\"schema\":1,\"command\":\"silent\"}\n" /* answers ERROR */
#define CHANGE "{\"schema\":1,\"command\":\"change\"}\n" /* answers CONFLICT */
#define UNKNOWN "{\"schema\":1,\"command\":\"x\"}\n"

/* An /etc/group of our own, seen by this process and the server only. */
static void setup_readers(void)
{
	static const char groups[] = "root:x:0:\ncordon-read:x:54321:\n";
	_cleanup_free_ char *file = NULL;

	make_folder();
	if (getuid())
		return;
	file = format_text("%s/group", folder);
	cr_assert_eq(file_write(file, groups, strlen(groups), 0644), 0);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	/* In a chroot / is no mount point, and EINVAL says so; whoever made it chose the propagation. */
	cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL);
	cr_assert_eq(mount(file, "/etc/group", NULL, MS_BIND, NULL), 0);
	start_server();
}

static void teardown_readers(void)
{
	if (getuid())
		remove_folder();
	else
		teardown();
}

TestSuite(rights, .init = setup_readers, .fini = teardown_readers, .timeout = 60);

Test(rights, the_socket_is_for_root_and_readers)
{
	struct stat st;

	if (getuid())
		cr_skip_test("needs root");
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	cr_expect_eq(st.st_gid, READERS_GID);
	cr_expect_eq(st.st_uid, 0);
}

Test(rights, by_uid_and_group)
{
	static const struct {
		const char *name;
		uid_t uid;
		gid_t gid, extra;
		int reads, changes, unknown;
	} cases[] = {
		{ "root", 0, 0, 0, CONTROL_ERROR, CONTROL_CONFLICT, CONTROL_USAGE },
		{ "a reader", STRANGER_UID, STRANGER_UID, READERS_GID, CONTROL_ERROR, CONTROL_NOT_PERMITTED, CONTROL_USAGE },
		{ "a reader by primary group", STRANGER_UID, READERS_GID, 0, CONTROL_ERROR, CONTROL_NOT_PERMITTED, CONTROL_USAGE },
		{ "a stranger", STRANGER_UID, STRANGER_UID, 0, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED },
		{ "in another group", STRANGER_UID, STRANGER_UID, 54322, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED },
		{ "in root's group", STRANGER_UID, 0, 0, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED, CONTROL_NOT_PERMITTED },
	};

	if (getuid())
		cr_skip_test("needs root");
	/* As if the file's rights were lost: the daemon itself must say no. */
	cr_assert_eq(chmod(path, 0666), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_expect_eq(as(cases[i].uid, cases[i].gid, cases[i].extra, SILENT), cases[i].reads, "%s reads", cases[i].name);
		cr_expect_eq(as(cases[i].uid, cases[i].gid, cases[i].extra, CHANGE), cases[i].changes, "%s changes", cases[i].name);
		cr_expect_eq(as(cases[i].uid, cases[i].gid, cases[i].extra, UNKNOWN), cases[i].unknown, "%s asks nonsense", cases[i].name);
	}
	cr_expect_eq(count_of("handled"), 1, "only root's change was handled");
}

Test(rights, a_stranger_does_not_get_as_far_as_the_daemon)
{
	pid_t child;
	int status;

	if (getuid())
		cr_skip_test("needs root");
	child = fork();
	if (!child) {
		_cleanup_free_ char *reason = NULL;
		struct control_call *call;

		if (setgroups(0, NULL) || setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID) || setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID))
			_exit(100);
		_exit(control_connect(path, &call, &reason) == -EACCES && reason && strstr(reason, "cordon-read") ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Sixteen places and one request's room for files: whatever readers do, root is served. */
Test(rights, readers_leave_room_for_root)
{
	static const char head[] = "{\"schema\":1,\"command\":\"echo\",\"files\":[{\"name\":\"a\",\"size\":83886080}]}\n";
	_cleanup_free_ char *large = NULL;
	struct control_file file;
	int ends[2], status, last;
	pid_t child;

	if (getuid())
		cr_skip_test("needs root");
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	child = fork();
	if (!child) {
		gid_t readers = READERS_GID;
		int fd[16];
		char result;

		close(ends[0]);
		if (setgroups(1, &readers) || setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID) || setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID))
			_exit(100);
		for (int i = 0; i < 16; i++)
			fd[i] = raw_open();
		raw_send(fd[0], head, strlen(head));
		result = (char)raw_ask(SILENT, strlen(SILENT));
		if (write(ends[1], &result, 1) != 1)
			_exit(101);
		/* Holds all until the parent is done. */
		_exit(read(ends[1], &result, 1) == 0 ? 0 : 102);
	}
	close(ends[1]);
	{
		char result = 0;

		cr_assert_eq(read(ends[0], &result, 1), 1);
		last = result;
	}
	cr_expect_eq(last, CONTROL_UNREACHABLE, "the seventeenth reader");
	large = calloc(80, MIB);
	file = (struct control_file){ (char *)"a", large, CONTROL_MAX_FILES };
	{
		_cleanup_reply_ struct reply r = ask("echo", NULL, &file, 1);

		cr_expect_eq(r.status, CONTROL_DONE, "root was refused: %s", r.message);
	}
	close(ends[0]);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", (unsigned int)status);
}

/* The socket's file. */

static int listen_here(struct control_server **ret, struct event_base **ret_base, char **ret_why)
{
	*ret_base = event_base_new();
	return control_server_new(*ret_base, path, commands, ARRAY_SIZE(commands), NULL, ret, ret_why);
}

static void expect_no_server(int error, const char *words)
{
	_cleanup_free_ char *reason = NULL;
	struct control_server *server = NULL;
	struct event_base *base;

	cr_expect_eq(listen_here(&server, &base, &reason), error);
	cr_expect_null(server);
	cr_assert_not_null(reason);
	cr_expect_not_null(strstr(reason, words), "%s", reason);
	event_base_free(base);
}

Test(control, one_daemon_a_socket)
{
	expect_no_server(-EADDRINUSE, "another cordond");
	cr_expect_eq(count_of("gone"), 0, "the first goes on");
}

TestSuite(socket, .init = make_folder, .fini = remove_folder);

Test(socket, only_a_socket_is_replaced)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	cr_assert_eq(file_write(path, "precious", 8, 0600), 0);
	expect_no_server(-EEXIST, "in the way");
	cr_assert_eq(file_read(path, 100, &text, &size), 0);
	cr_expect_str_eq(text, "precious");
}

Test(socket, errors_have_reasons)
{
	strcat(path, "/no/such");
	expect_no_server(-ENOENT, path);
	memset(path, 'a', sizeof(path) - 1);
	cr_expect_eq(strlen(path), sizeof(path) - 1);
	{
		_cleanup_free_ char *longer = format_text("/%s/%s", path, path), *reason = NULL;
		struct event_base *base = event_base_new();
		struct control_server *server;

		cr_expect_eq(control_server_new(base, longer, commands, 1, NULL, &server, &reason), -ENAMETOOLONG);
		cr_expect_not_null(reason);
		event_base_free(base);
	}
}

Test(socket, what_another_made_in_its_place_is_left_alone)
{
	struct control_server *server;
	struct event_base *base;

	cr_assert_eq(listen_here(&server, &base, NULL), 0);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(file_write(path, "", 0, 0600), 0);
	control_server_free(server);
	event_base_free(base);
	cr_expect_eq(access(path, F_OK), 0);
}

Test(socket, nobody_there)
{
	_cleanup_free_ char *missing = NULL, *refused = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control_call *call = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_expect_eq(control_connect(path, &call, &missing), -ENOENT);
	cr_expect_not_null(strstr(missing, "is cordond running?"), "%s", missing);
	strcpy(address.sun_path, path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	cr_expect_eq(control_connect(path, &call, &refused), -ECONNREFUSED);
	cr_expect_not_null(strstr(refused, path), "%s", refused);
	cr_expect_null(call);
}

/* A daemon of another kind: whatever it says, the client says no more than that it does not understand. */
Test(socket, answers_that_are_none)
{
	static const struct {
		const char *answer;
		int result;
	} cases[] = {
		{ "nonsense\n", -EPROTO },
		{ "[]\n", -EPROTO },
		{ "\n", -EPROTO },
		{ "{\"schema\":2,\"done\":true,\"status\":0}\n", -EPROTO },
		{ "{\"schema\":1}\n", -EPROTO },
		{ "{\"schema\":1,\"done\":true}\n", -EPROTO },
		{ "{\"schema\":1,\"done\":true,\"status\":0}", -ECONNRESET },
		{ "", -ECONNRESET },
		{ "{\"schema\":1,\"done\":true,\"status\":0}\n", 0 },
		{ "{\"schema\":1,\"data\":null}\n", 1 },
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct control_call *call = call_open();
		enum control_status status = 99;
		char *message = (char *)"";
		json_t *data = NULL;
		int fd = accept(listener, NULL, NULL);

		raw_send(fd, cases[i].answer, strlen(cases[i].answer));
		close(fd);
		cr_expect_eq(control_receive(call, &data, &status, &message), cases[i].result, "'%s'", cases[i].answer);
		if (!cases[i].result) {
			cr_expect_eq(status, CONTROL_DONE);
			cr_expect_null(message);
		} else {
			cr_expect_eq(status, 99, "the result was touched");
		}
		json_decref(data);
		control_close(call);
	}
	close(listener);
}
