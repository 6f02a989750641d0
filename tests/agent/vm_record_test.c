/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded of a VM comes back as it was. That each member of the structs has a row is for check_vm_record.py to see. */
#include "agent/vm/vm_record.h"
#include "agent/hv/domain_xml.h"
#include "tests/lib/test.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- every member comes back --- */

static uint32_t next_value = 0x01020304;

static void fill(const struct record_table *t, char *base);

static void fill_row(const struct record_row *row, char *base)
{
    char *at = base + row->offset;
    switch (row->kind) {
    case RECORD_INT: *(int *)(void *)at = (int)(next_value++ & 0x7fffffff); break;
    case RECORD_I64: *(int64_t *)(void *)at = ((int64_t)next_value++ << 32) + 0x0a0b0c0d; break;
    case RECORD_BOOL: *(bool *)(void *)at = true; break;
    case RECORD_TEXT:
        for (size_t i = 0; i + 1 < row->size; i++) at[i] = (char)(' ' + 1 + (next_value++ * 31 + i) % 94);
        at[row->size - 1] = '\0';
        break;
    case RECORD_PART: fill(row->table, at); break;
    case RECORD_LIST:
        for (size_t i = 0; i < row->size / row->table->size; i++) fill(row->table, at + i * row->table->size);
        if (row->counted) *(int *)(void *)(base + row->count_offset) = (int)(row->size / row->table->size);
        break;
    case RECORD_OPERATION_KIND: *(const struct vm_operation_kind **)(void *)at = vm_kind_of("wipe"); break;
    case RECORD_NOT_KEPT: break;
    }
}

static void fill(const struct record_table *t, char *base)
{
    for (size_t i = 0; i < t->n; i++) fill_row(&t->rows[i], base);
}

static void filled(struct vm **out)
{
    struct vm *vm;
    CU_ASSERT_FATAL(vm_create("", "", 0, &vm) == RC_OK);
    fill(&vm_record_table, (char *)&vm->pub);
    fill(&vm_record_private, (char *)&vm->priv);
    vm->pub.lease = VM_LEASE_LOCKED; /* what the machine indexes by has to be in range */
    vm->priv.operation.lease = VM_LEASE_WIPED;
    vm->priv.operation.at = 5;
    *out = vm;
}

static void compare(const struct record_table *t, const char *a, const char *b, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct record_row *row = &t->rows[i];
        const char *x = a + row->offset, *y = b + row->offset;
        bool same = true;
        if (row->kind == RECORD_NOT_KEPT) continue;
        if (row->kind == RECORD_PART) {
            compare(row->table, x, y, row->key);
        } else if (row->kind == RECORD_LIST) {
            for (size_t k = 0; k < row->size / row->table->size; k++)
                compare(row->table, x + k * row->table->size, y + k * row->table->size, row->key);
            if (row->counted) same = !memcmp(a + row->count_offset, b + row->count_offset, sizeof(int));
        } else {
            same = !memcmp(x, y, row->size);
        }
        CU_ASSERT(same);
        if (!same) fprintf(stderr, "%s: %s is not what it was\n", name, row->key);
    }
}

static struct vm *reload(const struct vm *vm, struct buf *json)
{
    struct vm *again = NULL;
    struct err e = { 0 };
    buf_init(json, 0);
    CU_ASSERT_EQUAL(vm_save(vm, json), RC_OK);
    enum rc rc = vm_load(buf_str(json), &again, &e);
    if (rc) fprintf(stderr, "%s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(rc, RC_OK);
    return again;
}

static void each_member_comes_back_as_it_was(void)
{
    struct buf first, second;
    struct vm *vm, *again, *third;
    filled(&vm);
    again = reload(vm, &first);
    compare(&vm_record_table, (const char *)&vm->pub, (const char *)&again->pub, "vm");
    compare(&vm_record_private, (const char *)&vm->priv, (const char *)&again->priv, "vm_private");
    third = reload(again, &second);
    CU_ASSERT(str_eq(buf_str(&first), buf_str(&second)));
    vm_destroy(vm);
    vm_destroy(again);
    vm_destroy(third);
    buf_finish(&first);
    buf_finish(&second);
}

static void what_is_secret_is_not_in_a_record(void)
{
    struct buf json;
    struct vm *vm, *again;
    filled(&vm);
    snprintf(vm->pub.image.auth, sizeof vm->pub.image.auth, "Bearer a-very-secret-word");
    again = reload(vm, &json);
    CU_ASSERT_PTR_NULL(strstr(buf_z(&json), "a-very-secret-word"));
    vm_destroy(vm);
    vm_destroy(again);
    buf_finish(&json);
}

/* --- what the hypervisor is given --- */

static void the_domain_after_a_restart_is_the_one_before(void)
{
    const struct virt_host host = { .arch = "x86_64", .kvm = true, .tuning = true };
    struct buf json, before, after;
    struct vm *vm, *again;
    filled(&vm);
    for (int i = 0; i < vm->pub.want.n_volumes; i++) vm->pub.want.volumes[i].kbps = 1000 + i;
    vm->pub.want.vcpus = 2;
    vm->pub.want.max_vcpus = 4;
    for (int i = 0; i < vm->pub.want.n_nets; i++) {
        vm->pub.want.nets[i].mode = 1;
        vm_net_mac("11111111-2222-3333-4444-555555555555", vm->pub.want.nets[i].name, vm->pub.want.nets[i].mac);
    }
    again = reload(vm, &json);
    buf_init(&before, 0);
    buf_init(&after, 0);
    CU_ASSERT_EQUAL(domain_xml_write(&vm->pub.want, &host, &before, NULL), RC_OK);
    CU_ASSERT_EQUAL(domain_xml_write(&again->pub.want, &host, &after, NULL), RC_OK);
    CU_ASSERT(before.n > 4000 && str_eq(buf_str(&before), buf_str(&after)));
    vm_destroy(vm);
    vm_destroy(again);
    buf_finish(&json);
    buf_finish(&before);
    buf_finish(&after);
}

static void a_volume_without_a_file_is_refused_by_name(void)
{
    const struct virt_host host = { .arch = "x86_64" };
    struct hv_spec s = { .uuid = "u",
                         .name = "n",
                         .vcpus = 1,
                         .n_volumes = 2,
                         .volumes = { { .name = "cache", .file = "/x/cache.img" }, { .name = "userdata" } } };
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 0);
    CU_ASSERT_NOT_EQUAL(domain_xml_write(&s, &host, &b, &e), RC_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "userdata"));
    buf_finish(&b);
}

/* --- addresses --- */

static void an_interface_has_one_address_for_life(void)
{
    static const struct {
        const char *uuid, *name;
    } row[] = { { "11111111-2222-3333-4444-555555555555", "corp0" },
                { "11111111-2222-3333-4444-555555555555", "corp1" },
                { "11111111-2222-3333-4444-555555555556", "corp0" } };
    char mac[3][18], again[18];
    for (size_t i = 0; i < 3; i++) {
        vm_net_mac(row[i].uuid, row[i].name, mac[i]);
        vm_net_mac(row[i].uuid, row[i].name, again);
        CU_ASSERT_STRING_EQUAL(mac[i], again);
        CU_ASSERT_EQUAL(strlen(mac[i]), 17);
        CU_ASSERT_EQUAL(strtoul(mac[i], NULL, 16) & 3, 2); /* locally administered, of one station */
        for (size_t k = 0; k < i; k++) CU_ASSERT_STRING_NOT_EQUAL(mac[i], mac[k]);
    }
}

TEST_MAIN("agent.vm_record", TEST(each_member_comes_back_as_it_was), TEST(what_is_secret_is_not_in_a_record),
          TEST(the_domain_after_a_restart_is_the_one_before), TEST(a_volume_without_a_file_is_refused_by_name),
          TEST(an_interface_has_one_address_for_life))
