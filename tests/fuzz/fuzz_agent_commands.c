/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says to a device with a VM: messages of commands, decoded and carried out on the real tree over the
 * hypervisor in memory, while time goes by. Input: messages in XML or WBXML with "%%%\n" between them. Whatever they
 * say: every command has an answer, a Get gives texts of its own, the device goes on and its VM's record reloads. */
#include "agent/device.h"
#include "agent/dm/commands.h"
#include "agent/hv/hv.h"
#include "agent/vm/vm.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 8, STEP_MS = 2000, TICK_MS = 500 };

static const char server[] = "dm.example.net";

/* A VM as a server makes one. */
static const char make_vm[] =
    "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID><Target>"
    "<LocURI>d</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody>"
#define NODE(id, uri)                                                                                                  \
    "<Add><CmdID>" id "</CmdID><Item><Target><LocURI>" uri "</LocURI></Target><Meta><Format>node</Format></Meta>"      \
    "</Item></Add>"
#define LEAF(id, uri, format, value)                                                                                   \
    "<Replace><CmdID>" id "</CmdID><Item><Target><LocURI>" uri "</LocURI></Target><Meta><Format>" format               \
    "</Format></Meta><Data>" value "</Data></Item></Replace>"
    NODE("1", "./VMImages/i") LEAF("2", "./VMImages/i/ImageID", "chr", "lin") LEAF(
        "3", "./VMImages/i/Format", "chr", "bundle") LEAF("4", "./VMImages/i/URL", "chr", "https://x/1")
        LEAF("5", "./VMImages/i/SizeKB", "int", "64") LEAF("6", "./VMImages/i/HashAlg", "chr", "sha256") LEAF(
            "7", "./VMImages/i/Hash", "chr", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
            LEAF("8", "./VMImages/i/Arch", "chr", "x86_64") NODE("9", "./Virtualization/VM/corp") LEAF(
                "10", "./Virtualization/VM/corp/Image/ImageID", "chr",
                "lin") "<Exec><CmdID>11</CmdID><Correlator>c</Correlator><Item><Target><LocURI>./Virtualization/VM/corp/Operations/"
                       "Provision</LocURI></Target><Meta><Format>chr</Format></Meta><Data>start=1</Data></Item></Exec>"
                       "<Final/></SyncBody></SyncML>";

static const char account[] =
    "{\"serverId\":\"dm.example.net\",\"url\":\"https://dm.example.net/dm\",\"clientName\":\"phone\","
    "\"clientPassword\":\"client-pw\",\"serverPassword\":\"server-pw\"}";

struct commands_place {
    struct device *d;
    struct hv *hv;
    struct download *loader;
    struct world w;
    uint64_t seed;
};

static const struct mo_shared *shared(void)
{
    static struct mo_shared *s;
    const char *root = getenv("DMVISOR_SOURCE");
    char ddf[600], own[600];
    struct err e = { 0 };

    if (s) return s;
    log_set_level(LOG_ERROR);
    snprintf(ddf, sizeof ddf, "%s/ddf", root ? root : ".");
    snprintf(own, sizeof own, "%s/agent", root ? root : ".");
    if (mo_shared_load(&(struct mo_places){ .objects = ddf, .own = own }, &s, &e)) {
        fprintf(stderr, "%s (run from the source folder, or set DMVISOR_SOURCE)\n", e.text);
        exit(99);
    }
    return s;
}

static void pass(struct commands_place *p, int64_t ms)
{
    for (int64_t until = p->w.now_ms + ms; p->w.now_ms < until;) {
        p->w.now_ms += TICK_MS;
        hv_sim_advance(p->hv, p->w.now_ms);
        device_work(p->d, &p->w, NULL);
    }
}

/* An answer for each command; what it says lies in memory that may be read. */
static void check(const struct sml_cmd *c, const struct sml_answer *a)
{
    unsigned sum = 0;
    size_t i = 0;

    if (!c->items && !c->children && !a->code) abort();
    for (i = 0; i < a->n_results; i++) {
        const struct sml_leaf *l = &a->results[i];
        for (size_t k = 0; k < l->data.n; k++) sum += (unsigned char)l->data.p[k];
        for (size_t k = 0; k < l->uri.n; k++) sum += (unsigned char)l->uri.p[k];
    }
    if (sum && c->kind == SML_CMD_KINDS) abort(); /* so that all of it is read */
    i = 0;
    for (const struct sml_cmd *k = c->children; k && a->children; k = k->next) check(k, &a->children[i++]);
}

static void say(struct commands_place *p, struct str in)
{
    struct arena a;
    struct sml_msg m = { 0 };
    struct exec_run run = { 0 };
    enum sml_type type = in.n && (in.p[0] == '<' || in.p[0] == '\n') ? SML_XML : SML_WBXML;
    size_t n = 0;

    arena_init(&a, SML_MSG_ARENA_BYTES);
    if (!sml_decode(type, in, &a, &m, NULL)) {
        for (const struct sml_cmd *c = m.cmds; c; c = c->next) n++;
        run = (struct exec_run){ .t = device_tree(p->d), .server = str_of(server), .cmds = m.cmds, .n = n, .a = &a };
        mo_enter(device_env(p->d), &p->w, str_of(server));
        if (!commands_exec_cmds(&run, NULL) && n) {
            size_t i = 0;
            for (const struct sml_cmd *c = m.cmds; c; c = c->next) check(c, &run.answers[i++]);
        }
        mo_leave(device_env(p->d), NULL);
    }
    arena_finish(&a);
}

static void reload(const struct vm *vm)
{
    struct buf one = { 0 }, two = { 0 };
    struct vm *again = NULL;

    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    if (!vm_save(vm, &one) && buf_ok(&one)) {
        if (vm_load(buf_str(&one), &again, NULL) || vm_save(again, &two)) abort();
        vm_destroy(again);
    }
    buf_finish(&one);
    buf_finish(&two);
}

static void begin(struct commands_place *p)
{
    static const struct device_config config = { .mo.id = "IMEI:1",
                                                 .mo.manufacturer = "A",
                                                 .mo.model = "B",
                                                 .mo.version = "1",
                                                 .mo.language = "en",
                                                 .mo.type = "phone",
                                                 .mo.oem = "A",
                                                 .mo.firmware = "1",
                                                 .mo.software = "1",
                                                 .mo.hardware = "1",
                                                 .mo.images_dir = "/nonexistent",
                                                 .mo.vms_dir = "",
                                                 .dm.max_msg_bytes = 16384,
                                                 .dm.max_obj_bytes = 1 << 16,
                                                 .dm.encoding = SML_XML };
    struct account acc;

    *p = (struct commands_place){ .seed = 11 };
    p->w = world_fixed(1900000000000, &p->seed);
    p->hv = hv_sim_create(100, 5);
    p->loader = download_sim_create();
    hv_sim_advance(p->hv, p->w.now_ms);
    if (!p->hv || !p->loader || device_create(shared(), &config, p->hv, p->loader, NULL, &p->w, &p->d, NULL) ||
        account_parse(str_of(account), "account", &acc, NULL) || device_add_account(p->d, &acc, &p->w, NULL))
        abort();
    say(p, str_of(make_vm));
    pass(p, 2 * STEP_MS);
    if (device_vms(p->d) != 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    struct tree_leaf *all;
    struct commands_place p;
    struct arena a;
    size_t n_all, from = 0;

    begin(&p);
    for (int i = 0; i < MESSAGES && from < rest.n; i++) {
        size_t end = from;
        while (end < rest.n && !str_starts(str_slice(rest, end, rest.n), STR("%%%\n"))) end++;
        say(&p, str_slice(rest, from, end));
        pass(&p, STEP_MS);
        from = end + 4;
    }
    arena_init(&a, 64 << 20);
    mo_enter(device_env(p.d), &p.w, str_of(server));
    if (!tree_leaves(device_tree(p.d), (struct str){ 0 }, STR("."), &a, &all, &n_all)) n_all = 0;
    mo_leave(device_env(p.d), NULL);
    for (size_t i = 0; i < device_vms(p.d); i++) reload(device_vm(p.d, i));
    arena_finish(&a);
    device_destroy(p.d);
    p.hv->class->destroy(p.hv);
    download_destroy(p.loader);
    return 0;
}
