/* SPDX-License-Identifier: Apache-2.0 */
#include "db/device.h"
#include "db/statements.h"

#define DEVICE                                                                                                         \
    "SELECT d.device_id, d.authority_id, au.name, d.name, d.title, d.created_ms, c.seen_ms, d.user_agent, d.remote,"   \
    " d.push_channel, d.push_address, d.summary, d.summary_why, d.layout_mo, d.generation, d.observed_generation,"     \
    " d.planned_generation, d.record, d.poll_ms, d.unreachable_ms, x.at_ms, x.times, x.remote, x.why"                  \
    " FROM device d JOIN authority au ON au.authority_id = d.authority_id"                                             \
    " LEFT JOIN contact c ON c.device_id = d.device_id LEFT JOIN refusal x ON x.device_id = d.device_id"
#define HAS_LIKE                                                                                                       \
    "(:like = '' OR lower(d.name) LIKE :like ESCAPE '!' OR lower(d.title) LIKE :like ESCAPE '!'"                       \
    " OR EXISTS (SELECT 1 FROM attribute_row a WHERE a.device_id = d.device_id"                                        \
    " AND substr(a.name, 1, 6) = 'label.' AND lower(substr(a.name, 7) || '=' || a.value) LIKE :like ESCAPE '!'))"
#define ATTRIBUTE_OF(name) "(SELECT value FROM attribute_row a WHERE a.device_id = d.device_id AND a.name = '" name "')"

/* The parts of a statement around a selector's condition. */
static const char list_head[] = DEVICE " WHERE d.device_id > :cursor AND " HAS_LIKE " AND " DB_OF_AUTHORITY(
    "d.authority_id") " AND :summary IN ('', " CONDITION_WORD ") AND :why IN ('', " CONDITION_WHY ") AND (";
static const char list_tail[] = ") ORDER BY d.device_id LIMIT :limit";
static const char count_head[] = "SELECT count(*) FILTER (WHERE t), count(*) FILTER (WHERE t IS NULL) FROM (SELECT (";
static const char count_tail[] = ") AS t FROM device d WHERE d.authority_id = :authority) x";
static const char selected_head[] = "SELECT d.name FROM device d WHERE d.authority_id = :authority AND (";
static const char selected_tail[] = ") ORDER BY d.device_id LIMIT :limit";
#define LEAVING                                                                                                        \
    " FROM policy_vm v JOIN device d ON d.device_id = v.device_id WHERE v.policy_id = :policy"                         \
    " AND d.authority_id = :authority AND v.left_ms = 0"                                                               \
    " AND EXISTS (SELECT 1 FROM vm x WHERE x.device_id = v.device_id AND x.vm = v.vm)"                                 \
    " AND NOT EXISTS (SELECT 1 FROM policy_vm o WHERE o.device_id = v.device_id AND o.vm = v.vm"                       \
    " AND o.policy_id <> v.policy_id AND o.left_ms = 0 AND o.goal = 1) AND (v.vm <> :vm OR ("
static const char count_leaving_head[] = "SELECT count(*)" LEAVING;
static const char count_leaving_tail[] = ") IS FALSE)";
static const char leaving_head[] = "SELECT d.name" LEAVING;
static const char leaving_tail[] = ") IS FALSE) ORDER BY d.device_id LIMIT :limit";
static const char kinds_head[] =
    "SELECT man, mod, mo, root, images, count(*) FROM (SELECT " ATTRIBUTE_OF("devinfo.man") " AS man, " ATTRIBUTE_OF(
        "devinfo.mod") " AS mod, d.layout_mo AS mo, d.mo_root AS root, d.mo_images AS images FROM device d WHERE d.authority_id = :authority AND (";
static const char layouts_head[] =
    "SELECT DISTINCT coalesce(d.layout_mo, '') FROM device d WHERE d.authority_id = :authority AND (";
static const char layouts_tail[] = ") IS NOT FALSE";
static const char kinds_tail[] = ")) x GROUP BY man, mod, mo, root, images ORDER BY count(*) DESC LIMIT :limit";

#define DEVICE_STATEMENTS(X)                                                                                           \
    X(LIST, DEVICE " WHERE d.device_id > :cursor AND " HAS_LIKE                                                        \
                   " AND " DB_OF_AUTHORITY("d.authority_id") " AND :summary IN ('', " CONDITION_WORD                   \
                                                             ") AND :why IN ('', " CONDITION_WHY                       \
                                                             ") ORDER BY d.device_id LIMIT :limit")                    \
    X(FIND, DEVICE " WHERE d.authority_id IN (SELECT authority_id FROM authority WHERE " DB_OF_AUTHORITY(              \
                "authority_id") ") AND d.name = :name LIMIT 2")                                                        \
    X(KIND, "SELECT " ATTRIBUTE_OF("devinfo.man") ", " ATTRIBUTE_OF(                                                   \
                "devinfo.mod") ", d.layout_mo, d.mo_root, d.mo_images FROM device d WHERE d.device_id = :device")      \
    X(IDS, "SELECT device_id FROM device WHERE device_id > :after ORDER BY device_id LIMIT :limit")                    \
    X(ADD, "INSERT INTO device (authority_id, name, title, created_ms, push_channel, push_address)"                    \
           " VALUES (:authority, :name, :title, :created_ms, :channel, :address) RETURNING device_id")                 \
    X(SET_TITLE, "UPDATE device SET title = :title WHERE device_id = :device")                                         \
    X(SET_PUSH, "UPDATE device SET push_channel = :channel, push_address = :address WHERE device_id = :device")        \
    X(SET_RECORD, "UPDATE device SET record = :record WHERE device_id = :device")                                      \
    X(SET_POLL, "UPDATE device SET poll_ms = :poll_ms WHERE device_id = :device")                                      \
    X(DELETE, "DELETE FROM device WHERE device_id = :device")                                                          \
    X(CONTACT, "SELECT c.seen_ms, c.certificate_until_ms, r.at_ms, r.since_ms, r.times, r.remote, r.why,"              \
               " t.at_ms, t.since_ms, t.times, t.remote, t.other FROM contact c"                                       \
               " LEFT JOIN refusal r ON r.device_id = c.device_id LEFT JOIN contest t ON t.device_id = c.device_id"    \
               " WHERE c.device_id = :device")                                                                         \
    X(POLICIES, "SELECT p.name, p.revision, a.revision, a.truth, a.state, a.why, a.at_ms FROM assignment a"            \
                " JOIN policy p ON p.policy_id = a.policy_id WHERE a.device_id = :device ORDER BY p.name")             \
    X(STATES, "SELECT " CONDITION_WORD " AS word, '', count(*), '', '' FROM " CONDITION_TABLES " GROUP BY word")       \
    X(REASONS,                                                                                                         \
      "SELECT " CONDITION_WORD " AS word, " CONDITION_WHY " AS reason, count(*) AS n, min(d.name), max(d.name)"        \
      " FROM " CONDITION_TABLES                                                                                        \
      " WHERE " DB_OF_AUTHORITY("d.authority_id") " GROUP BY word, reason ORDER BY n DESC LIMIT :limit")
DB_STATEMENTS(device, DEVICE_STATEMENTS)

/* ---- one device ---- */

enum rc db_device_list(struct sql *db, const struct db_device_filter *f, struct sql_rows **rows, struct err *e)
{
    const struct sql_arg args[] = { { "cursor", SQL_I(f->cursor) },
                                    { "limit", SQL_I(f->limit) },
                                    { "authority", SQL_I(f->authority) },
                                    { "summary", SQL_T(f->summary) },
                                    { "why", SQL_T(f->why) },
                                    { "like", SQL_T(f->like) },
                                    CONDITION_NOW(&f->now) };
    const size_t n = sizeof args / sizeof *args;
    return f->selector.text.n ? db_selector_query(db, list_head, &f->selector, list_tail, args, n, rows, e)
                              : sql_query(db, LIST, args, n, rows, e);
}

enum rc db_device_next(struct sql_rows *rows, struct db_device *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_device){ .id = sql_int(rows, 0),
                               .authority = sql_int(rows, 1),
                               .authority_name = sql_text(rows, 2),
                               .name = sql_text(rows, 3),
                               .title = sql_text(rows, 4),
                               .created_ms = sql_int(rows, 5),
                               .seen_ms = sql_int(rows, 6),
                               .user_agent = sql_text(rows, 7),
                               .remote = sql_text(rows, 8),
                               .push_channel = sql_text(rows, 9),
                               .push_address = sql_text(rows, 10),
                               .summary = sql_text(rows, 11),
                               .summary_why = sql_text(rows, 12),
                               .layout_mo = sql_text(rows, 13),
                               .generation = sql_int(rows, 14),
                               .observed_generation = sql_int(rows, 15),
                               .planned_generation = sql_int(rows, 16),
                               .record = sql_is_null(rows, 17) ? -1 : sql_int(rows, 17) != 0,
                               .poll_ms = sql_is_null(rows, 18) ? -1 : sql_int(rows, 18),
                               .unreachable_ms = sql_int(rows, 19),
                               .refused_ms = sql_int(rows, 20),
                               .refused_times = sql_int(rows, 21),
                               .refused_remote = sql_text(rows, 22),
                               .refused_why = sql_text(rows, 23) };
    return RC_OK;
}

enum rc db_device_keep(struct db_device *v, struct arena *a, struct err *e)
{
    return DB_KEEP(a, e, &v->authority_name, &v->name, &v->title, &v->user_agent, &v->remote, &v->push_channel,
                   &v->push_address, &v->summary, &v->summary_why, &v->layout_mo, &v->refused_remote, &v->refused_why);
}

enum rc db_device_find(struct sql *db, int64_t authority, struct str name, struct arena *a, struct db_device *out,
                       bool *several, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_query(db, FIND, SQL_ARGS({ "name", SQL_T(name) }, { "authority", SQL_I(authority) }), &r, e);
    if (!rc) rc = db_device_next(r, out, e);
    if (!rc) rc = db_device_keep(out, a, e);
    if (!rc) rc = db_more(r, several, e);
    sql_end(r);
    return rc;
}

enum rc db_device_kind(struct sql *db, int64_t device, struct arena *a, struct db_device_kind *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, KIND, SQL_ARGS({ "device", SQL_I(device) }), &r, e);
    if (!rc) {
        *out = (struct db_device_kind){ .man = sql_text(r, 0),
                                        .mod = sql_text(r, 1),
                                        .mo = sql_text(r, 2),
                                        .root = sql_text(r, 3),
                                        .images = sql_text(r, 4),
                                        .n = 1 };
        rc = DB_KEEP(a, e, &out->man, &out->mod, &out->mo, &out->root, &out->images);
    }
    sql_end(r);
    return rc;
}

enum rc db_device_ids(struct sql *db, int64_t after, size_t limit, int64_t *out, size_t *n, struct err *e)
{
    struct sql_rows *r = NULL;
    *n = 0;
    enum rc rc = sql_query(db, IDS, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(limit) }), &r, e);
    while (!rc && *n < limit && (rc = sql_step(r, e)) == RC_OK) out[(*n)++] = sql_int(r, 0);
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc db_device_add(struct sql *db, const struct db_device *v, int64_t *id, struct err *e)
{
    return db_number(db, ADD,
                     SQL_ARGS({ "authority", SQL_I(v->authority) }, { "name", SQL_T(v->name) },
                              { "title", SQL_T(v->title) }, { "created_ms", SQL_I(v->created_ms) },
                              { "channel", SQL_T(v->push_channel) }, { "address", SQL_T(v->push_address) }),
                     id, e);
}

enum rc db_device_set_title(struct sql *db, int64_t device, struct str title, struct err *e)
{
    return sql_execute(db, SET_TITLE, SQL_ARGS({ "device", SQL_I(device) }, { "title", SQL_T(title) }), NULL, e);
}

enum rc db_device_set_push(struct sql *db, int64_t device, struct str channel, struct str address, struct err *e)
{
    return sql_execute(
        db, SET_PUSH,
        SQL_ARGS({ "device", SQL_I(device) }, { "channel", SQL_T(channel) }, { "address", SQL_T(address) }), NULL, e);
}

enum rc db_device_set_record(struct sql *db, int64_t device, int record, struct err *e)
{
    return sql_execute(db, SET_RECORD,
                       SQL_ARGS({ "device", SQL_I(device) }, { "record", record < 0 ? SQL_N : SQL_I(record) }), NULL,
                       e);
}

enum rc db_device_set_poll(struct sql *db, int64_t device, int64_t poll_ms, struct err *e)
{
    return sql_execute(db, SET_POLL, SQL_ARGS({ "device", SQL_I(device) }, { "poll_ms", SQL_I(poll_ms) }), NULL, e);
}

enum rc db_device_delete(struct sql *db, int64_t device, struct err *e)
{
    return sql_execute(db, DELETE, SQL_ARGS({ "device", SQL_I(device) }), NULL, e);
}

enum rc db_device_contact(struct sql *db, int64_t device, struct arena *a, struct db_device_contact *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, CONTACT, SQL_ARGS({ "device", SQL_I(device) }), &r, e);
    if (!rc) {
        *out = (struct db_device_contact){ .seen_ms = sql_int(r, 0),
                                           .certificate_until_ms = sql_int(r, 1),
                                           .refused_ms = sql_int(r, 2),
                                           .refused_since_ms = sql_int(r, 3),
                                           .refused_times = sql_int(r, 4),
                                           .refused_remote = sql_text(r, 5),
                                           .refused_why = sql_text(r, 6),
                                           .contested_ms = sql_int(r, 7),
                                           .contested_since_ms = sql_int(r, 8),
                                           .contested_times = sql_int(r, 9),
                                           .contested_remote = sql_text(r, 10),
                                           .contested_other = sql_text(r, 11) };
        rc = DB_KEEP(a, e, &out->refused_remote, &out->refused_why, &out->contested_remote, &out->contested_other);
    }
    sql_end(r);
    return rc;
}

enum rc db_device_policies(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, POLICIES, SQL_ARGS({ "device", SQL_I(device) }), rows, e);
}

enum rc db_device_next_policy(struct sql_rows *rows, struct db_device_policy *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_device_policy){ .name = sql_text(rows, 0),
                                      .in_force = sql_int(rows, 1),
                                      .revision = sql_int(rows, 2),
                                      .truth = sql_int(rows, 3),
                                      .state = sql_text(rows, 4),
                                      .why = sql_text(rows, 5),
                                      .at_ms = sql_int(rows, 6) };
    return RC_OK;
}

/* ---- fleets ---- */

enum rc db_device_states(struct sql *db, const struct db_condition *now, struct sql_rows **rows, struct err *e)
{
    return sql_query(db, STATES, SQL_ARGS(CONDITION_NOW(now)), rows, e);
}

enum rc db_device_reasons(struct sql *db, int64_t authority, const struct db_condition *now, int64_t limit,
                          struct sql_rows **rows, struct err *e)
{
    return sql_query(db, REASONS,
                     SQL_ARGS({ "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }, CONDITION_NOW(now)), rows,
                     e);
}

enum rc db_device_next_count(struct sql_rows *rows, struct db_device_count *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (rc) return rc;
    *out = (struct db_device_count){ .state = sql_text(rows, 0),
                                     .why = sql_text(rows, 1),
                                     .n = sql_int(rows, 2),
                                     .first = sql_text(rows, 3),
                                     .last = sql_text(rows, 4) };
    return RC_OK;
}

enum rc db_device_count_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t *affected,
                                 int64_t *unknown, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_selector_query(db, count_head, s, count_tail, SQL_ARGS({ "authority", SQL_I(authority) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        *affected = sql_int(r, 0);
        *unknown = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

enum rc db_device_selected(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                           struct sql_rows **rows, struct err *e)
{
    return db_selector_query(db, selected_head, s, selected_tail,
                             SQL_ARGS({ "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_device_count_leaving(struct sql *db, const struct db_device_leaving *l, int64_t *out, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_selector_query(
        db, count_leaving_head, &l->selector, count_leaving_tail,
        SQL_ARGS({ "authority", SQL_I(l->authority) }, { "policy", SQL_I(l->policy) }, { "vm", SQL_T(l->vm) }), &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) *out = sql_int(r, 0);
    sql_end(r);
    return rc;
}

enum rc db_device_leaving(struct sql *db, const struct db_device_leaving *l, int64_t limit, struct sql_rows **rows,
                          struct err *e)
{
    return db_selector_query(db, leaving_head, &l->selector, leaving_tail,
                             SQL_ARGS({ "authority", SQL_I(l->authority) }, { "policy", SQL_I(l->policy) },
                                      { "vm", SQL_T(l->vm) }, { "limit", SQL_I(limit) }),
                             rows, e);
}

enum rc db_device_next_name(struct sql_rows *rows, struct str *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc) *out = sql_text(rows, 0);
    return rc;
}

enum rc db_device_kinds(struct sql *db, int64_t authority, const struct db_selector *s, int64_t limit,
                        struct sql_rows **rows, struct err *e)
{
    return db_selector_query(db, kinds_head, s, kinds_tail,
                             SQL_ARGS({ "authority", SQL_I(authority) }, { "limit", SQL_I(limit) }), rows, e);
}

enum rc db_device_layouts(struct sql *db, int64_t authority, const struct db_selector *s, struct sql_rows **rows,
                          struct err *e)
{
    return db_selector_query(db, layouts_head, s, layouts_tail, SQL_ARGS({ "authority", SQL_I(authority) }), rows, e);
}

enum rc db_device_next_kind(struct sql_rows *rows, struct db_device_kind *out, struct err *e)
{
    enum rc rc = sql_step(rows, e);
    if (!rc)
        *out = (struct db_device_kind){ .man = sql_text(rows, 0),
                                        .mod = sql_text(rows, 1),
                                        .mo = sql_text(rows, 2),
                                        .root = sql_text(rows, 3),
                                        .images = sql_text(rows, 4),
                                        .n = sql_int(rows, 5) };
    return rc;
}
