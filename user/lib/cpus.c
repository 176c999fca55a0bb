/* SPDX-License-Identifier: Apache-2.0 */
#include "cpus.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "file.h"

#define MAX_LIST 4096
#define MAX_NUMBER 65535

/* "0-3,8-11": ranges in rising order (Documentation/admin-guide/cputopology.rst). 0: it is no such list. */
static uint32_t list_end(const char *list)
{
	unsigned long number = 0;
	const char *at = list;
	char *end;

	while (isdigit((unsigned char)*at)) {
		number = strtoul(at, &end, 10);
		at = end + (*end == '-' || *end == ',');
	}
	return at == list || number > MAX_NUMBER || (*at && *at != '\n') ? 0 : (uint32_t)number + 1;
}

uint32_t cpu_numbers(const char *root)
{
	_cleanup_free_ char *path = format_text("%s/sys/devices/system/cpu/possible", root), *list = NULL;
	long counted = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t numbers = 0;
	size_t size;

	if (path && file_read(path, MAX_LIST, &list, &size) >= 0)
		numbers = list_end(list);
	if (numbers)
		return numbers;
	return counted > 0 ? (uint32_t)counted : 1;
}
