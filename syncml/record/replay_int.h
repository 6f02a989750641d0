/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_RECORD_REPLAY_INT_H
#define SYNCML_RECORD_REPLAY_INT_H
/* Shared by the writer and the reader of recordings. */
#include "base/doc.h"
#include "syncml/record/replay.h"

/** Append the `bytes` of message m to out, with all secrets overwritten. */
enum rc replay_mask(enum sml_type type, struct str bytes, const struct sml_msg *m, struct str token, struct arena *a,
                    struct buf *out);
/**
 * A step's value in the form that may be recorded: the value itself, or a placeholder with the same length on the wire.
 */
enum rc replay_step_value(enum sml_type type, const struct sml_step *p, struct arena *a, struct str *out);

/** Write steps as a JSON list. @param n  at most this many */
void replay_put_steps(struct buf *out, enum sml_type type, const struct sml_step *p, size_t n, struct arena *a);
/** Read steps. @param d  a list, or NULL for none */
enum rc replay_get_steps(const struct doc *d, const char *name, struct arena *a, struct sml_step **out, struct err *e);

const char *replay_auth_name(enum sml_auth a);
bool replay_auth_of(struct str s, enum sml_auth *out);
/** Write "key":"text" with a comma before it unless it is the first. */
void replay_put_str(struct buf *out, const char *key, struct str value);
#endif
