/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <string.h>

#include "policy.h"

static void hex_write(const unsigned char *bytes, unsigned int n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < n; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * n] = '\0';
}

/* Length first (64 bits, little endian): the same bytes cut into other files are another revision. Names do not count. */
static bool source_add(EVP_MD_CTX *digest, const struct policy_source *source)
{
	unsigned char length[8];

	for (unsigned int i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)((uint64_t)source->size >> (8 * i));
	return EVP_DigestUpdate(digest, length, sizeof(length)) && EVP_DigestUpdate(digest, source->text, source->size);
}

/* Without memory the hash is empty text, which equals no hash. */
void policy_hash(const struct policy_source *sources, size_t n, char ret[65])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);

	for (size_t i = 0; i < n && ok; i++)
		ok = source_add(digest, &sources[i]);
	ok = ok && EVP_DigestFinal_ex(digest, bytes, &size) && size == 32;
	hex_write(bytes, ok ? size : 0, ret);
	EVP_MD_CTX_free(digest);
}
