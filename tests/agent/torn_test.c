/* SPDX-License-Identifier: Apache-2.0 */
/* A Get is answered with the value at its place in the message, whatever the commands after it do. */
#include "agent/vm/vm_int.h"
#include "tests/agent/vm_up.h"

/* Text leaves that lie in records of the device, which later commands change. */
static const char *const leaves[] = {
    VM "/Progress/Text",
    VM "/Progress/Op",
    VM "/Progress/Correlator",
    VM "/Progress/ServerID",
    VM "/Crash/LastInfo",
    VM "/Name",
    VM "/Image/ImageID",
    VM "/Image/Version",
    VM "/Domain/Servers",
    VM "/VMID",
    IMG "/Name",
    IMG "/URL",
    IMG "/Hash",
    "./DMAcc/dm.example.net/Name",
    "./DMAcc/dm.example.net/AppAddr/1/Addr",
    VM "?prop=Title",
    VM "/Name?prop=Type",
    VM "?prop=ACL",
    VM "/Progress?list=StructData",
    VM "?list=TNDS",
};
enum { N = sizeof leaves / sizeof leaves[0] };

/* A VM whose last operation failed with a long text after a crash. */
static void begin(struct device_fixture *p)
{
    device_fixture_open(p, true);
    CU_ASSERT_FATAL(device_fixture_register(p, "dm.example.net"));
    bring_up(p);
    device_fixture_write(p, SML_REPLACE, VM "/Name", "chr",
                         "a name of the VM that is long enough to be seen when it is torn");
    device_fixture_write(p, SML_REPLACE, VM "/Crash/Action", "int", "1");
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    device_fixture_forget(p);
    hv_sim_crash(p->hv, vm_view(device_vm(p->device, 0))->want.uuid, HV_C_PANIC);
    device_fixture_wait(p, 1000);
    struct vm *vm = device_vm(p->device, 0);
    snprintf(vm->pub.progress.text, sizeof vm->pub.progress.text, "%s",
             "a text of an operation that failed a while ago, long enough to be seen when its record is cleared");
    snprintf(vm->pub.progress.op, sizeof vm->pub.progress.op, "start");
    snprintf(vm->pub.progress.correlator, sizeof vm->pub.progress.correlator, "correlator-of-before");
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    device_fixture_forget(p);
}

static void ask(struct device_fixture *p)
{
    for (size_t i = 0; i < N; i++) device_fixture_step(p, SML_GET, leaves[i]);
}

static void keep(struct device_fixture *p, char *was[N])
{
    ask(p);
    CU_ASSERT(device_fixture_session(p, NULL, 0));
    for (size_t i = 0; i < N; i++) {
        const char *v = buf_z(&p->value[i + 1]);
        was[i] = malloc(strlen(v) + 1);
        CU_ASSERT_FATAL(was[i] != NULL);
        strcpy(was[i], v);
        if (p->code[i + 1] != 200) printf("%s: %d\n", leaves[i], p->code[i + 1]);
    }
    device_fixture_forget(p);
}

static void same(struct device_fixture *p, char *was[N])
{
    for (size_t i = 0; i < N; i++) {
        const struct buf *b = &p->value[i + 1];
        CU_ASSERT_EQUAL(b->n, strlen(was[i]));
        CU_ASSERT(b->n == strlen(was[i]) && !memcmp(b->n ? b->p : "", was[i], b->n));
        if (b->n != strlen(was[i]) || memcmp(b->n ? b->p : "", was[i], b->n))
            printf("%s: \"%.*s\" instead of \"%s\"\n", leaves[i], (int)b->n, b->n ? b->p : "", was[i]);
        free(was[i]);
    }
}

static void changes(struct device_fixture *p)
{
    device_fixture_exec(p, VM "/Operations/Start", "", "c-later");
    device_fixture_write(p, SML_REPLACE, VM "/Name", "chr", "x");
    device_fixture_write(p, SML_REPLACE, IMG "/Name", "chr", "y");
    device_fixture_write(p, SML_REPLACE, "./DMAcc/dm.example.net/Name", "chr", "z");
    device_fixture_write(p, SML_REPLACE, "./DMAcc/dm.example.net/AppAddr/1/Addr", "chr", "https://q/");
    device_fixture_write(p, SML_REPLACE, VM "?prop=Title", "chr", "another title");
    device_fixture_write(p, SML_REPLACE, VM "/Domain/Servers", "chr", "dm.example.net,dm.other.example");
}

static void a_later_command_of_the_message(void)
{
    struct device_fixture p;
    char *was[N];
    begin(&p);
    keep(&p, was);
    CU_ASSERT(strstr(was[0], "a text of an operation") != NULL);
    ask(&p);
    changes(&p);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    same(&p, was);
    DEVICE_FIXTURE_CODE(&p, N + 1, 202);
    DEVICE_FIXTURE_IS(&p, VM "/Name", "x");
    device_fixture_close(&p);
}

/* In a Sequence, and before an Atomic that writes. */
static void a_later_command_of_a_container(void)
{
    struct device_fixture p;
    char *was[N];
    for (int atomic = 0; atomic < 2; atomic++) {
        begin(&p);
        keep(&p, was);
        struct sml_step inner[2 * DEVICE_FIXTURE_STEPS] = { { 0 } };
        size_t n = 0, from;
        ask(&p);
        from = atomic ? p.n_steps : 0;
        changes(&p);
        for (size_t i = from; i < p.n_steps; i++)
            if (!atomic || p.steps[i].kind != SML_EXEC) {
                inner[n] = p.steps[i];
                if (n) inner[n - 1].next = &inner[n];
                n++;
            }
        p.n_steps = from;
        struct sml_step *c = device_fixture_step(&p, atomic ? SML_ATOMIC : SML_SEQUENCE, "");
        c->tag = DEVICE_FIXTURE_STEPS;
        c->children = inner;
        CU_ASSERT(device_fixture_session(&p, NULL, 0));
        same(&p, was);
        DEVICE_FIXTURE_CODE(&p, DEVICE_FIXTURE_STEPS, 200);
        DEVICE_FIXTURE_IS(&p, VM "/Name", "x");
        device_fixture_close(&p);
    }
}

/* The record itself goes away. */
static void a_later_delete(void)
{
    struct device_fixture p;
    char *was[N];
    begin(&p);
    device_fixture_exec(&p, VM "/Operations/Delete", "force=1", "c-delete");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_wait(&p, 5000);
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_ADD, VM, "node", NULL);
    device_fixture_write(&p, SML_REPLACE, VM "/Name", "chr", "a VM that is described and not made");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_forget(&p);
    keep(&p, was);
    ask(&p);
    device_fixture_step(&p, SML_DELETE, VM);
    device_fixture_step(&p, SML_DELETE, IMG);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    same(&p, was);
    DEVICE_FIXTURE_CODE(&p, N + 1, 200);
    DEVICE_FIXTURE_CODE(&p, N + 2, 200);
    device_fixture_close(&p);
}

TEST_MAIN("agent.torn", TEST(a_later_command_of_the_message), TEST(a_later_command_of_a_container),
          TEST(a_later_delete))
