/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a recorded session, or a scenario of the tests, in the session machine. */
#include "cli/dmtool/dmtool.h"
#include "cli/dmtool/dmtool_objects.h"
#include "syncml/record/replay.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct folder {
    const char *path;
};

static enum rc open_file(void *ctx, struct str name, struct arena *a, struct str *out, struct err *e)
{
    const struct folder *f = ctx;
    struct str path = arena_printf(a, "%s/%.*s", f->path, STR_ARG(name));
    if (!path.p) return err_set(e, RC_NOMEM, "no memory for a file name");
    enum rc rc = dmtool_read(path.p, a, out, e);
    if (rc && e && !e->where[0]) snprintf(e->where, sizeof e->where, "%s", path.p);
    return rc;
}

static enum rc save_file(void *ctx, struct str name, struct str bytes, struct err *e)
{
    const struct folder *f = ctx;
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%.*s", f->path, STR_ARG(name)) >= sizeof path)
        return err_set(e, RC_LIMIT, "the name of a file is too long");
    return dmtool_write(path, bytes, true, e);
}

struct replaying {
    bool quiet, wbxml, update, server;
    struct dmtool_objects objects; /* of --server */
};

/* A folder holds scenario.yaml; a file of that name has its messages in its folder. */
static enum rc find(const char *path, struct arena *a, char **file, struct folder *dir, struct err *e)
{
    struct stat st;
    struct str p = str_of(path);
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        struct str name = arena_printf(a, "%s/scenario.yaml", path);
        *file = arena_strz(a, name);
        dir->path = path;
    } else {
        size_t end = p.n;
        while (end > 0 && p.p[end - 1] != '/') end--;
        *file = arena_strz(a, p);
        dir->path = end > 1 ? arena_strz(a, str_slice(p, 0, end - 1)) : end == 1 ? "/" : ".";
    }
    return *file && dir->path ? RC_OK : err_set(e, RC_NOMEM, "no memory for a file name");
}

static int replay(const struct replaying *x, const char *path, struct arena *a)
{
    struct folder dir = { 0 };
    struct err e = { 0 };
    struct sml_replay out = { 0 };
    struct str text;
    struct buf story;
    char *file = NULL;
    buf_init(&story, 0);
    struct sml_replay_io io = { .ctx = &dir, .load = open_file, .save = x->update ? save_file : NULL };
    enum rc rc = find(path, a, &file, &dir, &e);
    if (!rc) rc = dmtool_read(file, a, &text, &e);
    if (!rc && x->server)
        rc = decide_replay(text, file, &x->objects.found, x->quiet ? NULL : &story, &out, &e);
    else if (!rc)
        rc = sml_replay(text, file, &io, x->wbxml, x->quiet ? NULL : &story, &out, &e);
    fputs(buf_z(&story), stdout);
    int code = DMTOOL_OK;
    if (rc) {
        code = dmtool_fail(file ? file : path, &e);
    } else if (!out.same) {
        printf("%s: different\n%s", path, buf_z(&out.difference));
        code = DMTOOL_FAILED;
    } else {
        printf("%s: %u messages, the same%s\n", path, out.messages, x->server ? ", and decided alike" : "");
    }
    buf_finish(&story);
    buf_finish(&out.difference);
    return code;
}

/* @return false: there are too many of them */
static bool take_object(struct dmtool_objects *x, int option, const char *file)
{
    if (option == 'O') x->folder = file;
    if ((option == 'D' && x->n_ddf == DMTOOL_OBJECTS) || (option == 'L' && x->n_layout == DMTOOL_OBJECTS)) return false;
    if (option == 'D') x->ddf[x->n_ddf++] = file;
    if (option == 'L') x->layout[x->n_layout++] = file;
    return true;
}

static int replay_all(struct replaying *x, char **files)
{
    struct arena objects;
    struct err e = { 0 };
    int code = DMTOOL_OK;
    arena_init(&objects, 64 << 20);
    enum rc rc = x->server ? dmtool_objects_load(&x->objects, &objects, &e) : RC_OK;
    if (rc) code = dmtool_fail(NULL, &e);
    for (; *files && !rc; files++) {
        struct arena a;
        arena_init(&a, 2 * DMTOOL_FILE_BYTES);
        int one = replay(x, *files, &a);
        code = one > code ? one : code;
        arena_finish(&a);
    }
    dmtool_objects_finish(&x->objects);
    arena_finish(&objects);
    return code;
}

int dmtool_replay(int argc, char **argv)
{
    static const struct option options[] = { { "quiet", no_argument, NULL, 'q' },
                                             { "wbxml", no_argument, NULL, 'w' },
                                             { "update", no_argument, NULL, 'u' },
                                             { "server", no_argument, NULL, 's' },
                                             { "objects", required_argument, NULL, 'O' },
                                             { "ddf", required_argument, NULL, 'D' },
                                             { "layout", required_argument, NULL, 'L' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct replaying x = { 0 };
    int c;
    while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
        if (c == 'h') return dmtool_help(argv[0]);
        if (c == '?') return dmtool_usage(argv[0], NULL);
        x.quiet |= c == 'q';
        x.wbxml |= c == 'w';
        x.update |= c == 'u';
        x.server |= c == 's';
        if (!take_object(&x.objects, c, optarg)) return dmtool_usage(argv[0], "too many files of objects");
    }
    if (optind >= argc) return dmtool_usage(argv[0], "a FILE or FOLDER is needed");
    if (x.server && (x.wbxml || x.update)) return dmtool_usage(argv[0], "--server goes with recordings as they are");
    return replay_all(&x, argv + optind);
}
