/* Reading a synchronisation, line by line.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hss/subscription.h"

static int wrong(char why[256], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char why[256], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, 256, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- names ---- */

static bool all(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !(s.p[i] && strchr(more, s.p[i])))
			return false;
	return s.n > 0;
}

static struct str lower(struct str s, struct arena *a)
{
	struct str out = arena_str(a, s);
	for (size_t i = 0; i < out.n; i++)
		((char *)out.p)[i] = (char)tolower((unsigned char)out.p[i]);
	return out;
}

struct str av_host_name(struct str text, struct arena *a)
{
	if (str_ends(text, STR(".")))
		text.n--;
	bool empty_label = str_starts(text, STR(".")) || str_ends(text, STR(".")) ||
		str_find(text, STR("..")) >= 0;
	return text.n < AV_NAME_MAX && all(text, ".-") && !empty_label ? lower(text, a) : STR_NONE;
}

struct str av_nai(struct str text, struct arena *a)
{
	struct str rest = text, user = str_cut(&rest, '@');
	struct str host = rest.p ? av_host_name(rest, a) : STR_NONE;
	if (!all(user, "._+-") || text.n >= AV_NAME_MAX || !host.p)
		return STR_NONE;
	return arena_fmt(a, STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(host));
}

/* Texts that a quoted string takes as they are. */
static bool is_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > '~' || s.p[i] == '"' ||
			s.p[i] == '\\')
			return false;
	return s.n > 0 && s.n < AV_NAME_MAX;
}

/* ---- the lines before the first user ---- */

static int take_wwsf(struct av_file *f, struct str v, struct arena *a, char why[256])
{
	struct str name = av_host_name(v, a);
	if (!name.p)
		return wrong(why, "the name of the WWSF is not a host name");
	str_copy(name, f->wwsf, sizeof f->wwsf);
	return 0;
}

static int take_realm(struct av_file *f, struct str v, struct arena *a, char why[256])
{
	if (!is_text(v))
		return wrong(why, "the realm is empty, too long, or not plain text");
	str_copy(v, f->realm, sizeof f->realm);
	return 0;
}

static int take_algorithms(struct av_file *f, struct str v, struct arena *a, char why[256])
{
	while (v.p) {
		enum digest_algorithm algorithm;
		struct str name = str_cut(&v, ',');
		if (!name.n || digest_algorithm_of(name, &algorithm))
			return wrong(why, "an algorithm is not MD5 or SHA-256");
		if (f->has[algorithm])
			return wrong(why, "an algorithm stands twice");
		f->has[algorithm] = true;
		f->order[f->n_algorithms++] = algorithm;
	}
	return f->n_algorithms ? 0 : wrong(why, "no algorithm is named");
}

static int take_qop(struct av_file *f, struct str v, struct arena *a, char why[256])
{
	return str_eq(v, STR("auth")) ? 0 : wrong(why, "qop is not auth (TS 29.229 6.3.39)");
}

static int take_made(struct av_file *f, struct str v, struct arena *a, char why[256])
{
	struct tm tm = {0};
	const char *end = strptime(arena_str(a, v).p, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t = end && !*end ? timegm(&tm) : -1;
	if (t <= 0 || v.n != 20)
		return wrong(why, "made is not a time like 2026-11-26T10:00:00Z");
	f->made_ms = (int64_t)t * 1000;
	return 0;
}

static const struct {
	struct str key;
	int (*take)(struct av_file *f, struct str v, struct arena *a, char why[256]);
} heads[] = {
	{{"wwsf", 4}, take_wwsf}, {{"realm", 5}, take_realm},
	{{"algorithms", 10}, take_algorithms}, {{"qop", 3}, take_qop}, {{"made", 4}, take_made},
};
_Static_assert(sizeof heads / sizeof *heads < 8, "seen is a bit each");

static int complete(const struct av_file *f, char why[256])
{
	return f->wwsf[0] && f->realm[0] && f->n_algorithms ? 0 :
		wrong(why, "wwsf, realm and algorithms must be said before the users");
}

static int take_head(struct av_file *f, struct str key, struct str v, struct arena *a,
	char why[256])
{
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		if (!str_eq(key, heads[i].key))
			continue;
		if (f->begun)
			return wrong(why, "\"%s\" stands behind a user", heads[i].key.p);
		if (f->seen & 1u << i)
			return wrong(why, "\"%s\" stands twice", heads[i].key.p);
		f->seen |= (uint8_t)(1u << i);
		return heads[i].take(f, v, a, why);
	}
	return wrong(why, "a line begins with none of wwsf, realm, algorithms, qop, made, user, end");
}

/* ---- users and the end ---- */

static bool is_hex(struct str s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isxdigit((unsigned char)s.p[i]))
			return false;
	return s.n == n;
}

static int take_user(struct av_file *f, struct str v, struct av_user *u, struct arena *a,
	char why[256])
{
	struct str name = str_cut(&v, ','), impi = str_cut(&v, ','), impu = str_cut(&v, ',');
	*u = (struct av_user){.web_identity = av_nai(name, a), .impi = impi};
	if (complete(f, why))
		return -EINVAL;
	f->begun = true;
	if (!u->web_identity.p)
		return wrong(why, "the web identity is not a name of letters, digits and ._+- at a host");
	if (!str_eq(u->web_identity, name))
		return wrong(why, "the host of the web identity is not in lower case, or has a dot "
			"behind; its HA1 must be of what it is here");
	ptrdiff_t at = str_chr(impi, '@');
	if (at <= 0 || (size_t)at + 1 == impi.n || !is_text(impi))
		return wrong(why, "the private identity is not user@realm");
	u->impu = impu_canonical(impu, a);
	if (!u->impu.p || u->impu.n >= AV_NAME_MAX)
		return wrong(why, "the public identity is not a sip: or tel: URI");
	for (size_t i = 0; i < f->n_algorithms; i++) {
		enum digest_algorithm algorithm = f->order[i];
		struct str ha1 = v.p ? str_cut(&v, ',') : STR_NONE;
		if (!is_hex(ha1, digest_hex_n(algorithm)))
			return wrong(why, "the HA1 for %s is not %zu hex digits",
				digest_algorithm_name(algorithm), digest_hex_n(algorithm));
		u->ha1[algorithm] = lower(ha1, a);
	}
	if (v.p)
		return wrong(why, "a user has more columns than the algorithms ask for");
	f->users++;
	return AV_LINE_USER;
}

static int take_end(struct av_file *f, struct str v, char why[256])
{
	uint64_t n;
	if (complete(f, why))
		return -EINVAL;
	if (str_u64(v, &n) || n != (uint64_t)f->users)
		return wrong(why, "the end line does not name the %lld users that came before it",
			(long long)f->users);
	f->ended = true;
	return AV_LINE_END;
}

int av_file_line(struct av_file *f, struct str line, struct av_user *user, struct arena *a,
	char why[256])
{
	if (str_ends(line, STR("\r")))
		line.n--;
	if (!str_trim(line).n || line.p[0] == '#')
		return AV_LINE_OTHER;
	if (f->ended)
		return wrong(why, "something stands behind the end line");
	struct str rest = line, key = str_cut(&rest, ',');
	if (!rest.p)
		return wrong(why, "a line without a comma");
	if (str_eq(key, STR("user")))
		return take_user(f, rest, user, a, why);
	if (str_eq(key, STR("end")))
		return take_end(f, rest, why);
	return take_head(f, key, rest, a, why);
}

int av_file_finish(const struct av_file *f, char why[256])
{
	return f->ended ? 0 : wrong(why, "the file has no end line: it was cut short or is still "
		"being written; have it made anew and import it again");
}

/* ---- files ---- */

/* A file, or NULL with errno; EINVAL: something else, which an HSS might wait for without end. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fdopen(fd, "r");
	close(fd);
	errno = EINVAL;
	return NULL;
}

int av_file_read(const char *path, av_line_h *h, void *arg, char why[512])
{
	char line[AV_LINE_MAX];
	int64_t number = 0;
	FILE *f = open_file(path);
	int err = f ? 0 : errno == ENOENT || errno == EINVAL ? -errno : -EIO;

	if (err == -EINVAL) {
		snprintf(why, 512, "%s is no file; write what is to be imported into one", path);
		return err;
	}
	while (!err && fgets(line, sizeof line, f)) {
		struct str s = str_of(line);
		number++;
		if (str_ends(s, STR("\n")))
			s.n--;
		else if (!feof(f))
			err = -E2BIG;
		if (!err && (err = h(s, number, arg)))
			break;
	}
	if (err == -E2BIG) {
		snprintf(why, 512, "%s:%lld: the line is too long, or has an octet 0", path,
			(long long)number);
		err = -EINVAL;
	} else if (!f || (!err && ferror(f))) {
		snprintf(why, 512, "%s can't be read: %s", path, strerror(errno));
		err = err ? err : -EIO;
	}
	explicit_bzero(line, sizeof line);
	if (f)
		fclose(f);
	return err;
}

struct check {
	struct av_file file;
	const char *path;
	int64_t line;
	char *why;
};

static int check_line(struct str line, int64_t number, void *arg)
{
	struct check *c = arg;
	struct arena a = {0};
	struct av_user u;
	char what[256];
	int kind = av_file_line(&c->file, line, &u, &a, what);
	c->line = number;
	if (kind < 0)
		snprintf(c->why, 512, "%s:%lld: %s", c->path, (long long)number, what);
	arena_free(&a);
	return kind < 0 ? kind : 0;
}

int av_file_check(const char *path, char why[512])
{
	struct check c = {.path = path, .why = why};
	char what[256];
	int err = av_file_read(path, check_line, &c, why);
	if (!err && (err = av_file_finish(&c.file, what)))
		snprintf(why, 512, "%s:%lld: %s", path, (long long)c.line, what);
	return err;
}
