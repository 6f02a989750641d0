/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CTL_CATALOG_H
#define CLI_CTL_CATALOG_H
/* The states and operations that the server knows (GET /api/v1/layouts): this program has no list of its own. */
#include "cli/dmvisorctl/ctl.h"

/** All layouts, asked for once. @param out  borrowed, lives as long as c */
enum ctl_exit catalog_load(struct ctl *c, const json_t **out);
/** For help and the like: as catalog_load, but a server that is not known or does not answer soon is no error. @return NULL then */
const json_t *catalog_try(struct ctl *c);
void catalog_finish(struct ctl *c);

/** An operation by its name; one that is called like a command of this program also with "-vm" behind it ("delete-vm").
 * @param scope  "vm", "device", or NULL = either @return NULL when there is none */
const json_t *catalog_operation(const json_t *layouts, const char *name, const char *scope);
/** Each operation of all layouts once. @param at  begins with {0}; @return NULL at the end */
struct catalog_at {
    size_t layout, operation;
};
const json_t *catalog_next(const json_t *layouts, struct catalog_at *at);
/** What it is called on the command line: its name, "delete-vm" for "delete". */
const char *catalog_command(struct ctl *c, const json_t *operation);
/** Its arguments on the command line: "DEVICE VM", "DEVICE". */
const char *catalog_usage(const json_t *operation);
/** There is neither a command nor an operation that is called like args->operation: says so. */
enum ctl_exit catalog_unknown(struct ctl *c, const json_t *layouts);
/** "usage: ..." of one operation, for people. */
void catalog_help(struct ctl *c, const json_t *operation, struct buf *out);
#endif
