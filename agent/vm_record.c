#include "agent/vm_int.h"
#include "base/doc.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A VM's record: what must survive a restart of the agent, as JSON, by one table. */

enum kind { K_INT, K_I64, K_BOOL, K_TEXT };
static const struct field {
    const char *name;
    size_t offset;
    enum kind kind;
    size_t size;
} fields[] = {
#define F(name, member, kind)                                                                                          \
    {                                                                                                                  \
        name, offsetof(struct vm, member), kind, sizeof((struct vm *)0)->member                                        \
    }
    F("id", id, K_TEXT),
    F("uuid", want.uuid, K_TEXT),
    F("name", want.name, K_TEXT),
    F("state", state, K_INT),
    F("reason", reason, K_INT),
    F("stateMs", state_ms, K_I64),
    F("lock", lock, K_INT),
    F("locker", locker, K_TEXT),
    F("contactMs", contact_ms, K_I64),
    F("lease", lease, K_INT),
    F("beforeLock", before_lock, K_INT),
    F("op", progress.op, K_TEXT),
    F("correlator", progress.correlator, K_TEXT),
    F("serverId", progress.server_id, K_TEXT),
    F("text", progress.text, K_TEXT),
    F("phase", progress.phase, K_INT),
    F("pct", progress.pct, K_INT),
    F("result", progress.result, K_INT),
    F("startMs", progress.start_ms, K_I64),
    F("updateMs", progress.update_ms, K_I64),
    F("startedMs", started_ms, K_I64),
    F("bootTimeMs", boot_time_ms, K_I64),
    F("bootCount", boot_count, K_INT),
    F("crashCount", crash_count, K_INT),
    F("crashReason", crash_reason, K_INT),
    F("crashInfo", crash_info, K_TEXT),
    F("dir", want.dir, K_TEXT),
    F("kernel", want.kernel, K_TEXT),
    F("initrd", want.initrd, K_TEXT),
    F("cmdline", want.cmdline, K_TEXT),
    F("disk", want.disk, K_TEXT),
    F("diskFormat", want.disk_format, K_TEXT),
    F("imageId", image.id, K_TEXT),
    F("imageSha256", image.sha256, K_TEXT),
    F("imageFormat", image.format, K_TEXT),
    F("imageVersion", image.version, K_TEXT),
    /* What the hypervisor was last given: tells after a restart whether changes are pending. */
    F("vcpus", effective.vcpus, K_INT),
    F("maxVcpus", effective.max_vcpus, K_INT),
    F("shares", effective.shares, K_INT),
    F("limitPct", effective.limit_pct, K_INT),
    F("sched", effective.sched, K_INT),
    F("rtPrio", effective.rt_prio, K_INT),
    F("affinity", effective.affinity, K_TEXT),
    F("memKb", effective.mem_kb, K_I64),
    F("memMinKb", effective.mem_min_kb, K_I64),
    F("memMaxKb", effective.mem_max_kb, K_I64),
    F("pending", pending, K_BOOL),
#undef F
};
enum { FIELDS = sizeof fields / sizeof fields[0], RECORD_ARENA_BYTES = 1 << 20 };

static void put(struct buf *out, const struct field *f, const struct vm *vm)
{
    const void *at = (const char *)vm + f->offset;
    buf_printf(out, "\"%s\":", f->name);
    switch (f->kind) {
    case K_INT: buf_printf(out, "%d", *(const int *)at); break;
    case K_I64: buf_printf(out, "%" PRId64, *(const int64_t *)at); break;
    case K_BOOL: buf_putz(out, *(const bool *)at ? "true" : "false"); break;
    case K_TEXT:
        buf_byte(out, '"');
        buf_json(out, str_of(at));
        buf_byte(out, '"');
        break;
    }
    buf_byte(out, ',');
}

enum rc vm_save(const struct vm *vm, struct buf *out)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < FIELDS; i++) put(out, &fields[i], vm);
    buf_putz(out, "\"effectiveVolumes\":[");
    for (int i = 0; i < vm->effective.n_volumes; i++) {
        const struct hv_volume *v = &vm->effective.volumes[i];
        buf_printf(out, "%s{\"name\":\"", i ? "," : "");
        buf_json(out, str_of(v->name));
        buf_printf(out, "\",\"quotaKb\":%" PRId64 ",\"readOnly\":%s}", v->quota_kb, v->read_only ? "true" : "false");
    }
    buf_putz(out, "],\"effectiveNets\":[");
    for (int i = 0; i < vm->effective.n_nets; i++) {
        const struct hv_net *n = &vm->effective.nets[i];
        buf_printf(out, "%s{\"name\":\"", i ? "," : "");
        buf_json(out, str_of(n->name));
        buf_printf(out, "\",\"mode\":%d,\"upKbps\":%" PRId64 ",\"downKbps\":%" PRId64 "}", n->mode, n->up_kbps,
                   n->down_kbps);
    }
    buf_putz(out, "],\"crashMs\":[");
    for (int i = 0; i < vm->n_crash_ms; i++) buf_printf(out, "%s%" PRId64, i ? "," : "", vm->crash_ms[i]);
    buf_putz(out, "],\"done\":[");
    for (unsigned i = 0, n = 0; i < CORRELATORS; i++) {
        const struct vm_done *d = &vm->priv->done[(vm->priv->next_done + i) % CORRELATORS]; /* oldest first */
        if (!d->correlator[0]) continue;
        buf_printf(out, "%s{\"correlator\":\"", n++ ? "," : "");
        buf_json(out, str_of(d->correlator));
        buf_printf(out, "\",\"result\":%d}", d->result);
    }
    buf_putz(out, "]}");
    return out->failed;
}

static bool get_i64(const struct doc *d, const char *key, int64_t *out)
{
    return doc_i64(doc_get(d, key), out);
}

static void copy_text(const struct doc *d, char *out, size_t size)
{
    snprintf(out, size, "%s", d ? d->text.p : "");
}

/* A value that does not fit is a damaged record: better no VM than a wrong one. */
static bool take(const struct field *f, const struct doc *d, struct vm *vm)
{
    void *at = (char *)vm + f->offset;
    int64_t i;
    if (!d) return true; /* written by an older version */
    switch (f->kind) {
    case K_INT:
        if (!doc_i64(d, &i) || i < INT32_MIN || i > INT32_MAX) return false;
        *(int *)at = (int)i;
        return true;
    case K_I64: return doc_i64(d, at);
    case K_BOOL: return doc_bool(d, at);
    case K_TEXT:
        if (d->kind != DOC_SCALAR || d->text.n >= f->size) return false;
        memcpy(at, d->text.p, d->text.n);
        ((char *)at)[d->text.n] = '\0';
        return true;
    }
    return false;
}

static void take_lists(const struct doc *d, struct vm *vm)
{
    int64_t i = 0;
    const struct doc *c, *list = doc_get(d, "effectiveVolumes");
    for (c = list ? list->first : NULL; c && vm->effective.n_volumes < HV_VOLUMES; c = c->next) {
        struct hv_volume *v = &vm->effective.volumes[vm->effective.n_volumes++];
        copy_text(doc_get(c, "name"), v->name, sizeof v->name);
        v->quota_kb = get_i64(c, "quotaKb", &i) ? i : 0;
        doc_bool(doc_get(c, "readOnly"), &v->read_only);
    }
    list = doc_get(d, "effectiveNets");
    for (c = list ? list->first : NULL; c && vm->effective.n_nets < HV_NETS; c = c->next) {
        struct hv_net *n = &vm->effective.nets[vm->effective.n_nets++];
        copy_text(doc_get(c, "name"), n->name, sizeof n->name);
        n->mode = get_i64(c, "mode", &i) ? (int)i : 0;
        n->up_kbps = get_i64(c, "upKbps", &i) ? i : 0;
        n->down_kbps = get_i64(c, "downKbps", &i) ? i : 0;
    }
    list = doc_get(d, "crashMs");
    for (c = list ? list->first : NULL; c && vm->n_crash_ms < (int)(sizeof vm->crash_ms / sizeof vm->crash_ms[0]);
         c = c->next)
        if (doc_i64(c, &i)) vm->crash_ms[vm->n_crash_ms++] = i;
    list = doc_get(d, "done");
    for (c = list ? list->first : NULL; c && vm->priv->next_done < CORRELATORS; c = c->next) {
        struct vm_done *done = &vm->priv->done[vm->priv->next_done++];
        copy_text(doc_get(c, "correlator"), done->correlator, sizeof done->correlator);
        done->result = get_i64(c, "result", &i) ? (int)i : 0;
    }
}

enum rc vm_load(struct str json, struct vm **out, struct err *e)
{
    struct arena a;
    struct doc *d = NULL;
    struct vm *vm = NULL;
    arena_init(&a, RECORD_ARENA_BYTES);
    enum rc rc = doc_parse(json, "VM record", &a, &d, e);
    if (!rc && vm_create("", "", &vm)) rc = RC_NOMEM;
    for (size_t i = 0; !rc && i < FIELDS; i++)
        if (!take(&fields[i], doc_get(d, fields[i].name), vm))
            rc = err_set(e, RC_INVALID, "the VM record's \"%s\" is damaged", fields[i].name);
    if (!rc && (!vm->id[0] || !vm->want.uuid[0])) rc = err_set(e, RC_INVALID, "the VM record has no id");
    if (rc) {
        vm_destroy(vm);
    } else {
        take_lists(d, vm);
        snprintf(vm->effective.uuid, sizeof vm->effective.uuid, "%s", vm->want.uuid);
        *out = vm;
    }
    arena_finish(&a);
    return rc;
}
