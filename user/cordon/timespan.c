/* SPDX-License-Identifier: Apache-2.0 */
#include "timespan.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"

#define TIMESPAN_MAX (10ULL * 366 * 86400 * NS_PER_S)

/* Longer words first: "ms" is not "m". */
static const struct {
	const char *word;
	uint64_t ns;
} units[] = {
	{"ms", NS_PER_S / 1000}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"d", 86400 * NS_PER_S},
};

static int unit_parse(const char **text, uint64_t *ret_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t length = strlen(units[i].word);

		if (strncmp(*text, units[i].word, length))
			continue;
		*text += length;
		*ret_ns = units[i].ns;
		return 0;
	}
	return -EINVAL;
}

int timespan_parse(const char *text, uint64_t *ret_ns)
{
	uint64_t total = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		uint64_t number = 0, unit;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		for (; isdigit((unsigned char)*text); text++) {
			number = number * 10 + (uint64_t)(*text - '0');
			if (number > TIMESPAN_MAX)
				return -ERANGE;
		}
		if (unit_parse(&text, &unit) < 0)
			return -EINVAL;
		if (number > (TIMESPAN_MAX - total) / unit)
			return -ERANGE;
		total += number * unit;
	}
	*ret_ns = total;
	return 0;
}
