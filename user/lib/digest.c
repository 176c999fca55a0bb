/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>

int digest_sha256(const struct digest_part *parts, size_t n, uint8_t ret[DIGEST_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned int size = 0;
	bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);

	for (size_t i = 0; i < n && ok; i++)
		ok = EVP_DigestUpdate(digest, parts[i].data, parts[i].size);
	ok = ok && EVP_DigestFinal_ex(digest, ret, &size) && size == DIGEST_SIZE;
	EVP_MD_CTX_free(digest);
	return ok ? 0 : -ENOMEM;
}

const char *digest_format(const uint8_t digest[DIGEST_SIZE], char text[DIGEST_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < DIGEST_SIZE; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	text[2 * DIGEST_SIZE] = '\0';
	return text;
}
