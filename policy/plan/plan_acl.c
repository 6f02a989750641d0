/* SPDX-License-Identifier: Apache-2.0 */
/* Access rights are changed by reading, changing and writing the ACL (protocol.md 11). A write always replaces the
 * whole list; an empty list means that the list of the node above applies. */
#include "base/kv.h"
#include "ddf/acl.h"
#include "ddf/uri.h"
#include "policy/plan/planner_int.h"

static struct str argument(struct str args, const char *name)
{
    struct str value = { 0 };
    kv_get(args, ';', name, &value);
    return value;
}

static struct str acl_uri(struct planning *p, struct str node)
{
    return planner_say(p, "%.*s?prop=ACL", STR_ARG(node));
}

/* Index of the first item after the last write; 0 = nothing was written. */
static size_t after_last_write(const struct pol_operation *o)
{
    size_t i = o->n_items;
    while (i && dm_command_of(o->items[i - 1].command) != DM_REPLACE) i--;
    return i;
}

static const struct pol_item *last_written(const struct pol_operation *o)
{
    size_t i = after_last_write(o);
    return i ? &o->items[i - 1] : NULL;
}

/* The last read of this node's own list in this session, since it was last written; items are in the order of
 * execution. */
static const struct pol_item *last_look(const struct planning *p, const struct pol_operation *o, struct str uri)
{
    for (size_t i = after_last_write(o); i < o->n_items; i++) {
        const struct pol_item *it = &o->items[i];
        if (str_is(it->command, "get") && str_eq(it->uri, uri) && it->seen_ms && it->seen_ms >= p->f->session_ms)
            return it;
    }
    return NULL;
}

static void end(struct planning *p, struct live_op *op, enum pol_op_state state, int code, struct str why)
{
    struct pol_verdict v = { .state = state, .code = code, .percent = state == POL_OP_VERIFIED ? 100 : -1, .why = why };
    planner_add_move(p, op, &v);
}

enum look { LOOKING, READ, REFUSED };

/* The node's own list; reads it from the device when it is unknown. REFUSED: the operation has failed. */
static enum look own_list(struct planning *p, struct live_op *op, struct str node, struct str *out)
{
    struct str uri = acl_uri(p, node);
    const struct pol_item *it = last_look(p, op->op, uri);
    struct err e = { 0 };
    bool first = str_eq(node, op->op->tree_uri);
    if (!it &&
        planner_op_look(p, op, uri, planner_say(p, "current access rights (operation %lld)", (long long)op->op->id)))
        return LOOKING;
    if (!it) {
        const struct pol_failure *x = planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(uri)));
        struct str code = pol_code_text(p->l, x ? x->code : 0, p->a);
        planner_op_fail(p, op, x ? x->code : 0,
                        planner_say(p, "%.*s cannot be read: %.*s", STR_ARG(uri), STR_ARG(code)));
        return REFUSED;
    }
    if (it->seen_code < 200 || it->seen_code >= 300) {
        struct str code = pol_code_text(p->l, it->seen_code, p->a);
        planner_op_fail(
            p, op, it->seen_code,
            planner_say(p, "%.*s cannot be read: %.*s%s", STR_ARG(uri), STR_ARG(code),
                        first ? "" : "; without it the effective rights are unknown: replace the whole list instead"));
        return REFUSED;
    }
    if (ddf_acl_check(it->seen, &e)) {
        planner_op_fail(p, op, 0,
                        planner_say(p, "%.*s is \"%.*s\", which is not an access control list: %s", STR_ARG(uri),
                                    STR_ARG(str_slice(it->seen, 0, 100)), e.text));
        return REFUSED;
    }
    *out = it->seen;
    return READ;
}

/* The list that applies to the node, and its node: the first one above that is not empty. */
static enum look list_in_force(struct planning *p, struct live_op *op, struct str *acl, struct str *from)
{
    *from = op->op->tree_uri;
    for (;;) {
        enum look x = own_list(p, op, *from, acl);
        if (x != READ || acl->n || str_is(*from, ".")) return x;
        *from = ddf_uri_parent(*from);
    }
}

/* A right that this authority would take from itself. */
static const char *right_lost(const struct planning *p, struct str before, struct str after)
{
    static const struct {
        enum ddf_access bit;
        const char *name;
    } rights[] = { { DDF_REPLACE, "Replace" },
                   { DDF_GET, "Get" },
                   { DDF_DELETE, "Delete" },
                   { DDF_ADD, "Add" },
                   { DDF_EXEC, "Exec" } };
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++)
        if (ddf_acl_allows(before, rights[i].bit, p->f->server_id) &&
            !ddf_acl_allows(after, rights[i].bit, p->f->server_id))
            return rights[i].name;
    return NULL;
}

static void write_list(struct planning *p, struct live_op *op, struct str acl)
{
    struct pol_step *s = planner_new_step(p, DM_REPLACE, POL_FOR_OPERATION, acl_uri(p, op->op->tree_uri),
                                          planner_say(p, "acl (operation %lld)", (long long)op->op->id));
    if (!s) return;
    s->format = STR("chr");
    s->type = STR("text/plain");
    s->data = acl;
    s->has_data = true;
    planner_op_send(p, op, s);
}

/* Two changes of the same rights are executed one after the other, because each depends on the list that it read. */
static const struct live_op *acl_before(const struct planning *p, const struct live_op *op)
{
    for (const struct live_op *x = p->ops; x < op; x++)
        if (!pol_op_finished(x->state) && str_is(x->op->kind, "tree") && str_is(x->op->tree_command, "acl") &&
            x->op->not_before_ms <= p->f->now_ms &&
            (ddf_uri_within(x->op->tree_uri, op->op->tree_uri) || ddf_uri_within(op->op->tree_uri, x->op->tree_uri)))
            return x;
    return NULL;
}

void planner_acl_send(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    struct str grant = argument(o->args, "grant"), revoke = argument(o->args, "revoke"), now = { 0 }, from, want;
    struct err e = { 0 };
    const struct live_op *before = acl_before(p, op);
    if (before) {
        planner_add_wait(p, (struct str){ 0 }, "waiting",
                         planner_say(p, "acl (operation %lld) waits for operation %lld, which changes the same rights",
                                     (long long)o->id, (long long)before->op->id),
                         0, 0);
        return;
    }
    if (list_in_force(p, op, &now, &from) != READ) return;
    bool own = str_eq(from, o->tree_uri);
    if (!grant.n && !revoke.n) {
        end(p, op, POL_OP_VERIFIED, 200,
            own ? planner_say(p, "its own: %.*s", STR_ARG(now))
                : planner_say(p, "inherited from %.*s: %.*s", STR_ARG(from), STR_ARG(now)));
        return;
    }
    if (ddf_acl_change(now, grant, revoke, p->a, &want, &e)) {
        planner_op_fail(p, op, 0, planner_say(p, "%s (now: %.*s)", e.text, STR_ARG(now)));
        return;
    }
    const char *lost = right_lost(p, now, want);
    if (!want.n)
        planner_op_fail(p, op, 0,
                        planner_say(p,
                                    "the list would be empty, and then the rights of the node above apply:"
                                    " keep at least one right (now: %.*s)",
                                    STR_ARG(now)));
    else if (ddf_acl_same(now, want))
        end(p, op, POL_OP_VERIFIED, 200, planner_say(p, "no change needed: %.*s", STR_ARG(now)));
    else if (lost && !planner_op_forced(o->args))
        planner_op_fail(
            p, op, 0,
            planner_say(p, "this authority (%.*s) would take %s from itself: use force to do it anyway (now: %.*s)",
                        STR_ARG(p->f->server_id), lost, STR_ARG(now)));
    else
        write_list(p, op, want);
}

/* The device accepted the list: does it report it? An authority without the right to read it cannot verify it. */
static void prove_list(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    const struct pol_item *wrote = last_written(o), *it = last_look(p, o, acl_uri(p, o->tree_uri));
    struct str want = wrote ? wrote->data : (struct str){ 0 };
    if (!it && planner_op_look(p, op, acl_uri(p, o->tree_uri), STR("read back what was written"))) return;
    if (!it || it->seen_code < 200 || it->seen_code >= 300)
        end(p, op, POL_OP_VERIFIED, 200, /* the text of its change; the refused read keeps its own */
            planner_say(p, "the device reports success, and does not let this authority read it back: %.*s",
                        STR_ARG(want)));
    else if (ddf_acl_same(it->seen, want))
        end(p, op, POL_OP_VERIFIED, 200, planner_say(p, "the device reports this list: %.*s", STR_ARG(it->seen)));
    else
        planner_op_fail(p, op, 0,
                        planner_say(p, "the device reports success, but the list is \"%.*s\"",
                                    STR_ARG(str_slice(it->seen, 0, 200))));
}

/* A command that was given up may have taken effect. */
static void find_list(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    const struct pol_item *wrote = last_written(o), *it = last_look(p, o, acl_uri(p, o->tree_uri));
    if (!it && planner_op_look(p, op, acl_uri(p, o->tree_uri), STR("check its effect"))) return;
    if (!it || it->seen_code < 200 || it->seen_code >= 300)
        planner_op_unknown(p, op,
                           "the session ended each time before its answer came, and the list cannot be read back");
    else if (wrote && ddf_acl_same(it->seen, wrote->data))
        end(p, op, POL_OP_VERIFIED, 200, planner_say(p, "the device reports this list: %.*s", STR_ARG(it->seen)));
    else
        planner_op_fail(p, op, 0,
                        STR("the session ended each time before its answer came, and it did not take effect"));
}

/* A lost answer: the list is read again before the command is repeated. */
void planner_acl_inquire(struct planning *p, struct live_op *op)
{
    if (op->state == POL_OP_SENT && op->op->tries >= POL_MAX_TRIES)
        find_list(p, op);
    else if (op->state == POL_OP_SENT)
        planner_tree_again(p, op);
    else if (op->state == POL_OP_ACKNOWLEDGED)
        prove_list(p, op);
}
