/* SPDX-License-Identifier: Apache-2.0 */
/* What must be read: everything once, then what may have changed, what was written, and KPIs. */
#include "ddf/uri.h"
#include "policy/plan/planner_int.h"

enum { READS_AT_ONCE = 200, LEAVES_BEFORE_TREE = 4, NODES_BEFORE_WHOLE = 40, SEARCH_AT_ONCE = 40, SEARCH_DEPTH = 4 };

static bool interior(const struct pol_mirror_node *n)
{
    return str_is(n->format, "node");
}

/* ---- first contact ---- */

/*
 * Without ?list= an interior node reports its children, which are read one by one.
 * @return number of reads that were made
 */
static size_t walk(struct planning *p, struct str root, enum pol_purpose purpose)
{
    size_t first, end, n = 0;
    const struct pol_mirror_node *top = planner_mirror_find(p, root);

    if (!top || top->known != POL_REPORTED) {
        if (planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(root)))) return 0;
        return planner_add_read(p, root, false, purpose, "what the device has");
    }
    planner_mirror_below(p, root, &first, &end);
    for (size_t i = first; i <= end && n < READS_AT_ONCE; i++) {
        const struct pol_mirror_node *node = i == end ? top : &p->f->mirror[i];
        struct str rest = node->value, name;
        if (!interior(node) || node->known != POL_REPORTED) continue;
        while (n < READS_AT_ONCE && str_cut(&rest, '/', &name)) {
            struct str uri = name.n ? ddf_uri_join(p->a, node->uri, name) : (struct str){ 0 };
            if (uri.n && !planner_mirror_find(p, uri) && planner_readable(p, uri))
                n += planner_add_read(p, uri, false, purpose, "what the device has");
        }
    }
    return n;
}

static size_t discover(struct planning *p, struct str root)
{
    const struct pol_mirror_node *top = planner_mirror_find(p, root);
    if (p->f->list_unsupported) return walk(p, root, POL_FOR_DISCOVER);
    if (top && top->known == POL_REPORTED) return 0;
    return planner_add_read(p, root, true, POL_FOR_DISCOVER, "what the device has");
}

/* ---- objects that lie elsewhere ---- */

/* It was looked for in this session, and it is not there. */
static bool missed(const struct planning *p, struct str root)
{
    const struct pol_failure *x;
    if (planner_mirror_has(p, root)) return false;
    x = planner_failure_of(p, planner_say((struct planning *)(uintptr_t)p, "get %.*s%s", STR_ARG(root),
                                          p->f->list_unsupported ? "" : "?list=StructData"));
    return x && x->at_ms >= p->f->session_ms;
}

/* Not told in this session: a folder may have something else in it by now. */
static bool is_earlier(const struct planning *p, const struct pol_mirror_node *n)
{
    return !n || n->known != POL_REPORTED || n->at_ms < p->f->session_ms;
}

/* Nothing that a description knows, but for the way to where the object was. */
static bool is_foreign(const struct planning *p, struct str uri)
{
    const struct str at[] = { p->l->root, p->l->images };
    for (size_t i = 0; i < 2; i++)
        if (ddf_uri_within(at[i], uri) && !str_eq(at[i], uri)) return true;
    return !p->f->schema || !ddf_schema_find(p->f->schema, uri);
}

/* Folders that no description knows, level by level: the answer for a root says which object it is. */
static size_t search_folders(struct planning *p)
{
    const struct pol_mirror_node *top = planner_mirror_find(p, STR("."));
    size_t n = 0;
    if (is_earlier(p, top))
        return planner_add_read(p, STR("."), false, POL_FOR_DISCOVER, "where the device has its objects");
    for (size_t i = 0; i < p->f->n_mirror && n < SEARCH_AT_ONCE; i++) {
        const struct pol_mirror_node *node = &p->f->mirror[i];
        struct str rest = node->value, name;
        size_t depth = 0;
        for (size_t k = 0; k < node->uri.n; k++) depth += node->uri.p[k] == '/';
        if (!interior(node) || is_earlier(p, node) || depth >= SEARCH_DEPTH) continue;
        while (n < SEARCH_AT_ONCE && str_cut(&rest, '/', &name)) {
            struct str uri = name.n ? ddf_uri_join(p->a, node->uri, name) : (struct str){ 0 };
            if (uri.n && is_earlier(p, planner_mirror_find(p, uri)) && is_foreign(p, uri))
                n += planner_add_read(p, uri, false, POL_FOR_DISCOVER, "where the device has its objects");
        }
    }
    return n;
}

/* The layout says where the objects usually lie. Who has them elsewhere tells by their roots' types: by the structure of
 * the whole tree, or folder by folder where it tells none. */
static bool search(struct planning *p)
{
    static const struct str whole = { ".?list=Struct", 13 };
    if (!p->f->session_ms || !(missed(p, p->l->root) || missed(p, p->l->images))) return false;
    if (!p->f->searched) return planner_add_read(p, whole, false, POL_FOR_DISCOVER, "where the device has its objects");
    const struct pol_failure *x = planner_failure_of(p, STR("get .?list=Struct"));
    return x && x->at_ms >= p->f->session_ms && search_folders(p) > 0;
}

bool plan_discover(struct planning *p)
{
    if (p->f->mirror_read) return true;
    size_t n = discover(p, p->l->root);
    n += discover(p, p->l->images);
    for (size_t i = 0; i < p->f->n_also_read; i++) n += discover(p, p->f->also_read[i]);
    if (n || p->no_memory || search(p)) return false;
    if (!planner_mirror_has(p, p->l->root)) {
        const struct pol_failure *x = planner_failure_of(
            p, planner_say(p, "get %.*s%s", STR_ARG(p->l->root), p->f->list_unsupported ? "" : "?list=StructData"));
        planner_add_wait(p, (struct str){ 0 }, "failed",
                         planner_say(p,
                                     "the device has no %.*s and names no other root of %.*s, or does not let this "
                                     "authority read it%s%.*s",
                                     STR_ARG(p->l->root), STR_ARG(p->l->mo), x ? ": " : "",
                                     STR_ARG(x ? pol_code_text(p->l, x->code, p->a) : (struct str){ 0 })),
                         x ? x->code : 0, 0);
        return false;
    }
    p->out->mirror_complete = true;
    return true;
}

/* ---- changed and written values ---- */

/* The VM or image that contains an address: "./A/VM/corp" of "./A/VM/corp/State". Empty for others. */
static struct str owner_of(const struct planning *p, struct str uri)
{
    const struct str base[] = { p->l->vms, p->l->images };
    for (size_t i = 0; i < 2; i++)
        if (uri.n > base[i].n + 1 && ddf_uri_within(uri, base[i]))
            return str_slice(uri, 0, str_find(uri, '/', base[i].n + 1));
    return (struct str){ 0 };
}

static bool dirty(const struct pol_mirror_node *n)
{
    return n->known != POL_REPORTED;
}

/* An operation is in progress there and will report; it is read when no report came for a while. */
static bool left_alone(struct planning *p, struct str owner)
{
    for (size_t i = 0; i < p->f->n_operations; i++) {
        const struct live_op *op = &p->ops[i];
        if (op->state == POL_OP_ACCEPTED && op->op->scope != DDF_DEVICE && !str_is(op->op->kind, "tree") &&
            str_eq(planner_owner_uri(p, op->op->scope, op->op->owner), owner) &&
            p->f->now_ms - op->op->updated_ms < POL_POLL_MS)
            return true;
    }
    return false;
}

static size_t dirty_below(const struct planning *p, struct str uri, bool leaves_only)
{
    size_t first, end, n = 0;
    planner_mirror_below(p, uri, &first, &end);
    for (size_t i = first; i < end; i++)
        n += dirty(&p->f->mirror[i]) && (!leaves_only || str_eq(ddf_uri_parent(p->f->mirror[i].uri), uri));
    return n;
}

static void unreadable(struct planning *p, const struct pol_mirror_node *n, struct str owner)
{
    const struct pol_failure *x = planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(n->uri)));
    struct str vm = ddf_uri_within(n->uri, p->l->vms) && owner.n ? ddf_uri_name(owner) : (struct str){ 0 };
    if (x && n->known == POL_ACKNOWLEDGED)
        planner_wait_failure(p, vm, planner_say(p, "%.*s was written and cannot be read back", STR_ARG(n->uri)), x);
}

/* Read the largest useful tree for this node, starting with the smallest that was not refused: node, parent, owner.
 * @return false when none of them may be read now */
static bool read_back(struct planning *p, const struct pol_mirror_node *n, struct str owner)
{
    static const char why_written[] = "read back what was written",
                      why_stale[] = "it may have changed since it was last read";
    const char *why = n->known == POL_ACKNOWLEDGED ? why_written : why_stale;
    struct str parent = ddf_uri_parent(n->uri);
    const struct pol_mirror_node *top = owner.n ? planner_mirror_find(p, owner) : NULL;
    bool trees = !p->f->list_unsupported;

    if (trees && owner.n && ((top && dirty(top)) || dirty_below(p, owner, false) >= NODES_BEFORE_WHOLE) &&
        planner_add_read(p, owner, true, POL_FOR_VERIFY, why))
        return true;
    if (trees && interior(n) && planner_add_read(p, n->uri, true, POL_FOR_VERIFY, why)) return true;
    if (trees && parent.n > owner.n && owner.n && !str_eq(parent, owner) &&
        dirty_below(p, parent, true) >= LEAVES_BEFORE_TREE && planner_add_read(p, parent, true, POL_FOR_VERIFY, why))
        return true;
    if (planner_add_read(p, n->uri, false, POL_FOR_VERIFY, why)) return true;
    unreadable(p, n, owner);
    return false;
}

void plan_reads(struct planning *p)
{
    size_t reads = 0;
    for (size_t i = 0; i < p->f->n_mirror && reads < READS_AT_ONCE && !p->no_memory; i++) {
        const struct pol_mirror_node *n = &p->f->mirror[i];
        if (!dirty(n) || !(ddf_uri_within(n->uri, p->l->root) || ddf_uri_within(n->uri, p->l->images)) ||
            !planner_readable(p, n->uri))
            continue;
        struct str owner = owner_of(p, n->uri);
        if (owner.n && left_alone(p, owner)) continue;
        reads += read_back(p, n, owner); /* a node that cannot be read takes no other's turn */
    }
    if (p->f->list_unsupported && p->f->mirror_read) {
        walk(p, p->l->root, POL_FOR_DISCOVER);
        if (planner_mirror_find(p, p->l->images)) walk(p, p->l->images, POL_FOR_DISCOVER);
    }
}

/* ---- the device's state token differs ---- */

static void read_again(struct planning *p, struct str root)
{
    const struct pol_mirror_node *top = planner_mirror_find(p, root);
    size_t first, end, n = 0;
    if (top && top->at_ms >= p->f->session_ms) return;
    if (!p->f->list_unsupported) {
        planner_add_read(p, root, true, POL_FOR_DISCOVER, "the device's state token shows another change");
        return;
    }
    planner_mirror_below(p, root, &first, &end);
    for (size_t i = first; i < end && n < READS_AT_ONCE; i++)
        if (p->f->mirror[i].at_ms < p->f->session_ms && planner_readable(p, p->f->mirror[i].uri))
            n += planner_add_read(p, p->f->mirror[i].uri, false, POL_FOR_DISCOVER,
                                  "the device's state token shows another change");
    if (!n) planner_add_read(p, root, false, POL_FOR_DISCOVER, "the device's state token shows another change");
}

void plan_drift(struct planning *p)
{
    if (!p->f->reported_token.n || p->f->mirror_matches_token || !p->f->session_ms || p->out->n_steps) return;
    read_again(p, p->l->root);
    read_again(p, p->l->images);
}

/* ---- KPIs ---- */

static void kpis_of(struct planning *p, struct str vm)
{
    struct str uri = planner_entry_uri(p, DDF_ROLE_KPI_NODE, vm);
    const struct pol_mirror_node *n = uri.n ? planner_mirror_find(p, uri) : NULL;
    int64_t newest = n ? n->at_ms : -1;
    size_t first, end;
    int state;

    if (!uri.n || !planner_mirror_number(p, DDF_ROLE_STATE, vm, &state) || !planner_is_ours(p, vm)) return;
    const struct ddf_state *s = ddf_layout_state(p->l, state);
    if (!s || !s->stable || planner_state_is(p, state, DDF_STATE_DEFINED) ||
        planner_state_is(p, state, DDF_STATE_STOPPED))
        return;
    planner_mirror_below(p, uri, &first, &end);
    for (size_t i = first; i < end; i++)
        if (p->f->mirror[i].at_ms > newest) newest = p->f->mirror[i].at_ms;
    if (newest < 0 || newest >= p->f->kpi_due_before_ms) return; /* it has none, or they are recent */
    if (!p->f->list_unsupported && planner_add_read(p, uri, true, POL_FOR_KPI, "KPIs")) return;
    for (size_t i = first; i < end; i++)
        if (!interior(&p->f->mirror[i])) planner_add_read(p, p->f->mirror[i].uri, false, POL_FOR_KPI, "KPIs");
}

void plan_kpis(struct planning *p)
{
    size_t first, end;
    if (!p->f->kpi_due_before_ms) return;
    planner_mirror_below(p, p->l->vms, &first, &end);
    for (size_t i = first; i < end && !p->no_memory; i++) {
        struct str uri = p->f->mirror[i].uri;
        if (str_find(uri, '/', p->l->vms.n + 1) == uri.n) kpis_of(p, ddf_uri_name(uri));
    }
}
