/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_input.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"

struct replay_input {
	char *path;
	struct replay_defaults defaults;
	FILE *file;   /* NULL once the capture owns it */
	pcap_t *pcap; /* NULL: JSON lines */
	size_t line;
	json_t *object;
	char *text;   /* REPLAY_MAX_LINE */
	uint8_t *bytes;
};

void replay_input_close(struct replay_input *input)
{
	if (!input)
		return;
	if (input->pcap)
		pcap_close(input->pcap);
	if (input->file && input->file != stdin)
		fclose(input->file);
	json_decref(input->object);
	free(input->text);
	free(input->bytes);
	free(input->path);
	free(input);
}

static void cleanup_input(struct replay_input **input)
{
	replay_input_close(*input);
}

/* The first bytes of pcap (both byte orders, micro- and nanoseconds) and pcapng. */
static bool is_capture(FILE *file)
{
	static const char *const magics[] = {"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a"};
	char magic[4];
	size_t got = fread(magic, 1, sizeof(magic), file);

	/* A pipe cannot seek; the C library keeps what was just read and takes it back. */
	if (fseek(file, 0, SEEK_SET) < 0) {
		clearerr(file);
		for (size_t i = got; i > 0; i--)
			ungetc((unsigned char)magic[i - 1], file);
	}
	for (size_t i = 0; got == sizeof(magic) && i < ARRAY_SIZE(magics); i++) {
		if (!memcmp(magic, magics[i], sizeof(magic)))
			return true;
	}
	return false;
}

static int capture_open(struct replay_input *input, char **ret_why)
{
	char error[PCAP_ERRBUF_SIZE];
	int link;

	input->pcap = pcap_fopen_offline(input->file, error);
	if (!input->pcap)
		return why(ret_why, -EINVAL, "%s: not a capture that libpcap reads: %s", input->path, error);
	input->file = NULL;
	link = pcap_datalink(input->pcap);
	if (link != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(link);

		return why(ret_why, -EINVAL, "%s: its link layer is %s; only Ethernet frames can be replayed", input->path, name ? name : "unknown");
	}
	if (!input->defaults.port || input->defaults.dir < 0)
		return why(ret_why, -EINVAL, "%s is a capture: say with --port and --dir where its frames crossed", input->path);
	return 0;
}

int replay_input_open(const char *path, const struct replay_defaults *defaults, struct replay_input **ret, char **ret_why)
{
	__attribute__((cleanup(cleanup_input))) struct replay_input *input = calloc(1, sizeof(*input));
	int r;

	if (!input)
		return -ENOMEM;
	input->defaults = *defaults;
	input->path = strdup(path);
	input->text = malloc(REPLAY_MAX_LINE + 1);
	input->bytes = malloc(REPLAY_MAX_FRAME);
	if (!input->path || !input->text || !input->bytes)
		return -ENOMEM;
	input->file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!input->file)
		return why(ret_why, -errno, "cannot read %s: %s", path, strerror(errno));
	if (is_capture(input->file)) {
		r = capture_open(input, ret_why);
		if (r < 0)
			return r;
	}
	*ret = take_ptr(input);
	return 0;
}

/* One line without its end into input->text. 1, 0 at the end, or an error. */
static int line_read(struct replay_input *input, size_t *ret_size, char **ret_why)
{
	size_t size = 0;
	int c;

	input->line++;
	while ((c = getc_unlocked(input->file)) != EOF && c != '\n') {
		if (size == REPLAY_MAX_LINE)
			return why(ret_why, -EINVAL, "%s:%zu: the line is longer than %u bytes", input->path, input->line, REPLAY_MAX_LINE);
		input->text[size++] = (char)c;
	}
	if (ferror(input->file))
		return why(ret_why, -EINVAL, "%s:%zu: cannot be read: %s", input->path, input->line, strerror(errno));
	*ret_size = size;
	return size || c != EOF;
}

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!isspace((unsigned char)text[i]))
			return false;
	}
	return true;
}

static int line_next(struct replay_input *input, struct replay_item *ret, char **ret_why)
{
	_cleanup_free_ char *message = NULL;
	json_error_t error;
	size_t size = 0;
	int r;

	do {
		r = line_read(input, &size, ret_why);
		if (r <= 0)
			return r;
	} while (is_blank(input->text, size));
	json_decref(input->object);
	input->object = json_loadb(input->text, size, JSON_REJECT_DUPLICATES, &error);
	if (!input->object)
		return why(ret_why, -EINVAL, "%s:%zu:%d: not JSON: %s", input->path, input->line, error.column, error.text);
	r = replay_item_parse(input->object, &input->defaults, input->bytes, ret, &message);
	if (r < 0)
		return why(ret_why, r, "%s:%zu: %s", input->path, input->line, message ? message : strerror(-r));
	ret->line = input->line;
	return 1;
}

static int packet_next(struct replay_input *input, struct replay_item *ret, char **ret_why)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int r = pcap_next_ex(input->pcap, &header, &bytes);

	input->line++;
	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1)
		return why(ret_why, -EINVAL, "%s: packet %zu: %s", input->path, input->line, pcap_geterr(input->pcap));
	if (header->caplen > REPLAY_MAX_FRAME)
		return why(ret_why, -EINVAL, "%s: packet %zu is %u bytes long; at most %u", input->path, input->line, header->caplen, REPLAY_MAX_FRAME);
	*ret = (struct replay_item){
		.kind = REPLAY_FRAME,
		.line = input->line,
		.port = input->defaults.port,
		.dir = (enum cordon_dir)input->defaults.dir,
		.in_port = input->defaults.in_port,
		.bytes = bytes,
		.size = header->caplen,
		.cut_short = header->caplen < header->len,
	};
	return 1;
}

int replay_input_next(struct replay_input *input, struct replay_item *ret, char **ret_why)
{
	return input->pcap ? packet_next(input, ret, ret_why) : line_next(input, ret, ret_why);
}
