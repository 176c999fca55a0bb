/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a word and the words that were meant.
 * Out: the nearest one, for "did you mean".
 * Never: guesses that are not near.
 */
#ifndef CORDON_LIB_NAMES_H
#define CORDON_LIB_NAMES_H

#include <stddef.h>

/* `count` candidates through at(ctx, i); the nearest by edits (a swap counts one), or NULL if none is within a third of its length. */
const char *name_nearest(const char *word, const char *(*at)(void *ctx, size_t i), void *ctx, size_t count);
const char *name_nearest_of(const char *word, const char *const *words, size_t count);

#endif
