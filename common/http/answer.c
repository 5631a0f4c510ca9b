/* Responses as octets.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/http/answer.h"

#include <time.h>

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"},
		{201, "Created"}, {202, "Accepted"}, {204, "No Content"},
		{206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"},
		{303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
		{308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"},
		{403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
		{406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
		{410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
		{413, "Content Too Large"}, {414, "URI Too Long"},
		{415, "Unsupported Media Type"}, {417, "Expectation Failed"},
		{422, "Unprocessable Content"}, {426, "Upgrade Required"},
		{428, "Precondition Required"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{501, "Not Implemented"}, {502, "Bad Gateway"},
		{503, "Service Unavailable"}, {504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Unknown";
}

static struct str date(struct host *host)
{
	static time_t said;
	static char text[40];
	time_t now = (time_t)(clock_wall_ms(host->clock) / 1000);
	if (now != said) {
		struct tm tm;
		gmtime_r(&now, &tm);
		strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		said = now;
	}
	return str_of(text);
}

void http_put_answer(struct buf *b, struct host *host, int status, struct str fields,
	struct str body, bool keep_alive, bool head_only)
{
	buf_fmt(b, "HTTP/1.1 %d %s\r\nDate: " STR_FMT "\r\n" STR_FMT, status,
		http_reason(status), STR_ARG(date(host)), STR_ARG(fields));
	if (status != 204 && status != 304)
		buf_fmt(b, "Content-Length: %zu\r\n", body.n);
	buf_fmt(b, "Connection: %s\r\n\r\n", keep_alive ? "keep-alive" : "close");
	if (!head_only && status != 204 && status != 304)
		buf_add(b, body);
}
