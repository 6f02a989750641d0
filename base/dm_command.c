/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dm_command.h"

static const struct {
    const char *word, *name, *alert;
} commands[DM_COMMAND_COUNT] = { [DM_NONE] = { "none", "None", NULL },
#define X(id, word, name, alert) [DM_##id] = { word, name, alert },
                                 DM_COMMANDS(X)
#undef X
};

const char *dm_command_word(enum dm_command c)
{
    return commands[c].word;
}

const char *dm_command_name(enum dm_command c)
{
    return commands[c].name;
}

const char *dm_command_alert(enum dm_command c)
{
    return commands[c].alert;
}

enum dm_command dm_command_of(struct str word)
{
    for (int i = DM_NONE + 1; i < DM_COMMAND_COUNT; i++)
        if (str_eq_fold(word, str_of(commands[i].word))) return (enum dm_command)i;
    return DM_NONE;
}
