/* SPDX-License-Identifier: Apache-2.0 */
/* DMAcc (protocol.md 13.3): the accounts in the tree. Written values are stored in the account; secrets are never
 * stored as nodes and never read (C-006). One address, and two credentials: the client's and the server's. */
#include "agent/mo/mo.h"
#include "base/origin.h"
#include <stdio.h>
#include <string.h>

#define ADDRESS "1"
#define CLIENT  "1"
#define SERVER  "2"

static struct account *account_at(struct mo_env *env, const struct tree_at *at)
{
    for (size_t i = 0; at->n_names && i < env->accounts.n; i++)
        if (str_is(at->names[0], env->accounts.at[i].node)) return &env->accounts.at[i];
    return NULL;
}

static bool is_client(const struct tree_at *at)
{
    return at->n_names > 1 && str_is(at->names[1], CLIENT);
}

static void list_accounts(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    struct mo_env *env = ctx;

    (void)parent;
    for (size_t i = 0; i < env->accounts.n; i++) tree_name(out, str_of(env->accounts.at[i].node));
}

static void list_addresses(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    if (account_at(ctx, parent)) tree_name(out, STR(ADDRESS));
}

static void list_credentials(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    if (!account_at(ctx, parent)) return;
    tree_name(out, STR(CLIENT));
    tree_name(out, STR(SERVER));
}

#define A(member) offsetof(struct account, member)
static const struct mo_field fields[] = {
    { "dmacc.serverId", MO_TEXT, A(server_id), false },
    { "dmacc.name", MO_TEXT, A(title), false },
    { "dmacc.address", MO_TEXT, A(url), false },
    { "dmacc.poll", MO_I64, A(poll_s), false },
};

static bool get(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct account *acc = account_at(ctx, at);

    return acc && mo_text(at->row->arg, acc, a, out);
}

static struct str scheme(enum sml_auth auth)
{
    return auth == SML_AUTH_BASIC  ? STR("BASIC")
           : auth == SML_AUTH_MAC  ? STR("HMAC")
           : auth == SML_AUTH_NONE ? STR("TRANSPORT")
                                   : STR("DIGEST");
}

static bool get_scheme(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct account *acc = account_at(ctx, at);

    (void)a;
    if (!acc) return false;
    *out = at->n_names > 1 && !is_client(at) && acc->auth == SML_AUTH_BASIC ? STR("DIGEST") : scheme(acc->auth);
    return true;
}

static bool get_level(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)ctx, (void)a;
    *out = is_client(at) ? STR("CLCRED") : STR("SRVCRED");
    return true;
}

static bool get_user(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct account *acc = account_at(ctx, at);

    (void)a;
    if (!acc) return false;
    *out = str_of(is_client(at) ? acc->client_name : acc->server_name);
    return true;
}

/* Write-only leaves: they exist, but a read returns nothing. */
static bool get_nothing(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)a;
    *out = (struct str){ 0 };
    return account_at(ctx, at) != NULL;
}

static bool there(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    return get_nothing(ctx, at, a, out);
}

/* The leaves that a server may really change: those that the account can hold. */
static int check_secret(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct account *acc = account_at(ctx, at);

    (void)command;
    return !acc ? 404 : value.n && value.n < ACCOUNT_TEXT_BYTES && !memchr(value.p, 0, value.n) ? 200 : 400;
}

static int check_nonce(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    (void)command;
    return !account_at(ctx, at) ? 404 : value.n <= SML_NONCE_MAX ? 200 : 413;
}

static int check_url(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    const struct account *acc = account_at(ctx, at);
    struct origin here, there;

    (void)command;
    if (value.n >= ACCOUNT_URL_BYTES) return 413;
    if (!origin_of(value, &there)) return 400;
    /* an account with TLS keeps it: a server must not remove the protection */
    return acc && origin_of(str_of(acc->url), &here) && origin_weaker(&here, &there) ? 403 : 200;
}

static int check_poll(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    int64_t n;

    (void)ctx, (void)at, (void)command;
    return str_to_i64(value, &n) && n >= 0 ? 200 : 400;
}

static int check_fixed(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    (void)ctx, (void)at, (void)command, (void)value;
    return 403; /* readable, but changed only by bootstrap */
}

static void copy_text(char *out, size_t n, struct str s)
{
    snprintf(out, n, "%.*s", STR_ARG(s));
}

/* The record only carried the value to the account. */
static void changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;
    struct account *acc = account_at(env, at);
    const struct record *rec = tree_store_get(tree_records(env->tree), at->uri);
    const char *name = at->row->arg ? ((const struct mo_field *)at->row->arg)->name : "";
    struct str v = rec ? rec->value : (struct str){ 0 };

    (void)old;
    if (!acc || what != TREE_CHANGED || !rec) return;
    if (!strcmp(name, "dmacc.name"))
        copy_text(acc->title, sizeof acc->title, v);
    else if (!strcmp(name, "dmacc.address"))
        copy_text(acc->url, sizeof acc->url, v);
    else if (!strcmp(name, "dmacc.poll"))
        mo_set(at->row->arg, acc, v);
    else if (!strcmp(name, "dmacc.credential.secret") && is_client(at)) {
        sml_ha1(str_of(acc->client_name), v, acc->client_ha1);
        if (acc->auth == SML_AUTH_BASIC) copy_text(acc->client_password, sizeof acc->client_password, v);
    } else if (!strcmp(name, "dmacc.credential.secret"))
        sml_ha1(str_of(acc->server_name), v, acc->server_ha1);
    else if (is_client(at))
        account_set_nonce(v, acc->client_nonce, &acc->n_client_nonce);
    else
        account_set_nonce(v, acc->server_nonce, &acc->n_server_nonce);
    mo_note(env, tree_drop(env->tree, at->uri), "account");
    mo_note(env, persist_put_account(env->state, acc, &env->trouble), "account");
}

static const struct mo_field secret = { "dmacc.credential.secret", MO_TEXT, 0, false },
                             nonce = { "dmacc.credential.data", MO_TEXT, 0, false };

enum rc mo_dmacc_rows(struct mo_shared *s, struct err *e)
{
    const struct {
        const char *name;
        struct tree_row row;
    } rows[] = {
        { "dmacc.node", { .list = list_accounts } },
        { "dmacc.serverId", { .get = get, .arg = &fields[0] } },
        { "dmacc.name", { .get = get, .changed = changed, .arg = &fields[1] } },
        { "dmacc.preference", { .get = get_scheme, .check = check_fixed } },
        { "dmacc.address.node", { .list = list_addresses, .check = check_fixed } },
        { "dmacc.address", { .get = get, .check = check_url, .changed = changed, .arg = &fields[2] } },
        { "dmacc.address.type", { .check = check_fixed } },
        { "dmacc.credentials", { .get = there } },
        { "dmacc.credential.node", { .list = list_credentials, .check = check_fixed } },
        { "dmacc.credential.level", { .get = get_level, .check = check_fixed } },
        { "dmacc.credential.type", { .get = get_scheme, .check = check_fixed } },
        { "dmacc.credential.name", { .get = get_user, .check = check_fixed } },
        { "dmacc.credential.secret",
          { .get = get_nothing, .check = check_secret, .changed = changed, .arg = &secret } },
        { "dmacc.credential.data", { .get = get_nothing, .check = check_nonce, .changed = changed, .arg = &nonce } },
        { "dmacc.extension", { .get = there } },
        { "dmacc.poll", { .get = get, .check = check_poll, .changed = changed, .arg = &fields[3] } },
    };
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++) rc = mo_standard_row(s, rows[i].name, &rows[i].row, e);
    return rc;
}
