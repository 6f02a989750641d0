/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_CRED_H
#define SYNCML_CRED_H
/* Credentials and digests (protocol.md 7, OMA-TS-DM_Security-V1_2_1 5). Nothing here is ever logged. */
#include "base/arena.h"
#include "base/rc.h"

enum sml_auth { SML_AUTH_NONE, SML_AUTH_BASIC, SML_AUTH_MD5, SML_AUTH_MAC, SML_AUTH_UNKNOWN };
enum { SML_HA1_BYTES = 24, SML_DIGEST_BYTES = 24, SML_NONCE_MIN = 16, SML_NONCE_MAX = 64 };

/** B64(MD5(user ":" password)): password-equivalent, kept encrypted. */
void sml_ha1(struct str user, struct str password, char out[SML_HA1_BYTES + 1]);
/** B64(MD5(ha1 ":" nonce)): syncml:auth-md5 Data. nonce = decoded octets. */
void sml_md5_digest(struct str ha1, struct str nonce, char out[SML_DIGEST_BYTES + 1]);
/** B64(MD5(ha1 ":" nonce ":" B64(MD5(body)))): the mac of x-syncml-hmac. */
void sml_mac(struct str ha1, struct str nonce, struct str body, char out[SML_DIGEST_BYTES + 1]);
/** The same in two steps, for several nonces with one body: first B64(MD5(body)), then the mac. */
void sml_mac_body(struct str body, char out[SML_DIGEST_BYTES + 1]);
void sml_mac_of(struct str ha1, struct str nonce, const char body[SML_DIGEST_BYTES + 1],
                char out[SML_DIGEST_BYTES + 1]);
/** "syncml:auth-md5", any case, blanks around -> SML_AUTH_MD5; empty -> SML_AUTH_NONE. */
enum sml_auth sml_auth_of_name(struct str name);
const char *sml_auth_name(enum sml_auth a);
/** basic Data -> user and password in the arena. @return RC_PARSE */
enum rc sml_basic_decode(struct str data, struct arena *a, struct str *user, struct str *password);
/** Is basic Data that of this user, whose HA1 is given? The user's name may contain colons, as device ids do. */
bool sml_basic_is(struct str data, struct str user, struct str ha1, struct arena *a);

struct sml_hmac {
    bool present;
    struct str username, mac;
};
/** Parse an x-syncml-hmac header value (algorithm optional, only MD5). @return RC_PARSE, RC_UNSUPPORTED */
enum rc sml_hmac_parse(struct str header, struct arena *a, struct sml_hmac *out, struct err *e);
struct str sml_hmac_format(struct str username, struct str mac, struct arena *a);
#endif
