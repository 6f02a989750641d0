/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves the roles of role.h in a layout. */
#include "ddf/layout/layout_int.h"

struct role_row {
    enum ddf_scope scope;
    const char *name;
    bool lacking;
};

static const struct role_row entries[DDF_ROLE_COUNT] = {
#define X(id, scope, name, lacking) [DDF_ROLE_##id] = { DDF_##scope, name, lacking },
    DDF_ROLES(X)
#undef X
};

static const struct role_row operations[DDF_OP_COUNT] = {
#define X(id, scope, name, lacking) [DDF_OP_##id] = { DDF_##scope, name, lacking },
    DDF_OPERATION_ROLES(X)
#undef X
};

static const struct role_row states[DDF_STATE_COUNT] = {
#define X(id, name, lacking) [DDF_STATE_##id] = { DDF_SCOPE_COUNT, name, lacking },
    DDF_STATE_ROLES(X)
#undef X
};

static const struct role_row reasons[DDF_REASON_COUNT] = {
#define X(id, name, lacking) [DDF_REASON_##id] = { DDF_SCOPE_COUNT, name, lacking },
    DDF_REASON_ROLES(X)
#undef X
};

static const struct {
    enum ddf_role entry;
    const char *name;
} words[DDF_WORD_COUNT] = {
#define X(id, entry, name) [DDF_WORD_##id] = { DDF_ROLE_##entry, name },
    DDF_WORD_ROLES(X)
#undef X
};

static const struct {
    enum ddf_operation_role operation;
    const char *name;
} args[DDF_ARG_COUNT] = {
#define X(id, operation, name) [DDF_ARG_##id] = { DDF_OP_##operation, name },
    DDF_ARG_ROLES(X)
#undef X
};

static const char *const alerts[DDF_ALERT_COUNT] = {
#define X(id, name) [DDF_ALERT_##id] = name,
    DDF_ALERTS(X)
#undef X
};

/* ---- names ---- */

static bool listed(struct str name, const char *one, struct buf *list)
{
    if (list) buf_printf(list, " %s", one);
    return str_is(name, one);
}

bool layout_role(enum layout_player kind, enum ddf_scope scope, struct str name, struct buf *list)
{
    bool found = false;
    for (size_t i = 0; kind == LAYOUT_ENTRY && i < DDF_ROLE_COUNT; i++)
        if (entries[i].scope == scope) found |= listed(name, entries[i].name, list);
    for (size_t i = DDF_OP_OTHER + 1; kind == LAYOUT_OPERATION && i < DDF_OP_COUNT; i++)
        if (operations[i].scope == scope) found |= listed(name, operations[i].name, list);
    for (size_t i = 0; kind == LAYOUT_STATE && i < DDF_STATE_COUNT; i++) found |= listed(name, states[i].name, list);
    for (size_t i = 0; kind == LAYOUT_WORD && i < DDF_WORD_COUNT; i++) found |= listed(name, words[i].name, list);
    for (size_t i = 0; kind == LAYOUT_ARG && i < DDF_ARG_COUNT; i++) found |= listed(name, args[i].name, list);
    return found;
}

enum ddf_alert_kind layout_alert_kind(struct str name, struct buf *list)
{
    enum ddf_alert_kind found = DDF_ALERT_OTHER;
    for (int i = DDF_ALERT_OTHER + 1; i < DDF_ALERT_COUNT; i++)
        if (listed(name, alerts[i], list)) found = (enum ddf_alert_kind)i;
    return found;
}

/* ---- players ---- */

struct casting {
    struct ddf_layout *l;
    struct layout_lack *lack;
    size_t n_lack;
    unsigned scope; /* of the missing role */
    struct err *why;
};

static bool lacks(struct casting *c, const struct role_row *row)
{
    bool found = false;
    for (size_t i = 0; i < c->n_lack; i++)
        if (c->lack[i].scope == (unsigned)row->scope && str_is(c->lack[i].name, row->name))
            found = c->lack[i].used = true;
    return found;
}

/* Check one role: it is played, or its object may lack it and the file says so. */
static enum rc judge(struct casting *c, const struct role_row *row, const char *kind, const char *many,
                     size_t n_players)
{
    const bool lacking = lacks(c, row);
    c->scope = row->scope;
    if (n_players > 1) return err_set(c->why, RC_INVALID, "%zu %s play the role \"%s\"", n_players, many, row->name);
    if (n_players && lacking)
        return err_set(c->why, RC_INVALID, "the role \"%s\" is played, and \"without\" names it", row->name);
    if (!n_players && !row->lacking)
        return err_set(c->why, RC_INVALID, "no %s plays the role \"%s\", which is required to manage VMs", kind,
                       row->name);
    if (!n_players && !lacking)
        return err_set(
            c->why, RC_INVALID,
            "no %s plays the role \"%s\": use that name, or add \"role: %s\" to one, or list the role in \"without\"",
            kind, row->name, row->name);
    return RC_OK;
}

/* A player that names the role with `role:` plays it; otherwise the one that has the role's name and no `role:`. */
static bool plays(struct str role, struct str name, const char *wanted)
{
    return str_is(role.n ? role : name, wanted);
}

static enum rc cast_entries(struct casting *c)
{
    enum rc rc = RC_OK;
    for (size_t r = 0; !rc && r < DDF_ROLE_COUNT; r++) {
        size_t n = 0;
        for (size_t i = 0; i < c->l->n_entries; i++) {
            const struct ddf_entry *en = &c->l->entries[i];
            if (en->scope != entries[r].scope || !plays(en->role, en->name, entries[r].name)) continue;
            c->l->entry[r] = en;
            n++;
        }
        rc = judge(c, &entries[r], "entry", "entries", n);
    }
    return rc;
}

static enum rc cast_operations(struct casting *c)
{
    enum rc rc = RC_OK;
    for (size_t r = DDF_OP_OTHER + 1; !rc && r < DDF_OP_COUNT; r++) {
        size_t n = 0;
        for (size_t i = 0; i < c->l->n_operations; i++) {
            struct ddf_operation *op = &c->l->operations[i];
            if (op->scope != operations[r].scope || !plays(op->role, op->name, operations[r].name)) continue;
            c->l->operation[r] = op;
            op->plays = (enum ddf_operation_role)r;
            n++;
        }
        rc = judge(c, &operations[r], "operation", "operations", n);
    }
    return rc;
}

static enum rc cast_states(struct casting *c)
{
    enum rc rc = RC_OK;
    for (size_t r = 0; !rc && r < DDF_STATE_COUNT; r++) {
        size_t n = 0;
        for (size_t i = 0; i < c->l->n_states; i++) {
            if (!plays(c->l->states[i].role, c->l->states[i].name, states[r].name)) continue;
            c->l->state[r] = &c->l->states[i];
            n++;
        }
        rc = judge(c, &states[r], "state", "states", n);
    }
    return rc;
}

static enum rc cast_reasons(struct casting *c)
{
    enum rc rc = RC_OK;
    for (size_t r = 0; !rc && r < DDF_REASON_COUNT; r++) {
        size_t n = 0;
        for (size_t i = 0; i < c->l->n_reasons; i++) {
            if (!str_is(c->l->reasons[i].id, reasons[r].name)) continue;
            c->l->reason[r] = &c->l->reasons[i];
            n++;
        }
        rc = judge(c, &reasons[r], "reason", "reasons", n);
    }
    return rc;
}

static const struct ddf_word *word_of(const struct ddf_entry *en, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < en->n_word_roles; i++)
        if (str_is(en->word_roles[i].word, name)) wanted = en->word_roles[i].wire;
    for (size_t i = 0; i < en->n_words; i++)
        if (str_eq(en->words[i].word, wanted)) return &en->words[i];
    return NULL;
}

static enum rc cast_words(struct casting *c)
{
    for (size_t r = 0; r < DDF_WORD_COUNT; r++) {
        const struct ddf_entry *en = c->l->entry[words[r].entry];
        if (!en || (c->l->word[r] = word_of(en, words[r].name))) continue;
        c->scope = en->scope;
        return err_set(c->why, RC_INVALID,
                       "no word of \"%.*s\" plays the role \"%s\": use that name, or list a word in \"wordRoles\"",
                       STR_ARG(en->name), words[r].name);
    }
    return RC_OK;
}

static void cast_args(struct casting *c)
{
    for (size_t r = 0; r < DDF_ARG_COUNT; r++) {
        const struct ddf_operation *op = c->l->operation[args[r].operation];
        for (size_t i = 0; op && i < op->n_args; i++)
            if (plays(op->args[i].role, op->args[i].name, args[r].name)) c->l->arg[r] = &op->args[i];
    }
}

static enum rc cast_goals(struct casting *c)
{
    const struct ddf_state *stopped = c->l->state[DDF_STATE_STOPPED];
    for (size_t i = 0; i < c->l->n_goals; i++) {
        const struct ddf_goal *g = &c->l->goals[i];
        if (g->gone && !c->l->absent) c->l->absent = g;
        if (!g->gone && g->state == stopped->value && !c->l->stopped) c->l->stopped = g;
    }
    c->scope = DDF_SCOPE_COUNT;
    if (!c->l->stopped)
        return err_set(c->why, RC_INVALID, "no goal leads to state %d (%.*s)", stopped->value, STR_ARG(stopped->name));
    return c->l->absent ? RC_OK : err_set(c->why, RC_INVALID, "no goal says \"gone: true\"");
}

static void mark_removing(struct ddf_layout *l)
{
    for (size_t i = 0; i < l->n_operations; i++) {
        struct ddf_operation *op = &l->operations[i];
        op->removes = op->delete_node;
        for (size_t g = 0; g < l->n_goals && op->scope == DDF_VM; g++)
            for (size_t k = 0; l->goals[g].gone && k < l->goals[g].n_routes; k++)
                op->removes |= str_eq(l->goals[g].routes[k].operation, op->name);
    }
}

enum rc layout_roles(struct ddf_layout *l, struct layout_lack *lack, size_t n_lack, unsigned *scope, struct err *why)
{
    struct casting c = { .l = l, .lack = lack, .n_lack = n_lack, .scope = DDF_SCOPE_COUNT, .why = why };
    enum rc rc = cast_states(&c);
    if (!rc) rc = cast_reasons(&c);
    if (!rc) rc = cast_entries(&c);
    if (!rc) rc = cast_operations(&c);
    if (!rc) rc = cast_words(&c);
    if (!rc) rc = cast_goals(&c);
    if (!rc) {
        cast_args(&c);
        mark_removing(l);
    }
    for (size_t i = 0; !rc && i < n_lack; i++) {
        if (lack[i].used) continue;
        c.scope = lack[i].scope;
        rc = err_set(why, RC_INVALID, "\"without\" names \"%.*s\", which is not a role", STR_ARG(lack[i].name));
    }
    *scope = c.scope;
    return rc;
}
