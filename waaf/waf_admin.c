/* The WAF's commands of the admin socket.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/node.h"
#include "waaf/waf.h"

static json_t *block(const json_t *args, bool blocked)
{
	const char *name = json_string_value(json_object_get(args, "wwsf"));
	struct waf_wwsf *w;

	if (!waf.conf)
		return node_refuse("this WAAF is no WAF");
	if (!name)
		return node_refuse("\"wwsf\" is missing: the identity of a WWSF");
	if (!(w = waf_wwsf_find(str_of(name))))
		return node_refuse("no WWSF \"%s\" is known here", name);
	waf_wwsf_block(w, blocked);
	return json_pack("{s:b}", "ok", 1);
}

json_t *waf_run_block(const json_t *args)
{
	return block(args, true);
}

json_t *waf_run_unblock(const json_t *args)
{
	return block(args, false);
}

json_t *waf_run_rotate(const json_t *args)
{
	char why[512];

	if (!waf.conf)
		return node_refuse("this WAAF is no WAF");
	if (waf_live_rotate(why))
		return node_refuse("%s", why);
	return json_pack("{s:b, s:I}", "ok", 1, "keys",
		(json_int_t)token_keys_count(waf.keys));
}

json_t *waf_state(void)
{
	json_t *wwsfs = json_object();
	struct waf_wwsf *w;

	if (!waf.conf) {
		json_decref(wwsfs);
		return NULL;
	}
	for (size_t i = 0; (w = waf_wwsf_at(i)); i++)
		json_object_set_new(wwsfs, w->conf->identity,
			json_pack("{s:b, s:I}", "blocked", w->blocked, "tokens",
				(json_int_t)waf_live_count(w)));
	return json_pack("{s:I, s:I, s:I, s:o}", "tokens", (json_int_t)waf_live_count(NULL),
		"grants", (json_int_t)waf_grant_count(), "keys",
		(json_int_t)token_keys_count(waf.keys), "wwsfs", wwsfs);
}
