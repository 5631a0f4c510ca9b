/* What the tests of the WAF stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/waf_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/crypto/ca.h"
#include "common/net/work.h"

struct lab lab;

static const char *const files[WHOS] = {"wwsf", "wwsf2", "wwsf3", "wwsf4", "epcscf", "stranger",
	"foreign/stranger", NULL, NULL};

static const char conf_text[] =
	"identity: waaf.ims.example.org\n"
	"issuer: \"https://waaf.ims.example.org:8445\"\n"
	"web: {listen: \"" HOST ":8445\", cert: %1$s/waaf.pem, key: %1$s/waaf-key.pem}\n"
	"w4: {listen: \"" HOST ":8444\", cert: %1$s/waaf.pem, key: %1$s/waaf-key.pem, ca: "
	"%1$s/ca.pem}\n"
	"audience: ims.example.org\nkeys: %1$s/waf-keys.json\n"
	"scopes: [webrtc-ims-client-access-to-ims, other]\n"
	"resource-servers: [epcscf.ims.example.org]\n"
	"wwsfs:\n"
	"  - {identity: wwsf.ims.example.org, grants: [authorization_code, "
	"client_credentials], trust-user-assertion: true, redirect-uris: [\"" CALLBACK
	"\", \"https://wwsf.ims.example.org/cb?x=1\"]}\n"
	"  - {identity: wwsf2.ims.example.org, grants: [client_credentials], "
	"redirect-uris: [\"https://wwsf2.ims.example.org/cb\"]}\n"
	"  - {identity: wwsf3.ims.example.org, grants: [authorization_code, "
	"client_credentials], trust-user-assertion: true, blocked: true, redirect-uris: "
	"[\"https://wwsf3.ims.example.org/cb\"]}\n"
	"  - {identity: wwsf4.ims.example.org, domain: third-party, grants: [authorization_code, "
	"client_credentials], trust-user-assertion: true, redirect-uris: [\"" CALLBACK4 "\"], "
	"pool: {impi: [pool1@wwsf4.ims.example.org, pool2@wwsf4.ims.example.org, "
	"\"web!.*!@wwsf4.ims.example.org\"], impu: [\"sip:pool1@ims.example.org\", "
	"\"sip:pool2@ims.example.org\", \"tel:+15550120\", \"sip:web![0-9]{1,6}!@ims.example.org\"], "
	"lease: 100s}}\n"
	"users:\n"
	"  - {user: alice, impi: alice-impi@ims.example.org, impu: "
	"[\"sip:alice@ims.example.org\"], password-hash: \"$y$j75$mlzQ8O/udFetl1sNlXRMf1$"
	"zYDwKTf3deRVpj3rXTHnnqMRRgGQLiKviO9HXUSOea/\"}\n" /* wonderland */
	"  - {user: carol, impi: carol-impi@ims.example.org, impu: "
	"[\"sip:carol@ims.example.org\", \"sip:carol.work@ims.example.org\"]}\n";

static void make_certificates(void)
{
	const struct ca_subject foreign = {.name = "wwsf.ims.example.org",
		.dns = (const char *const[]){"wwsf.ims.example.org", NULL},
		.use = CA_BOTH};
	char why[256];

	rig_ca(&lab.rig);
	rig_cert(&lab.rig, "waaf", "waaf.ims.example.org", HOST);
	rig_cert(&lab.rig, "wwsf", "wwsf.ims.example.org", NULL);
	rig_cert(&lab.rig, "wwsf2", "wwsf2.ims.example.org", NULL);
	rig_cert(&lab.rig, "wwsf3", "wwsf3.ims.example.org", NULL);
	rig_cert(&lab.rig, "wwsf4", "wwsf4.ims.example.org", NULL);
	rig_cert(&lab.rig, "epcscf", "epcscf.ims.example.org", NULL);
	rig_cert(&lab.rig, "stranger", "stranger.example.org", NULL);
	assert_int_equal(mkdir(rig_file(&lab.rig, "foreign"), 0700), 0);
	assert_int_equal(ca_make(rig_file(&lab.rig, "foreign"), "another CA", why), 0);
	assert_int_equal(ca_issue(rig_file(&lab.rig, "foreign"), &foreign,
				 rig_file(&lab.rig, "foreign/stranger.pem"),
				 rig_file(&lab.rig, "foreign/stranger-key.pem"), why),
		0);
}

static void divert_log(void)
{
	int fd = open(rig_file(&lab.rig, "log"), O_CREAT | O_WRONLY | O_APPEND, 0600);
	struct log_conf conf = {.level = LOG_DEBUG, .node = "waaf"};

	assert_true(fd >= 0);
	log_setup(&conf);
	fflush(stderr);
	lab.stderr_fd = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void undivert_log(void)
{
	dup2(lab.stderr_fd, STDERR_FILENO);
	close(lab.stderr_fd);
	lab.stderr_fd = 0;
}

void lab_open(const char *extra)
{
	struct buf text = {0};
	char why[512];

	memset(&lab, 0, sizeof lab);
	rig_open(&lab.rig, "waaf");
	make_certificates();
	buf_fmt(&text, conf_text, lab.rig.dir);
	buf_fmt(&text, "%s", extra);
	if (conf_load_text(buf_str(&text), "test", waf_conf_rows, &lab.conf, &lab.arena, why) ||
		waf_conf_check(&lab.conf, why))
		fail_msg("%s", why);
	buf_free(&text);
	divert_log();
	if (waf_start(&lab.rig.host, &lab.conf, why))
		fail_msg("%s", why);
	for (enum who w = 0; w < WHOS; w++) {
		lab.tls[w] = rig_tls(&lab.rig, false, files[w], "ca.pem", false);
		struct http_client_conf conf = {.local = rig_addr("127.41.1.101:0"),
			.remote = rig_addr(w == WEB ? HOST ":8445" : HOST ":8444"),
			.tls = lab.tls[w],
			.server_name = "waaf.ims.example.org"};
		lab.clients[w] = http_client_new(&lab.rig.host, &conf);
	}
	lab_secret(STR("wonderland"));
}

/* ---- the log ---- */

void lab_secret(struct str s)
{
	buf_add(&lab.secrets, s);
	buf_byte(&lab.secrets, '\n');
}

static void read_log(struct buf *out)
{
	char chunk[4096];
	size_t n;
	FILE *f = fopen(rig_file(&lab.rig, "log"), "r");
	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_put(out, chunk, n);
	fclose(f);
}

bool lab_logged(const char *text)
{
	struct buf b = {0};
	read_log(&b);
	bool found = str_find(buf_str(&b), str_of(text)) >= 0;
	buf_free(&b);
	return found;
}

static void check_log(void)
{
	struct str rest = buf_str(&lab.secrets);
	struct buf b = {0};

	read_log(&b);
	assert_true(str_find(buf_str(&b), STR("issues tokens as")) >= 0);
	while (rest.n) {
		struct str secret = str_cut(&rest, '\n');
		if (secret.n && str_find(buf_str(&b), secret) >= 0)
			fail_msg("a secret of %zu characters stands in the log", secret.n);
	}
	buf_free(&b);
}

/* ---- the end ---- */

int lab_restore(void **state)
{
	struct buf b = {0};

	if (!lab.stderr_fd)
		return 0;
	undivert_log();
	read_log(&b);
	fprintf(stderr, "the log ends: %s\n", buf_z(&b) + (b.n > 800 ? b.n - 800 : 0));
	buf_free(&b);
	waf_stop(); /* its addresses are for the next test */
	rig_run(&lab.rig, 1);
	return 0;
}

void lab_close(void)
{
	for (enum who w = 0; w < WHOS; w++) {
		http_client_free(lab.clients[w]);
		tls_free(lab.tls[w]);
	}
	waf_stop();
	work_cancel(&lab.rig.host);
	rig_run(&lab.rig, 1);
	undivert_log();
	check_log();
	rig_close(&lab.rig);
	json_decref(lab.got.json);
	buf_free(&lab.got.body);
	buf_free(&lab.secrets);
	arena_free(&lab.arena);
	assert_int_equal(rig_metric("imsrig_waf_tokens_live"), 0);
	assert_int_equal(rig_metric("imsrig_waf_grants"), 0);
	assert_int_equal(rig_metric("imsrig_waf_sign_ins"), 0);
	assert_int_equal(rig_metric("imsrig_http_requests_open"), 0);
	assert_int_equal(rig_metric("imsrig_streams_open"), 0);
}

void lab_advance(int64_t ms)
{
	struct clock *c = lab.rig.host.clock;
	for (enum who w = 0; w < WHOS; w++) /* the server may end a kept connection now */
		http_client_drop(lab.clients[w]);
	assert_int_equal(clock_set_offset(c, clock_offset_ms(c) + ms), 0);
}

/* ---- requests ---- */

static void on_answer(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct reply *r = arg;
	struct buf fields = {0};

	r->n++;
	r->err = err;
	str_copy(str_of(why), r->why, sizeof r->why);
	if (!m)
		return;
	r->status = m->status;
	buf_add(&r->body, m->body);
	r->json = json_loadb(m->body.p ? m->body.p : "", m->body.n, 0, NULL);
	for (size_t i = 0; i < m->n_fields; i++)
		buf_fmt(&fields, STR_FMT ": " STR_FMT "\n", STR_ARG(m->fields[i].name),
			STR_ARG(m->fields[i].value));
	assert_true(str_copy(buf_str(&fields), r->fields, sizeof r->fields));
	buf_free(&fields);
}

const struct reply *ask_with(enum who who, const char *method, const char *target,
	const char *fields, const char *form)
{
	struct reply *r = &lab.got;

	json_decref(r->json);
	buf_free(&r->body);
	memset(r, 0, sizeof *r);
	http_send(lab.clients[who], method, target, str_of(fields), str_of(form), on_answer, r);
	rig_until_count(&lab.rig, &r->n, 1);
	if (*member("access_token"))
		lab_secret(str_of(member("access_token")));
	if (*member("refresh_token"))
		lab_secret(str_of(member("refresh_token")));
	return r;
}

const struct reply *ask(
	enum who who, const char *method, const char *target, const char *form)
{
	return ask_with(who, method, target,
		form ? "Content-Type: application/x-www-form-urlencoded\r\n" : "", form);
}

const struct reply *ask_token(enum who who, const char *form)
{
	return ask(who, "POST", "/token", form);
}

void is_status(const struct reply *r, int status)
{
	if (r->err || r->status != status)
		fail_msg("%d \"%s\" \"" STR_FMT "\", not %d", r->status, r->why,
			STR_ARG(buf_str(&r->body)), status);
}

void is_error(const struct reply *r, int status, const char *error)
{
	is_status(r, status);
	assert_string_equal(member("error"), error);
	assert_true(strlen(member("error_description")) > 10);
	has_field(r, "Cache-Control: no-store\n");
	assert_string_equal(member("access_token"), "");
}

const char *member(const char *name)
{
	const char *text = json_string_value(json_object_get(lab.got.json, name));
	return text ? text : "";
}

void has_field(const struct reply *r, const char *line)
{
	if (!strstr(r->fields, line))
		fail_msg("no \"%s\" in \"%s\"", line, r->fields);
}

struct str location_param(const char *name)
{
	const char *line = strstr(lab.got.fields, "Location: ");
	assert_non_null(line);
	struct str rest = str_of(line + 10);
	struct str uri = str_cut(&rest, '\n');
	str_cut(&uri, '?');
	struct str value = form_param(uri, str_of(name), &lab.arena);
	return value.p ? arena_str(&lab.arena, value) : value;
}

/* ---- what most tests begin with ---- */

char *new_token(void)
{
	is_status(ask_token(WWSF, "grant_type=client_credentials&client_id=wwsf.ims.example.org"
				  "&user=alice"),
		200);
	return str_dup(str_of(member("access_token")));
}

bool is_active(const char *token)
{
	struct buf form = {0};
	form_put(&form, STR("token"), str_of(token));
	is_status(ask(EDGE, "POST", "/introspect", buf_z(&form)), 200);
	buf_free(&form);
	assert_true(json_is_boolean(json_object_get(lab.got.json, "active")));
	return json_is_true(json_object_get(lab.got.json, "active"));
}

json_t *admin(json_t *(*run)(const json_t *), const char *wwsf)
{
	json_t *args = json_object();
	if (wwsf)
		json_object_set_new(args, "wwsf", json_string(wwsf));
	json_t *answer = run(args);
	json_decref(args);
	return answer;
}

void open_page(const char *query)
{
	struct str target = arena_fmt(&lab.arena,
		"/authorize?response_type=code&client_id=wwsf.ims.example.org&redirect_uri="
		"https%%3A%%2F%%2Fwwsf.ims.example.org%%3A8443%%2Fcallback&code_challenge="
		CHALLENGE "&code_challenge_method=S256%s",
		query);
	ask(WEB, "GET", target.p, NULL);
}

const char *form_id(void)
{
	static char id[WAF_SIGN_IN_SIZE];
	struct str page = buf_str(&lab.got.body);
	struct str mark = STR("name=\"request\" value=\"");
	ptrdiff_t at = str_find(page, mark);

	if (at < 0)
		fail_msg("no form: %d " STR_FMT, lab.got.status, STR_ARG(page));
	page = str_skip(page, (size_t)at + mark.n);
	assert_true(str_copy(str_cut(&page, '"'), id, sizeof id));
	return id;
}

void post_form(const char *user, const char *password)
{
	struct buf form = {0};
	form_put(&form, STR("request"), str_of(form_id()));
	form_put(&form, STR("user"), str_of(user));
	form_put(&form, STR("password"), str_of(password));
	form_put(&form, STR("decision"), STR("sign-in"));
	ask(WEB, "POST", "/authorize", buf_z(&form));
	buf_free(&form);
}

char *new_code(void)
{
	open_page("");
	is_status(&lab.got, 200);
	post_form("alice", "wonderland");
	is_status(&lab.got, 303);
	struct str code = location_param("code");
	assert_int_equal(code.n, WAF_SECRET_SIZE - 1);
	lab_secret(code);
	return str_dup(code);
}
