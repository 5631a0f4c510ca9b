/* What `imsrig up` says: addresses that need no names, users with passwords, places.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/up_print.h"

#include <stdio.h>

#include "scenarios/player/rig_conf.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static void print_web_users(const struct up_print *p)
{
	char path[600], why[256];
	size_t i;
	json_t *user;

	snprintf(path, sizeof path, "%s/rig/web-users.yaml", p->root);
	json_t *users = rig_yaml_read(path, why);
	printf("Sign in %s as: user, password\n", p->waf ? "at the WAF" : "on the page");
	json_array_foreach(users, i, user)
		if (!p->waf || !json_is_false(json_object_get(user, "waf")))
			printf("  %-10s %s\n", text_of(user, "user"), text_of(user, "password"));
	json_decref(users);
}

static void print_subscribers(const struct up_print *p)
{
	char why[256];
	json_t *doc = rig_yaml_read(p->subscribers, why), *user, *identity;
	size_t i, k;

	printf("Or register by IMS password: public identity, private identity, password\n");
	json_array_foreach(json_object_get(doc, "subscriptions"), i, user)
	{
		const json_t *impu = json_array_get(json_object_get(user, "public"), 0);
		json_array_foreach(json_object_get(user, "private"), k, identity)
			if (*text_of(identity, "password"))
				printf("  %-32s %-32s %s\n", text_of(impu, "impu"),
					text_of(identity, "impi"), text_of(identity, "password"));
	}
	json_decref(doc);
}

static void print_addresses(const struct up_print *p)
{
	char net[24];

	snprintf(net, sizeof net, "127.%d.0", p->network);
	printf("The rig is up on %s.x.\n\nOpen in a browser:\n", net);
	if (p->listen)
		printf("  https://%s:%d/\n", p->listen, UP_PAGE);
	printf("  https://%s.10:8443/%s\n\n", net, p->listen ? "   (on this machine)" : "");
	if (p->ca)
		printf("Its certificates are signed by %s/ca.pem;\n`imsrig ca` says how a browser comes to "
		       "trust that. ", p->ca);
	else
		printf("Its certificates are signed by %s/ca.pem. ", p->dir);
	printf("A browser that does not also has to open the\neP-CSCF once, and accept its "
	       "certificate (a 404 is all that it shows):\n  ");
	if (p->listen)
		printf("https://%s:%d/ or ", p->listen, UP_EDGE);
	printf("https://%s.12:8443/\n\n", net);
}

void up_print(const struct up_print *p)
{
	print_addresses(p);
	print_web_users(p);
	print_subscribers(p);
	printf("\nRun directory: %s (runs/up)\nInterrupt to stop.\n", p->dir);
	fflush(stdout);
}
