/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_API_TREE_COMMANDS_H
#define SERVER_API_TREE_COMMANDS_H
/* Commands that people give to a device's tree, as REST has them: one, several that go together, or a change of access
 * rights. Inside server/api/ only. */
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
    bool secret; /* what it writes rests sealed (server/core/credentials.h) */
};

struct tree_wish {
    struct tree_command one;
    json_t *commands, *grant, *revoke;
    bool force;
    struct tree_command *items; /* of an Atomic or a Sequence */
    size_t n_items;
    struct str args; /* of acl: "grant=Get=a+b;revoke=Replace=*;force=1" */
};

/** Is it in order, as the device's descriptions say? Addresses become canonical. Refuses with the member to blame. */
enum rc tree_commands_check(struct call *c, const struct device_row *d, struct tree_wish *w);
/** @param correlator  the operation's: sealed values are bound to it */
enum rc tree_commands_insert(struct call *c, int64_t operation, struct str correlator, const struct tree_wish *w);
/** The value of a command as the database has it. @param which  0 = of the only one, then 1, 2, ... */
enum rc tree_commands_value(struct call *c, const struct tree_command *t, struct str correlator, int which,
                            struct str *out);
#endif
