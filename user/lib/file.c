/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "cleanup.h"
#include "failpoint.h"
#include "file.h"

/* Reads on until the end, or -EFBIG at the first byte over the limit. */
static int read_all(int fd, size_t limit, struct buf *b)
{
	char block[16384];

	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return buf_add(b, "", 0);
		if ((size_t)n > limit - b->size)
			return -EFBIG;
		r = buf_add(b, block, (size_t)n);
		if (r)
			return r;
	}
}

int file_read(const char *path, size_t limit, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_buf_ struct buf b = { 0 };
	struct stat st;
	int r = failpoint("file");

	if (r)
		return r;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return -EINVAL;
	if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > limit)
		return -EFBIG;

	r = read_all(fd, limit, &b);
	if (r)
		return r;
	*ret_size = b.size;
	*ret = take_ptr(b.data);
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = NULL;
	_cleanup_close_ int fd = -1;

	if (failpoint("file"))
		return -EIO;
	folder = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int write_beside(int fd, const char *beside, const char *path, const void *data, size_t size, mode_t mode)
{
	int r = failpoint("file");

	if (!r)
		r = write_all(fd, data, size);
	if (!r)
		r = failpoint("file");
	if (r)
		return r;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(beside, path) < 0)
		return -errno;
	return 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode)
{
	_cleanup_free_ char *beside = format_text("%s.XXXXXX", path);
	_cleanup_close_ int fd = -1;
	int r;

	if (!beside)
		return -ENOMEM;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_beside(fd, beside, path, data, size, mode);
	if (r) {
		unlink(beside);
		return r;
	}
	return sync_folder_of(path);
}

static int dir_make_one(const char *path, mode_t mode)
{
	struct stat st;
	int r = failpoint("file");

	if (r)
		return r;
	if (!mkdir(path, mode))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make(const char *path, mode_t mode)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *slash = strchr(part + 1, '/'); *path && slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = dir_make_one(part, mode);
		if (r)
			return r;
		*slash = '/';
	}
	return dir_make_one(path, mode);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t size = strlen(name), suffix_size = strlen(suffix);

	return size >= suffix_size && !strcmp(name + size - suffix_size, suffix);
}

/* Adds a copy; `capacity` grows by doubling. */
static int strv_add(char ***names, size_t *n, size_t *capacity, const char *name)
{
	if (*n == *capacity) {
		size_t more = *capacity ? 2 * *capacity : 16;
		char **bigger = reallocarray(*names, more, sizeof(**names));

		if (!bigger)
			return -ENOMEM;
		*names = bigger;
		*capacity = more;
	}
	(*names)[*n] = strdup(name);
	if (!(*names)[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

static int dir_read(DIR *dir, const char *suffix, char ***names, size_t *n)
{
	size_t capacity = 0;

	for (;;) {
		struct dirent *entry;
		int r;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || !ends_in(entry->d_name, suffix))
			continue;
		r = strv_add(names, n, &capacity, entry->d_name);
		if (r)
			return r;
	}
}

int dir_list(const char *path, const char *suffix, char ***ret, size_t *ret_n)
{
	int r = failpoint("file");
	DIR *dir = r ? NULL : opendir(path);
	char **names = NULL;
	size_t n = 0;

	if (!dir)
		return r ? r : -errno;
	r = dir_read(dir, suffix, &names, &n);
	closedir(dir);
	if (r) {
		strv_free(names, n);
		return r;
	}
	if (n)
		qsort(names, n, sizeof(*names), by_text);
	*ret = names;
	*ret_n = n;
	return 0;
}

void strv_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}
