/* Logging.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"

static struct log_conf conf = {.level = LOG_INFO, .node = "imsrig"};
static char last[512];

static const char *const level_name[] = {"debug", "info", "warn", "error"};

void log_setup(const struct log_conf *c)
{
	conf = *c;
}

bool log_wants(enum log_level level)
{
	return level >= conf.level;
}

static int64_t wall_ms(void)
{
	struct timespec ts;
	if (conf.wall_ms)
		return conf.wall_ms(conf.arg);
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void json_text(struct buf *b, const char *z)
{
	for (; *z; z++) {
		unsigned char c = (unsigned char)*z;
		if (c == '"' || c == '\\')
			buf_fmt(b, "\\%c", c);
		else if (c < 0x20)
			buf_fmt(b, "\\u%04x", c);
		else
			buf_byte(b, (char)c);
	}
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	char text[1024], when[40];
	va_list ap;
	struct tm tm;
	struct buf b = {0};

	if (level < conf.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);

	int64_t ms = wall_ms();
	time_t s = (time_t)(ms / 1000);
	gmtime_r(&s, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	if (conf.json) {
		buf_fmt(&b, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"node\":\"%s\",\"area\":\"%s\","
			    "\"text\":\"", when, (int)(ms % 1000), level_name[level], conf.node, area);
		json_text(&b, text);
		buf_fmt(&b, "\"}\n");
	} else {
		buf_fmt(&b, "%s.%03dZ %-5s %s %s: %s\n", when, (int)(ms % 1000),
			level_name[level], conf.node, area, text);
	}
	if (level >= LOG_WARN)
		snprintf(last, sizeof last, "%s: %.480s", area, text);
	/* One write a line, so that lines of several threads don't mix. */
	ssize_t done = write(STDERR_FILENO, b.p, b.n);
	(void)done;
	buf_free(&b);
}

const char *log_text(struct str s)
{
	static __thread char ring[8][96];
	static __thread unsigned at;
	char *out = ring[at++ % 8];
	size_t n = s.n < 80 ? s.n : 80;
	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '.';
	strcpy(out + n, s.n > n ? "..." : "");
	return out;
}

const char *log_last(void)
{
	return last;
}

void log_forget(void)
{
	last[0] = 0;
}
