/* A lab certification authority.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"

enum { DAY = 24 * 3600, LIFE_DAYS = 3652, PATH = 4096 };

static int fault(char why[256], int err, const char *what)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());
	if (err)
		snprintf(why, 256, "%.180s: %.60s", what, strerror(err));
	else
		snprintf(why, 256, "%.180s: %.60s", what, text ? text : "OpenSSL failed");
	return err ? -err : -EIO;
}

/* ---- files ---- */

static int path_of(char out[PATH], const char *dir, const char *file)
{
	return snprintf(out, PATH, "%s/%s", dir, file) < PATH ? 0 : -ENAMETOOLONG;
}

static FILE *create(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return NULL;
	fchmod(fd, mode); /* also when the file was there before */
	return fdopen(fd, "w");
}

static int save(const char *cert_path, X509 *cert, const char *key_path, EVP_PKEY *key,
	char why[256])
{
	FILE *f = create(key_path, 0600);
	if (!f)
		return fault(why, errno, key_path);
	int ok = PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	if ((fclose(f) != 0) | !ok)
		return fault(why, errno ? errno : EIO, key_path);
	f = create(cert_path, 0644);
	if (!f)
		return fault(why, errno, cert_path);
	ok = PEM_write_X509(f, cert);
	if ((fclose(f) != 0) | !ok)
		return fault(why, errno ? errno : EIO, cert_path);
	return 0;
}

static int load(const char *dir, X509 **cert, EVP_PKEY **key, char why[256])
{
	char path[PATH];
	FILE *f;
	if (path_of(path, dir, "ca.pem") || !(f = fopen(path, "re")))
		return fault(why, errno ? errno : ENAMETOOLONG, path);
	*cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	if (!*cert)
		return fault(why, 0, path);
	if (path_of(path, dir, "ca-key.pem") || !(f = fopen(path, "re")))
		return fault(why, errno ? errno : ENAMETOOLONG, path);
	*key = PEM_read_PrivateKey(f, NULL, NULL, "");
	fclose(f);
	return *key ? 0 : fault(why, 0, path);
}

/* ---- certificates ---- */

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = e && X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

/* Random, positive, 127 bits at most (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *cert)
{
	uint8_t bytes[16];
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

static bool set_times(X509 *cert, int64_t from_s, int64_t until_s)
{
	time_t now = time(NULL);
	time_t from = from_s ? (time_t)from_s : now - DAY;
	time_t until = until_s ? (time_t)until_s : now + (time_t)LIFE_DAYS * DAY;
	return ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), until);
}

static X509 *start(const char *name, EVP_PKEY *key, int64_t from_s, int64_t until_s)
{
	X509 *cert = X509_new();
	if (cert && X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
		set_times(cert, from_s, until_s) && X509_set_pubkey(cert, key) &&
		X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
			MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0))
		return cert;
	X509_free(cert);
	return NULL;
}

/* Any address, since who runs a lab may use any, but of names only those below `domain`. */
static bool limit(X509 *cert, const char *domain)
{
	char value[400];
	if (!domain)
		return true;
	int n = snprintf(value, sizeof value,
		"critical,permitted;DNS:%s,permitted;IP:0.0.0.0/0.0.0.0,permitted;IP:::/::", domain);
	return n < (int)sizeof value && extend(cert, cert, NID_name_constraints, value);
}

int ca_make(const char *dir, const char *name, char why[256])
{
	return ca_make_limited(dir, name, NULL, why);
}

int ca_make_limited(const char *dir, const char *name, const char *domain, char why[256])
{
	char cert_path[PATH], key_path[PATH];
	int err = -ENAMETOOLONG;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;

	if (path_of(cert_path, dir, "ca.pem") || path_of(key_path, dir, "ca-key.pem")) {
		fault(why, ENAMETOOLONG, dir);
		goto out;
	}
	key = EVP_EC_gen("P-256");
	cert = key ? start(name, key, 0, 0) : NULL;
	if (!cert || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
		!extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE") ||
		!extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
		!extend(cert, cert, NID_subject_key_identifier, "hash") || !limit(cert, domain) ||
		!X509_sign(cert, key, EVP_sha256())) {
		err = fault(why, 0, "making the CA certificate");
		goto out;
	}
	err = save(cert_path, cert, key_path, key, why);
out:
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

static bool add_names(X509 *cert, X509 *issuer, const struct ca_subject *s)
{
	struct buf b = {0};
	for (const char *const *d = s->dns; d && *d; d++)
		buf_fmt(&b, "%sDNS:%s", b.n ? "," : "", *d);
	for (const char *const *a = s->addresses; a && *a; a++)
		buf_fmt(&b, "%sIP:%s", b.n ? "," : "", *a);
	bool ok = !b.n || extend(cert, issuer, NID_subject_alt_name, buf_z(&b));
	buf_free(&b);
	return ok;
}

static bool add_rest(X509 *cert, X509 *issuer, const struct ca_subject *s)
{
	static const char *const use[] = {
		[CA_SERVER] = "serverAuth",
		[CA_CLIENT] = "clientAuth",
		[CA_BOTH] = "serverAuth,clientAuth",
	};
	return X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       extend(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       extend(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       extend(cert, issuer, NID_ext_key_usage, use[s->use & CA_BOTH]) &&
	       extend(cert, issuer, NID_subject_key_identifier, "hash") &&
	       extend(cert, issuer, NID_authority_key_identifier, "keyid") &&
	       add_names(cert, issuer, s);
}

int ca_issue(const char *dir, const struct ca_subject *subject, const char *cert_path,
	const char *key_path, char why[256])
{
	X509 *ca = NULL, *cert = NULL;
	EVP_PKEY *ca_key = NULL, *key = NULL;

	ERR_clear_error();
	int err = load(dir, &ca, &ca_key, why);
	if (err)
		goto out;
	key = EVP_EC_gen("P-256");
	cert = key ? start(subject->name, key, subject->from_s, subject->until_s) : NULL;
	if (!(subject->use & CA_BOTH) || !cert || !add_rest(cert, ca, subject) ||
		!X509_sign(cert, ca_key, EVP_sha256())) {
		err = fault(why, 0, subject->name);
		goto out;
	}
	err = save(cert_path, cert, key_path, key, why);
out:
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return err;
}
