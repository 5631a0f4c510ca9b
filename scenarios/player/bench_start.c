/* Times: a rig's start, the whole catalogue; and the parser's own bench.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/player/bench.h"
#include "scenarios/player/catalog.h"

enum { STARTS = 5, OUTPUT_MOST = 1 << 20 };

/* ---- start ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* From the call to six elements ready, those with Cx links with these open; certificates and
 * configurations are made, too. */
int bench_start(struct bench *b)
{
	static const char *const six[] = {"hss", "scscf", "icscf", "epcscf", "waaf", "wwsf", NULL};
	double ms[STARTS];

	for (int i = 0; i < STARTS; i++) {
		struct bench_rig r;
		int err = bench_rig_open(&r, b, six, NULL, 0);
		ms[i] = r.open_ms;
		bench_rig_close(&r);
		if (err)
			return err;
	}
	qsort(ms, STARTS, sizeof *ms, by_value);
	bench_put(b, "starts", STARTS);
	bench_put(b, "processes", 6);
	bench_put(b, "start_ms", ms[STARTS / 2]);
	bench_put(b, "start_ms_least", ms[0]);
	bench_put(b, "start_ms_most", ms[STARTS - 1]);
	return 0;
}

/* ---- other programs ---- */

/* Standard output of a program that stands beside this one. */
static int output_of(struct bench *b, const char *program, const char *const *args,
	struct buf *out, int *code)
{
	const char *argv[8] = {program};
	char *bin = catalog_bin(), path[PATH_MAX + 64], chunk[4096];
	int ends[2], status;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", bin, program);
	free(bin);
	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	if (access(path, X_OK) || pipe2(ends, O_CLOEXEC))
		return bench_fail(b, -errno, "%s: %s", path, strerror(errno));
	pid_t pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		execv(path, (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	while (pid > 0 && (n = read(ends[0], chunk, sizeof chunk)) > 0)
		if (out->n < OUTPUT_MOST)
			buf_put(out, chunk, (size_t)n);
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return bench_fail(b, -errno, "cannot run %s: %s", program, strerror(errno));
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return 0;
}

int bench_parser(struct bench *b)
{
	static const char *const none[] = {NULL};
	struct buf out = {0};
	int code = 0, err = output_of(b, "bench_sip_parse", none, &out, &code);
	json_t *figures = err || code ? NULL : json_loadb(out.p, out.n, 0, NULL);

	if (figures)
		json_object_update(b->figures, figures);
	else if (!err)
		err = bench_fail(b, -EIO, "bench_sip_parse ended with %d", code);
	json_decref(figures);
	buf_free(&out);
	return err;
}

/* ---- the catalogue ---- */

static void take_totals(struct bench *b, const struct buf *out)
{
	static const char *const verdicts[] = {"pass", "fail", "inconc", "error", "notrun"};
	struct str all = {out->p, out->n};

	while (all.n && all.p[all.n - 1] == '\n')
		all.n--;
	size_t at = all.n;
	while (at && all.p[at - 1] != '\n')
		at--;
	json_t *totals = json_loadb(all.p + at, all.n - at, 0, NULL);
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
		json_t *v = json_object_get(totals, verdicts[i]);
		if (v)
			bench_put2(b, "variants_", verdicts[i], json_number_value(v));
	}
	json_decref(totals);
}

int bench_catalogue(struct bench *b)
{
	static const char *const args[] = {"run", "--json", "--keep-going", NULL};
	struct buf out = {0};
	uint64_t begun = clock_real_ns();
	int code = 0, err = output_of(b, "imsrig", args, &out, &code);

	if (!err) {
		bench_put(b, "catalogue_s", (double)(clock_real_ns() - begun) / 1e9);
		bench_put(b, "catalogue_exit_code", code);
		take_totals(b, &out);
	}
	buf_free(&out);
	return err;
}
