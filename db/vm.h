/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_VM_H
#define DB_VM_H
/* A device's VMs as lists and detail pages show them (table vm). */
#include "db/sql/sql.h"

struct db_vm {
    struct str vm, title, image, summary, why;
    int64_t state, lock, reason, verified, state_ms, crashes;
    int64_t crashes_seen; /* read only: how many of them a user has acknowledged */
    struct str crash_time, crash_why;
};

/** A device's VMs: rows for db_vm_next. */
enum rc db_vm_list(struct sql *db, int64_t device, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_vm_next(struct sql_rows *rows, struct db_vm *out, struct err *e);
/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_vm_find(struct sql *db, int64_t device, struct str vm, struct arena *a, struct db_vm *out, struct err *e);
/** Insert or update a VM. A VM that was created again counts its crashes from 0. */
enum rc db_vm_put(struct sql *db, int64_t device, const struct db_vm *x, struct err *e);
enum rc db_vm_remove(struct sql *db, int64_t device, struct str vm, struct err *e);
/** Record that a user has acknowledged the crashes so far. */
enum rc db_vm_acknowledge(struct sql *db, int64_t device, struct str vm, struct err *e);

/* The number of VMs in the same state. */
struct db_vm_count {
    struct str layout_mo; /* management object that defines the state */
    int64_t state, lock, n;
};
/** Of the devices of an authority (0 = all): rows for db_vm_next_count. */
enum rc db_vm_counts(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e);
enum rc db_vm_next_count(struct sql_rows *rows, struct db_vm_count *out, struct err *e);

/* A VM with unacknowledged crashes. */
struct db_vm_crash {
    struct str device_name, vm, time, why;
    int64_t n;
};
/** Of the devices of an authority (0 = all), the latest crash first: rows for db_vm_next_crash. */
enum rc db_vm_crashes(struct sql *db, int64_t authority, int64_t limit, struct sql_rows **rows, struct err *e);
enum rc db_vm_next_crash(struct sql_rows *rows, struct db_vm_crash *out, struct err *e);

#endif
