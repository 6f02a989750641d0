/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CTL_CATALOG_H
#define CLI_CTL_CATALOG_H
/* The states and operations of the server (GET /api/v1/layouts): this program has no list of its own. */
#include "cli/dmvisorctl/ctl.h"

/** All layouts, requested once. @param out  borrowed, valid as long as c */
enum ctl_exit catalog_load(struct ctl *c, const json_t **out);
/** For help and completion: as catalog_load, but a server that is unknown or slow is not an error. @return NULL then */
const json_t *catalog_try(struct ctl *c);
void catalog_finish(struct ctl *c);

/**
 * An operation by its name; one with the name of a command of this program also with "-vm" appended ("delete-vm").
 * @param scope  "vm", "device", or NULL = either @return NULL when there is none
 */
const json_t *catalog_operation(const json_t *layouts, const char *name, const char *scope);
/** Iterate over the operations of all layouts, each once. @param at  begins with {0}; @return NULL at the end */
struct catalog_at {
    size_t layout, operation;
};
const json_t *catalog_next(const json_t *layouts, struct catalog_at *at);
/** Its name on the command line: the operation's name, or "delete-vm" for "delete". */
const char *catalog_command(struct ctl *c, const json_t *operation);
/** Its arguments on the command line: "DEVICE VM", "DEVICE". */
const char *catalog_usage(const json_t *operation);
/** Report that neither a command nor an operation has the name args->operation. */
enum ctl_exit catalog_unknown(struct ctl *c, const json_t *layouts);
/** Print "usage: ..." of one operation. */
void catalog_help(struct ctl *c, const json_t *operation, struct buf *out);
#endif
