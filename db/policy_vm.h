/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_POLICY_VM_H
#define DB_POLICY_VM_H
/* VMs that policies placed on a device, until the policy's onLeave action is done (table policy_vm). */
#include "db/sql/sql.h"

struct db_policy_vm {
    int64_t policy, left_ms, revision; /* left_ms 0 = the policy applies; revision: the policy's newest */
    struct str vm, name;               /* name: the policy's */
    bool goal, deleted;                /* goal: the policy sets the VM's state; deleted: the policy is deleted */
};

/** A device's by policy and VM: rows for db_policy_vm_next. */
enum rc db_policy_vm_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_policy_vm_next(struct sql_rows *rows, struct db_policy_vm *out, struct err *e);
/** Writes policy, vm, goal and left_ms. */
enum rc db_policy_vm_put(struct sql *db, int64_t device, const struct db_policy_vm *x, struct err *e);
enum rc db_policy_vm_remove(struct sql *db, int64_t device, int64_t policy, struct str vm, struct err *e);
#endif
