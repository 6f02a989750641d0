/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials for devices that the benchmark puts into the database with SQL: reads device ids, one a line, writes for each
 * "id client-hex server-hex hash", sealed with the server's key. The hash is that of the id, for device.devinfo_hash.
 *
 *   bench_seal KEYFILE CLIENT-HA1 SERVER-HA1 < ids */
#include "tests/bench/bench.h"
#include "base/text.h"
#include "server/core/credentials.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    uint8_t key[SEAL_KEY_BYTES], sealed[SECRET_HA1_BYTES];
    char line[BENCH_ID_BYTES + 1], hex[2][2 * SECRET_HA1_BYTES + 1];
    struct err e = { 0 };

    if (argc != 4 || strlen(argv[2]) != SML_HA1_BYTES || strlen(argv[3]) != SML_HA1_BYTES)
        bench_fail("usage: bench_seal KEYFILE CLIENT-HA1 SERVER-HA1 < ids");
    if (credentials_key_load(argv[1], key, &e)) bench_fail("%s", e.text);
    while (fgets(line, sizeof line, stdin)) {
        struct str id = str_trim(str_of(line));
        for (int i = 0; i < 2; i++) {
            if (credentials_seal_ha1(key, id, i ? "server" : "client", argv[2 + i], sealed, &e))
                bench_fail("%s", e.text);
            text_hex(sealed, sizeof sealed, hex[i]);
        }
        printf("%.*s %s %s %" PRId64 "\n", STR_ARG(id), hex[0], hex[1], (int64_t)str_hash(id));
    }
    return 0;
}
