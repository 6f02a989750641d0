/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNCML_COMPOSE_H
#define SYNCML_COMPOSE_H
/* Builds an outgoing message, command by command, within the peer's MaxMsgSize to the octet, and cuts values that
 * are too long for one message. For both session machines. Running out of arena is recorded: check `nomem` once at
 * the end. */
#include "syncml/cred.h"
#include "syncml/msg.h"

enum {
    COMPOSE_ALERT_BYTES = 64,         /* an Alert with only its code, in either encoding */
    COMPOSE_DEFAULT_BYTES = 64 << 10, /* for a peer without MaxMsgSize (protocol.md 8) */
    COMPOSE_PIECE_MIN = 16,           /* the shortest piece of a value that is worth sending */
    SML_NONCE_BYTES = 16
};

struct compose {
    enum sml_type type;
    struct arena *a;
    struct sml_msg *msg;
    struct sml_cmd **tail;
    unsigned last_id; /* last CmdID given out */
    unsigned n_cmds;
    size_t used, max;  /* octets, encoded; while `rough`, used is an upper bound */
    bool rough, exact; /* rough: some commands were estimated, not measured; exact: no more estimates */
    bool nomem;
    struct sml_cmd spare; /* returned when the arena is full; never part of a message */
};

/** Start with a message whose header is complete. @param peer_max  its MaxMsgSize, 0 = none given */
void compose_begin(struct compose *b, enum sml_type type, struct arena *a, struct sml_msg *msg, uint64_t peer_max);
/**
 * A command with the next CmdID, not yet in the message. Never NULL: when the arena is full it is a spare one and
 * `nomem` is set.
 */
struct sml_cmd *compose_cmd(struct compose *b, enum sml_cmd_kind kind);
struct sml_item *compose_item(struct compose *b, struct sml_item ***tail);
/** Octets left, exactly. */
size_t compose_room(struct compose *b);
/** Append when an estimate is enough to know that it fits, as for most commands of most messages. */
bool compose_add_surely(struct compose *b, struct sml_cmd *c);
/** The same for one more Item of the last command; the caller appends the Item. */
bool compose_item_surely(struct compose *b, const struct sml_item *it);
/** Octets of the message so far, exactly. */
size_t compose_used(struct compose *b);
/** Append when it fits. @return false when it does not; its CmdIDs (and its children's) become free again */
bool compose_add(struct compose *b, struct sml_cmd *c);
/** Append whatever its size: for commands that are mandatory, like the Status of SyncHdr. */
void compose_force(struct compose *b, struct sml_cmd *c);
/** Append a command whose size is known. */
void compose_put(struct compose *b, struct sml_cmd *c, size_t bytes);
/** Discard a command that is not used: its CmdIDs become free again. */
void compose_drop(struct compose *b, const struct sml_cmd *c);

/** A Status. Empty refs are left out. */
struct sml_cmd *compose_status(struct compose *b, struct str msg_ref, struct str cmd_ref, struct str cmd, int code);
void compose_ref(struct compose *b, struct sml_ref **list, struct str uri);
struct sml_cmd *compose_alert(struct compose *b, int code);
/** Chal of a Status or Cred of a header: Type, Format b64 and, for a Chal, NextNonce. */
void compose_chal(struct compose *b, struct sml_cred *chal, enum sml_auth scheme, const uint8_t *nonce, size_t n_nonce);
struct str compose_number(struct arena *a, uint64_t n);

/**
 * The value in its form on the wire. A binary value (format "bin", or octets that XML 1.0 cannot hold) becomes base64
 * text with Format b64 in XML; in WBXML it is unchanged (S-219, protocol.md 12, OMA-TS-DM_TND-V1_2_1 6).
 * @param format  changed to "b64" in that case
 */
enum rc compose_value(enum sml_type type, struct arena *a, struct str value, struct str *format, struct str *out);
/** Is s well-formed UTF-8 made of characters that XML 1.0 allows? */
bool compose_is_xml_text(struct str s);
/**
 * The most octets of `rest` that fit into c's first Item so that c fits in `room`; never in the middle of a character.
 * Sets the Item's Data to that piece, and its MoreData when octets remain.
 */
size_t compose_piece(enum sml_type type, struct sml_cmd *c, struct str rest, size_t room);

/** New octets for NextNonce, none of them NUL (some clients keep a nonce as a C string). */
struct world;
void compose_nonce(const struct world *w, uint8_t out[SML_NONCE_BYTES]);
#endif
