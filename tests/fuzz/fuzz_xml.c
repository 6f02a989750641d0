/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an XML message: never a crash; and what was understood survives being written and read again. */
#include "tests/fuzz/codec_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_codec(SML_XML, (struct str){ (const char *)data, size });
    return 0;
}
