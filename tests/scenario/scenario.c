/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one scenario: the folder's device files into the session machine, what comes out against its server files;
 * XML and WBXML. UPDATE_GOLDEN=1 writes the server files instead: then read the difference like code. */
#include "syncml/record/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 4 << 20 };

static enum rc load(void *ctx, struct str name, struct arena *a, struct str *out, struct err *e)
{
    struct str path = arena_printf(a, "%s/%.*s", (const char *)ctx, STR_ARG(name));
    FILE *f = fopen(path.p, "rb");
    if (!f) return err_set(e, RC_IO, "cannot open %s", path.p);
    char *p = arena_bytes(a, FILE_BYTES);
    size_t n = p ? fread(p, 1, FILE_BYTES, f) : 0;
    fclose(f);
    *out = (struct str){ p, n };
    return p ? RC_OK : err_set(e, RC_NOMEM, "no memory for %s", path.p);
}

static enum rc save(void *ctx, struct str name, struct str bytes, struct err *e)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%.*s", (const char *)ctx, STR_ARG(name));
    FILE *f = fopen(path, "wb");
    if (!f) return err_set(e, RC_IO, "cannot write %s", path);
    bool ok = fwrite(bytes.p, 1, bytes.n, f) == bytes.n;
    return fclose(f) == 0 && ok ? RC_OK : err_set(e, RC_IO, "cannot write %s", path);
}

static int run(char *folder, struct str text, bool as_wbxml)
{
    struct sml_replay out;
    struct err e = { 0 };
    char why[1024];
    const struct sml_replay_io io = { .ctx = folder, .load = load, .save = getenv("UPDATE_GOLDEN") ? save : NULL };
    enum rc rc = sml_replay(text, "scenario.yaml", &io, as_wbxml, NULL, &out, &e);
    int bad = rc != RC_OK || !out.same || out.messages == 0;
    if (as_wbxml && rc == RC_UNSUPPORTED) {
        printf("WBXML: not for this one\n");
        bad = 0;
    } else if (rc) {
        printf("%s: %s\n", as_wbxml ? "WBXML" : "XML", err_format(&e, why, sizeof why));
    } else {
        printf("%s: %u messages%s\n%s", as_wbxml ? "WBXML" : "XML", out.messages, bad ? ", different" : "",
               buf_z(&out.difference));
    }
    buf_finish(&out.difference);
    return bad;
}

int main(int argc, char **argv)
{
    struct arena a;
    struct str text;
    struct err e = { 0 };
    if (argc != 2) return 2;
    arena_init(&a, 2 * FILE_BYTES);
    int bad = load(argv[1], STR("scenario.yaml"), &a, &text, &e) != RC_OK;
    if (bad)
        printf("%s\n", e.text);
    else
        bad = run(argv[1], text, false) | run(argv[1], text, true);
    arena_finish(&a);
    return bad;
}
