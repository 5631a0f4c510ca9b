/* How fast REGISTERs are indexed on one core, and what each takes from its arena.
 *
 *	bench_sip_parse [--count N] [--check]
 *
 * Without --count it runs for about two seconds. With it, exactly N messages (for
 * callgrind: instructions a message = Ir / N). --check adds sip_msg_check.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/sip/field.h"

enum { MESSAGES = 256 };

static struct buf messages[MESSAGES];

/* What a browser's REGISTER looks like behind the P-CSCF: about 800 octets. */
static void make(struct buf *b, int i)
{
	sip_put_request(b, STR("REGISTER"), STR("sip:ims.example.org"));
	sip_put_fmt(b, "Via", "SIP/2.0/WSS %08x.invalid;branch=z9hG4bK%06d;rport",
		i * 2654435761u, i);
	sip_put_field(b, SIP_H_MAX_FORWARDS, STR("69"));
	sip_put_fmt(b, "To", "<sip:user%06d@ims.example.org>", i);
	sip_put_fmt(b, "From", "<sip:user%06d@ims.example.org>;tag=t%07d", i, i);
	sip_put_fmt(b, "Call-ID", "k3x9%09dq7f2", i);
	sip_put_fmt(b, "CSeq", "%d REGISTER", i + 1);
	sip_put_fmt(b, "Authorization",
		"Digest algorithm=MD5, username=\"user%06d@ims.example.org\","
		" realm=\"ims.example.org\", nonce=\"6e6f6e63652d30303031%08x\","
		" uri=\"sip:ims.example.org\", "
		"response=\"5cf1f8aa59f562a7761e0e06986eb049\","
		" qop=auth, cnonce=\"0a4f113b\", nc=00000001",
		i, i);
	sip_put_fmt(b, "Contact",
		"<sip:k3x9%06d@q7f2.invalid;transport=ws>;reg-id=1;"
		"+sip.instance=\"<urn:uuid:0f0e0d0c-0b0a-4908-8706-%012d>\";expires=600",
		i, i);
	sip_put_field(b, SIP_H_EXPIRES, STR("600"));
	sip_put_field(
		b, SIP_H_ALLOW, STR("INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS"));
	sip_put_field(b, SIP_H_SUPPORTED, STR("path,gruu,outbound"));
	sip_put_field(b, SIP_H_USER_AGENT, STR("wic 1.0"));
	sip_put_end(b, STR_NONE, STR_NONE);
}

static void run(uint64_t count, bool check, struct arena *a)
{
	struct sip_msg m;
	struct sip_fault fault;
	for (uint64_t i = 0; i < count; i++) {
		struct str bytes = buf_str(&messages[i % MESSAGES]);
		if (sip_msg_parse(&m, bytes, a, &fault) ||
			(check && sip_msg_check(&m, &fault))) {
			fprintf(stderr, "%s\n", fault.why);
			exit(1);
		}
		arena_reset(a);
	}
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct arena a = {0};
	uint64_t count = 0, done = 0;
	bool check = false;
	size_t bytes = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0) {
			check = true;
		} else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc &&
			   str_u64(str_of(argv[i + 1]), &count) == 0) {
			i++;
		} else {
			fprintf(stderr, "usage: %s [--count N] [--check]\n", argv[0]);
			return 4;
		}
	}
	for (int i = 0; i < MESSAGES; i++) {
		make(&messages[i], i);
		bytes += messages[i].n;
	}
	double start = seconds(), took;
	do {
		uint64_t n = count ? count : 100000;
		run(n, check, &a);
		done += n;
		took = seconds() - start;
	} while (!count && took < 2);
	printf("{\"messages_per_s\": %.0f, \"bytes\": %zu, \"arena_bytes_per_message\": "
	       "%zu, "
	       "\"messages\": %llu, \"check\": %s}\n",
		(double)done / took, bytes / MESSAGES, arena_size(&a),
		(unsigned long long)done, check ? "true" : "false");
	arena_free(&a);
	for (int i = 0; i < MESSAGES; i++)
		buf_free(&messages[i]);
	return 0;
}
