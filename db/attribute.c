/* SPDX-License-Identifier: Apache-2.0 */
#include "db/attribute.h"
#include "db/statements.h"

#define ATTRIBUTE_STATEMENTS(X)                                                                                        \
    X(LIST, "SELECT name, value FROM attribute WHERE device_id = :device ORDER BY name")                               \
    X(LIST_OWN, "SELECT name, value FROM attribute_row WHERE device_id = :device ORDER BY name")                       \
    X(SET, "INSERT INTO attribute_row (device_id, name, value) VALUES (:device, :name, :value)"                        \
           " ON CONFLICT (device_id, name) DO UPDATE SET value = excluded.value")                                      \
    X(DELETE, "DELETE FROM attribute_row WHERE device_id = :device AND name = :name")                                  \
    X(DELETE_DEVINFO, "DELETE FROM attribute_row WHERE device_id = :device AND name LIKE 'devinfo.%'")
DB_STATEMENTS(attribute, ATTRIBUTE_STATEMENTS)

enum rc db_attribute_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST, SQL_ARGS({ "device", SQL_I(device) }), rows, e);
}

enum rc db_attribute_list_own(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, LIST_OWN, SQL_ARGS({ "device", SQL_I(device) }), rows, e);
}

enum rc db_attribute_next(struct sql_rows *rows, struct db_attribute *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_attribute){ .name = sql_text(rows, 0), .value = sql_text(rows, 1) };
    return rc;
}

enum rc db_attribute_set(struct sql *db, int64_t device, struct str name, struct str value, struct err *e)
{
    return sql_execute(db, SET,
                       SQL_ARGS({ "device", SQL_I(device) }, { "name", SQL_T(name) }, { "value", SQL_T(value) }), NULL,
                       e);
}

enum rc db_attribute_delete(struct sql *db, int64_t device, struct str name, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "device", SQL_I(device) }, { "name", SQL_T(name) }), NULL, e);
}

enum rc db_attribute_delete_devinfo(struct sql *db, int64_t device, struct err *e)
{
    return sql_execute(db, DELETE_DEVINFO, SQL_ARGS({ "device", SQL_I(device) }), NULL, e);
}
