/* The way from libfdcore's threads to the loop.
 * SPDX-License-Identifier: Apache-2.0 */

#include "common/base/mem.h"
#include "common/cx/inside.h"

void queue_init(struct queue *q, uv_async_t *wake)
{
	pthread_mutex_init(&q->lock, NULL);
	q->first = NULL;
	q->last = &q->first;
	q->wake = wake;
}

/* libfdcore ends its threads by cancelling them. One that was cancelled in the write(2) of
 * uv_async_send would leave the handle marked busy, and uv_close would spin for ever. */
void queue_push(struct queue *q, struct event *e)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	e->next = NULL;
	pthread_mutex_lock(&q->lock);
	bool was_empty = !q->first;
	*q->last = e;
	q->last = &e->next;
	pthread_mutex_unlock(&q->lock);
	if (was_empty)
		uv_async_send(q->wake);
	pthread_setcancelstate(cancel, NULL);
}

struct event *queue_take(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	struct event *all = q->first;
	q->first = NULL;
	q->last = &q->first;
	pthread_mutex_unlock(&q->lock);
	return all;
}

struct rx *rx_new(struct str octets)
{
	struct rx *r = mem_alloc(sizeof *r + octets.n);
	memset(r, 0, offsetof(struct rx, fault));
	r->n = octets.n;
	memcpy(r->octets, octets.p, octets.n);
	r->at_ns = clock_real_ns();
	struct str copy = {r->octets, r->n};
	if (cx_header_parse(copy, &r->header, NULL))
		r->header = (struct cx_header){0};
	r->err = cx_decode(copy, &r->m, &r->fault);
	return r;
}
