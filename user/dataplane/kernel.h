/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  descriptors, keys, values.
 * Out: the bpf() calls of this room, each behind a failpoint that is named after what the room is doing.
 * Never: meaning: what a map is for is the caller's.
 *
 * Everything returns 0 (or a descriptor) or -errno.
 */
#ifndef CORDON_DATAPLANE_KERNEL_H
#define CORDON_DATAPLANE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/* Names the failpoint that all calls pass from here on: "open", "apply", "live". */
void kernel_phase(const char *phase);
/* The failpoint alone, before a group of stores into a mapped table. */
int kernel_step(void);

int kernel_lookup(int fd, const void *key, void *ret_value);
int kernel_update(int fd, const void *key, const void *value);
int kernel_delete(int fd, const void *key);
int kernel_update_batch(int fd, const void *keys, const void *values, uint32_t n);
/* n rows of an array from `first` on. */
int kernel_lookup_run(int fd, uint32_t first, uint32_t n, void *ret_values);
/*
 * Every entry of a hash or trie, a thousand a call; entries may come and go meanwhile. What is not 0 from `each` ends the walk
 * and is returned.
 */
int kernel_each(int fd, size_t key_size, size_t value_size, int (*each)(void *ctx, const void *key, const void *value), void *ctx);
int kernel_freeze(int fd);

/* A place in an array of maps and what shall stand there. */
struct kernel_slot {
	int outer;
	uint32_t index;
	int inner;
};
#define KERNEL_SLOTS 8
/*
 * Puts up to KERNEL_SLOTS of them in the time of one: the kernel waits for a grace period in each such call (8-20 ms), and
 * threads of their own wait together. On an error some may have been put.
 */
int kernel_put_slots(const struct kernel_slot *slots, size_t n);

int kernel_pin(int fd, const char *path);
int kernel_open_pin(const char *path);
int kernel_unpin(const char *path);
/* Pins over whatever the path held; the path never lacks a pin meanwhile. */
int kernel_repin(int fd, const char *path);

int kernel_map_info(int fd, struct bpf_map_info *ret);
int kernel_prog_info(int fd, struct bpf_prog_info *ret);
int kernel_link_info(int fd, struct bpf_link_info *ret);

/* Rows of a frozen array, to read; *ret_size is what munmap() wants. */
int kernel_mmap_frozen(int fd, uint32_t rows, uint32_t row_size, void **ret, size_t *ret_size);

/* "program 12 (name)", to free; without CAP_SYS_ADMIN the kernel keeps the name of a program that is another's. NULL without memory. */
char *kernel_prog_words(uint32_t id);

/* Values of an entry in a per-CPU map. */
uint32_t kernel_cpus(void);
/* Rows of a table that programs index by the CPU they run on: one more than the highest number, of which some may be no CPU's. */
uint32_t kernel_cpu_rows(void);

#endif
