/* Counters and gauges, printed in the Prometheus text format and asked over the admin
 * socket. A metric is a static object that registers itself at start:
 *
 *	METRIC_COUNTER(uar_sent, "imsrig_cx_uar_sent_total", "UARs sent to the HSS");
 *	uar_sent.value++;
 *
 * Touched by the loop alone. A gauge that must be zero when the element is idle
 * (transactions, bindings, connections) is declared with METRIC_IDLE: the player looks at
 * these between variants. Labels are part of the name: `x_total{reason="syntax"}`.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "common/base/buf.h"

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_IDLE };

struct metric {
	const char *name, *help;
	enum metric_kind kind;
	int64_t value;
	struct metric *next;
};

void metric_register(struct metric *m);
struct metric *metric_first(void);      /* in order of name; walk by ->next */
void metric_reset(void);                /* counters to zero; gauges keep their value */
void metric_print(struct buf *out);     /* Prometheus text format 0.0.4 */

#define METRIC_DEFINE(var, name_, help_, kind_)                                            \
	static struct metric var = {.name = name_, .help = help_, .kind = kind_};          \
	__attribute__((constructor)) static void var##_register(void)                      \
	{                                                                                  \
		metric_register(&var);                                                     \
	}                                                                                  \
	struct metric_need_semicolon

#define METRIC_COUNTER(var, name, help) METRIC_DEFINE(var, name, help, METRIC_KIND_COUNTER)
#define METRIC_GAUGE(var, name, help)   METRIC_DEFINE(var, name, help, METRIC_KIND_GAUGE)
#define METRIC_IDLE(var, name, help)    METRIC_DEFINE(var, name, help, METRIC_KIND_IDLE)
