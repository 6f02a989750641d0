/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_BYTES = 256 << 20 };

void bench_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

int64_t bench_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct str bench_file(const char *file)
{
    FILE *f = fopen(file, "rb");
    char *p = NULL;
    long n = 0;
    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || n > FILE_BYTES || fseek(f, 0, SEEK_SET) ||
        !(p = malloc((size_t)n + 1)) || fread(p, 1, (size_t)n, f) != (size_t)n)
        bench_fail("cannot read %s", file);
    fclose(f);
    p[n] = '\0';
    return (struct str){ p, (size_t)n };
}

static void field(struct str *line, char *out, size_t size, const char *file)
{
    struct str part;
    if (!str_cut(line, ' ', &part) || part.n >= size) bench_fail("%s: a line is not 'id ha1 nonce token'", file);
    memcpy(out, part.p, part.n);
    out[part.n] = '\0';
}

struct bench_device *bench_devices(const char *file, size_t *n)
{
    struct str text = bench_file(file), rest = text, line;
    struct bench_device *list;
    struct arena a;
    size_t lines = 0;

    for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    list = calloc(lines + 1, sizeof *list);
    arena_init(&a, FILE_BYTES);
    for (*n = 0; list && *n < lines && str_cut(&rest, '\n', &line); ++*n) {
        struct bench_device *d = &list[*n];
        char b64[2 * BENCH_NONCE_BYTES];
        struct str nonce;
        field(&line, d->id, sizeof d->id, file);
        field(&line, d->ha1, sizeof d->ha1, file);
        field(&line, b64, sizeof b64, file);
        field(&line, d->token, sizeof d->token, file);
        if (text_b64_decode(str_of(b64), &a, &nonce) || nonce.n > sizeof d->nonce)
            bench_fail("%s: a nonce is no Base64", file);
        memcpy(d->nonce, nonce.p, nonce.n);
        d->n_nonce = nonce.n;
    }
    arena_finish(&a);
    if (!*n) bench_fail("%s: no devices", file);
    return list;
}
