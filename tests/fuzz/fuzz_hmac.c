/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an x-syncml-hmac header, as basic credentials, as media types. */
#include "syncml/cred.h"
#include "syncml/msg.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str in = { (const char *)data, size }, user, password;
    struct sml_hmac h, again;
    enum sml_type type = SML_XML;
    arena_init(&a, 1 << 20);
    if (sml_hmac_parse(in, &a, &h, NULL) == RC_OK) {
        struct str s = sml_hmac_format(h.username, STR("AA=="), &a);
        if (s.p && (sml_hmac_parse(s, &a, &again, NULL) != RC_OK || !str_eq(h.username, again.username) ||
                    !str_is(again.mac, "AA==")))
            abort();
    }
    sml_basic_decode(in, &a, &user, &password);
    sml_auth_of_name(in);
    sml_type_of_mime(in, &type);
    sml_answer_type(type, in);
    arena_finish(&a);
    return 0;
}
