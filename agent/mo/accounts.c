/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/accounts.h"

/* The rights that come with an account: the first one owns the device-wide settings; all may run the device-wide
 * operations (which act on the caller's own VMs); each may read and set its own account. */
static void grant(struct mo_env *env, const struct account *acc)
{
    struct arena a;
    struct str acl = STR("Get=*"), exec = STR("Get=*"), id = str_of(acc->server_id), uri;
    enum rc rc;

    arena_init(&a, 1 << 16);
    uri = mo_uri(env, DDF_DEVICE, "operations.node", (struct str){ 0 }, (struct str){ 0 }, &a);
    if (tree_acl(env->tree, uri).n) exec = tree_acl(env->tree, uri);
    rc = ddf_acl_with(exec, DDF_EXEC, id, &a, &exec);
    if (!rc) rc = tree_set_acl(env->tree, uri, exec);
    if (!rc && env->accounts.n == 1) {
        rc = ddf_acl_with(acl, DDF_REPLACE, id, &a, &acl);
        if (!rc)
            rc = tree_set_acl(env->tree,
                              mo_uri(env, DDF_DEVICE, "config.node", (struct str){ 0 }, (struct str){ 0 }, &a), acl);
    }
    acl = (struct str){ 0 };
    if (!rc) rc = ddf_acl_with(acl, DDF_GET | DDF_REPLACE, id, &a, &acl);
    if (!rc)
        rc = tree_set_acl(env->tree,
                          objects_fill(objects_uri(&env->shared->objects, "dmacc.node"), str_of(acc->node),
                                       (struct str){ 0 }, &a),
                          acl);
    arena_finish(&a);
    mo_note(env, rc, "rights of an account");
}

enum rc mo_add_account(struct mo_env *env, const struct account *acc, const struct world *w, struct err *e)
{
    struct account *new;
    int place = 1;

    if (mo_find_account(env, str_of(acc->server_id)))
        return err_set(e, RC_EXISTS, "there is an account at %s already", acc->server_id);
    if (env->accounts.n == ACCOUNTS_MAX) return err_set(e, RC_LIMIT, "at most %d accounts", ACCOUNTS_MAX);
    if (env->accounts.n) place = env->accounts.at[env->accounts.n - 1].place + 1;
    if (!(new = VEC_ADD(&env->accounts))) return err_set(e, RC_NOMEM, "no memory for an account");
    mo_enter(env, w, (struct str){ 0 });
    *new = *acc;
    new->place = place;
    mo_note(env, persist_put_account(env->state, new, &env->trouble), "account");
    grant(env, acc);
    return mo_leave(env, e);
}

/* C-117: the ServerID is removed from every ACL; an entry of the root that becomes empty returns to everybody. */
static void scrub(struct mo_env *env, struct str server)
{
    struct tree_store *r = tree_records(env->tree);
    struct arena a;

    arena_init(&a, 4 << 20);
    for (size_t i = tree_store_count(r); i-- > 0;) { /* backwards: a record may be removed */
        const struct record *rec = tree_store_at(r, i);
        struct str acl, uri;
        if (!rec->acl.n || ddf_acl_without(rec->acl, server, &a, &acl) || str_eq(acl, rec->acl) ||
            !arena_str(&a, rec->uri, &uri))
            continue;
        if (str_is(uri, ".") && !ddf_acl_allows(acl, DDF_ADD, STR("*")))
            mo_note(env, ddf_acl_with(acl, DDF_ADD, STR("*"), &a, &acl), "ACL");
        mo_note(env, tree_set_acl(env->tree, uri, acl), "ACL");
    }
    arena_finish(&a);
}

enum rc mo_remove_account(struct mo_env *env, const char *server_id, const struct world *w, struct err *e)
{
    struct account *acc = mo_find_account(env, str_of(server_id));

    if (!acc) return err_set(e, RC_NOT_FOUND, "there is no account at %s", server_id);
    mo_enter(env, w, (struct str){ 0 });
    mo_note(env, alerts_forget(env->alerts, str_of(server_id), &env->trouble), "alerts");
    scrub(env, str_of(server_id));
    mo_note(env, persist_remove_account(env->state, server_id, &env->trouble), "account");
    VEC_REMOVE(&env->accounts, (size_t)(acc - env->accounts.at));
    return mo_leave(env, e);
}
