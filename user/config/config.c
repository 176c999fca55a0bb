/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

struct gateway_config *config_default(void)
{
	struct gateway_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->policy = strdup("/etc/cordon/policy.d");
	config->state = strdup("/var/lib/cordon");
	config->run = strdup("/run/cordon");
	config->bpffs = strdup("/sys/fs/bpf/cordon");
	if (config->policy && config->state && config->run && config->bpffs)
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct gateway_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_ports; i++) {
		free(config->ports[i].pattern);
		free(config->ports[i].place);
		free(config->ports[i].group);
		free(config->ports[i].vlans);
	}
	for (size_t i = 0; i < config->n_uplinks; i++)
		free(config->uplinks[i].pattern);
	for (size_t i = 0; i < config->n_addresses; i++) {
		free(config->addresses[i].port);
		free(config->addresses[i].ip);
	}
	free(config->ports);
	free(config->uplinks);
	free(config->routers);
	free(config->addresses);
	free(config->policy);
	free(config->state);
	free(config->run);
	free(config->bpffs);
	free(config);
}

/* How well a pattern fits: exact beats glob. */
enum fit { FIT_NONE, FIT_GLOB, FIT_EXACT };

static enum fit fit(const char *pattern, const char *ifname)
{
	if (strcmp(pattern, ifname) == 0)
		return FIT_EXACT;
	return fnmatch(pattern, ifname, 0) == 0 ? FIT_GLOB : FIT_NONE;
}

static const struct config_port *port_fit(const struct gateway_config *config, const char *ifname, enum fit *ret)
{
	const struct config_port *best = NULL;

	*ret = FIT_NONE;
	for (size_t i = 0; i < config->n_ports; i++) {
		enum fit one = fit(config->ports[i].pattern, ifname);

		if (one > *ret) {
			best = &config->ports[i];
			*ret = one;
		}
	}
	return best;
}

static const struct config_uplink *uplink_fit(const struct gateway_config *config, const char *ifname, enum fit *ret)
{
	const struct config_uplink *best = NULL;

	*ret = FIT_NONE;
	for (size_t i = 0; i < config->n_uplinks; i++) {
		enum fit one = fit(config->uplinks[i].pattern, ifname);

		if (one > *ret) {
			best = &config->uplinks[i];
			*ret = one;
		}
	}
	return best;
}

/* An interface that both lists fit: the exact name decides; where both are globs it faces devices, the stricter reading. */
const struct config_port *config_port_for(const struct gateway_config *config, const char *ifname)
{
	enum fit as_port, as_uplink;
	const struct config_port *port = port_fit(config, ifname, &as_port);

	uplink_fit(config, ifname, &as_uplink);
	return as_port >= as_uplink ? port : NULL;
}

const struct config_uplink *config_uplink_for(const struct gateway_config *config, const char *ifname)
{
	enum fit as_port, as_uplink;
	const struct config_uplink *uplink = uplink_fit(config, ifname, &as_uplink);

	port_fit(config, ifname, &as_port);
	return as_uplink > as_port ? uplink : NULL;
}

bool config_is_uplink(const struct gateway_config *config, const char *ifname)
{
	return config_uplink_for(config, ifname);
}

const char *config_place(const struct config_port *port, const char *ifname)
{
	return port && port->place ? port->place : ifname;
}

const struct config_addresses *config_addresses_of(const struct gateway_config *config, const char *ifname)
{
	for (size_t i = 0; i < config->n_addresses; i++)
		if (strcmp(config->addresses[i].port, ifname) == 0)
			return &config->addresses[i];
	return NULL;
}
