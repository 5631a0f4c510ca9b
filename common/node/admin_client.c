/* The other end of an element's admin socket.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/admin_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/buf.h"
#include "common/base/mem.h"

enum { ANSWER_MAX = 64 << 20 };

struct ask {
	struct ask *next;
	admin_answer_h *h;
	void *arg;
};

struct admin {
	uv_pipe_t pipe;
	uv_connect_t connect;
	uv_timer_t later; /* tells the waiting of an end, after the call that caused it */
	admin_open_h *open;
	void *open_arg;
	struct ask *first, **last; /* commands waiting for their answers */
	struct buf in;
	size_t seen; /* of `in`, without a newline */
	int err;     /* 0 while the connection is good */
	bool closing;
	int handles;
};

struct write {
	uv_write_t req;
	char *text;
};

static void answer_next(struct admin *a, int err, const json_t *answer)
{
	struct ask *k = a->first;
	a->first = k->next;
	if (!a->first)
		a->last = &a->first;
	k->h(err, answer, k->arg);
	free(k);
}

static void on_closed(uv_handle_t *h)
{
	struct admin *a = h->data;
	if (--a->handles)
		return;
	while (a->first)
		answer_next(a, -ECANCELED, NULL);
	buf_free(&a->in);
	free(a);
}

void admin_close(struct admin *a)
{
	if (a->closing)
		return;
	a->closing = true;
	uv_close((uv_handle_t *)&a->pipe, on_closed);
	uv_close((uv_handle_t *)&a->later, on_closed);
}

/* Handlers may ask again, or close: those that come now wait for the next turn. */
static void on_later(uv_timer_t *t)
{
	struct admin *a = t->data;
	struct ask **end = a->last;
	while (a->first && !a->closing) {
		bool was_last = &a->first->next == end;
		answer_next(a, a->err, NULL);
		if (was_last)
			return;
	}
}

static void broken(struct admin *a, int err)
{
	if (!a->err)
		a->err = err;
	uv_read_stop((uv_stream_t *)&a->pipe);
	if (!a->closing)
		uv_timer_start(&a->later, on_later, 0, 0);
}

static void take_line(struct admin *a, struct str line)
{
	json_t *answer = json_loadb(line.p, line.n, 0, NULL);
	if (!answer || !a->first) {
		json_decref(answer);
		broken(a, -EBADMSG);
		return;
	}
	answer_next(a, 0, answer);
	json_decref(answer);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct admin *a = h->data;
	buf_reserve(&a->in, 16384);
	*b = uv_buf_init(a->in.p + a->in.n, (unsigned)(a->in.cap - a->in.n));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct admin *a = s->data;
	size_t done = 0;

	if (n < 0) {
		broken(a, (int)n);
		return;
	}
	a->in.n += (size_t)n;
	while (!a->err && !a->closing) {
		char *from = a->in.p + a->seen;
		char *nl = memchr(from, '\n', a->in.n - a->seen);
		if (!nl)
			break;
		struct str line = str_span(a->in.p + done, nl);
		done = a->seen = (size_t)(nl + 1 - a->in.p);
		take_line(a, line);
	}
	buf_drop(&a->in, done);
	a->seen = a->in.n;
	if (a->in.n > ANSWER_MAX)
		broken(a, -EMSGSIZE);
}

static void on_connect(uv_connect_t *c, int err)
{
	struct admin *a = c->data;
	if (!err)
		err = uv_read_start((uv_stream_t *)&a->pipe, on_alloc, on_read);
	if (err) {
		admin_open_h *h = a->open;
		void *arg = a->open_arg;
		admin_close(a);
		h(err, NULL, arg);
		return;
	}
	a->open(0, a, a->open_arg);
}

void admin_open(uv_loop_t *loop, const char *path, admin_open_h *h, void *arg)
{
	struct admin *a = MEM_NEW(struct admin);
	a->open = h;
	a->open_arg = arg;
	a->last = &a->first;
	a->handles = 2;
	uv_pipe_init(loop, &a->pipe, 0);
	uv_timer_init(loop, &a->later);
	a->pipe.data = a->later.data = a->connect.data = a;
	uv_pipe_connect(&a->connect, &a->pipe, path, on_connect);
}

static void on_write(uv_write_t *req, int err)
{
	struct write *w = (struct write *)req;
	struct admin *a = req->data;
	if (err && err != UV_ECANCELED)
		broken(a, err);
	free(w->text);
	free(w);
}

void admin_ask(struct admin *a, const json_t *command, admin_answer_h *h, void *arg)
{
	struct ask *k = MEM_NEW(struct ask);
	k->h = h;
	k->arg = arg;
	*a->last = k;
	a->last = &k->next;
	if (a->err) {
		broken(a, a->err);
		return;
	}
	struct write *w = MEM_NEW(struct write);
	struct buf line = {0};
	w->text = json_dumps(command, JSON_COMPACT);
	buf_fmt(&line, "%s\n", w->text);
	free(w->text);
	w->text = line.p;
	w->req.data = a;
	uv_buf_t b = uv_buf_init(line.p, (unsigned)line.n);
	int err = uv_write(&w->req, (uv_stream_t *)&a->pipe, &b, 1, on_write);
	if (err)
		on_write(&w->req, err);
}

/* ---- waiting ---- */

static int fail(char why[256], const char *path, int err)
{
	snprintf(why, 256, "admin socket %.160s: %s", path, strerror(err));
	return -err;
}

static int connect_to(const char *path, int *fd, char why[256])
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!str_copy(str_of(path), to.sun_path, sizeof to.sun_path))
		return fail(why, path, ENAMETOOLONG);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return fail(why, path, errno);
	if (!connect(*fd, (struct sockaddr *)&to, sizeof to))
		return 0;
	int err = errno;
	close(*fd);
	return fail(why, path, err);
}

static int read_line(
	int fd, const char *path, uint64_t until_ns, struct buf *in, char why[256])
{
	while (!in->n || in->p[in->n - 1] != '\n') {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_real_ns();
		int left = now < until_ns ? (int)((until_ns - now) / 1000000) + 1 : 0;
		if (in->n > ANSWER_MAX)
			return fail(why, path, EMSGSIZE);
		if (poll(&p, 1, left) == 0)
			return fail(why, path, ETIMEDOUT);
		buf_reserve(in, 16384);
		ssize_t n = read(fd, in->p + in->n, 16384);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(why, path, errno);
		if (n == 0)
			return fail(why, path, ECONNRESET);
		in->n += (size_t)n;
	}
	return 0;
}

int admin_once(const char *path, const json_t *command, int timeout_ms, json_t **answer,
	char why[256])
{
	uint64_t until = clock_real_ns() + (uint64_t)timeout_ms * 1000000u;
	struct buf b = {0};
	int fd, err = connect_to(path, &fd, why);

	if (err)
		return err;
	char *text = json_dumps(command, JSON_COMPACT);
	buf_fmt(&b, "%s\n", text);
	free(text);
	size_t sent = 0;
	while (!err && sent < b.n) {
		ssize_t n = send(fd, b.p + sent, b.n - sent, MSG_NOSIGNAL);
		if (n >= 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			err = fail(why, path, errno);
	}
	b.n = 0;
	if (!err)
		err = read_line(fd, path, until, &b, why);
	if (!err && !(*answer = json_loadb(b.p, b.n, 0, NULL)))
		err = fail(why, path, EBADMSG);
	close(fd);
	buf_free(&b);
	return err;
}
