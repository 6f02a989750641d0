/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's node (virtualization-mo.md c.3): settings that become the VM's requested resources, the Exec targets, the
 * owners. mo_vm_facts.c has the values that the VM reports. */
#include "agent/mo/mo.h"
#include "agent/mo/mo_vm_effective.h"
#include "agent/mo/mo_vm_support.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_KB = 262144 }; /* default size of a VM's memory */

/* --- settings: the tree stores them, the VM gets them by this table --- */

#define V(member) offsetof(struct vm_settings, member)
static const struct mo_field settings[] = {
    { "resources.cpu.vcpus", MO_INT, V(want.vcpus), false },
    { "resources.cpu.maxVcpus", MO_INT, V(want.max_vcpus), false },
    { "resources.cpu.shares", MO_INT, V(want.shares), false },
    { "resources.cpu.limit", MO_INT, V(want.limit_pct), false },
    { "resources.cpu.sched", MO_INT, V(want.sched), false },
    { "resources.cpu.rt.priority", MO_INT, V(want.rt_prio), false },
    { "resources.memory.min", MO_I64, V(want.mem_min_kb), false },
    { "resources.memory.max", MO_I64, V(want.mem_max_kb), false },
    { "resources.memory.current", MO_I64, V(want.mem_kb), false },
    { "crash.detectPanic", MO_BOOL, V(want.detect_panic), false },
    { "crash.watchdog", MO_INT, V(want.watchdog_s), false },
    { "policy.autoStart", MO_INT, V(policy.auto_start), false },
    { "policy.bootTimeout", MO_INT, V(policy.boot_timeout_s), false },
    { "policy.shutTimeout", MO_INT, V(policy.shut_timeout_s), false },
    { "policy.forceStop", MO_BOOL, V(policy.force_stop), false },
    { "policy.lockAction", MO_INT, V(policy.lock_action), false },
    { "crash.action", MO_INT, V(policy.crash_action), false },
    { "crash.maxRestarts", MO_INT, V(policy.max_restarts), false },
    { "crash.window", MO_INT, V(policy.window_s), false },
    { "crash.restartDelay", MO_INT, V(policy.restart_delay_s), false },
    { "crash.escalation", MO_INT, V(policy.escalation), false },
    { "upgrade.health", MO_INT, V(policy.health), false },
    { "lease.checkIn", MO_INT, V(policy.check_in_s), false },
    { "lease.lockAfter", MO_INT, V(policy.lock_after_s), false },
    { "lease.wipeAfter", MO_INT, V(policy.wipe_after_s), false },
};

#define L(member) offsetof(struct hv_volume, member)
static const struct mo_field volume_settings[] = {
    { "resources.storage.*.quota", MO_I64, L(quota_kb), false },
    { "resources.storage.*.readOnly", MO_BOOL, L(read_only), false },
    { "resources.storage.*.iops", MO_I64, L(iops), false },
    { "resources.storage.*.rate", MO_I64, L(kbps), false },
};

#define N(member) offsetof(struct hv_net, member)
static const struct mo_field net_settings[] = {
    { "resources.net.*.mode", MO_INT, N(mode), false },
    { "resources.net.*.up", MO_I64, N(up_kbps), false },
    { "resources.net.*.down", MO_I64, N(down_kbps), false },
};

const struct mo_vm_tables mo_vm_tables = { settings,        MO_COUNT(settings),
                                           volume_settings, MO_COUNT(volume_settings),
                                           net_settings,    MO_COUNT(net_settings) };

static void fill_fields(struct mo_env *env, const struct mo_field *f, size_t n, struct str id, struct str instance,
                        void *base, struct arena *a)
{
    struct str v;

    for (size_t i = 0; i < n; i++)
        if (mo_kept(env, DDF_VM, f[i].name, id, instance, a, &v)) mo_set(&f[i], base, v);
}

static struct tree_names instances(struct mo_env *env, const char *parent, struct str id, struct arena *a)
{
    struct tree_names names = { a, NULL, 0, false };
    struct tree_at at;

    if (tree_find(env->tree, mo_uri(env, DDF_VM, parent, id, (struct str){ 0 }, a), a, &at))
        tree_children(env->tree, &at, &names);
    return names;
}

static void fill_instances(struct mo_env *env, struct str id, struct hv_spec *want, struct arena *a)
{
    struct tree_names volumes = instances(env, "resources.storage.node", id, a),
                      nets = instances(env, "resources.net.node", id, a);
    struct hv_volume old_volumes[HV_VOLUMES];
    struct hv_net old_nets[HV_NETS];

    if (volumes.full || nets.full) return; /* out of memory: nothing is treated as removed */
    memcpy(old_volumes, want->volumes, sizeof old_volumes);
    memcpy(old_nets, want->nets, sizeof old_nets);
    memset(want->volumes, 0, sizeof want->volumes);
    memset(want->nets, 0, sizeof want->nets);
    want->n_volumes = want->n_nets = 0;
    for (size_t i = 0; i < volumes.n && i < HV_VOLUMES; i++) {
        struct hv_volume *v = &want->volumes[want->n_volumes++];
        for (size_t k = 0; k < HV_VOLUMES; k++) /* keep what vm.c has set in it */
            if (str_is(volumes.list[i], old_volumes[k].name)) *v = old_volumes[k];
        snprintf(v->name, sizeof v->name, "%.*s", STR_ARG(volumes.list[i]));
        fill_fields(env, volume_settings, MO_COUNT(volume_settings), id, volumes.list[i], v, a);
    }
    for (size_t i = 0; i < nets.n && i < HV_NETS; i++) {
        struct hv_net *n = &want->nets[want->n_nets++];
        for (size_t k = 0; k < HV_NETS; k++)
            if (str_is(nets.list[i], old_nets[k].name)) *n = old_nets[k];
        snprintf(n->name, sizeof n->name, "%.*s", STR_ARG(nets.list[i]));
        fill_fields(env, net_settings, MO_COUNT(net_settings), id, nets.list[i], n, a);
        vm_net_mac(want->uuid, n->name, n->mac);
    }
}

/* Unset values follow from those that are set. Conflicts (min above max, more CPUs than the maximum) remain:
 * settings are written one by one, and admission.h refuses the VM with them. */
static void complete(struct hv_spec *s)
{
    if (s->vcpus < 1) s->vcpus = 1;
    if (s->max_vcpus < 1) s->max_vcpus = s->vcpus;
    if (s->mem_max_kb <= 0)
        s->mem_max_kb = s->mem_min_kb > MEMORY_KB ? s->mem_min_kb : s->mem_kb > MEMORY_KB ? s->mem_kb : MEMORY_KB;
    if (s->mem_kb <= 0) s->mem_kb = s->mem_max_kb;
}

bool mo_vm_fill(struct mo_env *env, struct vm *vm)
{
    struct vm_settings s = { vm_view(vm)->want, vm_view(vm)->policy };
    const struct str id = str_of(vm_view(vm)->id), none = { 0 };
    struct arena a;
    struct str v;

    arena_init(&a, 4 << 20);
    fill_fields(env, settings, MO_COUNT(settings), id, none, &s, &a);
    memset(s.want.affinity, 0, sizeof s.want.affinity);
    if (mo_kept(env, DDF_VM, "resources.cpu.affinity", id, none, &a, &v))
        snprintf(s.want.affinity, sizeof s.want.affinity, "%.*s", STR_ARG(v));
    /* The guest agent's channel, opened by the guest, shows that it is ready; images without an agent need
     * upgrade.health: none. */
    s.want.heartbeat = s.policy.health >= 1 || mo_kept_int(env, DDF_VM, "crash.heartbeat", id, none, 0) > 0;
    fill_instances(env, id, &s.want, &a);
    complete(&s.want);
    /* Without a quota: no disk may promise its guest more than the device's whole storage. */
    s.want.disk_max_kb = env->config.quota_bytes ? (int64_t)(env->config.quota_bytes / 1024)
                                                 : env->host.facts.store_total_kb;
    arena_finish(&a);
    mo_vm_image(env, vm);
    return vm_configure(vm, &s);
}

/* The image named by the VM's leaf, from an entry of one of the VM's own servers. */
void mo_vm_image(struct mo_env *env, struct vm *vm)
{
    struct vm_image image = vm_view(vm)->image;
    const struct {
        const char *name;
        char *to;
        size_t size;
    } text[] = {
        { "hash", image.sha256, sizeof image.sha256 },      { "url", image.url, sizeof image.url },
        { "auth", image.auth, sizeof image.auth },          { "format", image.format, sizeof image.format },
        { "version", image.version, sizeof image.version },
    };
    struct arena a;
    struct str id, v;

    arena_init(&a, 1 << 20);
    if (!mo_kept(env, DDF_VM, "image", str_of(vm_view(vm)->id), (struct str){ 0 }, &a, &id)) id = (struct str){ 0 };
    snprintf(image.id, sizeof image.id, "%.*s", STR_ARG(id));
    image.known = false;
    const struct mo_image *entry = mo_image_of(env, vm, id);
    if (entry) {
        struct str owner = str_of(entry->id);
        for (size_t k = 0; k < MO_COUNT(text); k++)
            if (mo_kept(env, DDF_IMAGE, text[k].name, owner, (struct str){ 0 }, &a, &v))
                snprintf(text[k].to, text[k].size, "%.*s", STR_ARG(v));
        snprintf(image.ca_file, sizeof image.ca_file, "%s", env->config.ca_file ? env->config.ca_file : "");
        image.size_bytes = mo_kept_int(env, DDF_IMAGE, "sizeKB", owner, (struct str){ 0 }, 0) * 1024;
        image.known = image.url[0] && image.sha256[0] && image.size_bytes > 0;
    }
    arena_finish(&a);
    vm_set_image(vm, &image);
}

static void setting_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_vm_at(env, at);

    (void)what, (void)old;
    if (!v) return;
    v->dirty = true;
    if (env->server.n) vm_heard(v->vm, env->w->now_ms);
}

/* When a setting may be written (the layout's `change`); its current value is always accepted. */
static int check_setting(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_vm_at(env, at);
    struct ddf_match m;
    struct str now;

    (void)command;
    if (!v || !ddf_layout_match(mo_layout(env), at->uri, &m) || !m.entry) return 200;
    tree_kept(env->tree, at, &now);
    if (str_eq(now, value)) return 200;
    if (!mo_vm_supported(env, m.entry, value)) return 406; /* never stored without an effect */
    if (m.entry->change == DDF_C_STOPPED && v->is->state != VM_DEFINED && v->is->state != VM_STOPPED) return 403;
    if ((m.entry->change == DDF_C_DEFINED || m.entry->change == DDF_C_UPGRADE) && v->is->state != VM_DEFINED)
        return 403;
    return 200;
}

/* A volume is never cut off: a smaller quota would wait for ever, so it is refused. */
static int check_quota(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);
    int64_t kb;

    for (int i = 0; v && i < v->is->want.n_volumes; i++) {
        const struct hv_volume *x = &v->is->want.volumes[i];
        if (str_is(at->names[1], x->name) && str_to_i64(value, &kb) && kb < vm_files_volume_kb(x)) return 1411;
    }
    return check_setting(ctx, at, command, value);
}

/* What is longer than there is room for would bind the VM to other cores. */
static int check_affinity(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    return value.n < sizeof((struct hv_spec *)0)->affinity ? check_setting(ctx, at, command, value) : 1411;
}

/* Crashes are counted up to a ceiling: what is beyond it would never be exceeded. */
static int check_restarts(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    int64_t n;

    if (str_to_i64(value, &n) && (n < 0 || n >= VM_CRASHES_KEPT)) return 1411;
    return check_setting(ctx, at, command, value);
}

/* The guest must be of a kind that the hypervisor can run. */
static int check_guest(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    struct str list = str_of(env->host.facts.guest_types), one;
    bool can = !list.n;

    while (!can && str_cut(&list, ',', &one)) can = str_eq(str_trim(one), value);
    return can ? check_setting(ctx, at, command, value) : 1413;
}

/* c.3.1: the list of owners is mirrored in the node's ACL; other servers may only read the VM's state (c.10). */
static void mirror_owners(struct mo_env *env, struct str id)
{
    static const char *const open[] = { "state", "lockState" };
    struct arena a;
    struct str list, one, acl = { 0 };
    enum rc rc = RC_OK;

    arena_init(&a, 1 << 20);
    if (mo_kept(env, DDF_VM, "domain.servers", id, (struct str){ 0 }, &a, &list))
        while (!rc && str_cut(&list, ',', &one))
            if (str_trim(one).n)
                rc = ddf_acl_with(acl, DDF_ADD | DDF_DELETE | DDF_EXEC | DDF_GET | DDF_REPLACE, str_trim(one), &a,
                                  &acl);
    if (!rc) rc = tree_set_acl(env->tree, mo_vm_uri(env, id, &a), acl);
    for (size_t i = 0; !rc && i < MO_COUNT(open); i++)
        rc = tree_set_acl(env->tree, mo_uri(env, DDF_VM, open[i], id, (struct str){ 0 }, &a),
                          acl.n ? STR("Get=*") : acl);
    arena_finish(&a);
    mo_note(env, rc, "rights of a VM");
}

static int check_servers(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct str list = value, one;
    bool any = false;

    while (str_cut(&list, ',', &one)) {
        struct str s = str_trim(one);
        if (!s.n || s.n >= ACCOUNT_ID_BYTES) return 400;
        for (size_t i = 0; i < s.n; i++)
            if (strchr("=&*+ ", s.p[i])) return 400;
        any = true;
    }
    return any ? check_setting(ctx, at, command, value) : 400; /* no server could ever manage it again */
}

static void servers_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    (void)what, (void)old;
    mirror_owners(ctx, at->names[0]);
}

/* --- the node itself --- */

static bool plain_name(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_') return false;
    return s.n && s.n <= max;
}

/* A VM counts for the server that it names first. */
static bool too_many(struct mo_env *env, struct str server)
{
    struct arena a;
    struct str list, one;
    size_t n = 0;

    if (!env->config.quota_vms || !server.n) return false;
    arena_init(&a, 1 << 18);
    for (size_t i = 0; i < env->vms.n; i++)
        n += mo_kept(env, DDF_VM, "domain.servers", str_of(env->vms.at[i].is->id), (struct str){ 0 }, &a, &list) &&
             str_cut(&list, ',', &one) && str_eq(str_trim(one), server);
    arena_finish(&a);
    return n >= env->config.quota_vms;
}

static int check_vm(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_vm_at(env, at);

    if (command == DDF_ADD) {
        if (!plain_name(at->names[0], VM_ID_BYTES - 1)) return at->names[0].n > VM_ID_BYTES - 1 ? 414 : 400;
        if (env->vms.n >= MO_VMS || (env->host.facts.max_vms > 0 && env->vms.n >= (size_t)env->host.facts.max_vms))
            return 1449;
        return too_many(env, env->server) ? 1449 : 200;
    }
    if (v && v->is->state != VM_DEFINED) return 1410; /* c.5.2 row 2: Delete; the same for a rename */
    if (command == DDF_REPLACE && !plain_name(value, VM_ID_BYTES - 1)) return 400;
    return 200;
}

static void new_uuid(const struct world *w, char out[HV_UUID_BYTES])
{
    uint8_t r[16];

    w->random(w->ctx, r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    snprintf(out, HV_UUID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

enum rc mo_vm_adopt(struct mo_env *env, struct vm *vm)
{
    struct mo_vm *v = VEC_ADD(&env->vms);

    if (!v) return RC_NOMEM;
    *v = (struct mo_vm){ .vm = vm, .is = vm_view(vm), .dirty = true };
    return RC_OK;
}

static void vm_added(struct mo_env *env, const struct tree_at *at)
{
    char id[VM_ID_BYTES], uuid[HV_UUID_BYTES];
    struct vm *vm = NULL;
    struct arena a;
    enum rc rc;

    snprintf(id, sizeof id, "%.*s", STR_ARG(at->names[0]));
    new_uuid(env->w, uuid);
    arena_init(&a, 1 << 16);
    rc = vm_create(id, uuid, env->w->now_ms, &vm);
    if (!rc) rc = mo_vm_adopt(env, vm);
    if (!rc && env->server.n) {
        struct str uri = mo_uri(env, DDF_VM, "domain.servers", at->names[0], (struct str){ 0 }, &a);
        const struct record *there = tree_store_get(tree_records(env->tree), uri);
        if (!there || !there->has_value) rc = tree_put(env->tree, uri, env->server);
    }
    if (!rc) mirror_owners(env, at->names[0]);
    if (!rc) mo_vm_keep(env, vm);
    arena_finish(&a);
    mo_note(env, rc, "a new VM");
}

static void vm_changed(void *ctx, const struct tree_at *at, enum tree_what what, struct str old)
{
    struct mo_env *env = ctx;
    struct mo_vm *v = mo_find_vm(env, what == TREE_RENAMED ? old : at->names[0]);
    char id[VM_ID_BYTES];

    env->changes++;
    if (what == TREE_ADDED && !v) vm_added(env, at);
    if (what == TREE_DELETED && v) v->gone = true;
    if (what != TREE_RENAMED || !v) return;
    mo_note(env, persist_remove_vm(env->state, v->is->id, &env->trouble), "VM");
    snprintf(id, sizeof id, "%.*s", STR_ARG(at->names[0]));
    vm_rename(v->vm, id);
    mo_vm_keep(env, v->vm);
    mirror_owners(env, at->names[0]);
    v->dirty = true;
}

/* c.1: leaves that were created with the node may be added again while nothing depends on them. */
static bool vm_fresh(void *ctx, const struct tree_at *at)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    return !v || v->is->state == VM_DEFINED;
}

/* A volume or an interface. */
static int check_instance(struct mo_env *env, const struct tree_at *at, enum ddf_access command, const char *parent,
                          size_t max)
{
    struct mo_vm *v = mo_vm_at(env, at);
    bool off = !v || v->is->state == VM_DEFINED || v->is->state == VM_STOPPED;
    struct arena a;
    size_t n;

    if (command == DDF_REPLACE && v && v->is->state != VM_DEFINED)
        return 403;                                 /* its data or its address depends on its name */
    if (command != DDF_ADD) return off ? 200 : 403; /* in use */
    if (!plain_name(at->names[1], HV_NAME_BYTES - 1)) return 400;
    arena_init(&a, 1 << 20);
    n = instances(env, parent, at->names[0], &a).n;
    arena_finish(&a);
    return n < max ? 200 : 420;
}

static int check_volume(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    (void)value;
    return check_instance(ctx, at, command, "resources.storage.node", HV_VOLUMES);
}

static int check_net(void *ctx, const struct tree_at *at, enum ddf_access command, struct str value)
{
    (void)value;
    return check_instance(ctx, at, command, "resources.net.node", HV_NETS);
}

/* --- leaves with a computed value --- */

static bool kept(struct mo_env *env, const struct tree_at *at, struct str *out)
{
    return tree_kept(env->tree, at, out);
}

static bool get_name(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)a;
    if (!kept(ctx, at, out)) *out = at->names[at->n_names - 1]; /* until it is set: the node's own name */
    return true;
}

static bool get_max_vcpus(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    return kept(ctx, at, out) || mo_kept(ctx, DDF_VM, "resources.cpu.vcpus", at->names[0], (struct str){ 0 }, a, out);
}

static bool get_max_memory(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (kept(ctx, at, out)) return true;
    *out = mo_number(a, v && v->is->want.mem_max_kb ? v->is->want.mem_max_kb : MEMORY_KB);
    return true;
}

/* c.3.4: written as the balloon's target, read as the effective value. */
static bool get_memory(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    if (v && v->is->state == VM_RUNNING && v->is->effective.mem_kb > 0) {
        *out = mo_number(a, v->is->effective.mem_kb);
        return true;
    }
    if (kept(ctx, at, out)) return true;
    *out = mo_number(a, v && v->is->want.mem_kb ? v->is->want.mem_kb : MEMORY_KB);
    return true;
}

static bool get_owner(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)a;
    if (!kept(ctx, at, out)) *out = STR("3"); /* added by a server: an enterprise, unless it is set */
    return true;
}

static bool get_guest_type(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)a;
    if (!kept(ctx, at, out)) *out = STR("other");
    return true;
}

static bool get_role(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    struct str type;

    if (!mo_kept(ctx, DDF_VM, "guestType", at->names[0], (struct str){ 0 }, a, &type)) return false;
    *out = str_is(type, "service") || str_is(type, "rtos") ? STR("3") : STR("2");
    return true;
}

static bool get_used(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    for (int i = 0; v && i < v->is->stats.n_disks && i < HV_VOLUMES; i++)
        if (str_is(at->names[1], v->is->stats.disk[i].name)) {
            *out = mo_number(a, v->is->stats.disk[i].alloc_kb < 0 ? 0 : v->is->stats.disk[i].alloc_kb);
            return true;
        }
    return false;
}

static bool get_mac(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_vm *v = mo_vm_at(ctx, at);

    (void)a;
    for (int i = 0; v && i < v->is->want.n_nets; i++)
        if (str_is(at->names[1], v->is->want.nets[i].name) && v->is->want.nets[i].mac[0]) {
            *out = str_of(v->is->want.nets[i].mac);
            return true;
        }
    return false;
}

/* What can be wiped: the volumes, and other places of the guest's data. */
static void list_wipe(void *ctx, const struct tree_at *parent, struct tree_names *out)
{
    struct tree_names volumes = instances(ctx, "resources.storage.node", parent->names[0], out->a);
    const struct mo_vm *v = mo_vm_at(ctx, parent);

    for (size_t i = 0; i < volumes.n; i++) tree_name(out, volumes.list[i]);
    if (v && v->is->want.disk[0]) tree_name(out, STR(VM_WIPE_DISK));
    tree_name(out, STR(VM_WIPE_MEMORY));
    tree_name(out, STR(VM_WIPE_CONSOLE));
}

/* The marks of AvailableWipeList, for a wipe with scope=listed. */
static void fill_wipe_list(struct mo_env *env, struct vm *vm)
{
    struct vm_name marked[VM_WIPE_NAMES];
    struct str id = str_of(vm_view(vm)->id), v;
    struct tree_names names;
    struct arena a;
    int n = 0;

    arena_init(&a, 1 << 20);
    names = instances(env, "wipeList.node", id, &a);
    for (size_t i = 0; i < names.n && n < VM_WIPE_NAMES; i++)
        if (mo_kept(env, DDF_VM, "wipeList.*.toBeWiped", id, names.list[i], &a, &v) && str_is(v, "true"))
            snprintf(marked[n++].text, sizeof marked[0].text, "%.*s", STR_ARG(names.list[i]));
    arena_finish(&a);
    vm_set_wipe_list(vm, marked, n);
}

/* This agent cannot assign a peripheral to a guest, so no rule has an effect (c.4: 0 denied). */
static bool get_denied(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    (void)ctx, (void)at, (void)a;
    *out = STR("0");
    return true;
}

/* --- operations --- */

/* c.5: the optional ones depend on the hypervisor's capabilities. */
static const struct {
    const char *name;
    size_t capability;
} optional[] = {
    { "pause", offsetof(struct hv_facts, pause) },
    { "resume", offsetof(struct hv_facts, pause) },
    { "suspend", offsetof(struct hv_facts, suspend) },
};

static bool there_if_can(void *ctx, const struct tree_at *at, struct arena *a, struct str *out)
{
    const struct mo_env *env = ctx;
    const struct ddf_operation *op = at->row->arg;

    (void)a;
    *out = (struct str){ 0 };
    for (size_t i = 0; i < MO_COUNT(optional); i++)
        if (str_is(op->name, optional[i].name))
            return *(const bool *)(const void *)((const char *)&env->host.facts + optional[i].capability);
    return true;
}

/* Is it within the quota of the owner that it counts for? */
static bool has_room(struct mo_env *env, const struct vm *vm)
{
    struct arena a;
    struct str list, one = { 0 };
    bool room;

    arena_init(&a, 1 << 16);
    if (mo_kept(env, DDF_VM, "domain.servers", str_of(vm_view(vm)->id), (struct str){ 0 }, &a, &list))
        str_cut(&list, ',', &one);
    room = mo_images_room(env, str_trim(one),
                          vm_view(vm)->state == VM_DEFINED ? vm_view(vm)->image.size_bytes / 1024 : 0);
    arena_finish(&a);
    return room;
}

static int run(void *ctx, const struct tree_at *at, const struct tree_call *call)
{
    const struct ddf_operation *op = at->row->arg;
    struct mo_env *env = ctx;
    struct mo_vm *v;
    struct vm_world w = mo_vm_world(env);
    char correlator[VM_CORRELATOR_BYTES], server[ACCOUNT_ID_BYTES], name[32];

    mo_settle(env);
    v = mo_vm_at(env, at);
    if (!v) return 404;
    if (call->correlator.n >= sizeof correlator) return 414;
    snprintf(correlator, sizeof correlator, "%.*s", STR_ARG(call->correlator));
    snprintf(server, sizeof server, "%.*s", STR_ARG(call->server));
    snprintf(name, sizeof name, "%.*s", STR_ARG(op->name));
    mo_vm_image(env, v->vm);
    fill_wipe_list(env, v->vm);
    env->changes++;
    if ((str_is(op->name, "provision") || str_is(op->name, "start")) && !has_room(env, v->vm)) return 1423;
    return vm_operation(v->vm, &w, name, call->args, correlator, server);
}

/* Operations with steps (vm/vm.c), and two that the management object executes itself. */
static bool is_served(const struct ddf_operation *op)
{
    return op->scope == DDF_VM && op->path.n && !op->instance &&
           (vm_knows_operation(op->name.p) || str_is(op->name, "upgrade") || str_is(op->name, "cancel"));
}

static enum rc operation_rows(struct mo_shared *s, struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < s->layout->n_operations; i++) {
        const struct ddf_operation *op = &s->layout->operations[i];
        if (is_served(op))
            rc = mo_operation_row(s, op, &(struct tree_row){ .get = there_if_can, .exec = run, .arg = op }, e);
    }
    return rc;
}

static enum rc node_row(struct mo_shared *s, struct err *e)
{
    struct str uri = ddf_uri_join(&s->arena, s->layout->vms, STR("*"));

    return tree_model_row(s->model, uri,
                          &(struct tree_row){ .check = check_vm, .changed = vm_changed, .fresh = vm_fresh }, e);
}

static enum rc setting_rows(struct mo_shared *s, const struct mo_field *f, size_t n, struct err *e)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < n; i++) {
        struct tree_row row = { .check = check_setting, .changed = setting_changed };
        if (!strcmp(f[i].name, "resources.cpu.maxVcpus")) row.get = get_max_vcpus;
        if (!strcmp(f[i].name, "resources.memory.max")) row.get = get_max_memory;
        if (!strcmp(f[i].name, "resources.memory.current")) row.get = get_memory;
        if (!strcmp(f[i].name, "resources.storage.*.quota")) row.check = check_quota;
        if (!strcmp(f[i].name, "crash.maxRestarts")) row.check = check_restarts;
        rc = mo_row(s, DDF_VM, f[i].name, &row, e);
    }
    return rc;
}

enum rc mo_vm_rows(struct mo_shared *s, struct err *e)
{
    const struct {
        const char *name;
        struct tree_row row;
    } rows[] = {
        { "name", { .get = get_name } },
        { "description", { .check = check_setting } },
        { "guestType", { .get = get_guest_type, .check = check_guest } },
        { "role", { .get = get_role } },
        { "image", { .check = check_setting, .changed = setting_changed } },
        { "domain.owner", { .get = get_owner } },
        { "domain.servers", { .check = check_servers, .changed = servers_changed } },
        { "resources.cpu.affinity", { .check = check_affinity, .changed = setting_changed } },
        { "crash.heartbeat", { .check = check_setting, .changed = setting_changed } },
        { "resources.storage.*.node", { .check = check_volume, .changed = setting_changed } },
        { "resources.storage.*.name", { .get = get_name } },
        { "resources.storage.*.usedKB", { .get = get_used } },
        { "resources.net.*.node", { .check = check_net, .changed = setting_changed } },
        { "resources.net.*.name", { .get = get_name } },
        { "resources.net.*.mac", { .get = get_mac } },
        { "peripherals.*.effective", { .get = get_denied } },
        { "lease.node", { .arg = NULL } },
        { "wipeList.*.node", { .list = list_wipe } },
        { "wipeList.*.name", { .get = get_name } },
    };
    enum rc rc = node_row(s, e);

    for (size_t i = 0; !rc && i < MO_COUNT(rows); i++) rc = mo_row(s, DDF_VM, rows[i].name, &rows[i].row, e);
    if (!rc) rc = setting_rows(s, settings, MO_COUNT(settings), e);
    if (!rc) rc = setting_rows(s, volume_settings, MO_COUNT(volume_settings), e);
    if (!rc) rc = setting_rows(s, net_settings, MO_COUNT(net_settings), e);
    if (!rc) rc = mo_vm_fact_rows(s, e);
    if (!rc) rc = mo_vm_effective_rows(s, e);
    if (!rc) rc = operation_rows(s, e);
    return rc;
}

enum rc mo_vm_other_rows(struct mo_shared *s, struct err *e)
{
    return mo_vm_support_rows(s, &(struct tree_row){ .check = check_setting, .changed = setting_changed }, e);
}
