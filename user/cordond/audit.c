/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <inttypes.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "engine.h"

static int note(struct engine *e, const char *who, const char *action, const char *detail)
{
	struct state_audit_head head;
	int r = state_audit(e->state, who, action, detail);

	if (r < 0)
		return r;
	state_audit_head(e->state, &head);
	log_info("audit record=%" PRIu64 ":%s who='%s' action='%s' detail='%s'", head.seq, head.hash, who, action, detail ? detail : "");
	return 0;
}

void audit_catch_up(struct engine *e)
{
	_cleanup_free_ char *detail = NULL;

	if (!e->unaudited)
		return;
	detail = format_text("%" PRIu64 " records could not be written", e->unaudited);
	if (note(e, "cordond", "audit", detail) < 0)
		return;
	e->unaudited = 0;
	trouble_clear(&e->health, TROUBLE_AUDIT);
}

void audit_note(struct engine *e, const char *who, const char *action, const char *detail)
{
	int r;

	audit_catch_up(e);
	r = note(e, who, action, detail);
	if (r == 0)
		return;
	e->unaudited++;
	log_error("the audit log could not be written who='%s' action='%s' detail='%s' error='%s'", who, action, detail ? detail : "", strerror(-r));
	trouble_set(&e->health, TROUBLE_AUDIT, "%" PRIu64 " records of the audit log could not be written: %s", e->unaudited, strerror(-r));
}
