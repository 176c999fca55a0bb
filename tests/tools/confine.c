/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that may make only some system calls, as under the SystemCallFilter of a systemd unit:
 *
 *   confine FILE COMMAND [ARGS...]   FILE has a name a line; all other calls fail with EPERM
 *
 * Names that this architecture does not have are passed over, as systemd does.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "confine: %s: %s\n", what, strerror(error));
	exit(126);
}

static void allow(scmp_filter_ctx filter, const char *name)
{
	int number = seccomp_syscall_resolve_name(name), r;

	if (number == __NR_SCMP_ERROR)
		return;
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	if (r < 0)
		die(name, -r);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	FILE *file = argc > 2 ? fopen(argv[1], "re") : NULL;
	char name[64];
	int r;

	if (!filter || !file)
		die(argc > 2 ? argv[1] : "usage: confine FILE COMMAND [ARGS...]", errno);
	while (fscanf(file, "%63s", name) == 1)
		allow(filter, name);
	fclose(file);
	r = seccomp_load(filter);
	if (r < 0)
		die("the filter cannot be put on", -r);
	execvp(argv[2], argv + 2);
	die(argv[2], errno);
}
