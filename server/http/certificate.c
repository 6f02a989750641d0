/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/certificate.h"
#include "base/text.h"
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_day(char *out, size_t n, const char *what, time_t at)
{
    struct tm tm;
    char day[32];
    gmtime_r(&at, &tm);
    strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S UTC", &tm);
    snprintf(out, n, "%s %s", what, day);
}

/* Find the reason to reject the certificate. Time is checked last: `until_ms` is only of use when nothing else is
 * wrong. */
static void judge(struct certificate *c, gnutls_x509_crt_t crt, unsigned status)
{
    const unsigned times = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
    const time_t from = gnutls_x509_crt_get_activation_time(crt), until = gnutls_x509_crt_get_expiration_time(crt);
    const time_t now = time(NULL);
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
        snprintf(c->problem, sizeof c->problem, "is not for TLS clients (see its extended key usage)");
        return;
    }
    if (status & ~times || status == GNUTLS_CERT_INVALID) {
        snprintf(c->problem, sizeof c->problem, "is not signed by the CA in dm.clientCa, or its signature is wrong");
        return;
    }
    c->until_ms = (int64_t)until * 1000;
    if (until < now)
        put_day(c->problem, sizeof c->problem, "expired on", until);
    else if (from > now)
        put_day(c->problem, sizeof c->problem, "is not valid before", from);
    else if (status)
        snprintf(c->problem, sizeof c->problem, "depends on an issuer certificate that is not valid now");
}

bool certificate_of_peer(gnutls_session_t session, enum crypto_name kind, struct certificate *out)
{
    char client[] = GNUTLS_KP_TLS_WWW_CLIENT; /* a certificate without extended key usage is valid for all uses */
    gnutls_x509_crt_t crt = NULL;
    unsigned status = 0, n = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
    if (!list || n == 0) return false;
    *out = (struct certificate){ 0 };
    gnutls_typed_vdata_st purpose = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)client, 0 };
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0) status = GNUTLS_CERT_INVALID;
    if (gnutls_x509_crt_init(&crt) != 0) return false;
    if (gnutls_x509_crt_import(crt, &list[0], GNUTLS_X509_FMT_DER) == 0)
        judge(out, crt, status);
    else
        snprintf(out->problem, sizeof out->problem, "cannot be read");
    gnutls_x509_crt_deinit(crt);
    const struct str der = { (const char *)list[0].data, list[0].size };
    if (!crypto_certificate_name(der, kind, out->name, sizeof out->name, &out->n_name)) {
        out->n_name = 0;
        if (!out->problem[0])
            snprintf(out->problem, sizeof out->problem,
                     "does not have exactly one name of the kind set in dm.certificateName");
    }
    return true;
}
