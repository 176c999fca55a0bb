/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "../lib/cleanup.h"
#include "facts.h"

/* Compares two runs of digits as numbers of any length and steps over both. */
static int compare_digits(const char **a, const char **b)
{
	size_t n, m;
	int c;

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	n = strspn(*a, "0123456789");
	m = strspn(*b, "0123456789");
	c = n != m ? (n > m ? 1 : -1) : memcmp(*a, *b, n);
	*a += n;
	*b += m;
	return c < 0 ? -1 : c > 0;
}

/* What is left of the longer one: "1.2" < "1.2.1", but "1.2" = "1.2.0" and "1.2-rc1" < "1.2". */
static int compare_tail(const char *tail)
{
	tail += strspn(tail, ".0");
	return *tail == '\0' ? 0 : *tail == '-' || *tail == '~' ? -1 : 1;
}

int version_compare(const char *a, const char *b)
{
	a += tolower((unsigned char)*a) == 'v' && isdigit((unsigned char)a[1]);
	b += tolower((unsigned char)*b) == 'v' && isdigit((unsigned char)b[1]);
	while (*a && *b) {
		int c;

		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			c = compare_digits(&a, &b);
			if (c)
				return c;
			continue;
		}
		c = tolower((unsigned char)*a) - tolower((unsigned char)*b);
		if (c)
			return c < 0 ? -1 : 1;
		a++;
		b++;
	}
	return *a ? compare_tail(a) : *b ? -compare_tail(b) : 0;
}

bool fact_matches(const char *pattern, const char *value)
{
	if (!strpbrk(pattern, "*?[\\"))
		return strcasecmp(pattern, value) == 0; /* a tenth of fnmatch's cost */
	return fnmatch(pattern, value, FNM_CASEFOLD) == 0;
}

bool fact_is_live(const char *name)
{
	static const char *const live[] = {"trust", "cert_days"};

	for (size_t i = 0; i < ARRAY_SIZE(live); i++)
		if (strcmp(live[i], name) == 0)
			return true;
	return strncmp(name, "posture.", 8) == 0 || strncmp(name, "site.", 5) == 0;
}

static bool any_value_matches(const struct condition *c, const char *value)
{
	for (size_t i = 0; i < c->n_values; i++)
		if (fact_matches(c->values[i], value))
			return true;
	return false;
}

/* A comparison needs something to compare: "unknown" is neither above nor below 4.2. */
static enum fact_answer compare(const struct condition *c, const char *value)
{
	int order;

	if (!value[strcspn(value, "0123456789")])
		return FACT_UNKNOWN;
	order = version_compare(value, c->values[0]);
	switch (c->op) {
	case POLICY_OP_GE:
		return order >= 0 ? FACT_TRUE : FACT_FALSE;
	case POLICY_OP_GT:
		return order > 0 ? FACT_TRUE : FACT_FALSE;
	case POLICY_OP_LE:
		return order <= 0 ? FACT_TRUE : FACT_FALSE;
	case POLICY_OP_LT:
		return order < 0 ? FACT_TRUE : FACT_FALSE;
	default:
		return FACT_UNKNOWN;
	}
}

static enum fact_answer judge_value(const struct condition *c, const char *value)
{
	if (c->op == POLICY_OP_IS || c->op == POLICY_OP_NOT)
		return any_value_matches(c, value) ? FACT_TRUE : FACT_FALSE;
	return compare(c, value);
}

/* A fact with several values (tags) passes a test with any of them, and `!=` with none of them. */
static enum fact_answer judge(const struct condition *c, const struct fact *facts, size_t n)
{
	enum fact_answer best = FACT_FALSE;
	bool known = false;

	for (size_t i = 0; i < n && best != FACT_TRUE; i++) {
		enum fact_answer one;

		if (strcmp(facts[i].name, c->fact) != 0)
			continue;
		known = true;
		one = judge_value(c, facts[i].value);
		if (one != FACT_FALSE)
			best = one;
	}
	if (!known)
		return FACT_UNKNOWN;
	if (c->op == POLICY_OP_NOT)
		return best == FACT_TRUE ? FACT_FALSE : FACT_TRUE;
	return best;
}

static bool names_fact(const struct fact *facts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(facts[i].name, name) == 0)
			return true;
	return false;
}

static enum fact_answer judge_over(const struct conditions *c, const struct fact *facts, size_t n, const struct fact *laid, size_t n_laid)
{
	bool unknown = false;

	for (size_t i = 0; i < c->n; i++) {
		bool over = names_fact(laid, n_laid, c->items[i].fact);
		enum fact_answer one = judge(&c->items[i], over ? laid : facts, over ? n_laid : n);

		if (one == FACT_FALSE)
			return FACT_FALSE;
		unknown |= one == FACT_UNKNOWN;
	}
	return unknown ? FACT_UNKNOWN : FACT_TRUE;
}

enum fact_answer conditions_judge(const struct conditions *conditions, const struct fact *facts, size_t n_facts)
{
	return judge_over(conditions, facts, n_facts, NULL, 0);
}

bool conditions_hold_with(const struct conditions *conditions, const struct policy_device *device, const struct fact *laid,
			  size_t n_laid, bool unknown_is)
{
	enum fact_answer answer = judge_over(conditions, device ? device->facts : NULL, device ? device->n_facts : 0, laid, n_laid);

	return answer == FACT_UNKNOWN ? unknown_is : answer == FACT_TRUE;
}

bool conditions_hold(const struct conditions *conditions, const struct policy_device *device, bool unknown_is)
{
	return conditions_hold_with(conditions, device, NULL, 0, unknown_is);
}

bool device_has_fact(const struct policy_device *device, const char *name, const char *value)
{
	for (size_t i = 0; i < device->n_facts; i++)
		if (strcmp(device->facts[i].name, name) == 0 && strcasecmp(device->facts[i].value, value) == 0)
			return true;
	return false;
}
