/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/cred.h"
#include "base/crypto.h"
#include "base/text.h"
#include <string.h>

static void md5_b64(const struct str *parts, size_t n, char out[SML_DIGEST_BYTES + 1])
{
    uint8_t md5[MD5_BYTES];
    crypto_md5(parts, n, md5);
    text_b64(md5, sizeof md5, out);
}

void sml_ha1(struct str user, struct str password, char out[SML_HA1_BYTES + 1])
{
    md5_b64((const struct str[]){ user, STR(":"), password }, 3, out);
}

void sml_md5_digest(struct str ha1, struct str nonce, char out[SML_DIGEST_BYTES + 1])
{
    md5_b64((const struct str[]){ ha1, STR(":"), nonce }, 3, out);
}

void sml_mac(struct str ha1, struct str nonce, struct str body, char out[SML_DIGEST_BYTES + 1])
{
    char digest[SML_DIGEST_BYTES + 1];
    sml_mac_body(body, digest);
    sml_mac_of(ha1, nonce, digest, out);
}

void sml_mac_body(struct str body, char out[SML_DIGEST_BYTES + 1])
{
    md5_b64(&body, 1, out);
}

void sml_mac_of(struct str ha1, struct str nonce, const char body[SML_DIGEST_BYTES + 1], char out[SML_DIGEST_BYTES + 1])
{
    char tail[1 + SML_DIGEST_BYTES] = ":";
    memcpy(tail + 1, body, SML_DIGEST_BYTES);
    md5_b64((const struct str[]){ ha1, STR(":"), nonce, { tail, sizeof tail } }, 4, out);
}

static const struct {
    enum sml_auth auth;
    const char *name;
} schemes[] = {
    { SML_AUTH_BASIC, "syncml:auth-basic" },
    { SML_AUTH_MD5, "syncml:auth-md5" },
    { SML_AUTH_MAC, "syncml:auth-MAC" },
};

enum sml_auth sml_auth_of_name(struct str name)
{
    name = str_trim(name);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (str_eq_fold(name, str_of(schemes[i].name))) return schemes[i].auth;
    return name.n ? SML_AUTH_UNKNOWN : SML_AUTH_NONE;
}

const char *sml_auth_name(enum sml_auth a)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (schemes[i].auth == a) return schemes[i].name;
    return a == SML_AUTH_NONE ? "" : "unknown";
}

enum rc sml_basic_decode(struct str data, struct arena *a, struct str *user, struct str *password)
{
    struct str plain;
    enum rc rc = text_b64_decode(data, a, &plain);
    if (rc) return rc;
    size_t colon = str_find(plain, ':', 0);
    if (colon == plain.n) return RC_PARSE;
    *user = str_slice(plain, 0, colon);
    *password = str_slice(plain, colon + 1, plain.n);
    return RC_OK;
}

bool sml_basic_is(struct str data, struct str user, struct str ha1, struct arena *a)
{
    struct str plain;
    char made[SML_HA1_BYTES + 1];
    if (text_b64_decode(data, a, &plain) != RC_OK || plain.n <= user.n || plain.p[user.n] != ':') return false;
    sml_ha1(user, str_slice(plain, user.n + 1, plain.n), made);
    bool same = text_same_secret(str_of(made), ha1);
    return str_starts(plain, user) && same;
}

/* ---- x-syncml-hmac: algorithm=MD5, username="...", mac=... (protocol.md 7.3) ---- */

static struct str skip_blanks(struct str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_slice(s, 1, s.n);
    return s;
}

/* Cut a quoted-string from the front of *rest and remove its backslashes. */
static enum rc quoted(struct str *rest, struct arena *a, struct str *out)
{
    char *p = arena_bytes(a, rest->n);
    size_t n = 0, i = 1;
    if (!p) return RC_NOMEM;
    for (; i < rest->n && rest->p[i] != '"'; i++) {
        if (rest->p[i] == '\\' && ++i == rest->n) return RC_PARSE;
        p[n++] = rest->p[i];
    }
    if (i >= rest->n) return RC_PARSE;
    *rest = str_slice(*rest, i + 1, rest->n);
    *out = (struct str){ p, n };
    return RC_OK;
}

static enum rc value_of(struct str *rest, struct arena *a, struct str *out)
{
    if (rest->n && rest->p[0] == '"') return quoted(rest, a, out);
    size_t comma = str_find(*rest, ',', 0);
    *out = str_trim(str_slice(*rest, 0, comma));
    *rest = str_slice(*rest, comma, rest->n);
    return RC_OK;
}

/* Read one "name=value" and the comma after it. */
static enum rc pair(struct str *rest, struct arena *a, struct str *name, struct str *value)
{
    size_t eq = str_find(*rest, '=', 0);
    if (eq == rest->n) return RC_PARSE;
    *name = str_trim(str_slice(*rest, 0, eq));
    *rest = skip_blanks(str_slice(*rest, eq + 1, rest->n));
    enum rc rc = value_of(rest, a, value);
    if (rc) return rc;
    *rest = skip_blanks(*rest);
    if (rest->n && rest->p[0] != ',') return RC_PARSE;
    *rest = skip_blanks(str_slice(*rest, 1, rest->n));
    return RC_OK;
}

/* RFC 9110, section 5.5: no control characters in a field value. */
static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f) return true;
    return false;
}

enum rc sml_hmac_parse(struct str header, struct arena *a, struct sml_hmac *out, struct err *e)
{
    struct sml_hmac h = { .present = true };
    bool has_user = false;
    if (has_controls(header)) return err_set(e, RC_PARSE, "x-syncml-hmac with a control character");
    for (struct str rest = str_trim(header), name, value; rest.n;) {
        enum rc rc = pair(&rest, a, &name, &value);
        if (rc) return err_set(e, rc, "x-syncml-hmac is not a list of name=value");
        if (str_eq_fold(name, STR("username"))) {
            h.username = value;
            has_user = true;
        } else if (str_eq_fold(name, STR("mac"))) {
            h.mac = value;
        } else if (str_eq_fold(name, STR("algorithm")) && !str_eq_fold(value, STR("MD5"))) {
            value = str_slice(value, 0, 20);
            return err_set(e, RC_UNSUPPORTED, "x-syncml-hmac with algorithm %.*s; only MD5 is known", STR_ARG(value));
        }
    }
    if (!has_user || h.mac.n == 0)
        return err_set(e, RC_PARSE, "x-syncml-hmac without %s", has_user ? "mac" : "username");
    *out = h;
    return RC_OK;
}

struct str sml_hmac_format(struct str username, struct str mac, struct arena *a)
{
    struct str name = { 0 };
    char *p = arena_bytes(a, 2 * username.n);
    if (!p) return (struct str){ 0 };
    name.p = p;
    for (size_t i = 0; i < username.n; i++) {
        if (username.p[i] == '"' || username.p[i] == '\\') p[name.n++] = '\\';
        p[name.n++] = username.p[i];
    }
    return arena_printf(a, "algorithm=MD5, username=\"%.*s\", mac=%.*s", STR_ARG(name), STR_ARG(mac));
}
