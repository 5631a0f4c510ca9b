/* Inside the hosting of libfdcore: what core.c (its hooks and callbacks) and start.c share.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>

#include "common/cx/inside.h"

struct core {
	struct core_conf conf;
	struct queue *q;
	struct dict_object *realm;     /* Destination-Realm */
	pthread_t watcher;
	atomic_bool stopping;
};
extern struct core core;

int core_add_hooks(void);
int core_add_callbacks(struct dict_object *application, struct dict_object *vendor);
void core_thread_batch(void);          /* for threads made from here on */
void core_on_log(int level, const char *format, va_list args);
