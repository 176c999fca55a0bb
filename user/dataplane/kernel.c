/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/cpus.h"
#include "../lib/failpoint.h"

#ifdef CORDON_FAILPOINTS
static const char *current_phase = "open";

void kernel_phase(const char *phase)
{
	current_phase = phase;
}

int kernel_step(void)
{
	return failpoint(current_phase);
}
#else
void kernel_phase(const char *phase)
{
	(void)phase;
}

int kernel_step(void)
{
	return 0;
}
#endif

int kernel_lookup(int fd, const void *key, void *ret_value)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_map_lookup_elem(fd, key, ret_value);
}

int kernel_update(int fd, const void *key, const void *value)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_map_update_elem(fd, key, value, BPF_ANY);
}

int kernel_delete(int fd, const void *key)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_map_delete_elem(fd, key);
}

int kernel_update_batch(int fd, const void *keys, const void *values, uint32_t n)
{
	uint32_t done = n;
	int r = kernel_step();

	if (r < 0)
		return r;
	r = bpf_map_update_batch(fd, keys, values, &done, NULL);
	if (r < 0)
		return r;
	return done == n ? 0 : -EIO;
}

int kernel_lookup_run(int fd, uint32_t first, uint32_t n, void *ret_values)
{
	_cleanup_free_ uint32_t *keys = calloc(n, sizeof(*keys));
	uint32_t before = first - 1, next, done = n;
	int r = kernel_step();

	if (r < 0 || !keys)
		return r < 0 ? r : -ENOMEM;
	r = bpf_map_lookup_batch(fd, first ? &before : NULL, &next, keys, ret_values, &done, NULL);
	if (r < 0 && r != -ENOENT) /* the end of the table */
		return r;
	return done == n ? 0 : -EIO;
}

struct walk {
	char *keys, *values;
	uint32_t capacity;
};

static void walk_done(struct walk *walk)
{
	free(walk->keys);
	free(walk->values);
}

static int walk_grow(struct walk *walk, uint32_t capacity, size_t key_size, size_t value_size)
{
	walk_done(walk);
	walk->keys = calloc(capacity, key_size);
	walk->values = calloc(capacity, value_size);
	walk->capacity = capacity;
	return walk->keys && walk->values ? 0 : -ENOMEM;
}

#define WALK_ROWS 1024
#define WALK_TOKEN 64 /* bytes of the kernel's place in a walk: a bucket's number, or a key */

int kernel_each(int fd, size_t key_size, size_t value_size, int (*each)(void *ctx, const void *key, const void *value), void *ctx)
{
	_cleanup_(walk_done) struct walk walk = {0};
	char at[WALK_TOKEN], next[WALK_TOKEN];
	bool begun = false, ended = false;
	int r = key_size > WALK_TOKEN ? -E2BIG : walk_grow(&walk, WALK_ROWS, key_size, value_size);

	while (r == 0 && !ended) {
		uint32_t n = walk.capacity;

		r = kernel_step();
		if (r < 0)
			return r;
		r = bpf_map_lookup_batch(fd, begun ? at : NULL, next, walk.keys, walk.values, &n, NULL);
		if (r == -ENOSPC) { /* one bucket holds more */
			r = walk_grow(&walk, walk.capacity * 2, key_size, value_size);
			continue;
		}
		ended = r == -ENOENT;
		if (r < 0 && !ended)
			return r;
		r = 0;
		for (uint32_t i = 0; r == 0 && i < n; i++)
			r = each(ctx, walk.keys + i * key_size, walk.values + i * value_size);
		memcpy(at, next, sizeof(at));
		begun = true;
	}
	return r;
}

int kernel_freeze(int fd)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_map_freeze(fd);
}

struct slot_thread {
	pthread_t thread;
	bool runs;
	struct kernel_slot slot;
	int result;
};

static void *slot_put(void *arg)
{
	struct slot_thread *t = arg;

	t->result = bpf_map_update_elem(t->slot.outer, &t->slot.index, &t->slot.inner, BPF_ANY);
	return NULL;
}

/* A new thread has its maker's mask: signals are the loop's. Where there is none to be had, the call is made here. */
static void slot_thread_start(struct slot_thread *t)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	t->runs = pthread_create(&t->thread, NULL, slot_put, t) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!t->runs)
		slot_put(t);
}

int kernel_put_slots(const struct kernel_slot *slots, size_t n)
{
	struct slot_thread threads[KERNEL_SLOTS] = {0};
	int r = n > KERNEL_SLOTS ? -E2BIG : 0;
	size_t begun = 0;

	while (r == 0 && begun < n) {
		r = kernel_step();
		if (r < 0)
			break;
		threads[begun].slot = slots[begun];
		slot_thread_start(&threads[begun++]);
	}
	for (size_t i = 0; i < begun; i++) {
		if (threads[i].runs)
			pthread_join(threads[i].thread, NULL);
		if (r == 0)
			r = threads[i].result;
	}
	return r;
}

int kernel_pin(int fd, const char *path)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_obj_pin(fd, path);
}

int kernel_open_pin(const char *path)
{
	return bpf_obj_get(path);
}

int kernel_unpin(const char *path)
{
	int r = kernel_step();

	if (r < 0)
		return r;
	return unlink(path) < 0 ? -errno : 0;
}

int kernel_repin(int fd, const char *path)
{
	_cleanup_free_ char *beside = format_text("%s_new", path);
	int r;

	if (!beside)
		return -ENOMEM;
	unlink(beside);
	r = kernel_pin(fd, beside);
	if (r < 0)
		return r;
	r = kernel_step();
	if (r < 0)
		return r;
	return rename(beside, path) < 0 ? -errno : 0;
}

int kernel_map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

int kernel_prog_info(int fd, struct bpf_prog_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

int kernel_link_info(int fd, struct bpf_link_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

int kernel_mmap_frozen(int fd, uint32_t rows, uint32_t row_size, void **ret, size_t *ret_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* The kernel keeps rows 8 bytes apart at least, and maps whole pages. */
	size_t size = (size_t)rows * ((row_size + 7u) & ~7u);
	void *rows_at;

	size = (size + page - 1) / page * page;
	rows_at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (rows_at == MAP_FAILED)
		return -errno;
	*ret = rows_at;
	*ret_size = size;
	return 0;
}

char *kernel_prog_words(uint32_t id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info;

	if (fd < 0 || kernel_prog_info(fd, &info) < 0 || !info.name[0])
		return format_text("program %u", id);
	return format_text("program %u (%.*s)", id, (int)sizeof(info.name), info.name);
}

uint32_t kernel_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? (uint32_t)n : 1;
}

uint32_t kernel_cpu_rows(void)
{
	static uint32_t rows; /* for ever the same */

	if (!rows)
		rows = cpu_numbers("");
	return rows;
}
