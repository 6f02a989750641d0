/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_MO_H
#define AGENT_MO_MO_H
/* What the management objects share: members of a struct as texts of leaves, and rows laid by layout name. */
#include "agent/device_int.h"
#include "base/text.h"
#include <stddef.h>

enum mo_kind { MO_INT, MO_I64, MO_BOOL, MO_TEXT, MO_POINTER, MO_TIME };

/* One leaf that shows a member of some struct. */
struct mo_field {
    const char *name;  /* in the layout */
    enum mo_kind kind; /* MO_TEXT: char array; MO_POINTER: const char *; MO_TIME: ms since 1970, 0 = empty */
    size_t offset;
    bool maybe; /* not there while negative (numbers), empty (texts) or 0 (times) */
};
#define MO_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/** @return false when it is not there */
bool mo_text(const struct mo_field *f, const void *base, struct arena *a, struct str *out);
/** The member from a text. Numbers that do not fit are cut. */
void mo_set(const struct mo_field *f, void *base, struct str text);
size_t mo_size(const struct mo_field *f);
/** Lay `row` under an entry of the layout, with row.arg as it stands. RC_OK also when the layout has no such entry
 * (another object's tree). */
enum rc mo_row(struct device_shared *s, enum ddf_scope scope, const char *name, const struct tree_row *row,
               struct err *e);
enum rc mo_operation_row(struct device_shared *s, const struct ddf_operation *op, const struct tree_row *row,
                         struct err *e);
enum rc mo_standard_row(struct device_shared *s, const char *name, const struct tree_row *row, struct err *e);
/** A number as text. */
struct str mo_number(struct arena *a, int64_t n);
#endif
