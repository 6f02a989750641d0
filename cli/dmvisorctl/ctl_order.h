/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_ORDER_H
#define CLI_DMVISORCTL_CTL_ORDER_H
/* Asking for an operation, and following it (ctl_operation.c). */
#include "base/doc.h"
#include "cli/dmvisorctl/ctl.h"

/* Where the request's commands were written down, so that what the server says of them can be shown in its place. */
struct order_source {
    const char *file;
    const struct doc *commands; /* the list */
};

/** @param from  may be NULL; @param wait  follow it although --wait was not given */
enum ctl_exit ctl_order(struct ctl *c, const char *device, json_t *body, const struct order_source *from, bool wait);
/** What a tree command brought back, in tables (ctl_tree.c). */
void order_show_tree_result(struct ctl *c, const json_t *operation);
#endif
