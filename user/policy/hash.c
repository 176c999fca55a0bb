/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/digest.h"
#include "policy.h"

/* Length first: the same bytes cut into other files are another revision. Names do not count. */
static int sources_digest(const struct policy_source *sources, size_t n, uint8_t ret[DIGEST_SIZE])
{
	_cleanup_free_ struct digest_part *parts = calloc(2 * n + 1, sizeof(*parts));
	_cleanup_free_ uint8_t(*lengths)[8] = calloc(n + 1, sizeof(*lengths));

	if (!parts || !lengths)
		return -1;
	for (size_t i = 0; i < n; i++) {
		digest_number(sources[i].size, lengths[i]);
		parts[2 * i] = (struct digest_part){lengths[i], sizeof(lengths[i])};
		parts[2 * i + 1] = (struct digest_part){sources[i].text, sources[i].size};
	}
	return digest_sha256(parts, 2 * n, ret);
}

/* Without memory the hash is empty text, which equals no hash. */
void policy_hash(const struct policy_source *sources, size_t n, char ret[65])
{
	uint8_t digest[DIGEST_SIZE];

	if (sources_digest(sources, n, digest) < 0)
		ret[0] = '\0';
	else
		digest_format(digest, ret);
}
