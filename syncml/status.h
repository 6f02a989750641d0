/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_STATUS_H
#define SYNCML_STATUS_H
/* SyncML status codes (protocol.md 6, OMA-TS-SyncML-RepPro-V1_2_2 10). */
#include "base/rc.h"
#include <stdbool.h>

/** "Command not allowed" for 405; for an unknown code the text of its class. Never NULL. */
const char *sml_status_text(int code);
/** Success from the view of the command's sender: 2xx without 213..216, and 1200..1299 of the managed objects. */
bool sml_status_ok(int code);
/** May the same command succeed later without any other change (408, 417, 420, 500, 503, 506, 510)? */
bool sml_status_retry(int code);
/** The status for an rc: RC_OK 200, RC_PARSE 400, RC_NOT_FOUND 404, RC_LIMIT 414, RC_DENIED 425, ... */
int sml_status_of_rc(enum rc rc);
#endif
