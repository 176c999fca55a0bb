/* SPDX-License-Identifier: Apache-2.0 */
/* cordond: the engine. One process, one loop, one worker that compiles; what it does is in engine.c and the files beside it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/cleanup.h"
#include "../lib/log.h"
#include "apply.h"
#include "engine.h"
#include "instance.h"
#include "notify.h"
#include "privileges.h"

static const char usage[] =
	"Usage: cordond [-c FILE] [--foreground] [--debug]\n"
	"The engine of cordon: puts the policy in force on this gateway's ports and keeps it there.\n"
	"\n"
	"  -c, --config FILE  gateway.yaml (default $CORDON_CONFIG, else " CONFIG_DEFAULT_PATH ")\n"
	"  -f, --foreground   stay, log to stderr (so it does under systemd, too); without it cordond returns\n"
	"                     once the policy is in force, goes on in the background and logs to cordond.log in `run:`\n"
	"      --debug        log more\n"
	"  -V, --version      print the version\n"
	"  -h, --help         print this\n"
	"\n"
	"Signals: HUP reads gateway.yaml and the policy folder again and keeps what is in force if they are bad;\n"
	"TERM and INT end the engine, the kernel goes on enforcing.\n"
	"Exit status: 0 ended by a signal, 1 error, 2 usage, 7 another cordond runs here already.\n";

struct options {
	const char *config;
	bool foreground;
};

/* 0, or 1 + the status to exit with. */
static int options_parse(int argc, char **argv, struct options *ret)
{
	enum { DEBUG = 256 };
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' }, { "foreground", no_argument, NULL, 'f' }, { "debug", no_argument, NULL, DEBUG },
		{ "version", no_argument, NULL, 'V' },      { "help", no_argument, NULL, 'h' },       { 0 },
	};
	int option;

	ret->config = getenv("CORDON_CONFIG") ?: CONFIG_DEFAULT_PATH;
	while ((option = getopt_long(argc, argv, "c:fVh", known, NULL)) != -1) {
		if (option == 'c') {
			ret->config = optarg;
		} else if (option == 'f') {
			ret->foreground = true;
		} else if (option == DEBUG) {
			log_set_level(LOG_LEVEL_DEBUG);
		} else if (option == 'V') {
			puts("cordond " CORDON_VERSION);
			return 1 + CONTROL_DONE;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return 1 + (option == 'h' ? CONTROL_DONE : CONTROL_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "cordond: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return 1 + CONTROL_USAGE;
	}
	return 0;
}

static void on_end(evutil_socket_t signal_number, short what, void *ctx)
{
	struct engine *e = ctx;

	(void)what;
	log_info("ending, the kernel goes on enforcing signal=%s", sigabbrev_np((int)signal_number));
	notify_stopping();
	event_base_loopbreak(e->base);
}

static void reloaded(void *ctx, const struct apply_ended *ended)
{
	_cleanup_free_ char *lines = ended->d->errors ? diagnostics_text(ended->d) : NULL;

	if (ended->r == -ECANCELED)
		return;
	if (ended->r < 0)
		log_error("not reloaded, what was in force stays error='%s'", lines ? lines : ended->why ? ended->why : strerror(-ended->r));
	else if (!ended->result.changed)
		log_info("reloaded, the policy is unchanged");
	notify_ready(ctx);
}

static void on_reload(evutil_socket_t signal_number, short what, void *ctx)
{
	_cleanup_free_ char *reason = NULL;
	struct engine *e = ctx;
	int r;

	(void)signal_number, (void)what;
	notify_reloading();
	r = engine_reload_config(e, &reason);
	if (r == 0) {
		engine_apply_folder(e, &(struct apply_order){ .who = "root", .reason = "SIGHUP", .told = reloaded, .ctx = e });
		return;
	}
	log_error("not reloaded, what was in force stays error='%s'", reason ? reason : strerror(-r));
	notify_ready(e);
}

static const struct {
	int number;
	event_callback_fn handle;
} signals[] = {
	{ SIGTERM, on_end },
	{ SIGINT, on_end },
	{ SIGHUP, on_reload },
};

struct start {
	struct engine *engine;
	struct instance *instance;
};

static void on_started(void *ctx)
{
	struct start *start = ctx;

	notify_ready(start->engine);
	log_info("ready config=%s", start->engine->config_path);
	instance_ready(start->instance);
}

static int run(struct engine *e, struct instance *instance)
{
	struct start start = { e, instance };
	struct event *events[ARRAY_SIZE(signals)] = { 0 };
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		events[i] = evsignal_new(e->base, signals[i].number, signals[i].handle, e);
		failed |= !events[i] || event_add(events[i], NULL) < 0;
	}
	if (failed) {
		log_error("signals cannot be followed");
	} else {
		engine_start(e, on_started, &start);
		failed = event_base_dispatch(e->base) < 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (events[i])
			event_free(events[i]);
	return failed ? CONTROL_ERROR : CONTROL_DONE;
}

static int start_and_run(const struct options *options, struct gateway_config *config, struct instance *instance)
{
	struct event_base *base = event_base_new();
	_cleanup_free_ char *reason = NULL;
	struct engine *engine = NULL;
	int status = CONTROL_ERROR, r;

	if (!base) {
		config_free(config);
		log_error("no event loop");
		return CONTROL_ERROR;
	}
	r = engine_new(options->config, config, base, &engine, &reason);
	if (r == 0)
		r = privileges_drop(&reason);
	if (r < 0)
		log_error("cannot start error='%s'", reason ? reason : strerror(-r));
	else
		status = run(engine, instance);
	engine_free(engine);
	event_base_free(base);
	return status;
}

/* systemd waits for READY itself. */
static bool must_detach(const struct options *options)
{
	return !options->foreground && !getenv("NOTIFY_SOCKET");
}

int main(int argc, char **argv)
{
	__attribute__((cleanup(instance_done))) struct instance instance = INSTANCE_NONE;
	_cleanup_free_ char *reason = NULL;
	struct gateway_config *config = NULL;
	struct options options = { 0 };
	int r = options_parse(argc, argv, &options);

	if (r)
		return r - 1;
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (engine_load_config(options.config, &config, &reason) < 0) {
		fprintf(stderr, "cordond: %s\n", reason ? reason : "no memory");
		return CONTROL_ERROR;
	}
	r = must_detach(&options) ? instance_detach(&instance, config->run, &reason) : 0;
	if (r == 0)
		r = instance_lock(&instance, config->run, config->bpffs, &reason);
	if (r < 0) {
		fprintf(stderr, "cordond: %s\n", reason ? reason : strerror(-r));
		config_free(config);
		return r == -EBUSY ? CONTROL_CONFLICT : CONTROL_ERROR;
	}
	return start_and_run(&options, config, &instance);
}
