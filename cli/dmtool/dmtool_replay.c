/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a recorded session, or a scenario of the tests, in the session machine. */
#include "cli/dmtool/dmtool.h"
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
    bool quiet, wbxml, update;
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
    struct sml_replay_io io = { &dir, open_file, x->update ? save_file : NULL };
    enum rc rc = find(path, a, &file, &dir, &e);
    if (!rc) rc = dmtool_read(file, a, &text, &e);
    if (!rc) rc = sml_replay(text, file, &io, x->wbxml, x->quiet ? NULL : &story, &out, &e);
    fputs(buf_z(&story), stdout);
    int code = DMTOOL_OK;
    if (rc) {
        code = dmtool_fail(file ? file : path, &e);
    } else if (!out.same) {
        printf("%s: different\n%s", path, buf_z(&out.difference));
        code = DMTOOL_FAILED;
    } else {
        printf("%s: %u messages, the same\n", path, out.messages);
    }
    buf_finish(&story);
    buf_finish(&out.difference);
    return code;
}

int dmtool_replay(int argc, char **argv)
{
    static const struct option options[] = { { "quiet", no_argument, NULL, 'q' },
                                             { "wbxml", no_argument, NULL, 'w' },
                                             { "update", no_argument, NULL, 'u' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct replaying x = { 0 };
    int c, code = DMTOOL_OK;
    while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
        if (c == 'h') return dmtool_help(argv[0]);
        if (c == '?') return dmtool_usage(argv[0], NULL);
        x.quiet |= c == 'q';
        x.wbxml |= c == 'w';
        x.update |= c == 'u';
    }
    if (optind >= argc) return dmtool_usage(argv[0], "a FILE or FOLDER is needed");
    for (int i = optind; i < argc; i++) {
        struct arena a;
        arena_init(&a, 2 * DMTOOL_FILE_BYTES);
        int one = replay(&x, argv[i], &a);
        code = one > code ? one : code;
        arena_finish(&a);
    }
    return code;
}
