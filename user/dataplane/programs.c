/* SPDX-License-Identifier: Apache-2.0 */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "kernel.h"
#include "pins.h"
#include "cordon.skel.h"

static int program_copy(const struct bpf_program *program, int *ret_fd, struct bpf_prog_info *ret_info)
{
	_cleanup_close_ int fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3);
	int r;

	if (fd < 0)
		return -errno;
	r = kernel_prog_info(fd, ret_info);
	if (r < 0)
		return r;
	*ret_fd = take_fd(fd);
	return 0;
}

/* The same code over the same maps is the same program: what runs need not be touched. */
static int program_choose(struct dataplane *dp, const struct bpf_program *program, int *ret_fd, uint32_t *ret_id)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fresh = -1, pinned = -1;
	struct bpf_prog_info fresh_info, pinned_info;
	int r = program_copy(program, &fresh, &fresh_info);

	if (r < 0)
		return r;
	if (dp->bpffs) {
		path = pin_path(dp->bpffs, "progs", bpf_program__name(program));
		if (!path)
			return -ENOMEM;
		pinned = kernel_open_pin(path);
	}
	if (dp->adopted && pinned >= 0 && kernel_prog_info(pinned, &pinned_info) == 0 &&
	    !memcmp(pinned_info.tag, fresh_info.tag, sizeof(fresh_info.tag))) {
		*ret_id = pinned_info.id;
		*ret_fd = take_fd(pinned);
		return 0;
	}
	*ret_id = fresh_info.id;
	*ret_fd = take_fd(fresh);
	return 0;
}

int programs_choose(struct dataplane *dp, char **ret_why)
{
	int r = program_choose(dp, dp->bpf->progs.xdp_from_device, &dp->xdp_prog, &dp->xdp_prog_id);

	if (r == 0)
		r = program_choose(dp, dp->bpf->progs.tc_to_device, &dp->tc_prog, &dp->tc_prog_id);
	return r < 0 ? why(ret_why, r, "asking for a program's tag: %s", strerror(-r)) : 0;
}

int programs_pin(struct dataplane *dp, char **ret_why)
{
	_cleanup_free_ char *xdp = pin_path(dp->bpffs, "progs", bpf_program__name(dp->bpf->progs.xdp_from_device));
	_cleanup_free_ char *tc = pin_path(dp->bpffs, "progs", bpf_program__name(dp->bpf->progs.tc_to_device));
	int put = pin_put(dp->xdp_prog, xdp), r = put < 0 ? put : pin_put(dp->tc_prog, tc);

	return r < 0 ? why(ret_why, r, "pinning the programs: %s", strerror(-r)) : put + r;
}
