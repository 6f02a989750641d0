#ifndef SERVER_SECRETS_H
#define SERVER_SECRETS_H
/* How credentials rest in the database: the HA1 of each direction, sealed with the server's key and bound to the
 * device and direction, so that a row copied elsewhere opens nothing. */
#include "server/server.h"
#include "syncml/cred.h"
#include "base/crypto.h"

enum { SECRET_HA1_BYTES = SML_HA1_BYTES + SEAL_EXTRA_BYTES };

/** Read the 32 octets of `file`; when it does not exist, make them (mode 0600, synced). A file others may read is
 * refused. */
enum rc secret_key_load(const char *file, uint8_t key[SEAL_KEY_BYTES], struct err *e);
/** @param direction "client" or "server" (columns account.client_ha1, account.server_ha1) */
enum rc secret_seal_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction,
                        const char ha1[SML_HA1_BYTES + 1], uint8_t out[SECRET_HA1_BYTES], struct err *e);
/** @return RC_DENIED when the key does not fit: e says what to do */
enum rc secret_open_ha1(const uint8_t key[SEAL_KEY_BYTES], struct str device, const char *direction, struct str sealed,
                        char ha1[SML_HA1_BYTES + 1], struct err *e);
#endif
