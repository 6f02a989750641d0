/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_COMPOSE_H
#define SYNCML_COMPOSE_H
/* Putting an outgoing message together, command by command, within the peer's MaxMsgSize to the octet; and cutting
 * values that are too long for one message. For both session machines. Running out of arena is remembered: check
 * `nomem` once at the end. */
#include "syncml/cred.h"
#include "syncml/msg.h"

enum {
    COMPOSE_ALERT_BYTES = 64,         /* an Alert with nothing but its code, in either encoding */
    COMPOSE_DEFAULT_BYTES = 64 << 10, /* for a peer that gave no MaxMsgSize (protocol.md 8) */
    COMPOSE_PIECE_MIN = 16,           /* octets of a value that make a piece worth sending */
    SML_NONCE_BYTES = 16
};

struct compose {
    enum sml_type type;
    struct arena *a;
    struct sml_msg *msg;
    struct sml_cmd **tail;
    unsigned last_id; /* last CmdID given out */
    unsigned n_cmds;
    size_t used, max;  /* octets, encoded; used is at most too high while `rough` */
    bool rough, exact; /* some commands were guessed from above, not measured; no more guessing */
    bool nomem;
    struct sml_cmd spare; /* handed out past the arena's end; never reaches a message */
};

/** Start with a message whose header is complete. @param peer_max  its MaxMsgSize, 0 = none given */
void compose_begin(struct compose *b, enum sml_type type, struct arena *a, struct sml_msg *msg, uint64_t peer_max);
/** A command with the next CmdID, not in the message yet. Never NULL: past the arena's end it is a spare one and
 * `nomem` is set. */
struct sml_cmd *compose_cmd(struct compose *b, enum sml_cmd_kind kind);
struct sml_item *compose_item(struct compose *b, struct sml_item ***tail);
/** Octets left, exactly. */
size_t compose_room(struct compose *b);
/** Append when it is clear without measuring that it fits, as it is for most commands of most messages. */
bool compose_add_surely(struct compose *b, struct sml_cmd *c);
/** The same for one more Item of the last command; the caller appends it. */
bool compose_item_surely(struct compose *b, const struct sml_item *it);
/** Octets of the message so far, exactly. */
size_t compose_used(struct compose *b);
/** Append when it fits. @return false when it does not; its CmdIDs (and its children's) are given back */
bool compose_add(struct compose *b, struct sml_cmd *c);
/** Append whatever its size: what must be said, like the Status of SyncHdr. */
void compose_force(struct compose *b, struct sml_cmd *c);
/** Append a command whose size is known. */
void compose_put(struct compose *b, struct sml_cmd *c, size_t bytes);
/** Not used after all: give the CmdIDs back. */
void compose_drop(struct compose *b, const struct sml_cmd *c);

/** A Status. Empty refs are left out. */
struct sml_cmd *compose_status(struct compose *b, struct str msg_ref, struct str cmd_ref, struct str cmd, int code);
void compose_ref(struct compose *b, struct sml_ref **list, struct str uri);
struct sml_cmd *compose_alert(struct compose *b, int code);
/** Chal of a Status or Cred of a header: Type, Format b64 and, for a Chal, NextNonce. */
void compose_chal(struct compose *b, struct sml_cred *chal, enum sml_auth scheme, const uint8_t *nonce, size_t n_nonce);
struct str compose_number(struct arena *a, uint64_t n);

/**
 * The value as it travels. Binary (format "bin", or octets that XML 1.0 cannot hold) becomes base64 text with Format b64 in XML;
 * in WBXML it stays as it is (S-219, protocol.md 12, OMA-TS-DM_TND-V1_2_1 6).
 * @param format  changed to "b64" when that happened
 */
enum rc compose_value(enum sml_type type, struct arena *a, struct str value, struct str *format, struct str *out);
/** Is s well-formed UTF-8 made of characters that XML 1.0 allows? */
bool compose_is_xml_text(struct str s);
/**
 * How many octets of `rest` at most go into c's first Item so that c fits in `room`; never in the middle of a
 * character. Data of the Item is left set to that piece, MoreData to whether something stays behind.
 */
size_t compose_piece(enum sml_type type, struct sml_cmd *c, struct str rest, size_t room);

/** Fresh octets for NextNonce, none of them NUL (clients that keep a nonce as a C string exist). */
struct world;
void compose_nonce(const struct world *w, uint8_t out[SML_NONCE_BYTES]);
#endif
