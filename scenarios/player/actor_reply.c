/* How an actor answers SIP requests: rules that a script gave it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/actor.h"

const struct actor_option reply_options[] = {{"method", OPTION_TEXT},
	{"status", OPTION_NUMBER}, {"reason", OPTION_TEXT}, {"headers", OPTION_MAP},
	{"body", OPTION_TEXT}, {"type", OPTION_TEXT}, {"times", OPTION_NUMBER},
	{.name = NULL}};

void reply_add(struct replies *r, const json_t *rule)
{
	if (!r->rules)
		r->rules = json_array();
	json_array_append_new(r->rules, json_deep_copy(rule));
}

void reply_free(struct replies *r)
{
	json_decref(r->rules);
	r->rules = NULL;
}

/* The first rule for the method that is not used up; it is used once more. */
static json_t *rule_take(struct replies *r, struct str method)
{
	json_t *rule, *times;
	size_t i;

	json_array_foreach(r->rules, i, rule)
	{
		const char *only = json_string_value(json_object_get(rule, "method"));
		if (only && !str_eq(str_of(only), method))
			continue;
		if (!(times = json_object_get(rule, "times")))
			return rule;
		if (json_integer_value(times) > 0) {
			json_integer_set(times, json_integer_value(times) - 1);
			return rule;
		}
	}
	return NULL;
}

int reply_write(
	struct replies *r, const struct sip_msg *req, const char *to_tag, struct buf *out)
{
	const json_t *rule = rule_take(r, req->method_text);
	const char *name;
	json_t *v;

	if (!rule)
		return 0;
	int status = (int)option_number(rule, "status", 200);
	sip_put_response(out, req, status, option_text(rule, "reason", NULL), to_tag);
	json_object_foreach(
		json_object_get(rule, "headers"), name, v) if (json_is_string(v))
		sip_put_fmt(out, name, "%s", json_string_value(v));
	sip_put_end(out, str_of(option_text(rule, "type", "")),
		str_of(option_text(rule, "body", "")));
	return status;
}
