/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DM_COMMAND_H
#define BASE_DM_COMMAND_H
/* The commands that a server sends to a device's tree and to its user: one enum and one word for each, used in REST,
 * rows and plans alike, with the command's name on the wire (OMA-TS-DM_Protocol-V1_2_1 6.5 to 6.7; user interaction
 * is an Alert, 8.2). */
#include "base/str.h"

/* X(id, word, name on the wire, alert code of a user interaction) */
/* clang-format off */
#define DM_COMMANDS(X)                                                                     \
    X(GET,      "get",      "Get",      NULL)                                              \
    X(ADD,      "add",      "Add",      NULL)                                              \
    X(REPLACE,  "replace",  "Replace",  NULL)                                              \
    X(DELETE,   "delete",   "Delete",   NULL)                                              \
    X(EXEC,     "exec",     "Exec",     NULL)                                              \
    X(COPY,     "copy",     "Copy",     NULL)   /* data: the address to copy from */       \
    X(DISPLAY,  "display",  "Alert",    "1100") /* a user interaction: options, text, choices */   \
    X(CONFIRM,  "confirm",  "Alert",    "1101")                                            \
    X(INPUT,    "input",    "Alert",    "1102")                                            \
    X(CHOICE,   "choice",   "Alert",    "1103")                                            \
    X(CHOICES,  "choices",  "Alert",    "1104")                                            \
    X(ATOMIC,   "atomic",   "Atomic",   NULL)                                              \
    X(SEQUENCE, "sequence", "Sequence", NULL)                                              \
    X(ACL,      "acl",      "Replace",  NULL)   /* read first, then replaced by the wanted ACL */
/* clang-format on */

enum dm_command {
    DM_NONE, /* no command */
#define X(id, word, name, alert) DM_##id,
    DM_COMMANDS(X)
#undef X
        DM_COMMAND_COUNT
};

/** The word in REST and rows: "get". */
const char *dm_command_word(enum dm_command c);
/** The name on the wire: "Get". */
const char *dm_command_name(enum dm_command c);
/** The command of a word, case-insensitive; DM_NONE when the word is not a command. */
enum dm_command dm_command_of(struct str word);
/** The alert code of a user interaction; NULL for a command to the tree. */
const char *dm_command_alert(enum dm_command c);
static inline bool dm_command_asks(enum dm_command c)
{
    return dm_command_alert(c) != NULL;
}
/** True for commands that hold other commands. */
static inline bool dm_command_groups(enum dm_command c)
{
    return c == DM_ATOMIC || c == DM_SEQUENCE;
}
#endif
