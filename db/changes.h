/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_CHANGES_H
#define DB_CHANGES_H
/* Statements of server/store/generation.c, for any connection. */

#define CHANGE_STAMP "UPDATE authority SET stamp = stamp + 1 WHERE authority_id = :authority RETURNING stamp"

/* Which of the touched devices :after < device_id <= :last are to be called: first their triggers, then the triggers' numbers are used
 * up. A session number of 0 means nothing in a notification. */
#define CHANGE_OPEN_TRIGGER                                                                                            \
    "SELECT 1 FROM trigger t WHERE t.device_id = device.device_id AND t.state IN ('pending', 'sent')"
#define CHANGE_TOUCHED                                                                                                 \
    " WHERE authority_id = :authority AND device_id > :after AND device_id <= :last AND want_stamp = :stamp"
#define CHANGE_TRIGGERS                                                                                                            \
    "INSERT INTO trigger (device_id, session_no, state, why, channel, address, created_ms, next_ms)"                               \
    " SELECT device_id, next_trigger_no, 'pending', :why, push_channel, push_address, :now_ms, :now_ms FROM device" CHANGE_TOUCHED \
    " AND push_channel <> 'none' AND NOT EXISTS (" CHANGE_OPEN_TRIGGER ")"
#define CHANGE_NUMBERS                                                                                                          \
    "UPDATE device SET next_trigger_no = CASE WHEN next_trigger_no >= 65535 THEN 1 ELSE next_trigger_no + 1 END" CHANGE_TOUCHED \
    " AND EXISTS (" CHANGE_OPEN_TRIGGER " AND t.session_no = device.next_trigger_no)"

#define CHANGE_DEVICE                                                                                                  \
    "UPDATE device SET want_stamp = max(want_stamp, :stamp) WHERE device_id = :device RETURNING authority_id"
#define CHANGE_OF_DEVICE                                                                                               \
    "SELECT authority_id, (SELECT count(*) FROM policy p WHERE p.authority_id = d.authority_id"                        \
    " AND p.deleted_ms IS NULL) FROM device d WHERE device_id = :device"

/* Formats: %.*s is the condition of a selector (policy/selector/selector.h) over device d. */
#define CHANGE_COUNT                                                                                                   \
    "SELECT count(*) FILTER (WHERE t), count(*) FILTER (WHERE t IS NULL)"                                              \
    " FROM (SELECT (%.*s) AS t FROM device d WHERE d.authority_id = :authority)"
/* Those of a slice that it holds for, or may hold for, and those that it held for before. */
#define CHANGE_HAD                                                                                                     \
    "EXISTS (SELECT 1 FROM assignment s WHERE s.device_id = d.device_id AND s.policy_id = :policy)"                    \
    " OR EXISTS (SELECT 1 FROM policy_vm v WHERE v.device_id = d.device_id AND v.policy_id = :policy)"
#define CHANGE_SLICE_OF "d.authority_id = :authority AND d.device_id > :after AND d.device_id <= :last"
#define CHANGE_SELECTED                                                                                                \
    "UPDATE device AS d SET want_stamp = :stamp WHERE " CHANGE_SLICE_OF                                                \
    " AND want_stamp < :stamp AND (((%.*s) IS NOT FALSE) OR " CHANGE_HAD ")"
/* A policy that is gone. */
#define CHANGE_ASSIGNED                                                                                                \
    "UPDATE device AS d SET want_stamp = :stamp WHERE " CHANGE_SLICE_OF " AND want_stamp < :stamp AND (" CHANGE_HAD ")"

/* Its VMs that another policy gives a state are that policy's from now on, whatever becomes of that one. */
#define CHANGE_HANDED_OVER                                                                                             \
    "DELETE FROM policy_vm WHERE policy_id = :policy AND device_id > :after AND device_id <= :last AND EXISTS"         \
    " (SELECT 1 FROM policy_vm o WHERE o.device_id = policy_vm.device_id AND o.vm = policy_vm.vm"                      \
    " AND o.policy_id <> policy_vm.policy_id AND o.left_ms = 0 AND o.goal = 1)"

#define CHANGE_ASSIGNMENTS                                                                                             \
    "UPDATE assignment SET revision = :revision, state = 'pending', why = 'waits for the device to call',"             \
    " at_ms = :now_ms WHERE policy_id = :policy AND revision <> :revision"                                             \
    " AND device_id > :after AND device_id <= :last"

/* A policy is pending on every device that it may hold for, from the moment it is applied. Format as above. */
#define CHANGE_PENDING                                                                                                 \
    "INSERT INTO assignment (device_id, policy_id, revision, truth, state, why, at_ms)"                                \
    " SELECT device_id, :policy, :revision, CASE WHEN t THEN 1 ELSE 2 END, 'pending', 'waits for the device to call'," \
    " :now_ms FROM (SELECT d.device_id, (%.*s) AS t FROM device d WHERE " CHANGE_SLICE_OF                              \
    ") WHERE t IS NOT FALSE ON CONFLICT (device_id, policy_id) DO NOTHING"
#endif
