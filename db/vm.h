/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_VM_H
#define DB_VM_H
/* A device's VMs as lists and pages show them (table vm). */
#include "db/sql/sql.h"

struct db_vm {
    struct str vm, title, image, summary, why;
    int64_t state, lock, reason, verified, state_ms, crashes;
    struct str crash_time, crash_why;
};

/** A device's VMs: rows for db_vm_next. */
enum rc db_vm_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_vm_next(struct sql_rows *rows, struct db_vm *out, struct err *e);
/** Added, or as it is now. A VM that was made anew counts its crashes from 0. */
enum rc db_vm_put(struct sql *db, int64_t device, const struct db_vm *x, struct err *e);
enum rc db_vm_remove(struct sql *db, int64_t device, struct str vm, struct err *e);
#endif
