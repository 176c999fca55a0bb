/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel tells user, process and groups of a peer as they were when it connected (SO_PEERCRED, SO_PEERGROUPS). The user
 * database is asked only for the group's number and, for those who may, a name for the audit log: nobody else can make the
 * engine wait for it.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/cleanup.h"
#include "protocol.h"

#define GROUP_SPACE (256u << 10) /* for the names of its members */
#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

int control_group(gid_t *ret)
{
	_cleanup_free_ char *space = malloc(GROUP_SPACE);
	struct group group, *found = NULL;

	if (!space || getgrnam_r(CONTROL_GROUP, &group, space, GROUP_SPACE, &found) || !found)
		return -ENOENT;
	*ret = found->gr_gid;
	return 0;
}

static bool peer_in_group(int fd, const struct ucred *peer, gid_t wanted)
{
	_cleanup_free_ gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
	socklen_t size = GROUPS_MAX * sizeof(*groups);

	if (peer->gid == wanted)
		return true;
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static enum control_access peer_access(int fd, const struct ucred *peer)
{
	gid_t readers;

	if (peer->uid == 0 || peer->uid == geteuid())
		return CONTROL_ACCESS_CHANGE;
	if (!control_group(&readers) && peer_in_group(fd, peer, readers))
		return CONTROL_ACCESS_READ;
	return CONTROL_ACCESS_NONE;
}

static void peer_name(uid_t uid, char *text, size_t size)
{
	char space[4096];
	struct passwd entry, *found = NULL;

	if (uid == 0)
		snprintf(text, size, "root");
	else if (!getpwuid_r(uid, &entry, space, sizeof(space), &found) && found)
		snprintf(text, size, "%s", found->pw_name);
	else
		snprintf(text, size, "uid %u", uid);
}

int control_peer_of(int fd, struct control_peer *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret = (struct control_peer){ .uid = peer.uid, .pid = peer.pid, .access = peer_access(fd, &peer) };
	if (ret->access == CONTROL_ACCESS_NONE)
		snprintf(ret->who, sizeof(ret->who), "uid %u", peer.uid);
	else
		peer_name(peer.uid, ret->who, sizeof(ret->who));
	return 0;
}
