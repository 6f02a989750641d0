/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_TREE_COMMANDS_H
#define SERVER_API_TREE_COMMANDS_H
/* Tree commands in REST requests: one, a group, or a change of access rights. Inside server/api/ only. */
#include "ddf/uri.h"
#include "server/api/call.h"

enum {
    TREE_COMMANDS = POL_ATOMIC_CHILDREN,
    TREE_DATA_BYTES = 64 << 10,
    TREE_URI_BYTES = DDF_URI_BYTES + 200 /* ?list=... */
};

struct tree_command {
    struct str command, uri, format, type, data;
    bool has_data;
    bool secret; /* its value is stored sealed (server/core/credentials.h) */
};

struct tree_wish {
    struct tree_command one;
    json_t *commands, *grant, *revoke;
    bool force;
    struct tree_command *items; /* members of an Atomic or a Sequence */
    size_t n_items;
    struct str args; /* of acl: "grant=Get=a+b;revoke=Replace=*;force=1" */
};

/** Check a command against the device's descriptions and canonicalise its addresses. A problem names the wrong member.
 * */
enum rc tree_commands_check(struct call *c, const struct device_row *d, struct tree_wish *w);
/** @param correlator  the operation's correlator: sealed values are bound to it */
enum rc tree_commands_insert(struct call *c, int64_t operation, struct str correlator, const struct tree_wish *w);
/** The stored form of a command's value. @param which  0 = the only command, or 1, 2, ... of a group */
enum rc tree_commands_value(struct call *c, const struct tree_command *t, struct str correlator, int which,
                            struct str *out);
#endif
