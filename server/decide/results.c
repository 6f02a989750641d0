/* SPDX-License-Identifier: Apache-2.0 */
/* Handles the results of sent steps and the reported values: mirror, failures, operations, KPI samples.
 * policy/plan/plan.h has the rules. */
#include "server/decide/message.h"
#include "ddf/uri.h"
#include "base/text.h"
#include "server/decide/inflight.h"
#include "server/core/credentials.h"
#include "syncml/msg.h"
#include "syncml/status.h"
#include <string.h>

static const struct str hidden = { "***", 3 };

/* Space around the values of a result, each of at most dm.maxObject; their JSON form may be longer. */
enum { RESULT_BYTES = 256 << 10, SAMPLE_BYTES = 64 << 10 };

/* ---- values ---- */

static struct sample *sample_of(struct message_work *v, struct str vm)
{
    struct sample *s = v->samples;
    while (s && !str_eq(s->vm, vm)) s = s->next;
    if (s) return s;
    s = ARENA_NEW(v->a, struct sample);
    if (!s || !arena_str(v->a, vm, &s->vm)) {
        message_nomem(v);
        return NULL;
    }
    buf_init(&s->json, SAMPLE_BYTES);
    buf_byte(&s->json, '{');
    s->next = v->samples;
    v->samples = s;
    return s;
}

/* "kpi.disk.*.rdKB" with its instance name; a number if the value is one. */
static void put_kpi(struct message_work *v, const struct ddf_match *m, struct str value)
{
    struct sample *s = sample_of(v, m->scope == DDF_VM ? m->owner : (struct str){ 0 });
    struct str name = m->entry->name;
    int64_t number;
    if (!s || !value.n) return; /* empty: the device does not know the value yet */
    if (s->json.n > 1) buf_byte(&s->json, ',');
    buf_byte(&s->json, '"');
    size_t star = str_find(name, '*', 0);
    buf_json(&s->json, str_slice(name, 0, star));
    if (star < name.n) {
        buf_json(&s->json, m->instance);
        buf_json(&s->json, str_slice(name, star + 1, name.n));
    }
    buf_putz(&s->json, "\":");
    if (str_to_i64(value, &number)) {
        buf_printf(&s->json, "%lld", (long long)number);
    } else {
        buf_byte(&s->json, '"');
        buf_json(&s->json, value);
        buf_byte(&s->json, '"');
    }
}

/* Detect a value that differs from the accepted one. */
static void check_read_back(struct message_work *v, struct str uri, struct str value)
{
    const struct mirror_node *n = mirror_at(v->m, uri);
    if (!n || n->known != POL_ACKNOWLEDGED || n->format == DDF_NODE) return;
    struct pol_mirror_node before = { n->uri, str_of(ddf_format_name(n->format)), n->value, n->known, n->at_ms };
    struct str key = pol_set_key(uri, v->a);
    if (!pol_read_back_differs(&before, value)) {
        message_forget(v, key);
        return;
    }
    struct str why = arena_printf(v->a, "the device accepted \"%.*s\" and reports \"%.*s\"",
                                  STR_ARG(str_slice(n->value, 0, 60)), STR_ARG(str_slice(value, 0, 60)));
    message_failed(v, key, 0, why);
}

static void learn_detail(struct message_work *v, struct str uri, struct str value)
{
    if (!str_starts(uri, STR("./DevDetail/"))) return;
    struct str name = str_slice(uri, 2, uri.n);
    char *p = arena_bytes(v->a, name.n);
    for (size_t i = 0; p && i < name.n; i++)
        p[i] = (char)(name.p[i] == '/'                       ? '.'
                      : name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + ('a' - 'A')
                                                             : name.p[i]);
    if (!p)
        message_nomem(v);
    else
        message_attribute(v, (struct str){ p, name.n }, value);
    if (str_is(uri, "./DevDetail/LrgObj"))
        v->d.large_objects = str_eq_fold(str_trim(value), STR("true")) || str_is(value, "1");
}

static bool is_secret_item(struct message_work *v, const struct sml_item *i)
{
    return credentials_item(v->settings->schema, message_schema(v), i);
}

static bool is_secret_value(struct message_work *v, const struct sml_value *x)
{
    const struct sml_item item = { .source = x->uri, .data = x->data, .meta.type = x->type };
    return is_secret_item(v, &item);
}

static bool is_within(struct str uri, struct str asked)
{
    return str_is(asked, ".") || (str_starts(uri, asked) && (uri.n == asked.n || uri.p[asked.n] == '/'));
}

struct reported {
    struct str vm;
    struct reported *next;
};

static void note_told(struct message_work *v, struct str vm)
{
    struct reported *x = ARENA_NEW(v->a, struct reported);
    if (!x || !arena_str(v->a, vm, &x->vm)) {
        message_nomem(v);
        return;
    }
    x->next = v->told;
    v->told = x;
}

/* Ignore values that were not requested, so that a device cannot fill the database. */
static void learn_value(struct message_work *v, const struct sml_value *x, struct str asked, bool plain)
{
    enum ddf_format format = DDF_CHR;
    struct ddf_match m = { 0 };
    struct str uri;
    if (str_find(x->uri, '?', 0) < x->uri.n || !message_uri(v, x->uri, &uri) || !is_within(uri, asked)) return;
    if (!ddf_format_of(x->format, &format)) format = DDF_CHR;
    if (!x->has_data && x->has_size && format != DDF_NODE) return; /* the size of the value, without the value */
    bool ours = ddf_layout_match(v->l, uri, &m);
    if (ours && m.entry && m.entry->kpi && format != DDF_NODE) {
        put_kpi(v, &m, x->data);
        if (!v->d.list_unsupported) return; /* otherwise the plan reads from the mirror which leaves to request */
    }
    if (format == DDF_NODE) {
        message_object(v, uri, x->type);
        if (plain)
            mirror_children(v->m, uri, x->data, v->w->now_ms);
        else
            mirror_put(v->m, uri, format, x->data, POL_REPORTED, v->w->now_ms);
        return;
    }
    if (!(ours && m.entry) && is_secret_value(v, x)) {
        mirror_put(v->m, uri, format, hidden, POL_REPORTED, v->w->now_ms);
        return;
    }
    check_read_back(v, uri, x->data);
    mirror_put(v->m, uri, format, x->data, POL_REPORTED, v->w->now_ms);
    learn_detail(v, uri, x->data);
    if (ours) message_fact(v, &m, x->data);
    if (ours && m.entry && m.entry == v->l->entry[DDF_ROLE_PROGRESS_TEXT]) note_told(v, m.owner);
    if (ours && m.scope == DDF_DEVICE) v->r->has_attrs = false; /* facts are attributes */
}

/* Distinguishes an empty value, no value, and octets. */
static void put_result_value(struct buf *b, const struct sml_value *x)
{
    if (!x->has_data && !str_is(x->format, "node")) {
        buf_putz(b, "\",\"value\":null");
        return;
    }
    bool octets = !x->binary && (!str_is_utf8(x->data) || str_find(x->data, '\0', 0) < x->data.n);
    buf_putz(b, "\",\"value\":\"");
    if (octets) /* text by its format, but not valid text */
        text_b64_put(b, x->data);
    else
        buf_json(b, x->data);
    buf_putz(b, octets || x->binary ? "\",\"encoding\":\"base64\"" : "\"");
}

/* [{"uri", "format", "value"}]. @param all  values are secret. @return true when some values are secret; they are
 * hidden if `hide` */
static bool put_values(struct message_work *v, const struct sml_value *values, bool all, bool hide, struct buf *b)
{
    bool secret = false;
    buf_byte(b, '[');
    for (const struct sml_value *x = values; x; x = x->next) {
        const bool one = all || is_secret_value(v, x);
        buf_putz(b, b->n > 1 ? ",{\"uri\":\"" : "{\"uri\":\"");
        buf_json(b, x->uri);
        buf_putz(b, "\",\"format\":\"");
        buf_json(b, x->format);
        if (one && hide)
            buf_printf(b, "\",\"value\":\"%.*s\"", STR_ARG(hidden));
        else
            put_result_value(b, x);
        if (x->has_size) buf_printf(b, ",\"size\":%llu", (unsigned long long)x->size);
        buf_byte(b, '}');
        secret |= one;
    }
    buf_byte(b, ']');
    return secret;
}

static size_t result_bytes(const struct message_work *v)
{
    return RESULT_BYTES + 2 * (size_t)v->settings->max_object_bytes;
}

/* The complete result, sealed, for roles that may request such operations (server/api/operations.c). */
static struct str sealed_values(struct message_work *v, const struct pol_operation *op, const struct sml_value *values)
{
    struct str out = { 0 };
    struct buf b;
    buf_init(&b, result_bytes(v));
    put_values(v, values, false, false, &b);
    if (buf_ok(&b))
        message_error(v, credentials_seal_text(v->settings->secret_key, op->correlator, -1, buf_str(&b), v->a, &out,
                                               v->e));
    buf_finish(&b);
    return out;
}

/* Store the result of a user's Get as received, without secrets. `item`: which command of several; -1 = the only one */
static void keep_result(struct message_work *v, const struct pol_operation *op, ptrdiff_t item,
                        const struct sml_value *values)
{
    const bool known = item >= 0 && (size_t)item < op->n_items;
    const struct str command = known ? op->items[item].command : op->tree_command;
    const bool asked = str_is(command, "input") && credentials_question(known ? op->items[item].data : op->tree_data);
    struct buf b;
    buf_init(&b, result_bytes(v));
    const bool secret = put_values(v, values, asked, true, &b);
    struct str text = buf_ok(&b) ? buf_str(&b) : STR("[]"), sealed = { 0 };
    if (item < 0 && secret) sealed = sealed_values(v, op, values);
    if (item >= 0)
        message_item_result(v, op, (size_t)item, text);
    else
        dm_change_operation_result(v->c, op->id, text, sealed);
    buf_finish(&b);
}

static struct str base_of(struct str uri)
{
    return str_slice(uri, 0, str_find(uri, '?', 0));
}

/* Whether the address reads nodes with all values. Properties, structures and documents go to the requester only, not
 * into the mirror. */
static bool is_whole(struct str uri)
{
    return str_ends(uri, STR("?list=StructData"));
}
static bool is_plain(struct str uri)
{
    return str_find(uri, '?', 0) == uri.n;
}

/* What there is, with types and without values: roots of management objects say which one they are. */
static bool is_structure(struct str uri)
{
    return str_ends(uri, STR("?list=Struct"));
}

static void take_structure(struct message_work *v, const struct sml_value *values, struct str asked)
{
    struct str uri;
    for (const struct sml_value *x = values; x; x = x->next)
        if (message_uri(v, base_of(x->uri), &uri) && is_within(uri, asked)) message_object(v, uri, x->type);
}

/* A read for an operation, whose answer does not change its state. */
static bool is_look(const struct flown *f)
{
    return f->operation && f->step.purpose == POL_FOR_INQUIRY;
}

/* Index of the command in its operation; -1 = the operation has one command. */
static ptrdiff_t item_of(const struct message_work *v, const struct flown *f)
{
    return f->group ? f - &v->s->flight->row[f->group] : -1;
}

/* The first value of the requested node or of one below it; values of other nodes are ignored. A value without address
 * belongs to the only requested node. */
static const struct sml_value *value_of(struct message_work *v, const struct flown *f, const struct sml_value *values)
{
    struct str asked, uri;
    if (f->step.verb != DM_GET || !message_uri(v, base_of(f->step.uri), &asked)) return values;
    for (const struct sml_value *x = values; x; x = x->next)
        if (x->uri.n ? message_uri(v, base_of(x->uri), &uri) && is_within(uri, asked) : !is_whole(f->step.uri))
            return x;
    return NULL;
}

static void take_values(struct message_work *v, struct flown *f, const struct sml_outcome *o)
{
    bool list = is_whole(f->step.uri), reads = f->step.verb == DM_GET && (list || is_plain(f->step.uri));
    const struct sml_value *first = value_of(v, f, o->values);
    struct str asked;
    if (!o->values) return;
    if (!f->first_ms) f->first_ms = v->w->now_ms;
    f->listed |= first != NULL;
    if (reads && message_uri(v, base_of(f->step.uri), &asked))
        for (const struct sml_value *x = o->values; x; x = x->next) learn_value(v, x, asked, !list);
    if (is_structure(f->step.uri) && !f->operation && message_uri(v, base_of(f->step.uri), &asked))
        take_structure(v, o->values, asked);
    struct pol_operation *op = message_operation(v, f->operation);
    if (!op || !str_is(op->kind, "tree")) return;
    if (is_look(f) && first)
        message_item_seen(v, op, f->step.uri, o->code ? o->code : 200,
                          is_secret_value(v, first) ? &hidden : &first->data);
    else if (!is_look(f))
        keep_result(v, op, item_of(v, f), o->values);
}

/* ---- statuses ---- */

static void step_failed(struct message_work *v, const struct flown *f, int code)
{
    if (f->operation) return;
    message_failed(v, f->step.key, code,
                   f->shortest ? message_too_large(v, f->limit, f->shortest) : pol_code_text(v->l, code, v->a));
}

/* The whole object was just read: the state token reported at the session's start matches the mirror. */
static void read_whole(struct message_work *v, struct str uri)
{
    v->s->read_root |= str_eq(uri, v->l->root);
    v->s->read_images |= str_eq(uri, v->l->images);
    v->s->token_matches |= v->s->read_root && v->s->read_images;
}

static void get_done(struct message_work *v, struct flown *f, struct str uri)
{
    if (is_whole(f->step.uri) && f->listed) {
        mirror_sweep(v->m, uri, f->first_ms, message_schema(v));
        if (str_eq(uri, v->l->root)) v->d.lists = DM_LISTS_WORK;
        if (str_eq(uri, v->l->root)) message_facts_gone(v);
        read_whole(v, uri);
    }
    message_forget(v, f->step.key);
}

/* Values that earlier operations wrote here are overwritten. */
static void written_over(struct message_work *v, struct str uri, int64_t by)
{
    for (size_t i = 0; i < v->n_ops; i++) {
        struct pol_operation *op = &v->ops[i];
        struct pol_verdict to;
        if (pol_is_group(op) && op->state >= POL_OP_SENT && op->state <= POL_OP_ACKNOWLEDGED)
            message_item_changed(v, op, uri, by);
        else if (pol_op_on_change(op, uri, by, v->a, &to))
            message_move(v, op, &to);
    }
}

/* Whether a write to this node changes a VM's resources, now or at its next start. */
static bool needs_force(const struct ddf_entry *en)
{
    return en->change == DDF_C_APPLY || en->change == DDF_C_STOPPED ||
           (str_is(en->format, "node") && str_starts(en->name, STR("resources.")));
}

/* A device may store a value for a running VM before it is in force: other nodes than the written one show that, so
 * they are read back too (virtualization-mo.md c.3.4). */
static void in_force_stale(struct message_work *v, struct str uri)
{
    static const enum ddf_role told_by[] = { DDF_ROLE_RESOURCES_PENDING, DDF_ROLE_RESOURCES_EFFECTIVE };
    struct ddf_match m = { 0 };
    if (!ddf_layout_match(v->l, uri, &m) || m.scope != DDF_VM || !m.entry || !needs_force(m.entry)) return;
    for (size_t i = 0; i < sizeof told_by / sizeof *told_by; i++) {
        const struct ddf_entry *en = v->l->entry[told_by[i]];
        if (en) mirror_stale(v->m, ddf_layout_uri(v->l, en, m.owner, (struct str){ 0 }, v->a), v->w->now_ms);
    }
}

static void write_done(struct message_work *v, const struct flown *f, struct str uri)
{
    enum ddf_format format = DDF_CHR;
    const struct mirror_node *n = mirror_at(v->m, uri);
    if (dm_command_asks(f->step.verb)) return;
    if (f->operation) message_disown(v, uri);
    in_force_stale(v, uri);
    if (is_plain(f->step.uri) || str_ends(f->step.uri, STR("?prop=Name"))) written_over(v, uri, f->operation);
    if (f->step.verb == DM_COPY && n) mirror_stale(v->m, uri, v->w->now_ms);
    if (!is_plain(f->step.uri)) { /* a property; a new Name moves the node */
        if (str_ends(f->step.uri, STR("?prop=Name"))) mirror_drop(v->m, uri);
        message_forget(v, f->step.key);
        return;
    }
    if (f->step.format.n)
        ddf_format_of(f->step.format, &format);
    else if (n)
        format = n->format;
    if (f->step.verb == DM_ADD || f->step.verb == DM_REPLACE) {
        const struct sml_item item = { .target = uri, .data = f->step.data, .meta.type = f->step.type };
        struct str value = format == DDF_NODE && n                    ? n->value
                           : f->operation && is_secret_item(v, &item) ? hidden
                                                                      : f->step.data;
        mirror_put(v->m, uri, format, value, POL_ACKNOWLEDGED, v->w->now_ms);
    }
    if (f->step.verb == DM_DELETE) mirror_drop(v->m, uri);
    message_forget(v, f->step.key);
}

static void step_gone(struct message_work *v, const struct flown *f, struct str uri, int code)
{
    const struct mirror_node *n = mirror_at(v->m, uri);
    if (f->step.verb == DM_DELETE) {
        mirror_drop(v->m, uri);
        message_forget(v, f->step.key);
        return;
    }
    if (f->step.verb == DM_REPLACE || f->step.purpose == POL_FOR_DISCOVER) step_failed(v, f, code);
    if (is_structure(f->step.uri)) return; /* it does not tell, which is not to say that there is nothing */
    if (f->step.verb == DM_GET && n && n->known == POL_ACKNOWLEDGED)
        message_failed(v, pol_set_key(uri, v->a), code,
                       STR("the device accepted the change, and now reports that the node does not exist"));
    const bool was = n && !n->gone;
    mirror_drop(v->m, uri);
    if (is_whole(f->step.uri)) read_whole(v, uri);
    if (was) message_node_gone(v, uri);
}

/* "?list=" was refused: unless this device has answered one before, it does not support them (protocol.md 20, trap 16).
 * */
static bool lists_refused(struct message_work *v, const struct flown *f, struct str uri, int code)
{
    if (f->step.verb != DM_GET || !is_whole(f->step.uri) || (code != 404 && code != 406) || v->d.lists == DM_LISTS_WORK)
        return false;
    if (str_eq(uri, v->l->root) || v->root_unlisted || code == 406) {
        v->d.lists = DM_LISTS_UNSUPPORTED;
        v->d.list_unsupported = v->root_unlisted = true;
        return true;
    }
    return false;
}

enum { INCOMPLETE = 412 }; /* status of an incomplete answer in a check whether something was done */

/* A successful Get without a value. */
static bool has_no_value(const struct flown *f)
{
    return f->step.verb == DM_GET && f->code / 100 == 2 && f->code != 214 && !f->listed;
}

/* In a Sequence, a Get may have no Status beside its value: neither is a Get that was not answered. */
static bool is_unanswered(const struct flown *f)
{
    return f->code == 0 && (f->step.verb == DM_GET ? !f->listed : dm_command_asks(f->step.verb));
}

static void operation_status(struct message_work *v, const struct flown *f, struct pol_operation *op, int code)
{
    struct pol_verdict to;
    if (op->state != POL_OP_SENT) return; /* OperationComplete arrived before the Status */
    if (str_is(op->tree_command, "acl")) message_acl_code(v, op, code);
    if (f->shortest)
        to = (struct pol_verdict){ POL_OP_FAILED, code, -1, message_too_large(v, f->limit, f->shortest) };
    else if (has_no_value(f))
        pol_op_on_no_value(code, v->a, &to);
    else
        pol_op_on_status(v->l, op, code, v->a, &to);
    if (to.state == POL_OP_SENT && code == 0) return;
    message_move(v, op, &to);
    if (to.state != POL_OP_ACCEPTED) message_touches(v, op);
}

static bool is_group(const struct flown *f)
{
    return f->step.verb == DM_ATOMIC || f->step.verb == DM_SEQUENCE;
}

static void decide(struct message_work *v, struct flown *f, int code, bool count)
{
    struct str uri = base_of(f->step.uri);
    struct pol_operation *op = message_operation(v, f->operation);
    v->s->searched |= str_is(f->step.uri, ".?list=Struct");
    if (is_group(f)) {
        if (pol_step_outcome(v->l, &f->step, code) == POL_STEP_DONE)
            message_forget(v, f->step.key);
        else if (count)
            step_failed(v, f, code);
        if (op) operation_status(v, f, op, code);
        return;
    }
    if (!lists_refused(v, f, uri, code)) {
        switch (pol_step_outcome(v->l, &f->step, code)) {
        case POL_STEP_DONE:
            if (f->step.verb == DM_GET)
                get_done(v, f, uri);
            else if (f->step.verb != DM_EXEC)
                write_done(v, f, uri);
            break;
        case POL_STEP_THERE:
            if (f->step.ours) message_disown(v, uri);
            if (mirror_at(v->m, uri))
                mirror_stale(v->m, uri, v->w->now_ms);
            else
                mirror_put(v->m, uri, str_is(f->step.format, "node") ? DDF_NODE : DDF_CHR, (struct str){ 0 }, POL_STALE,
                           v->w->now_ms);
            break;
        case POL_STEP_GONE: step_gone(v, f, uri, code); break;
        case POL_STEP_AGAIN:
        case POL_STEP_FAILED: step_failed(v, f, code); break;
        case POL_STEP_RUNS:
        case POL_STEP_SKIPPED: break;
        }
    }
    if (op && is_look(f) && code)
        message_item_seen(v, op, f->step.uri, has_no_value(f) ? INCOMPLETE : code,
                          f->listed ? NULL : &(const struct str){ 0 });
    else if (op && !f->group && !is_look(f))
        operation_status(v, f, op, code);
}

/* The Atomic's status determines the meaning of its children's statuses (protocol.md 4.1, and 20, trap 13). */
static int child_code(struct message_work *v, const struct flown *group, const struct flown *f)
{
    bool done = pol_step_outcome(v->l, &group->step, group->code) == POL_STEP_DONE;
    if (group->step.verb == DM_SEQUENCE) return f->code || done || !group->code ? f->code : 215;
    bool good = f->code >= 200 && f->code < 300 && f->code != 214 && f->code != 215 && f->code != 216;
    if (done && f->code == 0) return 200;
    if (group->code == 0 || done) return f->code;
    if (good || f->code == 516) mirror_stale(v->m, f->step.uri, v->w->now_ms); /* rolled back, or not */
    return good ? 216 : f->code == 0 ? 215 : f->code;
}

static bool blames(int code)
{
    return code && code != 215 && code != 216 && code != 516 && (code < 200 || code >= 300 || code == 214);
}

/* The package is complete: decide all unanswered steps now, in the order in which they were sent. */
static void land(struct message_work *v)
{
    struct inflight *fl = v->s->flight;
    if (v->over) message_cut_short(v, fl);
    for (size_t i = 0; fl && i < fl->n; i++) {
        struct flown *f = &fl->row[i], *group = f->group ? &fl->row[f->group - 1] : NULL;
        struct pol_operation *op = is_group(f) ? message_operation(v, f->operation) : NULL;
        bool own = false;
        for (size_t k = i + 1; is_group(f) && k < fl->n && fl->row[k].group == i + 1; k++) {
            own |= blames(fl->row[k].code);
            if (!op) continue;
            message_item_code(v, op, k - i - 1, child_code(v, f, &fl->row[k]));
            if (k - i - 1 < op->n_items) {
                op->items[k - i - 1].no_value = has_no_value(&fl->row[k]);
                op->items[k - i - 1].unanswered = is_unanswered(&fl->row[k]);
            }
        }
        decide(v, f, group ? child_code(v, group, f) : f->code, !own);
    }
    inflight_free(fl);
    v->s->flight = NULL;
}

void message_outcomes(struct message_work *v, const struct sml_outcome *outcomes, bool package_end)
{
    for (const struct sml_outcome *o = outcomes; o; o = o->next) {
        struct flown *f = inflight_find(v->s->flight, o->tag);
        if (!f) continue;
        f->told = true;
        if (o->code) f->code = o->code;
        f->shortest = o->shortest;
        f->limit = o->limit;
        take_values(v, f, o);
    }
    if (package_end) land(v);
    for (const struct reported *x = v->told; x; x = x->next) message_explain(v, x->vm);
}
