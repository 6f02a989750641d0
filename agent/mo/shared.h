/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MO_SHARED_H
#define AGENT_MO_SHARED_H
/* Descriptions, layout and the rows of all management objects: loaded once, shared by all devices of the process. */
#include "agent/mo/objects.h"
#include "agent/tree/tree.h"

enum { DEVINFO_LEAVES = 5 };

struct mo_shared {
    struct arena arena;
    struct ddf_schema *schema;
    const struct ddf_layout *layout;
    struct objects objects;
    struct tree_model *model;
    struct str devinfo[DEVINFO_LEAVES]; /* addresses of the values in package 1 */
};

struct mo_places {
    const char *objects;       /* folder with mo/ and layout/ */
    const char *own;           /* folder with standard.yaml */
    const char *root, *images; /* addresses of the two objects; NULL = where the layout has them */
};
/** @return RC_INVALID names the setting that is no place for an object */
enum rc mo_shared_load(const struct mo_places *p, struct mo_shared **out, struct err *e);
void mo_shared_destroy(struct mo_shared *s);
#endif
