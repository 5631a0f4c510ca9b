/* Logging: one line an event, to stderr, for people or as JSON.
 *
 * A line says what happened and why. It never holds a password, HA1, key, token, digest
 * response or nonce. What a peer sent goes through log_text, which makes it printable
 * and cuts it.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "common/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_conf {
	enum log_level level;
	bool json;
	const char *node;      /* name of this element; kept by pointer */
	int64_t (*wall_ms)(void *arg); /* the rig's wall clock; NULL: the machine's */
	void *arg;
};

void log_setup(const struct log_conf *conf);
bool log_wants(enum log_level level);

/* `area` is the module or procedure: "uar", "wss", "trace". No newline at the end. */
void log_line(enum log_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(...) (log_wants(LOG_DEBUG) ? log_line(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...)  (log_wants(LOG_INFO) ? log_line(LOG_INFO, __VA_ARGS__) : (void)0)
#define log_warn(...)  (log_wants(LOG_WARN) ? log_line(LOG_WARN, __VA_ARGS__) : (void)0)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* A peer's text made safe for one log line: at most 80 bytes, others as '.', into a
 * ring of per-thread buffers; good for one log call. */
const char *log_text(struct str s);

/* The last line of level warn or above, for the admin socket; never NULL. */
const char *log_last(void);
void log_forget(void);         /* that line */
