/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "kernel.h"

static const char *const folders[] = {"maps", "progs", "links"};

/* Made anew with every load: they hold one packet, or the answer of a test run. */
static const char *const private_maps[] = {"scratch", "trace_out", "walked"};

char *pin_path(const char *bpffs, const char *folder, const char *name)
{
	return format_text("%s/%s/%s", bpffs, folder, name);
}

char *pin_path_link(const char *bpffs, const char *hook, uint32_t port)
{
	return format_text("%s/links/%s-%u", bpffs, hook, port);
}

static bool is_on_bpffs(const char *path)
{
	struct statfs at;

	return statfs(path, &at) == 0 && at.f_type == BPF_FS_MAGIC;
}

/* The nearest folder above that exists must be on a bpffs: mkdir on another file system would succeed and pinning fail. */
static int above_is_bpffs(const char *path)
{
	_cleanup_free_ char *up = strdup(path);

	if (!up)
		return -ENOMEM;
	while (access(up, F_OK) < 0) {
		char *slash = strrchr(up, '/');

		if (!slash || slash == up)
			return 0;
		*slash = 0;
	}
	return is_on_bpffs(up);
}

int pins_prepare(const char *bpffs, char **ret_why)
{
	int r = above_is_bpffs(bpffs);

	if (r < 0)
		return r;
	if (r == 0)
		return why(ret_why, -EINVAL, "%s is not on a bpf file system, so nothing could outlive this process: mount -t bpf bpf /sys/fs/bpf", bpffs);
	r = dir_make(bpffs, 0700);
	if (r == 0 && chmod(bpffs, 0700) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = format_text("%s/%s", bpffs, folders[i]);

		r = path ? dir_make(path, 0700) : -ENOMEM;
	}
	return r < 0 ? why(ret_why, r, "making the pin folder %s: %s", bpffs, strerror(-r)) : 0;
}

static int link_name_parse(const char *name, char ret_hook[4], uint32_t *ret_port)
{
	char tail;

	if (sscanf(name, "%3[a-z]-%u%c", ret_hook, ret_port, &tail) != 2)
		return -EINVAL;
	return *ret_port && *ret_port < CORDON_MAX_PORTS ? 0 : -EINVAL;
}

int pins_each_link(const char *bpffs, int (*each)(void *ctx, const char *hook, uint32_t port), void *ctx)
{
	_cleanup_free_ char *path = format_text("%s/links", bpffs);
	char **names = NULL;
	size_t n = 0;
	int r;

	if (!path)
		return -ENOMEM;
	r = dir_list(path, "", &names, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char hook[4];
		uint32_t port;

		if (link_name_parse(names[i], hook, &port) == 0)
			r = each(ctx, hook, port);
	}
	strv_free(names, n);
	return r == -ENOENT ? 0 : r;
}

static int link_found(void *ctx, const char *hook, uint32_t port)
{
	(void)hook;
	(void)port;
	*(bool *)ctx = true;
	return 0;
}

bool pins_have_links(const char *bpffs)
{
	bool found = false;

	/* Unreadable is not empty: then assume that something is enforced. */
	return pins_each_link(bpffs, link_found, &found) < 0 || found;
}

bool pins_keep_map(const struct bpf_map *map)
{
	for (size_t i = 0; i < ARRAY_SIZE(private_maps); i++)
		if (!strcmp(bpf_map__name(map), private_maps[i]))
			return false;
	return !bpf_map__is_internal(map);
}

bool pin_leads_to(const char *path, int fd)
{
	/* Maps, programs and links alike begin with type and id. */
	struct bpf_map_info ours, theirs;
	_cleanup_close_ int pinned = kernel_open_pin(path);

	return pinned >= 0 && kernel_map_info(fd, &ours) == 0 && kernel_map_info(pinned, &theirs) == 0 && ours.type == theirs.type &&
	       ours.id == theirs.id;
}

int pin_put(int fd, const char *path)
{
	int r;

	if (!path)
		return -ENOMEM;
	if (pin_leads_to(path, fd))
		return 0;
	r = access(path, F_OK) == 0 ? kernel_repin(fd, path) : kernel_pin(fd, path);
	return r < 0 ? r : 1;
}

int pins_put_maps(const char *bpffs, struct bpf_object *object, char **ret_why)
{
	struct bpf_map *map;
	int put = 0;

	bpf_object__for_each_map(map, object) {
		_cleanup_free_ char *path = pin_path(bpffs, "maps", bpf_map__name(map));
		int r;

		if (!pins_keep_map(map))
			continue;
		r = pin_put(bpf_map__fd(map), path);
		if (r < 0)
			return why(ret_why, r, "pinning map %s: %s", bpf_map__name(map), strerror(-r));
		put += r;
	}
	return put;
}

static void folder_clear(const char *bpffs, const char *folder)
{
	_cleanup_free_ char *path = format_text("%s/%s", bpffs, folder);
	char **names = NULL;
	size_t n = 0;

	if (!path || dir_list(path, "", &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *pin = format_text("%s/%s", path, names[i]);

		if (pin)
			kernel_unpin(pin);
	}
	strv_free(names, n);
}

void pins_clear(const char *bpffs)
{
	/* Programs first: maps without programs are made anew at the next start, programs without maps would be asked why. */
	folder_clear(bpffs, "progs");
	folder_clear(bpffs, "maps");
}
