#include "ddf/layout.h"
#include "ddf/schema.h"
#include "tests/ddf/shipped.h"
#include "tests/lib/test.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Layout and description were written from the same tables: they must not drift apart. */
static void every_row_of_the_layout_is_described(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct ddf_schema *s = shipped_schema();
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct ddf_entry *en = &l->entries[i];
        struct str uri = ddf_layout_uri(l, en, STR("x1"), STR("y1"), &a);
        const struct ddf_node *n = ddf_schema_find(s, uri);
        bool writable = n && n->access & DDF_REPLACE;
        if (!n || !str_is(en->format, ddf_format_name(n->format)))
            fprintf(stderr, "%.*s: %s\n", STR_ARG(uri), n ? ddf_format_name(n->format) : "not described");
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT(str_is(en->format, ddf_format_name(n->format)));
        if (writable != (en->change != DDF_C_NEVER) && n->format != DDF_BIN)
            fprintf(stderr, "%.*s: writable %d\n", STR_ARG(uri), writable);
        CU_ASSERT(writable == (en->change != DDF_C_NEVER) || n->format == DDF_BIN);
        CU_ASSERT(!en->instance || en->node);
        for (size_t k = 0; k < en->n_words; k++) {      /* every word's text is one that the description allows */
            struct err e = { 0 };
            bool open = en->kind == DDF_K_NONE && n->format == DDF_CHR;
            CU_ASSERT(open || ddf_check_value(n, en->words[k].wire, &e) == RC_OK);
            if (e.rc)
                fprintf(stderr, "%.*s: %s\n", STR_ARG(uri), e.text);
        }
        if (en->kind == DDF_K_ENUM && !n->allowed.list_delimiter.n)
            CU_ASSERT_EQUAL(n->allowed.n, en->n_words);
    }
    for (size_t i = 0; i < l->n_operations; i++) {
        const struct ddf_operation *op = &l->operations[i];
        struct str uri = ddf_layout_instance_operation_uri(l, op, STR("x1"), STR("y1"), &a);
        const struct ddf_node *n = ddf_schema_find(s, uri);
        if (!n)
            fprintf(stderr, "%.*s not described\n", STR_ARG(uri));
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT_EQUAL(n->access & (DDF_EXEC | DDF_DELETE), op->delete_node ? DDF_DELETE : DDF_EXEC);
        CU_ASSERT_EQUAL(n->format, op->delete_node ? DDF_NODE : DDF_NULL);
    }
    ddf_schema_destroy(s);
    arena_finish(&a);
}

static unsigned undescribed;

static void see(const struct ddf_layout *l, const struct ddf_node *n, char *uri, size_t at)
{
    struct ddf_match m;
    size_t len = at + (size_t)snprintf(uri + at, 256 - at, "/%.*s", STR_ARG(n->name.n ? n->name : STR("x1")));
    if (str_is(n->name, "Ext"))
        return;
    if (ddf_layout_match(l, str_of(uri), &m) && !m.entry && !m.operation && m.owner.n + m.instance.n + n->name.n && n->parent->parent
        && n->name.n) {
        fprintf(stderr, "%s is not in the layout\n", uri);
        undescribed++;
    }
    for (const struct ddf_node *c = n->first; c; c = c->next)
        see(l, c, uri, len);
    uri[at] = '\0';
}

static void every_described_node_is_in_the_layout(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct ddf_schema *s = shipped_schema();
    char uri[256] = ".";
    undescribed = 0;
    for (const struct ddf_node *c = ddf_schema_find(s, STR("."))->first; c; c = c->next)
        see(l, c, uri, 1);
    CU_ASSERT_EQUAL(undescribed, 0);
    ddf_schema_destroy(s);
    arena_finish(&a);
}

TEST_MAIN("ddf.schema",
    TEST(every_row_of_the_layout_is_described),
    TEST(every_described_node_is_in_the_layout))
