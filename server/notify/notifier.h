/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_NOTIFY_NOTIFIER_H
#define SERVER_NOTIFY_NOTIFIER_H
/* Sends notifications: waits for the next due row of table `notification` or for a wake-up, signs (syncml/notify.h), sends by
 * the device's channel at a bounded, smoothed rate, and schedules retries. A session that starts with Alert 1200
 * answers its notification in the DM worker's transaction. */
#include "server/core/server.h"

enum rc notifier_create(struct server *srv, struct notifier **out, struct err *e);
void notifier_destroy(struct notifier *n);
/** A notification was committed. From any thread. Accepts NULL. */
void notifier_wake(struct notifier *n);
#endif
