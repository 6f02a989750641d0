/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_INSTANCE_H
#define DB_INSTANCE_H
/* Which database this is. */
#include "db/sql/beside.h"
#include "db/sql/sql.h"

/** @param id  hex digits. @return RC_NOT_FOUND when it has none yet */
enum rc db_instance_id(struct sql *db, char id[SQL_ID_BYTES + 1], struct err *e);
enum rc db_instance_add(struct sql *db, const char *id, struct err *e);
/** When something was last kept here: the newest event, session and audit row, and with `images` the newest image, too. 0 when
 *  there is nothing. */
enum rc db_instance_newest_ms(struct sql *db, bool images, int64_t *at_ms, struct err *e);
#endif
