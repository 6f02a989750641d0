/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/account.h"
#include "base/doc.h"
#include "base/origin.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

struct account_reading {
    const struct doc *d;
    const char *name;
    struct arena a;
    struct err *e;
};

static enum rc wrong(struct account_reading *r, const char *key, const char *what)
{
    const struct doc *d = doc_get(r->d, key);

    return doc_error(d ? d : r->d, r->name, RC_INVALID, r->e, "%s: %s", key, what);
}

static enum rc text(struct account_reading *r, const char *key, bool required, char *out, size_t n)
{
    const struct doc *d = doc_get(r->d, key);

    out[0] = 0;
    if (!d || d->kind == DOC_NULL) return required ? wrong(r, key, "is missing") : RC_OK;
    if (d->kind != DOC_SCALAR || (required && !d->text.n)) return wrong(r, key, "a text is expected");
    if (d->text.n >= n || memchr(d->text.p, 0, d->text.n)) return wrong(r, key, "is too long");
    memcpy(out, d->text.p, d->text.n);
    out[d->text.n] = 0;
    return RC_OK;
}

bool account_set_nonce(struct str nonce, uint8_t out[SML_NONCE_MAX], size_t *n)
{
    if (nonce.n > SML_NONCE_MAX) return false;
    if (nonce.n) memcpy(out, nonce.p, nonce.n);
    *n = nonce.n;
    return true;
}

static enum rc nonce(struct account_reading *r, const char *key, uint8_t out[SML_NONCE_MAX], size_t *n)
{
    const struct doc *d = doc_get(r->d, key);
    struct str bytes;

    *n = 0;
    if (!d || d->kind == DOC_NULL) return RC_OK;
    if (d->kind != DOC_SCALAR || text_b64_decode(d->text, &r->a, &bytes) || !account_set_nonce(bytes, out, n))
        return wrong(r, key, "base64 of at most 64 octets is expected");
    return RC_OK;
}

static enum rc scheme(struct account_reading *r, enum sml_auth *out)
{
    static const struct {
        const char *name;
        enum sml_auth auth;
    } row[] = {
        { "", SML_AUTH_MD5 },    { "md5", SML_AUTH_MD5 },   { "basic", SML_AUTH_BASIC },
        { "mac", SML_AUTH_MAC }, { "none", SML_AUTH_NONE },
    };
    char name[16];
    enum rc rc = text(r, "auth", false, name, sizeof name);

    for (size_t i = 0; !rc && i < sizeof row / sizeof row[0]; i++)
        if (!strcmp(row[i].name, name)) {
            *out = row[i].auth;
            return RC_OK;
        }
    return rc ? rc : wrong(r, "auth", "one of md5, basic, mac, none is expected");
}

/* Node names contain no '/'; real ServerIDs look like host names and are unchanged. */
static void node_name(const char *id, char *out)
{
    size_t n = strlen(id);

    for (size_t i = 0; i <= n; i++) out[i] = id[i] == '/' ? '-' : id[i];
}

static enum rc read_all(struct account_reading *r, struct account *out)
{
    char client[ACCOUNT_TEXT_BYTES], server[ACCOUNT_TEXT_BYTES];
    enum rc rc = text(r, "serverId", true, out->server_id, sizeof out->server_id);
    const struct doc *poll = doc_get(r->d, "pollS");
    struct origin to;

    if (!rc && strpbrk(out->server_id, "=&*+ \t\r\n")) rc = wrong(r, "serverId", "must not contain = & * + or blanks");
    if (!rc) rc = text(r, "url", true, out->url, sizeof out->url);
    if (!rc && !origin_of(str_of(out->url), &to))
        rc = wrong(r, "url", "https:// or http:// and a host are expected, without user, blanks or backslashes");
    if (!rc) rc = text(r, "title", false, out->title, sizeof out->title);
    if (!rc) rc = text(r, "clientName", true, out->client_name, sizeof out->client_name);
    if (!rc) rc = text(r, "clientPassword", true, client, sizeof client);
    if (!rc) rc = text(r, "serverName", false, out->server_name, sizeof out->server_name);
    if (!rc) rc = text(r, "serverPassword", true, server, sizeof server);
    if (!rc) rc = nonce(r, "clientNonce", out->client_nonce, &out->n_client_nonce);
    if (!rc) rc = nonce(r, "serverNonce", out->server_nonce, &out->n_server_nonce);
    if (!rc) rc = scheme(r, &out->auth);
    if (rc) return rc;
    out->poll_s = ACCOUNT_POLL_S;
    if (poll && (!doc_i64(poll, &out->poll_s) || out->poll_s < 0 || out->poll_s > INT32_MAX))
        return wrong(r, "pollS", "seconds are expected");
    if (!out->server_name[0]) snprintf(out->server_name, sizeof out->server_name, "%s", out->server_id);
    node_name(out->server_id, out->node);
    sml_ha1(str_of(out->client_name), str_of(client), out->client_ha1);
    sml_ha1(str_of(out->server_name), str_of(server), out->server_ha1);
    if (out->auth == SML_AUTH_BASIC) snprintf(out->client_password, sizeof out->client_password, "%s", client);
    return RC_OK;
}

enum rc account_parse(struct str json, const char *name, struct account *out, struct err *e)
{
    struct account_reading r = { .name = name, .e = e };
    struct account acc = { 0 };
    struct doc *d;
    enum rc rc;

    arena_init(&r.a, 1 << 20);
    rc = doc_parse(json, name, &r.a, &d, e);
    if (!rc) {
        r.d = doc_get(d, "account") ? doc_get(d, "account") : d;
        rc = r.d->kind == DOC_MAP ? read_all(&r, &acc) : doc_error(r.d, name, RC_INVALID, e, "an account is expected");
    }
    if (!rc) *out = acc;
    arena_finish(&r.a);
    return rc;
}

enum rc account_load(const char *file, struct account *out, struct err *e)
{
    char text_of_file[65536];
    FILE *f = fopen(file, "re");
    size_t n = 0;

    if (!f)
        return err_at(e, RC_IO, file, 0, 0,
                      "cannot be read; use the account from the answer to this device's registration");
    n = fread(text_of_file, 1, sizeof text_of_file, f);
    fclose(f);
    if (n == sizeof text_of_file) return err_at(e, RC_LIMIT, file, 0, 0, "is too long for an account");
    return account_parse((struct str){ text_of_file, n }, file, out, e);
}
