/* A load of plain users over UDP, by SIPp: an independent implementation, one process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

/* ---- what it reads ---- */

static int write_users(const char *path, int64_t first, int64_t n)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return -errno;
	fputs("SEQUENTIAL\n", f);
	for (int64_t i = first; i < first + n; i++)
		fprintf(f, "user%06lld;user%06lld@" RIG_DOMAIN ";[authentication "
			   "username=user%06lld@" RIG_DOMAIN " password=user%06lld]\n",
			(long long)i, (long long)i, (long long)i, (long long)i);
	return fclose(f) ? -errno : 0;
}

/* ---- what it leaves: a table with a row a second, the last one the whole ---- */

static struct str column(const char *names, const char *values, const char *name)
{
	struct str n = str_of(names), v = str_of(values);

	while (n.p && v.p) {
		struct str key = str_cut(&n, ';'), value = str_cut(&v, ';');
		if (str_eq(key, str_of(name)))
			return value;
	}
	return STR_NONE;
}

/* A number; a duration ("00:00:01:250000") in seconds; a time (behind its last tab, what
 * it is since the epoch). */
static double statistic(const char *names, const char *values, const char *name)
{
	struct str value = column(names, values, name);
	char text[64];
	int h = 0, m = 0, s = 0, fraction = 0;

	while (str_chr(value, '\t') >= 0)
		value = str_skip(value, (size_t)str_chr(value, '\t') + 1);
	if (!str_copy(value, text, sizeof text))
		return 0;
	if (sscanf(text, "%d:%d:%d:%d", &h, &m, &s, &fraction) == 4)
		return h * 3600 + m * 60 + s + fraction / 1e6;
	return strtod(text, NULL);
}

static int read_statistics(const char *path, struct bench_result *out)
{
	struct buf b = {0};
	char why[256], *first, *last, *end;
	int err = rig_file_read(path, &b, why);

	if (err)
		return err;
	first = (char *)buf_z(&b);
	end = strchr(first, '\n');
	if (!end) {
		buf_free(&b);
		return -EBADMSG;
	}
	*end = 0;
	for (last = end + 1; (end = strchr(last, '\n')) && end[1]; last = end + 1)
		;
	if (end)
		*end = 0;
	out->done = (int64_t)statistic(first, last, "SuccessfulCall(C)");
	out->failed = (int64_t)statistic(first, last, "FailedCall(C)");
	out->again = (int64_t)statistic(first, last, "Retransmissions(C)");
	out->seconds = statistic(first, last, "CurrentTime") -
		statistic(first, last, "StartTime");
	out->mean_ms = statistic(first, last, "ResponseTime1(C)") * 1000;
	buf_free(&b);
	return 0;
}

/* ---- its process ---- */

static pid_t start(const char *dir, const char *const *argv)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || chdir(dir))
		_exit(126);
	int log = open("sipp.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (log < 0)
		_exit(126);
	dup2(log, 1);
	dup2(log, 2);
	setenv("TERM", "dumb", 1);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* Until it ends; after `seconds` it is told to begin no more. */
static int await(struct bench_rig *r, pid_t pid, int seconds, struct bench_result *out)
{
	uint64_t begun = clock_real_ns(), limit = (uint64_t)(seconds ? seconds : 3600) * 1000000000u;
	bool told = false, killed = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		double cpu = bench_pid_cpu_us(pid);
		uint64_t age = clock_real_ns() - begun;
		if (cpu > 0)
			out->load_cpu_us = cpu;
		if (age > limit && !told) {
			told = true;
			kill(pid, SIGUSR1);
		} else if (age > limit + 40 * UINT64_C(1000000000) && !killed) {
			killed = true;
			kill(pid, SIGKILL);
		}
		bench_pause(r, 20);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool is_installed(void)
{
	const char *path = getenv("PATH");
	struct str rest = str_of(path ? path : "/usr/bin");

	while (rest.p) {
		char file[PATH_MAX];
		struct str dir = str_cut(&rest, ':');
		snprintf(file, sizeof file, STR_FMT "/sipp", STR_ARG(dir));
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

int bench_sipp(struct bench_rig *r, struct bench *b, int64_t first, int64_t n, int outstanding,
	int seconds, struct bench_result *out)
{
	char users[PATH_MAX + 16], table[PATH_MAX + 16], to[32], from[32], most[16], calls[24];
	struct addr source = rig_addr(r->rig, RIG_FIRST_ACTOR);
	struct addr edge = rig_addr(r->rig, 12);
	int err, code;

	*out = (struct bench_result){0};
	if (!is_installed())
		return bench_fail(b, -ENOTSUP,
			"SIPp is needed for the load over UDP: apt-get install sip-tester");
	snprintf(users, sizeof users, "%s/users.csv", r->dir);
	snprintf(table, sizeof table, "%s/sipp.csv", r->dir);
	snprintf(to, sizeof to, "%s:5062", addr_host(&edge));
	snprintf(from, sizeof from, "%s", addr_host(&source));
	snprintf(most, sizeof most, "%d", outstanding);
	snprintf(calls, sizeof calls, "%lld", (long long)n);
	if ((err = write_users(users, first, n)))
		return bench_fail(b, err, "cannot write %s: %s", users, strerror(-err));
	unlink(table);
	const char *const argv[] = {"sipp", to, "-sf", SOURCE_DIR "/tests/interop/register.xml",
		"-inf", users, "-i", from, "-p", "5060", "-t", "u1", "-m", calls, "-l", most,
		"-r", "20000", "-auth_uri", RIG_DOMAIN, "-nostdin", "-trace_stat", "-stf", table,
		"-fd", "1", "-buff_size", "4000000", "-watchdog_interval", "0", NULL};
	pid_t pid = start(r->dir, argv);
	if (pid < 0)
		return bench_fail(b, -errno, "cannot start SIPp: %s", strerror(errno));
	code = await(r, pid, seconds, out);
	err = read_statistics(table, out);
	if (err || code > 1) /* 1: some calls failed */
		return bench_fail(b, -EIO, "SIPp ended with %d, see %s/sipp.log", code, r->dir);
	return 0;
}
