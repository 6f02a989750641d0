/* SPDX-License-Identifier: Apache-2.0 */
/* The account file that the agent imports: whatever is in it, an answer and no secret in the error. */
#include "agent/mo/account.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct account acc;
    struct err e = { 0 };

    if (account_parse((struct str){ (const char *)data, n }, "fuzz", &acc, &e) == RC_OK &&
        (!acc.server_id[0] || !acc.url[0]))
        abort();
    return 0;
}
