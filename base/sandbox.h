/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H
/*
 * Gives up rights for good, before a program reads anything from outside: new privileges (no_new_privs), system calls
 * that it never needs (seccomp), files that are not its own (Landlock). The only file that knows libseccomp and
 * Landlock; a library of its own. Threads created later inherit the restrictions.
 */
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>

enum sandbox_mode { SANDBOX_PREFER, SANDBOX_REQUIRE, SANDBOX_OFF }; /* in the order of the settings' words */
enum sandbox_may { SANDBOX_READ, SANDBOX_RUN, SANDBOX_WRITE };      /* each includes the ones before, except RUN */

struct sandbox_path {
    const char *path; /* a file, or a folder with everything below it; NULL or absent: skipped */
    enum sandbox_may may;
};

struct sandbox {
    enum sandbox_mode mode;
    bool runs_programs; /* execve stays: this process starts a hypervisor or a hook program */
    bool runs_machines; /* ... and prepares namespaces, mounts and cgroups for it */
    const struct sandbox_path *paths;
    size_t n_paths; /* 0: files are not confined */
};

/* The restrictions in force. */
struct sandbox_state {
    bool no_new_privs, calls, files;
    const char *missing; /* the restrictions that are missing and why, in words; "" when none is missing */
};

/**
 * Call it once, in main, before the first thread.
 *
 * @return RC_OK; RC_UNSUPPORTED in mode REQUIRE when the kernel or the build lacks a restriction that was asked for (e
 * names it); RC_IO when the kernel refuses
 */
enum rc sandbox_enter(const struct sandbox *s, struct sandbox_state *out, struct err *e);
/** Words of enum sandbox_mode, for a table of settings. */
extern const char *const sandbox_modes[];
#endif
