/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_H
#define CLI_DMVISORCTL_CTL_H
/* Shared by all commands of dmvisorctl. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/fetch.h"
#include "cli/dmvisorctl/ctl_args.h"
#include "cli/dmvisorctl/ctl_config.h"

#include <jansson.h>

enum ctl_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML, FORMAT_NAME, FORMAT_CSV };

enum { CTL_ARENA_BYTES = 1 << 30, CTL_FILE_BYTES = 4 << 20, CTL_WAIT_S = 120 };

struct ctl {
    const struct ctl_args *args;
    struct ctl_config config; /* the server and the credentials in use */
    enum ctl_format format;
    bool color; /* standard output is a terminal that has colours */
    struct fetch *fetch;
    struct arena *a;
    json_t *layouts; /* ctl_catalog.c */
    bool warned_plain;
};

/* ---- output (ctl.c) ---- */

/**
 * Print "error: ..." to standard error, with terminal control characters removed. @return code, so that callers can
 * `return ctl_error(...)`
 */
enum ctl_exit ctl_error(enum ctl_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* print to standard error, unchanged */
enum ctl_exit ctl_err(enum ctl_exit code, const struct err *e);
/** Report a wrong use and print the usage. */
enum ctl_exit ctl_usage(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Print to standard output. */
void ctl_put(struct str text);
void ctl_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/**
 * Print a progress line: to standard output for tables, to standard error when standard output is for machines. Starts
 * with the local time.
 */
void ctl_progress(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- helpers (ctl.c) ---- */

/** The last value of an option; NULL when it was not given. */
const char *ctl_opt(const struct ctl *c, enum ctl_opt o);
/**
 * Ask for confirmation before an irreversible change. Without a terminal --yes is needed. @return CTL_OK when confirmed
 */
enum ctl_exit ctl_sure(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline bool ctl_has(const struct ctl *c, enum ctl_opt o)
{
    return ctl_opt(c, o) != NULL;
}
/**
 * The option's value as a duration. @param standard  default when it was not given. @return CTL_USAGE after reporting
 * an error
 */
enum ctl_exit ctl_seconds(const struct ctl *c, enum ctl_opt o, int64_t standard_s, int64_t *out_s);
/** A path below /api/v1: each {} of the pattern is replaced by the next argument (const char *), percent-encoded. */
const char *ctl_path(struct ctl *c, const char *pattern, ...);
/** Add a query parameter; unchanged when value is NULL. */
const char *ctl_query(struct ctl *c, const char *path, const char *name, const char *value);
/** Append a whole file, or standard input for "-", to `out`. */
enum ctl_exit ctl_read_file(const char *name, size_t limit, struct buf *out);
/**
 * A new file of mode 0600; an existing one is replaced only with `force`, and only as a whole. @param made  a new
 * descriptor
 */
struct ctl_secret {
    char path[1024], temporary[1040];
    int fd;
};
enum ctl_exit ctl_secret_open(const char *name, bool force, struct ctl_secret *out);
enum ctl_exit ctl_secret_write(struct ctl_secret *s, struct str text);
void ctl_secret_drop(struct ctl_secret *s);
int64_t ctl_now_ms(void);

/* ---- JSON (ctl_json.c) ---- */

/** A value by its path "push.channel" or "items.0.id"; NULL when it is missing. */
const json_t *ctl_at(const json_t *j, const char *path);
/** A text by its path; "" when it is missing or not a text. */
const char *ctl_text(const json_t *j, const char *path);
int64_t ctl_int(const json_t *j, const char *path);
bool ctl_true(const json_t *j, const char *path);
/** Format a scalar for display: numbers without unnecessary digits, "yes" and "no", "" for null. */
void ctl_scalar(const json_t *j, struct buf *out);
/** Set a text member of a request's body; NULL is left out. */
void ctl_set(json_t *object, const char *key, const char *value);
/** Put --record into the body of a request. @return CTL_USAGE after reporting an error */
enum ctl_exit ctl_put_record(const struct ctl *c, json_t *body);
/** "k=v" options as an object. @return CTL_USAGE after reporting an error */
enum ctl_exit ctl_pairs(const struct ctl *c, enum ctl_opt o, json_t **out);

/* ---- requests (ctl_call.c) ---- */

struct ctl_request {
    const char *method, *path; /* path with its query */
    const json_t *json;        /* the body, or */
    struct str body;
    const char *type;            /* the body unchanged, or */
    const char *body_file;       /* a file's contents */
    const char *accept, *header; /* one more header, or NULL */
    bool quiet;                  /* errors are not printed: the caller reports them */
    bool once;                   /* no retry */
};

struct ctl_reply {
    long status; /* 0 = not reachable */
    struct buf text;
    json_t *json; /* NULL when the answer is not JSON */
    struct err e; /* why the server is not reachable */
};

/** @return CTL_OK for 2xx; otherwise the error has been reported. `out` may always be finished */
enum ctl_exit ctl_call(struct ctl *c, const struct ctl_request *r, struct ctl_reply *out);
enum ctl_exit ctl_get(struct ctl *c, const char *path, struct ctl_reply *out);
/** All pages of a collection as one. @param limit  maximum number of items, 0 = all */
enum ctl_exit ctl_get_all(struct ctl *c, const char *path, size_t limit, struct ctl_reply *out);
void ctl_reply_finish(struct ctl_reply *r);
/** Report the error of a reply. @param file,first_line  place of the text that was sent, or NULL */
enum ctl_exit ctl_complain(const struct ctl *c, const struct ctl_reply *r, const char *file, unsigned first_line);
/** The complete URL of a path, with the authority. */
const char *ctl_url(struct ctl *c, const char *path);
/** Headers of every request, including the token; NULL-terminated, in the arena. */
const char *const *ctl_headers(struct ctl *c, const char *const *more);
struct fetch *ctl_fetch_create(struct ctl *c, long total_timeout_s);

/* ---- commands: each reports its errors ---- */

enum ctl_exit cmd_login(struct ctl *c), cmd_context_use(struct ctl *c), cmd_context_list(struct ctl *c),
    cmd_context_delete(struct ctl *c);
enum ctl_exit cmd_get(struct ctl *c);
enum ctl_exit cmd_device_register(struct ctl *c), cmd_device_show(struct ctl *c), cmd_device_desired(struct ctl *c),
    cmd_device_preview(struct ctl *c), cmd_device_tree(struct ctl *c), cmd_device_notify(struct ctl *c),
    cmd_device_sessions(struct ctl *c), cmd_device_credentials(struct ctl *c), cmd_device_delete(struct ctl *c),
    cmd_device_label(struct ctl *c), cmd_device_set(struct ctl *c);
enum ctl_exit cmd_description_upload(struct ctl *c), cmd_description_list(struct ctl *c),
    cmd_description_delete(struct ctl *c), cmd_tree_describe(struct ctl *c);
enum ctl_exit cmd_session_show(struct ctl *c), cmd_session_download(struct ctl *c);
enum ctl_exit cmd_apply(struct ctl *c), cmd_policy_delete(struct ctl *c), cmd_policy_show(struct ctl *c),
    cmd_policy_history(struct ctl *c), cmd_policy_preview(struct ctl *c), cmd_policy_validate(struct ctl *c),
    cmd_policy_devices(struct ctl *c);
enum ctl_exit cmd_image_upload(struct ctl *c), cmd_image_delete(struct ctl *c), cmd_image_show(struct ctl *c);
enum ctl_exit cmd_vm_list(struct ctl *c), cmd_vm_show(struct ctl *c), cmd_vm_kpis(struct ctl *c),
    cmd_vm_acknowledge(struct ctl *c), cmd_vm_wait(struct ctl *c);
enum ctl_exit cmd_operation(struct ctl *c), cmd_operations_create(struct ctl *c), cmd_operations_kinds(struct ctl *c),
    cmd_operations_list(struct ctl *c), cmd_operations_show(struct ctl *c), cmd_operations_watch(struct ctl *c),
    cmd_operations_cancel(struct ctl *c), cmd_tree(struct ctl *c), cmd_tree_group(struct ctl *c),
    cmd_tree_acl(struct ctl *c), cmd_tree_ask(struct ctl *c);
enum ctl_exit cmd_authority_create(struct ctl *c), cmd_authority_set(struct ctl *c);
enum ctl_exit cmd_events(struct ctl *c), cmd_token_create(struct ctl *c), cmd_token_delete(struct ctl *c),
    cmd_audit_verify(struct ctl *c), cmd_whoami(struct ctl *c), cmd_overview(struct ctl *c), cmd_version(struct ctl *c),
    cmd_help(struct ctl *c), cmd_completion(struct ctl *c);
extern const struct ctl_command ctl_commands[];
extern const size_t ctl_n_commands;
#endif
