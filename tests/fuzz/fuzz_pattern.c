/* SPDX-License-Identifier: Apache-2.0 */
/* A regular expression of a description (first line) against a value (the rest): whatever both are, there is an answer,
 * and soon. */
#include "ddf/pattern.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data, size };
    size_t end = str_find(all, '\n', 0);
    struct ddf_pattern *p = NULL;
    struct err e = { 0 };
    enum rc rc = ddf_pattern_create(str_slice(all, 0, end), 1, &p, &e);
    if (!rc != (p != NULL) || (rc && !e.text[0])) abort();
    if (rc) return 0;
    rc = ddf_pattern_match(p, str_slice(all, end + 1, size), &e);
    if (rc != RC_OK && rc != RC_INVALID && !e.text[0]) abort();
    ddf_pattern_destroy(p);
    return 0;
}
