/* A USIM in a client's hands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/card.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct card {
	struct usim usim;
	char *made_of;
	/* the last challenge and its answer */
	char nonce[256];
	enum usim_verdict verdict;
	struct usim_answer answer;
	char password[AKA_PASSWORD_MAX], auts[AKA_AUTS_N + 1];
};

/* ---- making ---- */

static int number(const char *text, const char *name, uint8_t *out, size_t n, char why[256])
{
	if (text && !str_hex(str_of(text), out, n))
		return 0;
	snprintf(why, 256, "%s of the USIM is not %zu hex digits", name, 2 * n);
	return -EINVAL;
}

static int make(struct card *card, const struct card_conf *c, char why[256])
{
	struct milenage keys;
	uint8_t op[16], octets[6] = {0};
	uint64_t sqn = 0;
	int err = number(c->k, "k", keys.k, 16, why);

	if (!err && !c->op == !c->opc) {
		snprintf(why, 256, "a USIM has op or opc");
		err = -EINVAL;
	}
	if (!err && c->opc)
		err = number(c->opc, "opc", keys.opc, 16, why);
	if (!err && c->op && !(err = number(c->op, "op", op, 16, why)))
		milenage_opc(keys.k, op, keys.opc);
	if (!err && c->sqn)
		err = number(c->sqn, "sqn", octets, 6, why);
	for (int i = 0; i < 6; i++)
		sqn = sqn << 8 | octets[i];
	if (!err)
		usim_init(&card->usim, &keys, sqn);
	return err;
}

int card_insert(struct card **card, const struct card_conf *c, char why[256])
{
	struct arena a = {0};
	struct str made_of = arena_fmt(&a, "%s/%s/%s/%s", c->k, c->op ? c->op : "",
		c->opc ? c->opc : "", c->sqn ? c->sqn : "");
	int err = 0;

	if (!*card || !str_eq(made_of, str_of((*card)->made_of))) {
		struct card *made = MEM_NEW(struct card);
		made->made_of = str_dup(made_of);
		err = make(made, c, why);
		card_free(err ? made : *card);
		*card = err ? *card : made;
	}
	arena_free(&a);
	return err;
}

void card_free(struct card *c)
{
	if (!c)
		return;
	free(c->made_of);
	free(c);
}

/* ---- answering ---- */

static int show(struct card *card, const struct challenge *c)
{
	uint8_t rand[16], autn[16];

	if (*card->nonce && str_eq(c->d.nonce, str_of(card->nonce)))
		return 0;
	if (aka_nonce_read(c->d.nonce, rand, autn))
		return -EINVAL;
	if (!str_copy(c->d.nonce, card->nonce, sizeof card->nonce))
		*card->nonce = 0; /* too long to be known again */
	card->verdict = usim_authenticate(&card->usim, rand, autn, &card->answer);
	return 0;
}

static void make_empty(struct answer *a)
{
	a->nc = 0;
	a->qop = a->cnonce = STR_NONE;
}

int card_answer(struct card *card, const struct challenge *c, struct answer *a)
{
	const struct usim_answer *u = &card->answer;

	if (show(card, c)) {
		make_empty(a);
		return -EINVAL;
	}
	switch (card->verdict) {
	case USIM_OK:
		a->password = aka_password(c->aka, (struct str){(const char *)u->res, sizeof u->res},
			u->ck, u->ik, card->password);
		break;
	case USIM_MAC_FAILURE:
		make_empty(a);
		break;
	case USIM_SYNC_FAILURE:
		aka_auts_write(u->auts, card->auts);
		a->auts = str_of(card->auts);
		a->password = STR("");
		break;
	}
	return 0;
}
