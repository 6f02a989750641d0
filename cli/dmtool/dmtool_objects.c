/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmtool/dmtool_objects.h"
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#ifndef DMVISOR_DATA
#define DMVISOR_DATA "/usr/share/dmvisor"
#endif

/* Files of the folder, then further ones, in order. */
static enum rc each(const char *folder, const char *pattern, const char *const *more, size_t n_more,
                    enum rc (*load)(void *ctx, const char *file, struct err *e), void *ctx, struct err *e)
{
    char path[4096];
    glob_t found;
    enum rc rc = RC_OK;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, pattern) >= sizeof path)
        return err_set(e, RC_LIMIT, "the name of a folder is too long");
    if (glob(path, 0, NULL, &found) != 0)
        return err_set(e, RC_NOT_FOUND, "there is no file %s (--objects names the folder)", path);
    for (size_t i = 0; i < found.gl_pathc && !rc; i++) rc = load(ctx, found.gl_pathv[i], e);
    globfree(&found);
    for (size_t i = 0; i < n_more && !rc; i++) rc = load(ctx, more[i], e);
    return rc;
}

static enum rc load_ddf(void *ctx, const char *file, struct err *e)
{
    return ddf_schema_load_file(ctx, file, e);
}

struct layouts {
    struct arena *a;
    struct ddf_layout **list;
    size_t n;
};

static enum rc load_layout(void *ctx, const char *file, struct err *e)
{
    struct layouts *x = ctx;
    if (x->n == DMTOOL_OBJECTS) return err_set(e, RC_LIMIT, "more than %d layouts", (int)DMTOOL_OBJECTS);
    enum rc rc = ddf_layout_load(file, x->a, &x->list[x->n], e);
    if (!rc) x->n++;
    return rc;
}

enum rc dmtool_objects_load(struct dmtool_objects *x, struct arena *a, struct err *e)
{
    const char *folder = x->folder ? x->folder : DMVISOR_DATA "/ddf";
    struct layouts l = { .a = a, .list = ARENA_ARRAY(a, struct ddf_layout *, DMTOOL_OBJECTS) };
    x->schema = ddf_schema_create();
    if (!x->schema || !l.list) return err_set(e, RC_NOMEM, "no memory for management objects");
    enum rc rc = each(folder, "mo/*.ddf", x->ddf, x->n_ddf, load_ddf, x->schema, e);
    if (!rc) rc = each(folder, "layout/*.yaml", x->layout, x->n_layout, load_layout, &l, e);
    x->found = (struct decide_objects){ .schema = x->schema, .layouts = l.list, .n_layouts = l.n };
    return rc;
}

void dmtool_objects_finish(struct dmtool_objects *x)
{
    ddf_schema_destroy(x->schema);
    x->schema = NULL;
}
