/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_int.h"

#include "base/text.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TLS 1.2 and 1.3, forward secrecy, authenticated encryption; P-256 first (architecture.md 6.7). */
static const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:-SHA1"
    ":-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1:%SERVER_PRECEDENCE";

enum { TICKET_LIFE_S = 4 * 3600 };

/* The tickets' key lives as long as the listener and in memory alone. GnuTLS derives from it a key for each period of time and
 * accepts the one before; a restart costs each device one full handshake. */
struct http_tls {
    char *cert, *key, *ca;
    gnutls_datum_t ticket_key;
};

/* Read a PEM file as a text; the caller wipes key material. */
static enum rc read_pem(const char *file, char **out, struct err *e)
{
    enum { PEM_BYTES = 1 << 20 };
    FILE *f = fopen(file, "re");
    char *p = f ? calloc(1, PEM_BYTES) : NULL;
    size_t n = p ? fread(p, 1, PEM_BYTES - 1, f) : 0;
    bool ok = p && !ferror(f) && n > 0 && strstr(p, "-----BEGIN ");
    int why = errno;

    if (f) fclose(f);
    if (ok) {
        *out = p;
        return RC_OK;
    }
    free(p);
    if (!f) return err_set(e, RC_IO, "cannot read %s: %s", file, strerror(why));
    return err_set(e, RC_INVALID, "%s is not a PEM file", file);
}

/* Check that certificate and key belong together: otherwise only the first handshake would show it. */
static enum rc check_pair(const char *cert_file, const char *key_file, struct err *e)
{
    gnutls_certificate_credentials_t cred = NULL;
    int rc = gnutls_certificate_allocate_credentials(&cred);
    if (rc == 0) rc = gnutls_certificate_set_x509_key_file(cred, cert_file, key_file, GNUTLS_X509_FMT_PEM);
    if (cred) gnutls_certificate_free_credentials(cred);
    return rc >= 0 ? RC_OK
                   : err_set(e, RC_INVALID, "certificate %s with key %s: %s", cert_file, key_file, gnutls_strerror(rc));
}

static enum rc check_dates(const char *file, gnutls_x509_crt_t crt, int64_t now_s, struct err *e)
{
    time_t from = gnutls_x509_crt_get_activation_time(crt), to = gnutls_x509_crt_get_expiration_time(crt);
    char when[25];
    if (now_s >= from && now_s <= to) return RC_OK;
    text_time_iso((int64_t)(now_s < from ? from : to) * 1000, when);
    return err_set(e, RC_INVALID, "certificate %s: %s %s", file, now_s < from ? "is not valid before" : "expired on",
                   when);
}

enum rc http_certificate_check(const char *cert_file, const char *key_file, int64_t now_s, struct err *e)
{
    gnutls_datum_t pem = { 0 };
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    enum rc rc = check_pair(cert_file, key_file, e);
    if (rc) return rc;
    int bad = gnutls_load_file(cert_file, &pem);
    if (!bad) bad = gnutls_x509_crt_list_import2(&list, &n, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (bad) rc = err_set(e, RC_INVALID, "certificate %s: %s", cert_file, gnutls_strerror(bad));
    for (unsigned i = 0; i < n; i++) {
        if (!rc) rc = check_dates(cert_file, list[i], now_s, e);
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    gnutls_free(pem.data);
    return rc;
}

enum rc http_tls_open(const struct http_config *c, struct http_tls **out, struct err *e)
{
    struct http_tls *t = calloc(1, sizeof *t);
    if (!t) return err_set(e, RC_NOMEM, "no memory for a listener");
    enum rc rc = check_pair(c->cert_file, c->key_file, e);
    if (!rc) rc = read_pem(c->cert_file, &t->cert, e);
    if (!rc) rc = read_pem(c->key_file, &t->key, e);
    if (!rc && c->client_ca_file) rc = read_pem(c->client_ca_file, &t->ca, e);
    int bad = rc ? 0 : gnutls_session_ticket_key_generate(&t->ticket_key);
    if (bad) rc = err_set(e, RC_IO, "no key for TLS session tickets: %s", gnutls_strerror(bad));
    if (rc) {
        http_tls_close(t);
        return rc;
    }
    *out = t;
    return RC_OK;
}

void http_tls_options(const struct http_tls *t, struct MHD_OptionItem out[HTTP_TLS_OPTIONS])
{
    union {
        const char *in;
        char *out;
    } priorities = { tls_priorities };
    size_t n = 0;
    out[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, t->cert };
    out[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, t->key };
    out[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, priorities.out };
    if (t->ca) out[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0, t->ca };
    out[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

void http_tls_close(struct http_tls *t)
{
    if (!t) return;
    for (volatile char *v = t->key; v && *v; v++) *v = '\0';
    if (t->ticket_key.data) gnutls_memset(t->ticket_key.data, 0, t->ticket_key.size);
    gnutls_free(t->ticket_key.data);
    free(t->cert);
    free(t->key);
    free(t->ca);
    free(t);
}

static gnutls_session_t session_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return i ? i->tls_session : NULL;
}

void http_tls_begin(const struct http_tls *t, struct MHD_Connection *mhd)
{
    gnutls_session_t s = session_of(mhd);
    if (!s) return;
    gnutls_db_set_cache_expiration(s, TICKET_LIFE_S);
    gnutls_session_ticket_enable_server(s, &t->ticket_key); /* a failure means full handshakes */
}

void http_tls_first_request(struct http_listener *l, struct http_conn *c)
{
    gnutls_session_t s = session_of(c->mhd);
    struct certificate seen;
    if (!s) return;
    if (l->config.handshake) l->config.handshake(l->ctx, gnutls_session_is_resumed(s));
    if (!l->config.client_ca_file || !certificate_of_peer(s, l->config.certificate_name, &seen)) return;
    c->certificate = malloc(sizeof seen);
    if (c->certificate) *c->certificate = seen;
}

const char *http_tls_alert(struct http_conn *c)
{
    gnutls_session_t s = session_of(c->mhd);
    const gnutls_alert_description_t alert = s ? gnutls_alert_get(s) : 0;
    return alert ? gnutls_alert_get_name(alert) : NULL;
}
