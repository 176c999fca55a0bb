/* SPDX-License-Identifier: Apache-2.0 */
#include "program_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "dataplane/kernel.h"
#include "dataplane/plane.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "cordon.skel.h"
#include "program.skel.h"

#define LO_IFINDEX 1
#define BATCH 8192

static int map_share(struct bpf_map *map, const struct bpf_object *from)
{
	struct bpf_map *same = bpf_object__find_map_by_name(from, bpf_map__name(map));

	if (!same || bpf_map__is_internal(map))
		return 0;
	return bpf_map__reuse_fd(map, bpf_map__fd(same));
}

static void *constant_find(const struct bpf_object *object, struct bpf_map *rodata, const char *name, uint32_t *ret_size)
{
	const struct btf *btf = bpf_object__btf(object);
	int section = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *type = btf__type_by_id(btf, section < 0 ? 0 : (uint32_t)section);
	size_t size;

	for (int i = 0; section >= 0 && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(type)[i];

		if (strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, v->type)->name_off), name))
			continue;
		*ret_size = v->size;
		return (char *)bpf_map__initial_value(rodata, &size) + v->offset;
	}
	return NULL;
}

/* What the dataplane told its programs before it loaded them (sizes of tables), ours are told too. */
static void constants_share(struct bench *bench)
{
	static const char *const names[] = {"trace", "flow_buckets", "device_lines", "binding_lines", "cache_pairs", "counter_cpus"};
	struct cordon_bpf *from = bench->world->dp->bpf;
	uint32_t size, as_much;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		void *theirs = constant_find(from->obj, from->maps.rodata, names[i], &size);
		void *ours = constant_find(bench->bpf->obj, bench->bpf->maps.rodata, names[i], &as_much);

		if (theirs && ours && size == as_much)
			memcpy(ours, theirs, size);
	}
}

/* The wrapper runs on the dataplane's own tables. */
static int maps_prepare(struct bench *bench, uint32_t n_rows, uint32_t n_flows)
{
	struct bpf_map *map;
	int r;

	bpf_object__for_each_map(map, bench->bpf->obj) {
		r = map_share(map, bench->world->dp->bpf->obj);
		if (r < 0)
			return r;
	}
	r = bpf_map__set_max_entries(bench->bpf->maps.bench_rows, n_rows);
	if (r == 0)
		r = bpf_map__set_max_entries(bench->bpf->maps.bench_hash, bench->world->max_flows);
	if (r == 0)
		r = bpf_map__set_max_entries(bench->bpf->maps.bench_ends, 2 * bench->world->n_devices);
	if (r == 0)
		r = bpf_map__set_max_entries(bench->bpf->maps.bench_lines, n_flows);
	bench->bpf->rodata->keyed_lines = 4 * n_flows;
	return r < 0 ? r : bpf_map__set_max_entries(bench->bpf->maps.bench_keyed, 4 * n_flows);
}

static struct bench_key key_of(const struct bench_row *row)
{
	return (struct bench_key){.address = {row->address, row->peer}, .port = {row->sport, row->dport}, .proto = 6};
}

static int ends_fill(struct bench *bench)
{
	struct bench_line line = {.verdict = 1};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < bench->world->n_devices; i++) {
		const uint64_t keys[] = {BENCH_BY_MAC | htonl(world_mac(i)), htonl(world_address(i))};

		for (int k = 0; r == 0 && k < 2; k++)
			r = bpf_map_update_elem(bpf_map__fd(bench->bpf->maps.bench_ends), &keys[k], &line, BPF_NOEXIST);
	}
	return r;
}

static int references_fill(struct bench *bench, const struct bench_row *flows, uint32_t n)
{
	struct bench_line line = {.verdict = 1};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct bench_key key = key_of(&flows[i]);

		r = bpf_map_update_elem(bpf_map__fd(bench->bpf->maps.bench_hash), &key, &line, BPF_NOEXIST);
		if (r == 0)
			r = bpf_map_update_elem(bpf_map__fd(bench->bpf->maps.bench_lines), &i, &line, BPF_ANY);
	}
	return r;
}

int rows_map(int fd, uint32_t rows, size_t row_size, void **ret, size_t *ret_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (rows * row_size + page - 1) / page * page;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	*ret_size = size;
	return 0;
}

int bench_open(struct bench *bench, struct world *world, int family, uint32_t n_rows, const struct bench_row *flows, uint32_t n_flows,
	       char **ret_why)
{
	void *at;
	int r;

	*bench = (struct bench){.world = world, .family = family, .n_rows = n_rows, .bpf = program_bpf__open()};
	if (!bench->bpf)
		return why(ret_why, -errno, "opening the bench's programs: %s", strerror(errno));
	constants_share(bench);
	r = maps_prepare(bench, n_rows, n_flows);
	if (r == 0)
		r = program_bpf__load(bench->bpf);
	if (r < 0)
		return why(ret_why, r, "loading the bench's programs: %s", strerror(-r));
	r = rows_map(bpf_map__fd(bench->bpf->maps.bench_rows), n_rows, sizeof(struct bench_row), &at, &bench->rows_size);
	if (r == 0) {
		bench->rows = at;
		r = rows_map(bpf_map__fd(bench->bpf->maps.bench_job), 1, sizeof(struct bench_job), &at, &bench->job_size);
	}
	if (r == 0) {
		bench->job = at;
		r = references_fill(bench, flows, n_flows);
		r = r == 0 ? ends_fill(bench) : r;
	}
	return r < 0 ? why(ret_why, r, "filling the bench's tables: %s", strerror(-r)) : 0;
}

void bench_close(struct bench *bench)
{
	if (bench->rows)
		munmap(bench->rows, bench->rows_size);
	if (bench->job)
		munmap(bench->job, bench->job_size);
	program_bpf__destroy(bench->bpf);
	*bench = (struct bench){0};
}

static int run_xdp(int prog, uint8_t *frame, uint32_t size)
{
	struct xdp_md ctx = {.data_end = size, .ingress_ifindex = LO_IFINDEX};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	return bpf_prog_test_run_opts(prog, &opts);
}

static int run_tc(int prog, uint8_t *frame, uint32_t size)
{
	struct __sk_buff ctx = {.ifindex = LO_IFINDEX, .ingress_ifindex = WORLD_UPLINK_IFINDEX};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	return bpf_prog_test_run_opts(prog, &opts);
}

static int program_of(const struct bench *bench, enum body body)
{
	const struct bpf_program *const programs[BODY_COUNT] = {
		[BODY_NOTHING] = bench->bpf->progs.bench_nothing, [BODY_PARSE] = bench->bpf->progs.bench_parse,
		[BODY_HASH] = bench->bpf->progs.bench_one_hash,   [BODY_LINE] = bench->bpf->progs.bench_one_line,
		[BODY_KEYED] = bench->bpf->progs.bench_keyed_line, [BODY_BEGIN] = bench->bpf->progs.bench_begin,
		[BODY_ROWS] = bench->bpf->progs.bench_rows_alone,
		[BODY_CORDON] = bench->bpf->progs.bench_cordon,   [BODY_HITS] = bench->bpf->progs.bench_hits,
	};

	return bpf_program__fd(programs[body]);
}

static void job_set(struct bench *bench, uint32_t first, uint32_t count, bool invalidate)
{
	*bench->job = (struct bench_job){.first = first, .count = count, .family = (uint32_t)bench->family, .invalidate = invalidate};
}

static int all_passed(const struct bench *bench, const char *what, char **ret_why)
{
	if (bench->job->passed == bench->job->count)
		return 0;
	return why(ret_why, -EPROTO, "%s: %u of %u passed", what, bench->job->passed, bench->job->count);
}

/* A third frame of the device's makes the handshake whole and is what the caches learn from. */
int bench_establish(struct bench *bench, uint32_t first, uint32_t count, bool by_devices, char **ret_why)
{
	static const struct {
		const char *what;
		uint8_t flags;
		bool answer;
	} steps[] = {{"opening flows", TCP_SYN, false}, {"answering them", TCP_SYN | TCP_ACK, true}, {"going on with them", TCP_ACK, false}};
	uint8_t frame[FRAME_SIZE];
	int r = 0;

	for (uint32_t done = 0, n; r == 0 && done < count; done += n) {
		n = count - done < BATCH ? count - done : BATCH;
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
			bool turned = steps[i].answer && by_devices;
			uint32_t size = frame_make(frame, bench->family, steps[i].flags, steps[i].answer && !turned);

			job_set(bench, first + done + (turned ? count : 0), n, false);
			r = steps[i].answer && !turned ? run_tc(bpf_program__fd(bench->bpf->progs.bench_answers), frame, size)
						       : run_xdp(program_of(bench, BODY_CORDON), frame, size);
			r = r < 0 ? why(ret_why, r, "%s: %s", steps[i].what, strerror(-r)) : all_passed(bench, steps[i].what, ret_why);
		}
		world_drain(bench->world);
	}
	return r;
}

int bench_review(struct bench *bench, uint32_t first, uint32_t count, bool changed, uint64_t *ns, uint32_t *ret_done, char **ret_why)
{
	uint8_t frame[FRAME_SIZE];
	uint32_t size = frame_make(frame, bench->family, TCP_ACK, false);
	int r;

	job_set(bench, first, count, changed);
	r = run_tc(bpf_program__fd(bench->bpf->progs.bench_review), frame, size);
	if (r == 0 && (!bench->job->passed || !bench->job->hits))
		r = -EAGAIN;
	*ns += bench->job->ns;
	*ret_done = bench->job->hits;
	return r < 0 ? why(ret_why, r, "reviewing: %s", strerror(-r)) : 0;
}

static void contender_invalid(struct contender *c, const char *what, uint64_t n, uint32_t of)
{
	size_t at = strlen(c->invalid);

	if (at + 64 < sizeof(c->invalid))
		snprintf(c->invalid + at, sizeof(c->invalid) - at, "%s%s: %llu of %u packets", at ? ", " : "", what, (unsigned long long)n, of);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Rows first..first+n, once. */
static int batch_send(struct bench *bench, const struct contender *c, enum body body, uint32_t first, uint32_t n)
{
	uint8_t frame[FRAME_SIZE];
	uint32_t size = frame_make(frame, bench->family, c->tcp_flags, false);

	job_set(bench, first, n, c->invalidate);
	return run_xdp(program_of(bench, body), frame, size);
}

/*
 * Rows at..at+packets in batches. The run's figure is the median of its batches: an interrupt that falls into one is not
 * the program's cost.
 */
static int packets_send(struct bench *bench, struct contender *c, uint32_t at, uint32_t packets, double *ret_ns)
{
	uint32_t n_batches = (packets + c->batch - 1) / c->batch, k = 0;
	_cleanup_free_ double *batches = calloc(n_batches, sizeof(*batches));
	uint64_t passed = 0;

	if (!batches)
		return -ENOMEM;
	for (uint32_t done = 0, n; done < packets; done += n) {
		int r;

		n = packets - done < c->batch ? packets - done : c->batch;
		r = batch_send(bench, c, c->body, c->first + (at + done) % c->count, n);
		if (r < 0)
			return r;
		batches[k++] = (double)bench->job->ns / n;
		passed += bench->job->passed;
		if (c->body == BODY_CORDON || c->body == BODY_BEGIN)
			world_drain(bench->world);
	}
	if (passed != (c->passes ? packets : 0))
		contender_invalid(c, "passed", passed, packets);
	qsort(batches, n_batches, sizeof(*batches), compare);
	*ret_ns = (batches[(n_batches - 1) / 2] + batches[n_batches / 2]) / 2;
	return 0;
}

/* The same while the flow cache is told with each packet that something changed, by a number that no other run has used. */
static int packets_send_invalidated(struct bench *bench, struct contender *c, uint32_t at, uint32_t packets, double *ret_ns)
{
	uint32_t *changes = &bench->world->dp->control->changes, before = *changes;
	int r;

	if (bench->invalidated < before)
		bench->invalidated = before;
	*changes = bench->invalidated;
	r = packets_send(bench, c, at, packets, ret_ns);
	bench->invalidated = *changes;
	*changes = before;
	return r;
}

static void reasons_check(struct contender *c, const uint64_t before[CORDON_REASON_COUNT], const uint64_t after[CORDON_REASON_COUNT], uint32_t packets)
{
	static const char *const words[] = {
#define X(id, name, weight, text) name,
		CORDON_REASONS(X)
#undef X
	};

	for (int i = 0; i < CORDON_REASON_COUNT; i++) {
		uint64_t n = after[i] - before[i];

		if (n != (i == (int)c->reason ? packets : 0))
			contender_invalid(c, words[i], n, packets);
	}
}

static int run_prepare(struct bench *bench, struct contender *c, char **ret_why)
{
	int r = 0;

	if (c->before == BEFORE_FLIP)
		return world_flip(bench->world, ret_why);
	if (c->before == BEFORE_FORGET)
		r = world_forget_new(bench->world);
	return r < 0 ? why(ret_why, r, "%s: %s", c->subject, strerror(-r)) : 0;
}

static int run_send(struct bench *bench, struct contender *c, uint32_t at, uint32_t packets, double *ret_ns)
{
	return c->invalidate ? packets_send_invalidated(bench, c, at, packets, ret_ns) : packets_send(bench, c, at, packets, ret_ns);
}

/* Untimed: each flow once, then the rows before its own: who ran before has filled the processor's caches with other things. */
static int lead_in(struct bench *bench, struct contender *c)
{
	double ignored;
	int r = 0;

	for (uint32_t done = 0, n; r == 0 && done < c->meets; done += n) {
		n = c->meets - done < c->batch ? c->meets - done : c->batch;
		r = batch_send(bench, c, c->body, done, n);
	}
	if (r < 0 || !c->lead_in)
		return r;
	return run_send(bench, c, (c->at + c->count - c->lead_in) % c->count, c->lead_in, &ignored);
}

static int rows_unhash(struct bench *bench, const struct contender *c)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->count; i++) {
		struct bench_key key = key_of(&bench->rows[c->first + i]);

		r = bpf_map_delete_elem(bpf_map__fd(bench->bpf->maps.bench_hash), &key);
	}
	return r;
}

static int run_timed(struct bench *bench, struct contender *c, double *ret_ns)
{
	int r = lead_in(bench, c);

	if (r == 0)
		r = run_send(bench, c, c->at, c->packets, ret_ns);
	c->at = (c->at + c->packets) % c->count;
	return c->unhash && r == 0 ? rows_unhash(bench, c) : r;
}

/* One more run, in which it is seen of each packet whether the flow cache was enough. */
static int hits_count(struct bench *bench, struct contender *c)
{
	uint64_t hits = 0;
	int r = lead_in(bench, c);

	for (uint32_t done = 0, n; r == 0 && done < c->packets; done += n) {
		n = c->packets - done < c->batch ? c->packets - done : c->batch;
		r = batch_send(bench, c, BODY_HITS, c->first + (c->at + done) % c->count, n);
		hits += bench->job->hits;
	}
	c->hit_rate = (double)hits / c->packets;
	return r;
}

static int run_one(struct bench *bench, struct contender *c, double *ret_ns, char **ret_why)
{
	uint64_t before[CORDON_REASON_COUNT] = {0}, after[CORDON_REASON_COUNT] = {0};
	bool counted = c->reason != REASON_ANY;
	int r = run_prepare(bench, c, ret_why);

	if (r < 0)
		return r;
	if (counted)
		r = world_reasons(bench->world, before);
	if (r == 0)
		r = run_timed(bench, c, ret_ns);
	if (r == 0 && counted)
		r = world_reasons(bench->world, after);
	if (r < 0)
		return why(ret_why, r, "%s, %s: %s", c->subject, c->name, strerror(-r));
	if (counted)
		reasons_check(c, before, after, c->meets + c->lead_in + c->packets);
	return 0;
}

/* What happens once only (a counter's first row, pages of a table met first) is over when the rounds begin. */
static int practise(struct bench *bench, struct contender *c, char **ret_why)
{
	double ignored;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < c->practice; i++)
		r = packets_send(bench, c, 0, c->count, &ignored);
	return r < 0 ? why(ret_why, r, "%s: %s", c->subject, strerror(-r)) : run_one(bench, c, &ignored, ret_why);
}

int bench_contend(struct bench *bench, struct contender *contenders, size_t n, unsigned runs, char **ret_why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = practise(bench, &contenders[i], ret_why);
	for (unsigned run = 0; r == 0 && run < runs; run++)
		for (size_t i = 0; r == 0 && i < n; i++) {
			struct contender *c = &contenders[run % 2 ? n - 1 - i : i];

			r = run_one(bench, c, &c->samples[run], ret_why);
		}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (contenders[i].cached)
			r = hits_count(bench, &contenders[i]);
	return r;
}
