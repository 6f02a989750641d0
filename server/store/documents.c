/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/documents.h"

#include "db/authority.h"
#include "db/device.h"

enum { LINES_BYTES = 64 << 10 };

/* ---- layouts of a document ---- */

struct met {
    const struct ddf_layout **list;
    size_t n;
};

static void meet(struct met *m, const struct ddf_layout *l)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->list[i] == l) return;
    m->list[m->n++] = l;
}

enum rc documents_head(const struct server *srv, struct str text, struct arena *a, struct pol_policy **out,
                       struct err *e)
{
    struct err first = { 0 };
    struct pol_policy *best = NULL;
    for (size_t i = 0; i < srv->n_layouts; i++) {
        struct pol_policy *p = NULL;
        struct err why = { 0 };
        enum rc rc = pol_policy_load(text, "policy", srv->layouts[i], srv->schema, a, &p, &why);
        if (rc == RC_NOMEM) return err_set(e, rc, "no memory for a policy");
        if (rc && !first.rc) first = why;
        if (!rc && (!best || p->attention.n < best->attention.n)) best = p;
    }
    *out = best;
    if (!best && e && !e->rc) *e = first;
    return best ? RC_OK : first.rc;
}

/* For devices whose management object has no layout, the server uses the first layout. */
static enum rc meet_devices(const struct server *srv, struct sql *db, int64_t authority, const struct pol_policy *p,
                            struct arena *a, struct met *m, struct err *e)
{
    struct pol_sql sql;
    struct sql_rows *r = NULL;
    struct str mo;
    enum rc rc = pol_selector_sql(p->selector, a, &sql, e);
    if (rc) return rc;
    const struct db_selector selector = { sql.text, sql.params, sql.n_params };
    rc = db_device_layouts(db, authority, &selector, &r, e);
    while (!rc && (rc = db_device_next_name(r, &mo, e)) == RC_OK)
        if (mo.n) meet(m, server_layout(srv, mo));
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc find_met(const struct server *srv, struct sql *db, struct str text, struct arena *a, struct met *m,
                        struct err *e)
{
    struct pol_policy *p = NULL;
    struct db_authority au;
    enum rc rc = RC_OK;
    if (!(m->list = ARENA_ARRAY(a, const struct ddf_layout *, srv->n_layouts)))
        return err_set(e, RC_NOMEM, "no memory for layouts");
    m->n = 0;
    if (srv->n_layouts > 1) {
        rc = documents_head(srv, text, a, &p, NULL);
        if (!rc) rc = db_authority_by_name(db, p->authority, a, &au, e);
        if (!rc) rc = meet_devices(srv, db, au.id, p, a, m, e);
    }
    for (size_t i = 0; !m->n && i < srv->n_layouts; i++) m->list[i] = srv->layouts[i];
    if (!m->n) m->n = srv->n_layouts;
    return rc == RC_NOMEM || rc == RC_IO || rc == RC_INTERNAL
               ? rc
               : RC_OK; /* other errors are reported when the document is parsed */
}

/* ---- merged messages ---- */

static bool has_line(struct str lines, struct str wanted)
{
    struct str one;
    while (str_cut(&lines, '\n', &one))
        if (str_eq(one, wanted)) return true;
    return false;
}

/* Lines common to all layouts appear once; the others name their layout. */
static void merge(const struct met *m, const struct str *lines, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        struct str rest = lines[i], one;
        while (str_cut(&rest, '\n', &one)) {
            bool all = true;
            for (size_t k = 0; k < m->n; k++) all &= has_line(lines[k], one);
            if (!one.n || (all && i > 0)) continue;
            buf_put(out, one);
            if (!all) buf_printf(out, " (layout %.*s)", STR_ARG(m->list[i]->mo));
            buf_putz(out, "\n");
        }
    }
}

enum rc documents_parse(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                        struct pol_policy **out, struct buf *errors, struct err *e)
{
    struct met m;
    enum rc rc = find_met(srv, db, text, a, &m, e), bad = RC_OK;
    struct str *lines = rc ? NULL : ARENA_ARRAY(a, struct str, m.n);
    if (!rc && !lines) rc = err_set(e, RC_NOMEM, "no memory for layouts");
    for (size_t i = 0; !rc && i < m.n; i++) {
        struct pol_policy *p = NULL;
        struct err why = { 0 };
        struct buf b;
        buf_init(&b, LINES_BYTES);
        enum rc one = pol_policy_parse(text, "body", m.list[i], srv->schema, a, &p, &b, &why);
        if (one && !bad && e && !e->rc) *e = why;
        if (one && !bad) bad = one;
        if (!one && !*out) *out = p;
        if (!arena_str(a, buf_str(&b), &lines[i])) rc = err_set(e, RC_NOMEM, "no memory for the errors of a policy");
        buf_finish(&b);
    }
    if (!rc && bad) merge(&m, lines, errors);
    if (rc || bad) *out = NULL;
    return rc ? rc : bad;
}

enum rc documents_load(const struct server *srv, struct sql *db, struct str text, struct arena *a,
                       struct pol_policy **out, struct err *e)
{
    struct met m;
    struct pol_policy *first = NULL;
    struct buf b;
    enum rc rc = find_met(srv, db, text, a, &m, e);
    struct str *lines = rc ? NULL : ARENA_ARRAY(a, struct str, m.n);
    if (!rc && !lines) rc = err_set(e, RC_NOMEM, "no memory for layouts");
    for (size_t i = 0; !rc && i < m.n; i++) {
        struct pol_policy *p = NULL;
        rc = pol_policy_load(text, "policy", m.list[i], srv->schema, a, &p, e);
        if (!rc) lines[i] = p->attention;
        if (!rc && !first) first = p;
    }
    if (rc) return rc;
    buf_init(&b, LINES_BYTES);
    merge(&m, lines, &b);
    if (!arena_str(a, buf_str(&b), &first->attention)) rc = err_set(e, RC_NOMEM, "no memory for a policy");
    buf_finish(&b);
    *out = first;
    return rc;
}
