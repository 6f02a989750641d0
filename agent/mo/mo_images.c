/* SPDX-License-Identifier: Apache-2.0 */
/* The images' object (virtualization-mo.md c.9): entries that servers describe, downloads and their results. */
#include "agent/mo/mo.h"
#include "base/log.h"
#include "base/origin.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mo_image *image_at(struct mo_env *env, const struct tree_at *at)
{
    return at->n_names ? mo_find_image(env, at->names[0]) : NULL;
}

static void save(struct mo_env *env, const struct mo_image *i)
{
    struct state_image s = { .status = i->status, .result = i->result, .done_kb = i->done_kb };

    snprintf(s.id, sizeof s.id, "%s", i->id);
    memcpy(s.owner, i->owner, sizeof s.owner);
    env->changes++;
    mo_note(env, persist_put_image(env->state, &s, &env->trouble), "image");
}

static struct str leaf(struct mo_env *env, const char *name, struct str image, struct arena *a)
{
    struct str v;

    return mo_kept(env, DDF_IMAGE, name, image, (struct str){ 0 }, a, &v) ? v : (struct str){ 0 };
}

/* --- ownership --- */

/* An entry belongs to the server that added it; an entry of an older agent, to the servers that may use it. */
static bool belongs(struct mo_env *env, const struct mo_image *i, struct str server, struct arena *a)
{
    if (i->owner[0] || !server.n) return str_is(server, i->owner);
    return tree_allowed(env->tree, server, DDF_EXEC, mo_image_uri(env, str_of(i->id), a));
}

static struct mo_image *named(struct mo_env *env, struct str server, struct str image_id, struct arena *a)
{
    for (size_t i = 0; i < env->images.n; i++)
        if (str_eq(leaf(env, "id", str_of(env->images.at[i].id), a), image_id) &&
            belongs(env, &env->images.at[i], server, a))
            return &env->images.at[i];
    return NULL;
}

struct mo_image *mo_image_of(struct mo_env *env, const struct vm *vm, struct str image_id)
{
    struct mo_image *found = NULL;
    struct arena a;
    struct str list = { 0 }, one;

    arena_init(&a, 1 << 20);
    if (!mo_kept(env, DDF_VM, "domain.servers", str_of(vm_view(vm)->id), (struct str){ 0 }, &a, &list))
        found = named(env, (struct str){ 0 }, image_id, &a); /* without an owner: created with the device */
    while (image_id.n && !found && str_cut(&list, ',', &one))
        if (str_trim(one).n) found = named(env, str_trim(one), image_id, &a);
    arena_finish(&a);
    return image_id.n ? found : NULL;
}

int mo_images_in_use(struct mo_env *env, const struct mo_image *i)
{
    struct arena a;
    struct str v;
    int n = 0;

    arena_init(&a, 1 << 20);
    for (size_t k = 0; k < env->vms.n; k++)
        if (mo_kept(env, DDF_VM, "image", str_of(env->vms.at[k].is->id), (struct str){ 0 }, &a, &v))
            n += mo_image_of(env, env->vms.at[k].vm, v) == i;
    arena_finish(&a);
    return n;
}

/* Several owners may describe the same content: the file is removed with the last of them. */
static bool wanted_by_another(struct mo_env *env, const struct mo_image *but, struct str hash, struct arena *a)
{
    for (size_t k = 0; k < env->images.n; k++) {
        const struct mo_image *i = &env->images.at[k];
        if (i != but && (i->status == IMAGE_READY || i->status == IMAGE_DOWNLOADING) &&
            str_eq(leaf(env, "hash", str_of(i->id), a), hash))
            return true;
    }
    return false;
}

/* The most storage that this owner's image files and VMs can occupy, in KiB. */
static int64_t owner_kb(struct mo_env *env, struct str server)
{
    struct arena a;
    struct str list, one;
    int64_t kb = 0;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < env->images.n; i++)
        if (belongs(env, &env->images.at[i], server, &a) && env->images.at[i].status != IMAGE_IDLE)
            kb += mo_kept_int(env, DDF_IMAGE, "sizeKB", str_of(env->images.at[i].id), (struct str){ 0 }, 0);
    for (size_t i = 0; i < env->vms.n; i++) {
        const struct vm *vm = env->vms.at[i].vm;
        if (!mo_kept(env, DDF_VM, "domain.servers", str_of(vm_view(vm)->id), (struct str){ 0 }, &a, &list) ||
            !str_cut(&list, ',', &one) || !str_eq(str_trim(one), server))
            continue; /* a VM counts for its first owner */
        for (int k = 0; k < vm_view(vm)->want.n_volumes; k++) kb += vm_view(vm)->want.volumes[k].quota_kb;
        if (vm_view(vm)->state != VM_DEFINED) kb += vm_view(vm)->image.size_bytes / 1024;
    }
    arena_finish(&a);
    return kb;
}

bool mo_images_room(struct mo_env *env, struct str server, int64_t kb)
{
    const int64_t most = (int64_t)(env->config.quota_bytes / 1024);

    return !most || !server.n || (kb <= most && owner_kb(env, server) <= most - kb);
}

static bool too_many(struct mo_env *env, struct str server)
{
    struct arena a;
    size_t n = 0;

    if (!env->config.quota_images || !server.n) return false;
    arena_init(&a, 1 << 18);
    for (size_t i = 0; i < env->images.n; i++) n += belongs(env, &env->images.at[i], server, &a);
    arena_finish(&a);
    return n >= env->config.quota_images;
}

/* --- nodes --- */

#define I(member) offsetof(struct mo_image, member)
static const struct mo_field facts[] = {
    { "status", MO_INT, I(status), false },
    { "result", MO_INT, I(result), false },
    { "doneKB", MO_I64, I(done_kb), false },
};

static bool get_fact(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_image *i = image_at(ctx, at);

    return i && mo_text(at->row->arg, i, a, out);
}

static bool get_in_use(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_image *i = image_at(ctx, at);

    *out = mo_number(a, i ? mo_images_in_use(ctx, i) : 0);
    return true;
}

static int check_image(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    const struct mo_image *i = image_at(env, at);

    (void)value;
    if (command == DDF_ADD) {
        for (size_t k = 0; k < at->names[0].n; k++)
            if (!isalnum((unsigned char)at->names[0].p[k]) && !strchr("-_.", at->names[0].p[k])) return 400;
        if (at->names[0].n >= sizeof((struct mo_image *)0)->id) return 414;
        return env->images.n < MO_IMAGES && !too_many(env, env->server) ? 200 : 420;
    }
    return (i && mo_images_in_use(env, i)) || jobs_running(env, "download", at->names[0]) ? 1410 : 200; /* c.9 */
}

static void removed(struct mo_env *env, struct mo_image *i)
{
    mo_note(env, persist_remove_image(env->state, i->id, &env->trouble), "image");
    VEC_REMOVE_UNORDERED(&env->images, (size_t)(i - env->images.at));
    env->sweeps = true;
}

static void image_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;
    struct mo_image *i = mo_find_image(env, what == TREE_RENAMED ? old : at->names[0]);

    env->changes++;
    if (what == TREE_ADDED && !i && env->images.n < MO_IMAGES) {
        i = VEC_ADD(&env->images);
        if (!i) {
            mo_note(env, RC_NOMEM, "image");
            return;
        }
        i->status = IMAGE_IDLE;
        snprintf(i->id, sizeof i->id, "%.*s", STR_ARG(at->names[0]));
        snprintf(i->owner, sizeof i->owner, "%.*s", STR_ARG(env->server));
        save(env, i);
        if (env->server.n &&
            !tree_allowed(env->tree, env->server, DDF_EXEC, at->uri)) { /* the server that adds an image may use it */
            struct arena a;
            struct str acl = { 0 };
            arena_init(&a, 1 << 16);
            if (!ddf_acl_with(acl, DDF_ADD | DDF_DELETE | DDF_EXEC | DDF_GET | DDF_REPLACE, env->server, &a, &acl))
                mo_note(env, tree_set_acl(env->tree, at->uri, acl), "rights of an image");
            arena_finish(&a);
        }
    } else if (what == TREE_DELETED && i) {
        removed(env, i);
    } else if (what == TREE_RENAMED && i) {
        struct mo_image moved = *i;
        mo_note(env, persist_remove_image(env->state, i->id, &env->trouble), "image");
        snprintf(moved.id, sizeof moved.id, "%.*s", STR_ARG(at->names[0]));
        *i = moved;
        save(env, i);
    }
}

/* A description may be completed and corrected until the file exists. */
static bool image_fresh(void *ctx, const struct tree_at *at)
{
    const struct mo_image *i = image_at(ctx, at);

    return !i || i->status != IMAGE_READY;
}

/* The description of a downloaded file must not change. */
static int check_leaf(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    const struct mo_image *i = image_at(env, at);
    struct str now;

    (void)command;
    if (!i) return 200;
    tree_kept(env->tree, at, &now);
    return str_eq(now, value) || i->status != IMAGE_DOWNLOADING ? 200 : 403;
}

static int check_hash_kind(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    return str_is(value, "sha256") ? check_leaf(ctx, at, command, value) : 406;
}

static int check_hash(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    uint8_t bytes[32];

    if (!text_hex_decode(value, bytes, sizeof bytes)) return 400;
    for (size_t i = 0; i < value.n; i++)
        if (isupper((unsigned char)value.p[i])) return 400; /* lower case only, so that files are found by the hash */
    return check_leaf(ctx, at, command, value);
}

/* Another description makes the entry idle again, because the file no longer matches it. */
static void leaf_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;
    struct mo_image *i = image_at(env, at);
    char file[512];
    struct arena a;
    struct str hash;

    (void)what, (void)old;
    for (size_t k = 0; k < env->vms.n; k++) env->vms.at[k].dirty = true;
    if (!i || i->status != IMAGE_READY) return;
    arena_init(&a, 1 << 16);
    hash = leaf(env, "hash", at->names[0], &a);
    if (!hash.n || !download_has(env->loader, hash.p, file)) {
        i->status = IMAGE_IDLE;
        save(env, i);
    }
    arena_finish(&a);
}

/* --- operations --- */

static void request_id(const char *image, char out[64])
{
    snprintf(out, 64, "image/%.50s", image);
}

/* The credential of a download is only sent over TLS, unless no server of this device uses TLS. */
static bool may_hear_credential(const struct mo_env *env, struct str url)
{
    struct origin to, server;

    if (!origin_of(url, &to)) return false;
    for (size_t i = 0; !to.tls && i < env->accounts.n; i++)
        if (!origin_of(str_of(env->accounts.at[i].url), &server) || server.tls) return false;
    return true;
}

static enum rc load(struct mo_env *env, struct mo_image *i, struct err *e)
{
    struct arena a;
    char id[64];
    struct str name = str_of(i->id), auth;
    enum rc rc;

    arena_init(&a, 1 << 20);
    auth = leaf(env, "auth", name, &a);
    request_id(i->id, id);
    const struct download_request r = {
        .id = id,
        .url = arena_strz(&a, leaf(env, "url", name, &a)),
        .auth = auth.n ? arena_strz(&a, auth) : NULL,
        .sha256 = arena_strz(&a, leaf(env, "hash", name, &a)),
        .size_bytes = mo_kept_int(env, DDF_IMAGE, "sizeKB", name, (struct str){ 0 }, 0) * 1024,
        .ca_file = env->config.ca_file
    };
    if (!r.url || !r.sha256 || !r.url[0] || !r.sha256[0])
        rc = err_set(e, RC_INVALID, "no address or no hash");
    else if (r.size_bytes <= 0) /* only a full disk would end the download, and no quota would count it */
        rc = err_set(e, RC_INVALID, "no size (SizeKB)");
    else if (r.auth && !may_hear_credential(env, str_of(r.url)))
        rc = err_set(e, RC_DENIED, "a credential for the download, but an address without TLS");
    else
        rc = download_start(env->loader, &r, e);
    if (rc) log_event(LOG_WARN, "image", LOG_Z("image", i->id), LOG_Z("why", e->text));
    arena_finish(&a);
    return rc;
}

static bool have(struct mo_env *env, const struct mo_image *i)
{
    char file[512];
    struct arena a;
    struct str hash;
    bool yes;

    arena_init(&a, 1 << 16);
    hash = leaf(env, "hash", str_of(i->id), &a);
    yes = hash.n && download_has(env->loader, hash.p, file);
    arena_finish(&a);
    return yes;
}

static int download(struct mo_env *env, struct mo_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct err e = { 0 };
    struct job *j;

    if (jobs_running(env, "download", at->names[0]) || jobs_running(env, "verify", at->names[0])) return 1444;
    j = jobs_begin(env, "download", at->names[0], at->uri, call);
    if (!j) return 1444;
    if (i->status == IMAGE_READY && have(env, i)) return jobs_end_now(env, j, 1203);
    if (!mo_images_room(env, str_of(i->owner),
                        mo_kept_int(env, DDF_IMAGE, "sizeKB", at->names[0], (struct str){ 0 }, 0)))
        return jobs_end_now(env, j, 1417);
    if (load(env, i, &e)) return jobs_end_now(env, j, 1414);
    i->status = IMAGE_DOWNLOADING;
    i->result = 0;
    save(env, i);
    j->waiting = 1;
    jobs_save(env, j);
    return 202;
}

static int verify(struct mo_env *env, struct mo_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct job *j;

    if (jobs_running(env, "download", at->names[0]) || jobs_running(env, "verify", at->names[0])) return 1444;
    j = jobs_begin(env, "verify", at->names[0], at->uri, call);
    if (!j) return 1444;
    i->status = have(env, i) ? IMAGE_READY : IMAGE_VERIFY_FAILED;
    i->result = i->status == IMAGE_READY ? 1200 : 1418;
    save(env, i);
    return jobs_end_now(env, j, i->result);
}

static int cancel(struct mo_env *env, struct mo_image *i, const struct tree_at *at, const struct tree_call *call)
{
    char id[64];

    (void)call;
    if (!jobs_running(env, "download", at->names[0])) return 1203;
    request_id(i->id, id);
    download_cancel(env->loader, id); /* the download's end reports 1445 */
    return 1200;
}

static int purge(struct mo_env *env, struct mo_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct arena a;
    struct str hash;
    int result = 1200;

    (void)call;
    arena_init(&a, 1 << 16);
    hash = leaf(env, "hash", at->names[0], &a);
    if (jobs_running(env, "download", at->names[0]) || mo_images_in_use(env, i))
        result = 1410;
    else if (hash.n && !wanted_by_another(env, i, hash, &a))
        download_remove(env->loader, hash.p);
    arena_finish(&a);
    if (result != 1200) return result;
    i->status = IMAGE_IDLE;
    i->result = 1200;
    i->done_kb = 0;
    save(env, i);
    return result;
}

static const struct {
    const char *name;
    int (*run)(struct mo_env *env, struct mo_image *i, const struct tree_at *at, const struct tree_call *call);
} operations[] = { { "download", download }, { "verify", verify }, { "cancel", cancel }, { "purge", purge } };

static int run(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    const struct ddf_operation *op = at->row->arg;
    struct mo_env *env = ctx;
    struct mo_image *i = image_at(env, at);
    int known = jobs_known(env, at->uri, call);

    if (known) return known;
    for (size_t k = 0; i && k < MO_COUNT(operations); k++)
        if (str_is(op->name, operations[k].name)) return operations[k].run(env, i, at, call);
    return i ? 1411 : 404;
}

/* Status after a download with this result. */
static int status_after(int result)
{
    return result == 1200   ? IMAGE_READY
           : result == 1418 ? IMAGE_VERIFY_FAILED
           : result == 1445 ? IMAGE_IDLE
                            : IMAGE_DOWNLOAD_FAILED;
}

static void ended(struct mo_env *env, struct mo_image *i, int result, const char *text)
{
    struct job *j = jobs_running(env, "download", str_of(i->id));
    struct arena a;
    char data[16];

    i->status = status_after(result);
    i->result = result;
    save(env, i);
    log_event(result < 1400 ? LOG_INFO : LOG_WARN, "image", LOG_Z("image", i->id), LOG_N("result", result),
              LOG_S("meaning", ddf_layout_result_text(mo_layout(env), result)), LOG_Z("detail", text));
    arena_init(&a, 1 << 16);
    snprintf(data, sizeof data, "%d", result);
    if (j) {
        mo_alert(env, j->server_id, "image_ready", mo_image_uri(env, str_of(i->id), &a), "int", mo_mark(result), data,
                 "");
        jobs_part(env, j->id, result);
    }
    arena_finish(&a);
}

void mo_images_event(struct mo_env *env, const struct download_event *ev)
{
    struct str id = str_of(ev->id);
    struct mo_image *i = str_starts(id, STR("image/")) ? mo_find_image(env, str_slice(id, 6, id.n)) : NULL;

    if (!i || i->status != IMAGE_DOWNLOADING) return;
    i->done_kb = ev->done_bytes / 1024;
    env->changes++;
    if (ev->kind == DOWNLOAD_DONE) ended(env, i, ev->result, ev->text);
}

/* An interrupted download continues; an entry without its file becomes idle. */
void mo_images_recover(struct mo_env *env)
{
    for (size_t k = 0; k < env->images.n; k++) {
        struct mo_image *i = &env->images.at[k];
        struct err e = { 0 };
        if (i->status == IMAGE_DOWNLOADING && load(env, i, &e)) ended(env, i, 1448, "");
        if (i->status == IMAGE_READY && !have(env, i)) {
            i->status = IMAGE_IDLE;
            save(env, i);
        }
    }
}

enum rc mo_images_rows(struct mo_shared *s, struct err *e)
{
    static const char *const checked[] = { "id", "version", "format", "url", "auth", "sizeKB" };
    struct str uri = ddf_uri_join(&s->arena, s->layout->images, STR("*"));
    enum rc rc = tree_model_row(
        s->model, uri, &(struct tree_row){ .check = check_image, .changed = image_changed, .fresh = image_fresh }, e);

    for (size_t i = 0; !rc && i < MO_COUNT(checked); i++)
        rc = mo_row(s, DDF_IMAGE, checked[i], &(struct tree_row){ .check = check_leaf, .changed = leaf_changed }, e);
    if (!rc) rc = mo_row(s, DDF_IMAGE, "hash", &(struct tree_row){ .check = check_hash, .changed = leaf_changed }, e);
    if (!rc) rc = mo_row(s, DDF_IMAGE, "hashAlg", &(struct tree_row){ .check = check_hash_kind }, e);
    if (!rc) rc = mo_row(s, DDF_IMAGE, "inUse", &(struct tree_row){ .get = get_in_use }, e);
    for (size_t i = 0; !rc && i < MO_COUNT(facts); i++)
        rc = mo_row(s, DDF_IMAGE, facts[i].name, &(struct tree_row){ .get = get_fact, .arg = &facts[i] }, e);
    for (size_t i = 0; !rc && i < MO_COUNT(operations); i++) {
        const struct ddf_operation *op = ddf_layout_operation(s->layout, DDF_IMAGE, str_of(operations[i].name));
        if (op) rc = mo_operation_row(s, op, &(struct tree_row){ .exec = run, .arg = op }, e);
    }
    return rc;
}
