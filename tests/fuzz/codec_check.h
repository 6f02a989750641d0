/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_CODEC_CHECK_H
#define TESTS_FUZZ_CODEC_CHECK_H
/* What must hold for every input of the two decoders. */
#include "syncml/msg.h"
#include <stdlib.h>
#include <string.h>

static inline void must(bool true_always)
{
    if (!true_always) abort();
}

static inline size_t sum_of_parts(enum sml_type type, const struct sml_msg *m)
{
    size_t n = sml_frame_bytes(type, m) - (m->final ? 0 : type == SML_XML ? sizeof "<Final/>" - 1 : 1);
    for (const struct sml_cmd *c = m->cmds; c; c = c->next) n += sml_cmd_bytes(type, c);
    return n;
}

/* Write, read, write: the same bytes, as many as counted. */
static inline void check_round_trip(enum sml_type type, const struct sml_msg *m)
{
    struct arena a;
    struct sml_msg back;
    struct buf once, twice;
    buf_init(&once, 0);
    buf_init(&twice, 0);
    arena_init(&a, 4 * SML_MSG_ARENA_BYTES);
    if (sml_encode(type, m, &once, NULL) == RC_OK) {
        must(once.n == sum_of_parts(type, m));
        enum rc rc = sml_decode(type, buf_str(&once), &a, &back, NULL);
        must(rc == RC_OK || rc == RC_LIMIT || rc == RC_NOMEM); /* it may have grown */
        if (rc == RC_OK) {
            must(sml_encode(type, &back, &twice, NULL) == RC_OK);
            must(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
        }
    }
    arena_finish(&a);
    buf_finish(&twice);
    buf_finish(&once);
}

static inline void check_codec(enum sml_type type, struct str in)
{
    struct arena a;
    struct sml_msg m;
    struct err e = { 0 };
    struct buf text;
    arena_init(&a, SML_MSG_ARENA_BYTES);
    buf_init(&text, 64 << 20);
    enum rc rc = sml_decode(type, in, &a, &m, &e);
    must((rc == RC_OK) == (e.text[0] == '\0'));
    if (rc == RC_OK) {
        sml_print(&m, &text);
        check_round_trip(SML_XML, &m);
        check_round_trip(SML_WBXML, &m);
    }
    buf_finish(&text);
    arena_finish(&a);
}
#endif
