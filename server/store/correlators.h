/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_CORRELATORS_H
#define SERVER_STORE_CORRELATORS_H
/* The Correlators of operations that a plan invents: nobody can guess them, none is used twice for a device, and who asks again
 * before anything was sent gets the same ones, so that a preview names those that will be on the wire. */
#include "server/store/store.h"

/** For each step of a plan that needs one. `generation` is the device's. */
enum rc correlators_assign(struct store *st, int64_t device, int64_t generation, struct pol_step *steps,
                           struct arena *a, struct err *e);
#endif
