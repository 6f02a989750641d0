/* SPDX-License-Identifier: Apache-2.0 */
/* Tree commands of users: single, as an Atomic, as a Sequence. */
#include "ddf/uri.h"
#include "policy/plan/planner_int.h"

/* ---- send ---- */

/* Set Format and Type always (some clients crash without them): the caller's, else the description's, else text. An
 * interior node has Data only when the caller gave some. */
static void say_meta(const struct planning *p, const struct pol_item *it, struct pol_step *s)
{
    bool property = str_find(it->uri, '?', 0) < it->uri.n;
    const struct ddf_node *n = p->f->schema && !property ? ddf_schema_find(p->f->schema, it->uri) : NULL;
    s->format = it->format.n ? it->format : n ? str_of(ddf_format_name(n->format)) : STR("chr");
    s->type = it->type;
    if (str_is(s->format, "node")) {
        s->has_data = it->has_data;
        return;
    }
    if (!s->type.n && n && n->mime.n && str_find(n->mime, ' ', 0) == n->mime.n) s->type = n->mime;
    if (!s->type.n) s->type = str_is(s->format, "bin") ? STR("application/octet-stream") : STR("text/plain");
}

/* NULL: the command is unknown, and the operation has failed. */
static struct pol_step *step_of(struct planning *p, struct live_op *op, const struct pol_item *it, struct str why)
{
    const enum dm_command command = dm_command_of(it->command);
    if (command == DM_NONE || dm_command_groups(command) || command == DM_ACL) {
        planner_op_fail(
            p, op, 400,
            planner_say(
                p,
                "there is no tree command \"%.*s\" (get, add, replace, delete, exec, copy, display, confirm, input, choice,"
                " choices, atomic, sequence, acl)",
                STR_ARG(it->command)));
        return NULL;
    }
    struct pol_step *s = planner_new_step(p, command, POL_FOR_OPERATION, it->uri, why);
    if (!s || command == DM_GET || command == DM_DELETE) return s;
    s->data = it->data;
    s->has_data = s->verb != DM_EXEC || it->data.n;
    if (dm_command_asks(command)) {
        s->format = str_of(dm_command_alert(command));
        s->type = it->type;
    } else if (s->has_data || it->format.n) {
        say_meta(p, it, s);
    }
    return s;
}

/* The command of an operation with a single command. */
static struct pol_item only_item(const struct pol_operation *o)
{
    return (struct pol_item){ .command = o->tree_command,
                              .uri = o->tree_uri,
                              .format = o->tree_format,
                              .type = o->tree_type,
                              .data = o->tree_data,
                              .secret = o->secret,
                              .has_data = o->has_data };
}

/* Build one step with all commands. The first invalid one fails the operation. */
static void send_group(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    bool atomic = dm_command_of(o->tree_command) == DM_ATOMIC;
    struct pol_step *whole = planner_new_step(p, atomic ? DM_ATOMIC : DM_SEQUENCE, POL_FOR_OPERATION, (struct str){ 0 },
                                              planner_say(p, "%.*s of %d commands (operation %lld)",
                                                          STR_ARG(o->tree_command), (int)o->n_items, (long long)o->id));
    struct pol_step **tail = whole ? &whole->children : NULL;
    for (size_t i = 0; i < o->n_items && tail; i++) {
        const struct pol_item *it = &o->items[i];
        struct pol_step *s = step_of(p, op, it,
                                     planner_say(p, "command %d: %.*s (operation %lld)", (int)i + 1,
                                                 STR_ARG(it->command), (long long)o->id));
        if (!s) return;
        s->operation = o->id;
        s->correlator = s->verb == DM_EXEC ? o->correlator : (struct str){ 0 };
        if (!planner_step_in_order(p, s, (struct str){ 0 })) {
            const struct pol_wait *last = p->out->waits;
            while (last && last->next) last = last->next;
            planner_op_fail(p, op, last ? last->code : 400, last ? last->why : STR("a command is not in order"));
            return;
        }
        *tail = s;
        tail = &s->next;
    }
    planner_op_send(p, op, whole);
}

void planner_tree_send(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    if (str_is(o->tree_command, "acl")) {
        planner_acl_send(p, op);
    } else if (pol_is_group(o)) {
        send_group(p, op);
    } else {
        const struct pol_item it = only_item(o);
        planner_op_send(p, op,
                        step_of(p, op, &it,
                                planner_say(p, "%.*s (operation %lld)", STR_ARG(o->tree_command), (long long)o->id)));
    }
}

/* ---- results ---- */

void planner_tree_again(struct planning *p, struct live_op *op)
{
    bool more = op->op->tries < POL_MAX_TRIES;
    struct pol_verdict v = { .state = more ? POL_OP_QUEUED : POL_OP_FAILED,
                             .percent = -1,
                             .why = more ? STR("its answer was lost; it is sent again")
                                         : STR("its answer was lost; given up after the last try") };
    planner_add_move(p, op, &v);
}

void planner_op_unknown(struct planning *p, struct live_op *op, const char *why)
{
    struct pol_verdict v = { .state = POL_OP_UNKNOWN,
                             .percent = -1,
                             .why = planner_say(p, "outcome unknown: %s", why) };
    planner_add_move(p, op, &v);
}

static bool writes(const struct pol_item *it)
{
    return dm_command_of(it->command) == DM_ADD || dm_command_of(it->command) == DM_REPLACE;
}

/* A serialised tree: the nodes that result from it differ from what was sent. */
static bool is_subtree(const struct pol_item *it)
{
    return str_is(it->format, "node") || str_starts(it->type, STR("application/vnd.syncml.dmtnds"));
}

static struct str base_of(struct str uri)
{
    return str_slice(uri, 0, str_find(uri, '?', 0));
}

/* Does a Get of this address return what was written there? Of the properties, Title and Type do. A rename is read
 * at the new address, and an access list has a command of its own, because its order may change. */
static bool tells(struct str uri)
{
    return base_of(uri).n == uri.n || str_ends(uri, STR("?prop=Title")) || str_ends(uri, STR("?prop=Type"));
}

/* Can the device report whether the command took effect? Not when it reports neither value nor property, nor when a
 * later command of the group changed the node again. */
static bool can_tell(const struct planning *p, const struct pol_operation *o, const struct pol_item *it)
{
    bool deletes = dm_command_of(it->command) == DM_DELETE;
    if (it->secret) return false;
    if ((!deletes && !writes(it)) || it->changed || !tells(it->uri) || !planner_readable(p, base_of(it->uri)))
        return false;
    for (const struct pol_item *later = it + 1; pol_is_group(o) && later < o->items + o->n_items; later++) {
        struct str at = base_of(later->uri);
        if (!pol_is_look(later->command) && at.n &&
            (ddf_uri_within(it->uri, at) || (deletes && ddf_uri_within(at, it->uri))))
            return false;
    }
    return true;
}

enum effect { NOT_KNOWN, ASKED, THERE, MISSING };

/* The time from which a read counts: a command that the device is still executing is checked again in each session. */
static int64_t counts_since(const struct planning *p, const struct live_op *op)
{
    return op->state == POL_OP_ACCEPTED && p->f->session_ms > 0 ? p->f->session_ms : 1;
}

/* Is the node as this command leaves it? Reads it from the device unless that was done since. */
static enum effect effect_of(struct planning *p, struct live_op *op, const struct pol_item *it)
{
    bool deletes = dm_command_of(it->command) == DM_DELETE;
    if (!can_tell(p, op->op, it)) return NOT_KNOWN;
    if (it->seen_ms < counts_since(p, op))
        return planner_op_look(p, op, it->uri, STR("check its effect")) ? ASKED : NOT_KNOWN;
    if (it->seen_code == 404 || it->seen_code == 410) return deletes ? THERE : MISSING;
    if (it->seen_code < 200 || it->seen_code >= 300) return NOT_KNOWN;
    if (deletes) return MISSING;
    return is_subtree(it) || planner_same_value(it->format.n ? it->format : STR("chr"), it->data, it->seen) ? THERE
                                                                                                            : MISSING;
}

struct effects {
    size_t asked, there, missing, not_known, changed;
    const struct pol_item *first_missing;
};

static struct effects effects_of(struct planning *p, struct live_op *op)
{
    struct effects x = { 0 };
    for (size_t i = 0; i < op->op->n_items; i++) {
        const struct pol_item *it = &op->op->items[i];
        enum effect one = effect_of(p, op, it);
        if (pol_is_look(it->command)) continue;
        x.asked += one == ASKED;
        x.there += one == THERE;
        x.missing += one == MISSING;
        x.not_known += one == NOT_KNOWN;
        x.changed += it->changed;
        if (one == MISSING && !x.first_missing) x.first_missing = it;
    }
    return x;
}

static bool is_silent(const struct pol_operation *o)
{
    for (size_t i = 0; i < o->n_items; i++)
        if (!pol_is_look(o->items[i].command)) return false;
    return true;
}

static struct str what_is(struct planning *p, const struct pol_item *it)
{
    if (it->seen_code == 404 || it->seen_code == 410) return STR("the node does not exist");
    if (!writes(it)) return STR("the node still exists");
    return planner_say(p, "the value is \"%.*s\"", STR_ARG(str_slice(it->seen, 0, 100)));
}

/* The device reported success, and its effect cannot be read. */
static void believe(struct planning *p, struct live_op *op, struct str why)
{
    struct pol_verdict v = { .state = POL_OP_VERIFIED, .code = 200, .percent = 100, .why = why };
    planner_add_move(p, op, &v);
}

/* The device reported success. */
static void prove_group(struct planning *p, struct live_op *op)
{
    const struct effects x = effects_of(p, op);
    const struct pol_item *it = x.first_missing;
    if (x.asked) return;
    if (!it && x.not_known)
        believe(p, op,
                planner_say(p, "the device reports success; %d of its %d changes cannot be read back", (int)x.not_known,
                            (int)(x.there + x.not_known)));
    else if (!it)
        planner_add_verified(p, op);
    else
        planner_op_fail(p, op, 0,
                        planner_say(p, "the device reports success, but after command %d (%.*s %.*s) %.*s",
                                    (int)(it - op->op->items) + 1, STR_ARG(it->command), STR_ARG(it->uri),
                                    STR_ARG(what_is(p, it))));
}

/* The answer was lost. An Atomic took effect or not; of a Sequence the beginning may have. A group with a partial or
 * unknown effect is not repeated. */
static void find_group(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    if (is_silent(o)) {
        planner_tree_again(p, op);
        return;
    }
    const struct effects x = effects_of(p, op);
    if (x.asked) return;
    if (x.missing && (dm_command_of(o->tree_command) == DM_ATOMIC || (!x.there && !x.not_known)))
        planner_tree_again(p, op);
    else if (x.missing)
        planner_op_fail(p, op, 0,
                        planner_say(p,
                                    "its answer was lost; the device has %d of its %d changes, so it is not sent again",
                                    (int)x.there, (int)(x.there + x.missing + x.not_known)));
    else if (x.there)
        planner_add_verified(p, op);
    else
        planner_op_unknown(p, op, "its answer was lost; it is not repeated because its effect cannot be read");
}

/* Another command of this authority that may take effect at any moment: a value that is read then proves nothing
 * about `op`. */
static const struct pol_operation *rival(const struct planning *p, const struct pol_operation *op)
{
    for (size_t i = 0; i < p->f->n_operations; i++) {
        const struct pol_operation *o = &p->f->operations[i];
        if (o == op || !o->tries || !str_is(o->kind, "tree")) continue;
        if (!pol_is_group(o) && pol_item_meets(o->tree_command, o->tree_uri, op->tree_uri)) return o;
        for (size_t k = 0; k < o->n_items; k++)
            if (pol_item_meets(o->items[k].command, o->items[k].uri, op->tree_uri)) return o;
    }
    return NULL;
}

/* The last read of this address; NULL = none yet. */
static const struct pol_item *last_look(const struct pol_operation *o, struct str uri)
{
    for (size_t i = o->n_items; i-- > 0;)
        if (str_eq(o->items[i].uri, uri) && o->items[i].seen_ms) return &o->items[i];
    return NULL;
}

/* The only command with the result of its last read. After a rename: does the new node exist? */
static struct pol_item only_seen(struct planning *p, const struct pol_operation *o)
{
    struct pol_item it = only_item(o);
    if (writes(&it) && str_ends(it.uri, STR("?prop=Name"))) {
        it.uri = planner_say(p, "%.*s/%.*s", STR_ARG(ddf_uri_parent(base_of(it.uri))), STR_ARG(it.data));
        it.format = STR("node");
    }
    const struct pol_item *seen = last_look(o, it.uri);
    if (seen) {
        it.seen_code = seen->seen_code;
        it.seen = seen->seen;
        it.seen_ms = seen->seen_ms;
    }
    return it;
}

/* The device reported success, and a read verifies it. */
static void prove_by_look(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op, *other;
    const struct pol_item it = only_seen(p, o);
    const enum effect effect = effect_of(p, op, &it);
    if (effect == ASKED) return;
    if (effect == THERE) {
        planner_add_verified(p, op);
    } else if (effect == NOT_KNOWN && it.seen_ms) {
        struct str code = pol_code_text(p->l, it.seen_code, p->a);
        believe(p, op,
                planner_say(p, "the device reports success, and the effect cannot be read: %.*s", STR_ARG(code)));
    } else if (effect == NOT_KNOWN) {
        believe(p, op, STR("the device reports success"));
    } else if ((other = rival(p, o)) != NULL) {
        believe(p, op,
                planner_say(p, "the device reports success; operation %lld is in progress too and may have changed it",
                            (long long)other->id));
    } else {
        planner_op_fail(p, op, 0, planner_say(p, "the device reports success, but %.*s", STR_ARG(what_is(p, &it))));
    }
}

/* The device accepted the value: the mirror has what it reports. */
static void prove_value(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    const struct pol_item it = only_item(o);
    const struct pol_mirror_node *n = planner_mirror_find(p, o->tree_uri);
    bool property = base_of(o->tree_uri).n < o->tree_uri.n; /* the mirror keeps values only */
    bool told = writes(&it) && n && n->known == POL_REPORTED;
    const struct pol_operation *other = NULL;
    if (!writes(&it) || property || o->secret || is_subtree(&it) || !planner_readable(p, o->tree_uri)) {
        prove_by_look(p, op);
    } else if (told && planner_same_value(n->format, n->value, o->tree_data)) {
        planner_add_verified(p, op);
    } else if ((told || !n) && (other = rival(p, o)) != NULL) {
        believe(p, op,
                planner_say(p, "the device reports success; operation %lld is in progress too and may have changed it",
                            (long long)other->id));
    } else if (told) {
        planner_op_fail(p, op, 0,
                        planner_say(p, "the device reports success, but the value is \"%.*s\"",
                                    STR_ARG(str_slice(n->value, 0, 100))));
    } else if (!n) {
        planner_op_fail(p, op, 0, STR("the device reports success, but the node does not exist"));
    } else if (!planner_add_read(p, n->uri, false, POL_FOR_VERIFY, "read back what was written")) {
        const struct pol_failure *x = planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(n->uri)));
        struct str code = pol_code_text(p->l, x ? x->code : 0, p->a);
        if (x && x->tries >= POL_MAX_TRIES)
            believe(p, op,
                    planner_say(p, "the device reports success, and the effect cannot be read: %.*s", STR_ARG(code)));
    }
}

/* The device reported that it works on it. An Exec is reported by its own alert only; a value is read in each
 * session. */
static void look_whether_done(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    struct effects x = { 0 };
    if (pol_is_group(o)) {
        x = effects_of(p, op);
    } else {
        const struct pol_item it = only_seen(p, o);
        enum effect one = effect_of(p, op, &it);
        x.asked = one == ASKED;
        x.there = one == THERE;
    }
    if (x.asked || x.missing) return;
    if (x.there && !x.not_known) {
        planner_add_verified(p, op);
    } else if (x.changed && x.changed == x.not_known) {
        struct pol_verdict v = { .state = POL_OP_SUPERSEDED,
                                 .percent = -1,
                                 .why = STR("the device reported that it works on it; it was changed since") };
        planner_add_move(p, op, &v);
    }
}

/* A command that was given up may have taken effect: the device's report decides. */
static void find_value(struct planning *p, struct live_op *op)
{
    const struct pol_item it = only_seen(p, op->op);
    switch (effect_of(p, op, &it)) {
    case ASKED: break;
    case THERE: planner_add_verified(p, op); break;
    case MISSING:
        planner_op_fail(p, op, 0,
                        STR("the session ended each time before its answer came, and it did not take effect"));
        break;
    case NOT_KNOWN:
        planner_op_unknown(p, op,
                           can_tell(p, op->op, &it) && !it.seen_ms
                               ? "the session ended each time before its answer came, and it cannot be read back"
                               : "the session ended each time before its answer came, and its effect cannot be read");
        break;
    }
}

/* An Exec of a VM's operation: the VM's Progress tells whether this operation ran. Any other Exec is reported only
 * by an alert with its Correlator. */
static void find_exec(struct planning *p, struct live_op *op)
{
    const struct pol_operation *o = op->op;
    struct ddf_match m = { 0 };
    const struct pol_mirror_node *c = NULL;
    if (ddf_layout_match(p->l, o->tree_uri, &m) && m.operation && m.scope == DDF_VM)
        c = planner_mirror_entry(p, DDF_ROLE_PROGRESS_CORRELATOR, m.owner);
    if (c && c->known == POL_REPORTED && c->at_ms > o->updated_ms) {
        struct pol_progress at = { .correlator = c->value, .percent = -1 };
        struct pol_verdict v;
        if (!str_eq(c->value, o->correlator)) {
            planner_op_unknown(p, op, "its answer was lost, and the VM's Progress is of another operation");
            return;
        }
        planner_mirror_number(p, DDF_ROLE_PROGRESS_PHASE, m.owner, &at.phase);
        planner_mirror_number(p, DDF_ROLE_PROGRESS_PCT, m.owner, &at.percent);
        planner_mirror_number(p, DDF_ROLE_PROGRESS_RESULT, m.owner, &at.result);
        pol_op_on_progress(p->l, o, &at, p->a, &v);
        planner_add_move(p, op, &v);
        return;
    }
    if (!m.operation || m.scope != DDF_VM ||
        !planner_add_progress_read(p, DDF_VM, m.owner, POL_FOR_INQUIRY, "result of the operation"))
        planner_op_unknown(p, op, "its answer was lost; it is not repeated because its effect cannot be read");
}

void planner_tree_inquire(struct planning *p, struct live_op *op)
{
    struct str c = op->op->tree_command;
    bool lost = op->state == POL_OP_SENT, said = op->state == POL_OP_ACKNOWLEDGED;
    if (str_is(c, "acl"))
        planner_acl_inquire(p, op);
    else if (lost && pol_is_group(op->op))
        find_group(p, op);
    else if (said && pol_is_group(op->op))
        prove_group(p, op);
    else if (lost && str_eq_fold(c, STR("exec")))
        find_exec(p, op);
    else if (lost && op->op->tries >= POL_MAX_TRIES && !pol_is_look(c))
        find_value(p, op);
    else if (lost)
        planner_tree_again(p, op);
    else if (said)
        prove_value(p, op);
    else if (op->state == POL_OP_ACCEPTED)
        look_whether_done(p, op);
}
