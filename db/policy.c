/* SPDX-License-Identifier: Apache-2.0 */
#include "db/policy.h"
#include "db/statements.h"

#define POLICY_WITH(document)                                                                                          \
    "SELECT p.policy_id, p.authority_id, au.name, p.name, p.revision, p.created_ms, p.deleted_ms, r.created_ms,"       \
    " r.created_by, " document ", r.hash FROM policy p JOIN authority au ON au.authority_id = p.authority_id"          \
    " JOIN policy_revision r ON r.policy_id = p.policy_id AND r.revision = p.revision"
#define POLICY      POLICY_WITH("r.document")
#define REVISION_OF "SELECT policy_id, revision, hash, created_ms, created_by"
#define ITS_DEVICES                                                                                                    \
    " FROM assignment s JOIN policy p ON p.policy_id = s.policy_id JOIN (" CONDITION_TABLES                            \
    ") ON d.device_id = s.device_id WHERE s.policy_id = :id"
/* A document contains a text when it is shorter without that text: instr() has a different name in each engine. */
#define POLICY_STATEMENTS(X)                                                                                           \
    X(LIST, POLICY " WHERE p.policy_id > :cursor AND p.deleted_ms IS NULL AND " DB_OF_AUTHORITY(                       \
                "p.authority_id") " ORDER BY p.policy_id LIMIT :limit")                                                \
    X(IN_FORCE, POLICY_WITH("''") " WHERE p.authority_id = :authority AND p.deleted_ms IS NULL ORDER BY p.policy_id")  \
    X(NAMING, POLICY " WHERE p.authority_id = :authority AND p.deleted_ms IS NULL"                                     \
                     " AND length(replace(r.document, :text, '')) < length(r.document)"                                \
                     " ORDER BY p.policy_id LIMIT :limit")                                                             \
    X(FIND, POLICY " WHERE p.authority_id IN (SELECT authority_id FROM authority WHERE " DB_OF_AUTHORITY(              \
                "authority_id") ") AND p.name = :name LIMIT 2")                                                        \
    X(BY_ID, POLICY " WHERE p.policy_id = :id")                                                                        \
    X(COUNT, "SELECT count(*) FROM policy WHERE authority_id = :authority AND deleted_ms IS NULL")                     \
    X(ADD, "INSERT INTO policy (authority_id, name, revision, created_ms) VALUES (:authority, :name, 1, :now_ms)"      \
           " RETURNING policy_id")                                                                                     \
    X(REVISE, "UPDATE policy SET revision = :revision, deleted_ms = NULL WHERE policy_id = :id")                       \
    X(DELETE, "UPDATE policy SET deleted_ms = :now_ms WHERE policy_id = :id")                                          \
    X(ADD_REVISION, "INSERT INTO policy_revision (policy_id, revision, document, hash, created_ms, created_by)"        \
                    " VALUES (:policy, :revision, :document, :hash, :created_ms, :created_by)")                        \
    X(LAST_REVISION, "SELECT coalesce(max(revision), 0) FROM policy_revision WHERE policy_id = :policy")               \
    X(REVISIONS, REVISION_OF ", '' FROM policy_revision WHERE policy_id = :policy AND revision < :cursor"              \
                             " ORDER BY revision DESC LIMIT :limit")                                                   \
    X(REVISION, REVISION_OF ", document FROM policy_revision WHERE policy_id = :policy AND revision = :revision")      \
    X(STATES, "SELECT " CONDITION_POLICY_WORD " AS word, count(*)" ITS_DEVICES " AND s.truth = 1 GROUP BY word")       \
    X(DEVICES, "SELECT d.device_id, d.name, s.revision, s.truth, " CONDITION_POLICY_WORD ", " CONDITION_POLICY_WHY     \
               ", s.at_ms" ITS_DEVICES " AND s.device_id > :cursor"                                                    \
               " AND (:state = '' OR " CONDITION_POLICY_WORD " = :state) ORDER BY s.device_id LIMIT :limit")
DB_STATEMENTS(policy, POLICY_STATEMENTS)

/* ---- policies ---- */

enum rc db_policy_next(struct sql_rows *rows, struct db_policy *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_policy){ .id = sql_int(rows, 0),
                               .authority = sql_int(rows, 1),
                               .authority_name = sql_text(rows, 2),
                               .name = sql_text(rows, 3),
                               .revision = sql_int(rows, 4),
                               .created_ms = sql_int(rows, 5),
                               .deleted_ms = sql_int(rows, 6),
                               .revised_ms = sql_int(rows, 7),
                               .revised_by = sql_text(rows, 8),
                               .document = sql_text(rows, 9),
                               .hash = sql_text(rows, 10) };
    return RC_OK;
}

enum rc db_policy_keep(struct db_policy *v, struct arena *a, struct err *e)
{
    return DB_KEEP(a, e, &v->authority_name, &v->name, &v->revised_by, &v->document, &v->hash);
}

static enum rc first(struct sql_rows *r, struct arena *a, struct db_policy *out, struct err *e)
{
    enum rc rc = db_policy_next(r, out, e);
    return rc ? rc : db_policy_keep(out, a, e);
}

enum rc db_policy_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                       struct err *e)
{
    return sql_query(
        db, LIST, SQL_ARGS({ "cursor", SQL_I(cursor) }, { "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }),
        rows, e);
}

enum rc db_policy_in_force(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, IN_FORCE, SQL_ARGS({ "authority", SQL_I(authority) }), rows, e);
}

enum rc db_policy_naming(struct sql *db, int64_t authority, struct str text, int64_t limit, struct sql_rows **rows,
                         struct err *e)
{
    return sql_query(db, NAMING,
                     SQL_ARGS({ "authority", SQL_I(authority) }, { "text", SQL_T(text) }, { "limit", SQL_I(limit) }),
                     rows, e);
}

enum rc db_policy_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_policy *out,
                       bool *several, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, FIND, SQL_ARGS({ "authority", SQL_I(authority) }, { "name", SQL_T(name) }), &r, e);
    if (!rc) rc = first(r, a, out, e);
    if (!rc) rc = db_more(r, several, e);
    sql_end(r);
    return rc;
}

enum rc db_policy_by_id(struct sql *db, int64_t id, struct arena *a, struct db_policy *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, BY_ID, SQL_ARGS({ "id", SQL_I(id) }), &r, e);
    if (!rc) rc = first(r, a, out, e);
    sql_end(r);
    return rc;
}

enum rc db_policy_count(struct sql *db, int64_t authority, int64_t *out, struct err *e)
{
    return db_number(db, COUNT, SQL_ARGS({ "authority", SQL_I(authority) }), out, e);
}

enum rc db_policy_add(struct sql *db, int64_t authority, struct str name, int64_t now_ms, int64_t *id, struct err *e)
{
    return db_number(db, ADD,
                     SQL_ARGS({ "authority", SQL_I(authority) }, { "name", SQL_T(name) }, { "now_ms", SQL_I(now_ms) }),
                     id, e);
}

enum rc db_policy_revise(struct sql *db, int64_t id, int64_t revision, struct err *e)
{
    return sql_execute(db, REVISE, SQL_ARGS({ "id", SQL_I(id) }, { "revision", SQL_I(revision) }), NULL, e);
}

enum rc db_policy_delete(struct sql *db, int64_t id, int64_t now_ms, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "id", SQL_I(id) }, { "now_ms", SQL_I(now_ms) }), NULL, e);
}

/* ---- revisions ---- */

enum rc db_policy_add_revision(struct sql *db, const struct db_policy_revision *v, struct err *e)
{
    return sql_execute(db, ADD_REVISION,
                       SQL_ARGS({ "policy", SQL_I(v->policy) }, { "revision", SQL_I(v->revision) },
                                { "document", SQL_T(v->document) }, { "hash", SQL_T(v->hash) },
                                { "created_ms", SQL_I(v->created_ms) }, { "created_by", SQL_T(v->created_by) }),
                       NULL, e);
}

enum rc db_policy_last_revision(struct sql *db, int64_t policy, int64_t *out, struct err *e)
{
    return db_number(db, LAST_REVISION, SQL_ARGS({ "policy", SQL_I(policy) }), out, e);
}

enum rc db_policy_revisions(struct sql *db, int64_t policy, int64_t cursor, int64_t limit, struct sql_rows **rows,
                            struct err *e)
{
    return sql_query(db, REVISIONS,
                     SQL_ARGS({ "policy", SQL_I(policy) }, { "cursor", SQL_I(cursor) }, { "limit", SQL_I(limit) }),
                     rows, e);
}

enum rc db_policy_next_revision(struct sql_rows *rows, struct db_policy_revision *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_policy_revision){ .policy = sql_int(rows, 0),
                                        .revision = sql_int(rows, 1),
                                        .hash = sql_text(rows, 2),
                                        .created_ms = sql_int(rows, 3),
                                        .created_by = sql_text(rows, 4),
                                        .document = sql_text(rows, 5) };
    return RC_OK;
}

enum rc db_policy_revision(struct sql *db, int64_t policy, int64_t revision, struct arena *a,
                           struct db_policy_revision *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, REVISION, SQL_ARGS({ "policy", SQL_I(policy) }, { "revision", SQL_I(revision) }), &r, e);
    if (!rc) rc = db_policy_next_revision(r, out, e);
    if (!rc) rc = DB_KEEP(a, e, &out->document, &out->hash, &out->created_by);
    sql_end(r);
    return rc;
}

/* ---- devices ---- */

enum rc db_policy_states(struct sql *db, int64_t policy, const struct db_condition *now, struct sql_rows **rows,
                         struct err *e)
{
    return sql_query(db, STATES, SQL_ARGS({ "id", SQL_I(policy) }, CONDITION_NOW(now)), rows, e);
}

enum rc db_policy_next_state(struct sql_rows *rows, struct db_policy_count *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = (struct db_policy_count){ .state = sql_text(rows, 0), .n = sql_int(rows, 1) };
    return rc;
}

enum rc db_policy_devices(struct sql *db, int64_t policy, struct str state, const struct db_condition *now,
                          int64_t cursor, int64_t limit, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, DEVICES,
                     SQL_ARGS({ "id", SQL_I(policy) }, { "state", SQL_T(state) }, { "cursor", SQL_I(cursor) },
                              { "limit", SQL_I(limit) }, CONDITION_NOW(now)),
                     rows, e);
}

enum rc db_policy_next_device(struct sql_rows *rows, struct db_policy_device *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_policy_device){ .id = sql_int(rows, 0),
                                      .name = sql_text(rows, 1),
                                      .revision = sql_int(rows, 2),
                                      .truth = sql_int(rows, 3),
                                      .state = sql_text(rows, 4),
                                      .why = sql_text(rows, 5),
                                      .at_ms = sql_int(rows, 6) };
    return RC_OK;
}
