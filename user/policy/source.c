/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "policy.h"

struct loading {
	struct policy_source *items;
	size_t n;
	size_t bytes;
};

static void loading_done(struct loading *l)
{
	policy_sources_free(l->items, l->n);
}

/* Takes `name`. */
static int load_file(struct loading *l, char *name, char **ret_why)
{
	_cleanup_free_ char *path = name, *text = NULL;
	struct policy_source *items;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read(path, POLICY_MAX_BYTES - l->bytes, &text, &size);
	if (r == -EFBIG)
		return why(ret_why, r, "%s: a policy may have %u MiB in all files together; this is more", path, POLICY_MAX_BYTES >> 20);
	if (r < 0)
		return why(ret_why, r, "%s: %s", path, strerror(-r));
	items = reallocarray(l->items, l->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->n++] = (struct policy_source){.name = take_ptr(path), .text = take_ptr(text), .size = size};
	l->bytes += size;
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static int load_names(struct loading *l, const char *path, char **names, size_t n, char **ret_why)
{
	size_t loaded = 0;

	for (size_t i = 0; i < n; i++) {
		int r;

		if (names[i][0] == '.' || !(ends_in(names[i], ".yaml") || ends_in(names[i], ".yml")))
			continue;
		r = load_file(l, format_text("%s/%s", path, names[i]), ret_why);
		if (r < 0)
			return r;
		loaded++;
	}
	if (loaded == 0)
		return why(ret_why, -ENOENT, "%s: no *.yaml or *.yml file in this folder", path);
	return 0;
}

static int load_folder(struct loading *l, const char *path, char **ret_why)
{
	char **names;
	size_t n;
	int r = dir_list(path, "", &names, &n);

	if (r < 0)
		return why(ret_why, r, "%s: %s", path, strerror(-r));
	r = load_names(l, path, names, n, ret_why);
	strv_free(names, n);
	return r;
}

int policy_load_path(const char *const *paths, size_t n, struct policy_source **ret, size_t *ret_n, char **ret_why)
{
	_cleanup_(loading_done) struct loading l = {0};

	for (size_t i = 0; i < n; i++) {
		struct stat st;
		int r;

		if (stat(paths[i], &st) < 0) {
			r = -errno;
			return why(ret_why, r, "%s: %s", paths[i], strerror(-r));
		}
		r = S_ISDIR(st.st_mode) ? load_folder(&l, paths[i], ret_why) : load_file(&l, strdup(paths[i]), ret_why);
		if (r < 0)
			return r;
	}
	*ret = take_ptr(l.items);
	*ret_n = l.n;
	l.n = 0;
	return 0;
}

void policy_sources_free(struct policy_source *sources, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)sources[i].name);
		free((char *)sources[i].text);
	}
	free(sources);
}
