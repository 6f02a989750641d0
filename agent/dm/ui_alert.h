/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DM_UI_ALERT_H
#define AGENT_DM_UI_ALERT_H
/* Alerts 1100 to 1104 (protocol.md 5.1): prompts of a server for the user, and the answers. The configuration
 * decides who answers: nobody (406), always no, always yes with the server's preset, or a program (ui_alert_hook.c)
 * that shows the prompt. */
#include "agent/dm/commands.h"
#include "syncml/notify.h"
#include <stdatomic.h>

enum user_mode { USER_NOBODY, USER_DENIES, USER_ACCEPTS, USER_PROGRAM };
enum { USER_CHOICES = 64, USER_TEXT_BYTES = 4096, USER_WAIT_MAX_S = 600 };

struct user_question {
    const void *from;                 /* identifies the source: a repeated prompt has the same value */
    int code;                         /* 1100 to 1104 */
    struct str server, text, initial; /* initial: DR as received */
    struct str choices[USER_CHOICES];
    size_t n_choices;
    unsigned min_s, max_s; /* MINDT, MAXDT; 0 = not given */
    size_t max_len;        /* MAXLEN in characters; 0 = not given */
    char input;            /* IT: A N D T P I */
    bool masked;           /* ET=P */
};

struct user {
    enum user_mode mode;
    const char *program;
    unsigned wait_s; /* when the server does not give one */
    /**
     * Show a prompt; the answer is the program's text. @return 200 yes, 304 no, 214 cancelled, 408 no answer in time,
     * 406 cannot be shown, 0 = no answer yet: repeat the same prompt later (ask.h)
     */
    int (*ask)(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
               struct str *answer);
    void *ask_ctx;     /* for `ask` */
    atomic_bool *stop; /* set when the answer is no longer needed; may be NULL */
};

/** Read a command. @return 200, 406 for another code or too many choices, 412 without a text or choices */
int ui_alert_read(const struct sml_cmd *cmd, struct str server, int code, struct arena *a, struct user_question *out);
/** exec_user.show; ctx is a struct user. */
int ui_alert_show(void *ctx, struct str server, int code, const struct sml_cmd *cmd, struct arena *a,
                  struct sml_item **answer);
enum user_verdict { USER_NO, USER_YES, USER_LATER };
/**
 * N-006: may a session begin that a notification requests? An informative one is shown; one that needs consent is a
 * prompt. @param from  the notification @return USER_LATER while there is no answer
 */
enum user_verdict ui_alert_lets(const struct user *u, const void *from, enum sml_ui ui, struct str server,
                                struct arena *a);
/** Run u->program without a shell and wait for it. */
int ui_alert_hook(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
                  struct str *answer);
#endif
