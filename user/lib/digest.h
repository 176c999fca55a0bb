/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  bytes, in pieces.
 * Out: their SHA-256, as bytes or as text.
 * Never: lengths of its own: whoever joins pieces of any size says in the bytes where one ends.
 */
#ifndef CORDON_LIB_DIGEST_H
#define CORDON_LIB_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_TEXT (2 * DIGEST_SIZE + 1)

struct digest_part {
	const void *data;
	size_t size;
};

/* -ENOMEM */
int digest_sha256(const struct digest_part *parts, size_t n, uint8_t ret[DIGEST_SIZE]);
const char *digest_format(const uint8_t digest[DIGEST_SIZE], char text[DIGEST_TEXT]);

/* A number as eight bytes, the lowest first. */
static inline void digest_number(uint64_t number, uint8_t ret[8])
{
	for (int i = 0; i < 8; i++)
		ret[i] = (uint8_t)(number >> (8 * i));
}

#endif
