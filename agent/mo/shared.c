/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/uri.h"
#include "agent/mo/mo.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256, SHARED_ARENA_BYTES = 16 << 20 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* List the files of a folder with this extension, sorted, so that every start builds the same tree. */
static enum rc list_files(const char *folder, const char *ending, struct arena *a, char **out, size_t *n, struct err *e)
{
    DIR *dir = opendir(folder);

    *n = 0;
    if (!dir)
        return err_at(e, RC_IO, folder, 0, 0,
                      "cannot be read; set objects.directory to the folder with mo/ and layout/");
    for (struct dirent *f; (f = readdir(dir)) && *n < FILES_MAX;)
        if (str_ends(str_of(f->d_name), str_of(ending))) {
            struct str path = arena_printf(a, "%s/%s", folder, f->d_name);
            if (path.n) out[(*n)++] = arena_strz(a, path);
        }
    closedir(dir);
    if (*n) qsort(out, *n, sizeof out[0], by_name);
    return *n ? RC_OK : err_at(e, RC_NOT_FOUND, folder, 0, 0, "has no *%s", ending);
}

static enum rc rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = mo_devinfo_rows(s, e);

    if (!rc) rc = mo_devdetail_rows(s, e);
    if (!rc) rc = mo_dmacc_rows(s, e);
    if (!rc) rc = mo_virt_rows(s, e);
    if (!rc) rc = mo_vm_rows(s, e);
    if (!rc) rc = mo_kpi_rows(s, e);
    if (!rc) rc = mo_threshold_rows(s, e);
    if (!rc) rc = mo_periph_rows(s, e);
    if (!rc) rc = mo_images_rows(s, e);
    if (!rc) rc = mo_vm_other_rows(s, e);
    return rc;
}

static enum rc place(struct mo_shared *s, const char *setting, const char *text, struct str *out, struct err *e)
{
    struct err why = { 0 };
    *out = (struct str){ 0 };
    if (!text) return RC_OK;
    if (ddf_uri_canonical(str_of(text), &s->arena, out, &why))
        return err_set(e, RC_INVALID, "%s: %s: an address like ./A/B is expected: %s", setting, text, why.text);
    if (ddf_schema_find(s->schema, *out) && !str_eq(*out, s->layout->root) && !str_eq(*out, s->layout->images))
        return err_set(e, RC_INVALID, "%s: %s: another object is there", setting, text);
    return RC_OK;
}

/* Makers of devices have the objects elsewhere than the layout: descriptions and layout follow. */
static enum rc move(struct mo_shared *s, const struct mo_places *p, struct err *e)
{
    const struct ddf_layout *l = s->layout;
    struct str root, images;
    enum rc rc = place(s, "objects.root", p->root, &root, e);
    if (!rc) rc = place(s, "objects.images", p->images, &images, e);
    if (!rc) rc = ddf_layout_at(l, root, images, &s->arena, &s->layout, e);
    if (!rc && !str_eq(s->layout->root, l->root)) rc = ddf_schema_move(s->schema, l->root, s->layout->root, e);
    if (!rc && !str_eq(s->layout->images, l->images)) rc = ddf_schema_move(s->schema, l->images, s->layout->images, e);
    return rc;
}

static enum rc load(struct mo_shared *s, const struct mo_places *p, struct err *e)
{
    struct ddf_layout *layout = NULL;
    char *files[FILES_MAX];
    char path[1024];
    size_t n;
    enum rc rc;

    snprintf(path, sizeof path, "%s/mo", p->objects);
    rc = list_files(path, ".ddf", &s->arena, files, &n, e);
    for (size_t i = 0; !rc && i < n; i++) rc = ddf_schema_load_file(s->schema, files[i], e);
    snprintf(path, sizeof path, "%s/layout", p->objects);
    if (!rc) rc = list_files(path, ".yaml", &s->arena, files, &n, e);
    if (!rc) rc = ddf_layout_load(files[0], &s->arena, &layout, e);
    s->layout = layout;
    if (!rc) rc = move(s, p, e);
    snprintf(path, sizeof path, "%s/standard.yaml", p->own);
    if (!rc) rc = objects_load(path, &s->arena, &s->objects, e);
    if (rc) return rc;
    s->model = tree_model_create(s->schema, s->layout);
    return s->model ? rows(s, e) : err_set(e, RC_NOMEM, "no memory for the tree's rows");
}

enum rc mo_shared_load(const struct mo_places *p, struct mo_shared **out, struct err *e)
{
    struct mo_shared *s = calloc(1, sizeof *s);
    enum rc rc;

    if (!s) return err_set(e, RC_NOMEM, "no memory for the management objects");
    arena_init(&s->arena, SHARED_ARENA_BYTES);
    s->schema = ddf_schema_create();
    rc = s->schema ? load(s, p, e) : err_set(e, RC_NOMEM, "no memory for the management objects");
    if (rc)
        mo_shared_destroy(s);
    else
        *out = s;
    return rc;
}

void mo_shared_destroy(struct mo_shared *s)
{
    if (!s) return;
    tree_model_destroy(s->model);
    ddf_schema_destroy(s->schema);
    arena_finish(&s->arena);
    free(s);
}
