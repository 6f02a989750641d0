/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/message.h"
#include "base/text.h"
#include "base/vec.h"
#include "ddf/uri.h"
#include "server/decide/inflight.h"
#include "server/core/credentials.h"
#include "syncml/status.h"
#include <stdlib.h>
#include <string.h>

/* Limits of the reported attributes: number, and octets of a value; and of remembered sessions. */
enum { ATTRIBUTES = 400, ATTRIBUTE_BYTES = 4096 };

/* ---- tools ---- */

void message_error(struct message_work *v, enum rc rc)
{
    if (!v->rc) v->rc = rc;
}

void message_nomem(struct message_work *v)
{
    message_error(v, err_set(v->e, RC_NOMEM, "no memory for the message of a device"));
}

/* True for the usual form: "./A/B" without an empty name, "." or "..", within the limits. */
static bool is_canonical(struct str s)
{
    size_t name = 0;
    unsigned names = 0;
    if (s.n < 3 || s.n > DDF_URI_BYTES || s.p[0] != '.' || s.p[1] != '/') return false;
    for (size_t i = 2; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/') {
            if (s.p[i] == '?' || (unsigned char)s.p[i] < 0x21 || (unsigned char)s.p[i] > 0x7E) return false;
            name++;
            continue;
        }
        if (!name || name > DDF_NAME_BYTES || ++names > DDF_URI_NAMES || (s.p[i - 1] == '.' && name <= 2)) return false;
        name = 0;
    }
    return true;
}

bool message_uri(struct message_work *v, struct str text, struct str *out)
{
    if (is_canonical(text)) {
        *out = text;
        return true;
    }
    return ddf_uri_canonical(text, v->a, out, NULL) == RC_OK;
}

static void json_key(struct message_work *v, const char *key)
{
    buf_putz(&v->json, v->json.n > 1 ? ",\"" : "\"");
    buf_putz(&v->json, key);
    buf_putz(&v->json, "\":");
}

void message_json(struct message_work *v)
{
    buf_reset(&v->json);
    buf_byte(&v->json, '{');
}

void message_json_s(struct message_work *v, const char *key, struct str value)
{
    json_key(v, key);
    buf_byte(&v->json, '"');
    buf_json(&v->json, value);
    buf_byte(&v->json, '"');
}

void message_json_i(struct message_work *v, const char *key, int64_t value)
{
    json_key(v, key);
    buf_printf(&v->json, "%lld", (long long)value);
}

void message_json_b(struct message_work *v, const char *key, bool value)
{
    json_key(v, key);
    buf_putz(&v->json, value ? "true" : "false");
}

void message_json_raw(struct message_work *v, const char *key, struct str json)
{
    json_key(v, key);
    buf_put(&v->json, json);
}

void message_event(struct message_work *v, const char *type)
{
    buf_byte(&v->json, '}');
    if (!buf_ok(&v->json))
        message_nomem(v);
    else
        dm_change_event(v->c, v->d.authority, str_of(type), v->d.name, buf_str(&v->json));
}

/* ---- operations and failures ---- */

struct pol_operation *message_operation(struct message_work *v, int64_t id)
{
    for (size_t i = 0; id && i < v->n_ops; i++)
        if (v->ops[i].id == id) return &v->ops[i];
    return NULL;
}

static struct pol_failure *failure(struct message_work *v, struct str key)
{
    for (size_t i = 0; i < v->r->n_failures; i++)
        if (str_eq(v->r->failures[i].key, key)) return &v->r->failures[i];
    return NULL;
}

static struct pol_failure *new_failure(struct device_cache *r)
{
    return VEC_ADD_APART_IN(&r->arena, r->failures, r->n_failures, r->failures_cap);
}

void message_failed(struct message_work *v, struct str key, int code, struct str why)
{
    struct pol_failure *f = failure(v, key);
    struct str kept;
    if (!key.n) return;
    if (f)
        kept = f->key;
    else if (!arena_str(&v->r->arena, key, &kept)) {
        message_nomem(v);
        return;
    }
    struct pol_failure now = pol_failure_after(f, kept, code, v->w->now_ms);
    if (!f && !(f = new_failure(v->r))) {
        message_nomem(v);
        return;
    }
    *f = now;
    dm_change_failure(v->c, &(struct db_failure){ .key = kept,
                                                  .why = why,
                                                  .code = now.code,
                                                  .tries = now.tries,
                                                  .retry_ms = now.retry_ms,
                                                  .at_ms = v->w->now_ms });
}

void message_forget(struct message_work *v, struct str key)
{
    struct pol_failure *f = failure(v, key);
    if (!f) return;
    dm_change_failure_removed(v->c, key);
    *f = v->r->failures[--v->r->n_failures];
}

static void operation_event(struct message_work *v, const struct pol_operation *op, const struct pol_verdict *to)
{
    const struct ddf_operation *of = ddf_layout_operation(v->l, op->scope, op->kind);
    message_json(v);
    message_json_i(v, "id", op->id);
    message_json_s(v, "kind", op->kind);
    message_json_s(v, "label", of ? of->label : op->kind);
    message_json_s(v, op->scope == DDF_IMAGE ? "image" : "vm", op->owner);
    message_json_s(v, "state", str_of(pol_op_state_name(to->state)));
    message_json_i(v, "code", to->code);
    message_json_i(v, "percent", to->percent);
    message_json_s(v, "reason", to->why);
    message_event(v, "operation");
}

static struct db_operation_move move_of(const struct message_work *v, const struct pol_operation *op,
                                        const struct pol_verdict *to)
{
    return (struct db_operation_move){ .id = op->id,
                                       .state = str_of(pol_op_state_name(to->state)),
                                       .reason = to->why,
                                       .code = to->code,
                                       .percent = to->percent,
                                       .tries = -1,
                                       .now_ms = v->w->now_ms };
}

void message_correct(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to)
{
    struct db_operation_move m = move_of(v, op, to);
    m.again = true;
    dm_change_operation_moved(v->c, &m, true);
    v->r->has_holds = false;
    operation_event(v, op, to);
    op->state = to->state;
}

void message_move(struct message_work *v, struct pol_operation *op, const struct pol_verdict *to)
{
    const bool same = op->state == to->state;
    struct db_operation_move m = move_of(v, op, to);
    if (!same) m.tries = op->tries;
    m.again = same &&
              pol_op_finished(op->state); /* the same state again, for an operation that this message has ended */
    dm_change_operation_moved(v->c, &m, !same);
    op->state = to->state;
    if (pol_op_finished(to->state)) v->r->has_holds = false;
    operation_event(v, op, to);
    if (!op->by_policy) return;
    struct str key = pol_op_key(v->l, op, v->a);
    const struct pol_wish *wish = pol_wish_of(v->r->wishes, v->r->n_wishes, key);
    const bool of_now = !wish || op->created_ms >= wish->since_ms; /* otherwise it belongs to a former desired state */
    if ((to->state == POL_OP_FAILED || to->state == POL_OP_UNKNOWN) && of_now)
        message_failed(v, key, to->code, to->why);
    if (to->state == POL_OP_VERIFIED) message_forget(v, key);
}

static struct str vm_text(struct message_work *v, struct str vm, enum ddf_role role)
{
    const struct ddf_entry *en = v->l->entry[role];
    const struct mirror_node *n = en ? mirror_at(v->m, ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a)) : NULL;
    return n && n->known == POL_REPORTED ? n->value : (struct str){ 0 };
}

/* The failed operation with this Correlator, including changes of this message. */
static bool find_failed(struct message_work *v, struct str correlator, struct facts_failed *out)
{
    const struct db_operation_move *m = NULL;
    for (size_t i = 0; i < v->n_ops; i++)
        if (str_eq(v->ops[i].correlator, correlator)) {
            m = dm_changes_of_operation(v->c, v->ops[i].id);
            *out = (struct facts_failed){ .id = v->ops[i].id, .kind = v->ops[i].kind };
        }
    if (!m) {
        enum rc rc = v->facts->failed(v->facts->ctx, &v->d, correlator, v->a, out, v->e);
        if (rc != RC_NOT_FOUND) message_error(v, rc);
        if (rc) return false;
        m = dm_changes_of_operation(v->c, out->id);
    }
    if (!m) return true;
    out->code = m->code;
    out->reason = m->reason;
    return str_is(m->state, "failed");
}

static bool contains(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (memcmp(s.p + i, part.p, part.n) == 0) return true;
    return false;
}

/* A failure is reported as a code; its text may be read later. */
void message_explain(struct message_work *v, struct str vm)
{
    const struct str text = pol_device_text(vm_text(v, vm, DDF_ROLE_PROGRESS_TEXT));
    const struct str correlator = vm_text(v, vm, DDF_ROLE_PROGRESS_CORRELATOR);
    struct facts_failed failed;
    if (!text.n || !correlator.n || !find_failed(v, correlator, &failed) || contains(failed.reason, text)) return;
    const struct pol_operation op = { .id = failed.id, .kind = failed.kind, .scope = DDF_VM, .owner = vm };
    const struct pol_verdict to = { .state = POL_OP_FAILED,
                                    .code = (int)failed.code,
                                    .percent = -1,
                                    .why = arena_printf(v->a, "%.*s: %.*s", STR_ARG(failed.reason), STR_ARG(text)) };
    if (!to.why.n) {
        message_nomem(v);
        return;
    }
    dm_change_operation_explained(v->c, op.id, to.why);
    operation_event(v, &op, &to);
}

void message_touches(struct message_work *v, const struct pol_operation *op)
{
    struct str *uris = NULL;
    size_t n = 0;
    message_error(v, pol_op_touches(v->l, op, v->a, &uris, &n));
    for (size_t i = 0; i < n; i++) mirror_stale(v->m, uris[i], v->w->now_ms);
}

/* Labels and reported attributes, read from the database once per session. */
static void load_attribute_rows(struct message_work *v)
{
    struct device_cache *r = v->r;
    if (r->has_attr_rows) return;
    enum rc rc = v->facts->attributes(v->facts->ctx, &v->d, &r->arena, &r->attr_rows, &r->n_attr_rows, v->e);
    r->attr_cap = r->n_attr_rows;
    r->has_attr_rows = !rc;
    message_error(v, rc);
}

/* The same with the facts of the mirror. */
static void load_attributes(struct message_work *v)
{
    struct device_cache *r = v->r;
    struct pol_facts f = { 0 };
    load_attribute_rows(v);
    if (r->has_attrs) return;
    enum rc rc = attributes_of_device(v->attributes, &v->d, r->attr_rows, r->n_attr_rows, v->m, &r->arena, &f, v->e);
    r->attrs = f.attrs;
    r->n_attrs = f.n_attrs;
    r->has_attrs = !rc;
    message_error(v, rc);
}

const struct ddf_schema *message_schema(struct message_work *v)
{
    struct pol_facts f = { 0 };
    bool own = false;
    if (v->schema) return v->schema;
    f.schema = v->settings->schema;
    message_error(v, v->facts->described(v->facts->ctx, &v->d, &own, v->e));
    own |= v->l && v->l->model; /* the shipped ones speak of other addresses */
    if (own) load_attributes(v);
    f.attrs = v->r->attrs;
    f.n_attrs = v->r->n_attrs;
    if (own) message_error(v, v->facts->schema(v->facts->ctx, &v->d, &f, v->e));
    return v->schema = f.schema;
}

void message_schema_changes(struct message_work *v)
{
    v->schema = NULL;
}

void message_attribute_gone(struct message_work *v, struct str name)
{
    struct device_cache *r = v->r;
    size_t i = 0;
    load_attribute_rows(v);
    while (i < r->n_attr_rows && !str_eq(r->attr_rows[i].name, name)) i++;
    if (i == r->n_attr_rows) return;
    for (; i + 1 < r->n_attr_rows; i++) r->attr_rows[i] = r->attr_rows[i + 1];
    r->n_attr_rows--; /* room in the list is by its number, as in forget_devinfo */
    r->has_attrs = false;
    message_schema_changes(v);
    dm_change_attribute_removed(v->c, name);
}

void message_attribute(struct message_work *v, struct str name, struct str value)
{
    struct device_cache *r = v->r;
    size_t i = 0;
    load_attribute_rows(v);
    while (i < r->n_attr_rows && !str_eq(r->attr_rows[i].name, name)) i++;
    if (value.n > ATTRIBUTE_BYTES || (i == r->n_attr_rows && i >= ATTRIBUTES)) { /* too large for a selector */
        v->counts.attributes_refused++;
        return;
    }
    if (i < r->n_attr_rows && str_eq(r->attr_rows[i].value, value)) return;
    message_schema_changes(v);
    dm_change_attribute(v->c, name, value);
    r->has_attrs = false;
    if (i == r->n_attr_rows) {
        struct pol_attribute *row = VEC_ADD_APART_IN(&r->arena, r->attr_rows, r->n_attr_rows, r->attr_cap);
        if (!row || !arena_str(&r->arena, name, &row->name)) {
            message_nomem(v);
            return;
        }
    }
    if (!arena_str(&r->arena, value, &r->attr_rows[i].value)) message_nomem(v);
}

/* Delete the former device information, so that old names do not accumulate. */
static void forget_devinfo(struct message_work *v)
{
    struct device_cache *r = v->r;
    size_t k = 0;
    load_attribute_rows(v);
    for (size_t i = 0; i < r->n_attr_rows; i++)
        if (!str_starts(r->attr_rows[i].name, STR("devinfo."))) r->attr_rows[k++] = r->attr_rows[i];
    r->n_attr_rows = k;
    r->has_attrs = false;
    v->c->devinfo_forgotten = true;
    mirror_drop(v->m, STR("./DevInfo"));
    message_schema_changes(v);
}

/* ---- begin ---- */

/* Use the cache of the previous message, unless other writers may have changed rows since; otherwise read the database.
 * */
static void remember(struct message_work *v)
{
    struct session_work *s = v->s;
    struct dm_device *d = &v->d;
    if (s->recall && (s->recall->stamp != d->generation || s->recall->m.bytes > RECALL_GARBAGE_BYTES)) {
        device_cache_free(s->recall);
        s->recall = NULL;
    }
    if (!s->recall) {
        if (!(v->r = s->recall = device_cache_create())) {
            message_nomem(v);
            return;
        }
        v->m = &v->r->m;
        v->r->stamp = d->generation;
        enum rc rc = v->facts->device(v->facts->ctx, d, v->r, v->e);
        v->m->keep_times = s->forgot && d->list_unsupported; /* otherwise complete lists show what was read */
        v->r->failures_cap = v->r->n_failures;
        v->r->rest = *d;
        /* these came with the message, and go with it */
        if (!arena_str(&v->r->arena, d->settled_token, &v->r->rest.settled_token) ||
            !arena_str(&v->r->arena, d->mo_root, &v->r->rest.mo_root) ||
            !arena_str(&v->r->arena, d->mo_images, &v->r->rest.mo_images) ||
            !arena_str(&v->r->arena, d->layout_mo, &v->r->rest.layout_mo))
            message_nomem(v);
        message_error(v, rc);
        return;
    }
    v->r = s->recall;
    v->m = &v->r->m;
    mirror_next(v->m);
    const struct dm_device *rest = &v->r->rest;
    d->mirror_read = rest->mirror_read;
    d->lists = rest->lists;
    d->list_unsupported = rest->list_unsupported;
    d->large_objects = rest->large_objects;
    d->careful = rest->careful;
    d->summary = rest->summary;
    d->summary_why = rest->summary_why;
    d->summary_ms = rest->summary_ms;
    d->planned_generation = rest->planned_generation;
}

static bool is_unseen(bool secret, struct str command, struct str uri, struct str data)
{
    return (secret && !sml_uri_is_secret(str_slice(uri, 0, str_find(uri, '?', 0)))) ||
           (str_is(command, "input") && credentials_question(data));
}

/* Stop recording before secrets that the recorder cannot recognise: it knows secret nodes by name only. */
static void hush(struct message_work *v)
{
    for (size_t i = 0; i < v->n_ops && !v->s->hushed; i++) {
        const struct pol_operation *op = &v->ops[i];
        v->s->hushed = is_unseen(op->secret, op->tree_command, op->tree_uri, op->tree_data);
        for (size_t k = 0; k < op->n_items; k++)
            v->s->hushed |= is_unseen(op->items[k].secret, op->items[k].command, op->items[k].uri, op->items[k].data);
    }
}

void message_begin(struct message_work *v)
{
    v->l = v->d.layout;
    buf_init(&v->json, 1 << 20);
    remember(v);
    if (!v->rc) message_error(v, v->facts->operations(v->facts->ctx, &v->d, v->a, &v->ops, &v->n_ops, v->e));
    message_session_row(v);
    hush(v);
}

void message_finish(struct message_work *v)
{
    buf_finish(&v->json);
    for (struct sample *s = v->samples; s; s = s->next) buf_finish(&s->json);
}

void message_session_row(struct message_work *v)
{
    v->s->worked = true;
    if (v->s->row) return;
    enum rc rc = v->facts->session_number(v->facts->ctx, &v->s->row, v->e);
    message_error(v, rc);
    if (rc) return;
    dm_change_session(v->c, &(struct db_session){ .row = v->s->row,
                                                  .device = v->d.id,
                                                  .id = v->session_id,
                                                  .notification = v->s->notification,
                                                  .started_ms = v->s->started_ms,
                                                  .messages = v->messages });
}

/* ---- package 1 ---- */

/* "./DevInfo/DmV" -> "devinfo.dmv": every reported value can be used in selectors. */
static struct str attribute_name(struct message_work *v, struct str uri)
{
    struct str rest = str_slice(uri, 2, uri.n);
    char *p = rest.n ? arena_bytes(v->a, rest.n) : NULL;
    for (size_t i = 0; p && i < rest.n; i++) {
        char c = rest.p[i];
        p[i] = (char)(c == '/' ? '.' : c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return (struct str){ p, p ? rest.n : 0 };
}

static void learn_devinfo(struct message_work *v, const struct sml_value *devinfo)
{
    enum { DEVINFO_LEAVES = 100 };
    int n = 0;
    if (devinfo) forget_devinfo(v);
    for (const struct sml_value *x = devinfo; x && n < DEVINFO_LEAVES; x = x->next, n++) {
        struct str uri, name;
        if (!message_uri(v, x->uri, &uri) || uri.n < 3 || !(name = attribute_name(v, uri)).n) continue;
        enum ddf_format format = DDF_CHR;
        if (!ddf_format_of(x->format, &format)) format = DDF_CHR;
        if (format != DDF_NODE) message_attribute(v, name, x->data);
        mirror_put(v->m, uri, format, x->data, POL_REPORTED, v->w->now_ms);
    }
}

static void learn_token(struct message_work *v, const struct sml_alert_in *alerts)
{
    char hex[SHA256_HEX_BYTES];
    for (const struct sml_alert_in *x = alerts; x; x = x->next)
        if (ddf_layout_alert(v->l, x->type) == DDF_ALERT_STATE_TOKEN && x->data.n < sizeof v->s->token_reported) {
            memcpy(v->s->token_reported, x->data.p, x->data.n);
            v->s->token_reported[x->data.n] = '\0';
        }
    if (!v->s->token_reported[0] || !v->d.mirror_read) return;
    if (v->d.settled_token.n) { /* computed from the mirror, which has not changed since */
        v->s->token_matches = str_is(v->d.settled_token, v->s->token_reported);
        return;
    }
    const struct ddf_schema *schema = message_schema(v);
    enum rc rc = mirror_token(v->m, v->a, schema, v->l, v->d.server_id, hex, v->e);
    message_error(v, rc);
    v->s->token_matches = !rc && strcmp(hex, v->s->token_reported) == 0;
}

void message_first(struct message_work *v, const struct sml_news *news)
{
    learn_devinfo(v, news->devinfo);
    message_token_source(v, news->alerts);
    learn_token(v, news->alerts);
    if (v->d.next_kpi_ms <= v->w->now_ms) v->s->kpi_before_ms = v->s->started_ms;
}

/* ---- planning ---- */

/* The standard object that selectors and large values want to know about (protocol.md 13.2). */
static const struct str also_read[] = { { "./DevDetail", 11 } };

void message_facts(struct pol_facts *f, const struct dm_device *d, const struct ddf_schema *schema, int owner,
                   int64_t now_ms)
{
    *f = (struct pol_facts){ .layout = d->layout,
                             .schema = schema,
                             .device = d->name,
                             .authority = d->authority_name,
                             .server_id = d->server_id,
                             .owner = owner,
                             .mirror_read = d->mirror_read,
                             .list_unsupported = d->list_unsupported,
                             .now_ms = now_ms,
                             .also_read = also_read,
                             .n_also_read = sizeof also_read / sizeof also_read[0] };
}

static uint32_t short_key(struct str key)
{
    uint64_t h = str_hash(key);
    return (uint32_t)(h ^ h >> 32) | 1;
}

/* How often this step was already sent in this session. */
static uint8_t *asked(struct session_work *s, struct str key)
{
    uint32_t k = short_key(key);
    for (unsigned i = 0; s->asked && i < s->asked->n && i < s->asked->cap; i++)
        if (s->asked->row[i].key == k) return &s->asked->row[i].times;
    return NULL;
}

/* A free slot, or the slot of the oldest. */
static bool ask_room(struct session_work *s)
{
    enum { ASKED_FIRST = 8 };
    unsigned cap = s->asked ? s->asked->cap : 0;
    if (s->asked && (s->asked->n < cap || cap == SESSION_WORK_ASKED)) return true;
    cap = cap ? 2 * cap : ASKED_FIRST;
    struct session_asked *a = realloc(s->asked, sizeof *a + cap * sizeof a->row[0]);
    if (!a) return false;
    if (!s->asked) a->n = 0;
    a->cap = cap;
    s->asked = a;
    return true;
}

static void ask(struct message_work *v, struct str key)
{
    struct session_work *s = v->s;
    uint8_t *times = asked(s, key);
    if (times) {
        if (*times < UINT8_MAX) ++*times;
        return;
    }
    if (!ask_room(s)) {
        message_nomem(v);
        return;
    }
    unsigned at = s->asked->n++ % s->asked->cap;
    s->asked->row[at].key = short_key(key);
    s->asked->row[at].times = 1;
}

/* A step that was sent repeatedly in this session without effect counts as failed; otherwise the session would not end.
 * */
static void drop_circles(struct message_work *v, struct pol_plan *plan)
{
    enum { ASK_AT_MOST = 4 };
    for (struct pol_step **at = &plan->steps; *at;) {
        const uint8_t *times = asked(v->s, (*at)->key);
        if (!times || *times < ASK_AT_MOST || ((*at)->operation && (*at)->purpose == POL_FOR_OPERATION)) {
            at = &(*at)->next;
            continue;
        }
        message_failed(v, (*at)->key, 500, STR("the device answers, but the command has no effect"));
        *at = (*at)->next;
        plan->n_steps--;
        plan->settled = false;
    }
}

static void apply_moves(struct message_work *v, const struct pol_plan *plan)
{
    for (size_t i = 0; i < plan->n_moves; i++) {
        struct pol_operation *op = message_operation(v, plan->moves[i].id);
        if (!op) continue;
        message_move(v, op,
                     &(struct pol_verdict){ plan->moves[i].state, plan->moves[i].code, plan->moves[i].percent,
                                            plan->moves[i].why });
    }
    /* After the moves: one plan may both complete an operation and verify it. */
    for (size_t i = 0; i < plan->n_verified; i++) {
        struct pol_operation *op = message_operation(v, plan->verified[i]);
        if (op)
            message_move(
                v, op, &(struct pol_verdict){ POL_OP_VERIFIED, 0, 100, STR("the device reports the expected state") });
    }
}

/* Remove ended operations; the order stays. */
static void only_open(struct message_work *v)
{
    size_t k = 0;
    for (size_t i = 0; i < v->n_ops; i++)
        if (!pol_op_finished(v->ops[i].state)) v->ops[k++] = v->ops[i];
    v->n_ops = k;
}

/* Attributes and user operations are read again only if this session changed them. */
static void load_facts(struct message_work *v)
{
    struct pol_facts *f = &v->f;
    struct device_cache *r = v->r;
    load_attributes(v);
    message_error(v, v->facts->wanted(v->facts->ctx, &v->d, r->attrs, r->n_attrs, v->w->now_ms, v->a, f, v->e));
    if (!r->has_holds) {
        enum rc rc = v->facts->holds(v->facts->ctx, &v->d, v->c, &r->arena, f, v->e);
        r->holds = f->holds;
        r->n_holds = f->n_holds;
        r->has_holds = !rc;
        message_error(v, rc);
    }
    f->attrs = r->attrs;
    f->n_attrs = r->n_attrs;
    f->holds = r->holds;
    f->n_holds = r->n_holds;
    f->schema = message_schema(v);
    message_load_back(v);
}

/* Delete the desired state that the plan found obsolete, and store the current one for the next plan. */
static void keep_wishes(struct message_work *v, const struct pol_plan *plan)
{
    struct device_cache *r = v->r;
    for (size_t i = r->n_failures, k; i-- > 0;) {
        for (k = 0; k < plan->n_failures && !str_eq(plan->failures[k].key, r->failures[i].key);) k++;
        if (k == plan->n_failures) message_forget(v, r->failures[i].key);
    }
    if (!plan->wishes_changed) return;
    struct pol_wish *list = ARENA_ARRAY(&r->arena, struct pol_wish, plan->n_wishes);
    if (!list) {
        message_nomem(v);
        return;
    }
    dm_change_wishes(v->c);
    for (size_t i = 0; i < plan->n_wishes; i++) {
        const struct pol_wish *x = &plan->wishes[i];
        dm_change_wish_added(v->c, &(struct db_wish){ .uri = x->uri, .hash = x->hash, .since_ms = x->since_ms });
        list[i].since_ms = x->since_ms;
        if (!arena_str(&r->arena, x->uri, &list[i].uri) || !arena_str(&r->arena, x->hash, &list[i].hash))
            message_nomem(v);
    }
    r->wishes = list;
    r->n_wishes = plan->n_wishes;
}

void message_plan(struct message_work *v, struct pol_plan *plan, struct pol_desired *desired)
{
    struct pol_facts *f = &v->f;
    struct pol_mirror_node *nodes = NULL;
    only_open(v);
    load_facts(v);
    message_error(v, mirror_nodes(v->m, v->a, &nodes, &f->n_mirror, v->e));
    if (v->rc) return; /* the facts for a plan are incomplete */
    f->mirror = nodes;
    f->operations = v->ops;
    f->n_operations = v->n_ops;
    f->failures = v->r->failures;
    f->n_failures = v->r->n_failures;
    f->wishes = v->r->wishes;
    f->n_wishes = v->r->n_wishes;
    f->session_ms = v->s->started_ms;
    f->reported_token = str_of(v->s->token_reported);
    f->searched = v->s->searched;
    f->mirror_matches_token = v->s->token_matches || v->s->changed;
    f->kpi_due_before_ms = v->s->kpis_asked ? 0 : v->s->kpi_before_ms;
    enum rc rc = pol_resolve(f, v->a, desired, v->e);
    if (!rc) rc = pol_make_plan(f, desired, v->a, plan, v->e);
    message_error(v, rc);
    if (rc) return;
    message_keep_back(v, desired);
    keep_wishes(v, plan);
    apply_moves(v, plan);
    if (plan->mirror_complete) v->d.mirror_read = true;
    drop_circles(v, plan);
    message_few(v, plan);
    /* Operations that the plan creates are stored before they are sent, with the server's Correlators. */
    message_error(v, v->facts->correlators(v->facts->ctx, &v->d, plan->steps, v->a, v->e));
}

/* ---- steps that exceed the device's message size ---- */

struct str message_too_large(struct message_work *v, size_t limit, size_t shortest)
{
    struct str s = arena_printf(v->a, "this device accepts %zu octets, the shortest message has %zu", limit, shortest);
    if (!s.p) message_nomem(v);
    return s;
}

void message_unfit(struct message_work *v, size_t limit, size_t shortest)
{
    const struct str why = message_too_large(v, limit, shortest);
    for (size_t i = 0; i < v->n_ops; i++)
        if (v->ops[i].state == POL_OP_QUEUED || v->ops[i].state == POL_OP_NOTIFIED)
            message_move(v, &v->ops[i], &(struct pol_verdict){ POL_OP_FAILED, 413, -1, why });
    v->d.summary = STR("failed");
    v->d.summary_why = why;
    v->d.planned_generation = v->d.generation;
    v->d.summary_ms = v->w->now_ms;
}

/* ---- sent ---- */

static void sent_operation(struct message_work *v, struct pol_step *s)
{
    struct pol_operation *op = message_operation(v, s->operation);
    if (op) {
        op->tries++;
        message_move(v, op, &(struct pol_verdict){ POL_OP_SENT, 0, -1, s->why });
        message_set_lock(v, op);
        message_items_sent(v, op, s);
        message_touches(v, op);
        return;
    }
    struct pol_operation fresh = { .by_policy = true,
                                   .state = POL_OP_SENT,
                                   .kind = s->op_kind,
                                   .scope = s->op_scope,
                                   .owner = s->op_owner,
                                   .args = s->op_args,
                                   .correlator = s->correlator,
                                   .tries = 1 };
    enum rc rc = v->facts->operation_number(v->facts->ctx, &fresh.id, v->e);
    message_error(v, rc);
    if (rc) return;
    s->operation = fresh.id;
    dm_change_operation_added(v->c,
                              &(struct db_operation){ .id = fresh.id,
                                                      .scope = fresh.scope,
                                                      .kind = fresh.kind,
                                                      .owner = fresh.owner,
                                                      .args = fresh.args,
                                                      .correlator = fresh.correlator },
                              s->why);
    operation_event(v, &fresh, &(struct pol_verdict){ POL_OP_SENT, 0, -1, s->why });
    message_set_lock(v, &fresh);
    message_touches(v, &fresh);
}

void message_sent(struct message_work *v, const struct pol_plan *plan, size_t n_sent, uint64_t first_tag)
{
    size_t k = n_sent;
    for (const struct pol_step *s = plan->steps; s && n_sent == plan->n_steps; s = s->next)
        v->s->kpis_asked |= s->purpose == POL_FOR_KPI;
    for (struct pol_step *s = plan->steps; s && k; s = s->next, k--) {
        ask(v, s->key);
        if (s->verb != DM_GET) v->s->changed = true;
        message_set(v, s);
        if (s->purpose == POL_FOR_OPERATION) sent_operation(v, s);
    }
    if (!n_sent) return;
    inflight_free(v->s->flight);
    v->s->flight = NULL;
    message_error(v, inflight_make(plan->steps, n_sent, first_tag, &v->s->flight, v->e));
}
