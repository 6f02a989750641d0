/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_ORDER_H
#define CLI_DMVISORCTL_CTL_ORDER_H
/* Creates an operation and follows it (ctl_operation.c). */
#include "base/doc.h"
#include "cli/dmvisorctl/ctl.h"

/* The file with the request's commands, so that the server's errors can be shown at their place. */
struct order_source {
    const char *file;
    const struct doc *commands; /* the list */
};

/** @param from  may be NULL; @param wait  follow it even without --wait */
enum ctl_exit ctl_order(struct ctl *c, const char *device, json_t *body, const struct order_source *from, bool wait);
/** Show the result of a tree command in tables (ctl_tree.c). */
void order_show_tree_result(struct ctl *c, const json_t *operation);
#endif
