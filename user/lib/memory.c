/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "file.h"

#define MAX_FILE (1u << 20)

static char *text_read(const char *root, const char *path)
{
	_cleanup_free_ char *whole = format_text("%s%s", root, path);
	char *text = NULL;
	size_t size;

	return whole && file_read(whole, MAX_FILE, &text, &size) >= 0 ? text : NULL;
}

static uint64_t meminfo_total(const char *root)
{
	_cleanup_free_ char *text = text_read(root, "/proc/meminfo");
	const char *line = text ? strstr(text, "MemTotal:") : NULL;

	return line ? strtoull(line + strlen("MemTotal:"), NULL, 10) * 1024 : 0;
}

/* "max", or a file that is not there, is no limit; so is what version 1 writes for none, as it is above any MemTotal. */
static uint64_t limit_read(const char *root, const char *mount, const char *group, const char *file)
{
	_cleanup_free_ char *path = format_text("%s%s%s", mount, group, file);
	_cleanup_free_ char *text = path ? text_read(root, path) : NULL;
	char *end = NULL;
	uint64_t limit = text ? strtoull(text, &end, 10) : 0;

	return text && end != text && limit ? limit : UINT64_MAX;
}

/* A limit holds for all groups below it: the lowest on the way up. */
static uint64_t lowest_limit(const char *root, const char *mount, char *group, const char *file)
{
	uint64_t lowest = UINT64_MAX;

	for (char *slash;; *slash = '\0') {
		uint64_t limit = limit_read(root, mount, strcmp(group, "/") ? group : "", file);

		if (limit < lowest)
			lowest = limit;
		slash = strrchr(group, '/');
		if (!slash)
			return lowest;
	}
}

/* "0::/system.slice/x" is version 2; "5:memory:/x" and "5:cpu,memory:/x" are version 1. */
static uint64_t line_limit(const char *root, char *line)
{
	char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return UINT64_MAX;
	*group++ = '\0';
	controllers++;
	if (!*controllers)
		return lowest_limit(root, "/sys/fs/cgroup", group, "/memory.max");
	return strstr(controllers, "memory") ? lowest_limit(root, "/sys/fs/cgroup/memory", group, "/memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t memory_total(const char *root)
{
	_cleanup_free_ char *groups = text_read(root, "/proc/self/cgroup");
	uint64_t total = meminfo_total(root), lowest = UINT64_MAX;
	char *rest = NULL;

	for (char *line = groups ? strtok_r(groups, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t limit = line_limit(root, line);

		if (limit < lowest)
			lowest = limit;
	}
	return total && total < lowest ? total : lowest == UINT64_MAX ? total : lowest;
}
