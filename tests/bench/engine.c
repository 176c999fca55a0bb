/* SPDX-License-Identifier: Apache-2.0 */
/* engine [--quick] [--only REGEX] [--out FILE]: the benchmark's third layer. Run from the top of the sources, as root. */
#include "engine.h"

#include <getopt.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double status_kib(int pid, const char *line)
{
	_cleanup_free_ char *path = format_text("/proc/%d/status", pid);
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	char text[256];

	while (file && fgets(text, sizeof(text), file))
		if (!strncmp(text, line, strlen(line)) && text[strlen(line)] == ':')
			return strtod(text + strlen(line) + 1, NULL);
	return 0;
}

char *policy_make(uint32_t devices, uint32_t rules, size_t *ret_size)
{
	_cleanup_free_ char *command = format_text("tests/bench/make_policy %u %u", devices, rules);
	FILE *pipe = command ? popen(command, "re") : NULL;
	struct buf text = {0};
	char piece[65536];
	size_t n;

	while (pipe && (n = fread(piece, 1, sizeof(piece), pipe)) > 0)
		if (buf_add(&text, piece, n) < 0)
			die("no memory for a policy");
	if (!pipe || pclose(pipe) != 0 || !text.size)
		die("tests/bench/make_policy failed; run this from the top of the sources");
	*ret_size = text.size;
	return (char *)buf_text(&text);
}

/* build/tests/bench/engine -> build/cordond */
static char *daemon_path(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (int up = 0; up < 3 && n > 0; up++) {
		self[n] = '\0';
		n = strrchr(self, '/') - self;
	}
	self[n > 0 ? n : 0] = '\0';
	return format_text("%s/cordond", self);
}

static bool wanted(const char *only, const char *subject)
{
	regex_t expression;
	bool yes;

	if (!only)
		return true;
	if (regcomp(&expression, only, REG_EXTENDED | REG_NOSUB) != 0)
		die("--only: %s is no regular expression", only);
	yes = regexec(&expression, subject, 0, NULL, 0) == 0;
	regfree(&expression);
	return yes;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {"quick", no_argument, NULL, 'q'},
						{"only", required_argument, NULL, 'n'}, {0}};
	static const char *const heads[] = {"case", "devices", "rules", "median", "95 %", "unit", "", NULL};
	const char *out = "build/bench.json", *only = NULL;
	_cleanup_free_ char *cordond = daemon_path();
	struct results *results = NULL;
	struct table table = {0};
	bool quick = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return 2;
		quick |= c == 'q';
		out = c == 'o' ? optarg : out;
		only = c == 'n' ? optarg : only;
	}
	r = results_open(out, "engine", &results);
	if (r < 0)
		die("%s: %s", out, strerror(-r));
	table_begin(&table, heads);
	if (wanted(only, "apply"))
		policies_measure(results, &table, quick);
	if (wanted(only, "rss quarantine"))
		daemon_measure(results, &table, cordond, quick);
	table_print(&table, stdout);
	table_done(&table);
	r = results_save(results);
	results_free(results);
	return r < 0;
}
