/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_OPERATION_RECORD_H
#define DB_OPERATION_RECORD_H
/* An operation as the API shows it, with its history. The fields that sessions read and write are in db/operation.h. */
#include "db/sql/sql.h"

struct db_operation_record {
    int64_t id, device, authority;
    struct str device_name, authority_name, layout_mo;
    bool by_policy;
    int64_t scope; /* enum ddf_scope */
    struct str kind, owner, args;
    struct str tree_command, tree_uri, tree_format, tree_type, tree_data;
    int64_t secret; /* of tree_data: 0 clear text, 1 sealed, 2 erased */
    bool has_result;
    struct str tree_result; /* JSON list */
    struct str state, reason;
    int64_t code, percent, tries;
    struct str created_by;
    int64_t created_ms, updated_ms, not_before_ms, expires_ms; /* 0 = none */
};
struct db_operation_filter {
    int64_t device;        /* 0 = all of the authority */
    int64_t authority;     /* 0 = all */
    struct str state;      /* empty = any, "open" = not ended */
    int64_t cursor, limit; /* rows with ids below the cursor, newest first */
};
/** Rows for db_operation_record_next. */
enum rc db_operation_record_list(struct sql *db, const struct db_operation_filter *f, struct sql_rows **rows,
                                 struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_record_next(struct sql_rows *rows, struct db_operation_record *out, struct err *e);
/** One row for db_operation_record_next: a result may be large and is not copied. @param authority  0 = any */
enum rc db_operation_record_find(struct sql *db, int64_t id, int64_t authority, struct sql_rows **rows, struct err *e);
/** The number of a device's operations that have not ended. */
enum rc db_operation_record_count_open(struct sql *db, int64_t device, int64_t *out, struct err *e);
/** The complete, sealed result of an operation whose tree_result hides secrets. @param a  holds the texts. @return
 * RC_NOT_FOUND when there is none */
enum rc db_operation_record_sealed(struct sql *db, int64_t id, struct arena *a, struct str *correlator,
                                   struct str *sealed, struct err *e);

/* One step of its history. */
struct db_operation_step {
    int64_t at_ms, code;
    struct str state, reason;
};
/** Rows for db_operation_record_next_step. */
enum rc db_operation_record_steps(struct sql *db, int64_t id, struct sql_rows **rows, struct err *e);
enum rc db_operation_record_next_step(struct sql_rows *rows, struct db_operation_step *out, struct err *e);

/* The operation that is in progress on a VM. */
struct db_operation_of_vm {
    int64_t id, percent;
    struct str kind, state;
};
/** The VM's oldest operation that has not ended. @param a  holds the texts. @return RC_NOT_FOUND */
enum rc db_operation_record_of_vm(struct sql *db, int64_t device, struct str vm, struct arena *a,
                                  struct db_operation_of_vm *out, struct err *e);

/** Delete operations that ended before this time, at most `limit`. The last user operation of each kind on a VM stays,
 * because policies respect it. @param removed  may be NULL */
enum rc db_operation_record_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
/** Erase the sealed results of operations older than this time, at most `limit`. @param removed  may be NULL */
enum rc db_operation_record_expire_sealed(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed,
                                          struct err *e);
#endif
