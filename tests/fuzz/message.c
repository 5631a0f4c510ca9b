/* What a rogue puts on the wire reaches the judge, the ladder and the trace, too: the
 * first octet chooses the protocol, the rest is the message. SPDX-License-Identifier:
 * Apache-2.0 */
#include "common/base/buf.h"
#include "scenarios/player/ladder.h"
#include "scenarios/player/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"To.tag", "Via[2].branch", "Authorization.nonce",
	"body", "Request-URI", "Session-Id",
	"Server-Capabilities.Mandatory-Capability[2]", "Experimental-Result", "token",
	"impu[1]", "Host", "code"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct buf text = {0};
	struct message m;

	if (!size)
		return 0;
	struct record r = {.proto = (enum trace_proto)(data[0] % 4),
		.from = "a",
		.to = "b",
		.bytes = arena_str(&a, (struct str){(const char *)data + 1, size - 1})};
	message_read(&m, &r, &a);
	message_outside(&m);
	message_put(&text, &m);
	ladder_words(&text, &m);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		message_field(&m, str_of(names[i]));
	buf_free(&text);
	arena_free(&a);
	return 0;
}
