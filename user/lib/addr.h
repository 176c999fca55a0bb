/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  text and wire forms of MAC and IP addresses.
 * Out: struct address (16 bytes, IPv4 mapped), prefixes, keys, text.
 * Never: name resolution.
 */
#ifndef CORDON_LIB_ADDR_H
#define CORDON_LIB_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/maps.h>

#define ADDR_TEXT_SIZE 64 /* holds an address with its length */
#define MAC_TEXT_SIZE 18

/* "192.168.1.31", "fd00::1". -EINVAL. An IPv4-mapped IPv6 text is refused. */
int addr_parse(const char *text, struct address *ret);
/* "10.0.0.0/8", "fd00::/64"; without a length a host. Host bits set: -ERANGE. *ret_length counts of 128 (IPv4: 96 + n). */
int addr_parse_prefix(const char *text, struct address *ret, uint8_t *ret_length);
bool addr_is_v4(const struct address *a);
bool addr_is_zero(const struct address *a);
bool addr_equal(const struct address *a, const struct address *b);
/* True if the first `length` bits agree. */
bool addr_in(const struct address *a, const struct address *net, uint8_t length);
void addr_from_v4(const void *be32, struct address *ret);
/*
 * By which addresses a host reaches itself through `own` with a prefix of `length`: its own; in IPv4 the prefix with all host
 * bits 0 and all 1 (RFC 1122 3.2.1.3), in IPv6 with all 0, the routers' anycast (RFC 4291 2.6.1). Returns how many.
 */
size_t addr_of_host(const struct address *own, uint8_t length, struct address ret[3]);
const char *addr_format(const struct address *a, char text[ADDR_TEXT_SIZE]);
const char *addr_format_prefix(const struct address *a, uint8_t length, char text[ADDR_TEXT_SIZE]);

/* "aa:bb:cc:00:11:22"; -EINVAL for anything else, multicast and zero addresses. */
int mac_parse(const char *text, uint8_t ret[6]);
const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE]);
uint64_t device_key(const uint8_t mac[6], uint16_t vlan);
void device_key_split(uint64_t key, uint8_t ret_mac[6], uint16_t *ret_vlan);

#endif
