/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/cleanup.h"

/* The input belongs to the program `cordon`, not to the library. */
#include "../../user/cordon/replay_input.c"
#include "../../user/cordon/replay_item.c"
#include "../../user/cordon/timespan.c"

static const struct replay_defaults no_defaults = {.dir = -1};
static uint8_t frame[REPLAY_MAX_FRAME];

static json_t *object; /* of the last parse(): items borrow from it */

static void forget(void)
{
	json_decref(object);
	object = NULL;
}
TestSuite(replay_item, .fini = forget);

static int parse(const char *text, struct replay_item *ret, char **ret_why)
{
	forget();
	object = json_loads(text, JSON_DECODE_ANY, NULL);
	cr_assert_not_null(object, "the test's own JSON: %s", text);
	return replay_item_parse(object, &no_defaults, frame, ret, ret_why);
}

static void assert_refused(const char *text, const char *part)
{
	struct replay_item item = {.line = 77};
	_cleanup_free_ char *message = NULL;

	cr_assert_lt(parse(text, &item, &message), 0, "accepted: %s", text);
	cr_assert_not_null(message, "no reason for: %s", text);
	cr_assert_not_null(strstr(message, part), "%s\nsays: %s\nlacks: %s", text, message, part);
	cr_assert_eq(item.line, 77, "the output was touched on failure");
}

Test(replay_item, a_frame_with_all_it_may_have)
{
	struct replay_item item;

	cr_assert_eq(parse("{\"name\": 7, \"port\": \"p1\", \"dir\": \"to_device\", \"in_port\": \"eth0\", \"frame\": \"00fFA9\","
			   " \"gso\": [1448, 3], \"expect\": \"drop\", \"note\": \"ignored\"}", &item, NULL), 0);
	cr_assert_eq(item.kind, REPLAY_FRAME);
	cr_assert_eq(json_integer_value(item.name), 7);
	cr_assert_str_eq(item.port, "p1");
	cr_assert_eq(item.dir, CORDON_DIR_TO_DEVICE);
	cr_assert_str_eq(item.in_port, "eth0");
	cr_assert_eq(item.size, 3);
	cr_assert_arr_eq(item.bytes, "\x00\xff\xa9", 3);
	cr_assert_eq(item.gso_size, 1448);
	cr_assert_eq(item.gso_segs, 3);
	cr_assert_eq(item.expect, REPLAY_EXPECT_DROP);
}

Test(replay_item, null_is_absent)
{
	struct replay_item item;

	cr_assert_eq(parse("{\"port\": \"p1\", \"dir\": \"from_device\", \"in_port\": null, \"gso\": null, \"expect\": null, \"frame\": \"\"}", &item, NULL), 0);
	cr_assert_null(item.in_port);
	cr_assert_null(item.name);
	cr_assert_eq(item.gso_segs, 0);
	cr_assert_eq(item.expect, REPLAY_EXPECT_NOTHING);
	cr_assert_eq(item.size, 0);
}

Test(replay_item, what_happens_between_frames)
{
	struct replay_item item;

	cr_assert_eq(parse("{\"do\": \"reset\"}", &item, NULL), 0);
	cr_assert_eq(item.kind, REPLAY_RESET);
	cr_assert_eq(parse("{\"do\": \"apply\", \"policy\": \"b.yaml\"}", &item, NULL), 0);
	cr_assert_str_eq(item.policy, "b.yaml");
	cr_assert_eq(parse("{\"do\": \"quarantine\", \"device\": \"cam\"}", &item, NULL), 0);
	cr_assert_eq(item.kind, REPLAY_QUARANTINE);
	cr_assert_str_eq(item.device, "cam");
	cr_assert_eq(parse("{\"do\": \"wait\", \"for\": \"31s\"}", &item, NULL), 0);
	cr_assert_eq(item.wait, 31 * NS_PER_S);
}

Test(replay_item, mistakes_say_what_was_expected)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"[]", "not a JSON object"},
		{"{}", "\"port\" is missing"},
		{"{\"port\": \"p1\"}", "\"dir\" is missing"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\"}", "\"frame\" is missing"},
		{"{\"port\": 1, \"dir\": \"from_device\", \"frame\": \"\"}", "\"port\" wants a string"},
		{"{\"port\": \"\", \"dir\": \"from_device\", \"frame\": \"\"}", "\"port\" is empty"},
		{"{\"port\": \"p1\", \"dir\": \"sideways\", \"frame\": \"\"}", "not \"sideways\""},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"abc\"}", "odd number"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"00g0\"}", "byte 1"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"00 0\"}", "byte 1"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": 12}", "hex digits in a string"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"\", \"gso\": [1]}", "[size, segments]"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"\", \"gso\": [0, 1]}", "1 to 65535"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"\", \"gso\": [1, 65536]}", "1 to 65535"},
		{"{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"\", \"expect\": \"allow\"}", "not \"allow\""},
		{"{\"do\": \"rest\"}", "did you mean \"reset\""},
		{"{\"do\": \"\"}", "\"do\" is empty"},
		{"{\"do\": 1}", "\"do\" wants a string"},
		{"{\"do\": \"auth\"}", "\"device\" is missing"},
		{"{\"do\": \"apply\"}", "\"policy\" is missing"},
		{"{\"do\": \"wait\", \"for\": \"31\"}", "not \"31\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i].text, bad[i].part);
}

Test(replay_item, a_frame_over_the_limit)
{
	char *text = malloc(2 * REPLAY_MAX_FRAME + 100);
	int used = sprintf(text, "{\"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"");

	memset(text + used, '0', 2 * REPLAY_MAX_FRAME + 2);
	strcpy(text + used + 2 * REPLAY_MAX_FRAME + 2, "\"}");
	assert_refused(text, "at most");
	free(text);
}

Test(timespan, units_and_sums)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"200ms", 200000000}, {"31s", 31 * NS_PER_S}, {"5m", 300 * NS_PER_S}, {"1h", 3600 * NS_PER_S},
		{"7d", 7 * 86400 * NS_PER_S}, {"1h30m", 5400 * NS_PER_S}, {"0s", 0},
	};
	static const char *const bad[] = {"", "5", "s", "5x", "-5s", " 5s", "5s ", "5.5s", "1h 30m", "99999999999999999999s", "4000d", "3660d1ms"};
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cr_assert_eq(timespan_parse(good[i].text, &ns), 0, "%s", good[i].text);
		cr_assert_eq(ns, good[i].ns, "%s", good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_assert_lt(timespan_parse(bad[i], &ns), 0, "accepted '%s'", bad[i]);
}

/* A file of the test's own with this content; its name is good until the next one. */
static const char *file_of(const void *bytes, size_t size)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/cordon-replay-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	return path;
}

static struct replay_input *open_bytes(const void *bytes, size_t size, const struct replay_defaults *defaults, char **ret_why)
{
	const char *path = file_of(bytes, size);
	struct replay_input *input = NULL;

	replay_input_open(path, defaults, &input, ret_why);
	unlink(path);
	return input;
}

static struct replay_input *open_text(const char *text)
{
	struct replay_input *input = open_bytes(text, strlen(text), &no_defaults, NULL);

	cr_assert_not_null(input);
	return input;
}

#define FRAME_LINE "{\"name\": \"a\", \"port\": \"p1\", \"dir\": \"from_device\", \"frame\": \"00\"}"

Test(replay_input, lines_in_order_blank_ones_skipped_last_without_end)
{
	struct replay_input *input = open_text("\n" FRAME_LINE "\n  \r\n{\"do\": \"reset\"}\n" FRAME_LINE);
	struct replay_item item;

	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_eq(item.kind, REPLAY_FRAME);
	cr_assert_eq(item.line, 2);
	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_eq(item.kind, REPLAY_RESET);
	cr_assert_eq(item.line, 4);
	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_eq(item.line, 5);
	cr_assert_eq(replay_input_next(input, &item, NULL), 0);
	cr_assert_eq(replay_input_next(input, &item, NULL), 0);
	replay_input_close(input);
}

static void assert_bad_second_line(const char *line, const char *part)
{
	_cleanup_free_ char *text = format_text("%s\n%s\n", FRAME_LINE, line), *message = NULL;
	struct replay_input *input = open_text(text);
	struct replay_item item;

	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_lt(replay_input_next(input, &item, &message), 0, "accepted: %s", line);
	cr_assert_not_null(strstr(message, ":2:"), "no line in: %s", message);
	cr_assert_not_null(strstr(message, part), "%s lacks %s", message, part);
	replay_input_close(input);
}

Test(replay_input, a_bad_line_is_named)
{
	assert_bad_second_line("{\"port\"", "not JSON");
	assert_bad_second_line("{\"port\": \"p1\", \"port\": \"p2\"}", "duplicate");
	assert_bad_second_line("{\"dir\": \"from_device\"}", "\"port\" is missing");
}

Test(replay_input, a_line_without_end_does_not_take_the_memory)
{
	size_t size = REPLAY_MAX_LINE + 2;
	_cleanup_free_ char *text = malloc(size), *message = NULL;
	struct replay_input *input;
	struct replay_item item;

	memset(text, ' ', size);
	input = open_bytes(text, size, &no_defaults, NULL);
	cr_assert_lt(replay_input_next(input, &item, &message), 0);
	cr_assert_not_null(strstr(message, "longer than"), "%s", message);
	replay_input_close(input);
}

Test(replay_input, a_file_that_is_not_there)
{
	_cleanup_free_ char *message = NULL;
	struct replay_input *input;

	cr_assert_eq(replay_input_open("/nonexistent/frames", &no_defaults, &input, &message), -ENOENT);
	cr_assert_not_null(strstr(message, "/nonexistent/frames"));
}

/* Captures as they stand in files, in this machine's byte order. */
struct pcap_packet {
	uint32_t seconds, fraction, kept, length;
	uint8_t bytes[4];
};
struct pcap_bytes {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link;
	struct pcap_packet packets[2];
};

static struct pcap_bytes pcap_of(uint32_t link)
{
	return (struct pcap_bytes){
		.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snap = 65535, .link = link,
		.packets = {{.kept = 4, .length = 4, .bytes = {1, 2, 3, 4}}, {.kept = 4, .length = 90, .bytes = {5, 6, 7, 8}}},
	};
}

static const struct replay_defaults crossing = {.port = "p1", .dir = CORDON_DIR_TO_DEVICE, .in_port = "br0"};

static void assert_two_packets(struct replay_input *input)
{
	struct replay_item item;

	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_eq(item.size, 4);
	cr_assert_arr_eq(item.bytes, "\1\2\3\4", 4);
	cr_assert_str_eq(item.port, "p1");
	cr_assert_eq(item.dir, CORDON_DIR_TO_DEVICE);
	cr_assert_str_eq(item.in_port, "br0");
	cr_assert_not(item.cut_short);
	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert(item.cut_short, "half a frame would be judged");
	cr_assert_eq(replay_input_next(input, &item, NULL), 0);
}

Test(replay_input, pcap)
{
	struct pcap_bytes pcap = pcap_of(1);
	struct replay_input *input = open_bytes(&pcap, sizeof(pcap), &crossing, NULL);

	cr_assert_not_null(input);
	assert_two_packets(input);
	replay_input_close(input);
}

Test(replay_input, pcapng)
{
	static const uint32_t section[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff, 28},
			      interface[] = {1, 20, 1, 65535, 20},
			      packets[] = {6, 36, 0, 0, 0, 4, 4, 0x04030201, 36, 6, 36, 0, 0, 0, 4, 90, 0x08070605, 36};
	uint8_t bytes[sizeof(section) + sizeof(interface) + sizeof(packets)];
	struct replay_input *input;

	memcpy(bytes, section, sizeof(section));
	memcpy(bytes + sizeof(section), interface, sizeof(interface));
	memcpy(bytes + sizeof(section) + sizeof(interface), packets, sizeof(packets));
	input = open_bytes(bytes, sizeof(bytes), &crossing, NULL);
	cr_assert_not_null(input);
	assert_two_packets(input);
	replay_input_close(input);
}

Test(replay_input, captures_that_cannot_be_replayed)
{
	struct pcap_bytes pcap = pcap_of(113); /* Linux cooked: no Ethernet header to judge */
	_cleanup_free_ char *link = NULL, *where = NULL, *broken = NULL;

	cr_assert_null(open_bytes(&pcap, sizeof(pcap), &crossing, &link));
	cr_assert_not_null(strstr(link, "LINUX_SLL"), "%s", link);
	pcap = pcap_of(1);
	cr_assert_null(open_bytes(&pcap, sizeof(pcap), &no_defaults, &where));
	cr_assert_not_null(strstr(where, "--port"), "%s", where);
	cr_assert_null(open_bytes(&pcap, 10, &crossing, &broken));
	cr_assert_not_null(broken);
}

Test(replay_input, a_capture_cut_in_a_packet)
{
	struct pcap_bytes pcap = pcap_of(1);
	struct replay_input *input = open_bytes(&pcap, sizeof(pcap) - 2, &crossing, NULL);
	_cleanup_free_ char *message = NULL;
	struct replay_item item;

	cr_assert_eq(replay_input_next(input, &item, NULL), 1);
	cr_assert_lt(replay_input_next(input, &item, &message), 0);
	cr_assert_not_null(strstr(message, "packet 2"), "%s", message);
	replay_input_close(input);
}

/* Reads on past nothing it was given, and ends, whatever stands there (the sanitizers watch). */
Test(replay_input, changed_bytes)
{
	static const char line[] = "{\"name\": \"a\", \"port\": \"p1\", \"dir\": \"to_device\", \"gso\": [10, 2], \"frame\": \"00ff\"}\n{\"do\": \"wait\", \"for\": \"5m\"}\n";
	unsigned seed = getenv("CORDON_SEED") ? (unsigned)atoi(getenv("CORDON_SEED")) : 20261122;

	cr_log_info("CORDON_SEED=%u", seed);
	for (int round = 0; round < 2000; round++) {
		char text[sizeof(line)];
		struct replay_input *input;
		struct replay_item item;

		memcpy(text, line, sizeof(line));
		for (int k = 0; k < 3; k++)
			text[(unsigned)rand_r(&seed) % (sizeof(line) - 1)] = (char)rand_r(&seed);
		input = open_bytes(text, sizeof(line) - 1, &crossing, NULL);
		while (input && replay_input_next(input, &item, NULL) == 1)
			;
		replay_input_close(input);
	}
}
