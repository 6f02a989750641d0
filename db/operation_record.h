/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_OPERATION_RECORD_H
#define DB_OPERATION_RECORD_H
/* An operation as people see it, with its history. What sessions read and write is in db/operation.h. */
#include "db/sql/sql.h"

struct db_operation_record {
    int64_t id, device, authority;
    struct str device_name, authority_name, layout_mo;
    bool by_policy;
    int64_t scope; /* enum ddf_scope */
    struct str kind, owner, args;
    struct str tree_command, tree_uri, tree_format, tree_type, tree_data;
    int64_t secret; /* of tree_data: 0 open, 1 sealed, 2 gone */
    bool has_result;
    struct str tree_result; /* JSON list */
    struct str state, reason;
    int64_t code, percent, tries;
    struct str created_by;
    int64_t created_ms, updated_ms, not_before_ms, expires_ms; /* 0 = none */
};
struct db_operation_filter {
    int64_t device;        /* 0 = of all of the authority */
    int64_t authority;     /* 0 = all */
    struct str state;      /* empty = any, "open" = not over */
    int64_t cursor, limit; /* ids below the cursor, newest first */
};
/** Rows for db_operation_record_next. */
enum rc db_operation_record_list(struct sql *db, const struct db_operation_filter *f, struct sql_rows **rows,
                                 struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_operation_record_next(struct sql_rows *rows, struct db_operation_record *out, struct err *e);
/** One row for db_operation_record_next: a result may be large, and is not copied. @param authority  0 = any */
enum rc db_operation_record_find(struct sql *db, int64_t id, int64_t authority, struct sql_rows **rows, struct err *e);
/** How many of a device are not over. */
enum rc db_operation_record_count_open(struct sql *db, int64_t device, int64_t *out, struct err *e);
/** The whole result, sealed, where tree_result hides secrets. @param a  holds the texts. @return RC_NOT_FOUND when there is none */
enum rc db_operation_record_sealed(struct sql *db, int64_t id, struct arena *a, struct str *correlator,
                                   struct str *sealed, struct err *e);

/* One line of its history. */
struct db_operation_step {
    int64_t at_ms, code;
    struct str state, reason;
};
/** Rows for db_operation_record_next_step. */
enum rc db_operation_record_steps(struct sql *db, int64_t id, struct sql_rows **rows, struct err *e);
enum rc db_operation_record_next_step(struct sql_rows *rows, struct db_operation_step *out, struct err *e);

/* What goes on with a VM. */
struct db_operation_of_vm {
    int64_t id, percent;
    struct str kind, state;
};
/** The oldest one of a VM that is not over. @param a  holds the texts. @return RC_NOT_FOUND */
enum rc db_operation_record_of_vm(struct sql *db, int64_t device, struct str vm, struct arena *a,
                                  struct db_operation_of_vm *out, struct err *e);

/** Remove those that are over since before this time, at most `limit`; what a person did to a VM last, which is what policies
 *  leave alone, stays until something newer of its kind. @param removed  may be NULL */
enum rc db_operation_record_expire(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed, struct err *e);
/** Forget what is sealed of results of before this time, at most `limit` of them. @param removed  may be NULL */
enum rc db_operation_record_expire_sealed(struct sql *db, int64_t before_ms, int64_t limit, int64_t *removed,
                                          struct err *e);
#endif
