/* SPDX-License-Identifier: Apache-2.0 */
#include "server/confine.h"
#include "base/arena.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The folder that a file lies in; "." when its name has none. */
static const char *folder_of(const char *file, struct arena *a)
{
    const char *end = file ? strrchr(file, '/') : NULL;

    if (!file) return NULL;
    if (!end) return ".";
    return arena_strz(a, (struct str){ file, end == file ? 1 : (size_t)(end - file) });
}

static const char *database_file(const struct server_config *c)
{
    return !strncmp(c->database, "sqlite:", 7) ? c->database + 7 : c->database;
}

/* Files that the C library, OpenSSL, the resolver and the clock read. */
static const char *const system_files[] = {
    "/etc", "/usr", "/lib", "/lib64", "/proc", "/sys/devices/system/cpu", "/dev", "/run/systemd/resolve"
};
enum { N_SYSTEM = sizeof system_files / sizeof system_files[0] };

enum rc server_confine(const struct server_config *c, const char *file, struct sandbox_state *out, struct err *e)
{
    struct sandbox s = { .mode = (enum sandbox_mode)c->sandbox };
    struct arena a;
    enum rc rc;

    arena_init(&a, 1 << 20);
    const struct sandbox_path own[] = {
        { folder_of(database_file(c), &a), SANDBOX_WRITE },
        { folder_of(c->secret_key_file, &a), SANDBOX_WRITE },
        { c->images_dir, SANDBOX_WRITE },
        { "/dev/null", SANDBOX_WRITE },
        { folder_of(file, &a), SANDBOX_READ },
        { folder_of(c->dm_cert, &a), SANDBOX_READ },
        { folder_of(c->dm_key, &a), SANDBOX_READ },
        { c->dm_client_ca, SANDBOX_READ },
        { folder_of(c->api_cert, &a), SANDBOX_READ },
        { folder_of(c->api_key, &a), SANDBOX_READ },
        { folder_of(c->images_cert, &a), SANDBOX_READ },
        { folder_of(c->images_key, &a), SANDBOX_READ },
        { c->webui_dir, SANDBOX_READ },
        { c->schema_dir, SANDBOX_READ },
        { c->ddf_dir, SANDBOX_READ },
    };
    size_t n = sizeof own / sizeof own[0], all = n + N_SYSTEM + c->ddfs.n + c->layouts.n;
    struct sandbox_path *paths = ARENA_ARRAY(&a, struct sandbox_path, all);

    /* a rule needs an existing folder, and the sandboxed process could not create it later */
    if (mkdir(c->images_dir, 0700) != 0 && errno != EEXIST) errno = 0;
    if (paths) memcpy(paths, own, sizeof own);
    for (size_t i = 0; paths && i < N_SYSTEM; i++) paths[n++] = (struct sandbox_path){ system_files[i], SANDBOX_READ };
    for (size_t i = 0; paths && i < c->ddfs.n; i++)
        paths[n++] = (struct sandbox_path){ c->ddfs.items[i], SANDBOX_READ };
    for (size_t i = 0; paths && i < c->layouts.n; i++)
        paths[n++] = (struct sandbox_path){ c->layouts.items[i], SANDBOX_READ };
    s.paths = paths;
    s.n_paths = n;
    rc = paths ? sandbox_enter(&s, out, e) : err_set(e, RC_NOMEM, "no memory to confine the server");
    arena_finish(&a);
    return rc;
}
