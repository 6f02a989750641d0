/* SPDX-License-Identifier: Apache-2.0 */
/* The general notification of DM 1.2 and its push over connectionless WSP, bit for bit (notification-bootstrap.md 1
 * to 3). */
#include "syncml/notify.h"
#include "base/cursor.h"
#include "base/crypto.h"
#include "base/text.h"
#include "syncml/cred.h"
#include <stdio.h>
#include <string.h>

enum { HEAD_BYTES = 8, VERSION_LEAST = 10, VERSION_MOST = 12, VERSION_SENT = 11 };

/* MD5(ha1 ":" nonce ":" B64(MD5(notification))), raw octets. */
static void digest_of(struct str notification, struct str ha1, struct str nonce, uint8_t out[MD5_BYTES])
{
    uint8_t md5[MD5_BYTES];
    char tail[1 + SML_DIGEST_BYTES + 1] = ":";
    crypto_md5(&notification, 1, md5);
    text_b64(md5, sizeof md5, tail + 1);
    crypto_md5((const struct str[]){ ha1, STR(":"), nonce, { tail, 1 + SML_DIGEST_BYTES } }, 4, out);
}

static enum rc check(const struct sml_notify *n, struct err *e)
{
    if (n->session == 0) return err_set(e, RC_INVALID, "session id 0 is not allowed in a notification");
    if (n->server_id.n == 0 || n->server_id.n > 255)
        return err_set(e, RC_INVALID, "server id of %zu octets; it needs 1 to 255", n->server_id.n);
    if (n->version > 1023 || (unsigned)n->ui > 3)
        return err_set(e, RC_INVALID, "version %u or ui-mode %u does not fit its field", n->version, (unsigned)n->ui);
    if (n->vendor.n > SML_NOTIFY_MAX - MD5_BYTES - HEAD_BYTES - 255)
        return err_set(e, RC_INVALID, "vendor part of %zu octets is too long", n->vendor.n);
    return RC_OK;
}

enum rc sml_notify_encode(const struct sml_notify *n, struct str ha1, struct str nonce, struct arena *a,
                          struct str *out, struct err *e)
{
    enum rc rc = check(n, e);
    if (rc) return rc;
    size_t n_notification = HEAD_BYTES + n->server_id.n + n->vendor.n;
    char *p = arena_bytes(a, MD5_BYTES + n_notification), *t = p ? p + MD5_BYTES : NULL;
    if (!p) return err_set(e, RC_NOMEM, "no room for the notification");
    uint64_t head = (uint64_t)(n->version ? n->version : VERSION_SENT) << 54 | (uint64_t)n->ui << 52 |
                    (uint64_t)n->by_server << 51 | (uint64_t)n->session << 8 | n->server_id.n;
    for (int i = 0; i < HEAD_BYTES; i++) t[i] = (char)(uint8_t)(head >> (56 - 8 * i));
    memcpy(t + HEAD_BYTES, n->server_id.p, n->server_id.n);
    if (n->vendor.n) memcpy(t + HEAD_BYTES + n->server_id.n, n->vendor.p, n->vendor.n);
    uint8_t digest[MD5_BYTES];
    digest_of((struct str){ t, n_notification }, ha1, nonce, digest);
    memcpy(p, digest, MD5_BYTES);
    *out = (struct str){ p, MD5_BYTES + n_notification };
    return RC_OK;
}

enum rc sml_notify_decode(struct str in, struct sml_notify *out, struct err *e)
{
    struct cursor c = cursor_of(in);
    cursor_take(&c, MD5_BYTES);
    uint32_t high = cursor_u32be(&c), low = cursor_u32be(&c);
    struct sml_notify n = {
        .version = high >> 22,
        .ui = (enum sml_ui)(high >> 20 & 3),
        .by_server = high >> 19 & 1,
        .session = (uint16_t)(low >> 8),
        .server_id = cursor_take(&c, low & 0xFF),
    };
    n.vendor = cursor_take(&c, cursor_left(&c));
    if (c.failed) return err_set(e, RC_PARSE, "notification of %zu octets is too short for its server id", in.n);
    if (n.version < VERSION_LEAST || n.version > VERSION_MOST)
        return err_set(e, RC_UNSUPPORTED, "notification version %u.%u is not known", n.version / 10, n.version % 10);
    if (n.server_id.n == 0 || n.session == 0)
        return err_set(e, RC_PARSE, "notification without %s", n.session ? "server id" : "session id");
    *out = n;
    return RC_OK;
}

bool sml_notify_verify(struct str in, struct str ha1, struct str nonce)
{
    uint8_t digest[MD5_BYTES];
    if (in.n < MD5_BYTES + HEAD_BYTES) return false;
    digest_of(str_slice(in, MD5_BYTES, in.n), ha1, nonce, digest);
    return text_same_secret(str_slice(in, 0, MD5_BYTES), (struct str){ (const char *)digest, MD5_BYTES });
}

void sml_notify_session_text(uint16_t session, char out[5])
{
    snprintf(out, 5, "%X", (unsigned)session);
}

/* ---- WSP ---- */

enum {
    PDU_PUSH = 0x06,
    SHORT = 0x80, /* the top bit marks a short integer */
    LENGTH_MOST = 30,
    LENGTH_QUOTE = 31, /* the first octet of a value is its length, or this: a uintvar length follows */
    CT_NOTIFICATION = 0x44,
    HEADER_APPLICATION_ID = 0x2F,
    APPLICATION_SYNCML_DM = 0x07
};

enum rc sml_wsp_push_encode(uint8_t tid, struct str body, struct arena *a, struct str *out)
{
    const uint8_t head[SML_WSP_HEAD] = {
        tid, PDU_PUSH, 3, CT_NOTIFICATION | SHORT, HEADER_APPLICATION_ID | SHORT, APPLICATION_SYNCML_DM | SHORT
    };
    char *p = arena_bytes(a, sizeof head + body.n);
    if (!p) return RC_NOMEM;
    memcpy(p, head, sizeof head);
    if (body.n) memcpy(p + sizeof head, body.p, body.n);
    *out = (struct str){ p, sizeof head + body.n };
    return RC_OK;
}

/* A value in any of its forms (WSP, section 8.4.1.2): `number` for integers, `text` for texts; neither for longer
 * values. */
struct value {
    bool is_number;
    uint32_t number;
    struct str text;
};

static struct value wsp_value(struct cursor *c)
{
    struct value v = { 0 };
    uint8_t first = cursor_peek(c);
    if (first >= SHORT) {
        v.is_number = true;
        v.number = cursor_u8(c) & 0x7F;
    } else if (first > LENGTH_QUOTE) {
        v.text = cursor_strz(c);
    } else {
        uint32_t n = cursor_u8(c);
        struct str octets = cursor_take(c, n == LENGTH_QUOTE ? cursor_uintvar(c) : n);
        v.is_number = octets.n > 0 && octets.n <= 4; /* a long integer */
        for (size_t i = 0; i < octets.n && v.is_number; i++) v.number = v.number << 8 | (uint8_t)octets.p[i];
    }
    return v;
}

/* Content-Type: the media type alone, or a length, the media type and parameters. */
static struct value content_type(struct cursor *c)
{
    uint8_t first = cursor_peek(c);
    if (first > LENGTH_QUOTE) return wsp_value(c);
    uint32_t n = cursor_u8(c);
    struct cursor inner = cursor_of(cursor_take(c, n == LENGTH_QUOTE ? cursor_uintvar(c) : n));
    struct value v = wsp_value(&inner);
    c->failed |= inner.failed;
    return v;
}

static bool is_either(struct value v, uint32_t number, const char *text)
{
    return v.is_number ? v.number == number : str_eq_fold(v.text, str_of(text));
}

/* Does the push address DM? Reads the headers before the body. A push without an application id is accepted: the
 * content type is specific enough. */
static bool ours(struct cursor *c)
{
    bool yes = true;
    while (!c->failed && !cursor_done(c)) {
        struct value name = wsp_value(c), value = wsp_value(c);
        if (is_either(name, HEADER_APPLICATION_ID, "X-Wap-Application-Id"))
            yes = is_either(value, APPLICATION_SYNCML_DM, "x-wap-application:syncml.dm");
    }
    return yes;
}

enum rc sml_wsp_push_decode(struct str in, struct str *body, struct err *e)
{
    struct cursor c = cursor_of(in);
    cursor_u8(&c); /* TID */
    uint8_t pdu = cursor_u8(&c);
    if (!c.failed && pdu != PDU_PUSH) return err_set(e, RC_UNSUPPORTED, "WSP PDU 0x%02X is not a push", pdu);
    struct cursor head = cursor_of(cursor_take(&c, cursor_uintvar(&c)));
    struct value type = content_type(&head);
    if (c.failed || head.failed) return err_set(e, RC_PARSE, "WSP push of %zu octets ends inside its headers", in.n);
    if (!is_either(type, CT_NOTIFICATION, "application/vnd.syncml.notification"))
        return err_set(e, RC_UNSUPPORTED, "WSP push with another content type than a DM notification's");
    bool app = ours(&head);
    if (head.failed) return err_set(e, RC_PARSE, "malformed header in a WSP push");
    if (!app) return err_set(e, RC_UNSUPPORTED, "WSP push for another application than DM");
    *body = cursor_take(&c, cursor_left(&c));
    return RC_OK;
}
