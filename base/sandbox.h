/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H
/*
 * What a program gives up for good before it looks at anything from outside: new privileges (no_new_privs), system
 * calls that it never needs (seccomp), files that are not its own (Landlock). The only file that knows libseccomp and
 * Landlock; a library of its own. Threads inherit what was given up before they began.
 */
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>

enum sandbox_mode { SANDBOX_PREFER, SANDBOX_REQUIRE, SANDBOX_OFF }; /* in the order of the settings' words */
enum sandbox_may { SANDBOX_READ, SANDBOX_RUN, SANDBOX_WRITE };      /* each includes the ones before, but RUN */

struct sandbox_path {
    const char *path; /* a file, or a folder with all that is below it; NULL or absent: passed over */
    enum sandbox_may may;
};

struct sandbox {
    enum sandbox_mode mode;
    bool runs_programs; /* execve stays: a hypervisor or the person's program is started by this process */
    bool runs_machines; /* ... and prepares namespaces, mounts and cgroups for it */
    const struct sandbox_path *paths;
    size_t n_paths; /* 0: files are not confined */
};

/* What is in force now. */
struct sandbox_state {
    bool no_new_privs, calls, files;
    const char *missing; /* in words, what is not, and why; "" when nothing is missing */
};

/**
 * Call it once, in main, before any thread.
 *
 * @return RC_OK; RC_UNSUPPORTED in mode REQUIRE when the kernel or the build lacks something that was asked for (e says
 *         what); RC_IO when the kernel refuses
 */
enum rc sandbox_enter(const struct sandbox *s, struct sandbox_state *out, struct err *e);
/** Words of enum sandbox_mode, for a table of settings. */
extern const char *const sandbox_modes[];
#endif
