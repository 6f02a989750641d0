/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_OBJECTS_H
#define AGENT_MO_OBJECTS_H
/* Addresses of the standard objects' values by name (standard.yaml), so that no C code spells a node name. */
#include "base/arena.h"
#include "base/rc.h"

struct objects_entry {
    struct str name, uri;
};
struct objects {
    struct objects_entry *entries;
    size_t n;
};

/** Everything is in the arena. @return RC_IO, RC_PARSE, RC_INVALID */
enum rc objects_load(const char *file, struct arena *a, struct objects *out, struct err *e);
/** The address with '*' for instances; empty when the word is unknown. */
struct str objects_uri(const struct objects *o, const char *name);
/** The address with the instances filled in, in the arena. */
struct str objects_fill(struct str pattern, struct str first, struct str second, struct arena *a);
#endif
