/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H
/* What the programs of the comparison share: devices with their credentials, and the fields of a message that
 * change. */
#include "base/str.h"
#include "syncml/cred.h"

enum { BENCH_ID_BYTES = 48, BENCH_NONCE_BYTES = 64, BENCH_TOKEN_BYTES = 64 };

struct bench_device {
    char id[BENCH_ID_BYTES];
    char ha1[SML_HA1_BYTES + 1]; /* Base64(MD5(name:password)) */
    uint8_t nonce[BENCH_NONCE_BYTES];
    size_t n_nonce;
    char token[BENCH_TOKEN_BYTES + 1]; /* the StateToken it reports; "-" = none known */
    unsigned sessions;
    bool busy;
};

/** A line a device: id, HA1, Base64 of its nonce, token. Ends the program when the file is not so. */
struct bench_device *bench_devices(const char *file, size_t *n);
/** A whole file. Ends the program when it cannot be read. */
struct str bench_file(const char *file);
int64_t bench_now_us(void);
void bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#endif
