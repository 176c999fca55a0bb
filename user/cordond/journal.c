/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "../lib/cleanup.h"

struct follower {
	LIST_ENTRY(follower) entries;
	struct journal *journal;
	struct control_client *client;
	json_t *args;
};

struct journal {
	json_t *events[JOURNAL_EVENTS]; /* a ring */
	size_t next;
	LIST_HEAD(, follower) followers;
};

int journal_new(struct journal **ret)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return -ENOMEM;
	LIST_INIT(&journal->followers);
	*ret = journal;
	return 0;
}

static void follower_free(struct follower *follower)
{
	LIST_REMOVE(follower, entries);
	json_decref(follower->args);
	free(follower);
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	while (!LIST_EMPTY(&journal->followers))
		follower_free(LIST_FIRST(&journal->followers));
	for (size_t i = 0; i < JOURNAL_EVENTS; i++)
		json_decref(journal->events[i]);
	free(journal);
}

static bool field_is(const json_t *event, const char *field, const char *wanted)
{
	const char *value = json_string_value(json_object_get(event, field));

	return value && strcmp(value, wanted) == 0;
}

/* A device is meant whichever end of the frame it is. */
static bool is_about(const json_t *event, const char *device)
{
	return field_is(event, "device", device) || field_is(event, "src_device", device) || field_is(event, "dst_device", device);
}

static bool passes(const json_t *event, const json_t *args)
{
	static const char *const fields[] = { "verdict", "reason", "rule", "port", "kind", "dir" };
	const char *wanted = json_string_value(json_object_get(args, "device"));

	if (wanted && !is_about(event, wanted))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		wanted = json_string_value(json_object_get(args, fields[i]));
		if (wanted && !field_is(event, fields[i], wanted))
			return false;
	}
	return true;
}

static int send_event(struct control_client *client, json_t *event)
{
	return control_data(client, json_pack("{s:i, s:O}", "schema", 1, "event", event));
}

void journal_add(struct journal *journal, json_t *event)
{
	struct follower *follower = LIST_FIRST(&journal->followers);

	json_decref(journal->events[journal->next]);
	journal->events[journal->next] = event;
	journal->next = (journal->next + 1) % JOURNAL_EVENTS;

	while (follower) {
		/* Sending may let this client go, and with it the follower. */
		struct follower *next = LIST_NEXT(follower, entries);

		if (passes(event, follower->args))
			send_event(follower->client, event);
		follower = next;
	}
}

void journal_replay(struct journal *journal, struct control_client *client, const json_t *args, size_t last)
{
	size_t matching[JOURNAL_EVENTS], n = 0;

	for (size_t i = 0; i < JOURNAL_EVENTS; i++) {
		size_t at = (journal->next + i) % JOURNAL_EVENTS;

		if (journal->events[at] && passes(journal->events[at], args))
			matching[n++] = at;
	}
	for (size_t i = n > last ? n - last : 0; i < n; i++)
		send_event(client, journal->events[matching[i]]);
}

static void on_gone(void *ctx, struct control_client *client)
{
	(void)client;
	follower_free(ctx);
}

int journal_follow(struct journal *journal, struct control_client *client, json_t *args)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return -ENOMEM;
	*follower = (struct follower){ .journal = journal, .client = client, .args = json_incref(args) };
	LIST_INSERT_HEAD(&journal->followers, follower, entries);
	control_keep(client, on_gone, follower);
	return 0;
}
