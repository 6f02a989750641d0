/* SPDX-License-Identifier: Apache-2.0 */
/* Creates, sends and checks a notification (package 0). */
#include "base/text.h"
#include "cli/dmtool/dmtool.h"
#include "syncml/cred.h"
#include "syncml/notify.h"
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct notifying {
    struct sml_notify n;
    const char *server_id, *password, *password_file, *ha1, *nonce, *session, *vendor, *to, *send, *check;
    bool resync, wsp, hex;
};

static const struct str resync_nonce = { "\0\0\0\0", 4 };

static enum rc load_password(const char *file, struct arena *a, struct str *out, struct err *e)
{
    struct str text;
    enum rc rc = dmtool_read(file, a, &text, e);
    if (rc) return rc;
    *out = str_slice(text, 0, str_find(text, '\n', 0));
    return out->n ? RC_OK : err_at(e, RC_INVALID, file, 0, 0, "the first line, which should be the password, is empty");
}

static enum rc find_ha1(const struct notifying *x, struct str server_id, char out[SML_HA1_BYTES + 1], struct arena *a,
                        struct err *e)
{
    struct str password = str_of(x->password);
    if (x->ha1) {
        if (strlen(x->ha1) != SML_HA1_BYTES)
            return err_set(e, RC_INVALID, "--ha1 is %d characters of base64", SML_HA1_BYTES);
        memcpy(out, x->ha1, SML_HA1_BYTES + 1);
        return RC_OK;
    }
    enum rc rc = x->password_file ? load_password(x->password_file, a, &password, e) : RC_OK;
    if (!rc) sml_ha1(server_id, password, out);
    return rc;
}

static enum rc find_nonce(const struct notifying *x, struct arena *a, struct str *out, struct err *e)
{
    if (x->resync) {
        *out = resync_nonce;
        return RC_OK;
    }
    if (text_b64_decode(str_of(x->nonce), a, out) != RC_OK) return err_set(e, RC_PARSE, "--nonce is not base64");
    return RC_OK;
}

static enum rc find_vendor(const char *hex, struct arena *a, struct str *out, struct err *e)
{
    size_t n = hex ? strlen(hex) / 2 : 0;
    uint8_t *p = arena_alloc(a, n);
    if (!p) return err_set(e, RC_NOMEM, "no memory for the vendor part");
    if (hex && !text_hex_decode(str_of(hex), p, n)) return err_set(e, RC_PARSE, "--vendor is not hex");
    *out = (struct str){ (const char *)p, n };
    return RC_OK;
}

static enum rc find_session(const char *hex, uint16_t *out, struct err *e)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(hex, &end, 16);
    if (errno || *end || end == hex || n < 1 || n > 0xFFFF || strchr(hex, '-') || strchr(hex, '+'))
        return err_set(e, RC_INVALID, "--session is hex from 1 to FFFF, not \"%s\"", hex);
    *out = (uint16_t)n;
    return RC_OK;
}

/* ---- sending ---- */

/* "host", "host:port", "[v6]:port" */
static void cut_address(const char *text, struct arena *a, char **host, char **port)
{
    struct str s = str_of(text), h = s, p = STR("2948");
    size_t close = str_find(s, ']', 0), colon = str_find(s, ':', close < s.n ? close : 0);
    if (s.n && s.p[0] == '[' && close < s.n) {
        h = str_slice(s, 1, close);
        p = colon < s.n ? str_slice(s, colon + 1, s.n) : p;
    } else if (colon < s.n && str_find(s, ':', colon + 1) == s.n) {
        h = str_slice(s, 0, colon);
        p = str_slice(s, colon + 1, s.n);
    }
    *host = arena_strz(a, h);
    *port = arena_strz(a, p);
}

static enum rc send_datagram(const char *address, struct str pdu, struct arena *a, struct err *e)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM }, *found = NULL;
    char *host, *port;
    cut_address(address, a, &host, &port);
    if (!host || !port) return err_set(e, RC_NOMEM, "no memory for an address");
    int why = getaddrinfo(host, port, &hints, &found);
    if (why) return err_at(e, RC_NOT_FOUND, address, 0, 0, "%s", gai_strerror(why));
    bool sent = false;
    for (struct addrinfo *i = found; i && !sent; i = i->ai_next) {
        int fd = socket(i->ai_family, i->ai_socktype, i->ai_protocol);
        sent = fd >= 0 && sendto(fd, pdu.p, pdu.n, 0, i->ai_addr, i->ai_addrlen) == (ssize_t)pdu.n;
        why = errno;
        if (fd >= 0) close(fd);
    }
    freeaddrinfo(found);
    if (!sent) return err_at(e, RC_IO, address, 0, 0, "cannot send: %s", strerror(why));
    printf("%zu octets sent to %s port %s\n", pdu.n, host, port);
    return RC_OK;
}

/* ---- creating ---- */

static enum rc make(struct notifying *x, struct arena *a, struct str *out, struct err *e)
{
    char ha1[SML_HA1_BYTES + 1];
    struct str nonce;
    x->n.server_id = str_of(x->server_id);
    enum rc rc = find_session(x->session, &x->n.session, e);
    if (!rc) rc = find_ha1(x, x->n.server_id, ha1, a, e);
    if (!rc) rc = find_nonce(x, a, &nonce, e);
    if (!rc) rc = find_vendor(x->vendor, a, &x->n.vendor, e);
    if (!rc) rc = sml_notify_encode(&x->n, str_of(ha1), nonce, a, out, e);
    if (!rc && (x->wsp || x->send)) rc = sml_wsp_push_encode(1, *out, a, out);
    return rc;
}

static enum rc deliver(const struct notifying *x, struct str octets, struct arena *a, struct err *e)
{
    if (x->send) return send_datagram(x->send, octets, a, e);
    struct buf hex;
    buf_init(&hex, 0);
    if (x->hex) dmtool_put_hex(octets, &hex);
    enum rc rc = dmtool_write(x->to, x->hex ? buf_str(&hex) : octets, x->hex, e);
    buf_finish(&hex);
    return rc;
}

/* ---- checking ---- */

/* The nonce that signed it: the given one, or one of those that clients use for resynchronisation (protocol.md 7.5). */
static const char *signed_with(struct str notification, struct str ha1, struct str nonce)
{
    if (nonce.n && sml_notify_verify(notification, ha1, nonce)) return "valid, with the given nonce";
    if (sml_notify_verify(notification, ha1, resync_nonce))
        return "valid, with the resynchronisation nonce (four zero octets)";
    if (sml_notify_verify(notification, ha1, STR("0x00000000")))
        return "valid, with the resynchronisation nonce as the text 0x00000000";
    return NULL;
}

static enum rc check(const struct notifying *x, struct arena *a, struct err *e)
{
    struct str in, bytes = { 0 }, notification, nonce = { 0 };
    struct sml_notify n;
    enum dmtool_kind kind = DMTOOL_UNKNOWN;
    const char *wrapped;
    char ha1[SML_HA1_BYTES + 1], session[5];
    enum rc rc = dmtool_read(x->check, a, &in, e);
    if (!rc) rc = dmtool_guess(in, DMTOOL_UNKNOWN, a, &bytes, &kind, &wrapped, e);
    notification = bytes;
    if (!rc && kind == DMTOOL_WSP) rc = sml_wsp_push_decode(bytes, &notification, e);
    if (!rc) rc = sml_notify_decode(notification, &n, e);
    if (!rc) rc = find_ha1(x, x->server_id ? str_of(x->server_id) : n.server_id, ha1, a, e);
    if (!rc && (x->nonce || x->resync)) rc = find_nonce(x, a, &nonce, e);
    if (rc) return rc;
    sml_notify_session_text(n.session, session);
    const char *right = signed_with(notification, str_of(ha1), nonce);
    printf("server %.*s, session %s\ndigest %s\n", STR_ARG(n.server_id), session, right ? right : "WRONG");
    return right ? RC_OK
                 : err_set(e, RC_DENIED,
                           "the digest matches neither this password and nonce nor the resynchronisation nonce");
}

/* ---- the command ---- */

static bool take_ui(const char *text, enum sml_ui *out)
{
    static const char *const names[] = { "any", "background", "inform", "ask" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum sml_ui)i;
            return true;
        }
    return false;
}

/* The missing or conflicting option; NULL when there is none. */
static const char *complaint(const struct notifying *x)
{
    int passwords = (x->password != NULL) + (x->password_file != NULL) + (x->ha1 != NULL);
    if (passwords != 1) return "one of --password, --password-file, --ha1 is needed";
    if (x->nonce && x->resync) return "--nonce or --resync, not both";
    if (x->check) return NULL;
    if (!x->server_id || !x->session) return "--server-id and --session are needed";
    if (!x->nonce && !x->resync) return "--nonce is needed, or --resync";
    return NULL;
}

static const struct option options[] = { { "server-id", required_argument, NULL, 'i' },
                                         { "password", required_argument, NULL, 'p' },
                                         { "password-file", required_argument, NULL, 'P' },
                                         { "ha1", required_argument, NULL, '1' },
                                         { "nonce", required_argument, NULL, 'n' },
                                         { "resync", no_argument, NULL, 'r' },
                                         { "session", required_argument, NULL, 's' },
                                         { "ui", required_argument, NULL, 'u' },
                                         { "by-user", no_argument, NULL, 'b' },
                                         { "vendor", required_argument, NULL, 'v' },
                                         { "wsp", no_argument, NULL, 'w' },
                                         { "hex", no_argument, NULL, 'x' },
                                         { "output", required_argument, NULL, 'o' },
                                         { "send", required_argument, NULL, 'S' },
                                         { "check", required_argument, NULL, 'c' },
                                         { "help", no_argument, NULL, 'h' },
                                         { 0 } };

/* @return 0, or 'h' for help, or '?' after an error that was reported */
static int parse(int argc, char **argv, struct notifying *x)
{
    for (int c; (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        switch (c) {
        case 'i': x->server_id = optarg; break;
        case 'p': x->password = optarg; break;
        case 'P': x->password_file = optarg; break;
        case '1': x->ha1 = optarg; break;
        case 'n': x->nonce = optarg; break;
        case 'r': x->resync = true; break;
        case 's': x->session = optarg; break;
        case 'b': x->n.by_server = false; break;
        case 'v': x->vendor = optarg; break;
        case 'w': x->wsp = true; break;
        case 'x': x->hex = true; break;
        case 'o': x->to = optarg; break;
        case 'S': x->send = optarg; break;
        case 'c': x->check = optarg; break;
        case 'h': return 'h';
        case 'u':
            if (take_ui(optarg, &x->n.ui)) break;
            fprintf(stderr, "dmtool notify: --ui is any, background, inform or ask\n");
            return '?';
        default: return '?';
        }
    }
    return optind == argc ? 0 : '?';
}

int dmtool_notify(int argc, char **argv)
{
    struct notifying x = { .n = { .version = 11, .ui = SML_UI_BACKGROUND, .by_server = true } };
    struct arena a;
    struct err e = { 0 };
    struct str octets;
    int c = parse(argc, argv, &x);
    if (c == 'h') return dmtool_help("notify");
    if (c || complaint(&x)) return dmtool_usage("notify", c ? NULL : complaint(&x));
    arena_init(&a, 8 * DMTOOL_FILE_BYTES);
    enum rc rc;
    if (x.check) {
        rc = check(&x, &a, &e);
    } else {
        rc = make(&x, &a, &octets, &e);
        if (!rc) rc = deliver(&x, octets, &a, &e);
    }
    int code = rc ? dmtool_fail(x.check, &e) : DMTOOL_OK;
    arena_finish(&a);
    return code;
}
