/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store/correlators.h"
#include "base/text.h"
#include "db/operation.h"

enum { CORRELATOR_BYTES = 5 };

enum rc correlators_assign(struct store *st, int64_t device, int64_t generation, struct pol_step *steps,
                           struct arena *a, struct err *e)
{
    int64_t last = -1;
    unsigned n = 0;
    for (struct pol_step *s = steps; s; s = s->next) {
        uint8_t mac[SHA256_BYTES];
        char hex[2 * CORRELATOR_BYTES + 1];
        if (s->operation || !s->op_kind.n) continue;
        /* Includes the device's last operation: sending creates a later one, and so different Correlators. */
        enum rc rc = last < 0 ? db_operation_last(store_sql(st), device, &last, e) : RC_OK;
        if (rc) return rc;
        /* The hash includes the operation itself: after a restore, a different operation never gets a Correlator that
         * the device has seen. */
        const struct str text = arena_printf(a, "correlator %lld %lld %lld %u %.*s %.*s %.*s", (long long)device,
                                             (long long)generation, (long long)last, n++, STR_ARG(s->op_kind),
                                             STR_ARG(s->op_owner), STR_ARG(s->op_args));
        if (!text.n) return err_set(e, RC_NOMEM, "no memory for a Correlator");
        crypto_hmac_sha256(store_server(st)->secret_key, &text, 1, mac);
        text_hex(mac, CORRELATOR_BYTES, hex);
        if (!arena_str(a, str_of(hex), &s->correlator)) return err_set(e, RC_NOMEM, "no memory for a Correlator");
    }
    return RC_OK;
}
