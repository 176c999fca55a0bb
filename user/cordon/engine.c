/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <string.h>

#include "../config/config.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"

static void cleanup_call(struct control_call **call)
{
	if (*call)
		control_close(*call);
}

/* The socket's path to free, by gateway.yaml; without that file by the defaults. */
static enum control_status socket_path(const struct invocation *inv, char **ret)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {};
	int r = config_load(inv->config, &d, &config);

	if (r == -ENOENT && !inv->config_named)
		config = config_default();
	else
		diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	if (!config)
		return complain(inv, r == -EACCES || r == -EPERM ? CONTROL_NOT_PERMITTED : CONTROL_ERROR, "cannot use %s: %s",
				inv->config, strerror(r ? -r : ENOMEM));
	*ret = format_text("%s/cordon.sock", config->run);
	config_free(config);
	return *ret ? CONTROL_DONE : complain(inv, CONTROL_ERROR, "out of memory");
}

static enum control_status connect_engine(const struct invocation *inv, struct control_call **ret)
{
	_cleanup_free_ char *path = NULL, *message = NULL;
	enum control_status status = socket_path(inv, &path);
	int r;

	if (status != CONTROL_DONE)
		return status;
	r = control_connect(path, ret, &message);
	if (r >= 0)
		return CONTROL_DONE;
	if (r == -EACCES || r == -EPERM)
		return complain(inv, CONTROL_NOT_PERMITTED, "%s: permission denied: ask as root or as a member of the group cordon-read", path);
	return complain(inv, CONTROL_UNREACHABLE, "the daemon is not reachable at %s (%s): start cordond, or name its gateway.yaml with -c", path,
			message ? message : strerror(-r));
}

static int send_request(struct control_call *call, const struct engine_request *request)
{
	_cleanup_free_ struct control_file *files = calloc(request->n_sources + 1, sizeof(*files));

	if (!files) {
		json_decref(request->args);
		return -ENOMEM;
	}
	for (size_t i = 0; i < request->n_sources; i++)
		files[i] = (struct control_file){(char *)request->sources[i].name, (char *)request->sources[i].text, request->sources[i].size};
	return control_send(call, request->command, request->args, files, request->n_sources);
}

/* Whether `document` holds diagnostics; they are told here. *errors counts those that are no warnings. */
static bool tell_diagnostics(const json_t *document, size_t *errors)
{
	const json_t *list = json_object_get(document, "diagnostics"), *item;
	size_t i;

	if (!list)
		return false;
	json_array_foreach(list, i, item) {
		bool warning = json_is_true(json_object_get(item, "warning"));

		fprintf(stderr, "%s:%lld:%lld: %s%s\n", field(item, "file"), (long long)json_integer_value(json_object_get(item, "line")),
			(long long)json_integer_value(json_object_get(item, "column")), warning ? "warning: " : "", field(item, "message"));
		*errors += !warning;
	}
	return true;
}

static enum control_status tell_end(const struct invocation *inv, const struct engine_request *request, enum control_status status,
				    const char *message, size_t errors)
{
	bool failed = status != CONTROL_DONE && status != CONTROL_WOULD_CHANGE && status != CONTROL_DEGRADED;

	if (failed && !errors)
		return complain(inv, status, "%s", message && *message ? message : "the daemon gave no reason");
	if (!failed && request->say && message && *message)
		puts(message);
	return status;
}

static enum control_status receive_all(const struct invocation *inv, const struct engine_request *request, struct control_call *call)
{
	_cleanup_free_ char *message = NULL;
	enum control_status status = CONTROL_ERROR;
	size_t errors = 0;
	int r;

	for (;;) {
		json_t *document = NULL;

		r = control_receive(call, &document, &status, &message);
		if (r <= 0)
			break;
		if (tell_diagnostics(document, &errors) || !request->each)
			r = 0;
		else
			r = request->each(request->ctx, document);
		json_decref(document);
		if (r < 0)
			return complain(inv, CONTROL_ERROR, "cannot write the output: %s", strerror(-r));
	}
	if (r < 0)
		return complain(inv, CONTROL_UNREACHABLE, "the daemon hung up: %s", strerror(-r));
	return tell_end(inv, request, status, message, errors);
}

enum control_status engine_ask(const struct invocation *inv, const struct engine_request *request)
{
	__attribute__((cleanup(cleanup_call))) struct control_call *call = NULL;
	enum control_status status = connect_engine(inv, &call);
	int r;

	if (status != CONTROL_DONE) {
		json_decref(request->args);
		return status;
	}
	r = send_request(call, request);
	if (r < 0)
		return complain(inv, CONTROL_ERROR, "cannot send the request: %s", strerror(-r));
	return receive_all(inv, request, call);
}

static int join(void *ctx, json_t *document)
{
	json_t **all = ctx, *value;
	const char *key;

	if (!*all) {
		*all = json_incref(document);
		return 0;
	}
	json_object_foreach(document, key, value) {
		json_t *list = json_object_get(*all, key);

		if (json_is_array(list) && json_is_array(value))
			json_array_extend(list, value);
		else
			json_object_set(*all, key, value);
	}
	return 0;
}

enum control_status engine_ask_one(const struct invocation *inv, const struct engine_request *request, json_t **ret)
{
	struct engine_request joined = *request;
	json_t *all = NULL;
	enum control_status status;

	joined.each = join;
	joined.ctx = &all;
	status = engine_ask(inv, &joined);
	*ret = all;
	return status;
}
