/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/commands.h"

enum { EXEC_DEPTH = 8, EXEC_CHILDREN = 2000, EXEC_ITEMS = 2000 };

/* An answer of the user, kept for an Atomic that is executed again. */
struct exec_said {
    const struct sml_cmd *cmd;
    int code;
    struct sml_item *items;
    struct exec_said *next;
};

/* One item of a command; the command's Meta applies where the item has none, element by element (3.3). */
struct command_item {
    struct str target, source, format, type, data;
    bool has_data;
};

static struct str either(struct str mine, struct str general)
{
    return mine.n ? mine : general;
}

static struct command_item one_of(const struct sml_cmd *c, const struct sml_item *i)
{
    return (struct command_item){
        i->target, i->source,  either(i->meta.format, c->meta.format), either(i->meta.type, c->meta.type),
        i->data,   i->has_data
    };
}

static int get(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    struct tree_leaf *list = NULL;
    struct sml_leaf *all;
    size_t n = 0;
    int status = tree_get(x->t, x->server, i->target, x->a, &list, &n);

    (void)c;
    if (status != 200 || !n) return status;
    all = ARENA_ARRAY(x->a, struct sml_leaf, out->n_results + n);
    if (!all) return 500;
    for (size_t k = 0; k < out->n_results; k++) all[k] = out->results[k];
    for (size_t k = 0; k < n; k++)
        all[out->n_results + k] = (struct sml_leaf){ list[k].uri, str_of(ddf_format_name(list[k].format)), list[k].type,
                                                     list[k].data, list[k].has_data };
    out->results = all;
    out->n_results += n;
    return 200;
}

static int add(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    (void)c, (void)out;
    return tree_add(x->t, x->server, i->target, i->format, i->type, i->data, i->has_data, x->a);
}

static int replace(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    (void)c, (void)out;
    return tree_replace(x->t, x->server, i->target, i->format, i->type, i->data, i->has_data, x->a);
}

static int drop(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    (void)c, (void)out;
    return tree_delete(x->t, x->server, i->target, x->a);
}

static int copy(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    (void)c, (void)out;
    if (!i->source.n) return 400;
    return tree_copy(x->t, x->server, i->source, i->target, x->a);
}

static int exec(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out)
{
    struct tree_call call = { x->server, i->data, c->correlator };

    (void)out;
    return tree_exec(x->t, i->target, &call, x->a);
}

/* The commands that a server may send. Commands without a row are answered with 501 when SyncML has no such element,
 * 405 when DM does not allow it here. */
static const struct command_verb {
    int (*item)(struct exec_run *x, const struct sml_cmd *c, const struct command_item *i, struct sml_answer *out);
    bool in_atomic; /* protocol.md 4, OMA-TS-DM_RepPro-V1_2_1 6.6: Get, Exec and containers are not */
} verbs[SML_CMD_KINDS] = {
    [SML_GET] = { get, false },    [SML_ADD] = { add, true },   [SML_REPLACE] = { replace, true },
    [SML_DELETE] = { drop, true }, [SML_COPY] = { copy, true }, [SML_EXEC] = { exec, false },
};

static void run(struct exec_run *x, const struct sml_cmd *c, bool in_atomic, unsigned depth, struct sml_answer *out);

/* Execute one command with its items. Outside an Atomic each item counts on its own; inside, the first failure ends
 * the command. */
static void items(struct exec_run *x, const struct sml_cmd *c, bool in_atomic, struct sml_answer *out)
{
    size_t n = 0, k = 0;
    int *codes;
    bool alike = true;

    for (const struct sml_item *i = c->items; i; i = i->next) n++;
    if (!n) {
        out->code = 400;
        return;
    }
    codes = n > EXEC_ITEMS ? NULL : ARENA_ARRAY(x->a, int, n);
    if (!codes) {
        out->code = n > EXEC_ITEMS ? 413 : 500;
        return;
    }
    out->code = 200;
    for (const struct sml_item *i = c->items; i; i = i->next, k++) {
        struct command_item one = one_of(c, i);
        codes[k] = in_atomic && out->code != 200 ? 215 : one.target.n ? verbs[c->kind].item(x, c, &one, out) : 400;
        if (codes[k] != 200 && out->code == 200) out->code = codes[k];
        if (!in_atomic) tree_done(x->t);
        if (k && codes[k] != codes[0]) alike = false;
    }
    if (alike)
        out->code = codes[0];
    else
        out->item_codes = codes;
}

/* 1100 to 1104 */
static void interact(struct exec_run *x, const struct sml_cmd *c, struct sml_answer *out)
{
    struct exec_said *said = x->said;
    int64_t code;

    while (said && said->cmd != c) said = said->next;
    if (said) {
        out->code = said->code;
        out->items = said->items;
        return;
    }
    out->code = 406; /* C-017: no user interaction available; also every alert code that DM does not have */
    if (x->user && str_to_i64(str_trim(c->data), &code) && code >= 1100 && code <= 1104)
        out->code = x->user->show(x->user->ctx, x->server, (int)code, c, x->a, &out->items);
    x->waits = !out->code;
    if (x->waits) return;
    said = ARENA_NEW(x->a, struct exec_said);
    x->out_of_memory |= !said;
    if (!said) return;
    *said = (struct exec_said){ c, out->code, out->items, x->said };
    x->said = said;
}

static size_t children(struct exec_run *x, const struct sml_cmd *c, struct sml_answer *out)
{
    size_t n = 0;

    for (const struct sml_cmd *k = c->children; k; k = k->next) n++;
    out->children = n && n <= EXEC_CHILDREN ? ARENA_ARRAY(x->a, struct sml_answer, n) : NULL;
    if (n && !out->children) {
        out->code = n > EXEC_CHILDREN ? 413 : 500;
        x->out_of_memory |= n <= EXEC_CHILDREN;
        return 0;
    }
    return n;
}

static void sequence(struct exec_run *x, const struct sml_cmd *c, unsigned depth, struct sml_answer *out)
{
    size_t k = 0;
    bool skip = false;

    if (!out->code) {    /* otherwise it continues after a prompt */
        out->code = 200; /* as soon as it starts; its children have statuses of their own */
        if (!children(x, c, out)) return;
    }
    for (const struct sml_cmd *child = out->children ? c->children : NULL; child; child = child->next, k++) {
        if (skip) {
            out->children[k].code = 215;
            continue;
        }
        run(x, child, false, depth + 1, &out->children[k]);
        if (x->waits) return;
        /* A user's No or Cancel skips the rest; an ordinary failure does not. */
        if (child->kind == SML_ALERT)
            skip = out->children[k].code == 304 || out->children[k].code == 214 || out->children[k].code == 408;
    }
}

/* protocol.md 4.1. Nothing outside the tree changes before all commands have succeeded, so a rollback always works
 * (never 516). */
static void atomic(struct exec_run *x, const struct sml_cmd *c, unsigned depth, struct sml_answer *out)
{
    size_t mark = tree_mark(x->t), n = children(x, c, out), k = 0, bad;

    if (c->children && !n) return;
    out->code = 200;
    bad = n;
    for (const struct sml_cmd *child = c->children; child; child = child->next, k++) {
        struct sml_answer *answer = &out->children[k];
        if (bad < n) {
            answer->code = 215;
            continue;
        }
        if (child->kind != SML_ALERT && !verbs[child->kind].in_atomic)
            answer->code = 500;
        else
            run(x, child, true, depth + 1, answer);
        if (x->waits) {
            tree_rollback(x->t, mark);
            *out = (struct sml_answer){ 0 };
            return;
        }
        if (answer->code != 200) bad = k;
    }
    if (bad == n) {
        tree_done(x->t);
        return;
    }
    tree_rollback(x->t, mark);
    out->code = 507;
    for (k = 0; k < bad; k++) out->children[k].code = 216;
}

static void run(struct exec_run *x, const struct sml_cmd *c, bool in_atomic, unsigned depth, struct sml_answer *out)
{
    if (out->code && c->kind != SML_SEQUENCE) return; /* executed before a prompt interrupted the message */
    if (depth > EXEC_DEPTH)
        out->code = 500;
    else if (c->kind == SML_ATOMIC && depth)
        out->code = 500; /* nested Atomic */
    else if (c->kind == SML_ATOMIC)
        atomic(x, c, depth, out);
    else if (c->kind == SML_SEQUENCE)
        sequence(x, c, depth, out);
    else if (c->kind == SML_ALERT)
        interact(x, c, out);
    else if (verbs[c->kind].item)
        items(x, c, in_atomic, out);
    else
        out->code = c->kind == SML_UNKNOWN ? 501 : 405;
}

enum rc commands_exec_cmds(struct exec_run *x, struct err *e)
{
    bool cancelled = false; /* 5.1: the user's Cancel stops the message; a No does not */
    size_t k = 0;

    x->waits = false;
    if (x->n && !x->answers) x->answers = ARENA_ARRAY(x->a, struct sml_answer, x->n);
    if (x->n && !x->answers) return err_set(e, RC_NOMEM, "no memory for the answers to %zu commands", x->n);
    for (const struct sml_cmd *c = x->cmds; c && k < x->n && !x->waits; c = c->next, k++) {
        struct sml_answer *answer = &x->answers[k];
        if (cancelled) {
            answer->code = 215;
            continue;
        }
        run(x, c, false, 0, answer);
        cancelled = c->kind == SML_ALERT && answer->code == 214;
        tree_done(x->t);
    }
    return x->out_of_memory ? err_set(e, RC_NOMEM, "no memory for the answers to a container") : RC_OK;
}
