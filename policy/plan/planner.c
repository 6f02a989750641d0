/* SPDX-License-Identifier: Apache-2.0 */
/* The base of a plan: the mirror, steps, waits. */
#include "ddf/uri.h"
#include "policy/resolve/facts.h"
#include "policy/plan/planner_int.h"
#include <string.h>

/* ---- the mirror ---- */

const struct pol_mirror_node *planner_mirror_find(const struct planning *p, struct str uri)
{
    return pol_facts_node(p->f, uri);
}

void planner_mirror_below(const struct planning *p, struct str uri, size_t *first, size_t *end)
{
    char text[DDF_URI_BYTES + 2];
    *first = *end = 0;
    if (uri.n > DDF_URI_BYTES || !uri.n) return;
    memcpy(text, uri.p, uri.n);
    text[uri.n] = '/'; /* all addresses that begin with it are between it and its successor, '0' */
    *first = pol_facts_from(p->f, (struct str){ text, uri.n + 1 });
    text[uri.n] = '/' + 1;
    *end = pol_facts_from(p->f, (struct str){ text, uri.n + 1 });
}

bool planner_mirror_has(const struct planning *p, struct str uri)
{
    size_t first, end;
    planner_mirror_below(p, uri, &first, &end);
    return end > first || planner_mirror_find(p, uri);
}

struct str planner_entry_uri(struct planning *p, enum ddf_role role, struct str owner)
{
    const struct ddf_entry *en = p->l->entry[role];
    struct str uri = { 0 };
    if (en && !(uri = ddf_layout_uri(p->l, en, owner, (struct str){ 0 }, p->a)).n) p->no_memory = true;
    return uri;
}

struct str planner_owner_uri(struct planning *p, enum ddf_scope scope, struct str owner)
{
    struct str uri = ddf_layout_owner_uri(p->l, scope, owner, p->a);
    if (!uri.n) p->no_memory = true;
    return uri;
}

const struct pol_mirror_node *planner_mirror_entry(struct planning *p, enum ddf_role role, struct str owner)
{
    struct str uri = planner_entry_uri(p, role, owner);
    return uri.n ? planner_mirror_find(p, uri) : NULL;
}

bool planner_mirror_number(struct planning *p, enum ddf_role role, struct str owner, int *out)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, role, owner);
    int64_t v;
    if (!n || n->known != POL_REPORTED || !str_to_i64(n->value, &v) || v < -1000000000 || v > 1000000000) return false;
    *out = (int)v;
    return true;
}

const struct ddf_word *planner_mirror_word(struct planning *p, enum ddf_role role, struct str owner)
{
    const struct ddf_entry *en = p->l->entry[role];
    const struct pol_mirror_node *n = planner_mirror_entry(p, role, owner);
    for (size_t i = 0; en && n && n->known == POL_REPORTED && i < en->n_words; i++)
        if (planner_same_value(en->format, en->words[i].wire, n->value)) return &en->words[i];
    return NULL;
}

bool planner_word_is(const struct planning *p, const struct ddf_word *word, enum ddf_word_role role)
{
    return word && word == p->l->word[role];
}

bool planner_same_value(struct str format, struct str x, struct str y)
{
    struct pol_mirror_node n = { .format = format, .value = x, .known = POL_ACKNOWLEDGED };
    return !pol_read_back_differs(&n, y);
}

bool planner_readable(const struct planning *p, struct str uri)
{
    const struct ddf_node *n = p->f->schema ? ddf_schema_find(p->f->schema, uri) : NULL;
    return !n || (n->access & DDF_GET);
}

/* ---- steps and waits ---- */

struct str planner_say(struct planning *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    if (!s.p) p->no_memory = true;
    return s;
}

const struct pol_failure *planner_failure_of(const struct planning *p, struct str key)
{
    for (size_t i = 0; i < p->out->n_failures; i++)
        if (str_eq(p->out->failures[i].key, key)) return &p->out->failures[i];
    return NULL;
}

bool planner_held_back(const struct planning *p, const struct pol_failure *x)
{
    return x && (pol_failure_final(x) || x->retry_ms > p->f->now_ms);
}

void planner_add_wait(struct planning *p, struct str vm, const char *state, struct str why, int code, int64_t until_ms)
{
    planner_add_wait_at(p, vm, (struct str){ 0 }, state, why, code, until_ms);
}

void planner_add_wait_at(struct planning *p, struct str vm, struct str uri, const char *state, struct str why, int code,
                         int64_t until_ms)
{
    for (const struct pol_wait *w = p->out->waits; w; w = w->next)
        if (str_eq(w->vm, vm) && str_eq(w->why, why)) return;
    struct pol_wait *w = ARENA_NEW(p->a, struct pol_wait);
    if (!w) {
        p->no_memory = true;
        return;
    }
    *w = (struct pol_wait){
        .vm = vm, .uri = uri, .state = str_of(state), .why = why, .code = code, .until_ms = until_ms
    };
    *p->wait_tail = w;
    p->wait_tail = &w->next;
    p->out->n_waits++;
}

/* The device's own text for an operation that failed: only the device knows the cause. */
static struct str own_words(struct planning *p, struct str vm, const struct pol_failure *x)
{
    int result;
    const struct pol_mirror_node *text = vm.n ? planner_mirror_entry(p, DDF_ROLE_PROGRESS_TEXT, vm) : NULL;
    if (!text || !str_starts(x->key, STR("exec ")) ||
        !planner_mirror_number(p, DDF_ROLE_PROGRESS_RESULT, vm, &result) || result != x->code)
        return (struct str){ 0 };
    return text->value;
}

void planner_wait_failure(struct planning *p, struct str vm, struct str what, const struct pol_failure *x)
{
    bool read_back = x->code == 0 && str_starts(x->key, STR("set "));
    struct str code = read_back ? STR("the device acknowledged the value, and keeps another")
                                : pol_with_text(pol_code_text(p->l, x->code, p->a), own_words(p, vm, x), p->a);
    size_t space = str_find(x->key, ' ', 0);
    struct str uri = str_slice(x->key, space < x->key.n ? space + 1 : x->key.n, x->key.n);
    if (pol_failure_final(x))
        planner_add_wait_at(p, vm, uri, "failed", planner_say(p, "%.*s: set aside: %.*s", STR_ARG(what), STR_ARG(code)),
                            x->code, 0);
    else
        planner_add_wait_at(p, vm, uri, "waiting",
                            planner_say(p, "%.*s: tried %d %s, again in %lld s: %.*s", STR_ARG(what), x->tries,
                                        x->tries == 1 ? "time" : "times",
                                        (long long)((x->retry_ms - p->f->now_ms + 999) / 1000), STR_ARG(code)),
                            x->code, x->retry_ms);
}

struct pol_step *planner_new_step(struct planning *p, enum dm_command verb, enum pol_purpose purpose, struct str uri,
                                  struct str why)
{
    /* Adding and replacing a value are the same desired state. */
    const char *word = verb == DM_ADD || verb == DM_REPLACE ? "set" : dm_command_word(verb);
    struct pol_step *s = ARENA_NEW(p->a, struct pol_step);
    if (!s) {
        p->no_memory = true;
        return NULL;
    }
    s->verb = verb;
    s->purpose = purpose;
    s->uri = uri;
    s->why = why;
    s->key = planner_say(p, "%s %.*s", word, STR_ARG(uri));
    return s;
}

static struct str without_query(struct str uri)
{
    return str_slice(uri, 0, str_find(uri, '?', 0));
}

/* A limit that the device reports; 0 or a missing one means none. */
static size_t stated(const struct planning *p, const char *uri)
{
    const struct pol_mirror_node *n = planner_mirror_find(p, str_of(uri));
    int64_t value;
    return n && str_to_i64(n->value, &value) && value > 0 ? (size_t)value : SIZE_MAX;
}

/* Number of UTF-8 characters. */
static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* protocol.md 10: how long and deep addresses may be on this device. @return the limit that this one exceeds, and its node;
 * empty when it fits */
static struct str beyond_limits(struct planning *p, struct str uri)
{
    size_t depth = 0, longest = 0;
    struct str rest = uri, name;
    while (str_cut(&rest, '/', &name)) {
        longest = characters(name) > longest ? characters(name) : longest;
        depth += !str_is(name, ".");
    }
    const struct {
        const char *told_by, *what;
        size_t has;
    } row[] = { { "./DevDetail/URI/MaxDepth", "names", depth },
                { "./DevDetail/URI/MaxSegLen", "characters in a name", longest },
                { "./DevDetail/URI/MaxTotLen", "characters", characters(uri) } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].has > stated(p, row[i].told_by))
            return planner_say(p, "it has %zu %s, and the device accepts %zu (%s)", row[i].has, row[i].what,
                               stated(p, row[i].told_by), row[i].told_by);
    return (struct str){ 0 };
}

/* The server keeps octets in base64, and checks them as that. */
static struct str checked_format(struct str format)
{
    return str_eq_fold(format, STR("bin")) ? STR("b64") : format;
}

bool planner_step_in_order(struct planning *p, struct pol_step *s, struct str vm)
{
    static const enum ddf_access access[] = { [DM_GET] = DDF_GET,
                                              [DM_ADD] = DDF_ADD,
                                              [DM_REPLACE] = DDF_REPLACE,
                                              [DM_DELETE] = DDF_DELETE,
                                              [DM_EXEC] = DDF_EXEC };
    struct err e = { 0 };
    int status = 200;
    const struct str beyond = beyond_limits(p, without_query(s->uri));
    if (beyond.n) {
        planner_add_wait_at(p, vm, s->uri, "failed",
                            planner_say(p, "%.*s: not sent, it would be answered 414: %.*s: %.*s", STR_ARG(s->why),
                                        STR_ARG(s->uri), STR_ARG(beyond)),
                            414, 0);
        return false;
    }
    bool property = s->verb != DM_GET &&
                    str_find(s->uri, '?', 0) < s->uri.n; /* ACL, Title: descriptions do not cover them */
    if (s->verb == DM_ATOMIC || s->verb == DM_SEQUENCE || s->verb == DM_COPY || dm_command_asks(s->verb) || property ||
        !p->f->schema ||
        !ddf_check(p->f->schema, access[s->verb], without_query(s->uri), checked_format(s->format), s->type, s->data,
                   s->has_data, false, &status, &e))
        return true;
    planner_add_wait_at(p, vm, s->uri, "failed",
                        planner_say(p, "%.*s: not sent, it would be answered %d: %s", STR_ARG(s->why), status, e.text),
                        status, 0);
    return false;
}

static void append(struct planning *p, struct pol_step *s)
{
    *p->tail = s;
    p->tail = &s->next;
    p->out->n_steps++;
}

bool planner_add_step(struct planning *p, struct pol_step *s, struct str vm)
{
    if (!s) return false;
    const struct pol_failure *x = planner_failure_of(p, s->key);
    if (planner_held_back(p, x)) {
        planner_wait_failure(p, vm, s->why, x);
        return false;
    }
    if (!planner_step_in_order(p, s, vm)) return false;
    append(p, s);
    return true;
}

bool planner_add_read(struct planning *p, struct str uri, bool tree, enum pol_purpose purpose, const char *why)
{
    struct str full = uri, words = str_of(why);
    if (!uri.n || p->no_memory) return false;
    for (const struct pol_step *s = p->out->steps; s; s = s->next)
        if (s->verb == DM_GET && (str_eq(s->uri, uri) ||
                                  (str_find(s->uri, '?', 0) < s->uri.n && ddf_uri_within(uri, without_query(s->uri)))))
            return true; /* this plan reads it already */
    if (tree && !p->f->list_unsupported) full = planner_say(p, "%.*s?list=StructData", STR_ARG(uri));
    struct pol_step *s = planner_new_step(p, DM_GET, purpose, full, words);
    if (!s || planner_held_back(p, planner_failure_of(p, s->key))) return false;
    append(p, s);
    return true;
}

bool planner_add_progress_read(struct planning *p, enum ddf_scope scope, struct str owner, enum pol_purpose purpose,
                               const char *why)
{
    static const enum ddf_role vm[] = { DDF_ROLE_PROGRESS_CORRELATOR, DDF_ROLE_PROGRESS_RESULT, DDF_ROLE_PROGRESS_PHASE,
                                        DDF_ROLE_PROGRESS_PCT, DDF_ROLE_PROGRESS_START };
    static const enum ddf_role image[] = { DDF_ROLE_IMAGE_STATUS, DDF_ROLE_IMAGE_RESULT, DDF_ROLE_IMAGE_DONE_KB };
    const enum ddf_role *roles = scope == DDF_VM ? vm : image;
    size_t n = scope == DDF_VM ? sizeof vm / sizeof *vm : sizeof image / sizeof *image;
    bool any = false;

    if (scope == DDF_VM && !p->f->list_unsupported &&
        planner_add_read(p, planner_entry_uri(p, DDF_ROLE_PROGRESS_NODE, owner), true, purpose, why))
        return true;
    for (size_t i = 0; i < n; i++) {
        bool one = planner_add_read(p, planner_entry_uri(p, roles[i], owner), false, purpose, why);
        if (i == 0 && !one) return false; /* the important one cannot be read */
        any |= one;
    }
    return any;
}

/* ---- operations ---- */

void planner_add_move(struct planning *p, struct live_op *op, const struct pol_verdict *v)
{
    struct pol_plan *out = p->out;
    if (!out->moves && !(out->moves = arena_alloc(p->a, (p->f->n_operations * 2 + 1) * sizeof *out->moves))) {
        p->no_memory = true;
        return;
    }
    if (out->n_moves >= p->f->n_operations * 2) return;
    out->moves[out->n_moves].id = op->op->id;
    out->moves[out->n_moves].state = v->state;
    out->moves[out->n_moves].code = v->code;
    out->moves[out->n_moves].why = v->why;
    out->moves[out->n_moves++].percent = v->percent;
    op->state = v->state;
}

void planner_add_verified(struct planning *p, struct live_op *op)
{
    struct pol_plan *out = p->out;
    if (!out->verified && !(out->verified = ARENA_ARRAY(p->a, int64_t, p->f->n_operations + 1))) {
        p->no_memory = true;
        return;
    }
    out->verified[out->n_verified++] = op->op->id;
    op->state = POL_OP_VERIFIED;
}

/* The same facts give the same correlator; time is one of the facts, so the same operation at another time gets
 * another one. */
static struct str correlator(struct planning *p, struct str owner, struct str kind, struct str args, int tries)
{
    uint8_t digest[SHA256_BYTES];
    char text[2 * 12 + 1];
    struct str all = planner_say(p, "%.*s\n%.*s\n%.*s\n%.*s\n%s\n%d\n%lld", STR_ARG(p->f->device), STR_ARG(owner),
                                 STR_ARG(kind), STR_ARG(args), p->d->hash, tries, (long long)p->f->now_ms);
    crypto_sha256(all, digest);
    for (size_t i = 0; i < 12; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[24] = '\0';
    return planner_say(p, "p-%s", text);
}

bool planner_add_operation(struct planning *p, const struct ddf_operation *o, struct str owner, struct str args,
                           struct str why)
{
    struct str vm = o && o->scope == DDF_VM ? owner : (struct str){ 0 };
    if (!o) {
        planner_add_wait(p, vm, "failed",
                         planner_say(p, "%.*s: the device's management object has no operation for it", STR_ARG(why)),
                         0, 0);
        return false;
    }
    struct str uri = ddf_layout_operation_uri(p->l, o, owner, p->a);
    struct pol_step *s = planner_new_step(p, o->delete_node ? DM_DELETE : DM_EXEC, POL_FOR_CHANGE, uri, why);
    if (!s || o->delete_node) return planner_add_step(p, s, vm);
    s->purpose = POL_FOR_OPERATION;
    if (args.n) {
        s->format = STR("chr");
        s->type = STR("text/plain");
        s->data = args;
        s->has_data = true;
    }
    s->op_kind = o->name;
    s->op_owner = owner;
    s->op_args = args;
    s->op_scope = o->scope;
    for (size_t i = 0; i < p->f->n_operations; i++) {
        struct live_op *op = &p->ops[i]; /* an operation that never reached the device is sent again unchanged */
        if (op->op->by_policy && op->state == POL_OP_QUEUED && op->op->scope == o->scope &&
            str_eq(op->op->owner, owner) && str_eq(op->op->kind, o->name) && str_eq(op->op->args, args)) {
            s->operation = op->op->id;
            s->correlator = op->op->correlator;
            op->carried = true;
        }
    }
    const struct pol_failure *x = planner_failure_of(p, s->key);
    if (!s->correlator.n) s->correlator = correlator(p, owner, o->name, args, x ? x->tries : 0);
    return planner_add_step(p, s, vm);
}
