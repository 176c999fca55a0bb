/* SPDX-License-Identifier: Apache-2.0 */
#include "integrity.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "engine.h"

/* What somebody changed, and the engine put right. `port` NULL: it belongs to none. */
static void tell(struct engine *e, struct gateway_port *port, const char *what)
{
	json_t *event = integrity_json(clock_boot_ns(), port ? port->name : NULL, what);

	log_warning("integrity: put right port=%s found='%s'", port ? port->name : "none", what);
	if (event)
		journal_add(e->journal, event);
	if (!port)
		return;
	port->restored++;
	free(port->tampered);
	port->tampered = strdup(what);
}

void integrity_watch_port(struct engine *e, struct gateway_port *port)
{
	_cleanup_free_ char *what = NULL;
	int r = dataplane_port_watch(e->dp, port->number, &port->hook, &what);
	bool known = port->error != NULL;

	if (r >= 0) {
		if (known)
			log_info("well again port=%s", port->name);
		port_set_error(port, NULL);
		if (r > 0)
			tell(e, port, what ? what : "no memory");
		return;
	}
	if (!known)
		log_warning("integrity: cannot be put right port=%s error='%s'", port->name, what ? what : strerror(-r));
	port_set_error(port, what ? what : strerror(-r));
	/* If it is only what the card does, the row need not be written again and again. */
	port->in_kernel = dataplane_port_holds(e->dp, port->number);
}

void integrity_watch_pins(struct engine *e)
{
	_cleanup_free_ char *what = NULL;
	int r = dataplane_pins_watch(e->dp, &what);

	if (r < 0) {
		if (!e->health.text[TROUBLE_PINS])
			log_error("integrity: pins error='%s'", what ? what : strerror(-r));
		trouble_set(&e->health, TROUBLE_PINS, "%s", what ? what : strerror(-r));
		return;
	}
	trouble_clear(&e->health, TROUBLE_PINS);
	if (r > 0)
		tell(e, NULL, what ? what : "no memory");
}
