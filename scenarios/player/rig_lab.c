/* What a rig's elements find on disk: the lab's certificates and their configurations.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/ca.h"
#include "scenarios/player/rig.h"

/* `dir` with a CA in it. It is made aside and moved into place, so that two players that
 * start at once end up with one. */
int lab_make_ca(const char *dir, const char *name, const char *domain, char why[256])
{
	char aside[560], path[600];
	int err;

	snprintf(path, sizeof path, "%s/ca.pem", dir);
	if (!access(path, R_OK))
		return 0;
	snprintf(aside, sizeof aside, "%s.%d", dir, (int)getpid());
	if (mkdir(aside, 0700) && errno != EEXIST) {
		err = -errno;
		snprintf(why, 256, "cannot make %.180s: %s", aside, strerror(-err));
		return err;
	}
	if ((err = ca_make_limited(aside, name, domain, why)))
		return err;
	if (!rename(aside, dir))
		return 0;
	if (access(path, R_OK)) { /* somebody else's is not there either */
		err = -errno;
		snprintf(why, 256, "cannot make %.180s: %s", dir, strerror(-err));
		return err;
	}
	snprintf(path, sizeof path, "%s/ca.pem", aside);
	unlink(path);
	snprintf(path, sizeof path, "%s/ca-key.pem", aside);
	unlink(path);
	rmdir(aside);
	return 0;
}

static int write_file(const char *path, struct str bytes, char why[256])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err = 0;

	if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n) {
		err = errno ? -errno : -EIO;
		snprintf(why, 256, "cannot write %.180s: %s", path, strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* The run directory shall be readable by itself, also when the lab has changed since. */
static int copy_ca(const struct rig *rig, char why[256])
{
	char path[600];
	struct buf pem = {0};
	int err;

	snprintf(path, sizeof path, "%s/ca.pem", rig->lab);
	err = rig_file_read(path, &pem, why);
	snprintf(path, sizeof path, "%s/ca.pem", rig->dir);
	if (!err)
		err = write_file(path, buf_str(&pem), why);
	buf_free(&pem);
	return err;
}

int lab_open(struct rig *rig, char why[256])
{
	char path[560];
	int err;

	snprintf(path, sizeof path, "%s/../../../scenarios", rig->conf.bin_dir);
	if (rig->conf.root || access(path, R_OK)) /* installed apart from the sources */
		rig->root =
			str_dup(str_of(rig->conf.root ? rig->conf.root : SCENARIOS_DIR));
	else
		rig->root = realpath(path, NULL);
	if (rig->conf.ca_dir) {
		rig->lab = str_dup(str_of(rig->conf.ca_dir));
		return copy_ca(rig, why);
	}
	snprintf(path, sizeof path, "%s/../lab", rig->conf.bin_dir);
	err = lab_make_ca(path, "imsrig lab CA", NULL, why);
	if (err) {
		snprintf(path, sizeof path, "%s/lab", rig->dir);
		err = lab_make_ca(path, "imsrig lab CA", NULL, why);
	}
	if (err)
		return err;
	rig->lab = realpath(path, NULL);
	return copy_ca(rig, why);
}

int lab_issue(struct rig *rig, const char *name, const struct addr *addr, bool foreign,
	char why[256])
{
	char cert[600], key[600], fqdn[128], ca[600], from[24];
	const char *dns[] = {fqdn, NULL};
	const char *addresses[] = {addr_host(addr), rig->conf.extra_addr, NULL};
	struct ca_subject subject = {
		.name = fqdn,
		.dns = dns,
		.addresses = addresses,
		/* a WWSF shows a server's, on W4 too (TR 23.701 6.3.2.1.4 step 1) */
		.use = strncmp(name, "wwsf", 4) ? CA_BOTH : CA_SERVER};
	int err;

	snprintf(from, sizeof from, "%s", foreign ? "foreign-" : "");
	snprintf(cert, sizeof cert, "%s/%s%s.pem", rig->dir, from, name);
	snprintf(key, sizeof key, "%s/%s%s-key.pem", rig->dir, from, name);
	if (!access(cert, R_OK))
		return 0;
	snprintf(ca, sizeof ca, "%s", rig->lab);
	if (foreign) {
		snprintf(ca, sizeof ca, "%s/foreign-lab", rig->dir);
		if ((err = lab_make_ca(ca, "a CA that nobody trusts", NULL, why)))
			return err;
	}
	snprintf(fqdn, sizeof fqdn, "%s." RIG_DOMAIN, name);
	return ca_issue(ca, &subject, cert, key, why);
}

static const char *text(struct rig *rig, size_t i, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static const char *text(struct rig *rig, size_t i, const char *fmt, ...)
{
	va_list ap;
	struct buf *b = &rig->texts[i];

	b->n = 0;
	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
	return buf_z(b);
}

static const char *names_list(struct rig *rig, struct buf *b)
{
	b->n = 0;
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		buf_fmt(b, "%s{name: %s, addr: %s}", i ? ", " : "[", rig->names[i].name,
			addr_host(&rig->names[i].addr));
	buf_byte(b, ']');
	return buf_z(b);
}

/* Slots of rig->texts: those that all elements share are written by lab_configure. */
enum { T_NAMES, T_SUBSCRIBERS, T_SEED, T_NET, T_CA, T_ADDR, T_FQDN, T_CERT, T_KEY };

const struct rig_var *lab_vars(struct rig *rig, const struct element *e)
{
	struct rig_var *v = rig->vars;
	struct addr addr;

	*v++ = (struct rig_var){"net", text(rig, T_NET, "127.%d.0", rig->network)};
	*v++ = (struct rig_var){"domain", RIG_DOMAIN};
	*v++ = (struct rig_var){"dir", rig->dir};
	*v++ = (struct rig_var){"root", rig->root};
	*v++ = (struct rig_var){
		"seed", text(rig, T_SEED, "%llu", (unsigned long long)rig->conf.seed)};
	*v++ = (struct rig_var){"trace", collector_target(rig->conf.collector)};
	*v++ = (struct rig_var){"names", names_list(rig, &rig->texts[T_NAMES])};
	*v++ = (struct rig_var){"ca", text(rig, T_CA, "%s/ca.pem", rig->dir)};
	*v++ = (struct rig_var){"subscribers", buf_z(&rig->texts[T_SUBSCRIBERS])};
	if (e) {
		const char *name = e->kind->name;
		addr = rig_addr(rig, e->kind->last_octet);
		*v++ = (struct rig_var){"name", name};
		*v++ = (struct rig_var){
			"addr", text(rig, T_ADDR, "%s", addr_host(&addr))};
		*v++ = (struct rig_var){
			"fqdn", text(rig, T_FQDN, "%s." RIG_DOMAIN, name)};
		*v++ = (struct rig_var){
			"cert", text(rig, T_CERT, "%s/%s.pem", rig->dir, name)};
		*v++ = (struct rig_var){
			"key", text(rig, T_KEY, "%s/%s-key.pem", rig->dir, name)};
	}
	*v = (struct rig_var){NULL, NULL};
	return rig->vars;
}

static void template_path(
	const struct rig *rig, const struct element_kind *kind, char out[600])
{
	snprintf(out, 600, "%s/rig/%s.yaml", rig->root, kind->name);
	if (access(out, R_OK) && kind->template2)
		snprintf(out, 600, "%s/rig/%s.yaml", rig->root, kind->template2);
}

static int configure(struct rig *rig, struct element *e, char why[256])
{
	char template[600], path[600];
	struct addr addr = rig_addr(rig, e->kind->last_octet);
	struct buf yaml = {0};
	int err;

	snprintf(path, sizeof path, "%s/%s.log", rig->dir, e->kind->name);
	e->log = str_dup(str_of(path));
	snprintf(path, sizeof path, "%s/%s.yaml", rig->dir, e->kind->name);
	e->config = str_dup(str_of(path));
	template_path(rig, e->kind, template);
	err = lab_issue(rig, e->kind->name, &addr, false, why);
	if (!err)
		err = rig_conf_build(template, lab_vars(rig, e), e->kind->name,
			rig->settings, rig->n_settings, &yaml, why);
	if (!err)
		err = write_file(path, buf_str(&yaml), why);
	buf_free(&yaml);
	return err;
}

/* A setting for an element that this rig does not have would silently do nothing. */
static int check_owners(const struct rig *rig, char why[256])
{
	for (size_t i = 0; i < rig->n_settings; i++) {
		const struct setting *s = &rig->settings[i];
		if (rig_element(rig, s->owner))
			continue;
		snprintf(why, 256, "%.80s:%d:%d: %s.%s is set, but this rig has no %s",
			s->pos.file ? s->pos.file : "", s->pos.line, s->pos.col, s->owner,
			s->path, s->owner);
		return -EINVAL;
	}
	return 0;
}

int lab_configure(struct rig *rig, const struct variant *v, char why[256])
{
	struct buf *list = &rig->texts[T_SUBSCRIBERS];
	int err;

	buf_byte(list, '[');
	for (size_t i = 0; i < v->n_subscribers; i++)
		buf_fmt(list, "%s\"%s\"", i ? ", " : "", v->subscribers[i]);
	buf_byte(list, ']');
	if ((err = check_owners(rig, why)))
		return err;
	for (size_t i = 0; i < RIG_ELEMENTS; i++)
		if (rig->elements[i].wanted &&
			(err = configure(rig, &rig->elements[i], why)))
			return err;
	return 0;
}
