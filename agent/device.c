/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device_int.h"
#include "agent/mo/shown.h"
#include "base/log.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPARE_MS = 120000 };

/* --- finding things --- */

struct device_vm *device_find_vm(struct device *d, struct str id)
{
    for (size_t i = 0; i < d->n_vms; i++)
        if (str_is(id, d->vms[i].vm->id)) return &d->vms[i];
    return NULL;
}

struct device_image *device_find_image(struct device *d, struct str id)
{
    for (size_t i = 0; i < d->n_images; i++)
        if (str_is(id, d->images[i].id)) return &d->images[i];
    return NULL;
}

struct account *device_find_account(struct device *d, struct str server_id)
{
    for (size_t i = 0; i < d->n_accounts; i++)
        if (str_is(server_id, d->accounts[i].server_id)) return &d->accounts[i];
    return NULL;
}

struct str device_uri(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                      struct arena *a)
{
    const struct ddf_entry *en = ddf_layout_entry(device_layout(d), scope, str_of(name));

    return en ? ddf_layout_uri(device_layout(d), en, owner, instance, a) : (struct str){ 0 };
}

struct str device_vm_uri(struct device *d, struct str id, struct arena *a)
{
    return ddf_uri_join(a, device_layout(d)->vms, id);
}

struct str device_image_uri(struct device *d, struct str id, struct arena *a)
{
    return ddf_uri_join(a, device_layout(d)->images, id);
}

bool device_kept(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                 struct arena *a, struct str *out)
{
    struct str uri = device_uri(d, scope, name, owner, instance, a);
    struct tree_at at;

    if (!uri.n || !tree_find(d->tree, uri, a, &at)) return false;
    tree_kept(d->tree, &at, out);
    return true;
}

bool device_live(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                 struct arena *a, struct str *out)
{
    struct str uri = device_uri(d, scope, name, owner, instance, a);

    return uri.n && tree_value(d->tree, uri, a, out);
}

int64_t device_kept_int(struct device *d, enum ddf_scope scope, const char *name, struct str owner, struct str instance,
                        int64_t otherwise)
{
    struct arena a;
    struct str v;
    int64_t n;

    arena_init(&a, 1 << 16);
    if (!device_kept(d, scope, name, owner, instance, &a, &v) || !str_to_i64(v, &n)) n = otherwise;
    arena_finish(&a);
    return n;
}

/* --- alerts --- */

struct str device_shown(const struct device *d, struct str text, struct arena *a)
{
    struct str own = str_of(d->config.vms_dir ? d->config.vms_dir : "");

    while (own.n && own.p[own.n - 1] == '/') own.n--;
    while (own.n && own.p[own.n - 1] != '/') own.n--; /* VMs lie in the agent's folder */
    if (own.n) own.n--;
    return shown_text(text, own, a);
}

void device_note(struct device *d, enum rc rc, const char *what)
{
    if (rc && !d->trouble.rc) err_set(&d->trouble, rc, "%s: %s", what, rc_text(rc));
}

const char *device_mark(int result)
{
    return result == 1438 || result == 1510 ? "critical" : result >= 1400 ? "warning" : "informational";
}

void device_alert(struct device *d, const char *server_id, const char *name, struct str source, const char *format,
                  const char *mark, const char *data, const char *correlator)
{
    struct arena a;

    d->changes++;
    if (!device_find_account(d, str_of(server_id))) return;
    arena_init(&a, 1 << 16);
    const struct alert_new n = { str_of(server_id), str_of(name), source,
                                 str_of(format),    str_of(mark), device_shown(d, str_of(data), &a),
                                 str_of(correlator) };
    device_note(d, alerts_add(d->alerts, &n, d->w->now_ms, &d->trouble), "alert");
    arena_finish(&a);
}

void device_alert_owners(struct device *d, struct str vm, const char *name, struct str source, const char *format,
                         const char *mark, const char *data)
{
    struct arena a;
    struct str list, one;
    char server[ACCOUNT_ID_BYTES];

    arena_init(&a, 1 << 16);
    if (device_kept(d, DDF_VM, "domain.servers", vm, (struct str){ 0 }, &a, &list))
        while (str_cut(&list, ',', &one)) {
            snprintf(server, sizeof server, "%.*s", STR_ARG(str_trim(one)));
            device_alert(d, server, name, source, format, mark, data, "");
        }
    arena_finish(&a);
}

static bool owns(struct device *d, const struct vm *vm, const char *server_id)
{
    struct str list, one;
    struct arena a;
    bool found = false;

    arena_init(&a, 1 << 16);
    if (device_kept(d, DDF_VM, "domain.servers", str_of(vm->id), (struct str){ 0 }, &a, &list))
        while (!found && str_cut(&list, ',', &one)) found = str_is(str_trim(one), server_id);
    arena_finish(&a);
    return found;
}

void device_contact(struct device *d, const char *server_id)
{
    struct vm_world w = device_world(d);

    for (size_t i = 0; i < d->n_vms; i++)
        if (!d->vms[i].gone && owns(d, d->vms[i].vm, server_id)) vm_contact(d->vms[i].vm, &w);
}

int64_t device_poll_s(struct device *d, size_t account)
{
    const struct account *acc = &d->accounts[account];
    int64_t poll_s = acc->poll_s;

    for (size_t i = 0; i < d->n_vms; i++) {
        int64_t lease_s = d->vms[i].vm->policy.check_in_s;
        if (lease_s <= 0 || !owns(d, d->vms[i].vm, acc->server_id)) continue;
        lease_s -= lease_s / 10; /* in time, so that a call is no missed one */
        if (poll_s <= 0 || lease_s < poll_s) poll_s = lease_s;
    }
    return poll_s;
}

/* --- what VMs tell (vm.h: struct vm_sink) --- */

static void save_vm(void *ctx, struct vm *vm)
{
    struct device *d = ctx;
    struct buf b;

    d->changes++;
    if (!d->state) return;
    buf_init(&b, 1 << 20);
    device_note(d, vm_save(vm, &b), "VM");
    if (buf_ok(&b)) device_note(d, state_put_vm(d->state, vm->id, buf_str(&b), &d->trouble), "VM");
    buf_finish(&b);
}

/* "reason=4" in "old=50;new=110;reason=4;lock=30" */
static int64_t in_data(const char *data, const char *key)
{
    struct str rest = str_of(data), part;
    int64_t n;

    while (str_cut(&rest, ';', &part)) {
        size_t at = str_find(part, '=', 0);
        if (str_is(str_slice(part, 0, at), key) && str_to_i64(str_slice(part, at + 1, part.n), &n)) return n;
    }
    return -1;
}

static void complete(struct device *d, struct vm *vm, const char *op, const char *correlator, const char *data,
                     struct arena *a)
{
    const struct ddf_operation *o = ddf_layout_operation(device_layout(d), DDF_VM, str_of(op));
    uint64_t job = jobs_of_part(str_of(correlator));
    int64_t result = 1412;

    str_to_i64(str_of(data), &result);
    log_event(result < 1400 ? LOG_INFO : LOG_WARN, "operation", LOG_Z("vm", vm->id), LOG_Z("op", op),
              LOG_Z("correlator", correlator), LOG_N("result", result),
              LOG_S("meaning", ddf_layout_result_text(device_layout(d), (int)result)),
              LOG_Z("detail", vm->progress.text));
    if (job)
        jobs_part(d, job, (int)result);
    else if (o)
        device_alert(d, vm->progress.server_id, "operation_complete",
                     ddf_layout_operation_uri(device_layout(d), o, str_of(vm->id), a), "int", device_mark((int)result),
                     data, correlator);
}

/* c.7: every n percent, not too often. */
static void progress(struct device *d, struct vm *vm, const char *data, struct arena *a)
{
    struct device_vm *v = device_find_vm(d, str_of(vm->id));
    int64_t step = d->settings.progress_step, gap = d->settings.progress_gap_s * 1000, now = d->w->now_ms;

    if (!v || step <= 0 || !vm->progress.server_id[0]) return;
    if (v->progress_ms && v->progress_ms >= vm->progress.start_ms &&
        (now - v->progress_ms < gap || vm->progress.pct < v->progress_pct + step))
        return;
    v->progress_ms = now;
    v->progress_pct = vm->progress.pct;
    device_alert(d, vm->progress.server_id, "progress",
                 device_uri(d, DDF_VM, "progress.node", str_of(vm->id), (struct str){ 0 }, a), "chr", "informational",
                 data, "");
}

/* Config/StateAlerts: 0 none, 1 what no server asked for, 2 all. */
static void state_change(struct device *d, struct vm *vm, const char *data, struct arena *a)
{
    struct device_vm *v = device_find_vm(d, str_of(vm->id));
    int64_t reason = in_data(data, "reason");
    bool expected = reason == 1 || reason == 8; /* an operation of a server; what its lock does */

    if (v && vm->state != VM_RUNNING && vm->state != VM_PAUSED) mo_threshold_stopped(d, v);
    log_event(expected ? LOG_INFO : LOG_WARN, "vm", LOG_Z("vm", vm->id), LOG_N("state", vm->state),
              LOG_N("lock", vm->lock), LOG_S("because", ddf_layout_reason_text(device_layout(d), (int)reason)));
    if (d->settings.state_alerts <= 0 || (d->settings.state_alerts == 1 && expected)) return;
    device_alert_owners(d, str_of(vm->id), "state_change",
                        device_uri(d, DDF_VM, "state", str_of(vm->id), (struct str){ 0 }, a), "chr",
                        d->settings.state_alerts == 1 ? "warning" : "informational", data);
}

static void vm_alert(void *ctx, struct vm *vm, enum vm_alert kind, const char *op, const char *correlator,
                     const char *data)
{
    struct device *d = ctx;
    struct arena a;

    arena_init(&a, 1 << 20);
    d->changes++;
    switch (kind) {
    case VM_ALERT_COMPLETE: complete(d, vm, op, correlator, data, &a); break;
    case VM_ALERT_PROGRESS: progress(d, vm, data, &a); break;
    case VM_ALERT_STATE: state_change(d, vm, data, &a); break;
    case VM_ALERT_CRASH:
    case VM_ALERT_CRASH_LOOP:
        log_event(LOG_WARN, kind == VM_ALERT_CRASH ? "crash" : "crash_loop", LOG_Z("vm", vm->id), LOG_Z("data", data));
        device_alert_owners(d, str_of(vm->id), kind == VM_ALERT_CRASH ? "crash" : "crash_loop",
                            device_uri(d, DDF_VM, "crash.node", str_of(vm->id), (struct str){ 0 }, &a),
                            kind == VM_ALERT_CRASH ? "chr" : "int", kind == VM_ALERT_CRASH ? "critical" : "fatal",
                            data);
        break;
    case VM_ALERT_LEASE:
        log_event(LOG_WARN, "lease", LOG_Z("vm", vm->id), LOG_Z("stage", data));
        device_alert_owners(d, str_of(vm->id), "lease_event",
                            device_uri(d, DDF_VM, "lease.node", str_of(vm->id), (struct str){ 0 }, &a), "int",
                            vm->lease == VM_LEASE_WIPED ? "critical" : "warning", data);
        break;
    }
    arena_finish(&a);
}

static void vm_gone(void *ctx, struct vm *vm)
{
    struct device *d = ctx;
    struct device_vm *v = device_find_vm(d, str_of(vm->id));

    if (v) v->gone = true;
}

/* --- the call's frame --- */

struct vm_world device_world(struct device *d)
{
    int64_t promised_kb = 0;
    for (size_t i = 0; i < d->n_vms; i++)
        if (d->vms[i].vm->state == VM_RUNNING || d->vms[i].vm->state == VM_PAUSED || d->vms[i].vm->state == VM_STARTING)
            promised_kb += d->vms[i].vm->effective.mem_max_kb;
    return (struct vm_world){ .hv = d->hv,
                              .loader = d->loader,
                              .layout = device_layout(d),
                              .sink = &d->sink,
                              .now_ms = d->w->now_ms,
                              .images_dir = d->config.images_dir,
                              .vms_dir = d->config.vms_dir,
                              .promised_kb = promised_kb };
}

void device_compare(struct device *d, struct vm_world *w)
{
    for (size_t i = 0; i < d->n_vms; i++)
        if (!d->vms[i].gone) vm_look(d->vms[i].vm, w);
}

static void bury(struct device *d, size_t i)
{
    struct vm *vm = d->vms[i].vm;
    struct arena a;

    arena_init(&a, 1 << 16);
    device_note(d, tree_drop(d->tree, device_vm_uri(d, str_of(vm->id), &a)), "VM");
    device_note(d, state_remove_vm(d->state, vm->id, &d->trouble), "VM");
    arena_finish(&a);
    d->sweeps = true;
    vm_destroy(vm);
    free(d->vms[i].thresholds);
    d->vms[i] = d->vms[--d->n_vms];
    d->changes++;
}

void device_settle(struct device *d)
{
    struct vm_world w = device_world(d);

    for (size_t i = 0; i < d->n_vms; i++) {
        struct device_vm *v = &d->vms[i];
        if (!v->dirty || v->gone) continue;
        v->dirty = false;
        if (mo_vm_fill(d, v->vm)) {
            save_vm(d, v->vm);
            vm_resources_changed(v->vm, &w);
        }
    }
    for (size_t i = d->n_vms; i-- > 0;)
        if (d->vms[i].gone) bury(d, i);
}

void device_enter(struct device *d, const struct world *w, struct str server)
{
    d->w = w;
    d->server = server;
    tree_set_time(d->tree, w->now_ms);
    err_clear(&d->trouble);
}

static enum rc keep_node(void *ctx, struct str uri, const struct record *now, struct err *e)
{
    return state_put_node(ctx, uri, now, e);
}

enum rc device_leave(struct device *d, struct err *e)
{
    enum rc rc;

    device_settle(d);
    d->server = (struct str){ 0 };
    rc = d->trouble.rc;
    if (rc) {
        if (e && !e->rc) *e = d->trouble;
    } else if (d->state) {
        rc = records_keep(tree_records(d->tree), keep_node, d->state, e);
    } else {
        records_forget(tree_records(d->tree));
    }
    return rc ? rc : state_commit(d->state, e);
}

/* --- life --- */

static enum rc load_vm(void *ctx, struct str id, struct str json, struct err *e)
{
    struct device *d = ctx;
    struct vm *vm;
    enum rc rc = vm_load(json, &vm, e);

    (void)id;
    return rc ? rc : mo_vm_adopt(d, vm);
}

static void load_image(void *ctx, const struct state_image *i)
{
    struct device *d = ctx;
    struct device_image *list = realloc(d->images, (d->n_images + 1) * sizeof *list);

    if (!list || d->n_images >= DEVICE_IMAGES) {
        device_note(d, RC_NOMEM, "image");
        return;
    }
    d->images = list;
    d->images[d->n_images] = (struct device_image){ .status = i->status, .result = i->result, .done_kb = i->done_kb };
    memcpy(d->images[d->n_images].owner, i->owner, sizeof list->owner);
    snprintf(d->images[d->n_images++].id, sizeof list->id, "%s", i->id);
}

static void load_job(void *ctx, const struct job *j)
{
    struct device *d = ctx;

    if (jobs_room(d)) d->jobs[d->n_jobs++] = *j;
}

static enum rc load(struct device *d, struct err *e)
{
    enum rc rc = alerts_create(d->state, device_layout(d), &d->alerts, e);

    if (d->state) {
        d->accounts = calloc(ACCOUNTS_MAX, sizeof *d->accounts);
        if (!rc && !d->accounts) rc = err_set(e, RC_NOMEM, "no memory for the accounts");
    }
    if (!rc) rc = state_load_accounts(d->state, d->accounts, ACCOUNTS_MAX, &d->n_accounts, e);
    if (!rc) rc = state_load_nodes(d->state, tree_records(d->tree), e);
    if (!rc) rc = state_load_images(d->state, load_image, d, e);
    if (!rc) rc = state_load_jobs(d->state, load_job, d, e);
    if (!rc) rc = state_load_vms(d->state, load_vm, d, e);
    return rc;
}

static bool has_uuid(void *ctx, const char *uuid)
{
    const struct device *d = ctx;

    for (size_t i = 0; i < d->n_vms; i++)
        if (strcmp(d->vms[i].vm->want.uuid, uuid) == 0) return true;
    return false;
}

/* Files whose VM or image is no more: the device ended between the two. */
static void sweep(struct device *d)
{
    const unsigned n = vm_files_sweep(d->config.vms_dir, has_uuid, d);

    if (n) log_event(LOG_WARN, "sweep", LOG_N("folders", n), LOG_Z("what", "of VMs that are no more"));
    mo_images_sweep(d);
}

/* Every VM as the hypervisor has it now; what was running is resumed, undone or ended with 1448. */
static void recover(struct device *d)
{
    struct vm_world w = device_world(d);

    jobs_recover(d);
    sweep(d);
    mo_images_recover(d);
    for (size_t i = 0; i < d->n_vms; i++) {
        struct device_vm *v = &d->vms[i];
        enum hv_state seen = HV_GONE;
        mo_vm_fill(d, v->vm);
        v->dirty = false;
        if (v->vm->state != VM_DEFINED && d->hv->class->state(d->hv, v->vm->want.uuid, &seen, NULL)) seen = HV_GONE;
        vm_recover(v->vm, &w, seen);
    }
}

/* When this device began to have a tree, kept from the first start on (tree_version.c). */
static enum rc born(struct device *d, int64_t *out, struct err *e)
{
    struct arena a;
    struct str text;
    enum rc rc;

    arena_init(&a, 4096);
    rc = state_get(d->state, "tree.born", &a, &text, e);
    if (rc == RC_NOT_FOUND) {
        err_clear(e);
        text = arena_printf(&a, "%lld", (long long)d->w->now_ms);
        rc = state_set(d->state, "tree.born", text, e);
    }
    if (!rc && !str_to_i64(text, out)) rc = err_set(e, RC_PARSE, "the state's tree.born is no number of milliseconds");
    arena_finish(&a);
    return rc;
}

enum rc device_create(const struct device_shared *shared, const struct device_config *c, struct hv *hv,
                      struct loader *loader, struct state *state, const struct world *w, struct device **out,
                      struct err *e)
{
    struct device *d = calloc(1, sizeof *d);
    int64_t born_ms = 0;
    enum rc rc;

    if (!d) return err_set(e, RC_NOMEM, "no memory for the device");
    *d = (struct device){ .shared = shared,
                          .config = *c,
                          .hv = hv,
                          .loader = loader,
                          .state = state,
                          .w = w,
                          .sample_ms = INT64_MAX,
                          .sink = { d, save_vm, vm_alert, vm_gone } };
    rc = born(d, &born_ms, e);
    if (!rc && !(d->tree = tree_create(shared->model, d, born_ms))) rc = err_set(e, RC_NOMEM, "no memory for the tree");
    if (!rc) rc = load(d, e);
    if (!rc) {
        device_enter(d, w, (struct str){ 0 });
        mo_virt_facts(d, true);
        mo_virt_settings(d);
        recover(d);
        rc = device_leave(d, e);
    }
    if (rc)
        device_destroy(d);
    else
        *out = d;
    return rc;
}

void device_destroy(struct device *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->n_vms; i++) {
        vm_destroy(d->vms[i].vm);
        free(d->vms[i].thresholds);
    }
    free(d->vms);
    free(d->images);
    free(d->jobs);
    free(d->accounts);
    alerts_destroy(d->alerts);
    tree_destroy(d->tree);
    free(d);
}

/* Rights that come with an account: the first owns the device-wide settings, all may run the device-wide operations
 * (they act on the caller's own VMs), each sees and sets its own account. */
static void grant(struct device *d, const struct account *acc)
{
    struct arena a;
    struct str acl = STR("Get=*"), exec = STR("Get=*"), id = str_of(acc->server_id), uri;
    enum rc rc;

    arena_init(&a, 1 << 16);
    uri = device_uri(d, DDF_DEVICE, "operations.node", (struct str){ 0 }, (struct str){ 0 }, &a);
    if (tree_acl(d->tree, uri).n) exec = tree_acl(d->tree, uri);
    rc = ddf_acl_with(exec, DDF_EXEC, id, &a, &exec);
    if (!rc) rc = tree_set_acl(d->tree, uri, exec);
    if (!rc && d->n_accounts == 1) {
        rc = ddf_acl_with(acl, DDF_REPLACE, id, &a, &acl);
        if (!rc)
            rc = tree_set_acl(d->tree,
                              device_uri(d, DDF_DEVICE, "config.node", (struct str){ 0 }, (struct str){ 0 }, &a), acl);
    }
    acl = (struct str){ 0 };
    if (!rc) rc = ddf_acl_with(acl, DDF_GET | DDF_REPLACE, id, &a, &acl);
    if (!rc)
        rc = tree_set_acl(d->tree,
                          objects_fill(objects_uri(&d->shared->objects, "dmacc.node"), str_of(acc->node),
                                       (struct str){ 0 }, &a),
                          acl);
    arena_finish(&a);
    device_note(d, rc, "rights of an account");
}

enum rc device_add_account(struct device *d, const struct account *acc, const struct world *w, struct err *e)
{
    struct account *list;

    if (device_find_account(d, str_of(acc->server_id)))
        return err_set(e, RC_EXISTS, "there is an account at %s already", acc->server_id);
    if (d->n_accounts == ACCOUNTS_MAX) return err_set(e, RC_LIMIT, "at most %d accounts", ACCOUNTS_MAX);
    list = d->state ? d->accounts : realloc(d->accounts, (d->n_accounts + 1) * sizeof *list);
    if (!list) return err_set(e, RC_NOMEM, "no memory for an account");
    d->accounts = list;
    device_enter(d, w, (struct str){ 0 });
    list[d->n_accounts] = *acc;
    list[d->n_accounts].place = d->n_accounts ? list[d->n_accounts - 1].place + 1 : 1;
    device_note(d, state_put_account(d->state, &list[d->n_accounts], &d->trouble), "account");
    d->n_accounts++;
    grant(d, acc);
    return device_leave(d, e);
}

/* C-117: its ServerID goes from every ACL; an entry of the root that is left empty falls back to everybody. */
static void scrub(struct device *d, struct str server)
{
    struct records *r = tree_records(d->tree);
    struct arena a;

    arena_init(&a, 4 << 20);
    for (size_t i = records_count(r); i-- > 0;) { /* from behind: a record may go with its last right */
        const struct record *rec = records_at(r, i);
        struct str acl, uri;
        if (!rec->acl.n || ddf_acl_without(rec->acl, server, &a, &acl) || str_eq(acl, rec->acl) ||
            !arena_str(&a, rec->uri, &uri))
            continue;
        if (str_is(uri, ".") && !ddf_acl_allows(acl, DDF_ADD, STR("*")))
            device_note(d, ddf_acl_with(acl, DDF_ADD, STR("*"), &a, &acl), "ACL");
        device_note(d, tree_set_acl(d->tree, uri, acl), "ACL");
    }
    arena_finish(&a);
}

enum rc device_remove_account(struct device *d, const char *server_id, const struct world *w, struct err *e)
{
    struct account *acc = device_find_account(d, str_of(server_id));

    if (!acc) return err_set(e, RC_NOT_FOUND, "there is no account at %s", server_id);
    device_enter(d, w, (struct str){ 0 });
    device_note(d, alerts_forget(d->alerts, str_of(server_id), &d->trouble), "alerts");
    scrub(d, str_of(server_id));
    device_note(d, state_remove_account(d->state, server_id, &d->trouble), "account");
    memmove(acc, acc + 1, (size_t)(d->accounts + d->n_accounts - acc - 1) * sizeof *acc);
    d->n_accounts--;
    return device_leave(d, e);
}

size_t device_accounts(const struct device *d)
{
    return d->n_accounts;
}

const struct account *device_account(const struct device *d, size_t i)
{
    return i < d->n_accounts ? &d->accounts[i] : NULL;
}

/* --- work --- */

static void hypervisor_events(struct device *d)
{
    struct vm_world w = device_world(d);
    struct hv_event ev;

    while (d->hv->class->next(d->hv, &ev)) {
        if (ev.kind == HV_EV_LOST || ev.kind == HV_EV_BACK) mo_virt_facts(d, true);
        if (ev.kind == HV_EV_BACK) d->compare_ms = 0;
        d->changes++;
        for (size_t i = 0; i < d->n_vms; i++) {
            struct vm *vm = d->vms[i].vm;
            bool mine = vm_hv_event(vm, &w, &ev);
            if (mine && ev.kind == HV_EV_DONE && ev.call == HV_STATS) {
                if (!ev.rc && ev.stats) mo_threshold_sampled(d, &d->vms[i]);
                jobs_sampled(d, str_of(vm->id), ev.rc == RC_OK);
            }
            if (mine && ev.kind != HV_EV_LOST && ev.kind != HV_EV_BACK) break;
        }
        device_settle(d);
    }
}

static void loader_events(struct device *d)
{
    struct vm_world w = device_world(d);
    struct loader_event ev;

    while (d->loader && loader_next(d->loader, &ev)) {
        bool taken = false;
        for (size_t i = 0; !taken && i < d->n_vms; i++) taken = vm_loader_event(d->vms[i].vm, &w, &ev);
        if (!taken) mo_images_event(d, &ev);
    }
}

static void sample(struct device *d)
{
    struct vm_world w = device_world(d);

    if (d->w->now_ms < d->sample_ms) return;
    d->sample_ms = d->w->now_ms + d->settings.kpi_interval_s * 1000;
    mo_virt_facts(d, false);
    for (size_t i = 0; i < d->n_vms; i++)
        if (d->vms[i].vm->state == VM_RUNNING) vm_collect(d->vms[i].vm, &w);
}

/* What the hypervisor has is compared with what we know: at the start, after it was away, every few minutes. */
static void compare(struct device *d)
{
    struct vm_world w = device_world(d);

    if (d->w->now_ms < d->compare_ms || d->hv->class->fd(d->hv) < 0) return; /* nobody else is at one in memory */
    d->compare_ms = d->w->now_ms + COMPARE_MS;
    device_compare(d, &w);
}

enum rc device_work(struct device *d, const struct world *w, struct err *e)
{
    struct vm_world vw;

    device_enter(d, w, (struct str){ 0 });
    vw = device_world(d);
    if (d->sweeps) { /* what is to go is durable since the call before */
        d->sweeps = false;
        mo_images_sweep(d);
    }
    hypervisor_events(d);
    loader_events(d);
    for (size_t i = 0; i < d->n_vms; i++)
        if (vm_next_ms(d->vms[i].vm) <= w->now_ms) vm_tick(d->vms[i].vm, &vw);
    jobs_tick(d);
    sample(d);
    compare(d);
    return device_leave(d, e);
}

int64_t device_next_ms(const struct device *d)
{
    int64_t next = d->n_vms ? d->sample_ms : INT64_MAX, jobs = jobs_next_ms(d);

    if (d->n_vms && d->hv->class->fd(d->hv) >= 0 && d->compare_ms < next) next = d->compare_ms;

    if (jobs < next) next = jobs;
    for (size_t i = 0; i < d->n_vms; i++)
        if (vm_next_ms(d->vms[i].vm) < next) next = vm_next_ms(d->vms[i].vm);
    return next;
}

int64_t device_alerts_since_ms(const struct device *d, size_t account)
{
    int64_t since;

    alerts_waiting(d->alerts, str_of(d->accounts[account].server_id), &since);
    return since;
}

int64_t device_coalesce_ms(const struct device *d)
{
    return d->settings.coalesce_s * 1000;
}

bool device_busy(const struct device *d)
{
    for (size_t i = 0; i < d->n_jobs; i++)
        if (d->jobs[i].waiting) return true;
    for (size_t i = 0; i < d->n_vms; i++)
        if (d->vms[i].vm->progress.op[0] && !d->vms[i].vm->progress.result) return true;
    return false;
}

size_t device_alerts(const struct device *d)
{
    return alerts_count(d->alerts);
}

size_t device_vms(const struct device *d)
{
    return d->n_vms;
}

struct vm *device_vm(const struct device *d, size_t i)
{
    return i < d->n_vms ? d->vms[i].vm : NULL;
}

struct tree *device_tree(struct device *d)
{
    return d->tree;
}
