/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector/selector.h"
#include "policy/selector/selector_tree.h"
#include <string.h>

/* A recursive-descent parser. Depth and number of terms are checked before a node is built. */
struct selector_parser {
    struct str text;
    size_t at;  /* start of the current word */
    size_t end; /* end of the current word */
    enum token { T_END, T_NAME, T_TEXT, T_NUMBER, T_SIGN, T_BAD } token;
    struct str word; /* T_TEXT: without quotes, escapes decoded */
    unsigned depth, terms;
    struct arena *a;
    struct err *e;
    enum rc rc;
};

static bool fail(struct selector_parser *p, enum rc rc, const char *what)
{
    if (p->rc) return false;
    p->rc = rc;
    unsigned column = (unsigned)p->at + 1;
    if (p->token == T_END)
        err_at(p->e, rc, NULL, 1, column, "%s, but the selector ends here", what);
    else
        err_at(p->e, rc, NULL, 1, column, "%s, not \"%.*s\"", what, (int)(p->end - p->at > 40 ? 40 : p->end - p->at),
               p->text.p + p->at);
    return false;
}

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool name_inside(char c)
{
    return name_start(c) || digit(c) || c == '.' || c == '-';
}
static char peek(const struct selector_parser *p, size_t i)
{
    return i < p->text.n ? p->text.p[i] : '\0';
}

/* "text" or 'text'; a backslash keeps the next character unchanged. */
static void quoted(struct selector_parser *p)
{
    char quote = p->text.p[p->at];
    char *out = arena_bytes(p->a, p->text.n - p->at);
    size_t n = 0, i = p->at + 1;

    p->token = T_BAD;
    p->end = p->text.n;
    if (!out) {
        p->rc = RC_NOMEM;
        return;
    }
    for (; i < p->text.n && p->text.p[i] != quote; i++) {
        if (p->text.p[i] == '\\' && ++i == p->text.n) break;
        out[n++] = p->text.p[i];
    }
    if (i >= p->text.n) {
        p->rc = err_at(p->e, RC_PARSE, NULL, 1, (unsigned)p->at + 1, "this text has no closing quote");
        return;
    }
    p->token = T_TEXT;
    p->end = i + 1;
    p->word = (struct str){ out, n };
}

static void advance(struct selector_parser *p)
{
    size_t i = p->end;
    while (i < p->text.n &&
           (p->text.p[i] == ' ' || p->text.p[i] == '\t' || p->text.p[i] == '\n' || p->text.p[i] == '\r'))
        i++;
    p->at = p->end = i;
    if (i >= p->text.n) {
        p->token = T_END;
        return;
    }
    char c = p->text.p[i];
    if (name_start(c)) {
        while (name_inside(peek(p, i))) i++;
        p->token = T_NAME;
    } else if (digit(c) || (c == '-' && digit(peek(p, i + 1)))) {
        i++;
        while (digit(peek(p, i)) || peek(p, i) == '.') i++;
        p->token = T_NUMBER;
    } else if (c == '"' || c == '\'') {
        quoted(p);
        return;
    } else if ((c == '=' || c == '!' || c == '<' || c == '>') && peek(p, i + 1) == '=') {
        i += 2;
        p->token = T_SIGN;
    } else if (strchr("<>(),", c) && c) {
        i++;
        p->token = T_SIGN;
    } else {
        i++;
        p->token = T_BAD;
    }
    p->end = i;
    p->word = str_slice(p->text, p->at, i);
}

static bool is(const struct selector_parser *p, enum token t, const char *word)
{
    return p->token == t && str_is(p->word, word);
}

static bool take(struct selector_parser *p, enum token t, const char *word)
{
    if (p->rc || !is(p, t, word)) return false;
    advance(p);
    return true;
}

static struct sel_node *node(struct selector_parser *p, enum sel_kind kind)
{
    if (++p->terms > POL_SELECTOR_TERMS) {
        fail(p, RC_LIMIT, "a selector has at most 256 terms");
        return NULL;
    }
    struct sel_node *n = ARENA_NEW(p->a, struct sel_node);
    if (!n) {
        p->rc = RC_NOMEM;
        return NULL;
    }
    n->kind = kind;
    return n;
}

static bool literal(struct selector_parser *p, struct sel_literal *out)
{
    if (p->token == T_TEXT) {
        *out = (struct sel_literal){ .kind = SEL_TEXT, .text = p->word };
    } else if (p->token == T_NUMBER) {
        if (!selector_number(p->word, &out->number))
            return fail(p, RC_PARSE, "a number has at most 15 digits and one point (write a version in quotes)");
        out->kind = SEL_NUMBER;
        out->text = p->word;
    } else if (is(p, T_NAME, "true") || is(p, T_NAME, "false")) {
        *out = (struct sel_literal){ .kind = SEL_TEXT, .text = p->word };
    } else {
        return fail(p, RC_PARSE, "expected a value (\"text\", number, true or false)");
    }
    advance(p);
    return !p->rc;
}

/* ( literal, literal ... ) after `in`. */
static bool list(struct selector_parser *p, struct sel_node *n)
{
    struct sel_literal item[POL_SELECTOR_TERMS];
    size_t count = 0;

    if (!take(p, T_SIGN, "(")) return fail(p, RC_PARSE, "expected \"(\" and a list of values");
    do {
        if (++p->terms > POL_SELECTOR_TERMS || count == POL_SELECTOR_TERMS)
            return fail(p, RC_LIMIT, "a selector has at most 256 terms");
        if (!literal(p, &item[count++])) return false;
    } while (take(p, T_SIGN, ","));
    if (!take(p, T_SIGN, ")")) return fail(p, RC_PARSE, "expected \",\" or \")\"");
    if (!(n->literals = ARENA_ARRAY(p->a, struct sel_literal, count))) {
        p->rc = RC_NOMEM;
        return false;
    }
    memcpy(n->literals, item, count * sizeof item[0]);
    n->n_literals = count;
    return true;
}

static struct sel_node *negated(struct selector_parser *p, struct sel_node *inner)
{
    struct sel_node *n = inner ? node(p, SEL_NOT) : NULL;
    if (n) n->first = inner;
    return n;
}

static bool one_literal(struct selector_parser *p, struct sel_node *n)
{
    n->n_literals = 1;
    if (!(n->literals = ARENA_NEW(p->a, struct sel_literal))) {
        p->rc = RC_NOMEM;
        return false;
    }
    return literal(p, n->literals);
}

/* What may follow an attribute: a comparison, or nothing. */
static struct sel_node *comparison(struct selector_parser *p, struct str attribute)
{
    static const struct {
        const char *sign;
        enum sel_kind kind;
        bool negate;
    } sign[] = {
        { "==", SEL_EQ, false }, { "!=", SEL_EQ, true }, { "<", SEL_LT, false },
        { "<=", SEL_LE, false }, { ">", SEL_GT, false }, { ">=", SEL_GE, false },
    };
    bool negate = false;
    struct sel_node *n = node(p, SEL_SET);
    if (!n) return NULL;
    n->attribute = attribute;
    for (size_t i = 0; i < sizeof sign / sizeof sign[0]; i++)
        if (take(p, T_SIGN, sign[i].sign)) {
            n->kind = sign[i].kind;
            return !one_literal(p, n) ? NULL : sign[i].negate ? negated(p, n) : n;
        }
    if (is(p, T_NAME, "not")) { /* "x not in (...)", "x not matches ..." */
        advance(p);
        negate = true;
        if (!is(p, T_NAME, "in") && !is(p, T_NAME, "matches")) {
            fail(p, RC_PARSE, "expected in or matches");
            return NULL;
        }
    }
    if (take(p, T_NAME, "in")) {
        n->kind = SEL_IN;
        if (!list(p, n)) return NULL;
    } else if (take(p, T_NAME, "matches")) {
        n->kind = SEL_MATCHES;
        if (p->token != T_TEXT) {
            fail(p, RC_PARSE, "expected a pattern in quotes (* and ? are wildcards)");
            return NULL;
        }
        if (!one_literal(p, n)) return NULL;
    }
    return negate ? negated(p, n) : n;
}

static struct sel_node *expression(struct selector_parser *p);

static bool keyword(struct str w)
{
    return str_is(w, "and") || str_is(w, "or") || str_is(w, "in") || str_is(w, "matches") || str_is(w, "not");
}

static struct sel_node *primary(struct selector_parser *p)
{
    struct sel_node *n;
    if (take(p, T_SIGN, "(")) {
        n = expression(p);
        if (n && !take(p, T_SIGN, ")")) {
            fail(p, RC_PARSE, "expected and, or, or \")\"");
            return NULL;
        }
        return n;
    }
    if (is(p, T_NAME, "true") || is(p, T_NAME, "false")) {
        if ((n = node(p, SEL_CONST))) n->constant = is(p, T_NAME, "true");
        advance(p);
        return n;
    }
    if (p->token != T_NAME || keyword(p->word)) {
        fail(p, RC_PARSE, "expected an attribute (label.x, devinfo.man, hypervisor.arch, device.id), not, or \"(\"");
        return NULL;
    }
    struct str attribute = p->word;
    if (attribute.n > POL_ATTRIBUTE_BYTES || str_ends(attribute, STR(".")) ||
        str_find(attribute, '.', 0) == attribute.n) {
        fail(p, RC_PARSE, "an attribute is named group.name, such as label.department or hypervisor.arch");
        return NULL;
    }
    advance(p);
    return comparison(p, attribute);
}

static struct sel_node *factor(struct selector_parser *p)
{
    struct sel_node *n;
    if (p->rc) return NULL;
    if (++p->depth > POL_SELECTOR_DEPTH) {
        fail(p, RC_LIMIT, "a selector nests at most 32 deep");
        return NULL;
    }
    n = take(p, T_NAME, "not") ? negated(p, factor(p)) : primary(p);
    p->depth--;
    return p->rc ? NULL : n;
}

/* One level of `and`, or of `or`. */
static struct sel_node *chain(struct selector_parser *p, const char *word, enum sel_kind kind,
                              struct sel_node *(*part)(struct selector_parser *))
{
    struct sel_node *first = part(p), *all = NULL, **tail;
    if (!first || !is(p, T_NAME, word)) return first;
    if (!(all = node(p, kind))) return NULL;
    all->first = first;
    tail = &first->next;
    while (take(p, T_NAME, word)) {
        if (!(*tail = part(p))) return NULL;
        tail = &(*tail)->next;
    }
    return p->rc ? NULL : all;
}

static struct sel_node *conjunction(struct selector_parser *p)
{
    return chain(p, "and", SEL_AND, factor);
}

static struct sel_node *expression(struct selector_parser *p)
{
    return chain(p, "or", SEL_OR, conjunction);
}

enum rc pol_selector_parse(struct str text, struct arena *a, struct pol_selector **out, struct err *e)
{
    struct selector_parser p = { .a = a, .e = e };
    struct sel_node *root;

    if (text.n > POL_SELECTOR_BYTES)
        return err_set(e, RC_LIMIT, "a selector has at most %d bytes, this one has %zu", POL_SELECTOR_BYTES, text.n);
    if (!str_is_utf8(text)) return err_set(e, RC_PARSE, "the selector is not UTF-8 text");
    if (!arena_str(a, text, &p.text)) return err_set(e, RC_NOMEM, "out of memory for a selector");
    advance(&p);
    root = expression(&p);
    if (root && p.token != T_END) fail(&p, RC_PARSE, "expected and, or, or the end");
    if (p.rc == RC_NOMEM || (!root && !p.rc)) return err_set(e, RC_NOMEM, "out of memory for a selector");
    if (p.rc) return p.rc;
    struct pol_selector *s = ARENA_NEW(a, struct pol_selector);
    if (!s) return err_set(e, RC_NOMEM, "out of memory for a selector");
    s->root = root;
    *out = s;
    return RC_OK;
}
