/* SPDX-License-Identifier: Apache-2.0 */
#include "widen.h"

#ifdef CORDON_WIDEN
#include <bpf/libbpf.h>

#include "plane.h"
#include "cordon.skel.h"

unsigned int widen_trust;

void widen_hold(struct dataplane *dp, enum cordon_hold at)
{
	dp->bpf->bss->hold.reached = dp->bpf->bss->hold.released = 0;
	__atomic_store_n(&dp->bpf->bss->hold.at, at, __ATOMIC_SEQ_CST);
}

bool widen_holds(const struct dataplane *dp)
{
	return __atomic_load_n(&dp->bpf->bss->hold.reached, __ATOMIC_SEQ_CST);
}

void widen_release(struct dataplane *dp)
{
	__atomic_store_n(&dp->bpf->bss->hold.released, 1, __ATOMIC_SEQ_CST);
}
#endif
