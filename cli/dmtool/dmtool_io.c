/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cli/dmtool/dmtool.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_standard(const char *file)
{
    return !file || strcmp(file, "-") == 0;
}

enum rc dmtool_read(const char *file, struct arena *a, struct str *out, struct err *e)
{
    FILE *f = is_standard(file) ? stdin : fopen(file, "rb");
    if (!f) return err_set(e, RC_IO, "cannot open: %s", strerror(errno));
    struct buf b;
    buf_init(&b, DMTOOL_FILE_BYTES);
    char piece[16384];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) buf_put(&b, (struct str){ piece, n });
    enum rc rc = RC_OK;
    if (ferror(f))
        rc = err_set(e, RC_IO, "cannot read: %s", strerror(errno));
    else if (!buf_ok(&b))
        rc = err_set(e, b.failed, "longer than %d bytes", DMTOOL_FILE_BYTES);
    else if (!arena_str(a, buf_str(&b), out))
        rc = err_set(e, RC_NOMEM, "no memory for %zu bytes", b.n);
    buf_finish(&b);
    if (f != stdin) fclose(f);
    return rc;
}

enum rc dmtool_write(const char *file, struct str s, bool is_text, struct err *e)
{
    bool standard = is_standard(file);
    if (standard && !is_text && isatty(STDOUT_FILENO))
        return err_set(e, RC_INVALID, "binary output is not written to a terminal: use -o FILE or --hex");
    FILE *f = standard ? stdout : fopen(file, "wb");
    if (!f) return err_at(e, RC_IO, file, 0, 0, "cannot write: %s", strerror(errno));
    bool ok = fwrite(s.p, 1, s.n, f) == s.n && fflush(f) == 0;
    int why = errno;
    if (!standard && fclose(f) != 0) ok = false;
    return ok ? RC_OK : err_at(e, RC_IO, standard ? "standard output" : file, 0, 0, "cannot write: %s", strerror(why));
}

void dmtool_put_hex(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++)
        buf_printf(out, "%02x%c", (unsigned)(unsigned char)s.p[i], i % 16 == 15 || i + 1 == s.n ? '\n' : ' ');
}
