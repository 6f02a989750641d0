/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_SESSION_LARGE_OBJECT_H
#define SYNCML_SESSION_LARGE_OBJECT_H
/* A large object that is being received: joins its pieces up to the last one (protocol.md 9). One for each session. */
#include "base/buf.h"
#include "syncml/msg.h"

struct sml_join {
    enum sml_cmd_kind kind;
    struct str target, source;     /* of its Item */
    struct str format, type, mark; /* of the first piece, lower level over command level; no defaults applied */
    struct str data, correlator;   /* of the command: Alert code */
    uint64_t size;                 /* announced size */
    size_t first_bytes;            /* octets of the first piece */
    int refused;                   /* 0, or the status that refused it: its remaining pieces are dropped */
    int row;                       /* for the session machine */
    struct buf value;
    char *texts;
};

/**
 * Take a piece: the first one when *j is NULL, else a further one of *j (sml_join_goes_on), or the first one again, as
 * after a lost answer: the object begins anew. A refused object never becomes a value: *j stays and drops the pieces up
 * to the last.
 * @param j        NULL afterwards when no more of the object is to come; with 200 it holds the value
 * @param max_obj  largest object that is accepted, 0 = no limit
 * @param status   213; after the last piece 200; 411 without a Size, 413 past max_obj, 424 when the length is not the
 * announced one
 * @return RC_NOMEM (*j as after 413)
 */
enum rc sml_join_take(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj,
                      int *status);
/** Refuse a piece that is not allowed, with this status, and with it the pieces that follow. */
enum rc sml_join_refuse(struct sml_join **j, const struct sml_cmd *c, const struct sml_item *it, int status);
/** Does this Item continue the object? */
bool sml_join_goes_on(const struct sml_join *j, const struct sml_cmd *c, const struct sml_item *it);
void sml_join_destroy(struct sml_join *j);
/** Bytes it holds. */
size_t sml_join_bytes(const struct sml_join *j);
#endif
