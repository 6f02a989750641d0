/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_API_H
#define DB_API_H
/* Statements of the REST API and of the live stream: each once, prepared when the connection opens. `:authority` = 0
 * means all of them. */

#include "db/condition.h"

#define API_IN_SCOPE(column) "(:authority = 0 OR " column " = :authority)"

#define API_DEVICE_COLUMNS                                                                                             \
    "d.device_id, d.authority_id, au.name, d.name, d.title, d.created_ms, c.seen_ms, d.user_agent, d.remote,"          \
    " d.push_channel, d.push_address, d.summary, d.summary_why, d.layout_mo, d.want_stamp, d.have_stamp, d.record,"    \
    " d.planned_stamp, d.poll_ms, d.unreachable_ms, x.at_ms, x.remote, x.why, x.times"
#define API_DEVICE_TABLES                                                                                              \
    "device d JOIN authority au USING (authority_id) LEFT JOIN contact c USING (device_id)"                            \
    " LEFT JOIN refusal x USING (device_id)"
/* A list that a selector narrows: HEAD, the selector's SQL, TAIL. */
/* What identity, title or a label contains: a pattern in small letters, '!' before what is meant as it stands. */
#define API_DEVICE_LIKE                                                                                                \
    "(:like = '' OR lower(d.name) LIKE :like ESCAPE '!' OR lower(d.title) LIKE :like ESCAPE '!'"                       \
    " OR EXISTS (SELECT 1 FROM attribute_row a WHERE a.device_id = d.device_id"                                        \
    " AND substr(a.name, 1, 6) = 'label.' AND lower(substr(a.name, 7) || '=' || a.value) LIKE :like ESCAPE '!'))"
#define API_DEVICES_HEAD                                                                                               \
    "SELECT " API_DEVICE_COLUMNS " FROM " API_DEVICE_TABLES " WHERE d.device_id > :cursor AND " API_DEVICE_LIKE        \
    " AND " API_IN_SCOPE("d.authority_id") " AND :summary IN ('', " CONDITION_WORD ") AND :why IN ('', " CONDITION_WHY \
                                           ") AND ("
#define API_DEVICES_TAIL ") ORDER BY d.device_id LIMIT :limit"
/* How many a selector is true for, and unknown for: HEAD, SQL, TAIL; then the names of the first ones. */
#define API_COUNT_HEAD "SELECT count(*) FILTER (WHERE t), count(*) FILTER (WHERE t IS NULL) FROM (SELECT ("
#define API_COUNT_TAIL ") AS t FROM device d WHERE d.authority_id = :authority)"
#define API_NAMES_HEAD "SELECT d.name FROM device d WHERE d.authority_id = :authority AND ("
#define API_NAMES_TAIL ") ORDER BY d.device_id LIMIT :limit"
/* Devices that have a VM of this policy, for which the selector would be false or another VM be meant, and whose VM no
 * other policy gives a state: HEAD, SQL, TAIL. */
#define API_LEAVING_FROM                                                                                               \
    " FROM policy_vm v JOIN device d USING (device_id) WHERE v.policy_id = :policy AND d.authority_id = :authority"    \
    " AND v.left_ms = 0 AND EXISTS (SELECT 1 FROM vm x WHERE x.device_id = v.device_id AND x.vm = v.vm)"               \
    " AND NOT EXISTS (SELECT 1 FROM policy_vm o WHERE o.device_id = v.device_id AND o.vm = v.vm"                       \
    " AND o.policy_id <> v.policy_id AND o.left_ms = 0 AND o.goal = 1) AND (v.vm <> :vm OR ("
#define API_LEAVING_COUNT_HEAD "SELECT count(*)" API_LEAVING_FROM
#define API_LEAVING_COUNT_TAIL ") IS FALSE)"
#define API_LEAVING_NAMES_HEAD "SELECT d.name" API_LEAVING_FROM
#define API_LEAVING_NAMES_TAIL ") IS FALSE) ORDER BY d.device_id LIMIT :limit"
/* Kinds of devices, as descriptions are meant for them, and how many there are of each. */
#define API_KINDS_HEAD                                                                                                 \
    "SELECT man, mod, mo, count(*) FROM (SELECT"                                                                       \
    " (SELECT value FROM attribute_row a WHERE a.device_id = d.device_id AND a.name = 'devinfo.man') AS man,"          \
    " (SELECT value FROM attribute_row a WHERE a.device_id = d.device_id AND a.name = 'devinfo.mod') AS mod,"          \
    " d.layout_mo AS mo FROM device d WHERE d.authority_id = :authority AND ("
#define API_KINDS_TAIL ")) GROUP BY man, mod, mo ORDER BY count(*) DESC LIMIT :limit"

#define API_OPERATION_COLUMNS                                                                                               \
    "o.operation_id, d.name, o.kind, o.by_policy, o.scope, o.owner, o.args, o.tree_command, o.tree_uri, o.tree_format,"     \
    " o.tree_data, o.tree_result, o.state, o.code, o.reason, o.percent, o.tries, o.created_by, o.created_ms, o.updated_ms," \
    " o.not_before_ms, o.expires_ms, d.layout_mo, d.device_id, d.authority_id, au.name, o.tree_type, o.secret"
#define API_OPERATION_TABLES "operation o JOIN device d USING (device_id) JOIN authority au USING (authority_id)"
#define API_OPEN             "('queued', 'notified', 'sent', 'accepted', 'acknowledged')"

#define API_TRIGGER_COLUMNS                                                                                            \
    "t.trigger_id, d.name, t.session_no, t.state, t.why, t.channel, t.address, t.tries, t.created_ms, t.sent_ms,"      \
    " t.answered_ms, t.next_ms, t.error"
#define API_TRIGGER_TABLES "trigger t JOIN device d USING (device_id)"

#define API_POLICY_COLUMNS                                                                                                  \
    "p.policy_id, au.name, p.name, p.revision, p.created_ms, p.deleted_ms, r.created_ms, r.created_by, r.document, r.hash," \
    " p.authority_id"
#define API_POLICY_TABLES                                                                                              \
    "policy p JOIN authority au USING (authority_id) JOIN policy_revision r ON r.policy_id = p.policy_id AND r.revision = p.revision"

#define API_IMAGE_COLUMNS                                                                                                        \
    "i.image_id, au.name, i.name, i.version, i.guest_type, i.arch, i.format, i.sha256, i.size_bytes, i.node_name, i.created_ms," \
    " i.created_by, i.authority_id"
#define API_IMAGE_TABLES "image i JOIN authority au USING (authority_id)"

#define API_SESSION_COLUMNS                                                                                            \
    "SELECT s.session_row, d.name, s.session_id, s.started_ms, s.ended_ms, s.messages, s.outcome, s.why, s.trigger_id, r.why"
#define API_SESSION_TABLES "session s JOIN device d USING (device_id) LEFT JOIN recording r USING (session_row)"
#define API_SESSION_FAILED "s.outcome IN ('aborted', 'refused', 'lost')" /* as the index session_failed says it */
#define API_SESSION_WANTED                                                                                             \
    "(:outcome IN ('', s.outcome) OR :outcome = 'failed' AND " API_SESSION_FAILED                                      \
    ") AND (NOT :recorded OR r.session_row IS NOT NULL) AND s.session_row < :cursor"

#define API_DESCRIBED                                                                                                        \
    "SELECT x.description_id, x.name, au.name, x.man, x.mod, x.mo, x.objects, x.nodes, x.bytes, x.created_ms, x.created_by," \
    " x.authority_id FROM description x JOIN authority au USING (authority_id)"

#define API_STATEMENTS(X)                                                                                              \
    /* who */                                                                                                          \
    /* repeated requests */                                                                                            \
    /* audit */                                                                                                        \
    /* devices */                                                                                                      \
    X(DEVICE_VM_NAMES, "SELECT vm FROM vm WHERE device_id = :device ORDER BY vm")                                      \
    /* VMs */                                                                                                          \
    X(VMS, "SELECT vm, title, state, lock_state, reason, verified, state_ms, image, summary, summary_why,"             \
           " crashes, crashes_seen, crash_time, crash_why FROM vm"                                                     \
           " WHERE device_id = :device AND vm > :cursor ORDER BY vm LIMIT :limit")                                     \
    X(VM, "SELECT vm, title, state, lock_state, reason, verified, state_ms, image, summary, summary_why,"              \
          " crashes, crashes_seen, crash_time, crash_why FROM vm"                                                      \
          " WHERE device_id = :device AND vm = :vm")                                                                   \
    X(VM_OPERATION,                                                                                                    \
      "SELECT operation_id, kind, percent, state FROM operation WHERE device_id = :device AND owner = :vm"             \
      " AND scope = 1 AND state IN " API_OPEN " ORDER BY operation_id LIMIT 1")                                        \
    X(IMAGE_OF_NODE, "SELECT name, version FROM image WHERE node_name = :node AND authority_id = :authority"           \
                     " ORDER BY image_id DESC LIMIT 1")                                                                \
    /* operations */                                                                                                   \
    X(OPERATION, "SELECT " API_OPERATION_COLUMNS " FROM " API_OPERATION_TABLES                                         \
                 " WHERE o.operation_id = :id AND " API_IN_SCOPE("d.authority_id"))                                    \
    X(OPERATIONS, "SELECT " API_OPERATION_COLUMNS " FROM " API_OPERATION_TABLES " WHERE o.operation_id < :cursor"      \
                  " AND " API_IN_SCOPE("d.authority_id") " AND (:state = '' OR o.state = :state"                       \
                                                         " OR (:state = 'open' AND o.state IN " API_OPEN               \
                                                         ")) ORDER BY o.operation_id DESC LIMIT :limit")               \
    X(OPERATIONS_OF, "SELECT " API_OPERATION_COLUMNS " FROM " API_OPERATION_TABLES " WHERE o.device_id = :device"      \
                     " AND o.operation_id < :cursor AND (:state = '' OR o.state = :state"                              \
                     " OR (:state = 'open' AND o.state IN " API_OPEN ")) ORDER BY o.operation_id DESC LIMIT :limit")   \
    X(OPERATION_RESULT,                                                                                                \
      "SELECT correlator, result_sealed FROM operation WHERE operation_id = :id AND result_sealed IS NOT NULL")        \
    X(OPERATION_STEPS, "SELECT at_ms, state, code, reason FROM operation_step WHERE operation_id = :id ORDER BY seq")  \
    X(OPERATIONS_OPEN, "SELECT count(*) FROM operation WHERE device_id = :device AND state IN " API_OPEN)              \
    X(OPERATION_ADD,                                                                                                   \
      "INSERT INTO operation (device_id, kind, by_policy, scope, owner, args, tree_command, tree_uri,"                 \
      " tree_format, tree_type, tree_data, secret, correlator, state, reason, created_by, created_ms, updated_ms,"     \
      " not_before_ms, expires_ms, wake_ms) VALUES (:device, :kind, 0, :scope, :owner, :args, :command, :uri,"         \
      " :format, :type, :data, :secret, :correlator, 'queued', :reason, :who, :now_ms, :now_ms, :not_before_ms,"       \
      " :expires_ms, :wake_ms)")                                                                                       \
    X(OPERATION_STEP,                                                                                                  \
      "INSERT INTO operation_step (operation_id, seq, at_ms, state, code, reason) SELECT :id,"                         \
      " (SELECT coalesce(max(seq), 0) + 1 FROM operation_step WHERE operation_id = :id), :now_ms, :state, 0, :reason") \
    X(OPERATION_ITEMS, "SELECT command, uri, format, type, data, code, result, seen_code, seen, seen_ms, secret"       \
                       " FROM operation_item WHERE operation_id = :id ORDER BY seq")                                   \
    X(OPERATION_ITEM_ADD, "INSERT INTO operation_item (operation_id, seq, command, uri, format, type, data, secret)"   \
                          " VALUES (:id, :seq, :command, :uri, :format, :type, :data, :secret)")                       \
    /* Not what was sent and not refused by the device: it may have been done. */                                      \
    X(OPERATION_CANCEL, "UPDATE operation SET state = 'cancelled', reason = :reason, updated_ms = :now_ms,"            \
                        " wake_ms = NULL WHERE operation_id = :id AND state IN ('queued', 'notified')"                 \
                        " AND (tries = 0 OR code <> 0)")                                                               \
    /* policies */                                                                                                     \
    /* images */                                                                                                       \
    /* the fleet */                                                                                                    \
    X(OVERVIEW_VMS, "SELECT d.layout_mo, v.state, v.lock_state, count(*) FROM vm v JOIN device d USING (device_id)"    \
                    " WHERE " API_IN_SCOPE("d.authority_id") " GROUP BY d.layout_mo, v.state, v.lock_state")           \
    X(OVERVIEW_SESSIONS,                                                                                               \
      "SELECT g.outcome, g.why, g.n, g.devices, g.last, d.name, s.started_ms FROM ("                                   \
      "SELECT s.outcome, s.why, count(*) AS n, count(DISTINCT s.device_id) AS devices,"                                \
      " max(s.session_row) AS last FROM session s JOIN device d USING (device_id)"                                     \
      " LEFT JOIN contact c USING (device_id)"                                                                         \
      " WHERE " API_SESSION_FAILED " AND s.started_ms >= :since_ms"                                                    \
      " AND (s.outcome <> 'refused' OR s.started_ms > coalesce(c.seen_ms, 0))"                                         \
      " AND " API_IN_SCOPE(                                                                                            \
          "d.authority_id") " GROUP BY s.outcome, s.why) g"                                                            \
                            " JOIN session s ON s.session_row = g.last JOIN device d USING (device_id)"                \
                            " ORDER BY g.last DESC LIMIT :limit")                                                      \
    X(OVERVIEW_CRASHES, "SELECT d.name, v.vm, v.crashes - v.crashes_seen, v.crash_time, v.crash_why FROM vm v"         \
                        " JOIN device d USING (device_id) WHERE v.crashes > v.crashes_seen AND " API_IN_SCOPE(         \
                            "d.authority_id") " ORDER BY v.crash_time DESC LIMIT :limit")                              \
    X(CRASHES_SEEN, "UPDATE vm SET crashes_seen = crashes WHERE device_id = :device AND vm = :vm")                     \
    /* triggers and sessions */                                                                                        \
    X(SESSIONS, API_SESSION_COLUMNS " FROM " API_SESSION_TABLES " WHERE " API_SESSION_WANTED " AND " API_IN_SCOPE(     \
                    "d.authority_id") " ORDER BY s.session_row DESC LIMIT :limit")                                     \
    X(SESSIONS_FAILED,                                                                                                 \
      API_SESSION_COLUMNS " FROM " API_SESSION_TABLES " WHERE " API_SESSION_FAILED " AND " API_SESSION_WANTED          \
                          " AND " API_IN_SCOPE("d.authority_id") " ORDER BY s.session_row DESC LIMIT :limit")          \
    X(SESSIONS_OF,                                                                                                     \
      API_SESSION_COLUMNS " FROM " API_SESSION_TABLES " WHERE s.device_id = :device AND " API_SESSION_WANTED           \
                          " ORDER BY s.session_row DESC LIMIT :limit")                                                 \
    X(SESSION, API_SESSION_COLUMNS ", r.cut, r.bytes, r.data FROM " API_SESSION_TABLES                                 \
                                   " WHERE s.device_id = :device AND s.session_row = :id")                             \
    /* device descriptions */

enum {
#define X(name, sql) API_##name,
    API_STATEMENTS(X)
#undef X
        API_STATEMENT_COUNT
};
extern const char *const api_statements[API_STATEMENT_COUNT];
#endif
