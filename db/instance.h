/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_INSTANCE_H
#define DB_INSTANCE_H
/* The identity of the database, and the moment of its last start or copy. */
#include "db/sql/beside.h"
#include "db/sql/sql.h"

struct db_instance {
    char id[SQL_ID_BYTES + 1];
    char moment[SQL_ID_BYTES + 1]; /* as in the file beside the database; "" = none yet */
    bool copy;                     /* set by db_instance_mark_copy until a server uses the copy */
};

/** @param id  hex digits. @return RC_NOT_FOUND when the database has no id yet */
enum rc db_instance_id(struct sql *db, char id[SQL_ID_BYTES + 1], struct err *e);
enum rc db_instance_add(struct sql *db, const char *id, struct err *e);
enum rc db_instance_get(struct sql *db, struct db_instance *out, struct err *e);
/** Store the moment and clear the mark of a copy. */
enum rc db_instance_set_moment(struct sql *db, const char *moment, struct err *e);
enum rc db_instance_mark_copy(struct sql *db, int64_t now_ms, struct err *e);
/** Invalidate every nonce, so that each device is challenged at its next message. @param devices  how many */
enum rc db_instance_forget_nonces(struct sql *db, int64_t *devices, struct err *e);
/** The time of the newest event, session or audit row, and with `images` also of the newest image. 0 when there is
 * none. */
enum rc db_instance_newest_ms(struct sql *db, bool images, int64_t *at_ms, struct err *e);
#endif
