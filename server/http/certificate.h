/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_CERTIFICATE_H
#define SERVER_HTTP_CERTIFICATE_H
/* Whose certificate is it, and does it count? */
#include "base/crypto.h"

enum { CERTIFICATE_NAME_BYTES = 255, CERTIFICATE_PROBLEM_BYTES = 160 };

struct certificate {
    char name[CERTIFICATE_NAME_BYTES + 1];
    size_t n_name;
    char problem[CERTIFICATE_PROBLEM_BYTES]; /* why it counts for nothing, after "its certificate"; "" = it counts */
    int64_t until_ms; /* its notAfter, when nothing but time can be wrong with it; 0 = not known */
};

/** What the peer has shown in this handshake. @return false when that was no certificate */
struct gnutls_session_int; /* of gnutls */
bool certificate_of_peer(struct gnutls_session_int *session, enum crypto_name kind, struct certificate *out);
#endif
