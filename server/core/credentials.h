/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_CORE_CREDENTIALS_H
#define SERVER_CORE_CREDENTIALS_H
/* How credentials rest in the database: the HA1 of each direction, sealed with the server's key and bound to the
 * device and direction, so that a row copied elsewhere opens nothing. */
#include "ddf/schema.h"
#include "syncml/msg.h"
#include "syncml/cred.h"
#include "base/crypto.h"

enum { SECRET_HA1_BYTES = SML_HA1_BYTES + SEAL_EXTRA_BYTES };

/** Read the 32 octets of `file`; when it does not exist, make them (mode 0600, synced). A file others may read is
 * refused. */
enum rc credentials_key_load(const char *file, uint8_t key[SEAL_KEY_BYTES], struct err *e);
/** @param direction "client" or "server" (columns account.client_ha1, account.server_ha1) */
enum rc credentials_seal_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             const char ha1[SML_HA1_BYTES + 1], uint8_t out[SECRET_HA1_BYTES], struct err *e);
/** Is the value of this node for the device alone? Its name says so, or a description: Secret="true", or a leaf that cannot
 * be read. @param own  the descriptions of this device, NULL = only the shipped ones */
bool credentials_node(const struct ddf_schema *shipped, const struct ddf_schema *own, struct str uri);
/** Is this value: its node is secret, or it is a serialised tree, and a node of that may be? What is in a tree of octets cannot
 * be seen here. */
bool credentials_item(const struct ddf_schema *shipped, const struct ddf_schema *own, const struct sml_item *i);
/** A question to the person at the device whose answer is typed without echo. @param data  options in its first line */
bool credentials_question(struct str data);
/** The value of an option of a question, without blanks around it; empty = not given (protocol.md 5.1). */
struct str credentials_option(struct str data, struct str key);
/** A text as the database keeps it: base64 of what is sealed, bound to its place: "operation/<correlator>/<which>".
 *  @param which  0 = its only value, then of command 1, 2, ...; -1 = its result */
enum rc credentials_seal_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str plain,
                              struct arena *a, struct str *out, struct err *e);
enum rc credentials_open_text(const uint8_t key[SEAL_KEY_BYTES], struct str correlator, int which, struct str sealed,
                              struct arena *a, struct str *out, struct err *e);

/** @return RC_DENIED when the key does not fit: e says what to do */
enum rc credentials_open_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                             struct str sealed, char ha1[SML_HA1_BYTES + 1], struct err *e);
#endif
