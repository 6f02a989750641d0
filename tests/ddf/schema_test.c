/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/layout/layout.h"
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
        for (size_t k = 0; k < en->n_words; k++) { /* every word's text is one that the description allows */
            struct err e = { 0 };
            bool open = en->kind == DDF_K_NONE && n->format == DDF_CHR;
            CU_ASSERT(open || ddf_check_value(n, en->words[k].wire, &e) == RC_OK);
            if (e.rc) fprintf(stderr, "%.*s: %s\n", STR_ARG(uri), e.text);
        }
        if (en->kind == DDF_K_ENUM && !n->allowed.list_delimiter.n) CU_ASSERT_EQUAL(n->allowed.n, en->n_words);
    }
    for (size_t i = 0; i < l->n_operations; i++) {
        const struct ddf_operation *op = &l->operations[i];
        struct str uri = ddf_layout_instance_operation_uri(l, op, STR("x1"), STR("y1"), &a);
        const struct ddf_node *n = ddf_schema_find(s, uri);
        if (!n) fprintf(stderr, "%.*s not described\n", STR_ARG(uri));
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
    if (str_is(n->name, "Ext")) return;
    if (ddf_layout_match(l, str_of(uri), &m) && !m.entry && !m.operation && m.owner.n + m.instance.n + n->name.n &&
        n->parent->parent && n->name.n) {
        fprintf(stderr, "%s is not in the layout\n", uri);
        undescribed++;
    }
    for (const struct ddf_node *c = n->first; c; c = c->next) see(l, c, uri, len);
    uri[at] = '\0';
}

static void every_described_node_is_in_the_layout(void)
{
    struct arena a;
    struct ddf_layout *l = shipped_layout(&a);
    struct ddf_schema *s = shipped_schema();
    char uri[256] = ".";
    undescribed = 0;
    for (const struct ddf_node *c = ddf_schema_find(s, STR("."))->first; c; c = c->next) see(l, c, uri, 1);
    CU_ASSERT_EQUAL(undescribed, 0);
    ddf_schema_destroy(s);
    arena_finish(&a);
}

/* The objects that share a device with ours (virtualization-mo.md b.3 to b.8). */
static void sibling_objects_are_described(void)
{
    static const char *const files[] = { "mo/lawmo.ddf", "mo/fumo.ddf", "mo/scomo.ddf", "mo/dcmo.ddf",
                                         "mo/diagmon.ddf" };
    static const struct {
        const char *uri;
        unsigned access;
        enum ddf_format format;
    } row[] = {
        { "./LAWMO/State", DDF_GET, DDF_INT },
        { "./LAWMO/AvailableWipeList/sd/ToBeWiped", DDF_GET | DDF_REPLACE, DDF_BOOL },
        { "./LAWMO/Operations/UnLock", DDF_EXEC, DDF_NULL },
        { "./FUMO/1/DownloadAndUpdate", DDF_EXEC | DDF_GET, DDF_NODE },
        { "./FUMO/1/DownloadAndUpdate/PkgURL", DDF_GET | DDF_REPLACE, DDF_CHR },
        { "./FUMO/1/Update/PkgData", DDF_REPLACE, DDF_BIN },
        { "./SCOMO/Download/p/PkgURL", DDF_ADD | DDF_GET | DDF_REPLACE, DDF_CHR },
        { "./SCOMO/Download/p/Operations/DownloadInstall", DDF_EXEC, DDF_NULL },
        { "./SCOMO/Inventory/Deployed/p/Operations/Deactivate", DDF_EXEC, DDF_NULL },
        { "./DCMO/camera/Operations/Disable", DDF_EXEC, DDF_NULL },
        { "./DCMO/camera/DCMOConfig/DenyUserEnable", DDF_GET | DDF_REPLACE, DDF_BOOL },
        { "./DiagMon/memory/Operations/Start", DDF_EXEC, DDF_NULL },
    };
    struct ddf_schema *s = shipped_schema();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        CU_ASSERT_EQUAL_FATAL(ddf_schema_load_file(s, shipped_path(files[i], path), NULL), RC_OK);
    }
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct ddf_node *n = ddf_schema_find(s, str_of(row[i].uri));
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT_EQUAL(n->access, row[i].access);
        CU_ASSERT_EQUAL(n->format, row[i].format);
    }
    ddf_schema_destroy(s);
}

/* Defaults are values, and every setting with an allowed set keeps it to values of its format. */
static void check_node(const struct ddf_node *n)
{
    struct err e = { 0 };
    if (n->has_default && ddf_check_value(n, n->default_value, &e))
        fprintf(stderr, "default of %.*s: %s\n", STR_ARG(n->name), e.text);
    CU_ASSERT_EQUAL(e.rc, RC_OK);
    for (size_t i = 0; n->allowed.kind == DDF_ALLOW_ENUM && i < n->allowed.n; i++)
        CU_ASSERT_EQUAL(ddf_check_value(n, n->allowed.values[i], NULL), RC_OK);
    CU_ASSERT(n->format == DDF_NODE || !n->first);
    CU_ASSERT(n->access != 0);
    CU_ASSERT(!n->parent || n->permanent == false || n->parent->permanent);
    for (const struct ddf_node *c = n->first; c; c = c->next) check_node(c);
}

static void our_descriptions_are_sound(void)
{
    struct ddf_schema *s = shipped_schema();
    check_node(ddf_schema_find(s, STR(".")));
    CU_ASSERT_EQUAL(ddf_schema_find(s, STR("./Virtualization/VM/v/Periph/camera/Access"))->hint, DDF_HINT_LOWEST_SAFE);
    CU_ASSERT_EQUAL(ddf_schema_find(s, STR("./Virtualization/VM/v/Lease/WipeAfterS"))->hint,
                    DDF_HINT_LOWEST_SAFE_ZERO_IS_NONE);
    CU_ASSERT_EQUAL(ddf_schema_find(s, STR("./Virtualization/VM/v/Resources/Storage/d/Encrypted"))->hint,
                    DDF_HINT_HIGHEST_SAFE);
    CU_ASSERT(str_is(ddf_schema_find(s, STR("./Virtualization"))->ddf_name, "urn:oma:mo:x-virmo:1.0"));
    CU_ASSERT(str_is(ddf_schema_find(s, STR("./VMImages"))->ddf_name, "urn:oma:mo:x-vmimgmo:1.0"));
    CU_ASSERT(str_is(ddf_schema_find(s, STR("./DMAcc/a/Ext/PollS"))->default_value, "86400"));
    ddf_schema_destroy(s);
}

TEST_MAIN("ddf.schema", TEST(every_row_of_the_layout_is_described), TEST(every_described_node_is_in_the_layout),
          TEST(sibling_objects_are_described), TEST(our_descriptions_are_sound))
