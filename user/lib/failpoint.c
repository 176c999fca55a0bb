/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORDON_FAILPOINT_LOG=PATH: each pass of any failpoint appends "NAME N", so that a test can count how many there are and
 * then take them one by one.
 */
#include "failpoint.h"

#ifdef CORDON_FAILPOINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define FAILPOINT_NAMES 64

static struct {
	char name[64];
	unsigned long passes;
} seen[FAILPOINT_NAMES];

/* The worker reads files while the loop talks to the kernel. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static unsigned long failpoint_count(const char *name)
{
	for (size_t i = 0; i < FAILPOINT_NAMES; i++) {
		if (!seen[i].name[0])
			snprintf(seen[i].name, sizeof(seen[i].name), "%s", name);
		if (!strcmp(seen[i].name, name))
			return ++seen[i].passes;
	}
	fprintf(stderr, "failpoint %s: more than %d names\n", name, FAILPOINT_NAMES);
	abort();
}

static void failpoint_log(const char *name, unsigned long pass)
{
	const char *path = getenv("CORDON_FAILPOINT_LOG");
	_cleanup_close_ int fd = -1;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s %lu\n", name, pass) < 0)
		abort();
}

void failpoint_reset(void)
{
	memset(seen, 0, sizeof(seen));
}

unsigned long failpoint_passes(const char *name)
{
	for (size_t i = 0; i < FAILPOINT_NAMES; i++)
		if (!strcmp(seen[i].name, name))
			return seen[i].passes;
	return 0;
}

int failpoint_pass(const char *name)
{
	const char *wanted = getenv("CORDON_FAILPOINT");
	unsigned long pass, n;
	size_t size = strlen(name);
	char *end;

	pthread_mutex_lock(&counting);
	pass = failpoint_count(name);
	failpoint_log(name, pass);
	pthread_mutex_unlock(&counting);
	if (!wanted || strncmp(wanted, name, size) || wanted[size] != ':')
		return 0;
	n = strtoul(wanted + size + 1, &end, 10);
	if (n != pass || *end != ':')
		return 0;
	if (!strcmp(end + 1, "kill"))
		kill(getpid(), SIGKILL);
	return -atoi(end + 1);
}

#endif
