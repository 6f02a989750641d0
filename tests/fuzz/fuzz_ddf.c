/* SPDX-License-Identifier: Apache-2.0 */
/* Description files: load, load again on top, look things up, check commands against it. */
#include "ddf/schema.h"
#include "ddf/uri.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The address of a node, with "x" for a name that is chosen later; empty when it is too long for one. */
static struct str address(const struct ddf_node *n, char *text, size_t room)
{
    size_t at = room;
    for (; n && n->parent; n = n->parent) {
        struct str name = n->name.n ? n->name : STR("x");
        if (at < name.n + 3) return (struct str){ 0 };
        at -= name.n;
        memcpy(text + at, name.p, name.n);
        text[--at] = '/';
    }
    text[--at] = '.';
    return (struct str){ text + at, room - at };
}

static void visit(const struct ddf_schema *s, const struct ddf_node *n, unsigned depth)
{
    char text[DDF_URI_BYTES + 1];
    struct str uri = address(n, text, sizeof text);
    static const char *const values[] = { "", "1", "true", "abc", "-5", "a,b" };
    int status;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) ddf_check_value(n, str_of(values[i]), NULL);
    ddf_check(s, DDF_REPLACE, n->name, STR("chr"), STR("text/plain"), STR("x"), true, true, &status, NULL);
    ddf_check(s, DDF_ADD, uri, STR("chr"), STR("text/plain"), STR("x"), true, true, &status, NULL);
    ddf_node_applies(n);
    for (const struct ddf_node *c = n->first; c && depth < 200; c = c->next) visit(s, c, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct ddf_schema *s = ddf_schema_create();
    struct err e = { 0 };
    if (s && ddf_schema_load(s, text, "fuzz", &e) == RC_OK) {
        ddf_schema_load(s, text, "fuzz again", NULL);
        visit(s, ddf_schema_find(s, STR(".")), 0);
    }
    ddf_schema_destroy(s);
    return 0;
}
