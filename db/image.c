/* SPDX-License-Identifier: Apache-2.0 */
#include "db/image.h"
#include "db/statements.h"

#define IMAGE                                                                                                          \
    "SELECT i.image_id, i.authority_id, au.name, i.name, i.version, i.guest_type, i.arch, i.format, i.sha256,"         \
    " i.size_bytes, i.node_name, i.secret, i.created_ms, i.created_by"                                                 \
    " FROM image i JOIN authority au ON au.authority_id = i.authority_id"
#define IMAGE_STATEMENTS(X)                                                                                            \
    X(LIST, IMAGE " WHERE i.image_id > :cursor AND " DB_OF_AUTHORITY("i.authority_id") " ORDER BY i.image_id"          \
                                                                                       " LIMIT :limit")                \
    X(FIND, IMAGE " WHERE " DB_OF_AUTHORITY("i.authority_id") " AND i.name = :name AND i.version = :version"           \
                                                              " ORDER BY i.image_id LIMIT 2")                          \
    X(OF_NODE, IMAGE " WHERE i.node_name = :node AND i.authority_id = :authority ORDER BY i.image_id DESC LIMIT 1")    \
    X(COUNT_FILE, "SELECT count(*) FROM image WHERE sha256 = :sha256")                                                 \
    X(COUNT_USERS, "SELECT count(*) FROM vm JOIN device d ON d.device_id = vm.device_id"                               \
                   " WHERE vm.image = :node AND d.authority_id = :authority")                                          \
    X(ADD, "INSERT INTO image (authority_id, name, version, guest_type, arch, format, sha256, size_bytes, node_name,"  \
           " secret, created_ms, created_by) VALUES (:authority, :name, :version, :guest_type, :arch, :format,"        \
           " :sha256, :size_bytes, :node_name, :secret, :created_ms, :created_by)")                                    \
    X(DELETE, "DELETE FROM image WHERE image_id = :id")
DB_STATEMENTS(image, IMAGE_STATEMENTS)

enum rc db_image_next(struct sql_rows *rows, struct db_image *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_image){ .id = sql_int(rows, 0),
                              .authority = sql_int(rows, 1),
                              .authority_name = sql_text(rows, 2),
                              .name = sql_text(rows, 3),
                              .version = sql_text(rows, 4),
                              .guest_type = sql_text(rows, 5),
                              .arch = sql_text(rows, 6),
                              .format = sql_text(rows, 7),
                              .sha256 = sql_text(rows, 8),
                              .size_bytes = sql_int(rows, 9),
                              .node_name = sql_text(rows, 10),
                              .secret = sql_text(rows, 11),
                              .created_ms = sql_int(rows, 12),
                              .created_by = sql_text(rows, 13) };
    return RC_OK;
}

static enum rc first(struct sql_rows *r, struct arena *a, struct db_image *out, struct err *e)
{
    enum rc rc = db_image_next(r, out, e);
    return rc ? rc
              : DB_KEEP(a, e, &out->authority_name, &out->name, &out->version, &out->guest_type, &out->arch,
                        &out->format, &out->sha256, &out->node_name, &out->secret, &out->created_by);
}

enum rc db_image_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                      struct err *e)
{
    return sql_query(
        db, LIST, SQL_ARGS({ "cursor", SQL_I(cursor) }, { "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }),
        rows, e);
}

enum rc db_image_find(struct sql *db, int64_t authority, struct str name, struct str version, struct arena *a,
                      struct db_image *out, bool *several, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(
        db, FIND, SQL_ARGS({ "authority", SQL_I(authority) }, { "name", SQL_T(name) }, { "version", SQL_T(version) }),
        &r, e);
    if (!rc) rc = first(r, a, out, e);
    if (!rc) rc = db_more(r, several, e);
    sql_end(r);
    return rc;
}

enum rc db_image_of_node(struct sql *db, int64_t authority, struct str node_name, struct arena *a, struct db_image *out,
                         struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, OF_NODE, SQL_ARGS({ "node", SQL_T(node_name) }, { "authority", SQL_I(authority) }), &r,
                           e);
    if (!rc) rc = first(r, a, out, e);
    sql_end(r);
    return rc;
}

enum rc db_image_count_file(struct sql *db, struct str sha256, int64_t *out, struct err *e)
{
    return db_number(db, COUNT_FILE, SQL_ARGS({ "sha256", SQL_T(sha256) }), out, e);
}

enum rc db_image_count_users(struct sql *db, int64_t authority, struct str node_name, int64_t *out, struct err *e)
{
    return db_number(db, COUNT_USERS, SQL_ARGS({ "node", SQL_T(node_name) }, { "authority", SQL_I(authority) }), out,
                     e);
}

enum rc db_image_add(struct sql *db, const struct db_image *v, struct err *e)
{
    return sql_execute(db, ADD,
                       SQL_ARGS({ "authority", SQL_I(v->authority) }, { "name", SQL_T(v->name) },
                                { "version", SQL_T(v->version) }, { "guest_type", SQL_T(v->guest_type) },
                                { "arch", SQL_T(v->arch) }, { "format", SQL_T(v->format) },
                                { "sha256", SQL_T(v->sha256) }, { "size_bytes", SQL_I(v->size_bytes) },
                                { "node_name", SQL_T(v->node_name) }, { "secret", SQL_T(v->secret) },
                                { "created_ms", SQL_I(v->created_ms) }, { "created_by", SQL_T(v->created_by) }),
                       NULL, e);
}

enum rc db_image_delete(struct sql *db, int64_t id, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "id", SQL_I(id) }), NULL, e);
}
