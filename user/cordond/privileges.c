/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, programs and links are found by their pins, never by walking ids, so CAP_SYS_ADMIN is not needed: CAP_BPF makes
 * maps, CAP_NET_ADMIN attaches, CAP_PERFMON lets the verifier accept pointer arithmetic. Files are reached as their owner.
 */
#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"

static const unsigned int kept[] = { CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON };

int privileges_drop(char **ret_why)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return why(ret_why, -errno, "cannot forbid new privileges: %s", strerror(errno));

	capng_get_caps_process();
	for (unsigned int cap = 0; cap <= (unsigned int)CAP_LAST_CAP; cap++) {
		bool keep = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			keep |= kept[i] == cap;
		/* A program that is started gets nothing, and none is started. */
		capng_update(CAPNG_DROP, CAPNG_INHERITABLE | CAPNG_AMBIENT, cap);
		if (!keep)
			capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, cap);
	}
	/* The bounding set needs CAP_SETPCAP; without it there was nothing to bound. */
	if (capng_apply(CAPNG_SELECT_BOTH) < 0 && capng_apply(CAPNG_SELECT_CAPS) < 0)
		return why(ret_why, -EPERM, "cannot let capabilities go");
	return 0;
}
