/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_CONFIG_H
#define CLI_DMVISORCTL_CTL_CONFIG_H
/* The server and the credentials in use: from options, the environment, and ~/.config/dmvisor/config.yaml with its
 * contexts. */
#include "base/arena.h"
#include "base/rc.h"
#include "cli/dmvisorctl/ctl_args.h"

enum { CTL_CONTEXTS = 100, CTL_TOKEN_BYTES = 4096 };

struct ctl_context {
    const char *name, *server, *token, *ca, *authority;
    bool insecure;
};

/* The content of the file. */
struct ctl_contexts {
    const char *path;
    const char *current; /* NULL = none */
    struct ctl_context row[CTL_CONTEXTS];
    size_t n;
    bool open_to_others; /* its mode allows other users to read it */
};

/* The effective configuration. */
struct ctl_config {
    const char *server, *token, *ca, *authority;
    bool insecure;
};

/**
 * The path of the file: $XDG_CONFIG_HOME/dmvisor/config.yaml or ~/.config/dmvisor/config.yaml. @return NULL when there
 * is no home folder
 */
const char *ctl_config_path(struct arena *a);
/** A missing file counts as empty. @return RC_PARSE, RC_INVALID with file, line and column; RC_IO */
enum rc ctl_contexts_load(const char *path, struct arena *a, struct ctl_contexts *out, struct err *e);
/** Write the file with mode 0600, as a whole or not at all; creates its folders. */
enum rc ctl_contexts_save(const struct ctl_contexts *c, struct err *e);
struct ctl_context *ctl_contexts_find(struct ctl_contexts *c, const char *name);
/**
 * Precedence: options, a context that --context names, the environment, the current context.
 * @param server_needed  false: a missing server is not an error
 * @return RC_INVALID with what to do
 */
enum rc ctl_config_resolve(const struct ctl_args *args, const struct ctl_contexts *file, struct arena *a,
                           struct ctl_config *out, struct err *e);
/** First line of a file, or of standard input for "-". @return RC_IO, RC_INVALID when it is not a token */
enum rc ctl_token_read(const char *file, struct arena *a, const char **out, struct err *e);
/** Is it allowed in a header? */
bool ctl_token_ok(const char *token);
#endif
