/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_ASK_H
#define AGENT_DM_ASK_H
/* Shows prompts to the user on a thread of its own, one at a time, so that the device's loop never waits for the
 * user. */
#include "agent/dm/ui_alert.h"

struct ask;
enum rc ask_create(struct ask **out, struct err *e);
void ask_destroy(struct ask *k);    /* ends the program that shows a prompt */
int ask_fd(const struct ask *k);    /* readable when an answer is available */
bool ask_busy(const struct ask *k); /* a prompt is shown; another one must wait */
/**
 * struct user.ask with u->ask_ctx = struct ask: the first call shows the prompt, a later one returns the answer.
 * @return as struct user.ask; 0 also while another prompt is shown
 */
int ask_person(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
               struct str *answer);
#endif
