/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_TOKEN_H
#define DB_TOKEN_H
/* Bearer tokens of the REST API. */
#include "db/sql/sql.h"

struct db_token {
    int64_t id, authority;     /* authority 0 = all authorities */
    struct str authority_name; /* empty = all authorities */
    struct str name;           /* its owner or its purpose */
    struct str role;
    struct str hash; /* SHA-256 of the token */
    int64_t created_ms;
    int64_t expires_ms; /* 0 = never */
    int64_t used_ms;    /* last use, to the minute; 0 = never */
};

/** @param a  holds the texts of `out`. @return RC_NOT_FOUND */
enum rc db_token_by_hash(struct sql *db, struct str hash, struct arena *a, struct db_token *out, struct err *e);
enum rc db_token_by_id(struct sql *db, int64_t id, struct arena *a, struct db_token *out, struct err *e);
/** Tokens of an authority (0 = all) with ids after `cursor`: rows for db_token_next. */
enum rc db_token_list(struct sql *db, int64_t authority, int64_t cursor, int64_t limit, struct sql_rows **rows,
                      struct err *e);
/** @param out  texts are good until the next step. @return RC_NOT_FOUND at the end */
enum rc db_token_next(struct sql_rows *rows, struct db_token *out, struct err *e);
/** Count the unexpired tokens of administrators of all authorities. */
enum rc db_token_count_admins(struct sql *db, int64_t now_ms, int64_t *out, struct err *e);

/** @param v   id, authority_name and used_ms are ignored. @param id  may be NULL
 * @return RC_EXISTS when the hash exists */
enum rc db_token_add(struct sql *db, const struct db_token *v, int64_t *id, struct err *e);
enum rc db_token_used(struct sql *db, int64_t id, int64_t now_ms, struct err *e);
/** @param authority  must be the token's authority (0 = any). @return RC_NOT_FOUND */
enum rc db_token_delete(struct sql *db, int64_t authority, int64_t id, struct err *e);
#endif
