/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  nothing.
 * Out: the sizes, bounds and small closed lists that programs in the kernel and user space share.
 * Never: behaviour; anything that only one side needs.
 *
 * Included by BPF programs after vmlinux.h and by user space after <linux/types.h>; hence __u32 and friends.
 */
#ifndef CORDON_TYPES_H
#define CORDON_TYPES_H

#ifdef __bpf__
#define CORDON_ASSERT(cond, text) _Static_assert(cond, text)
#else
#include <assert.h>
#include <linux/types.h>
#define CORDON_ASSERT(cond, text) static_assert(cond, text)
#endif

/* Changes whenever the meaning or the shape of a pinned map changes; a daemon adopts only pins of its own layout. */
#define CORDON_LAYOUT 9

/* Two sides of every table that a policy change replaces: side = generation & 1. */
#define CORDON_SIDES 2

/* Rows 0 and 1 of the device table are not devices. */
#define CORDON_DEVICE_NONE 0
#define CORDON_DEVICE_GATEWAY 1
#define CORDON_DEVICE_FIRST 2

#define CORDON_RULE_NONE 0xffffffffU /* no rule decided: a guard, or the default */
#define CORDON_PORT_NONE 0           /* logical port 0 is no port */
#define CORDON_MAX_PORTS 1024        /* logical ports, uplinks and bridges together */
#define CORDON_MAX_CLASSES 65535
#define CORDON_MAX_WINDOWS 1024      /* a side; window 0 is always open */
#define CORDON_WINDOW_EDGES 8        /* how many openings and closings of a window the kernel knows ahead */
#define CORDON_CHAIN_MAX 8           /* verdicts that one service of one pair may have, one for each time */
#define CORDON_CHAIN_END 0xffffffffU
#define CORDON_WINDOW_ALWAYS 0

/* name, word in the policy language; order is strictness (policy.md 7) */
#define CORDON_MODES(X) \
	X(OBSERVE, "observe") \
	X(AUDIT, "audit") \
	X(ENFORCE, "enforce")

enum cordon_mode {
#define X(id, name) CORDON_MODE_##id,
	CORDON_MODES(X)
#undef X
	CORDON_MODE_COUNT
};

/* What a program says of a frame. WOULD_DENY passes the frame and says that enforcing would not have. */
#define CORDON_VERDICTS(X) \
	X(ALLOW, "allow") \
	X(DENY, "deny") \
	X(WOULD_DENY, "would_deny")

enum cordon_verdict {
#define X(id, name) CORDON_VERDICT_##id,
	CORDON_VERDICTS(X)
#undef X
	CORDON_VERDICT_COUNT
};

/* Which way a frame crosses a device port, seen from the device. */
#define CORDON_DIRS(X) \
	X(FROM_DEVICE, "from_device") \
	X(TO_DEVICE, "to_device")

enum cordon_dir {
#define X(id, name) CORDON_DIR_##id,
	CORDON_DIRS(X)
#undef X
	CORDON_DIR_COUNT
};

/* What an interface is to cordon. */
#define CORDON_ROLES(X) \
	X(NONE, "none") \
	X(DEVICE, "port") \
	X(UPLINK, "uplink") \
	X(BRIDGE, "bridge")

enum cordon_role {
#define X(id, name) CORDON_ROLE_##id,
	CORDON_ROLES(X)
#undef X
	CORDON_ROLE_COUNT
};

/*
 * The service spaces: where in the `services` table the class of a packet's service stands.
 * TCP, UDP and SCTP by destination port of the initiator's packets, ICMP and ICMPv6 by type, all else by protocol number.
 */
#define CORDON_SERVICE_TCP 0U
#define CORDON_SERVICE_UDP 65536U
#define CORDON_SERVICE_SCTP 131072U
#define CORDON_SERVICE_ICMP 196608U
#define CORDON_SERVICE_ICMP6 196864U
#define CORDON_SERVICE_PROTO 197120U
#define CORDON_SERVICE_COUNT 197376U

#endif
