/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the kernel's types, include/cordon.
 * Out: struct packet: all that the steps know of the frame in hand, and small tools.
 * Never: a map, a verdict.
 *
 * The road: parse.h -> device.h -> guard.h -> flow.h (-> flow_table.h, decide.h, limit.h) -> verdict.h (-> count.h, event.h). What
 * is plain and was judged before takes the short one: quick.h -> cache.h. Each step of the long one returns
 * CORDON_REASON_NONE to go on, or the reason with which the frame's road ends.
 *
 * Steps that are not static are verified once, by themselves, and not along every road that leads to them: without that the
 * programs would be too much for the verifier. The price is that a pointer they are given may be NULL for all it knows.
 */
#ifndef CORDON_BPF_BASE_H
#define CORDON_BPF_BASE_H

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <cordon/events.h>
#include <cordon/flow_time.h>
#include <cordon/hash.h>
#include <cordon/trust.h>

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

#define VLAN_PRESENT 0x8000 /* in packet.vlan: a tag was there, though its VID may be 0 */
#define VLAN_ID 0x0fff

/*
 * Built with CORDON_WIDEN=N programs wait here now and then, N clocks long, between number, key and content of a row: what others
 * do meanwhile shows. Such programs can also be told to leave a check out.
 */
#ifdef CORDON_WIDEN
const volatile __u32 trust = 0; /* TRUST_* */

static __always_inline bool trusts(__u32 check)
{
	return trust & check;
}

/* The next program that comes to `at` stays there until it is let go, or for a tenth of a second. */
struct {
	__u32 at; /* enum cordon_hold */
	__u32 reached;
	__u32 released;
} hold = {};

#define HOLD_CLOCKS (1 << 22)

static long hold_wait(__u32 i, void *ctx)
{
	(void)i, (void)ctx;
	bpf_ktime_get_ns();
	return READ_ONCE(hold.released) ? 1 : 0;
}

/* One time in eight, and of those one in eight for eight times as long: what others do meanwhile must fit in. */
__noinline __u32 widen_clocks(__u32 point)
{
	__u32 random = bpf_get_prandom_u32();

	if (point && READ_ONCE(hold.at) == point && __sync_val_compare_and_swap(&hold.at, point, HOLD_NONE) == point) {
		WRITE_ONCE(hold.reached, 1);
		return HOLD_CLOCKS;
	}
	if (random & 0x7)
		return 0;
	return random & 0x38 ? CORDON_WIDEN : 8 * CORDON_WIDEN;
}

/* Not a function of its own: the stack has no room for one more. */
static __always_inline void widen(__u32 point)
{
	bpf_loop(widen_clocks(point), hold_wait, NULL, 0);
}
#else
static __always_inline void widen(__u32 point)
{
	(void)point;
}

static __always_inline bool trusts(__u32 check)
{
	(void)check;
	return false;
}
#endif

#define NO_END (~0ULL) /* in packet.until */

/* Who put a frame on the road to a device, by the interface it came in by. */
enum sender {
	SENDER_DEVICE,  /* a device port, or the bridge behind which its XDP has proved it */
	SENDER_GATEWAY, /* made here */
	SENDER_OUTSIDE, /* an uplink, or any interface that is not a device port */
};

/* What guard.h asks of an ARP packet; addresses mapped, so that bindings can be looked up. */
struct arp_detail {
	__u16 op;
	__u8 readable; /* but for its hardware type, of which Linux takes that of IEEE 802 too */
	__u8 well_formed;
	__u8 sha[6];
	__u8 tha[6];
	struct address spa;
	struct address tpa;
};

struct nd_detail {
	struct address target;
	__u8 well_formed; /* hop limit 255, code 0, options whole */
	__u8 has_lladdr;  /* a source or target link-layer option, */
	__u8 foreign_lladdr; /* and one of them is not the sender's MAC */
	__u8 own_groups;  /* MLD report: every group is a solicited-node group */
};

struct igmp_detail {
	__u8 is_query; /* whole, TTL 1 */
};

struct dhcp_detail {
	__u8 well_formed;
	__u8 op; /* DHCPv4 op, DHCPv6 message type */
	__u8 chaddr[6];
};

/* Where the row of a flow may lie: flow_table.h */
struct flow_place {
	__u64 spread[2];
	__u32 tag;
};

/* Where to look first, as warm.h found out. A row proves itself, so one that is not what it was costs time alone. */
struct likely {
	__u32 device; /* row of `devices` of the port's device; 0: none */
	__u32 src;    /* rows of `bindings` */
	__u32 dst;
	__u8 dst_is_nobodys; /* no binding has it */
	__u8 placed;         /* packet.key and .place are this packet's already, */
	__u8 source_index;   /* and what flow_key_make() returned */
	__u8 pad;
};

struct packet {
	__u64 now;        /* boot clock ns */
	__u64 word;       /* control.generation and .changes, read at once */
	__u64 until;      /* boot clock ns until which what the tables say holds; ~0: no end known */
	__u32 generation; /* of `word` */
	__u32 side;       /* generation & 1 */
	__u32 port;       /* logical port whose program runs */
	__u32 length;     /* of the frame */
	__u32 segments;   /* frames on the wire: GSO segments, else 1 */
	__u32 parsed;     /* bytes of it that were read */
	__u8 dir;         /* enum cordon_dir */
	__u8 sender;      /* enum sender */
	__u8 mode;        /* enum cordon_mode: the strictest end known so far */
	__u8 quarantined; /* one of the ends is */
	__u8 no_guards;   /* the device must prove itself by 802.1X first */
	__u8 unauthenticated;
	__u8 seen_before; /* judged and counted at the sender's port already */
	__u8 masqueraded; /* under the gateway's address, by way of the bridge */
	__u8 router_alert; /* IPv6: the one hop-by-hop header that MLD may have is there */

	/* link */
	__u8 src_mac[6];
	__u8 dst_mac[6];
	__u16 ethertype; /* 0: no Ethernet II */
	__u16 vlan;      /* VID | VLAN_PRESENT, 0: untagged */
	__u8 tags;
	__u8 link_fault; /* enum cordon_reason, NONE: sound */
	__u8 net_fault;  /* IP header */
	__u8 trans_fault; /* transport header */

	/* network */
	struct address src __attribute__((aligned(8)));
	struct address dst __attribute__((aligned(8)));
	__u32 net_length; /* from the IP header up, as the header says */
	__u32 header_length; /* IP and transport headers, repeated in every GSO segment */
	__u8 proto;       /* 0 where there is no transport */
	__u8 ip;          /* 4, 6, 0 */

	/* transport, host order */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 has_inner; /* an ICMP error with the head of a packet in it: inner */
	__u8 eapol_well_formed;
	__u16 sport;
	__u16 dport;
	__u16 icmp_id;

	union {
		struct arp_detail arp;
		struct nd_detail nd;
		struct dhcp_detail dhcp;
		struct igmp_detail igmp;
	} __attribute__((aligned(8)));
	struct {
		struct address src;
		struct address dst;
		__u16 sport;
		__u16 dport;
		__u16 icmp_id;
		__u8 proto;
		__u8 icmp_type;
	} inner __attribute__((aligned(8)));

	/* who */
	__u32 device;     /* row of the device whose port this is, NONE */
	__u32 src_device; /* rows of the two ends; NONE: a network */
	__u32 dst_device;
	__u32 src_generation;
	__u32 dst_generation;
	__u16 src_class;  /* 0: none */
	__u16 dst_class;

	/* what became of it */
	__u32 rule;
	__u8 new_flow;    /* tell of it */
	__u8 deny_audit;  /* the rule that denies is itself in audit */
	__u8 in_flow;     /* counted with a flow; 1 + side */
	__u8 flow_would_deny;
	__u8 limit_said;  /* 1 + what the limits of its device say (enum cordon_reason), once they were asked */
	__u8 flow_settled; /* the flow goes on like this: the verdict may be cached */
	__u8 one_way;     /* the denial would be the same if the other side had begun */
	__u8 renews;      /* a new flow takes the place of the one at flow_number */
	__u8 end_reason;  /* as it left */
	__u8 end_verdict;
	__u32 flow_number;
	__u32 flow_birth;

	/* From here on packet_clear() clears nothing but `likely`. */
	struct flow_key key __attribute__((aligned(8)));
	struct flow_place place;
	__u64 at_device, at_src, at_dst; /* index_spread(): where the indexes have the port's device and both addresses, if `placed` */
	struct likely likely;
	struct flow fresh __attribute__((aligned(8)));
	__u8 began;       /* the last packet of this hook and CPU that went the long road began a flow */
};

/* Nothing known but the time and the policy. */
static __always_inline void packet_clear(struct packet *p, __u64 word, __u64 now)
{
	union policy_word u = {.word = word};

	__builtin_memset(p, 0, offsetof(struct packet, key));
	p->likely = (struct likely){};
	p->word = word;
	p->now = now;
	p->until = NO_END;
	p->generation = u.generation;
	p->side = u.generation & 1;
	p->segments = 1;
	p->rule = CORDON_RULE_NONE;
}

/* What the tables say of this packet holds until then at the longest. */
static __always_inline void packet_holds_until(struct packet *p, __u64 ns)
{
	if (ns < p->until)
		p->until = ns;
}

static __always_inline struct traffic packet_traffic(const struct packet *p)
{
	struct traffic t = {.packets = p->segments, .bytes = p->length};

	if (p->ip && p->net_length)
		t.bytes = p->net_length + (__u64)(p->segments - 1) * p->header_length;
	return t;
}

static __always_inline bool address_equal(const struct address *a, const struct address *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline bool address_is_zero(const struct address *a)
{
	const __u64 *x = (const __u64 *)a;

	return !x[0] && !(x[1] & ~bpf_cpu_to_be64(0x0000ffff00000000ULL));
}

static __always_inline bool address_is_v4(const struct address *a)
{
	const __u32 *x = (const __u32 *)a;

	return !x[0] && !x[1] && x[2] == bpf_htonl(0xffff);
}

/*
 * As wide as it will be read: what was written in pieces a processor cannot hand on to a wider load, which then waits until all
 * that came before is done.
 */
static __always_inline void address_copy(struct address *to, const struct address *from)
{
	const __u64 *x = (const __u64 *)from;
	__u64 *y = (__u64 *)to;

	y[0] = x[0];
	y[1] = x[1];
}

static __always_inline void address_from_v4(struct address *a, __be32 v4)
{
	union {
		__u32 part[2];
		__u64 whole;
	} low = {.part = {bpf_htonl(0xffff), v4}};
	__u64 *x = (__u64 *)a;

	x[0] = 0;
	x[1] = low.whole;
}

/* IPv4 in host order of a mapped address */
static __always_inline __u32 address_v4(const struct address *a)
{
	return bpf_ntohl(((const __u32 *)a)[3]);
}

static __always_inline __u64 mac_number(const __u8 mac[6])
{
	return (__u64)mac[0] << 40 | (__u64)mac[1] << 32 | (__u64)mac[2] << 24 | (__u64)mac[3] << 16 | (__u64)mac[4] << 8 | mac[5];
}

static __always_inline bool mac_equal(const __u8 a[6], const __u8 b[6])
{
	return mac_number(a) == mac_number(b);
}

/* fe80::/64 with the interface identifier made from the MAC (RFC 4291 appendix A) */
static __always_inline bool address_is_eui64(const struct address *a, const __u8 mac[6])
{
	const __u64 *x = (const __u64 *)a;
	__u64 id = (mac_number(mac) >> 24) << 40 | 0xfffe000000ULL | (mac_number(mac) & 0xffffff);

	return x[0] == bpf_cpu_to_be64(0xfe80000000000000ULL) && x[1] == bpf_cpu_to_be64(id ^ 0x0200000000000000ULL);
}

static __always_inline bool address_is_linklocal6(const struct address *a)
{
	return *(const __u64 *)a == bpf_cpu_to_be64(0xfe80000000000000ULL);
}

static __always_inline bool mac_is_multicast(const __u8 mac[6])
{
	return mac[0] & 1;
}

#endif
