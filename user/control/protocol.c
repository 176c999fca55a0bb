/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "protocol.h"

void control_header_done(struct control_header *h)
{
	for (size_t i = 0; i < h->n_files; i++) {
		free(h->files[i].name);
		free(h->files[i].text);
	}
	free(h->files);
	json_decref(h->line);
	*h = (struct control_header){ 0 };
}

static int file_parse(json_t *item, size_t room, struct control_file *ret, char **ret_why)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	json_t *size = json_object_get(item, "size");

	if (!name || !json_is_integer(size) || json_integer_value(size) < 0)
		return why(ret_why, -EINVAL, "a file of the request needs \"name\" and \"size\"");
	if ((unsigned long long)json_integer_value(size) > room)
		return why(ret_why, -EFBIG, "the files of a request may have %u MiB together", CONTROL_MAX_FILES >> 20);
	ret->name = strdup(name);
	if (!ret->name)
		return -ENOMEM;
	ret->size = (size_t)json_integer_value(size);
	return 0;
}

static int files_parse(json_t *list, struct control_header *h, char **ret_why)
{
	json_t *item;
	size_t i;

	if (!list)
		return 0;
	if (!json_is_array(list))
		return why(ret_why, -EINVAL, "\"files\" is not a list");
	h->files = calloc(json_array_size(list) + 1, sizeof(*h->files));
	if (!h->files)
		return -ENOMEM;
	json_array_foreach(list, i, item) {
		int r = file_parse(item, CONTROL_MAX_FILES - h->files_size, &h->files[i], ret_why);

		if (r)
			return r;
		h->n_files++;
		h->files_size += h->files[i].size;
	}
	return 0;
}

static int header_fill(struct control_header *h, char **ret_why)
{
	if (!json_is_object(h->line))
		return why(ret_why, -EINVAL, "a request is one line of JSON, an object");
	if (json_integer_value(json_object_get(h->line, "schema")) != CONTROL_SCHEMA)
		return why(ret_why, -EINVAL, "\"schema\" is not %d: client and daemon are of different versions", CONTROL_SCHEMA);
	h->command = json_string_value(json_object_get(h->line, "command"));
	if (!h->command)
		return why(ret_why, -EINVAL, "the request has no \"command\"");
	h->args = json_object_get(h->line, "args");
	if (!h->args) {
		h->args = json_object();
		if (!h->args || json_object_set_new(h->line, "args", h->args))
			return -ENOMEM;
	}
	if (!json_is_object(h->args))
		return why(ret_why, -EINVAL, "\"args\" is not an object");
	return files_parse(json_object_get(h->line, "files"), h, ret_why);
}

int control_header_parse(const char *line, size_t size, struct control_header *ret, char **ret_why)
{
	struct control_header h = { 0 };
	json_error_t error;
	int r;

	h.line = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	if (!h.line)
		return why(ret_why, -EINVAL, "a request is one line of JSON: %s", error.text);
	r = header_fill(&h, ret_why);
	if (r) {
		control_header_done(&h);
		return r;
	}
	*ret = h;
	return 0;
}
