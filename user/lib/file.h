/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  paths.
 * Out: whole files in memory, files written atomically, folders made.
 * Never: more memory than the caller's limit.
 */
#ifndef CORDON_LIB_FILE_H
#define CORDON_LIB_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads a regular file or a pipe, NUL-terminated. -EFBIG if it is larger than `limit`. */
int file_read(const char *path, size_t limit, char **ret, size_t *ret_size);
/* Writes beside the file, syncs, renames over it, syncs the folder. */
int file_write(const char *path, const void *data, size_t size, mode_t mode);
/* Makes a folder and its parents. */
int dir_make(const char *path, mode_t mode);
/* Names in a folder that end in `suffix`, sorted, to free with strv_free(). */
int dir_list(const char *path, const char *suffix, char ***ret, size_t *ret_n);
void strv_free(char **names, size_t n);

#endif
