/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_ASK_H
#define AGENT_DM_ASK_H
/* Shows questions to the person at the device on a thread of its own, one at a time, so that the device's loop never waits while he
 * thinks. */
#include "agent/dm/ui_alert.h"

struct ask;
enum rc ask_create(struct ask **out, struct err *e);
void ask_destroy(struct ask *k);    /* the program that shows a question is ended */
int ask_fd(const struct ask *k);    /* readable when an answer is there */
bool ask_busy(const struct ask *k); /* a person thinks: there is no use in asking again yet */
/** struct user.ask with u->ask_ctx = struct ask: the first call puts the question, a later one gives the answer. @return as struct
 * user.ask; 0 also while another question is shown */
int ask_person(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
               struct str *answer);
#endif
