/* SPDX-License-Identifier: Apache-2.0 */
/* image ...: uploads and shows guests' disks and kernel bundles. */
#include "cli/dmvisorctl/ctl_views.h"

#include "base/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 64 << 10, TAR_MAGIC_AT = 257 };

/* One pass over the file: computes its hash, and detects its format from its first bytes. */
static enum ctl_exit look(struct ctl *c, const char *file, char hash[SHA256_HEX_BYTES], const char **format)
{
    char *piece = arena_alloc(c->a, PIECE_BYTES);
    struct crypto_sha256_ctx *h = crypto_sha256_create();
    FILE *f = fopen(file, "rb");
    bool first = true, failed = false;
    size_t n;
    if (!f || !h || !piece) {
        crypto_sha256_destroy(h);
        if (!f) return ctl_error(CTL_FAILED, "%s: %s", file, strerror(errno));
        fclose(f);
        return ctl_error(CTL_FAILED, "no memory");
    }
    *format = "raw";
    while ((n = fread(piece, 1, PIECE_BYTES, f)) > 0) {
        if (first && n > 4 && memcmp(piece, "QFI\xfb", 4) == 0) *format = "qcow2";
        if (first && n > TAR_MAGIC_AT + 5 && memcmp(piece + TAR_MAGIC_AT, "ustar", 5) == 0) *format = "bundle";
        first = false;
        crypto_sha256_update(h, (struct str){ piece, n });
    }
    failed = ferror(f) != 0;
    crypto_sha256_final(h, hash);
    crypto_sha256_destroy(h);
    fclose(f);
    return failed  ? ctl_error(CTL_FAILED, "%s: cannot be read", file)
           : first ? ctl_error(CTL_FAILED, "%s: is empty", file)
                   : CTL_OK;
}

enum ctl_exit cmd_image_upload(struct ctl *c)
{
    const char *file = c->args->arg[0], *format = NULL, *guest = ctl_opt(c, OPT_GUEST_TYPE),
               *arch = ctl_opt(c, OPT_ARCH);
    char hash[SHA256_HEX_BYTES];
    struct ctl_reply r = { 0 };
    if (!ctl_has(c, OPT_NAME) || !ctl_has(c, OPT_VERSION)) return ctl_usage(c, "--name and --version are needed");
    enum ctl_exit code = look(c, file, hash, &format);
    if (code) return code;
    if (ctl_has(c, OPT_FORMAT)) format = ctl_opt(c, OPT_FORMAT);
    const char *path = ctl_query(c, ctl_path(c, "/images"), "name", ctl_opt(c, OPT_NAME));
    path = ctl_query(c, ctl_query(c, path, "version", ctl_opt(c, OPT_VERSION)), "guestType", guest ? guest : "linux");
    path = ctl_query(c, ctl_query(c, path, "arch", arch ? arch : "any"), "format", format);
    const struct ctl_request q = {
        .method = "POST", .path = path, .body_file = file, .header = arena_printf(c->a, "Content-SHA256: %s", hash).p
    };
    code = ctl_call(c, &q, &r);
    if (!code && !show_raw(c, &r, &view_image)) {
        struct buf size;
        buf_init(&size, 100);
        show_size((double)ctl_int(r.json, "size"), &size);
        ctl_print("%s %s:%s (%s, %s, %s), SHA-256 %s\n",
                  r.status == 201 ? "uploaded" : "already in the store:", ctl_text(r.json, "name"),
                  ctl_text(r.json, "version"), ctl_text(r.json, "format"), ctl_text(r.json, "arch"), buf_z(&size),
                  ctl_text(r.json, "sha256"));
        buf_finish(&size);
    }
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_image_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/images/{}/{}", c->args->arg[0], c->args->arg[1]), &r);
    if (!code) code = show_one(c, &r, &view_image);
    ctl_reply_finish(&r);
    return code;
}

enum ctl_exit cmd_image_delete(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    const struct ctl_request q = { .method = "DELETE",
                                   .path = ctl_path(c, "/images/{}/{}", c->args->arg[0], c->args->arg[1]) };
    enum ctl_exit code = ctl_call(c, &q, &r);
    if (!code && c->format == FORMAT_TABLE) ctl_print("deleted image %s:%s\n", c->args->arg[0], c->args->arg[1]);
    ctl_reply_finish(&r);
    return code;
}
