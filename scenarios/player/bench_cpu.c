/* What the elements of a rig cost: CPU time, and instructions of their loops.
 *
 * CPU time on a busy machine is the others' doing too, who take the caches; instructions are not.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scenarios/player/bench.h"
#include "scenarios/player/rig.h"

/* ---- CPU time ---- */

double bench_pid_cpu_us(pid_t pid)
{
	char path[320];
	double sum = 0;

	snprintf(path, sizeof path, "/proc/%d/task", pid ? (int)pid : (int)getpid());
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		unsigned long long ns = 0;
		char file[600];
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s/schedstat", path, e->d_name);
		FILE *f = fopen(file, "re");
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += (double)ns / 1e3;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return sum;
}

double bench_cpu_us(const struct bench_rig *r, const char *element)
{
	const struct element *e = rig_element(r->rig, element);
	return e && e->process ? bench_pid_cpu_us(process_pid(e->process)) : 0;
}

void bench_cpu_take(const struct bench_rig *r, struct bench_cpu *out)
{
	for (size_t i = 0; bench_registrars[i]; i++)
		out->us[i] = bench_cpu_us(r, bench_registrars[i]);
}

void bench_cpu_add(struct bench_cpu *sum, const struct bench_cpu *from,
	const struct bench_cpu *to)
{
	for (size_t i = 0; bench_registrars[i]; i++)
		sum->us[i] += to->us[i] - from->us[i];
}

double bench_cpu_put(struct bench *b, const char *before, const struct bench_cpu *used,
	double registrations)
{
	char key[80];
	double sum = 0, one;

	for (size_t i = 0; bench_registrars[i]; i++) {
		one = used->us[i] / (registrations > 0 ? registrations : 1);
		sum += one;
		snprintf(key, sizeof key, "cpu_us_per_registration_%s", bench_registrars[i]);
		bench_put2(b, before, key, one);
	}
	bench_put2(b, before, "cpu_us_per_registration", sum);
	return sum;
}

/* ---- instructions ---- */

/* Of the main thread, which is the element's loop; without the kernel's, which need more
 * rights. */
static int count_main_thread(pid_t pid)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE, .size = sizeof attr,
		.config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1, .exclude_hv = 1};
	long fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int bench_count_begin(const struct bench_rig *r, struct bench_count *c)
{
	int err = 0;

	for (size_t i = 0; bench_registrars[i]; i++) {
		const struct element *e = rig_element(r->rig, bench_registrars[i]);
		c->fd[i] = count_main_thread(process_pid(e->process));
		if (c->fd[i] < 0)
			err = c->fd[i];
	}
	return err;
}

double bench_count_end(struct bench *b, const char *before, struct bench_count *c,
	double registrations)
{
	char key[80];
	double sum = 0;

	for (size_t i = 0; bench_registrars[i]; i++) {
		uint64_t n = 0;
		if (c->fd[i] < 0)
			continue;
		if (read(c->fd[i], &n, sizeof n) != sizeof n)
			n = 0;
		close(c->fd[i]);
		snprintf(key, sizeof key, "loop_instructions_per_registration_%s",
			bench_registrars[i]);
		bench_put2(b, before, key, (double)n / registrations);
		sum += (double)n / registrations;
	}
	return sum;
}
