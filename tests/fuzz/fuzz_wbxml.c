/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a WBXML message, and as a tree document: never a crash; and what was understood survives being
 * written and read again. */
#include "tests/fuzz/codec_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size }, xml;
    struct arena a;
    check_codec(SML_WBXML, in);
    arena_init(&a, SML_MSG_ARENA_BYTES);
    if (sml_tree_to_xml(in, &a, &xml, NULL) == RC_OK) must(xml.n > 0 && str_is_utf8(xml));
    arena_finish(&a);
    return 0;
}
