/* Failed authentications of one IMPI in a window of time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scscf/failures.h"

#include <stdlib.h>

#include "common/base/metric.h"
#include "scscf/scscf.h"

METRIC_IDLE(watched, "imsrig_scscf_failing_impis", "IMPIs with recent failed authentications");

enum { FAILURES_MAX = 100000 };        /* IMPIs watched at once; beyond, the count is not kept */
static struct failures *failures;

struct failures *failures_of(struct str impi)
{
	struct failures *f;
	HASH_FIND(hh, failures, impi.p, impi.n, f);
	return f;
}

void failures_forget(struct failures *f)
{
	HASH_DEL(failures, f);
	timer_stop(&f->window);
	watched.value--;
	free(f);
}

static void on_window_end(struct timer *t, void *arg)
{
	failures_forget(arg);
}

void failures_count(struct str impi)
{
	struct failures *f = failures_of(impi);
	if (!f) {
		if (HASH_COUNT(failures) >= FAILURES_MAX)
			return;
		f = mem_zalloc(sizeof *f + impi.n + 1);
		memcpy(f->impi, impi.p, impi.n);
		HASH_ADD_KEYPTR(hh, failures, f->impi, impi.n, f);
		watched.value++;
		timer_start(scscf.host->clock, &f->window, scscf.conf->lock_ms, on_window_end, f);
	}
	f->count++;
}

void scscf_failures_reset(void)
{
	struct failures *f, *next;
	HASH_ITER(hh, failures, f, next)
		failures_forget(f);
}
