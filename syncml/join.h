#ifndef SYNCML_JOIN_H
#define SYNCML_JOIN_H
/* A large object on its way in: its pieces are joined here until the last one (dm-protocol.md 9). One for each
 * session. */
#include "base/buf.h"
#include "syncml/msg.h"

struct sml_join {
    enum sml_cmd_kind kind;
    struct str target, source;     /* of its Item */
    struct str format, type, mark; /* of the first piece, lower level over command level; no defaults applied */
    struct str data, correlator;   /* of the command: Alert code */
    uint64_t size;                 /* announced */
    int row;                       /* the session's own */
    struct buf value;
    char *texts;
};

/**
 * The first piece. @param max_obj  what we take, 0 = anything
 * @param status  213; 411 without a Size, 413 past max_obj (then *out is NULL)
 * @return RC_NOMEM
 */
enum rc sml_join_begin(const struct sml_cmd *c, const struct sml_item *it, uint64_t max_obj, struct sml_join **out,
                       int *status);
/** Does this Item go on with the object? */
bool sml_join_goes_on(const struct sml_join *j, const struct sml_cmd *c, const struct sml_item *it);
/** A further piece. @param status  213; after the last piece 200; 424 when the length is not what was announced (the object is to be
 *  discarded) */
enum rc sml_join_add(struct sml_join *j, const struct sml_item *it, int *status);
void sml_join_destroy(struct sml_join *j);
/** Bytes it holds. */
size_t sml_join_bytes(const struct sml_join *j);
#endif
