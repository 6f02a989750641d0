/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DESCRIPTION_H
#define DB_DESCRIPTION_H
/* Uploaded device descriptions (DDF). */
#include "db/sql/sql.h"

struct db_description {
    int64_t id, authority;
    struct str authority_name, name;
    struct str man, mod, mo; /* of the devices that it describes: empty = any */
    struct str objects;      /* identifiers of the described management objects, one per line */
    int64_t nodes, bytes, created_ms;
    struct str created_by;
    struct str data; /* only for db_description_add; lists leave it empty */
};

/** Descriptions of an authority (0 = all) with ids after `cursor`: rows for db_description_next. */
enum rc db_description_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                            struct err *e);
/** Descriptions of an authority, less specific ones first: rows for db_description_next. */
enum rc db_description_by_kind(struct sql *db, int64_t authority, struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_description_next(struct sql_rows *rows, struct db_description *out, struct err *e);
/** @param authority  0 = any. @param a  holds the texts of `out`. @param several  more than one authority has this name
 * @return RC_NOT_FOUND */
enum rc db_description_find(struct sql *db, int64_t authority, struct str name, struct arena *a,
                            struct db_description *out, bool *several, struct err *e);

/* A document. */
struct db_description_text {
    struct str name, data;
};
/** The row of one description, for db_description_next_text: a document may be large and is not copied. */
enum rc db_description_text(struct sql *db, int64_t id, struct sql_rows **rows, struct err *e);
/** Descriptions that may apply to the same devices as one for `man`, `mod`, `mo` (empty = any): rows for
 * db_description_next_text. */
enum rc db_description_beside(struct sql *db, int64_t authority, struct str man, struct str mod, struct str mo,
                              struct sql_rows **rows, struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_description_next_text(struct sql_rows *rows, struct db_description_text *out, struct err *e);

enum rc db_description_add(struct sql *db, const struct db_description *v, struct err *e);
enum rc db_description_delete(struct sql *db, int64_t id, struct err *e);
#endif
