/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_CONFIG_H
#define CLI_DMVISORCTL_CTL_CONFIG_H
/* Which server is asked and as whom: from options, the environment, and ~/.config/dmvisor/config.yaml with its
 * contexts. */
#include "base/arena.h"
#include "base/rc.h"
#include "cli/dmvisorctl/ctl_args.h"

enum { CTL_CONTEXTS = 100, CTL_TOKEN_BYTES = 4096 };

struct ctl_context {
    const char *name, *server, *token, *ca, *authority;
    bool insecure;
};

/* The file. */
struct ctl_contexts {
    const char *path;
    const char *current; /* NULL = none */
    struct ctl_context row[CTL_CONTEXTS];
    size_t n;
    bool open_to_others; /* its mode lets others read it */
};

/* What is in force. */
struct ctl_config {
    const char *server, *token, *ca, *authority;
    bool insecure;
};

/** Where the file is: $XDG_CONFIG_HOME/dmvisor/config.yaml or ~/.config/dmvisor/config.yaml. @return NULL when there
 * is no home */
const char *ctl_config_path(struct arena *a);
/** A file that is not there is empty. @return RC_PARSE, RC_INVALID with file, line and column; RC_IO */
enum rc ctl_contexts_load(const char *path, struct arena *a, struct ctl_contexts *out, struct err *e);
/** Mode 0600, folders made, whole or not at all. */
enum rc ctl_contexts_save(const struct ctl_contexts *c, struct err *e);
struct ctl_context *ctl_contexts_find(struct ctl_contexts *c, const char *name);
/**
 * Options win over a context that --context names, this wins over the environment, and that over the current context.
 * @param server_needed  false: only what is there
 * @return RC_INVALID with what to do
 */
enum rc ctl_config_resolve(const struct ctl_args *args, const struct ctl_contexts *file, struct arena *a,
                           struct ctl_config *out, struct err *e);
/** First line of a file, or of standard input for "-". @return RC_IO, RC_INVALID when it is no token */
enum rc ctl_token_read(const char *file, struct arena *a, const char **out, struct err *e);
/** May it stand in a header? */
bool ctl_token_ok(const char *token);
#endif
