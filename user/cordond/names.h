/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the rules of each generation put in force; identity and ports as they are.
 * Out: names for the numbers in events and flows, also for those of earlier generations.
 * Never: a name of another generation: what no revision in the state explains has none.
 */
#ifndef CORDOND_NAMES_H
#define CORDOND_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "../events/events.h"
#include "../policy/policy.h"

struct engine;

#define RULE_BOOK_GENERATIONS 16

struct rule_book {
	struct {
		uint32_t generation; /* 0: nothing here */
		char **ids;
		size_t n;
	} kept[RULE_BOOK_GENERATIONS];
	unsigned int next;
};

/* Without a policy: a generation whose names are lost. */
int rule_book_add(struct rule_book *book, uint32_t generation, const struct policy *policy);
const char *rule_book_find(const struct rule_book *book, uint32_t generation, uint32_t rule);
void rule_book_done(struct rule_book *book);

/* Whatever user/events wants to know, from this engine. */
struct event_names engine_names(struct engine *engine);

#endif
