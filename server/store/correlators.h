/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_STORE_CORRELATORS_H
#define SERVER_STORE_CORRELATORS_H
/* The Correlators of operations that a plan creates. They cannot be guessed, none is used twice for a device, and they
 * stay the same until something is sent, so that a preview shows those that will be sent. */
#include "server/store/store.h"

/** Assign a Correlator to each step of a plan that needs one. `generation` is the device's. */
enum rc correlators_assign(struct store *st, int64_t device, int64_t generation, struct pol_step *steps,
                           struct arena *a, struct err *e);
#endif
