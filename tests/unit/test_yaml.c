/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/lib/buf.h"
#include "../../user/lib/yaml.h"

#ifdef __SANITIZE_ADDRESS__
#define SLOWER 10
#else
#define SLOWER 1
#endif

static const struct yaml_limits limits = {.bytes = 64u << 20, .depth = 16, .events = 4000000};

struct told {
	uint32_t line, column;
	char message[256];
};

static struct told told[50];
static size_t n_told;

static void tell(void *ctx, uint32_t line, uint32_t column, const char *message)
{
	(void)ctx;
	if (n_told < 50) {
		told[n_told].line = line;
		told[n_told].column = column;
		snprintf(told[n_told].message, sizeof(told[0].message), "%s", message);
	}
	n_told++;
}

static int read_text(const char *text, struct yaml_tree **ret)
{
	n_told = 0;
	*ret = NULL;
	return yaml_read(text, strlen(text), &limits, tell, NULL, ret);
}

/* Line and column, from 1, of the nth place (from 0) where `needle` stands in `text`. */
static void place_of(const char *text, const char *needle, int nth, uint32_t *line, uint32_t *column)
{
	const char *at = strstr(text, needle);

	while (nth-- > 0 && at)
		at = strstr(at + 1, needle);
	cr_assert(at, "the test's text has no `%s`", needle);
	*line = *column = 1;
	for (const char *s = text; s < at; s++) {
		*column = *s == '\n' ? 1 : *column + 1;
		*line += *s == '\n';
	}
}

static bool was_told(const char *text, const char *needle, int nth, const char *words)
{
	uint32_t line, column;

	place_of(text, needle, nth, &line, &column);
	for (size_t i = 0; i < n_told; i++)
		if (told[i].line == line && told[i].column == column && strstr(told[i].message, words))
			return true;
	for (size_t i = 0; i < n_told; i++)
		fprintf(stderr, "told %u:%u: %s\n", told[i].line, told[i].column, told[i].message);
	return false;
}

#define refuses(text, needle, nth, words) \
	do { \
		struct yaml_tree *tree_; \
		int r_ = read_text(text, &tree_); \
		cr_assert(r_ == 1 || r_ == -22, "%d for %s", r_, text); \
		cr_assert(was_told(text, needle, nth, words), "not told of `%s` as %s", needle, words); \
		yaml_tree_free(tree_); \
	} while (0)

Test(yaml, tree_has_order_places_and_text_as_written)
{
	static const char text[] = "a: on\nb:\n  - 22:30\n  - \"x\"\n  - {k: [~]}\n";
	const struct yaml_node *a, *b, *item;
	struct yaml_tree *tree;

	cr_assert_eq(read_text(text, &tree), 0);
	a = yaml_first(tree, yaml_root(tree));
	cr_assert_str_eq(yaml_text(tree, a), "a");
	cr_assert_str_eq(yaml_text(tree, yaml_value(tree, a)), "on");
	b = yaml_next(tree, a);
	cr_assert_str_eq(yaml_text(tree, b), "b");
	cr_assert_null(yaml_next(tree, b));
	item = yaml_first(tree, yaml_value(tree, b));
	cr_assert_str_eq(yaml_text(tree, item), "22:30");
	cr_assert_eq(yaml_line(item), 3);
	cr_assert_eq(yaml_column(item), 5);
	cr_assert_not(yaml_quoted(item));
	item = yaml_next(tree, item);
	cr_assert(yaml_quoted(item));
	item = yaml_next(tree, item);
	cr_assert_eq(yaml_node_kind(item), YAML_MAPPING);
	item = yaml_value(tree, yaml_first(tree, item));
	cr_assert_str_eq(yaml_text(tree, yaml_first(tree, item)), "~");
	yaml_tree_free(tree);
}

Test(yaml, empty_document_has_no_root)
{
	struct yaml_tree *tree;

	cr_assert_eq(read_text("# nothing\n", &tree), 0);
	cr_assert_null(yaml_root(tree));
	yaml_tree_free(tree);
}

Test(yaml, columns_count_characters_not_bytes)
{
	static const char text[] = "a: {\"é\xe2\x82\xac\": &x 1}\n"; /* é and the euro sign are two characters, five bytes */
	struct yaml_tree *tree;

	cr_assert_eq(read_text(text, &tree), 1);
	cr_assert_eq(told[0].line, 1);
	cr_assert_eq(told[0].column, 11);
	yaml_tree_free(tree);
}

Test(yaml, editors_may_begin_with_a_mark_and_end_lines_with_two_characters)
{
	struct yaml_tree *tree;

	cr_assert_eq(read_text("\xef\xbb\xbf" "a: 1\r\nb: x\r\n", &tree), 0);
	cr_assert_eq(yaml_column(yaml_first(tree, yaml_root(tree))), 1);
	cr_assert_str_eq(yaml_text(tree, yaml_value(tree, yaml_next(tree, yaml_first(tree, yaml_root(tree))))), "x");
	yaml_tree_free(tree);
}

Test(yaml, refuses_what_the_language_leaves_out)
{
	refuses("a: 1\nb: &x 2\n", "&x", 0, "anchors (`&x`)");
	refuses("a: 1\nb: *x\n", "*x", 0, "aliases (`*x`)");
	refuses("a: {b: 1, <<: {c: 2}}\n", "<<", 0, "merge keys");
	refuses("a: !!int 3\n", "!!int", 0, "tags");
	refuses("a: !x {b: 3}\n", "!x", 0, "tags");
	refuses("a: 1\n---\nb: 2\n", "---", 0, "second document");
	refuses("a: 1\n? [x]\n: 2\n", "[x]", 0, "a key must be a plain word");
	refuses("a: \"x\\0y\"\n", "\"x", 0, "control characters");
	refuses("a: b\n\tc: d\n", "\tc", 0, "not YAML");
	refuses("a: [1, 2\nb: 3\n", ": 3", 0, "not YAML");
}

Test(yaml, quoted_merge_key_is_a_word_like_any)
{
	struct yaml_tree *tree;

	cr_assert_eq(read_text("\"<<\": 1\n", &tree), 0);
	yaml_tree_free(tree);
}

Test(yaml, tells_of_every_duplicate_key_and_passes_over_it)
{
	static const char text[] = "a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\nc: 3\na: 4\n";
	const struct yaml_node *k;
	struct yaml_tree *tree;
	int refused = 0;

	cr_assert_eq(read_text(text, &tree), 1);
	cr_assert_eq(n_told, 3);
	cr_assert(was_told(text, "a: 2", 0, "duplicate key `a`; it stands first at 1:1"));
	cr_assert(was_told(text, "a: 4", 0, "duplicate key `a`; it stands first at 1:1"));
	cr_assert(was_told(text, "x: 3", 0, "duplicate key `x`; it stands first at 2:5"));
	for (k = yaml_first(tree, yaml_root(tree)); k; k = yaml_next(tree, k))
		refused += yaml_node_kind(k) == YAML_REFUSED;
	cr_assert_eq(refused, 2);
	yaml_tree_free(tree);
}

Test(yaml, keeps_what_stands_before_a_syntax_error)
{
	static const char text[] = "a: 1\nb: [x, y\nc: 2\n";
	struct yaml_tree *tree;

	cr_assert_eq(read_text(text, &tree), 1);
	cr_assert(yaml_cut(tree));
	cr_assert_str_eq(yaml_text(tree, yaml_value(tree, yaml_first(tree, yaml_root(tree)))), "1");
	yaml_tree_free(tree);
}

Test(yaml, bytes_that_are_no_text_have_a_place)
{
	static const char *const bad[] = {"\xc0\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\x80", "\xe2\x82", "\x01", "\x7f", "\xc2\x80"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		struct yaml_tree *tree;

		snprintf(text, sizeof(text), "a: 1\nb: é%s\n", bad[i]);
		cr_assert_eq(read_text(text, &tree), -22, "case %zu", i);
		cr_assert_eq(told[0].line, 2);
		cr_assert_eq(told[0].column, 5, "case %zu: column %u", i, told[0].column);
	}
	n_told = 0;
	cr_assert_eq(yaml_read("a: \0b", 5, &limits, tell, NULL, &(struct yaml_tree *){NULL}), -22);
	cr_assert_eq(told[0].column, 4);
}

/* Fails loudly if reading takes more processor time than the bound; what others do on the machine does not count. */
static int read_in_time(const struct buf *b, const struct yaml_limits *with)
{
	struct yaml_tree *tree = NULL;
	clock_t start = clock();
	double seconds;
	int r;

	n_told = 0;
	r = yaml_read(b->data, b->size, with, tell, NULL, &tree);
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	cr_assert_lt(seconds, 2.0 * SLOWER, "took %.2f s", seconds);
	yaml_tree_free(tree);
	return r;
}

static void repeat(struct buf *b, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		cr_assert_eq(buf_add(b, text, strlen(text)), 0);
}

Test(yaml, depth_is_bounded)
{
	struct yaml_limits three = {.bytes = 1000, .depth = 3, .events = 1000};
	struct yaml_tree *tree = NULL;

	n_told = 0;
	cr_assert_eq(yaml_read("[[[]]]", 6, &three, tell, NULL, &tree), 0);
	yaml_tree_free(tree);
	cr_assert_eq(yaml_read("[[[[]]]]", 8, &three, tell, NULL, &tree), -22);
	cr_assert_eq(told[0].column, 4);
}

Test(yaml, events_are_bounded)
{
	struct yaml_limits ten = {.bytes = 1000, .depth = 3, .events = 10};
	struct yaml_tree *tree = NULL;

	n_told = 0; /* beginning and end of stream, document and sequence are six, and four scalars */
	cr_assert_eq(yaml_read("[a,a,a,a]", 9, &ten, tell, NULL, &tree), 0);
	yaml_tree_free(tree);
	cr_assert_eq(yaml_read("[a,a,a,a,a]", 11, &ten, tell, NULL, &tree), -22);
	cr_assert(strstr(told[0].message, "more than 10 YAML events"));
}

Test(yaml, ten_thousand_brackets)
{
	_cleanup_buf_ struct buf b = {0};

	repeat(&b, "[", 10000);
	cr_assert_eq(read_in_time(&b, &limits), -22);
	cr_assert_str_eq(told[0].message, "nested deeper than 16 levels");
	cr_assert_eq(told[0].column, 17);
}

Test(yaml, two_hundred_thousand_keys_cost_no_square)
{
	_cleanup_buf_ struct buf b = {0};

	for (int i = 0; i < 200000; i++)
		buf_addf(&b, "key%d: 1\n", i);
	cr_assert_eq(read_in_time(&b, &limits), 0);
	buf_addf(&b, "key77: 1\n");
	cr_assert_eq(read_in_time(&b, &limits), 1);
	cr_assert_eq(n_told, 1);
	cr_assert_eq(told[0].line, 200001);
}

Test(yaml, huge_texts_and_blanks_are_refused)
{
	_cleanup_buf_ struct buf text = {0}, blanks = {0};

	repeat(&text, "a: \"", 1);
	repeat(&text, "0123456789abcdef", YAML_MAX_SCALAR / 16 + 1);
	repeat(&text, "\"\n", 1);
	cr_assert_eq(read_in_time(&text, &limits), 1);
	cr_assert(strstr(told[0].message, "a text of 65536 bytes"));
	repeat(&blanks, "a: \"\n", 1);
	repeat(&blanks, "                \n", 65536);
	repeat(&blanks, "\"\n", 1);
	cr_assert_eq(read_in_time(&blanks, &limits), -22);
	cr_assert(strstr(told[0].message, "blanks"));
}

Test(yaml, random_bytes_and_random_punctuation_end)
{
	static const char marks[] = "[]{}:,-?&*!|>'\"%@` \n\tab#<";
	unsigned int seed = 20261122;

	fprintf(stderr, "seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 400; round++) {
		_cleanup_buf_ struct buf b = {0};
		size_t n = (size_t)random() % 400;

		for (size_t i = 0; i < n; i++) {
			char c = round % 4 ? marks[(size_t)random() % (sizeof(marks) - 1)] : (char)random();

			cr_assert_eq(buf_add(&b, &c, 1), 0);
		}
		if (b.size) {
			int r = read_in_time(&b, &limits);

			cr_assert(r == 0 || ((r == 1 || r == -22) && n_told > 0), "round %d: %d with %zu errors", round, r, n_told);
		}
	}
}
