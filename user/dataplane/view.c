/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t pages_for(const struct view *view, uint32_t rows)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (view->row_size * rows + page - 1) / page * page;
}

int view_open(struct view *view, int fd, uint32_t rows, size_t row_size)
{
	struct view fresh = {.fd = fd, .rows = rows, .row_size = row_size};
	void *at;

	if (row_size % sizeof(uint64_t))
		return -EINVAL;
	fresh.size = pages_for(&fresh, rows);
	at = mmap(NULL, fresh.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	fresh.at = at;
	*view = fresh;
	return 0;
}

void view_close(struct view *view)
{
	if (view->at)
		munmap(view->at, view->size);
	*view = (struct view){.fd = -1};
}

int view_show(struct view *view, uint32_t rows)
{
	size_t end = pages_for(view, rows < view->rows ? rows : view->rows);

	if (end <= view->shown)
		return 0;
	if (mmap(view->at + view->shown, end - view->shown, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, view->fd, (off_t)view->shown) == MAP_FAILED)
		return -errno;
	view->shown = end;
	return 0;
}

int view_hide(struct view *view, uint32_t rows)
{
	size_t end = pages_for(view, rows);

	if (end >= view->shown)
		return 0;
	if (mmap(view->at + end, view->shown - end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	view->shown = end;
	return 0;
}
