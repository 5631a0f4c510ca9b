/* Configuration: YAML into typed structs, driven by rows.
 *
 *	struct epcscf_conf { char *realm; int64_t t1_ms; struct conf_list origins; };
 *	static const struct conf_row rows[] = {
 *		CONF_STR(struct epcscf_conf, realm, "realm", CONF_REQUIRED, NULL),
 *		CONF_MS(struct epcscf_conf, t1_ms, "t1", 0, "500ms"),
 *		...
 *		CONF_END};
 *
 * An error names file, line, column, key, what was expected and what was found:
 *	epcscf.yaml:12:3: key "relm" is not known here (did you mean "realm"?)
 *
 * A text or a list may stand in a file of its own, {file: PATH}: the text in its first line,
 * the list as a YAML document. Secrets need not stand in a configuration that is shown.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <libfyaml.h>

#include "common/base/addr.h"
#include "common/base/mem.h"

enum conf_type {
	CONF_T_STR,    /* char *, NUL-terminated */
	CONF_T_INT,    /* int64_t, with min and max */
	CONF_T_BOOL,   /* bool: true/false/on/off/yes/no */
	CONF_T_MS,     /* int64_t: "500ms", "30s", "4min", "1h", or a bare number of seconds */
	CONF_T_ADDR,   /* struct addr: "127.0.0.1:5060"; `min` is the default port */
	CONF_T_ENUM,   /* int, index into `names` */
	CONF_T_STRUCT, /* nested mapping by `rows`, in place */
	CONF_T_LIST,   /* struct conf_list: sequence of `rows` structs of `size`, or of `item` */
	CONF_T_WHERE,  /* char *: "FILE:LINE:COL" of the mapping itself; not a key */
};
enum { CONF_REQUIRED = 1 };

struct conf_list {
	void *items;
	size_t n;
};
struct conf_row {
	const char *key;
	enum conf_type type;
	size_t offset;
	unsigned flags;
	const char *dflt;              /* YAML text of the default; NULL: zero/NULL */
	int64_t min, max;              /* CONF_T_INT; both 0: any */
	const char *const *names;      /* CONF_T_ENUM, ends with NULL */
	const struct conf_row *rows;   /* CONF_T_STRUCT and lists of structs */
	size_t size;                   /* list: size of one item */
	enum conf_type item;           /* list without rows: type of the items */
};
#define CONF_END {.key = NULL}
#define CONF_STR(S, m, k, f, d)  {k, CONF_T_STR, offsetof(S, m), f, d}
#define CONF_INT(S, m, k, f, d, lo, hi) {k, CONF_T_INT, offsetof(S, m), f, d, lo, hi}
#define CONF_BOOL(S, m, k, d)    {k, CONF_T_BOOL, offsetof(S, m), 0, d}
#define CONF_MS(S, m, k, f, d)   {k, CONF_T_MS, offsetof(S, m), f, d}
#define CONF_ADDR(S, m, k, f, port) {k, CONF_T_ADDR, offsetof(S, m), f, NULL, port}
#define CONF_ENUM(S, m, k, f, d, n) {k, CONF_T_ENUM, offsetof(S, m), f, d, 0, 0, n}
#define CONF_STRUCT(S, m, k, f, r) {k, CONF_T_STRUCT, offsetof(S, m), f, NULL, 0, 0, NULL, r}
#define CONF_LIST(S, m, k, f, r, T) \
	{k, CONF_T_LIST, offsetof(S, m), f, NULL, 0, 0, NULL, r, sizeof(T)}
#define CONF_WHERE(S, m)         {"", CONF_T_WHERE, offsetof(S, m)}
#define CONF_INTS(S, m, k, f) \
	{k, CONF_T_LIST, offsetof(S, m), f, NULL, 0, 0, NULL, NULL, sizeof(int64_t), CONF_T_INT}
#define CONF_STRS(S, m, k, f) \
	{k, CONF_T_LIST, offsetof(S, m), f, NULL, 0, 0, NULL, NULL, sizeof(char *), CONF_T_STR}

/* Keys are taken in any order, each once; one that no row names is refused. An absent
 * optional mapping has the defaults of its rows. Aliases (*x), directives and a second
 * document are refused, and a file is at most CONF_FILE_MAX: no text of that size keeps
 * the reader long. */
enum { CONF_FILE_MAX = 1 << 20, CONF_TEXT_MAX = 4096 };

/* Loads a file into *out (zeroed first); everything goes with the arena. 0, or -EINVAL /
 * -ENOENT with one sentence in `why`. */
int conf_load(const char *path, const struct conf_row *rows, void *out, struct arena *a,
	char why[512]);
int conf_load_text(struct str yaml, const char *name, const struct conf_row *rows, void *out,
	struct arena *a, char why[512]);
/* For documents that are read by hand (scripts): the same rows on a node of an open
 * document. */
int conf_load_node(struct fy_document *doc, struct fy_node *node, const char *name,
	const struct conf_row *rows, void *out, struct arena *a, char why[512]);
/* Opens such a document with the same bounds and messages; its text stands in the arena,
 * the caller gives it back with fy_document_destroy before. */
int conf_open(const char *path, struct arena *a, struct fy_document **out, char why[512]);
int conf_open_text(struct str yaml, const char *name, struct arena *a, struct fy_document **out,
	char why[512]);
/* Reads a file (or pipe) of at most `max` octets. -ENOENT, -EINVAL with a sentence in why. */
struct buf;
int conf_read(const char *path, size_t max, struct buf *out, char why[512]);
/* For checks of what rows can't say: the sentence, and -EINVAL. */
int conf_refuse(char why[512], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "FILE:LINE:COL" of a node, for messages of the same form. */
struct str conf_where(struct fy_node *node, const char *name, struct arena *a);
/* " (did you mean \"realm\"?)", or nothing, for a word that isn't among `words` (ends with
 * NULL); into the arena. */
struct str conf_near(struct str word, const char *const *words, struct arena *a);
int conf_ms(struct str text, int64_t *ms);         /* a duration as above; 0 or -EINVAL */
