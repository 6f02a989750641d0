/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's record as the database gives it, damaged or not: an error, or a VM whose record is the same again. */
#include "agent/vm/vm.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf first, second;
    struct vm *vm = NULL, *again = NULL;
    struct err e = { 0 };

    if (vm_load((struct str){ (const char *)data, n }, &vm, &e)) return 0;
    buf_init(&first, 0);
    buf_init(&second, 0);
    if (vm_save(vm, &first) || vm_load(buf_str(&first), &again, &e) || vm_save(again, &second) ||
        !str_eq(buf_str(&first), buf_str(&second)))
        abort();
    buf_finish(&first);
    buf_finish(&second);
    vm_destroy(vm);
    vm_destroy(again);
    return 0;
}
