/* SPDX-License-Identifier: Apache-2.0 */
/* ./VMImages (virtualization-mo.md c.9): entries that servers describe, downloads and their results. */
#include "agent/mo/mo.h"
#include "base/log.h"
#include "base/origin.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device_image *image_at(struct device *d, const struct tree_at *at)
{
    return at->n_names ? device_find_image(d, at->names[0]) : NULL;
}

static void save(struct device *d, const struct device_image *i)
{
    struct state_image s = { .status = i->status, .result = i->result, .done_kb = i->done_kb };

    snprintf(s.id, sizeof s.id, "%s", i->id);
    memcpy(s.owner, i->owner, sizeof s.owner);
    d->changes++;
    device_note(d, state_put_image(d->state, &s, &d->trouble), "image");
}

static struct str leaf(struct device *d, const char *name, struct str image, struct arena *a)
{
    struct str v;

    return device_kept(d, DDF_IMAGE, name, image, (struct str){ 0 }, a, &v) ? v : (struct str){ 0 };
}

/* --- whose it is --- */

/* An entry belongs to the server that added it; of an entry that an older agent kept, to who may use it. */
static bool belongs(struct device *d, const struct device_image *i, struct str server, struct arena *a)
{
    if (i->owner[0] || !server.n) return str_is(server, i->owner);
    return tree_allowed(d->tree, server, DDF_EXEC, device_image_uri(d, str_of(i->id), a));
}

static struct device_image *named(struct device *d, struct str server, struct str image_id, struct arena *a)
{
    for (size_t i = 0; i < d->n_images; i++)
        if (str_eq(leaf(d, "id", str_of(d->images[i].id), a), image_id) && belongs(d, &d->images[i], server, a))
            return &d->images[i];
    return NULL;
}

struct device_image *mo_image_of(struct device *d, const struct vm *vm, struct str image_id)
{
    struct device_image *found = NULL;
    struct arena a;
    struct str list = { 0 }, one;

    arena_init(&a, 1 << 20);
    if (!device_kept(d, DDF_VM, "domain.servers", str_of(vm->id), (struct str){ 0 }, &a, &list))
        found = named(d, (struct str){ 0 }, image_id, &a); /* of nobody: made with the device */
    while (image_id.n && !found && str_cut(&list, ',', &one))
        if (str_trim(one).n) found = named(d, str_trim(one), image_id, &a);
    arena_finish(&a);
    return image_id.n ? found : NULL;
}

int mo_images_in_use(struct device *d, const struct device_image *i)
{
    struct arena a;
    struct str v;
    int n = 0;

    arena_init(&a, 1 << 20);
    for (size_t k = 0; k < d->n_vms; k++)
        if (device_kept(d, DDF_VM, "image", str_of(d->vms[k].vm->id), (struct str){ 0 }, &a, &v))
            n += mo_image_of(d, d->vms[k].vm, v) == i;
    arena_finish(&a);
    return n;
}

/* The same content may be described by several owners: its file goes with the last of them. */
static bool wanted_by_another(struct device *d, const struct device_image *but, struct str hash, struct arena *a)
{
    for (size_t k = 0; k < d->n_images; k++) {
        const struct device_image *i = &d->images[k];
        if (i != but && (i->status == IMAGE_READY || i->status == IMAGE_DOWNLOADING) &&
            str_eq(leaf(d, "hash", str_of(i->id), a), hash))
            return true;
    }
    return false;
}

/* What this owner's image files and VMs take up at most, in KiB. */
static int64_t owner_kb(struct device *d, struct str server)
{
    struct arena a;
    struct str list, one;
    int64_t kb = 0;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < d->n_images; i++)
        if (belongs(d, &d->images[i], server, &a) && d->images[i].status != IMAGE_IDLE)
            kb += device_kept_int(d, DDF_IMAGE, "sizeKB", str_of(d->images[i].id), (struct str){ 0 }, 0);
    for (size_t i = 0; i < d->n_vms; i++) {
        const struct vm *vm = d->vms[i].vm;
        if (!device_kept(d, DDF_VM, "domain.servers", str_of(vm->id), (struct str){ 0 }, &a, &list) ||
            !str_cut(&list, ',', &one) || !str_eq(str_trim(one), server))
            continue; /* a VM counts for the first of its owners */
        for (int k = 0; k < vm->want.n_volumes; k++) kb += vm->want.volumes[k].quota_kb;
        if (vm->state != VM_DEFINED) kb += vm->image.size_bytes / 1024;
    }
    arena_finish(&a);
    return kb;
}

bool mo_images_room(struct device *d, struct str server, int64_t kb)
{
    const int64_t most = (int64_t)(d->config.quota_bytes / 1024);

    return !most || !server.n || (kb <= most && owner_kb(d, server) <= most - kb);
}

static bool too_many(struct device *d, struct str server)
{
    struct arena a;
    size_t n = 0;

    if (!d->config.quota_images || !server.n) return false;
    arena_init(&a, 1 << 18);
    for (size_t i = 0; i < d->n_images; i++) n += belongs(d, &d->images[i], server, &a);
    arena_finish(&a);
    return n >= d->config.quota_images;
}

/* --- nodes --- */

#define I(member) offsetof(struct device_image, member)
static const struct mo_field facts[] = {
    { "status", MO_INT, I(status), false },
    { "result", MO_INT, I(result), false },
    { "doneKB", MO_I64, I(done_kb), false },
};

static bool get_fact(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct device_image *i = image_at(ctx, at);

    return i && mo_text(at->row->arg, i, a, out);
}

static bool get_in_use(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct device_image *i = image_at(ctx, at);

    *out = mo_number(a, i ? mo_images_in_use(ctx, i) : 0);
    return true;
}

static int check_image(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct device *d = ctx;
    const struct device_image *i = image_at(d, at);

    (void)value;
    if (command == DDF_ADD) {
        for (size_t k = 0; k < at->names[0].n; k++)
            if (!isalnum((unsigned char)at->names[0].p[k]) && !strchr("-_.", at->names[0].p[k])) return 400;
        if (at->names[0].n >= sizeof((struct device_image *)0)->id) return 414;
        return d->n_images < DEVICE_IMAGES && !too_many(d, d->server) ? 200 : 420;
    }
    return (i && mo_images_in_use(d, i)) || jobs_running(d, "download", at->names[0]) ? 1410 : 200; /* c.9 */
}

static void removed(struct device *d, struct device_image *i)
{
    device_note(d, state_remove_image(d->state, i->id, &d->trouble), "image");
    *i = d->images[--d->n_images];
    d->sweeps = true;
}

static void image_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct device *d = ctx;
    struct device_image *i = device_find_image(d, what == TREE_RENAMED ? old : at->names[0]);

    d->changes++;
    if (what == TREE_ADDED && !i && d->n_images < DEVICE_IMAGES) {
        struct device_image *list = realloc(d->images, (d->n_images + 1) * sizeof *list);
        if (!list) {
            device_note(d, RC_NOMEM, "image");
            return;
        }
        d->images = list;
        i = &d->images[d->n_images++];
        *i = (struct device_image){ .status = IMAGE_IDLE };
        snprintf(i->id, sizeof i->id, "%.*s", STR_ARG(at->names[0]));
        snprintf(i->owner, sizeof i->owner, "%.*s", STR_ARG(d->server));
        save(d, i);
        if (d->server.n && !tree_allowed(d->tree, d->server, DDF_EXEC, at->uri)) { /* who adds an image may use it */
            struct arena a;
            struct str acl = { 0 };
            arena_init(&a, 1 << 16);
            if (!ddf_acl_with(acl, DDF_ADD | DDF_DELETE | DDF_EXEC | DDF_GET | DDF_REPLACE, d->server, &a, &acl))
                device_note(d, tree_set_acl(d->tree, at->uri, acl), "rights of an image");
            arena_finish(&a);
        }
    } else if (what == TREE_DELETED && i) {
        removed(d, i);
    } else if (what == TREE_RENAMED && i) {
        struct device_image moved = *i;
        device_note(d, state_remove_image(d->state, i->id, &d->trouble), "image");
        snprintf(moved.id, sizeof moved.id, "%.*s", STR_ARG(at->names[0]));
        *i = moved;
        save(d, i);
    }
}

/* A description may be filled and corrected until the file is there. */
static bool image_fresh(void *ctx, const struct tree_at *at)
{
    const struct device_image *i = image_at(ctx, at);

    return !i || i->status != IMAGE_READY;
}

/* What is downloaded must stay what it is said to be. */
static int check_leaf(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct device *d = ctx;
    const struct device_image *i = image_at(d, at);
    struct str now;

    (void)command;
    if (!i) return 200;
    tree_kept(d->tree, at, &now);
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
        if (isupper((unsigned char)value.p[i])) return 400; /* one spelling, so that files are found by it */
    return check_leaf(ctx, at, command, value);
}

/* Another description makes the entry idle again: the file in hand is not it. */
static void leaf_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct device *d = ctx;
    struct device_image *i = image_at(d, at);
    char file[512];
    struct arena a;
    struct str hash;

    (void)what, (void)old;
    for (size_t k = 0; k < d->n_vms; k++) d->vms[k].dirty = true;
    if (!i || i->status != IMAGE_READY) return;
    arena_init(&a, 1 << 16);
    hash = leaf(d, "hash", at->names[0], &a);
    if (!hash.n || !loader_has(d->loader, hash.p, file)) {
        i->status = IMAGE_IDLE;
        save(d, i);
    }
    arena_finish(&a);
}

/* --- operations --- */

static void request_id(const char *image, char out[64])
{
    snprintf(out, 64, "image/%.50s", image);
}

/* The credential of a download goes over TLS, unless no server of this device has it. */
static bool may_hear_credential(const struct device *d, struct str url)
{
    struct origin to, server;

    if (!origin_of(url, &to)) return false;
    for (size_t i = 0; !to.tls && i < d->n_accounts; i++)
        if (!origin_of(str_of(d->accounts[i].url), &server) || server.tls) return false;
    return true;
}

static enum rc load(struct device *d, struct device_image *i, struct err *e)
{
    struct arena a;
    char id[64];
    struct str name = str_of(i->id), auth;
    enum rc rc;

    arena_init(&a, 1 << 20);
    auth = leaf(d, "auth", name, &a);
    request_id(i->id, id);
    const struct loader_request r = {
        .id = id,
        .url = arena_strz(&a, leaf(d, "url", name, &a)),
        .auth = auth.n ? arena_strz(&a, auth) : NULL,
        .sha256 = arena_strz(&a, leaf(d, "hash", name, &a)),
        .size_bytes = device_kept_int(d, DDF_IMAGE, "sizeKB", name, (struct str){ 0 }, 0) * 1024,
        .ca_file = d->config.ca_file
    };
    if (!r.url || !r.sha256 || !r.url[0] || !r.sha256[0])
        rc = err_set(e, RC_INVALID, "no address or no hash");
    else if (r.size_bytes <= 0) /* nothing would end it but a full disk, and it would count for no quota */
        rc = err_set(e, RC_INVALID, "no size (SizeKB)");
    else if (r.auth && !may_hear_credential(d, str_of(r.url)))
        rc = err_set(e, RC_DENIED, "a credential for the download, but an address without TLS");
    else
        rc = loader_start(d->loader, &r, e);
    if (rc) log_event(LOG_WARN, "image", LOG_Z("image", i->id), LOG_Z("why", e->text));
    arena_finish(&a);
    return rc;
}

static bool have(struct device *d, const struct device_image *i)
{
    char file[512];
    struct arena a;
    struct str hash;
    bool yes;

    arena_init(&a, 1 << 16);
    hash = leaf(d, "hash", str_of(i->id), &a);
    yes = hash.n && loader_has(d->loader, hash.p, file);
    arena_finish(&a);
    return yes;
}

static int download(struct device *d, struct device_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct err e = { 0 };
    struct job *j;

    if (jobs_running(d, "download", at->names[0]) || jobs_running(d, "verify", at->names[0])) return 1444;
    j = jobs_begin(d, "download", at->names[0], at->uri, call);
    if (!j) return 1444;
    if (i->status == IMAGE_READY && have(d, i)) return jobs_end_now(d, j, 1203);
    if (!mo_images_room(d, str_of(i->owner),
                        device_kept_int(d, DDF_IMAGE, "sizeKB", at->names[0], (struct str){ 0 }, 0)))
        return jobs_end_now(d, j, 1417);
    if (load(d, i, &e)) return jobs_end_now(d, j, 1414);
    i->status = IMAGE_DOWNLOADING;
    i->result = 0;
    save(d, i);
    j->waiting = 1;
    jobs_save(d, j);
    return 202;
}

static int verify(struct device *d, struct device_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct job *j;

    if (jobs_running(d, "download", at->names[0]) || jobs_running(d, "verify", at->names[0])) return 1444;
    j = jobs_begin(d, "verify", at->names[0], at->uri, call);
    if (!j) return 1444;
    i->status = have(d, i) ? IMAGE_READY : IMAGE_VERIFY_FAILED;
    i->result = i->status == IMAGE_READY ? 1200 : 1418;
    save(d, i);
    return jobs_end_now(d, j, i->result);
}

static int cancel(struct device *d, struct device_image *i, const struct tree_at *at, const struct tree_call *call)
{
    char id[64];

    (void)call;
    if (!jobs_running(d, "download", at->names[0])) return 1203;
    request_id(i->id, id);
    loader_cancel(d->loader, id); /* the download's own end says 1445 */
    return 1200;
}

static int purge(struct device *d, struct device_image *i, const struct tree_at *at, const struct tree_call *call)
{
    struct arena a;
    struct str hash;
    int result = 1200;

    (void)call;
    arena_init(&a, 1 << 16);
    hash = leaf(d, "hash", at->names[0], &a);
    if (jobs_running(d, "download", at->names[0]) || mo_images_in_use(d, i))
        result = 1410;
    else if (hash.n && !wanted_by_another(d, i, hash, &a))
        loader_remove(d->loader, hash.p);
    arena_finish(&a);
    if (result != 1200) return result;
    i->status = IMAGE_IDLE;
    i->result = 1200;
    i->done_kb = 0;
    save(d, i);
    return result;
}

static const struct {
    const char *name;
    int (*run)(struct device *d, struct device_image *i, const struct tree_at *at, const struct tree_call *call);
} operations[] = { { "download", download }, { "verify", verify }, { "cancel", cancel }, { "purge", purge } };

static int run(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    const struct ddf_operation *op = at->row->arg;
    struct device *d = ctx;
    struct device_image *i = image_at(d, at);
    int known = jobs_known(d, at->uri, call);

    if (known) return known;
    for (size_t k = 0; i && k < MO_COUNT(operations); k++)
        if (str_is(op->name, operations[k].name)) return operations[k].run(d, i, at, call);
    return i ? 1411 : 404;
}

/* Status after a download that ended so. */
static int status_after(int result)
{
    return result == 1200   ? IMAGE_READY
           : result == 1418 ? IMAGE_VERIFY_FAILED
           : result == 1445 ? IMAGE_IDLE
                            : IMAGE_DOWNLOAD_FAILED;
}

static void ended(struct device *d, struct device_image *i, int result, const char *text)
{
    struct job *j = jobs_running(d, "download", str_of(i->id));
    struct arena a;
    char data[16];

    i->status = status_after(result);
    i->result = result;
    save(d, i);
    log_event(result < 1400 ? LOG_INFO : LOG_WARN, "image", LOG_Z("image", i->id), LOG_N("result", result),
              LOG_S("meaning", ddf_layout_result_text(device_layout(d), result)), LOG_Z("detail", text));
    arena_init(&a, 1 << 16);
    snprintf(data, sizeof data, "%d", result);
    if (j) {
        device_alert(d, j->server_id, "image_ready", device_image_uri(d, str_of(i->id), &a), "int", device_mark(result),
                     data, "");
        jobs_part(d, j->id, result);
    }
    arena_finish(&a);
}

void mo_images_event(struct device *d, const struct loader_event *ev)
{
    struct str id = str_of(ev->id);
    struct device_image *i = str_starts(id, STR("image/")) ? device_find_image(d, str_slice(id, 6, id.n)) : NULL;

    if (!i || i->status != IMAGE_DOWNLOADING) return;
    i->done_kb = ev->done_bytes / 1024;
    d->changes++;
    if (ev->kind == LOADER_DONE) ended(d, i, ev->result, ev->text);
}

/* A download goes on where it was; a file that went away makes its entry idle. */
void mo_images_recover(struct device *d)
{
    for (size_t k = 0; k < d->n_images; k++) {
        struct device_image *i = &d->images[k];
        struct err e = { 0 };
        if (i->status == IMAGE_DOWNLOADING && load(d, i, &e)) ended(d, i, 1448, "");
        if (i->status == IMAGE_READY && !have(d, i)) {
            i->status = IMAGE_IDLE;
            save(d, i);
        }
    }
}

enum rc mo_images_rows(struct device_shared *s, struct err *e)
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
