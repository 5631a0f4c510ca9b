/* The admin socket of an element.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metric.h"

enum { LINE_MAX_BYTES = 1 << 20, UNSENT_MAX = 4 << 20, CLIENTS_MAX = 64 };

METRIC_GAUGE(clients, "imsrig_admin_clients", "Connections to the admin socket");
METRIC_COUNTER(
	refused, "imsrig_admin_refused_total", "Admin connections ended for their fault");

struct admin_server {
	uv_pipe_t pipe;
	admin_line_h *h;
	struct client *clients;
	int n;
	bool closing, closed; /* closed: the listener's close callback ran */
};

struct client {
	struct client *prev, *next;
	struct admin_server *server;
	uv_pipe_t pipe;
	struct buf in;
	size_t seen; /* of `in`, without a newline */
	bool closing;
};

struct write {
	uv_write_t req;
	struct client *client;
	struct buf text;
};

static void server_done(struct admin_server *s)
{
	if (s->closed && !s->n)
		free(s);
}

static void on_client_closed(uv_handle_t *h)
{
	struct client *c = h->data;
	struct admin_server *s = c->server;
	*(c->prev ? &c->prev->next : &s->clients) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->n--;
	clients.value--;
	buf_free(&c->in);
	free(c);
	server_done(s);
}

static void client_close(struct client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static void client_refuse(struct client *c, const char *why)
{
	refused.value++;
	log_warn("admin", "connection ended: %s", why);
	client_close(c);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct client *c = h->data;
	buf_reserve(&c->in, 16384);
	*b = uv_buf_init(c->in.p + c->in.n, (unsigned)(c->in.cap - c->in.n));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static size_t unsent(struct client *c)
{
	return uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe);
}

static void on_write(uv_write_t *req, int err)
{
	struct write *w = (struct write *)req;
	struct client *c = w->client;
	buf_free(&w->text);
	free(w);
	if (c->closing)
		return;
	if (err)
		client_close(c);
	else if (c->server->closing && !unsent(c))
		client_close(c);
	else if (!c->server->closing && unsent(c) < UNSENT_MAX)
		uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void client_write(struct client *c, struct buf *text)
{
	struct write *w = MEM_NEW(struct write);
	w->client = c;
	w->text = *text;
	uv_buf_t b = uv_buf_init(w->text.p, (unsigned)w->text.n);
	int err = uv_write(&w->req, (uv_stream_t *)&c->pipe, &b, 1, on_write);
	if (err)
		on_write(&w->req, err);
	else if (unsent(c) >= UNSENT_MAX) /* who asks has to read, too */
		uv_read_stop((uv_stream_t *)&c->pipe);
}

/* Answers whole lines, in their order, in one write. */
static void take_lines(struct client *c)
{
	struct buf out = {0};
	size_t done = 0;
	char *nl;

	while (!c->closing && (nl = memchr(c->in.p + c->seen, '\n', c->in.n - c->seen))) {
		struct str line = str_trim(str_span(c->in.p + done, nl));
		done = c->seen = (size_t)(nl + 1 - c->in.p);
		if (!line.n)
			continue;
		c->server->h(line, &out);
		buf_byte(&out, '\n');
	}
	buf_drop(&c->in, done);
	c->seen = c->in.n;
	if (out.n && !c->closing)
		client_write(c, &out);
	else
		buf_free(&out);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct client *c = s->data;

	if (n < 0) {
		client_close(c);
		return;
	}
	c->in.n += (size_t)n;
	take_lines(c);
	if (c->in.n > LINE_MAX_BYTES && !c->closing)
		client_refuse(c, "a line of more than 1 MiB");
}

static void on_connection(uv_stream_t *stream, int err)
{
	struct admin_server *s = stream->data;

	if (err)
		return;
	struct client *c = MEM_NEW(struct client);
	c->server = s;
	c->pipe.data = c;
	uv_pipe_init(stream->loop, &c->pipe, 0);
	c->next = s->clients;
	if (c->next)
		c->next->prev = c;
	s->clients = c;
	s->n++;
	clients.value++;
	if (uv_accept(stream, (uv_stream_t *)&c->pipe))
		client_close(c);
	else if (s->n > CLIENTS_MAX)
		client_refuse(c, "64 others are open");
	else
		uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

/* ---- life ---- */

/* Is somebody behind the socket that is there? Else it is taken away. */
static int make_way(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	str_copy(str_of(path), to.sun_path, sizeof to.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = connect(fd, (struct sockaddr *)&to, sizeof to) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return -EADDRINUSE;
	unlink(path);
	return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
	struct admin_server *s = h->data;
	s->closed = true;
	server_done(s);
}

int admin_serve(uv_loop_t *loop, const char *path, admin_line_h *h,
	struct admin_server **out, char why[512])
{
	struct sockaddr_un longest;

	if (strlen(path) >= sizeof longest.sun_path) {
		snprintf(why, 512, "admin socket %.300s: its path is too long", path);
		return -ENAMETOOLONG;
	}
	int err = make_way(path);
	if (err) {
		snprintf(why, 512, "admin socket %s: %s", path,
			err == -EEXIST ? "something else is there"
				       : "another process answers there");
		return err;
	}
	struct admin_server *s = MEM_NEW(struct admin_server);
	s->h = h;
	uv_pipe_init(loop, &s->pipe, 0);
	s->pipe.data = s;
	mode_t was = umask(0177);
	err = uv_pipe_bind(&s->pipe, path);
	umask(was);
	if (!err)
		err = uv_listen((uv_stream_t *)&s->pipe, 16, on_connection);
	if (err) {
		snprintf(why, 512, "admin socket %s: %s", path, uv_strerror(err));
		uv_close((uv_handle_t *)&s->pipe, on_listener_closed);
		return err;
	}
	*out = s;
	return 0;
}

void admin_server_close(struct admin_server *s)
{
	struct client *next;

	if (!s)
		return;
	for (struct client *c = s->clients; c; c = next) {
		next = c->next;
		uv_read_stop((uv_stream_t *)&c->pipe);
		if (!unsent(c))
			client_close(c);
	}
	s->closing = true;
	uv_close((uv_handle_t *)&s->pipe, on_listener_closed);
}
