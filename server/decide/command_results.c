/* SPDX-License-Identifier: Apache-2.0 */
/* The results of an operation's commands: the status of each, and the value read back. For an operation with one
 * command: the value read back. */
#include "server/decide/message.h"
#include <string.h>

enum { LOOKS = 100 };

/* The row of a command of an operation. */
static struct db_operation_item row_of(const struct pol_operation *op, const struct pol_item *it)
{
    return (struct db_operation_item){ .operation = op->id, .seq = it ? it - op->items + 1 : 0 };
}

static void change(struct message_work *v, enum dm_item_what what, const struct db_operation_item *row)
{
    dm_change_item(v->c, what, row, (struct str){ 0 });
}

/* For "acl": add each performed command, in order. */
static struct pol_item *add_item(struct message_work *v, struct pol_operation *op, const char *command, struct str uri,
                                 struct str data)
{
    struct pol_item *list = op->n_items < LOOKS ? ARENA_ARRAY(v->a, struct pol_item, op->n_items + 1) : NULL, *it;
    if (!list) {
        message_nomem(v);
        return NULL;
    }
    if (op->n_items) memcpy(list, op->items, op->n_items * sizeof *list);
    op->items = list;
    it = &list[op->n_items++];
    *it = (struct pol_item){ .command = str_of(command), .data = data };
    if (!arena_str(v->a, uri, &it->uri)) message_nomem(v);
    struct db_operation_item row = row_of(op, it);
    row.command = it->command;
    row.uri = it->uri;
    row.data = data;
    row.has_data = data.n > 0;
    change(v, DM_ITEM_ADD, &row);
    return it;
}

static void set_seen(struct message_work *v, const struct pol_operation *op, struct pol_item *it, int code,
                     struct str value)
{
    it->seen_code = code;
    it->seen = value;
    it->seen_ms = v->w->now_ms;
    struct db_operation_item row = row_of(op, it);
    row.seen_code = code;
    row.seen = value;
    row.seen_ms = v->w->now_ms;
    change(v, DM_ITEM_SEEN, &row);
}

void message_item_code(struct message_work *v, struct pol_operation *op, size_t i, int code)
{
    if (i >= op->n_items) return;
    op->items[i].code = code;
    struct db_operation_item row = row_of(op, &op->items[i]);
    row.code = code;
    change(v, DM_ITEM_CODE, &row);
}

void message_item_result(struct message_work *v, const struct pol_operation *op, size_t i, struct str json)
{
    if (i >= op->n_items) return;
    const struct db_operation_item row = row_of(op, &op->items[i]);
    dm_change_item(v->c, DM_ITEM_RESULT, &row, json);
}

void message_item_changed(struct message_work *v, struct pol_operation *op, struct str uri, int64_t by)
{
    for (size_t i = 0; i < op->n_items && op->id != by; i++) {
        struct pol_item *it = &op->items[i];
        if (it->changed || !pol_item_meets(it->command, it->uri, uri)) continue;
        it->changed = true;
        it->changed_by = by;
        struct db_operation_item row = row_of(op, it);
        row.changed_by = by;
        change(v, DM_ITEM_CHANGED, &row);
    }
}

void message_items_sent(struct message_work *v, struct pol_operation *op, const struct pol_step *s)
{
    if (str_is(op->tree_command, "acl")) {
        add_item(v, op, dm_command_word(DM_REPLACE), s->uri, s->data);
        return;
    }
    if (!pol_is_group(op)) return;
    for (size_t i = 0; i < op->n_items; i++) {
        struct pol_item *it = &op->items[i];
        it->code = it->seen_code = 0;
        it->seen_ms = 0;
        it->changed = false;
    }
    const struct db_operation_item row = row_of(op, NULL);
    change(v, DM_ITEM_SENT, &row);
}

void message_acl_code(struct message_work *v, struct pol_operation *op, int code)
{
    for (size_t i = op->n_items; i-- > 0;)
        if (dm_command_of(op->items[i].command) == DM_REPLACE) {
            message_item_code(v, op, i, code);
            return;
        }
}

static void list_seen(struct message_work *v, struct pol_operation *op, struct str uri, int code,
                      const struct str *value)
{
    struct pol_item *it = NULL;
    for (size_t i = op->n_items; i-- > 0 && dm_command_of(op->items[i].command) != DM_REPLACE;)
        if (str_eq(op->items[i].uri, uri)) it = &op->items[i];
    if (!it && !(it = add_item(v, op, "get", uri, (struct str){ 0 }))) return;
    set_seen(v, op, it, code, value ? *value : it->seen);
    message_item_code(v, op, (size_t)(it - op->items), code);
}

void message_item_seen(struct message_work *v, struct pol_operation *op, struct str uri, int code,
                       const struct str *value)
{
    if (!pol_is_group(op)) {
        list_seen(v, op, uri, code, value);
        return;
    }
    for (size_t i = 0; i < op->n_items; i++)
        if (str_eq(op->items[i].uri, uri) && !pol_is_look(op->items[i].command))
            set_seen(v, op, &op->items[i], code, value ? *value : op->items[i].seen);
}
