/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../user/config/config.h"
#include "../../user/lib/addr.h"
#include "policy_text.h"

#define HEAD "version: 1\n"

static struct gateway_config *config_of(const char *text)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {0};
	int r = config_parse("g.yaml", text, strlen(text), &d, &config);

	cr_assert_eq(r, 0, "%s", d.n ? d.items[0].message : "?");
	diagnostics_done(&d);
	return config;
}

/* One mistake, at the first `needle`. */
static void refuse(const char *text, const char *needle, const char *words)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {0};

	cr_assert_eq(config_parse("g.yaml", text, strlen(text), &d, &config), -EINVAL, "%s", text);
	cr_assert(text_told(&d, "g.yaml", text, needle, 0, false, words), "%s", text);
	cr_assert_eq(d.errors, 1);
	cr_assert_null(config);
	diagnostics_done(&d);
}

Test(config, defaults_are_those_of_the_manual)
{
	struct gateway_config *config = config_of(HEAD);

	cr_assert_eq(config->n_ports, 0);
	cr_assert_str_eq(config->policy, "/etc/cordon/policy.d");
	cr_assert_str_eq(config->state, "/var/lib/cordon");
	cr_assert_str_eq(config->run, "/run/cordon");
	cr_assert_str_eq(config->bpffs, "/sys/fs/bpf/cordon");
	cr_assert_eq(config->xdp, CONFIG_XDP_AUTO);
	cr_assert_not(config->fail_open);
	cr_assert_eq(config->max_devices, 0);
	cr_assert_eq(config->max_flows, 0);
	config_free(config);
}

Test(config, every_key_is_read)
{
	struct gateway_config *config = config_of(HEAD
		"ports:\n"
		"  p1: {}\n"
		"  \"lan*\": {place: ward-3}\n"
		"  p4: {vlans: [10, 20], priority_tag: accept, mode: audit, max_devices: 1}\n"
		"  wlan0: {group: wifi}\n"
		"uplinks: {eth0: {trusted: [dhcp, dns]}, eth1: {trusted: []}}\n"
		"routers: [\"aa:bb:cc:00:11:22\", vrrp:7]\n"
		"policy: /p\nstate: /s\nrun: /r\nbpffs: /b\nxdp: generic\nfail: open\n"
		"capacity: {devices: 4096, flows: 65536, cache: 32MiB}\n"
		"addresses: {p1: {mac: \"02:00:00:00:00:01\", ip: [10.0.0.1/24, \"fd00::1/64\", 10.9.9.9]}}\n");
	const struct config_port *p4 = config_port_for(config, "p4");
	const struct config_addresses *a = config_addresses_of(config, "p1");

	cr_assert_eq(config->n_ports, 4);
	cr_assert_eq(p4->n_vlans, 2);
	cr_assert_eq(p4->vlans[1], 20);
	cr_assert(p4->priority_tag);
	cr_assert_eq(p4->mode, CORDON_MODE_AUDIT);
	cr_assert_eq(p4->max_devices, 1);
	cr_assert_eq(config->ports[0].mode, -1);
	cr_assert_str_eq(config->ports[3].group, "wifi");
	cr_assert_eq(config->uplinks[0].trusted, 1u << CONFIG_TRUST_DHCP | 1u << CONFIG_TRUST_DNS);
	cr_assert_eq(config->uplinks[1].trusted, 0);
	cr_assert_eq(config->n_routers, 2);
	cr_assert_eq(config->routers[0].mac[0], 0xaa);
	cr_assert_eq(config->routers[1].vrrp, 7);
	cr_assert_eq(config->routers[1].mac[5], 7);
	cr_assert_str_eq(config->policy, "/p");
	cr_assert_str_eq(config->state, "/s");
	cr_assert_str_eq(config->run, "/r");
	cr_assert_str_eq(config->bpffs, "/b");
	cr_assert_eq(config->xdp, CONFIG_XDP_GENERIC);
	cr_assert_str_eq(config_xdp_name(config->xdp), "generic");
	cr_assert(config->fail_open);
	cr_assert_eq(config->max_devices, 4096);
	cr_assert_eq(config->max_flows, 65536);
	cr_assert_eq(config->cache_bytes, 32u << 20);
	cr_assert(a->has_mac && a->n_ip == 3);
	cr_assert_eq(a->ip[0].length, 96 + 24);
	cr_assert_eq(a->ip[0].address.byte[15], 1);
	cr_assert_eq(a->ip[1].length, 64);
	cr_assert_eq(a->ip[2].length, 128);
	cr_assert_null(config_addresses_of(config, "p2"));
	config_free(config);
}

Test(config, an_exact_name_beats_a_glob_and_the_first_glob_wins)
{
	struct gateway_config *config = config_of(HEAD "ports: {\"lan*\": {place: first}, \"la*\": {place: second}, lan7: {}, \"e*\": {}}\nuplinks: {eth0: {}, \"ppp*\": {}}\n");

	cr_assert_str_eq(config_port_for(config, "lan3")->place, "first");
	cr_assert_str_eq(config_port_for(config, "lab")->place, "second");
	cr_assert_null(config_port_for(config, "lan7")->place);
	cr_assert_null(config_port_for(config, "wan0"));
	cr_assert_str_eq(config_place(config_port_for(config, "lan3"), "lan3"), "first");
	cr_assert_str_eq(config_place(config_port_for(config, "lan7"), "lan7"), "lan7");
	cr_assert(config_is_uplink(config, "eth0"));
	cr_assert_null(config_port_for(config, "eth0"), "an uplink by name is no port by glob");
	cr_assert_not(config_is_uplink(config, "eth1"));
	cr_assert_not_null(config_port_for(config, "eth1"));
	cr_assert(config_is_uplink(config, "ppp0"));
	config_free(config);
}

Test(config, mistakes_have_their_places)
{
	refuse("ports: {}\n", "ports", "needs `version`");
	refuse(HEAD "prots: {}\n", "prots", "did you mean `ports`?");
	refuse(HEAD "ports: [p1]\n", "[p1]", "expected ports: a mapping");
	refuse(HEAD "ports: {p1: {vlans: [4095]}}\n", "4095", "a number from 1 to 4094");
	refuse(HEAD "ports: {p1: {mode: enforced}}\n", "enforced", "did you mean `enforce`?");
	refuse(HEAD "ports: {a-name-too-long-for-linux: {}}\n", "a-name", "is no interface name");
	refuse(HEAD "ports: {p1: {priority_tag: yes}}\n", "yes", "expected one of refuse, accept");
	refuse(HEAD "uplinks: {eth0: {trusted: [dhpc]}}\n", "dhpc", "did you mean `dhcp`?");
	refuse(HEAD "ports: {\"e0\": {}}\nuplinks: {e0: {}}\n", "e0: {}}", "`e0` is a port too (line 2)");
	refuse(HEAD "routers: [vrrp:0]\n", "vrrp:0", "an ID from 1 to 255");
	refuse(HEAD "policy: relative/path\n", "relative", "begins with `/`");
	refuse(HEAD "xdp: natve\n", "natve", "did you mean `native`?");
	refuse(HEAD "fail: shut\n", "shut", "expected one of closed, open");
	refuse(HEAD "capacity: {devices: 100001}\n", "100001", "from 1 to 100000");
	refuse(HEAD "capacity: {cache: 32MB}\n", "32MB", "expected a size");
	refuse(HEAD "capacity: {cache: 1KiB}\n", "1KiB", "from 64KiB to 4GiB");
	refuse(HEAD "capacity: {cache: 5GiB}\n", "5GiB", "from 64KiB to 4GiB");
	refuse(HEAD "capacity: lots\n", "lots", "expected auto");
	refuse(HEAD "addresses: {p1: {ip: 10.0.0.1/33}}\n", "10.0.0.1", "expected an address like");
	refuse(HEAD "addresses: {\"p*\": {}}\n", "\"p*\"", "is no interface name");
	refuse(HEAD "state: /a\nstate: /b\n", "state: /b", "duplicate key");
}

Test(config, an_empty_or_missing_file_is_an_error_that_says_so)
{
	struct gateway_config *config = NULL;
	struct diagnostics d = {0};

	cr_assert_eq(config_parse("g.yaml", "", 0, &d, &config), -EINVAL);
	cr_assert(strstr(d.items[0].message, "empty"));
	diagnostics_done(&d);
	cr_assert_eq(config_load("/nonexistent/gateway.yaml", &d, &config), -ENOENT);
	cr_assert_str_eq(d.items[0].file, "/nonexistent/gateway.yaml");
	cr_assert(strstr(d.items[0].message, "No such file"));
	diagnostics_done(&d);
	cr_assert_null(config);
}

Test(config, a_file_is_loaded)
{
	char path[] = "/tmp/cordon-test-config.XXXXXX";
	static const char text[] = HEAD "run: /somewhere\n";
	struct gateway_config *config = NULL;
	struct diagnostics d = {0};
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	cr_assert_eq(config_load(path, &d, &config), 0);
	cr_assert_str_eq(config->run, "/somewhere");
	config_free(config);
	diagnostics_done(&d);
	unlink(path);
}
