/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector/selector_tree.h"

/* Each term becomes a subquery for its attribute. A label's is EXISTS, which is never NULL: a missing label is known
 * to be unset. Any other is a scalar subquery, which is NULL when the device has not reported the attribute: SQL's
 * own third value. */
struct sql_text_out {
    struct buf out;
    struct str params[3 * POL_SELECTOR_TERMS];
    size_t n;
    struct arena *a;
    bool failed;
};

static void param(struct sql_text_out *w, struct str value)
{
    if (w->n == sizeof w->params / sizeof w->params[0]) {
        w->failed = true;
        return;
    }
    buf_printf(&w->out, ":p%zu", w->n);
    w->params[w->n++] = value;
}

/* As selector_number: -?digits[.digits] in at most 15 bytes. */
static void is_number(struct sql_text_out *w, const char *v)
{
    buf_printf(&w->out,
               "(length(%s) BETWEEN 1 AND 15 AND %s NOT GLOB '*[^-.0-9]*' AND %s GLOB '*[0-9]' AND %s NOT GLOB '?*-*'"
               " AND %s NOT GLOB '*.*.*' AND %s NOT GLOB '.*' AND %s NOT GLOB '-.*')",
               v, v, v, v, v, v, v);
}

static void number(struct sql_text_out *w, const char *v, const char *sign, const struct sel_literal *l)
{
    buf_putz(&w->out, "(");
    is_number(w, v);
    buf_printf(&w->out, " AND CAST(%s AS REAL) %s CAST(", v, sign);
    param(w, l->text);
    buf_putz(&w->out, " AS REAL))");
}

/* As selector_version_key, one part for each round. */
static void version(struct sql_text_out *w, const char *v, const char *sign, const struct sel_literal *l)
{
    struct str key;
    if (!selector_version_key(l->text, w->a, &key)) {
        w->failed = true;
        return;
    }
    buf_printf(
        &w->out,
        "((WITH RECURSIVE cut(i, rest, k) AS (SELECT 0, %s || '.', '' UNION ALL SELECT i + 1, substr(rest, instr(rest || '.', '.')"
        " + 1), k || CASE WHEN instr(rest || '.', '.') <= %d AND trim(substr(rest, 1, instr(rest || '.', '.') - 1),"
        " '0123456789') = '' THEN substr('000000000000000000', instr(rest || '.', '.')) ELSE '' END ||"
        " substr(rest, 1, instr(rest || '.', '.') - 1) || '.' FROM cut WHERE i < %d) SELECT k FROM cut WHERE i = %d) %s ",
        v, SEL_PART_BYTES, SEL_PARTS, SEL_PARTS, sign);
    param(w, key);
    buf_putz(&w->out, ")");
}

static void equal(struct sql_text_out *w, const char *v, const struct sel_literal *l)
{
    if (l->kind == SEL_NUMBER) {
        number(w, v, "=", l);
        return;
    }
    buf_printf(&w->out, "%s = ", v);
    param(w, l->text);
}

/* GLOB has one more wildcard than selectors: '[' becomes a set of itself. */
static struct str glob_pattern(struct sql_text_out *w, struct str pattern)
{
    char *p = arena_bytes(w->a, 3 * pattern.n + 1);
    size_t n = 0;
    if (!p) {
        w->failed = true;
        return pattern;
    }
    for (size_t i = 0; i < pattern.n; i++) {
        bool open = pattern.p[i] == '[';
        if (open) p[n++] = '[';
        p[n++] = pattern.p[i];
        if (open) p[n++] = ']';
    }
    return (struct str){ p, n };
}

static void predicate(struct sql_text_out *w, const struct sel_node *s, const char *v)
{
    static const char *const sign[] = { [SEL_LT] = "<", [SEL_LE] = "<=", [SEL_GT] = ">", [SEL_GE] = ">=" };
    switch (s->kind) {
    case SEL_SET: buf_printf(&w->out, "%s <> 'false'", v); break;
    case SEL_EQ: equal(w, v, s->literals); break;
    case SEL_IN:
        for (size_t i = 0; i < s->n_literals; i++) {
            buf_putz(&w->out, i ? " OR " : "(");
            equal(w, v, &s->literals[i]);
        }
        buf_putz(&w->out, ")");
        break;
    case SEL_MATCHES:
        buf_printf(&w->out, "%s GLOB ", v);
        param(w, glob_pattern(w, s->literals[0].text));
        break;
    case SEL_LT:
    case SEL_LE:
    case SEL_GT:
    case SEL_GE:
        if (s->literals[0].kind == SEL_NUMBER)
            number(w, v, sign[s->kind], s->literals);
        else
            version(w, v, sign[s->kind], s->literals);
        break;
    case SEL_CONST:
    case SEL_AND:
    case SEL_OR:
    case SEL_NOT: break;
    }
}

static void write_node(struct sql_text_out *w, const struct sel_node *s)
{
    switch (s->kind) {
    case SEL_CONST: buf_putz(&w->out, s->constant ? "(1 = 1)" : "(1 = 0)"); return;
    case SEL_NOT:
        buf_putz(&w->out, "(NOT ");
        write_node(w, s->first);
        buf_putz(&w->out, ")");
        return;
    case SEL_AND:
    case SEL_OR:
        for (const struct sel_node *c = s->first; c; c = c->next) {
            buf_putz(&w->out, c == s->first ? "(" : s->kind == SEL_AND ? " AND " : " OR ");
            write_node(w, c);
        }
        buf_putz(&w->out, ")");
        return;
    default: break;
    }
    if (selector_is_device_id(s->attribute)) {
        buf_putz(&w->out, "(");
        predicate(w, s, "d.name");
        buf_putz(&w->out, ")");
        return;
    }
    bool label = selector_is_label(s->attribute);
    buf_putz(&w->out,
             label ? "EXISTS (SELECT 1 FROM attribute a WHERE a.device_id = d.device_id AND a.name = " : "(SELECT (");
    if (!label) {
        predicate(w, s, "a.value");
        buf_putz(&w->out, ") FROM attribute a WHERE a.device_id = d.device_id AND a.name = ");
    }
    param(w, s->attribute);
    if (label) {
        buf_putz(&w->out, " AND (");
        predicate(w, s, "a.value");
        buf_putz(&w->out, ")");
    }
    buf_putz(&w->out, ")");
}

enum rc pol_selector_sql(const struct pol_selector *s, struct arena *a, struct pol_sql *out, struct err *e)
{
    struct sql_text_out *w = ARENA_NEW(a, struct sql_text_out);
    enum rc rc = RC_OK;
    if (!w) return err_set(e, RC_NOMEM, "out of memory for a selector's SQL");
    buf_init(&w->out, 1 << 20);
    w->a = a;
    write_node(w, s->root);
    struct pol_sql sql = { .params = w->params, .n_params = w->n };
    if (w->failed || !buf_ok(&w->out) || !arena_str(a, buf_str(&w->out), &sql.text))
        rc = err_set(e, RC_NOMEM, "out of memory for a selector's SQL");
    buf_finish(&w->out);
    if (!rc) *out = sql;
    return rc;
}
