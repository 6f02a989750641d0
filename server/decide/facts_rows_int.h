/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_DECIDE_FACTS_ROWS_INT_H
#define SERVER_DECIDE_FACTS_ROWS_INT_H
/* How a fact is written into a recording and read back: one table of members for each struct, used both ways. Members that are
 * zero or empty are left out. Texts that are none (octets) are {"b64": ...}. */
#include "base/doc.h"
#include "base/json_out.h"
#include "server/decide/facts.h"

/* SECRET: a text that is covered when the row's `uri` is that of a secret node. */
enum fact_kind { FACT_TEXT, FACT_SECRET, FACT_I64, FACT_U64, FACT_INT, FACT_BOOL };

struct fact_member {
    const char *key;
    enum fact_kind kind;
    size_t at;
};

struct fact_row {
    const struct fact_member *member;
    size_t n, size;
};

/* A mirror's row with its address. */
struct fact_node {
    struct str uri;
    struct db_node row;
};

extern const struct fact_row facts_rows_device, facts_rows_node, facts_rows_failure, facts_rows_wish,
    facts_rows_attribute, facts_rows_operation, facts_rows_item, facts_rows_image, facts_rows_hold, facts_rows_set,
    facts_rows_charge, facts_rows_vm, facts_rows_assignment, facts_rows_failed, facts_rows_beside;

/** As many covering characters as the value has octets, when the node is secret; else the value. */
struct str facts_rows_covered(struct str uri, struct str value, struct arena *a);
/** Members of x into the object that is begun. @param uri  whose secrets x holds; NULL: none */
void facts_rows_put(struct json_out *j, const struct fact_row *r, const void *x, const struct str *uri,
                    struct arena *a);
/** Into x, which is zero. @return RC_INVALID for what cannot be read (e says where), RC_NOMEM */
enum rc facts_rows_get(const struct doc *d, const char *name, const struct fact_row *r, struct arena *a, void *x,
                       struct err *e);
/** A list of such objects. @param out  elements of r->size octets */
enum rc facts_rows_get_list(const struct doc *list, const char *name, const struct fact_row *r, struct arena *a,
                            void **out, size_t *n, struct err *e);
#endif
