/* SPDX-License-Identifier: Apache-2.0 */
#include "db/generation.h"
#include "db/statements.h"

#define IS_OPEN "SELECT 1 FROM notification t WHERE t.device_id = device.device_id AND t.state IN ('pending', 'sent')"
#define IS_TOUCHED                                                                                                     \
    " WHERE authority_id = :authority AND device_id > :after AND device_id <= :last AND generation = :stamp"
#define IN_SLICE "d.authority_id = :authority AND d.device_id > :after AND d.device_id <= :last"
#define HAD_POLICY                                                                                                     \
    "EXISTS (SELECT 1 FROM assignment s WHERE s.device_id = d.device_id AND s.policy_id = :policy)"                    \
    " OR EXISTS (SELECT 1 FROM policy_vm v WHERE v.device_id = d.device_id AND v.policy_id = :policy)"

/* The parts of a statement around a selector's condition. */
static const char stamp_head[] = "UPDATE device AS d SET generation = :stamp WHERE " IN_SLICE
                                 " AND generation < :stamp AND (((";
static const char stamp_tail[] = ") IS NOT FALSE) OR " HAD_POLICY ")";
static const char assign_head[] = "INSERT INTO assignment (device_id, policy_id, revision, truth, state, why, at_ms)"
                                  " SELECT device_id, :policy, :revision, CASE WHEN t THEN 1 ELSE 2 END, 'pending',"
                                  " 'waiting for the device to connect', :now_ms FROM (SELECT d.device_id, (";
static const char assign_tail[] = ") AS t FROM device d WHERE " IN_SLICE
                                  ") x WHERE t IS NOT FALSE ON CONFLICT (device_id, policy_id) DO NOTHING";

/* The first statement adds the notifications, the second advances the devices' notification numbers. Session number 0
 * is not valid in a notification. */
#define GENERATION_STATEMENTS(X)                                                                                       \
    X(TOUCH, "UPDATE device SET generation = CASE WHEN generation < :stamp THEN :stamp ELSE generation END"            \
             " WHERE device_id = :device RETURNING authority_id")                                                      \
    X(OF, "SELECT authority_id, (SELECT count(*) FROM policy p WHERE p.authority_id = d.authority_id"                  \
          " AND p.deleted_ms IS NULL) FROM device d WHERE device_id = :device")                                        \
    X(NOTIFY, "INSERT INTO notification (device_id, session_no, state, why, channel, address, created_ms, next_ms)"    \
              " SELECT device_id, next_notification_no, 'pending', :why, push_channel, push_address, :now_ms, :now_ms" \
              " FROM device" IS_TOUCHED " AND push_channel <> 'none' AND NOT EXISTS (" IS_OPEN ")")                    \
    X(NUMBERS, "UPDATE device SET next_notification_no = CASE WHEN next_notification_no >= 65535 THEN 1"               \
               " ELSE next_notification_no + 1 END" IS_TOUCHED " AND EXISTS (" IS_OPEN                                 \
               " AND t.session_no = device.next_notification_no)")                                                     \
    X(STAMP_ASSIGNED,                                                                                                  \
      "UPDATE device AS d SET generation = :stamp WHERE " IN_SLICE " AND generation < :stamp AND (" HAD_POLICY ")")    \
    X(REASSIGN, "UPDATE assignment SET revision = :revision, state = 'pending',"                                       \
                " why = 'waiting for the device to connect',"                                                          \
                " at_ms = :now_ms WHERE policy_id = :policy AND revision <> :revision"                                 \
                " AND device_id > :after AND device_id <= :last")                                                      \
    X(HAND_OVER, "DELETE FROM policy_vm WHERE policy_id = :policy AND device_id > :after AND device_id <= :last"       \
                 " AND EXISTS (SELECT 1 FROM policy_vm o WHERE o.device_id = policy_vm.device_id"                      \
                 " AND o.vm = policy_vm.vm AND o.policy_id <> policy_vm.policy_id AND o.left_ms = 0 AND o.goal = 1)")
DB_STATEMENTS(generation, GENERATION_STATEMENTS)

enum rc db_generation_touch(struct sql *db, int64_t device, int64_t stamp, int64_t *authority, struct err *e)
{
    return db_number(db, TOUCH, SQL_ARGS({ "stamp", SQL_I(stamp) }, { "device", SQL_I(device) }), authority, e);
}

enum rc db_generation_of(struct sql *db, int64_t device, int64_t *authority, int64_t *policies, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = db_row(db, OF, SQL_ARGS({ "device", SQL_I(device) }), &r, e);
    if (!rc) {
        *authority = sql_int(r, 0);
        *policies = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

#define SLICE(s)                                                                                                       \
    { "after", SQL_I((s)->after) },                                                                                    \
    {                                                                                                                  \
        "last", SQL_I((s)->last)                                                                                       \
    }
#define OF_AUTHORITY(s)                                                                                                \
    {                                                                                                                  \
        "authority", SQL_I((s)->authority)                                                                             \
    }
#define OF_POLICY(s)                                                                                                   \
    {                                                                                                                  \
        "policy", SQL_I((s)->policy)                                                                                   \
    }

enum rc db_generation_notify(struct sql *db, const struct db_generation_slice *s, struct str why, int64_t now_ms,
                             struct err *e)
{
    const struct sql_arg stamp = { "stamp", SQL_I(s->stamp) };
    enum rc rc = sql_execute(
        db, NOTIFY, SQL_ARGS({ "why", SQL_T(why) }, { "now_ms", SQL_I(now_ms) }, OF_AUTHORITY(s), SLICE(s), stamp),
        NULL, e);
    return rc ? rc : sql_execute(db, NUMBERS, SQL_ARGS(OF_AUTHORITY(s), SLICE(s), stamp), NULL, e);
}

enum rc db_generation_stamp(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                            struct err *e)
{
    const struct sql_arg args[] = { OF_AUTHORITY(s), SLICE(s), OF_POLICY(s), { "stamp", SQL_I(s->stamp) } };
    const size_t n = sizeof args / sizeof *args;
    return selector ? db_selector_execute(db, stamp_head, selector, stamp_tail, args, n, e)
                    : sql_execute(db, STAMP_ASSIGNED, args, n, NULL, e);
}

enum rc db_generation_assign(struct sql *db, const struct db_generation_slice *s, const struct db_selector *selector,
                             int64_t now_ms, struct err *e)
{
    return db_selector_execute(db, assign_head, selector, assign_tail,
                               SQL_ARGS(OF_AUTHORITY(s), SLICE(s), OF_POLICY(s), { "revision", SQL_I(s->revision) },
                                        { "now_ms", SQL_I(now_ms) }),
                               e);
}

enum rc db_generation_reassign(struct sql *db, const struct db_generation_slice *s, int64_t now_ms, struct err *e)
{
    return sql_execute(
        db, REASSIGN, SQL_ARGS(SLICE(s), OF_POLICY(s), { "revision", SQL_I(s->revision) }, { "now_ms", SQL_I(now_ms) }),
        NULL, e);
}

enum rc db_generation_hand_over(struct sql *db, const struct db_generation_slice *s, struct err *e)
{
    return sql_execute(db, HAND_OVER, SQL_ARGS(SLICE(s), OF_POLICY(s)), NULL, e);
}
