/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_PERSIST_H
#define AGENT_MO_PERSIST_H
/* The persistent state: one SQLite file through db/sql. A change opens a transaction; persist_commit makes all
 * changes since then durable at once, and the device calls it before anything that depends on them is sent. Every
 * function accepts a NULL state (nothing is persisted: dmvisor-sim) and returns RC_OK then. */
#include "agent/mo/account.h"
#include "agent/tree/tree_store.h"
#include "base/arena.h"

struct state;

/** @param schema  folder of the numbered steps. @return RC_CONFLICT when the file is newer than this program, RC_IO */
enum rc persist_open(const char *file, const char *schema, struct state **out, struct err *e);
void persist_close(struct state *s);
enum rc persist_commit(struct state *s, struct err *e);
/** Keep room for what is to be kept when others have filled the disk: done at the start, to be done again from time to time. */
void persist_reserve(struct state *s);
void persist_rollback(struct state *s);

/** RC_NOT_FOUND for a name without a value. */
enum rc persist_get(struct state *s, const char *name, struct arena *a, struct str *out, struct err *e);
enum rc persist_set(struct state *s, const char *name, struct str value, struct err *e);

enum rc persist_put_account(struct state *s, const struct account *acc, struct err *e);
enum rc persist_load_accounts(struct state *s, struct account *out, size_t max, size_t *n, struct err *e);
enum rc persist_remove_account(struct state *s, const char *server_id, struct err *e);

/** now NULL = removed. */
enum rc persist_put_node(struct state *s, struct str uri, const struct record *now, struct err *e);
enum rc persist_load_nodes(struct state *s, struct tree_store *into, struct err *e);

enum rc persist_put_vm(struct state *s, const char *id, struct str json, struct err *e);
enum rc persist_remove_vm(struct state *s, const char *id, struct err *e);
enum rc persist_load_vms(struct state *s, enum rc (*fn)(void *ctx, struct str id, struct str json, struct err *e),
                         void *ctx, struct err *e);

struct state_image {
    char id[64], owner[ACCOUNT_ID_BYTES]; /* owner: ServerID, set when the image is first stored */
    int status, result;
    int64_t done_kb;
};
enum rc persist_put_image(struct state *s, const struct state_image *i, struct err *e);
enum rc persist_remove_image(struct state *s, const char *id, struct err *e);
enum rc persist_load_images(struct state *s, void (*fn)(void *ctx, const struct state_image *i), void *ctx,
                            struct err *e);

/* An operation of the device or of an image. */
struct job {
    uint64_t id;
    char op[24], owner[64], uri[256], correlator[64], server_id[ACCOUNT_ID_BYTES];
    int waiting, result;
    int64_t started_ms;
};
enum rc persist_put_job(struct state *s, const struct job *j, struct err *e);
enum rc persist_remove_job(struct state *s, uint64_t id, struct err *e);
enum rc persist_load_jobs(struct state *s, void (*fn)(void *ctx, const struct job *j), void *ctx, struct err *e);

struct state_alert {
    uint64_t id;
    struct str server_id, name, source, format, mark, data, correlator;
    int64_t raised_ms;
};
enum rc persist_put_alert(struct state *s, const struct state_alert *al, struct err *e);
enum rc persist_remove_alert(struct state *s, uint64_t id, struct err *e);
enum rc persist_load_alerts(struct state *s, enum rc (*fn)(void *ctx, const struct state_alert *al), void *ctx,
                            struct err *e);

/** An accepted notification with the resynchronisation nonce; the `keep` newest are stored. */
enum rc persist_put_push(struct state *s, struct str digest, int64_t now_ms, size_t keep, struct err *e);
enum rc persist_load_pushes(struct state *s, void (*fn)(void *ctx, struct str digest), void *ctx,
                            struct err *e); /* oldest first */
#endif
