/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMTOOL_DMTOOL_OBJECTS_H
#define CLI_DMTOOL_DMTOOL_OBJECTS_H
/* The management objects a server has: descriptions and layouts, from its folder (objects.directory) and from further files. */
#include "base/arena.h"
#include "server/decide/decide_replay.h"

enum { DMTOOL_OBJECTS = 256 };

struct dmtool_objects {
    const char *folder;                                       /* with mo/ and layout/; NULL: the installed one */
    const char *ddf[DMTOOL_OBJECTS], *layout[DMTOOL_OBJECTS]; /* beside those of the folder */
    size_t n_ddf, n_layout;
    struct ddf_schema *schema;
    struct decide_objects found;
};

enum rc dmtool_objects_load(struct dmtool_objects *x, struct arena *a, struct err *e);
void dmtool_objects_finish(struct dmtool_objects *x);
#endif
