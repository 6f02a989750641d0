/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_ACCOUNT_H
#define AGENT_MO_ACCOUNT_H
/* An account at a management server: its address, and the credentials of both sides. */
#include "base/buf.h"
#include "base/rc.h"
#include "syncml/cred.h"

enum {
    ACCOUNT_ID_BYTES = 64,
    ACCOUNT_TEXT_BYTES = 256,
    ACCOUNT_URL_BYTES = 1024,
    ACCOUNTS_MAX = 8,
    ACCOUNT_POLL_S = 86400
};

struct account {
    char server_id[ACCOUNT_ID_BYTES], node[ACCOUNT_ID_BYTES], url[ACCOUNT_URL_BYTES], title[ACCOUNT_TEXT_BYTES];
    char client_name[ACCOUNT_TEXT_BYTES], client_ha1[SML_HA1_BYTES + 1], client_password[ACCOUNT_TEXT_BYTES];
    char server_name[ACCOUNT_TEXT_BYTES], server_ha1[SML_HA1_BYTES + 1];
    enum sml_auth auth;
    uint8_t client_nonce[SML_NONCE_MAX], server_nonce[SML_NONCE_MAX];
    size_t n_client_nonce, n_server_nonce;
    int64_t poll_s;
    int place;
};

/**
 * Parse the answer of the registration (REST POST /devices): the account itself, or an object that has it under
 * "account".
 * Only `text` holds the passwords; wipe it afterwards. @return RC_PARSE, RC_INVALID with the place
 */
enum rc account_parse(struct str json, const char *name, struct account *out, struct err *e);
enum rc account_load(const char *file, struct account *out, struct err *e);
static inline struct str account_client_nonce(const struct account *a)
{
    return (struct str){ (const char *)a->client_nonce, a->n_client_nonce };
}
static inline struct str account_server_nonce(const struct account *a)
{
    return (struct str){ (const char *)a->server_nonce, a->n_server_nonce };
}
/** @return false when it is too long */
bool account_set_nonce(struct str nonce, uint8_t out[SML_NONCE_MAX], size_t *n);
#endif
