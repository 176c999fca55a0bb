/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool addr_is_v4(const struct address *a)
{
	return !memcmp(a->byte, v4_mapped, sizeof(v4_mapped));
}

bool addr_is_zero(const struct address *a)
{
	static const struct address zero;

	return addr_equal(a, &zero);
}

bool addr_equal(const struct address *a, const struct address *b)
{
	return !memcmp(a->byte, b->byte, sizeof(a->byte));
}

void addr_from_v4(const void *be32, struct address *ret)
{
	memcpy(ret->byte, v4_mapped, sizeof(v4_mapped));
	memcpy(ret->byte + 12, be32, 4);
}

size_t addr_of_host(const struct address *own, uint8_t length, struct address ret[3])
{
	bool v4 = addr_is_v4(own);

	ret[0] = ret[1] = ret[2] = *own;
	if (length >= 127 || (v4 && length < 96)) /* RFC 3021, RFC 6164: the two ends of a link have no other address */
		return 1;
	for (unsigned int bit = length; bit < 128; bit++) {
		ret[1].byte[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
		ret[2].byte[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	}
	return v4 ? 3 : 2;
}

int addr_parse(const char *text, struct address *ret)
{
	struct address a;
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1) {
		addr_from_v4(v4, ret);
		return 0;
	}
	/* One address, one spelling: a mapped text would be a second way to write an IPv4 address. */
	if (inet_pton(AF_INET6, text, a.byte) != 1 || addr_is_v4(&a))
		return -EINVAL;
	*ret = a;
	return 0;
}

/* A decimal number without sign, blanks or leading zeros, up to `max`. */
static int length_parse(const char *text, unsigned int max, uint8_t *ret)
{
	unsigned int n = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (unsigned int)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*ret = (uint8_t)n;
	return 0;
}

static bool addr_host_bits(const struct address *a, uint8_t length)
{
	for (unsigned int bit = length; bit < 128; bit++)
		if (a->byte[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

int addr_parse_prefix(const char *text, struct address *ret, uint8_t *ret_length)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	uint8_t length = 128;
	struct address a;

	if (size >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, size);
	host[size] = '\0';
	if (addr_parse(host, &a))
		return -EINVAL;

	if (slash) {
		if (length_parse(slash + 1, addr_is_v4(&a) ? 32 : 128, &length))
			return -EINVAL;
		if (addr_is_v4(&a))
			length += 96;
	}
	if (addr_host_bits(&a, length))
		return -ERANGE;
	*ret = a;
	*ret_length = length;
	return 0;
}

bool addr_in(const struct address *a, const struct address *net, uint8_t length)
{
	unsigned int whole = length / 8, rest = length % 8;

	if (memcmp(a->byte, net->byte, whole))
		return false;
	return !rest || !((a->byte[whole] ^ net->byte[whole]) & (0xff << (8 - rest) & 0xff));
}

const char *addr_format(const struct address *a, char text[ADDR_TEXT_SIZE])
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->byte + 12, text, ADDR_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, a->byte, text, ADDR_TEXT_SIZE);
	return text;
}

const char *addr_format_prefix(const struct address *a, uint8_t length, char text[ADDR_TEXT_SIZE])
{
	size_t size;

	/* ::ffff:0:0 with fewer bits than the mapping itself is an IPv6 prefix. */
	if (addr_is_v4(a) && length < 96)
		inet_ntop(AF_INET6, a->byte, text, ADDR_TEXT_SIZE);
	else
		addr_format(a, text);
	if (length >= 128)
		return text;
	size = strlen(text);
	snprintf(text + size, ADDR_TEXT_SIZE - size, "/%u", addr_is_v4(a) && length >= 96 ? length - 96U : length);
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *text, uint8_t ret[6])
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if ((mac[0] & 1) || !memcmp(mac, zero, 6))
		return -EINVAL;
	memcpy(ret, mac, 6);
	return 0;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE])
{
	snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

uint64_t device_key(const uint8_t mac[6], uint16_t vlan)
{
	uint64_t number = 0;

	for (int i = 0; i < 6; i++)
		number = number << 8 | mac[i];
	return DEVICE_KEY(number, vlan);
}

void device_key_split(uint64_t key, uint8_t ret_mac[6], uint16_t *ret_vlan)
{
	*ret_vlan = (uint16_t)key;
	for (int i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)(key >> (56 - 8 * i));
}
