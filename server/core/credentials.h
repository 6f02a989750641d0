/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_CREDENTIALS_H
#define SERVER_CORE_CREDENTIALS_H
/* Encryption of credentials in the database: the HA1 of each direction is sealed with the server's key and bound to the
 * device and direction, so that a copied row is useless elsewhere. */
#include "ddf/schema.h"
#include "syncml/msg.h"
#include "syncml/cred.h"
#include "base/crypto.h"

enum { SECRET_HA1_BYTES = SML_HA1_BYTES + SEAL_EXTRA_BYTES };

/** Read the 32 octets of `file`; if it does not exist, create it (mode 0600, synced). A file that others can read is
 * refused. */
enum rc credentials_key_load(const char *file, uint8_t key[SEAL_KEY_BYTES], struct err *e);
/** @param direction "client" or "server" (columns account.client_ha1, account.server_ha1) */
enum rc credentials_seal_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             const char ha1[SML_HA1_BYTES + 1], uint8_t out[SECRET_HA1_BYTES], struct err *e);
/** True when the value of this node is secret. Its name tells, or its description: Secret="true", or a leaf without Get
 * access. @param own  the descriptions of this device, NULL = only the shipped ones */
bool credentials_node(const struct ddf_schema *shipped, const struct ddf_schema *own, struct str uri);
/** True when this value is secret: its node is, or it is a serialised tree in which a node may be. A tree in WBXML or
 * base64 counts as secret, because it cannot be read here. */
bool credentials_item(const struct ddf_schema *shipped, const struct ddf_schema *own, const struct sml_item *i);
/** True for a user interaction alert whose answer is typed without echo. @param data  options in its first line */
bool credentials_question(struct str data);
/** The value of an option of a user interaction alert, trimmed; empty = not given (protocol.md 5.1). */
struct str credentials_option(struct str data, struct str key);
/** Seal a text for the database: base64 of the ciphertext, bound to its place "operation/<correlator>/<which>".
 * @param which  0 = its only value, then of command 1, 2, ...; -1 = its result */
enum rc credentials_seal_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str plain,
                              struct arena *a, struct str *out, struct err *e);
enum rc credentials_open_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str sealed,
                              struct arena *a, struct str *out, struct err *e);

/** @return RC_DENIED when the key is wrong: e says what to do */
enum rc credentials_open_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             struct str sealed, char ha1[SML_HA1_BYTES + 1], struct err *e);
#endif
