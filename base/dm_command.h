/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DM_COMMAND_H
#define BASE_DM_COMMAND_H
/* What a server asks of a device's tree and of the person at it: one enum and one word for each, in REST, rows and plans alike, with
 * the command's name on the wire (OMA-TS-DM_Protocol-V1_2_1 6.5 to 6.7; questions are Alerts, 8.2). */
#include "base/str.h"

/* X(id, word, name on the wire, alert code of a question) */
/* clang-format off */
#define DM_COMMANDS(X)                                                                     \
    X(GET,      "get",      "Get",      NULL)                                              \
    X(ADD,      "add",      "Add",      NULL)                                              \
    X(REPLACE,  "replace",  "Replace",  NULL)                                              \
    X(DELETE,   "delete",   "Delete",   NULL)                                              \
    X(EXEC,     "exec",     "Exec",     NULL)                                              \
    X(COPY,     "copy",     "Copy",     NULL)   /* data: the address to copy from */       \
    X(DISPLAY,  "display",  "Alert",    "1100") /* a question: options, text, choices */   \
    X(CONFIRM,  "confirm",  "Alert",    "1101")                                            \
    X(INPUT,    "input",    "Alert",    "1102")                                            \
    X(CHOICE,   "choice",   "Alert",    "1103")                                            \
    X(CHOICES,  "choices",  "Alert",    "1104")                                            \
    X(ATOMIC,   "atomic",   "Atomic",   NULL)                                              \
    X(SEQUENCE, "sequence", "Sequence", NULL)                                              \
    X(ACL,      "acl",      "Replace",  NULL)   /* read, then written as it shall be */
/* clang-format on */

enum dm_command {
    DM_NONE, /* no command */
#define X(id, word, name, alert) DM_##id,
    DM_COMMANDS(X)
#undef X
        DM_COMMAND_COUNT
};

/** "get". */
const char *dm_command_word(enum dm_command c);
/** "Get": on the wire, and as people who know the protocol read it. */
const char *dm_command_name(enum dm_command c);
/** A word, in any case, as a command; DM_NONE when it is none. */
enum dm_command dm_command_of(struct str word);
/** The alert code of a question to the person at the device; NULL for a command to the tree. */
const char *dm_command_alert(enum dm_command c);
static inline bool dm_command_asks(enum dm_command c)
{
    return dm_command_alert(c) != NULL;
}
/** Does it hold other commands? */
static inline bool dm_command_groups(enum dm_command c)
{
    return c == DM_ATOMIC || c == DM_SEQUENCE;
}
#endif
