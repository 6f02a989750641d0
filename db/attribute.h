/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_ATTRIBUTE_H
#define DB_ATTRIBUTE_H
/* Attributes that selectors read: labels, reported device information, and nodes of the mirror. */
#include "db/sql/sql.h"

struct db_attribute {
    struct str name; /* "label.department", "devinfo.man", "hypervisor.arch" */
    struct str value;
};

/** All attributes of a device, by name: rows for db_attribute_next. */
enum rc db_attribute_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** The attributes that are not nodes of the mirror, by name: rows for db_attribute_next. */
enum rc db_attribute_list_own(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_attribute_next(struct sql_rows *rows, struct db_attribute *out, struct err *e);
enum rc db_attribute_set(struct sql *db, int64_t device, struct str name, struct str value, struct err *e);
enum rc db_attribute_delete(struct sql *db, int64_t device, struct str name, struct err *e);
/** Delete the reported device information (devinfo.*). */
enum rc db_attribute_delete_devinfo(struct sql *db, int64_t device, struct err *e);
#endif
