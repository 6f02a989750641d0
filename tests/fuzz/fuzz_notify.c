/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a notification or a WSP push. */
#include "syncml/notify.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_notification(struct str in)
{
    static const struct str ha1 = { "U7EIII42Njb1eLQ8SPG4Fg==", 24 }, nonce = { "0123456789abcdef", 16 };
    struct sml_notify n;
    sml_notify_verify(in, ha1, nonce);
    if (sml_notify_decode(in, &n, NULL) != RC_OK) return;
    struct arena a;
    struct str again;
    arena_init(&a, 1 << 20);
    if (sml_notify_encode(&n, ha1, nonce, &a, &again, NULL) == RC_OK) {
        /* the reserved bits come back as zeroes, all else as it was */
        if (again.n != in.n || memcmp(again.p + 24, in.p + 24, in.n - 24) != 0 || !sml_notify_verify(again, ha1, nonce))
            abort();
    }
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size }, body;
    check_notification(in);
    if (sml_wsp_push_decode(in, &body, NULL) == RC_OK) check_notification(body);
    return 0;
}
