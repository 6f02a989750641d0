/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_HTTP_CERTIFICATE_H
#define SERVER_HTTP_CERTIFICATE_H
/* The client certificate of a peer: the device's name in it, and whether it is valid. */
#include "base/crypto.h"

enum { CERTIFICATE_NAME_BYTES = 255, CERTIFICATE_PROBLEM_BYTES = 160 };

struct certificate {
    char name[CERTIFICATE_NAME_BYTES + 1];
    size_t n_name;
    /* why it is not valid, a phrase after "its certificate"; "" = it is valid */
    char problem[CERTIFICATE_PROBLEM_BYTES];
    int64_t until_ms; /* its notAfter, if everything except time is valid; 0 = unknown */
};

/** Read the peer's certificate of this handshake. @return false when the peer sent none */
struct gnutls_session_int; /* of gnutls */
bool certificate_of_peer(struct gnutls_session_int *session, enum crypto_name kind, struct certificate *out);
#endif
