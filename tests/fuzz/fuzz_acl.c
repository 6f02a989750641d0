/* SPDX-License-Identifier: Apache-2.0 */
/* ACLs: what is well-formed stays so when servers come and go, and the answers follow. */
#include "ddf/acl.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str acl = { (const char *)data, size }, with, without, changed;
    struct arena a;
    bool ok = ddf_acl_check(acl, NULL) == RC_OK;
    arena_init(&a, 4 << 20);
    if (ddf_acl_with(acl, DDF_GET | DDF_EXEC, STR("srv"), &a, &with) || ddf_acl_without(acl, STR("srv"), &a, &without))
        abort();
    enum rc rc = ddf_acl_change(acl, STR("Get=srv&Exec=srv+b"), STR("Add=*"), &a, &changed, NULL);
    if (rc) abort();
    if (ok && (ddf_acl_check(changed, NULL) || !ddf_acl_allows(changed, DDF_GET, STR("srv")) ||
               ddf_acl_allows(changed, DDF_ADD, STR("*"))))
        abort();
    if (ddf_acl_change(STR("Get=*"), acl, acl, &a, &changed, NULL) == RC_NOMEM) abort();
    if (ok && !ddf_acl_same(acl, acl)) abort();
    if (ok) {
        if (ddf_acl_check(with, NULL) || ddf_acl_check(without, NULL)) abort();
        if (!ddf_acl_allows(with, DDF_GET, STR("srv")) || !ddf_acl_allows(with, DDF_EXEC, STR("srv"))) abort();
        if (ddf_acl_allows(without, DDF_ADD, STR("srv")) != ddf_acl_allows(acl, DDF_ADD, STR("*"))) abort();
    }
    arena_finish(&a);
    return 0;
}
