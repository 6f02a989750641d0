/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/uri.h"
#include "tests/policy/sim.h"
#include <stdlib.h>
#include <string.h>

static struct str keep(struct sim_shell *s, struct str text)
{
    struct str out = { 0 };
    if (!arena_str(&s->a, text, &out)) abort();
    return out;
}

void sim_shell_init(struct sim_shell *s, struct policy_sim_device *d)
{
    memset(s, 0, sizeof *s);
    arena_init(&s->a, (size_t)512 << 20);
    arena_init(&s->message, (size_t)64 << 20);
    s->d = d;
    s->attrs[s->n_attrs++] = (struct pol_attribute){ STR("label.department"), STR("sales"), false };
    s->attrs[s->n_attrs++] = (struct pol_attribute){ STR("hypervisor.arch"), STR("aarch64"), false };
}

void sim_shell_finish(struct sim_shell *s)
{
    arena_finish(&s->a);
    arena_finish(&s->message);
}

void sim_image(struct sim_shell *s, const char *name, const char *version, const char *id)
{
    s->image[s->n_images++] = (struct pol_image){
        str_of(name),
        str_of(version),
        STR("android"),
        STR("aarch64"),
        STR("raw"),
        STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        STR("https://dm.acme.example/i/x"),
        1 << 20,
        str_of(id)
    };
}

void sim_policy(struct sim_shell *s, const char *yaml)
{
    struct pol_policy *p = NULL, **at = &s->policies;
    struct buf errors;
    buf_init(&errors, 0);
    if (pol_policy_parse(keep(s, str_of(yaml)), "policy", s->d->l, s->d->s, &s->a, &p, &errors, NULL)) {
        printf("%s\n%s\n", yaml, buf_z(&errors));
        exit(99);
    }
    buf_finish(&errors);
    while (*at && !str_eq((*at)->name, p->name)) at = &(*at)->next;
    p->revision = *at ? (*at)->revision + 1 : 1;
    p->id = 1;
    p->created_ms = *at ? (*at)->created_ms : s->d->now_ms;
    p->revised_ms = s->d->now_ms;
    p->next = *at ? (*at)->next : NULL;
    *at = p;
    s->n_failures = 0; /* a newer wish forgets what failed */
}

int64_t sim_request(struct sim_shell *s, const char *vm, const char *kind, const char *args)
{
    if (s->n_ops == SIM_OPS) abort();
    int64_t id = (int64_t)s->n_ops + 1;
    s->op[s->n_ops++] = (struct pol_operation){ .id = id,
                                                .state = POL_OP_QUEUED,
                                                .kind = str_of(kind),
                                                .scope = DDF_VM,
                                                .owner = str_of(vm),
                                                .args = str_of(args),
                                                .correlator = arena_printf(&s->a, "c-%lld", (long long)id),
                                                .updated_ms = s->d->now_ms };
    return id;
}

const struct pol_operation *sim_op(const struct sim_shell *s, int64_t id)
{
    return id > 0 && (size_t)id <= s->n_ops ? &s->op[id - 1] : NULL;
}

/* ---- the mirror ---- */

static size_t place(const struct sim_shell *s, struct str uri)
{
    size_t lo = 0, hi = s->n_mirror;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(s->mirror[mid].uri, uri) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct pol_mirror_node *find(struct sim_shell *s, struct str uri)
{
    size_t i = place(s, uri);
    return i < s->n_mirror && str_eq(s->mirror[i].uri, uri) ? &s->mirror[i] : NULL;
}

static void put(struct sim_shell *s, struct str uri, struct str format, struct str value, enum pol_known known)
{
    size_t i = place(s, uri);
    if (i == s->n_mirror || !str_eq(s->mirror[i].uri, uri)) {
        if (s->n_mirror == SIM_NODES) abort();
        memmove(&s->mirror[i + 1], &s->mirror[i], (s->n_mirror - i) * sizeof s->mirror[0]);
        s->mirror[i].uri = keep(s, uri);
        s->n_mirror++;
    }
    s->mirror[i] = (struct pol_mirror_node){ s->mirror[i].uri, keep(s, format), keep(s, value), known, s->d->now_ms };
}

static void drop(struct sim_shell *s, struct str uri)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_mirror; i++)
        if (!ddf_uri_within(s->mirror[i].uri, uri)) s->mirror[n++] = s->mirror[i];
    s->n_mirror = n;
    struct pol_mirror_node *parent = find(s, ddf_uri_parent(uri));
    if (parent && s->list_unsupported) parent->known = POL_STALE;
}

static void stale(struct sim_shell *s, struct str uri)
{
    for (size_t i = 0; i < s->n_mirror; i++)
        if (ddf_uri_within(s->mirror[i].uri, uri)) s->mirror[i].known = POL_STALE;
}

static void stale_after(struct sim_shell *s, const struct pol_operation *op)
{
    struct str *uris;
    size_t n;
    if (pol_op_touches(s->d->l, op, &s->a, &uris, &n)) abort();
    for (size_t i = 0; i < n; i++) stale(s, uris[i]);
}

static void failed(struct sim_shell *s, struct str key, int code)
{
    size_t i = 0;
    while (i < s->n_failures && !str_eq(s->failure[i].key, key)) i++;
    if (i == SIM_FAILURES) abort();
    struct pol_failure f = pol_failure_after(i < s->n_failures ? &s->failure[i] : NULL, keep(s, key), code,
                                             s->d->now_ms);
    if (s->verbose) printf("    failure %.*s code %d tries %d\n", STR_ARG(key), code, f.tries);
    s->failure[i] = f;
    if (i == s->n_failures) s->n_failures++;
}

static void forget_within(struct sim_shell *s, struct str uri)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_failures; i++)
        if (!pol_failure_within(s->failure[i].key, uri)) s->failure[n++] = s->failure[i];
    s->n_failures = n;
}

static void forget(struct sim_shell *s, struct str key)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_failures; i++)
        if (!str_eq(s->failure[i].key, key)) s->failure[n++] = s->failure[i];
    s->n_failures = n;
}

/* ---- operations ---- */

static void apply(struct sim_shell *s, struct pol_operation *op, const struct pol_verdict *v)
{
    bool moved = op->state != v->state;
    if (s->verbose && moved)
        printf("    operation %lld %.*s: %s (%.*s)\n", (long long)op->id, STR_ARG(op->kind),
               pol_op_state_name(v->state), STR_ARG(v->why));
    op->state = v->state;
    if (moved) op->updated_ms = s->d->now_ms;
    s->op_why[op->id - 1] = keep(s, v->why);
    if (moved && op->by_policy && v->state == POL_OP_FAILED) failed(s, pol_op_key(s->d->l, op, &s->a), v->code);
    if (moved && op->by_policy && v->state == POL_OP_VERIFIED) forget(s, pol_op_key(s->d->l, op, &s->a));
}

static void apply_moves(struct sim_shell *s)
{
    for (size_t i = 0; i < s->plan.n_moves; i++) {
        struct pol_verdict v = { s->plan.moves[i].state, s->plan.moves[i].code, s->plan.moves[i].percent,
                                 s->plan.moves[i].why };
        apply(s, &s->op[s->plan.moves[i].id - 1], &v);
    }
    for (size_t i = 0; i < s->plan.n_verified; i++) {
        struct pol_verdict v = { POL_OP_VERIFIED, 200, 100, STR("reported by the device") };
        apply(s, &s->op[s->plan.verified[i] - 1], &v);
    }
}

static struct pol_operation *sent(struct sim_shell *s, const struct pol_step *step)
{
    struct pol_operation *op;
    if (!step->operation && !step->op_kind.n) return NULL;
    if (step->operation) {
        op = &s->op[step->operation - 1];
    } else {
        if (s->n_ops == SIM_OPS) abort();
        op = &s->op[s->n_ops++];
        *op = (struct pol_operation){ .id = (int64_t)s->n_ops,
                                      .by_policy = true,
                                      .kind = keep(s, step->op_kind),
                                      .scope = step->op_scope,
                                      .owner = keep(s, step->op_owner),
                                      .args = keep(s, step->op_args),
                                      .correlator = keep(s, step->correlator) };
        for (size_t i = 0; i + 1 < s->n_ops; i++)
            if (str_eq(s->op[i].correlator, op->correlator)) abort(); /* a correlator is unique on a device */
    }
    op->state = POL_OP_SENT;
    op->tries++;
    op->updated_ms = s->d->now_ms;
    stale_after(s, op);
    return op;
}

/* ---- outcomes ---- */

static void take_values(struct sim_shell *s, const struct pol_step *step, const struct sim_node *values, size_t n)
{
    size_t q = str_find(step->uri, '?', 0);
    struct str uri = str_slice(step->uri, 0, q);
    size_t left = 0;
    if (q < step->uri.n) {
        for (size_t i = 0; i < s->n_mirror; i++) {
            bool there = !ddf_uri_within(s->mirror[i].uri, uri);
            for (size_t k = 0; !there && k < n; k++) there = str_eq(values[k].uri, s->mirror[i].uri);
            if (there)
                s->mirror[left++] = s->mirror[i];
            else if (s->mirror[i].known == POL_ACKNOWLEDGED)
                failed(s, pol_set_key(s->mirror[i].uri, &s->a), 0);
        }
        s->n_mirror = left;
    }
    for (size_t i = 0; i < n; i++) {
        const struct pol_mirror_node *before = find(s, values[i].uri);
        if (before && pol_read_back_differs(before, values[i].value)) failed(s, pol_set_key(values[i].uri, &s->a), 0);
        put(s, values[i].uri, values[i].format, values[i].value, POL_REPORTED);
    }
}

static void outcome(struct sim_shell *s, const struct pol_step *step, int code, const struct sim_node *values, size_t n)
{
    const struct pol_mirror_node *before = find(s, str_slice(step->uri, 0, str_find(step->uri, '?', 0)));
    bool written = before && before->known == POL_ACKNOWLEDGED;
    if (s->verbose && step->verb != DM_GET) printf("    %d %.*s\n", code, STR_ARG(step->uri));
    if (step->verb == DM_GET && str_find(step->uri, '?', 0) < step->uri.n && (code == 404 || code == 406) &&
        s->d->no_list) {
        s->list_unsupported = true;
        return;
    }
    switch (pol_step_outcome(s->d->l, step, code)) {
    case POL_STEP_DONE:
        if (step->verb == DM_GET)
            take_values(s, step, values, n);
        else if (step->verb == DM_ADD || step->verb == DM_REPLACE)
            put(s, step->uri, step->format, step->data, POL_ACKNOWLEDGED);
        else if (step->verb == DM_DELETE)
            drop(s, step->uri);
        forget(s, step->key);
        if (step->verb == DM_ADD || step->verb == DM_DELETE) forget_within(s, step->uri);
        break;
    case POL_STEP_RUNS:
    case POL_STEP_SKIPPED: break;
    case POL_STEP_THERE: put(s, step->uri, step->format, (struct str){ 0 }, POL_STALE); break;
    case POL_STEP_GONE:
        if (step->verb == DM_GET && written) failed(s, pol_set_key(step->uri, &s->a), code);
        if (step->verb == DM_REPLACE || (step->verb == DM_GET && step->purpose == POL_FOR_DISCOVER))
            failed(s, step->key, code);
        drop(s, str_slice(step->uri, 0, str_find(step->uri, '?', 0)));
        break;
    case POL_STEP_AGAIN:
    case POL_STEP_FAILED: failed(s, step->key, code); break;
    }
}

static struct sim_node values[SIM_NODES];

static void send_atomic(struct sim_shell *s, const struct pol_step *step)
{
    static struct sim_node before[SIM_NODES];
    size_t n_before = s->d->n, n = 0;
    const struct pol_step *bad = NULL;
    int code = 200;

    if (s->d->no_atomic) {
        outcome(s, step, 406, NULL, 0);
        return;
    }
    memcpy(before, s->d->node, n_before * sizeof before[0]);
    for (const struct pol_step *c = step->children; c && !bad; c = c->next) {
        code = sim_command(s->d, c, values, &n);
        if (code >= 300) bad = c;
    }
    if (bad) {
        memcpy(s->d->node, before, n_before * sizeof before[0]);
        s->d->n = n_before;
        outcome(s, bad, code, NULL, 0);
        return;
    }
    for (const struct pol_step *c = step->children; c; c = c->next) outcome(s, c, 200, NULL, 0);
    forget(s, step->key);
}

/* Writing what the device has told us is a step too many. */
static void needed(struct sim_shell *s, const struct pol_step *step)
{
    const struct pol_mirror_node *n = find(s, step->uri);
    if ((step->verb == DM_REPLACE || step->verb == DM_ADD) && n && n->known == POL_REPORTED &&
        str_eq(n->value, step->data)) {
        s->d->refused++;
        snprintf(s->d->refusal, sizeof s->d->refusal, "needless %.*s", STR_ARG(step->uri));
    }
}

static void send(struct sim_shell *s, const struct pol_step *step)
{
    struct pol_operation *op;
    struct pol_verdict v;
    size_t n = 0;

    needed(s, step);
    for (const struct pol_step *c = step->children; c; c = c->next) needed(s, c);
    op = sent(s, step);
    s->steps++;
    if (step->verb == DM_ATOMIC) {
        send_atomic(s, step);
        return;
    }
    int code = sim_command(s->d, step, values, &n);
    bool lost = (int)sim_dice(s->d, 100) < s->lose_percent;
    if (lost) code = 0;
    if (op) {
        pol_op_on_status(s->d->l, op, code, &s->a, &v);
        apply(s, op, &v);
        if (code == 200 || code >= 1200) stale_after(s, op);
    }
    if (lost) return;
    if (!op || step->verb != DM_EXEC) outcome(s, step, code, values, n);
}

/* ---- sessions ---- */

static struct pol_facts facts(struct sim_shell *s)
{
    struct pol_facts f = { .layout = s->d->l,
                           .schema = s->d->s,
                           .device = STR("IMEI:0017"),
                           .authority = STR("acme-it"),
                           .server_id = STR("dm.acme.example"),
                           .owner = 3,
                           .attrs = s->attrs,
                           .n_attrs = s->n_attrs,
                           .policies = s->policies,
                           .images = s->image,
                           .n_images = s->n_images,
                           .mirror = s->mirror,
                           .n_mirror = s->n_mirror,
                           .mirror_read = s->mirror_read,
                           .failures = s->failure,
                           .n_failures = s->n_failures,
                           .holds = s->hold,
                           .n_holds = s->n_holds,
                           .now_ms = s->d->now_ms,
                           .session_ms = s->session_ms,
                           .list_unsupported = s->list_unsupported,
                           .kpi_due_before_ms = s->kpi_due_ms };
    struct pol_operation *open = ARENA_ARRAY(&s->message, struct pol_operation, s->n_ops + 1);
    for (size_t i = 0; i < s->n_ops; i++)
        if (!pol_op_finished(s->op[i].state)) open[f.n_operations++] = s->op[i];
    f.operations = open;
    if (s->token) {
        f.reported_token = STR("token");
        f.mirror_matches_token = s->token_ok || s->changed;
    }
    return f;
}

enum rc sim_plan(struct sim_shell *s)
{
    struct pol_desired d;
    struct err e = { 0 };
    arena_reset(&s->message);
    struct pol_facts f = facts(s);
    enum rc rc = pol_resolve(&f, &s->message, &d, &e);
    if (!rc) rc = pol_make_plan(&f, &d, &s->message, &s->plan, &e);
    if (rc) printf("%s\n", e.text);
    return rc;
}

void sim_print(const struct sim_shell *s)
{
    struct buf b;
    buf_init(&b, 0);
    pol_plan_print(&s->plan, &b);
    printf("%s", buf_z(&b));
    buf_finish(&b);
}

static bool mirror_is_true(struct sim_shell *s)
{
    for (size_t i = 0; i < s->d->n; i++) {
        const struct pol_mirror_node *n = find(s, s->d->node[i].uri);
        if (!str_is(s->d->node[i].format, "node") && (!n || !str_eq(n->value, s->d->node[i].value))) return false;
    }
    return true;
}

static void take_alerts(struct sim_shell *s)
{
    size_t n;
    struct sim_alert *alert = sim_tick(s->d, &n);
    struct pol_verdict v;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->n_ops; k++)
            if (str_eq(s->op[k].correlator, alert[i].correlator)) {
                pol_op_on_complete(s->d->l, &s->op[k], alert[i].result, (struct str){ 0 }, &s->a, &v);
                apply(s, &s->op[k], &v);
                stale_after(s, &s->op[k]);
            }
}

bool sim_session_step(struct sim_shell *s)
{
    s->d->now_ms += 10;
    if (sim_plan(s)) abort();
    if (s->verbose) sim_print(s);
    apply_moves(s);
    if (s->plan.mirror_complete) s->mirror_read = true;
    for (const struct pol_step *step = s->plan.steps; step; step = step->next) {
        send(s, step);
        s->changed |= step->verb != DM_GET;
    }
    s->messages += s->plan.n_steps > 0;
    return s->plan.n_steps > 0;
}

unsigned sim_session(struct sim_shell *s)
{
    unsigned sent_messages = 0;
    s->session_ms = ++s->d->now_ms;
    s->changed = false;
    s->token_ok = s->token && mirror_is_true(s);
    take_alerts(s);
    while (sent_messages < 200 && sim_session_step(s)) sent_messages++;
    return sent_messages;
}

bool sim_run(struct sim_shell *s, unsigned most_sessions)
{
    for (unsigned i = 0; i < most_sessions; i++) {
        unsigned messages = sim_session(s);
        if (messages >= 200) {
            printf("a session that does not end\n");
            return false;
        }
        if (s->plan.settled && !(s->token && s->changed)) /* the token is compared again in the next session */
            return true;
        s->d->now_ms += 200000; /* the next poll */
    }
    return false;
}
