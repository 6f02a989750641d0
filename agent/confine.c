/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/confine.h"
#include "base/str.h"
#include <string.h>

static bool is_embedded(const struct agent_config *c)
{
    return strstr(c->hypervisor, ":///embed") != NULL;
}

enum rc agent_confine(const struct agent_config *c, const char *file, struct sandbox_state *out, struct err *e)
{
    struct str whole = str_of(file), name;
    struct arena a;
    enum rc rc;
    size_t end = whole.n;

    arena_init(&a, 1 << 16);
    while (end && whole.p[end - 1] != '/') end--;
    name = end ? str_slice(whole, 0, end) : STR(".");
    const struct sandbox_path paths[] = {
        { c->data, SANDBOX_WRITE },
        { "/dev/null", SANDBOX_WRITE },
        { "/usr", SANDBOX_RUN },
        { "/lib", SANDBOX_RUN },
        { "/lib64", SANDBOX_RUN },
        { "/bin", SANDBOX_RUN },
        { "/etc", SANDBOX_READ },
        { "/proc", SANDBOX_READ },
        { "/sys", SANDBOX_READ },
        { "/dev", SANDBOX_READ },
        { "/run", SANDBOX_READ },
        { c->objects, SANDBOX_READ },
        { c->own, SANDBOX_READ },
        { c->ca, SANDBOX_READ },
        { file ? arena_strz(&a, name) : NULL, SANDBOX_READ },
    };
    const struct sandbox s = {
        .mode = (enum sandbox_mode)c->sandbox,
        .runs_programs = strcmp(c->hypervisor, "sim:") != 0 || c->interaction_program,
        .runs_machines = is_embedded(c),
        .paths = paths,
        .n_paths = is_embedded(c) || c->interaction_program ? 0 : sizeof paths / sizeof paths[0],
    };
    rc = sandbox_enter(&s, out, e);
    arena_finish(&a);
    if (!rc && !s.n_paths && !out->missing[0])
        out->missing = c->interaction_program ? "files are not confined (interaction.program may need any)"
                                              : "files are not confined (emulators of the embedded driver need others)";
    return rc;
}
