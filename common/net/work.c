/* Slow work off the loop.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/work.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum { MOST = 64 };

struct piece {
	uv_work_t req;
	struct piece *prev, *next;
	void (*work)(void *arg);
	void (*done)(void *arg, bool cancelled);
	void *arg;
};

static struct piece *pieces; /* of this process; the loop's thread alone */
static int under_way;

static void on_work(uv_work_t *req)
{
	struct piece *p = req->data;
	p->work(p->arg);
}

static void on_done(uv_work_t *req, int status)
{
	struct piece *p = req->data;
	if (p->prev)
		p->prev->next = p->next;
	else
		pieces = p->next;
	if (p->next)
		p->next->prev = p->prev;
	under_way--;
	p->done(p->arg, status == UV_ECANCELED);
	free(p);
}

int work_start(struct host *host, int most, void (*work)(void *arg),
	void (*done)(void *arg, bool cancelled), void *arg)
{
	if (under_way >= (most ? most : MOST))
		return -EBUSY;
	struct piece *p = MEM_NEW(struct piece);
	*p = (struct piece){.next = pieces, .work = work, .done = done, .arg = arg};
	p->req.data = p;
	int err = uv_queue_work(host->loop, &p->req, on_work, on_done);
	if (err) {
		free(p);
		return err;
	}
	if (pieces)
		pieces->prev = p;
	pieces = p;
	under_way++;
	return 0;
}

int work_open(void)
{
	return under_way;
}

void work_cancel(struct host *host)
{
	for (struct piece *p = pieces; p; p = p->next)
		if (p->req.loop == host->loop)
			uv_cancel((uv_req_t *)&p->req); /* fails when it has begun: it ends */
}
