/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_DM_CHANGES_H
#define SERVER_DECIDE_DM_CHANGES_H
/* The changes of one message of a device, as a value: collected while the message is processed, and applied at the end
 * of the turn (store_apply). One list per table, in order. Texts are copied into the arena. The functions that add
 * changes cannot fail: out of memory is remembered, and store_apply then fails. */
#include "base/buf.h"
#include "db/account.h"
#include "db/assignment.h"
#include "db/device_state.h"
#include "db/event.h"
#include "db/failure.h"
#include "db/node.h"
#include "db/operation.h"
#include "db/operation_item.h"
#include "db/policy_vm.h"
#include "db/session.h"
#include "db/vm.h"
#include "db/wish.h"

enum dm_node_what { DM_NODE_ADD, DM_NODE_SET, DM_NODE_REMOVE };
struct dm_node {
    enum dm_node_what what;
    struct str uri;
    uint64_t hash;      /* str_hash of it */
    struct db_node row; /* path 0: to be looked up */
    struct dm_node *next;
};

struct dm_attribute {
    struct str name, value;
    bool remove;
    struct dm_attribute *next;
};

struct dm_policy_set {
    struct str uri, value;
    bool remove, row; /* row: the node of an instance itself, without a value */
    struct dm_policy_set *next;
};

enum dm_operation_what { DM_OPERATION_ADD, DM_OPERATION_MOVE, DM_OPERATION_EXPLAIN, DM_OPERATION_RESULT };
struct dm_operation {
    enum dm_operation_what what;
    struct db_operation row;       /* for an operation that is added */
    struct db_operation_move move; /* id and reason for all kinds except a result */
    bool step;                     /* add the move to the history */
    struct str result, sealed;
    struct dm_operation *next;
};

enum dm_item_what {
    DM_ITEM_ADD,
    DM_ITEM_SENT, /* all items of the operation are sent */
    DM_ITEM_CODE,
    DM_ITEM_RESULT,
    DM_ITEM_SEEN,
    DM_ITEM_CHANGED
};
struct dm_item {
    enum dm_item_what what;
    struct db_operation_item row;
    struct str result;
    struct dm_item *next;
};

struct dm_failure {
    bool remove;
    struct db_failure row;
    struct dm_failure *next;
};

struct dm_wish {
    struct db_wish row;
    struct dm_wish *next;
};

struct dm_vm {
    bool remove;
    struct db_vm row;
    struct dm_vm *next;
};

struct dm_assignment {
    bool remove;
    struct db_assignment row;
    struct dm_assignment *next;
};

struct dm_policy_vm {
    bool remove;
    struct db_policy_vm row;
    struct dm_policy_vm *next;
};

struct dm_sample {
    struct str vm, json;
    int64_t at_ms;
    struct dm_sample *next;
};

struct dm_event {
    struct db_event row;
    struct dm_event *next;
};

struct dm_recording {
    int64_t now_ms;
    struct str why, data;
    bool cut;
};

/* A growing list. */
#define DM_LIST(type)                                                                                                  \
    struct {                                                                                                           \
        struct type *first, *last;                                                                                     \
    }

struct dm_changes {
    struct arena *a;
    bool nomem;
    int64_t device, now_ms;
    /* device, contact */
    bool has_contact, has_booked, has_caller, has_devinfo, has_state, careful;
    struct db_contact contact;
    struct str booked;
    int64_t alerts_left;
    struct str user_agent, remote;
    int64_t devinfo_hash;
    struct db_device_state state;
    /* reported state */
    bool devinfo_forgotten; /* applied before its attributes */
    DM_LIST(dm_attribute) attributes;
    DM_LIST(dm_policy_set) sets;
    DM_LIST(dm_node) nodes;
    DM_LIST(dm_vm) vms;
    DM_LIST(dm_sample) samples;
    /* operations and desired state */
    DM_LIST(dm_operation) operations;
    DM_LIST(dm_item) items;
    DM_LIST(dm_failure) failures;
    bool wishes_replaced;
    DM_LIST(dm_wish) wishes;
    DM_LIST(dm_assignment) assignments;
    DM_LIST(dm_policy_vm) policy_vms;
    /* notifications: the answered one; pending ones that are not needed; those signed with an old nonce, which are
     * repeated */
    int64_t answered, again_nonce_ms;
    bool needless;
    /* session */
    bool has_session, has_end, has_recording;
    struct db_session session;
    struct db_session_end end;
    struct dm_recording recording;
    DM_LIST(dm_event) events;
};

/** @param a  lives until the changes are applied */
void dm_changes_init(struct dm_changes *c, struct arena *a, int64_t device, int64_t now_ms);

/* Each function copies its arguments. */
void dm_change_contact(struct dm_changes *c, const struct db_contact *x);
void dm_change_booked(struct dm_changes *c, struct str booked, int64_t alerts_left);
void dm_change_caller(struct dm_changes *c, struct str user_agent, struct str remote);
void dm_change_devinfo(struct dm_changes *c, int64_t hash);
void dm_change_state(struct dm_changes *c, const struct db_device_state *x);
void dm_change_attribute(struct dm_changes *c, struct str name, struct str value);
void dm_change_attribute_removed(struct dm_changes *c, struct str name);
/** @param value  NULL: the node of an instance itself */
void dm_change_set(struct dm_changes *c, struct str uri, const struct str *value);
void dm_change_set_removed(struct dm_changes *c, struct str uri);
/** @param row  path 0: looked up later; DM_NODE_REMOVE uses only the path */
void dm_change_node(struct dm_changes *c, enum dm_node_what what, struct str uri, uint64_t hash,
                    const struct db_node *row);
void dm_change_vm(struct dm_changes *c, const struct db_vm *x);
void dm_change_vm_removed(struct dm_changes *c, struct str vm);
void dm_change_sample(struct dm_changes *c, struct str vm, int64_t at_ms, struct str json);
void dm_change_operation_added(struct dm_changes *c, const struct db_operation *x, struct str reason);
/** @param step  also add it to the history */
void dm_change_operation_moved(struct dm_changes *c, const struct db_operation_move *m, bool step);
void dm_change_operation_explained(struct dm_changes *c, int64_t id, struct str reason);
void dm_change_operation_result(struct dm_changes *c, int64_t id, struct str result, struct str sealed);
/** `what` selects the members of x that are used; see db/operation_item.h. @param result  for DM_ITEM_RESULT */
void dm_change_item(struct dm_changes *c, enum dm_item_what what, const struct db_operation_item *x, struct str result);
void dm_change_failure(struct dm_changes *c, const struct db_failure *x);
void dm_change_failure_removed(struct dm_changes *c, struct str key);
/** Delete the former desired state; dm_change_wish then adds the current one. */
void dm_change_wishes(struct dm_changes *c);
void dm_change_wish_added(struct dm_changes *c, const struct db_wish *x);
void dm_change_assignment(struct dm_changes *c, const struct db_assignment *x);
void dm_change_assignment_removed(struct dm_changes *c, int64_t policy);
void dm_change_policy_vm(struct dm_changes *c, const struct db_policy_vm *x);
void dm_change_policy_vm_removed(struct dm_changes *c, int64_t policy, struct str vm);
void dm_change_session(struct dm_changes *c, const struct db_session *x);
void dm_change_session_end(struct dm_changes *c, const struct db_session_end *x);
void dm_change_recording(struct dm_changes *c, struct str why, bool cut, struct str data);
void dm_change_event(struct dm_changes *c, int64_t authority, struct str type, struct str device, struct str json);

/** The changes as lines for people; values of secret nodes are covered. Without sessions, notifications and contact. */
void dm_changes_print(const struct dm_changes *c, struct arena *a, struct buf *out);

/** The state of this operation after the changes; NULL: they do not change it. The reason is the latest one. */
const struct db_operation_move *dm_changes_of_operation(const struct dm_changes *c, int64_t id);
#endif
