/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams from anybody: none without the secret is ever taken. */
#include "agent/dm/push.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct account acc = { .server_id = "dm.example.net", .n_server_nonce = 16 };
    struct push_memory m = { .n = 0 };
    struct push_call call;
    const char *why;

    memset(acc.server_nonce, 7, 16);
    sml_ha1(STR("dm.example.net"), STR("a password that no corpus has"), acc.server_ha1);
    if (push_take(&m, (struct str){ (const char *)data, n }, 1, &acc, 1, 0, &call, &why) == PUSH_CALL) abort();
    return 0;
}
