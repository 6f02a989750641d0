/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and ends an environment: the state is loaded and compared with the hypervisor (env.h). */
#include "agent/mo/mo.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rc load_vm(void *ctx, struct str id, struct str json, struct err *e)
{
    struct mo_env *env = ctx;
    struct vm *vm;
    enum rc rc = vm_load(json, &vm, e);

    (void)id;
    return rc ? rc : mo_vm_adopt(env, vm);
}

static void load_image(void *ctx, const struct state_image *i)
{
    struct mo_env *env = ctx;
    struct mo_image *image = env->images.n < MO_IMAGES ? VEC_ADD(&env->images) : NULL;

    if (!image) {
        mo_note(env, RC_NOMEM, "image");
        return;
    }
    *image = (struct mo_image){ .status = i->status, .result = i->result, .done_kb = i->done_kb };
    memcpy(image->owner, i->owner, sizeof image->owner);
    snprintf(image->id, sizeof image->id, "%s", i->id);
}

static void load_job(void *ctx, const struct job *j)
{
    jobs_restore(ctx, j);
}

static enum rc load_all(struct mo_env *env, struct err *e)
{
    enum rc rc = alerts_create(env->state, mo_layout(env), &env->alerts, e);

    if (!rc && env->state && !VEC_RESERVE(&env->accounts, ACCOUNTS_MAX))
        rc = err_set(e, RC_NOMEM, "no memory for the accounts");
    if (!rc) rc = persist_load_accounts(env->state, env->accounts.at, ACCOUNTS_MAX, &env->accounts.n, e);
    if (!rc) rc = persist_load_nodes(env->state, tree_records(env->tree), e);
    if (!rc) rc = persist_load_images(env->state, load_image, env, e);
    if (!rc) rc = persist_load_jobs(env->state, load_job, env, e);
    if (!rc) rc = persist_load_vms(env->state, load_vm, env, e);
    return rc;
}

static bool has_uuid(void *ctx, const char *uuid)
{
    const struct mo_env *env = ctx;

    for (size_t i = 0; i < env->vms.n; i++)
        if (strcmp(env->vms.at[i].is->want.uuid, uuid) == 0) return true;
    return false;
}

/* Remove files without a VM or image: the agent ended before their removal. */
static void sweep(struct mo_env *env)
{
    const unsigned n = vm_files_sweep(env->config.vms_dir, has_uuid, env);

    if (n) log_event(LOG_WARN, "sweep", LOG_N("folders", n), LOG_Z("what", "of VMs that no longer exist"));
    mo_images_sweep(env);
}

/* Compare every VM with the hypervisor: interrupted operations are continued, undone or ended with 1448. */
static void recover(struct mo_env *env)
{
    struct vm_world w = mo_vm_world(env);

    jobs_recover(env);
    sweep(env);
    mo_images_recover(env);
    for (size_t i = 0; i < env->vms.n; i++) {
        struct mo_vm *v = &env->vms.at[i];
        enum hv_state seen = HV_GONE;
        mo_vm_fill(env, v->vm);
        v->dirty = false;
        const bool ran = v->is->state == VM_RUNNING || v->is->state == VM_PAUSED;
        if (v->is->state != VM_DEFINED && env->hv->class->state(env->hv, v->is->want.uuid, &seen, NULL)) seen = HV_GONE;
        if (ran && seen == HV_OFF && env->hv->class->ended(env->hv, v->is->want.uuid) == HV_C_KILLED) seen = HV_CRASHED;
        vm_recover(v->vm, &w, seen);
    }
}

/* When this device's tree was created, stored at the first start (tree_version.c). */
static enum rc born(struct mo_env *env, int64_t *out, struct err *e)
{
    struct arena a;
    struct str text;
    enum rc rc;

    arena_init(&a, 4096);
    rc = persist_get(env->state, "tree.born", &a, &text, e);
    if (rc == RC_NOT_FOUND) {
        err_clear(e);
        text = arena_printf(&a, "%lld", (long long)(env->w->now_ms + env->w->ahead_ms));
        rc = persist_set(env->state, "tree.born", text, e);
    }
    if (!rc && !str_to_i64(text, out)) rc = err_set(e, RC_PARSE, "the state's tree.born is no number of milliseconds");
    arena_finish(&a);
    return rc;
}

enum rc mo_env_init(struct mo_env *env, const struct mo_shared *shared, const struct mo_config *c, struct hv *hv,
                    struct download *loader, struct state *state, const struct world *w, struct err *e)
{
    int64_t born_ms = 0;
    enum rc rc;

    *env = (struct mo_env){ .shared = shared,
                            .config = *c,
                            .hv = hv,
                            .loader = loader,
                            .state = state,
                            .w = w,
                            .sample_ms = INT64_MAX,
                            .sink = mo_vm_sink(env) };
    rc = born(env, &born_ms, e);
    if (!rc && !(env->tree = tree_create(shared->model, env, born_ms)))
        rc = err_set(e, RC_NOMEM, "no memory for the tree");
    if (!rc) rc = load_all(env, e);
    if (rc) return rc;
    mo_enter(env, w, (struct str){ 0 });
    mo_virt_facts(env, true);
    mo_virt_settings(env);
    recover(env);
    return mo_leave(env, e);
}

void mo_env_finish(struct mo_env *env)
{
    for (size_t i = 0; i < env->vms.n; i++) {
        vm_destroy(env->vms.at[i].vm);
        free(env->vms.at[i].thresholds);
    }
    VEC_FREE(&env->vms);
    VEC_FREE(&env->images);
    VEC_FREE(&env->jobs.list);
    VEC_FREE(&env->accounts);
    alerts_destroy(env->alerts);
    tree_destroy(env->tree);
}
