/* Names: header fields, methods, reason phrases. Header names are found by a perfect hash
 * over header.def (its multiplier is looked for at start) and then compared in full.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/sip/msg.h"

struct header_row {
	struct str name;
	char compact;
	unsigned flags;
};

static const struct header_row rows[SIP_H_COUNT] = {
#define X(id, name, compact, flags) [SIP_H_##id] = {STR(name), compact, flags},
#include "common/sip/header.def"
#undef X
};

enum { SLOT_BITS = 12 };

static uint8_t slots[1 << SLOT_BITS]; /* enum sip_header; 0: no such name */
static uint8_t compact_ids[26];
static uint64_t multiplier;

/* Length, first four and last four bytes, letters in lower case: different for any two
 * names of the table. n >= 2. */
static inline unsigned slot_of(struct str name, uint64_t factor)
{
	uint32_t front, back;
	if (name.n >= 4) {
		memcpy(&front, name.p, 4);
		memcpy(&back, name.p + name.n - 4, 4);
	} else {
		uint16_t two;
		memcpy(&two, name.p, 2);
		front = two;
		back = (unsigned char)name.p[name.n - 1];
	}
	uint64_t key = ((uint64_t)back << 32 | front) | 0x2020202020202020u;
	return (unsigned)((key + name.n) * factor >> (64 - SLOT_BITS));
}

static bool slots_fill(uint64_t factor)
{
	memset(slots, 0, sizeof slots);
	for (unsigned id = 1; id < SIP_H_COUNT; id++) {
		unsigned slot = slot_of(rows[id].name, factor);
		if (slots[slot])
			return false;
		slots[slot] = (uint8_t)id;
	}
	return true;
}

__attribute__((constructor)) static void header_setup(void)
{
	for (unsigned id = 1; id < SIP_H_COUNT; id++)
		if (rows[id].compact)
			compact_ids[rows[id].compact - 'a'] = (uint8_t)id;
	multiplier = 0x9e3779b97f4a7c15u;
	for (int tries = 0; !slots_fill(multiplier); tries++) {
		if (tries == 100000)
			abort(); /* two rows that slot_of can't tell apart */
		multiplier = multiplier * 6364136223846793005u + 1442695040888963407u;
		multiplier |= 1;
	}
}

_Static_assert(SIP_H_COUNT < 256, "ids are kept in one byte");

struct str sip_header_name(enum sip_header id)
{
	return (unsigned)id < SIP_H_COUNT ? rows[id].name : STR_NONE;
}

unsigned sip_header_flags(enum sip_header id)
{
	return (unsigned)id < SIP_H_COUNT ? rows[id].flags : 0;
}

enum sip_header sip_header_id(struct str name)
{
	if (name.n < 2) {
		char c = name.n ? (char)(name.p[0] | 0x20) : 0;
		return c >= 'a' && c <= 'z' && name.p[0] >= 'A' ? compact_ids[c - 'a']
								: SIP_H_OTHER;
	}
	enum sip_header id = slots[slot_of(name, multiplier)];
	const struct str *full = &rows[id].name;
	if (full->n != name.n)
		return SIP_H_OTHER;
	/* Nearly everybody writes them as the RFCs do. */
	if (memcmp(full->p, name.p, name.n) == 0 || str_ieq(*full, name))
		return id;
	return SIP_H_OTHER;
}

static const struct str methods[SIP_M_COUNT] = {
	[SIP_M_INVITE] = STR("INVITE"),
	[SIP_M_ACK] = STR("ACK"),
	[SIP_M_BYE] = STR("BYE"),
	[SIP_M_CANCEL] = STR("CANCEL"),
	[SIP_M_REGISTER] = STR("REGISTER"),
	[SIP_M_OPTIONS] = STR("OPTIONS"),
	[SIP_M_SUBSCRIBE] = STR("SUBSCRIBE"),
	[SIP_M_NOTIFY] = STR("NOTIFY"),
	[SIP_M_MESSAGE] = STR("MESSAGE"),
	[SIP_M_PRACK] = STR("PRACK"),
	[SIP_M_UPDATE] = STR("UPDATE"),
	[SIP_M_INFO] = STR("INFO"),
	[SIP_M_REFER] = STR("REFER"),
	[SIP_M_PUBLISH] = STR("PUBLISH"),
};

enum sip_method sip_method_id(struct str name)
{
	for (unsigned m = 1; m < SIP_M_COUNT; m++)
		if (str_eq(methods[m], name))
			return (enum sip_method)m;
	return SIP_M_OTHER;
}

struct str sip_method_name(enum sip_method m)
{
	return (unsigned)m < SIP_M_COUNT ? methods[m] : STR_NONE;
}

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{100, "Trying"},
	{180, "Ringing"},
	{181, "Call Is Being Forwarded"},
	{182, "Queued"},
	{183, "Session Progress"},
	{199, "Early Dialog Terminated"},
	{200, "OK"},
	{202, "Accepted"},
	{204, "No Notification"},
	{300, "Multiple Choices"},
	{301, "Moved Permanently"},
	{302, "Moved Temporarily"},
	{305, "Use Proxy"},
	{380, "Alternative Service"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{407, "Proxy Authentication Required"},
	{408, "Request Timeout"},
	{410, "Gone"},
	{412, "Conditional Request Failed"},
	{413, "Request Entity Too Large"},
	{414, "Request-URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Unsupported URI Scheme"},
	{417, "Unknown Resource-Priority"},
	{420, "Bad Extension"},
	{421, "Extension Required"},
	{422, "Session Interval Too Small"},
	{423, "Interval Too Brief"},
	{424, "Bad Location Information"},
	{428, "Use Identity Header"},
	{429, "Provide Referrer Identity"},
	{430, "Flow Failed"},
	{433, "Anonymity Disallowed"},
	{436, "Bad Identity Info"},
	{437, "Unsupported Credential"},
	{438, "Invalid Identity Header"},
	{439, "First Hop Lacks Outbound Support"},
	{440, "Max-Breadth Exceeded"},
	{469, "Bad Info Package"},
	{470, "Consent Needed"},
	{480, "Temporarily Unavailable"},
	{481, "Call/Transaction Does Not Exist"},
	{482, "Loop Detected"},
	{483, "Too Many Hops"},
	{484, "Address Incomplete"},
	{485, "Ambiguous"},
	{486, "Busy Here"},
	{487, "Request Terminated"},
	{488, "Not Acceptable Here"},
	{489, "Bad Event"},
	{491, "Request Pending"},
	{493, "Undecipherable"},
	{494, "Security Agreement Required"},
	{500, "Server Internal Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Server Time-out"},
	{505, "Version Not Supported"},
	{513, "Message Too Large"},
	{555, "Push Notification Service Not Supported"},
	{580, "Precondition Failure"},
	{600, "Busy Everywhere"},
	{603, "Decline"},
	{604, "Does Not Exist Anywhere"},
	{606, "Not Acceptable"},
	{607, "Unwanted"},
	{608, "Rejected"},
};

const char *sip_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	switch (status / 100) {
	case 1:
		return "Session Progress";
	case 2:
		return "OK";
	case 3:
		return "Redirected";
	case 5:
		return "Server Failure";
	case 6:
		return "Global Failure";
	default:
		return "Request Failure";
	}
}
