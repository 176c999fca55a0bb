/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/cleanup.h"

static struct address parsed(const char *text)
{
	struct address a;

	cr_assert_eq(addr_parse(text, &a), 0, "%s", text);
	return a;
}

Test(addr, parse_and_format_are_inverse)
{
	static const char *const texts[] = { "0.0.0.0",  "192.168.1.31",	"255.255.255.255", "::",
					     "::1",	 "fd00::1",		"2001:db8::8:800:200c:417a", "fe80::1:2:3:4" };
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct address a = parsed(texts[i]);

		cr_expect_str_eq(addr_format(&a, text), texts[i]);
		cr_expect_eq(addr_is_v4(&a), strchr(texts[i], '.') != NULL, "%s", texts[i]);
	}
}

Test(addr, refuses_what_is_no_address)
{
	static const char *const texts[] = { "",	   " ",		"1.2.3",	"1.2.3.4.5", "256.1.1.1", "1.2.3.4 ",
					     " 1.2.3.4",   "01.2.3.4",	"1.2.3.-4",	"0x1.2.3.4", "fd00:::1",  "fd00::1%eth0",
					     "fd00::g",	   "1:2:3:4:5:6:7", "::ffff:10.0.0.1", "::ffff:a00:1", "localhost", "1.2.3.4/32" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct address a = { .byte = { 7 } }, before = a;

		cr_expect_eq(addr_parse(texts[i], &a), -EINVAL, "'%s' was taken", texts[i]);
		cr_expect(addr_equal(&a, &before), "'%s' changed the result", texts[i]);
	}
}

Test(addr, ipv4_is_mapped)
{
	static const uint8_t expected[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3 };
	struct address a = parsed("10.1.2.3"), b;

	cr_expect_arr_eq(a.byte, expected, 16);
	addr_from_v4(expected + 12, &b);
	cr_expect(addr_equal(&a, &b));
	cr_expect_not(addr_is_zero(&a));
	a = parsed("0.0.0.0");
	cr_expect_not(addr_is_zero(&a), "0.0.0.0 is mapped, not all zero");
	a = parsed("::");
	cr_expect(addr_is_zero(&a));
}

Test(addr, prefixes)
{
	static const struct {
		const char *text;
		uint8_t length;
		const char *formatted;
	} good[] = {
		{ "10.0.0.0/8", 104, "10.0.0.0/8" },	 { "0.0.0.0/0", 96, "0.0.0.0/0" },   { "10.1.2.3/32", 128, "10.1.2.3" },
		{ "10.1.2.3", 128, "10.1.2.3" },	 { "fd00::/64", 64, "fd00::/64" },   { "::/0", 0, "::/0" },
		{ "fd00::1/128", 128, "fd00::1" },	 { "fd00::1", 128, "fd00::1" },	     { "2001:db8::/33", 33, "2001:db8::/33" },
		{ "192.168.1.128/25", 121, "192.168.1.128/25" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[ADDR_TEXT_SIZE];
		struct address a;
		uint8_t length;

		cr_assert_eq(addr_parse_prefix(good[i].text, &a, &length), 0, "%s", good[i].text);
		cr_expect_eq(length, good[i].length, "%s: %u", good[i].text, length);
		cr_expect_str_eq(addr_format_prefix(&a, length, text), good[i].formatted);
	}
}

Test(addr, refuses_bad_prefixes)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{ "10.0.0.1/8", -ERANGE },   { "fd00::1/64", -ERANGE },	 { "192.168.1.129/25", -ERANGE }, { "10.0.0.0/33", -EINVAL },
		{ "fd00::/129", -EINVAL },   { "10.0.0.0/", -EINVAL },	 { "10.0.0.0/08", -EINVAL },	  { "10.0.0.0/-1", -EINVAL },
		{ "10.0.0.0/+8", -EINVAL },  { "10.0.0.0/ 8", -EINVAL }, { "10.0.0.0/8/8", -EINVAL },	  { "/8", -EINVAL },
		{ "10.0.0.0/4294967304", -EINVAL }, { "::ffff:10.0.0.0/104", -EINVAL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct address a;
		uint8_t length = 77;

		cr_expect_eq(addr_parse_prefix(bad[i].text, &a, &length), bad[i].error, "'%s'", bad[i].text);
		cr_expect_eq(length, 77, "'%s' changed the result", bad[i].text);
	}
}

Test(addr, in_compares_whole_bytes_and_single_bits)
{
	static const struct {
		const char *address, *net;
		uint8_t length;
		bool in;
	} cases[] = {
		{ "10.1.2.3", "10.0.0.0", 104, true },	   { "11.1.2.3", "10.0.0.0", 104, false },
		{ "192.168.1.127", "192.168.1.0", 121, true }, { "192.168.1.128", "192.168.1.0", 121, false },
		{ "10.1.2.3", "10.1.2.3", 128, true },	   { "10.1.2.2", "10.1.2.3", 128, false },
		{ "10.1.2.3", "::", 0, true },		   { "fd00::1", "0.0.0.0", 96, false },
		{ "2001:db8:8000::", "2001:db8:8000::", 33, true }, { "2001:db8:7fff::", "2001:db8:8000::", 33, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address a = parsed(cases[i].address), net = parsed(cases[i].net);

		cr_expect_eq(addr_in(&a, &net, cases[i].length), cases[i].in, "%s in %s/%u", cases[i].address, cases[i].net, cases[i].length);
	}
}

Test(addr, mac)
{
	static const char *const bad[] = { "",
					   "aa:bb:cc:00:11",
					   "aa:bb:cc:00:11:2",
					   "aa:bb:cc:00:11:22:33",
					   "aa:bb:cc:00:11:22 ",
					   "aa-bb-cc-00-11-22",
					   "aabbcc001122",
					   "ga:bb:cc:00:11:22",
					   "a:bb:cc:00:11:22",
					   "01:00:5e:00:00:01",
					   "ff:ff:ff:ff:ff:ff",
					   "00:00:00:00:00:00" };
	static const uint8_t expected[6] = { 0xaa, 0xbb, 0xcc, 0x00, 0x11, 0x22 };
	char text[MAC_TEXT_SIZE];
	uint8_t mac[6];

	cr_assert_eq(mac_parse("AA:bb:Cc:00:11:22", mac), 0);
	cr_expect_arr_eq(mac, expected, 6);
	cr_expect_str_eq(mac_format(mac, text), "aa:bb:cc:00:11:22");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect_eq(mac_parse(bad[i], mac), -EINVAL, "'%s' was taken", bad[i]);
	cr_expect_arr_eq(mac, expected, 6, "a refused text changed the result");
}

Test(addr, device_key_has_the_first_byte_highest)
{
	static const uint8_t mac[6] = { 0xaa, 0xbb, 0xcc, 0x00, 0x11, 0x22 };
	uint8_t back[6];
	uint16_t vlan;

	cr_expect_eq(device_key(mac, 0x0ffe), 0xaabbcc0011220ffeULL);
	device_key_split(0xaabbcc0011220ffeULL, back, &vlan);
	cr_expect_arr_eq(back, mac, 6);
	cr_expect_eq(vlan, 0x0ffe);
}
