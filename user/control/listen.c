/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "protocol.h"

int control_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static bool somebody_listens(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Only a refusal says that nobody is there: a full backlog, or no rights, is somebody. */
	return fd < 0 || !connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno != ECONNREFUSED;
}

/* What a daemon that was killed leaves behind. */
static int stale_remove(const struct sockaddr_un *address, char **ret_why)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : why(ret_why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return why(ret_why, -EEXIST, "%s is in the way: it is not a socket", path);
	if (somebody_listens(address))
		return why(ret_why, -EADDRINUSE, "%s: another cordond listens there", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return why(ret_why, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/*
 * Rights are set before the first connection is possible. Where the group does not exist, or this process may not give it,
 * root is alone.
 */
static int listen_with_rights(int fd, const char *path)
{
	gid_t readers;

	if (chmod(path, 0660) < 0)
		return -errno;
	if (!control_group(&readers) && chown(path, (uid_t)-1, readers) < 0 && errno != EPERM)
		return -errno;
	return listen(fd, CONTROL_BACKLOG) < 0 ? -errno : 0;
}

int control_listen(const char *path, int *ret_fd, char **ret_why)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	int r;

	if (control_address(path, &address))
		return why(ret_why, -ENAMETOOLONG, "%s: the path of a socket has at most %zu bytes", path, sizeof(address.sun_path) - 1);
	r = stale_remove(&address, ret_why);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return why(ret_why, -errno, "%s: %s", path, strerror(errno));
	r = listen_with_rights(fd, path);
	if (r) {
		unlink(path);
		return why(ret_why, r, "%s: %s", path, strerror(-r));
	}
	*ret_fd = take_fd(fd);
	return 0;
}
