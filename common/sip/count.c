/* Counters of the SIP stack: one for each method and class of responses either way, one
 * for each reason of a fault.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/base/metric.h"
#include "common/sip/inner.h"

METRIC_IDLE(server_open, "imsrig_sip_open{side=\"server\"}",
	"transactions without a final answer");
METRIC_IDLE(client_open, "imsrig_sip_open{side=\"client\"}",
	"transactions without a final answer");
METRIC_GAUGE(server_all, "imsrig_sip_transactions{side=\"server\"}",
	"transactions, also those that only wait for retransmissions");
METRIC_GAUGE(client_all, "imsrig_sip_transactions{side=\"client\"}",
	"transactions, also those that only wait for retransmissions");
METRIC_IDLE(flows, "imsrig_sip_connections", "connections of the SIP stack");
METRIC_COUNTER(again_sent, "imsrig_sip_retransmissions_total{dir=\"sent\"}",
	"messages sent or received again");
METRIC_COUNTER(again_received, "imsrig_sip_retransmissions_total{dir=\"received\"}",
	"messages sent or received again");

enum { CLASSES = 7, MAX_FAULTS = 128 };

static const char *const dir_name[] = {
	[COUNT_SENT] = "sent", [COUNT_RECEIVED] = "received"};
static struct metric requests[2][SIP_M_COUNT], responses[2][CLASSES];
static char request_name[2][SIP_M_COUNT][72], response_name[2][CLASSES][72];

static void make(struct metric *m, char name[72], const char *family, const char *dir,
	const char *label, struct str value, const char *help)
{
	snprintf(name, 72, "%s{dir=\"%s\",%s=\"" STR_FMT "\"}", family, dir, label,
		STR_ARG(value));
	*m = (struct metric){.name = name, .help = help, .kind = METRIC_KIND_COUNTER};
	metric_register(m);
}

static struct metric *fault_of(const char *why);

/* The stack's own reasons are there from the start; those of the parser when they
 * occur. */
static const char *const reasons[] = {"stray response", "stray ACK", "no ACK",
	"no response", "too many transactions", "too many connections", "listener closed", "certificate for another name",
	"response can't be sent", "INVITE can't be acknowledged", "message unfinished",
	"nothing sent"};

__attribute__((constructor)) static void make_all(void)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		fault_of(reasons[i]);
	for (int d = 0; d < 2; d++) {
		for (int i = 0; i < SIP_M_COUNT; i++) {
			struct str name = sip_method_name((enum sip_method)i);
			make(&requests[d][i], request_name[d][i],
				"imsrig_sip_requests_total", dir_name[d], "method",
				name.p ? name : STR("other"),
				"requests, without retransmissions");
		}
		for (int i = 1; i < CLASSES; i++) {
			char digit = (char)('0' + i);
			make(&responses[d][i], response_name[d][i],
				"imsrig_sip_responses_total", dir_name[d], "class",
				(struct str){&digit, 1},
				"responses by first digit, without retransmissions sent");
		}
	}
}

void count_request(enum count_dir d, enum sip_method m)
{
	requests[d][m].value++;
}

void count_response(enum count_dir d, int status)
{
	int i = status / 100;
	if (i > 0 && i < CLASSES)
		responses[d][i].value++;
}

void count_again(enum count_dir d)
{
	(d == COUNT_SENT ? &again_sent : &again_received)->value++;
}

/* Reasons are static texts, so there are as many counters as there are such texts. */
static struct metric *fault_of(const char *why)
{
	static struct fault {
		const char *why;
		struct metric metric;
		char name[112];
	} faults[MAX_FAULTS];
	static int n;
	int i = 0;

	while (i < n && faults[i].why != why && strcmp(faults[i].why, why))
		i++;
	if (i == MAX_FAULTS)
		i--;
	struct fault *f = &faults[i];
	if (i == n) {
		f->why = why;
		snprintf(f->name, sizeof f->name,
			"imsrig_sip_faults_total{reason=\"%s\"}", why);
		f->metric = (struct metric){.name = f->name,
			.help = "messages refused, dropped or never answered",
			.kind = METRIC_KIND_COUNTER};
		metric_register(&f->metric);
		n++;
	}
	return &f->metric;
}

void count_fault(const char *why)
{
	fault_of(why)->value++;
}

void count_server(int by)
{
	server_all.value += by;
}

void count_server_open(struct sip_stack *s, int by)
{
	server_open.value += by;
	s->open += (size_t)by;
}

void count_client(int by)
{
	client_all.value += by;
}

void count_client_open(struct sip_stack *s, int by)
{
	client_open.value += by;
	s->open += (size_t)by;
}

void count_flows(int by)
{
	flows.value += by;
}
