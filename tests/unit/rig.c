/* What the tests of the transports stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/crypto/ca.h"

#define LIMIT_NS 30000000000u /* a hang, however busy the machine is */

/* Addresses are constants of a test, and tests of one name have the same: those of another
 * build on this machine wait their turn. The lock goes with the process. */
static void take_turn(const char *name)
{
	static int fd = -1;
	char path[96];
	if (fd >= 0)
		return;
	snprintf(path, sizeof path, "/tmp/imsrig-test-%u-%s.lock", (unsigned)getuid(), name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
}

void rig_open(struct rig *r, const char *name)
{
	take_turn(name);
	memset(r, 0, sizeof *r);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->host = (struct host){
		.name = name, .loop = &r->loop, .clock = clock_new(&r->loop)};
	r->host.gate = gate_new(r->host.clock);
	chance_init(&r->host.chance, 1, name);
}

static void remove_dir(const char *dir)
{
	char cmd[128];
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

/* What a test that failed has left open ends the test, not hangs it. */
static void run_out(uv_loop_t *loop)
{
	uint64_t end = clock_real_ns() + LIMIT_NS;
	while (uv_run(loop, UV_RUN_NOWAIT) && clock_real_ns() < end)
		usleep(500);
}

void rig_close(struct rig *r)
{
	run_out(&r->loop);
	gate_free(r->host.gate);
	clock_free(r->host.clock);
	run_out(&r->loop);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	if (r->dir[0])
		remove_dir(r->dir);
}

void rig_until(struct rig *r, bool (*done)(void *arg), void *arg)
{
	uint64_t end = clock_real_ns() + LIMIT_NS;
	while (!done(arg)) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		if (clock_real_ns() > end)
			fail_msg("nothing came in 30 s");
		usleep(100);
	}
}

/* Turns of the loop, not time: on a busy machine a test gets few of them in a while. */
void rig_run(struct rig *r, int ms)
{
	for (int i = 0; i < 5 * ms; i++) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
}

static bool is_set(void *arg)
{
	return *(const bool *)arg;
}

void rig_until_set(struct rig *r, const bool *flag)
{
	rig_until(r, is_set, (void *)flag);
}

struct count {
	const int *n;
	int want;
};

static bool reached(void *arg)
{
	const struct count *c = arg;
	return *c->n >= c->want;
}

void rig_until_count(struct rig *r, const int *n, int want)
{
	rig_until(r, reached, &(struct count){n, want});
}

struct addr rig_addr(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
	return a;
}

int64_t rig_metric(const char *name)
{
	for (struct metric *m = metric_first(); m; m = m->next)
		if (!strcmp(m->name, name))
			return m->value;
	fail_msg("no metric %s", name);
	return 0;
}

const char *rig_file(struct rig *r, const char *name)
{
	static char ring[8][128];
	static unsigned at;
	char *out = ring[at++ % 8];
	snprintf(out, 128, "%s/%s", r->dir, name);
	return out;
}

void rig_ca(struct rig *r)
{
	char why[256];
	strcpy(r->dir, "/tmp/imsrig-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	if (ca_make(r->dir, "imsrig test CA", why))
		fail_msg("%s", why);
}

void rig_cert(struct rig *r, const char *name, const char *dns, const char *address)
{
	char cert[64], key[64], why[256];
	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s-key.pem", name);
	struct ca_subject subject = {.name = name,
		.dns = (const char *const[]){dns, NULL},
		.addresses = (const char *const[]){address, NULL},
		.use = CA_BOTH};
	if (ca_issue(r->dir, &subject, rig_file(r, cert), rig_file(r, key), why))
		fail_msg("%s", why);
}

struct tls *rig_tls(
	struct rig *r, bool server, const char *cert, const char *ca, bool require)
{
	char file[64], key[64], why[256];
	struct tls *t;
	snprintf(file, sizeof file, "%s.pem", cert ? cert : "");
	snprintf(key, sizeof key, "%s-key.pem", cert ? cert : "");
	struct tls_conf conf = {.cert = cert ? rig_file(r, file) : NULL,
		.key = cert ? rig_file(r, key) : NULL,
		.ca = ca ? rig_file(r, ca) : NULL,
		.require_peer = require,
		.clock = r->host.clock};
	if (tls_new(&conf, server, &t, why))
		fail_msg("%s", why);
	return t;
}

int rig_dial(const struct addr *local, const struct addr *remote)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval tv = {.tv_sec = 5};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &local->sa, addr_len(local)), 0);
	assert_int_equal(connect(fd, &remote->sa, addr_len(remote)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	return fd;
}
