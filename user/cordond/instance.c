/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/file.h"

static int lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int write_pid(int fd)
{
	_cleanup_free_ char *text = format_text("%d\n", getpid());

	if (!text)
		return -ENOMEM;
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return -errno;
	return 0;
}

static int lock_run(struct instance *instance, const char *run, char **ret_why)
{
	_cleanup_free_ char *path = format_text("%s/cordond.pid", run);
	_cleanup_close_ int fd = -1;
	char pid[16] = "";
	int r = dir_make(run, 0755);

	if (r < 0 || !path)
		return why(ret_why, r < 0 ? r : -ENOMEM, "cannot make the folder %s: %s", run, strerror(r < 0 ? -r : ENOMEM));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return why(ret_why, -errno, "cannot open %s: %s", path, strerror(errno));
	r = lock(fd);
	if (r == -EWOULDBLOCK) {
		ssize_t got = read(fd, pid, sizeof(pid) - 1);

		pid[got > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return why(ret_why, -EBUSY, "another cordond runs already (pid %s) with the run folder %s", pid[0] ? pid : "unknown", run);
	}
	if (r == 0)
		r = write_pid(fd);
	if (r < 0)
		return why(ret_why, r, "cannot lock %s: %s", path, strerror(-r));
	instance->pid_fd = take_fd(fd);
	return 0;
}

/* A second engine with a run folder of its own must not take the same tables. */
static int lock_pins(struct instance *instance, const char *bpffs, char **ret_why)
{
	_cleanup_close_ int fd = -1;

	/* Where this fails, opening the dataplane says why. */
	if (dir_make(bpffs, 0700) < 0)
		return 0;
	fd = open(bpffs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (lock(fd) == -EWOULDBLOCK)
		return why(ret_why, -EBUSY, "another cordond runs already with the pins in %s", bpffs);
	instance->pins_fd = take_fd(fd);
	return 0;
}

int instance_lock(struct instance *instance, const char *run, const char *bpffs, char **ret_why)
{
	int r = lock_run(instance, run, ret_why);

	return r < 0 ? r : lock_pins(instance, bpffs, ret_why);
}

/* The starter's end: the child's word, or its end. */
static void wait_and_exit(pid_t child, int fd)
{
	uint8_t word = EXIT_FAILURE;
	int status;

	if (read(fd, &word, 1) != 1 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status))
		word = (uint8_t)WEXITSTATUS(status);
	_exit(word);
}

int instance_detach(struct instance *instance, const char *run, char **ret_why)
{
	_cleanup_free_ char *path = format_text("%s/cordond.log", run);
	_cleanup_close_ int log = -1, null = -1;
	int pair[2];
	pid_t child;

	if (!path || dir_make(run, 0755) < 0 || (log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)) < 0)
		return why(ret_why, -errno, "cannot write the log %s/cordond.log: %s", run, strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return why(ret_why, -errno, "cannot detach: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return why(ret_why, -errno, "cannot fork: %s", strerror(errno));
	if (child > 0) {
		close(pair[1]);
		wait_and_exit(child, pair[0]);
	}
	close(pair[0]);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	instance->ready_fd = pair[1];
	instance->log_fd = take_fd(log);
	return 0;
}

void instance_ready(struct instance *instance)
{
	uint8_t word = EXIT_SUCCESS;

	if (instance->ready_fd < 0)
		return;
	dup2(instance->log_fd, STDERR_FILENO);
	if (write(instance->ready_fd, &word, 1) != 1)
		return;
	close(instance->ready_fd);
	instance->ready_fd = -1;
}

void instance_done(struct instance *instance)
{
	cleanup_close(&instance->pid_fd);
	cleanup_close(&instance->pins_fd);
	cleanup_close(&instance->ready_fd);
	cleanup_close(&instance->log_fd);
}
