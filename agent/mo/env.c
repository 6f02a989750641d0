/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mo/env.h"
#include "agent/mo/mo.h"
#include "agent/mo/shown.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- lookups --- */

struct mo_vm *mo_find_vm(struct mo_env *env, struct str id)
{
    for (size_t i = 0; i < env->vms.n; i++)
        if (str_is(id, env->vms.at[i].is->id)) return &env->vms.at[i];
    return NULL;
}

struct mo_image *mo_find_image(struct mo_env *env, struct str id)
{
    for (size_t i = 0; i < env->images.n; i++)
        if (str_is(id, env->images.at[i].id)) return &env->images.at[i];
    return NULL;
}

struct account *mo_find_account(struct mo_env *env, struct str server_id)
{
    for (size_t i = 0; i < env->accounts.n; i++)
        if (str_is(server_id, env->accounts.at[i].server_id)) return &env->accounts.at[i];
    return NULL;
}

struct str mo_uri(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                  struct arena *a)
{
    const struct ddf_entry *en = ddf_layout_entry(mo_layout(env), scope, str_of(name));

    return en ? ddf_layout_uri(mo_layout(env), en, owner, instance, a) : (struct str){ 0 };
}

struct str mo_vm_uri(struct mo_env *env, struct str id, struct arena *a)
{
    return ddf_uri_join(a, mo_layout(env)->vms, id);
}

struct str mo_image_uri(struct mo_env *env, struct str id, struct arena *a)
{
    return ddf_uri_join(a, mo_layout(env)->images, id);
}

bool mo_kept(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
             struct arena *a, struct str *out)
{
    struct str uri = mo_uri(env, scope, name, owner, instance, a);
    struct tree_at at;

    if (!uri.n || !tree_find(env->tree, uri, a, &at)) return false;
    tree_kept(env->tree, &at, out);
    return true;
}

int64_t mo_kept_int(struct mo_env *env, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                    int64_t otherwise)
{
    struct arena a;
    struct str v;
    int64_t n;

    arena_init(&a, 1 << 16);
    if (!mo_kept(env, scope, name, owner, instance, &a, &v) || !str_to_i64(v, &n)) n = otherwise;
    arena_finish(&a);
    return n;
}

/* --- alerts --- */

struct str mo_shown(const struct mo_env *env, struct str text, struct arena *a)
{
    struct str own = str_of(env->config.vms_dir ? env->config.vms_dir : "");

    while (own.n && own.p[own.n - 1] == '/') own.n--;
    while (own.n && own.p[own.n - 1] != '/') own.n--; /* VMs are in the agent's folder */
    if (own.n) own.n--;
    return shown_text(text, own, a);
}

struct str mo_time(const struct mo_env *env, int64_t ms, struct arena *a)
{
    char time[17];

    if (!ms) return (struct str){ 0 };
    text_time_basic(ms + env->w->ahead_ms, time);
    return arena_printf(a, "%s", time);
}

void mo_note(struct mo_env *env, enum rc rc, const char *what)
{
    if (rc && !env->trouble.rc) err_set(&env->trouble, rc, "%s: %s", what, rc_text(rc));
}

const char *mo_mark(int result)
{
    return result == 1438 || result == 1510 ? "critical" : result >= 1400 ? "warning" : "informational";
}

void mo_alert(struct mo_env *env, const char *server_id, const char *name, struct str source, const char *format,
              const char *mark, const char *data, const char *correlator)
{
    struct arena a;

    env->changes++;
    if (!mo_find_account(env, str_of(server_id))) return;
    arena_init(&a, 1 << 16);
    const struct alert_new n = { str_of(server_id), str_of(name), source,
                                 str_of(format),    str_of(mark), mo_shown(env, str_of(data), &a),
                                 str_of(correlator) };
    mo_note(env, alerts_add(env->alerts, &n, env->w->now_ms, &env->trouble), "alert");
    arena_finish(&a);
}

void mo_alert_owners(struct mo_env *env, struct str vm, const char *name, struct str source, const char *format,
                     const char *mark, const char *data)
{
    struct arena a;
    struct str list, one;
    char server[ACCOUNT_ID_BYTES];

    arena_init(&a, 1 << 16);
    if (mo_kept(env, DDF_VM, "domain.servers", vm, (struct str){ 0 }, &a, &list))
        while (str_cut(&list, ',', &one)) {
            snprintf(server, sizeof server, "%.*s", STR_ARG(str_trim(one)));
            mo_alert(env, server, name, source, format, mark, data, "");
        }
    arena_finish(&a);
}

bool mo_owns(struct mo_env *env, const char *vm_id, struct str server_id)
{
    struct str list, one;
    struct arena a;
    bool found = false;

    arena_init(&a, 1 << 16);
    if (mo_kept(env, DDF_VM, "domain.servers", str_of(vm_id), (struct str){ 0 }, &a, &list))
        while (!found && str_cut(&list, ',', &one)) found = str_eq(str_trim(one), server_id);
    arena_finish(&a);
    return found;
}

/* --- the call's frame --- */

struct vm_world mo_vm_world(struct mo_env *env)
{
    int64_t promised_kb = 0, volumes_kb = 0;
    for (size_t i = 0; i < env->vms.n; i++) {
        const struct vm_view *vm = env->vms.at[i].is;
        if (vm_is_on(vm)) promised_kb += vm->effective.mem_max_kb;
        for (int k = 0; k < vm->want.n_volumes; k++) volumes_kb += vm->want.volumes[k].size_kb;
    }
    return (struct vm_world){ .hv = env->hv,
                              .loader = env->loader,
                              .layout = mo_layout(env),
                              .sink = &env->sink,
                              .now_ms = env->w->now_ms,
                              .images_dir = env->config.images_dir,
                              .vms_dir = env->config.vms_dir,
                              .promised_kb = promised_kb,
                              .volumes_kb = volumes_kb };
}

void mo_compare(struct mo_env *env, struct vm_world *w)
{
    for (size_t i = 0; i < env->vms.n; i++)
        if (!env->vms.at[i].gone) vm_look(env->vms.at[i].vm, w);
}

static void bury(struct mo_env *env, size_t i)
{
    struct vm *vm = env->vms.at[i].vm;
    struct arena a;

    arena_init(&a, 1 << 16);
    mo_note(env, tree_drop(env->tree, mo_vm_uri(env, str_of(vm_view(vm)->id), &a)), "VM");
    mo_note(env, persist_remove_vm(env->state, vm_view(vm)->id, &env->trouble), "VM");
    arena_finish(&a);
    env->sweeps = true;
    vm_destroy(vm);
    free(env->vms.at[i].thresholds);
    VEC_REMOVE_UNORDERED(&env->vms, i);
    env->changes++;
}

void mo_settle_vm(struct mo_env *env, struct mo_vm *v)
{
    struct vm_world w = mo_vm_world(env);

    if (!v->dirty || v->gone) return;
    v->dirty = false;
    if (!mo_vm_fill(env, v->vm)) return;
    mo_vm_keep(env, v->vm);
    vm_resources_changed(v->vm, &w);
}

void mo_settle(struct mo_env *env)
{
    for (size_t i = 0; i < env->vms.n; i++) mo_settle_vm(env, &env->vms.at[i]);
    for (size_t i = env->vms.n; i-- > 0;)
        if (env->vms.at[i].gone) bury(env, i);
}

void mo_enter(struct mo_env *env, const struct world *w, struct str server)
{
    env->w = w;
    env->server = server;
    tree_set_time(env->tree, w->now_ms + w->ahead_ms);
    err_clear(&env->trouble);
}

static enum rc keep_node(void *ctx, struct str uri, const struct record *now, struct err *e)
{
    return persist_put_node(ctx, uri, now, e);
}

enum rc mo_leave(struct mo_env *env, struct err *e)
{
    enum rc rc;

    mo_settle(env);
    env->server = (struct str){ 0 };
    rc = env->trouble.rc;
    if (rc) {
        if (e && !e->rc) *e = env->trouble;
    } else if (env->state) {
        rc = tree_store_keep(tree_records(env->tree), keep_node, env->state, e);
    } else {
        tree_store_forget(tree_records(env->tree));
    }
    return rc ? rc : persist_commit(env->state, e);
}
