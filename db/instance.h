/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_INSTANCE_H
#define DB_INSTANCE_H
/* Which database this is, and of which moment. */
#include "db/sql/beside.h"
#include "db/sql/sql.h"

struct db_instance {
    char id[SQL_ID_BYTES + 1];
    char moment[SQL_ID_BYTES + 1]; /* as the file beside it has it; "" = none yet */
    bool copy;                     /* made by db_instance_mark_copy, and not served since */
};

/** @param id  hex digits. @return RC_NOT_FOUND when it has none yet */
enum rc db_instance_id(struct sql *db, char id[SQL_ID_BYTES + 1], struct err *e);
enum rc db_instance_add(struct sql *db, const char *id, struct err *e);
enum rc db_instance_get(struct sql *db, struct db_instance *out, struct err *e);
/** From here on it is no copy. */
enum rc db_instance_set_moment(struct sql *db, const char *moment, struct err *e);
enum rc db_instance_mark_copy(struct sql *db, int64_t now_ms, struct err *e);
/** Each device is challenged at its next message: no nonce that was given before is good. @param devices  how many */
enum rc db_instance_forget_nonces(struct sql *db, int64_t *devices, struct err *e);
/** When something was last kept here: the newest event, session and audit row, and with `images` the newest image, too. 0 when
 *  there is nothing. */
enum rc db_instance_newest_ms(struct sql *db, bool images, int64_t *at_ms, struct err *e);
#endif
