/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_LARGE_OBJECT_H
#define SYNCML_SESSION_LARGE_OBJECT_H
/* A large object on its way in: its pieces are joined here until the last one (protocol.md 9). One for each
 * session. */
#include "base/buf.h"
#include "syncml/msg.h"

struct sml_join {
    enum sml_cmd_kind kind;
    struct str target, source;     /* of its Item */
    struct str format, type, mark; /* of the first piece, lower level over command level; no defaults applied */
    struct str data, correlator;   /* of the command: Alert code */
    uint64_t size;                 /* announced */
    size_t first_bytes;            /* of the first piece */
    int refused;                   /* 0, or the status it was refused with: what is left of it is dropped */
    int row;                       /* the session's own */
    struct buf value;
    char *texts;
};

/**
 * A piece: the first one when *j is NULL, else a further one of *j (sml_join_goes_on), or its first one again, as after a lost
 * answer: then the object begins anew. Nothing of a refused object is ever a value: *j stays and drops its pieces up to the last.
 * @param j        NULL afterwards when nothing more of the object is to come; with 200 it holds the value
 * @param max_obj  what we take, 0 = anything
 * @param status   213; after the last piece 200; 411 without a Size, 413 past max_obj, 424 when the length is not what was announced
 * @return RC_NOMEM (*j as with a refusal by 413)
 */
enum rc sml_join_take(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj,
                      int *status);
/** A piece that may not come at all is refused with this status, and with it the pieces that follow. */
enum rc sml_join_refuse(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, int status);
/** Does this Item go on with the object? */
bool sml_join_goes_on(const struct sml_join *j, const struct sml_cmd *c, const struct sml_item *it);
void sml_join_destroy(struct sml_join *j);
/** Bytes it holds. */
size_t sml_join_bytes(const struct sml_join *j);
#endif
