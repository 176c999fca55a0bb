/* SPDX-License-Identifier: Apache-2.0 */
#define CORDON_FAILPOINTS
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/names.h"
/* libcordon.a has it compiled to nothing. */
#include "../../user/lib/failpoint.c"

static char folder[64];

static void make_folder(void)
{
	strcpy(folder, "/tmp/cordon-lib-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
	_cleanup_free_ char *command = format_text("rm -rf %s", folder);

	cr_assert_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

Test(buf, is_empty_text_before_the_first_append)
{
	_cleanup_buf_ struct buf b = { 0 };

	cr_expect_str_eq(buf_text(&b), "");
	buf_drop(&b, 5);
	cr_expect_eq(b.size, 0);
}

Test(buf, grows_and_stays_terminated)
{
	_cleanup_buf_ struct buf b = { 0 };

	for (unsigned int i = 0; i < 10000; i++) {
		cr_assert_eq(buf_addf(&b, "%u,", i % 10), 0);
		cr_assert_eq(b.data[b.size], '\0');
		cr_assert_lt(b.size, b.capacity);
	}
	cr_expect_eq(b.size, 20000);
	cr_expect_eq(strlen(b.data), 20000);
	cr_expect_eq(strncmp(b.data + 19980, "0,1,2,3,4,5,6,7,8,9,", 20), 0);
}

Test(buf, holds_zero_bytes_and_drops_from_the_front)
{
	_cleanup_buf_ struct buf b = { 0 };

	cr_assert_eq(buf_add(&b, "a\0b", 3), 0);
	cr_assert_eq(buf_add(&b, "cd", 2), 0);
	cr_expect_eq(b.size, 5);
	buf_drop(&b, 3);
	cr_expect_str_eq(buf_text(&b), "cd");
	buf_drop(&b, 100);
	cr_expect_eq(b.size, 0);
	cr_expect_str_eq(buf_text(&b), "");
}

Test(buf, refuses_a_size_that_overflows)
{
	_cleanup_buf_ struct buf b = { 0 };

	cr_assert_eq(buf_add(&b, "x", 1), 0);
	cr_expect_eq(buf_add(&b, "y", SIZE_MAX), -ENOMEM);
	cr_expect_eq(buf_add(&b, "y", SIZE_MAX / 2), -ENOMEM);
	cr_expect_str_eq(buf_text(&b), "x");
}

Test(buf, why_returns_its_code)
{
	_cleanup_free_ char *text = NULL;

	cr_expect_eq(why(&text, -EINVAL, "%s:%d", "file", 3), -EINVAL);
	cr_expect_str_eq(text, "file:3");
	cr_expect_eq(why(NULL, -ENOENT, "%s", "nobody listens"), -ENOENT);
}

Test(names, finds_what_was_meant)
{
	static const char *const words[] = { "cameras", "locks", "thermostats", "internet", "gateway", "any" };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "camras", "cameras" },   { "cameras", "cameras" }, { "acmeras", "cameras" }, { "lock", "locks" },
		{ "gatewya", "gateway" },  { "intrenet", "internet" }, { "ayn", "any" },       { "printers", NULL },
		{ "", NULL },		   { "x", NULL },	     { "thermostatssss", "thermostats" }, { "xxx", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *found = name_nearest_of(cases[i].word, words, ARRAY_SIZE(words));

		cr_expect(found == cases[i].nearest || (found && cases[i].nearest && !strcmp(found, cases[i].nearest)), "'%s' → %s",
			  cases[i].word, found ? found : "nothing");
	}
	cr_expect_null(name_nearest_of("any", words, 0));
}

Test(names, long_words_do_no_harm)
{
	_cleanup_buf_ struct buf word = { 0 };
	const char *words[] = { NULL, "any" };

	for (int i = 0; i < 100000; i++)
		cr_assert_eq(buf_add(&word, "a", 1), 0);
	cr_expect_null(name_nearest_of(word.data, words + 1, 1));
	words[0] = word.data;
	cr_expect_str_eq(name_nearest_of("amy", words, 2), "any");
}

Test(file, reads_what_was_written, .init = make_folder, .fini = remove_folder)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;

	cr_assert_eq(file_write(in_folder("a"), "x\0y", 3, 0640), 0);
	cr_assert_eq(file_read(in_folder("a"), 3, &text, &size), 0);
	cr_expect_eq(size, 3);
	cr_expect_arr_eq(text, "x\0y", 4, "not terminated");
	cr_assert_eq(stat(in_folder("a"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
}

Test(file, refuses_more_than_the_limit, .init = make_folder, .fini = remove_folder)
{
	char *text = NULL;
	size_t size;

	cr_assert_eq(file_write(in_folder("a"), "four", 4, 0600), 0);
	cr_expect_eq(file_read(in_folder("a"), 3, &text, &size), -EFBIG);
	cr_expect_eq(file_read(in_folder("no"), 3, &text, &size), -ENOENT);
	cr_expect_eq(file_read(folder, 3, &text, &size), -EISDIR);
	cr_expect_eq(file_read("/dev/zero", 3, &text, &size), -EINVAL, "an endless file");
	cr_expect_null(text);
}

Test(file, reads_pipes_up_to_the_limit)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], "through a pipe", 14), 14);
	close(ends[1]);
	path = format_text("/proc/self/fd/%d", ends[0]);
	cr_assert_eq(file_read(path, 14, &text, &size), 0);
	cr_expect_str_eq(text, "through a pipe");

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], "through a pipe", 14), 14);
	close(ends[1]);
	free(path);
	path = format_text("/proc/self/fd/%d", ends[0]);
	free(take_ptr(text));
	cr_expect_eq(file_read(path, 13, &text, &size), -EFBIG);
}

Test(file, empty_file_is_empty_text, .init = make_folder, .fini = remove_folder)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 9;

	cr_assert_eq(file_write(in_folder("a"), "", 0, 0600), 0);
	cr_assert_eq(file_read(in_folder("a"), 0, &text, &size), 0);
	cr_expect_eq(size, 0);
	cr_expect_str_eq(text, "");
}

/* A write that cannot finish leaves the old content and nothing beside it. */
Test(file, write_is_all_or_nothing, .init = make_folder, .fini = remove_folder)
{
	_cleanup_free_ char *text = NULL;
	char **names;
	size_t size, n;

	cr_assert_eq(file_write(in_folder("a"), "old", 3, 0600), 0);
	cr_assert_eq(mkdir(in_folder("b"), 0700), 0);
	cr_expect_eq(file_write(in_folder("b"), "new", 3, 0600), -EISDIR);
	cr_expect_eq(file_write(in_folder("no/a"), "new", 3, 0600), -ENOENT);
	cr_assert_eq(dir_list(folder, "", &names, &n), 0);
	cr_expect_eq(n, 2, "%zu entries: something was left behind", n);
	strv_free(names, n);

	cr_assert_eq(file_write(in_folder("a"), "newer", 5, 0600), 0);
	cr_assert_eq(file_read(in_folder("a"), 100, &text, &size), 0);
	cr_expect_str_eq(text, "newer");
}

/* Whoever has the old file open keeps it whole: the new one is another file. */
Test(file, write_replaces_and_does_not_overwrite, .init = make_folder, .fini = remove_folder)
{
	_cleanup_close_ int fd = -1;
	char old[8] = { 0 };

	cr_assert_eq(file_write(in_folder("a"), "old", 3, 0600), 0);
	fd = open(in_folder("a"), O_RDONLY);
	cr_assert_eq(file_write(in_folder("a"), "new", 3, 0600), 0);
	cr_assert_eq(read(fd, old, sizeof(old)), 3);
	cr_expect_str_eq(old, "old");
}

Test(file, folders, .init = make_folder, .fini = remove_folder)
{
	static const char *const expected[] = { "10.yaml", "a.yaml", "b.yaml" };
	char **names;
	size_t n;

	cr_assert_eq(dir_make(in_folder("x/y/z"), 0700), 0);
	cr_expect_eq(dir_make(in_folder("x/y/z"), 0700), 0, "it is there already");
	cr_assert_eq(file_write(in_folder("x/b.yaml"), "", 0, 0600), 0);
	cr_assert_eq(file_write(in_folder("x/a.yaml"), "", 0, 0600), 0);
	cr_assert_eq(file_write(in_folder("x/10.yaml"), "", 0, 0600), 0);
	cr_assert_eq(file_write(in_folder("x/c.yml"), "", 0, 0600), 0);
	cr_expect_eq(dir_make(in_folder("x/b.yaml"), 0700), -ENOTDIR);
	cr_expect_eq(dir_make(in_folder("x/b.yaml/c"), 0700), -ENOTDIR);

	cr_assert_eq(dir_list(in_folder("x"), ".yaml", &names, &n), 0);
	cr_assert_eq(n, 3);
	for (size_t i = 0; i < n; i++)
		cr_expect_str_eq(names[i], expected[i]);
	strv_free(names, n);
	cr_expect_eq(dir_list(in_folder("no"), "", &names, &n), -ENOENT);
}

Test(clock, times_are_rfc3339)
{
	char text[TIME_TEXT_SIZE];

	cr_expect_str_eq(time_format(0, text), "1970-01-01T00:00:00.000Z");
	cr_expect_str_eq(time_format(1795347603120999999ULL, text), "2026-11-22T11:40:03.120Z");
}

Test(clock, wall_of_boot_keeps_distances)
{
	uint64_t boot = clock_boot_ns(), wall = clock_wall_ns();
	int64_t error = (int64_t)(clock_wall_of_boot(boot) - wall);
	int64_t ahead = (int64_t)(clock_wall_of_boot(boot + NS_PER_S) - clock_wall_of_boot(boot)) - (int64_t)NS_PER_S;

	cr_expect_lt(llabs(error), 1000000000LL);
	cr_expect_lt(llabs(ahead), 1000000000LL);
}

static void logged(enum log_level most, enum log_level level, const char *text, char *ret, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_set_level(most);
	errno = ENOTTY;
	log_line(level, "said text='%s'", text);
	cr_expect_eq(errno, ENOTTY, "logging changed errno");
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	n = read(ends[0], ret, size - 1);
	cr_assert_geq(n, 0);
	ret[n] = '\0';
	close(ends[0]);
	close(saved);
}

Test(log, one_line_whatever_is_said)
{
	char text[256];

	logged(LOG_LEVEL_INFO, LOG_LEVEL_WARNING, "a\n2026 error forged\033[31m", text, sizeof(text));
	cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1);
	cr_expect_null(strchr(text, '\033'));
	cr_expect_not_null(strstr(text, " warning said text='a\\x0a2026 error forged\\x1b[31m'\n"), "%s", text);
	logged(LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, "quiet", text, sizeof(text));
	cr_expect_str_eq(text, "");
}

Test(failpoint, fails_at_the_pass_that_was_asked_for, .init = make_folder, .fini = remove_folder)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	setenv("CORDON_FAILPOINT", "map_update:2:28", 1);
	setenv("CORDON_FAILPOINT_LOG", in_folder("log"), 1);
	cr_expect_eq(failpoint("map_update"), 0);
	cr_expect_eq(failpoint("map"), 0, "the start of a name is another name");
	cr_expect_eq(failpoint("map_update"), -ENOSPC);
	cr_expect_eq(failpoint("map_update"), 0);
	cr_assert_eq(file_read(in_folder("log"), 1000, &text, &size), 0);
	cr_expect_str_eq(text, "map_update 1\nmap 1\nmap_update 2\nmap_update 3\n");
}

Test(failpoint, kills)
{
	pid_t child = fork();
	int status;

	if (!child) {
		setenv("CORDON_FAILPOINT", "flip:1:kill", 1);
		_exit(failpoint("flip") ? 1 : 0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
