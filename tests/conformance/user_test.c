/* SPDX-License-Identifier: Apache-2.0 */
/* User interaction on the device (protocol.md 5.1): the questions, every answer, and the program that shows them. */
#include "agent/dm/ui_alert.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct asked_user {
    struct sml_cmd cmd;
    struct sml_item item[8];
};

static const struct sml_cmd *alert(struct asked_user *k, const char *code, const char *options, const char *text,
                                   const char *choices)
{
    struct str rest = str_of(choices), part;
    size_t n = 0;
    memset(k, 0, sizeof *k);
    k->item[n++] = (struct sml_item){ .data = str_of(options), .has_data = options[0] != '\0' };
    k->item[n++] = (struct sml_item){ .data = str_of(text), .has_data = true };
    while (str_cut(&rest, '|', &part)) k->item[n++] = (struct sml_item){ .data = part, .has_data = true };
    for (size_t i = 0; i + 1 < n; i++) k->item[i].next = &k->item[i + 1];
    k->cmd = (struct sml_cmd){ .kind = SML_ALERT, .data = str_of(code), .items = &k->item[0] };
    return &k->cmd;
}

/* The status and the answers as "200 1,3" */
static const char *shown(struct user *u, int code, const char *options, const char *text, const char *choices)
{
    static char out[400];
    char number[8];
    struct arena a;
    struct asked_user k;
    struct sml_item *answer = NULL;
    arena_init(&a, 1 << 20);
    snprintf(number, sizeof number, "%d", code);
    size_t n = (size_t)snprintf(out, sizeof out, "%d",
                                ui_alert_show(u, STR("dm.example"), code, alert(&k, number, options, text, choices), &a,
                                              &answer));
    for (const struct sml_item *i = answer; i; i = i->next)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", i == answer ? " " : ",", STR_ARG(i->data));
    arena_finish(&a);
    return out;
}

#define SHOWN(u, want, code, options, text, choices)                                                                   \
    CU_ASSERT_STRING_EQUAL(shown(u, code, options, text, choices), want)

static void c_017_nobody_is_406_and_others_answer_as_configured(void)
{
    struct user nobody = { .mode = USER_NOBODY }, denies = { .mode = USER_DENIES }, accepts = { .mode = USER_ACCEPTS };
    for (int code = 1100; code <= 1104; code++) SHOWN(&nobody, "406", code, "", "Hello", code > 1102 ? "a|b" : "");
    SHOWN(&denies, "200", 1100, "", "Hello", "");
    SHOWN(&denies, "304", 1101, "DR=1", "Really?", "");
    SHOWN(&denies, "214", 1102, "", "Name?", "");
    SHOWN(&denies, "214", 1103, "", "Which?", "a|b");
    SHOWN(&accepts, "200", 1101, "DR=0", "Really?", "");
    SHOWN(&accepts, "200 my+name x", 1102, "DR=my%2Bname+x&IT=A&unknown=7", "Name?", "");
    SHOWN(&accepts, "200 1", 1103, "", "Which?", "a|b");
    SHOWN(&accepts, "200 2", 1103, "DR=2", "Which?", "a|b");
    SHOWN(&accepts, "214", 1103, "DR=3", "Which?", "a|b");
    SHOWN(&accepts, "200 2,3", 1104, "MINDT=10&DR=2-3", "Which ones?", "a|b|c");
    SHOWN(&accepts, "200", 1104, "", "Which ones?", "a|b|c");
    SHOWN(&accepts, "412", 1103, "", "Which?", "");
    SHOWN(&accepts, "406", 1105, "", "What?", "");
}

/* The person's part, without a program. */
static const char *says;
static int says_code;
static struct user_question heard;
static unsigned heard_wait;

static int person(const struct user *u, const struct user_question *q, unsigned wait_s, struct arena *a,
                  struct str *answer)
{
    (void)u, (void)a;
    heard = *q;
    heard_wait = wait_s;
    *answer = str_of(says);
    return says_code;
}

static void c_017_answers_are_held_to_the_question(void)
{
    static const struct {
        int code;
        const char *options, *choices;
        int how;
        const char *says, *want;
    } row[] = {
        { 1101, "", "", 200, "", "200" },
        { 1101, "", "", 304, "", "304" },
        { 1101, "", "", 214, "", "214" },
        { 1101, "MAXDT=5", "", 408, "", "408" },
        { 1102, "MAXLEN=3", "", 200, "abc", "200 abc" },
        { 1102, "MAXLEN=3", "", 200, "\xC3\xA4\xC3\xB6\xC3\xBC", "200 \xC3\xA4\xC3\xB6\xC3\xBC" },
        { 1102, "MAXLEN=3", "", 200, "abcd", "214" },
        { 1102, "IT=N", "", 200, "-3.5", "200 -3.5" },
        { 1102, "IT=N", "", 200, "five", "214" },
        { 1102, "IT=D", "", 200, "31012031", "200 31012031" },
        { 1102, "IT=D", "", 200, "310131", "214" },
        { 1102, "IT=T", "", 200, "120000", "200 120000" },
        { 1102, "IT=I", "", 200, "192.0.2.7", "200 192.0.2.7" },
        { 1102, "IT=P", "", 200, "+4930p5w6", "200 +4930p5w6" },
        { 1102, "", "", 200, "\xFF", "214" },
        { 1103, "", "a|b|c", 200, "3", "200 3" },
        { 1103, "", "a|b|c", 200, "4", "214" },
        { 1103, "", "a|b|c", 200, "0", "214" },
        { 1103, "", "a|b|c", 200, "1\n2", "214" },
        { 1104, "", "a|b|c", 200, "3\n1", "200 3,1" },
        { 1104, "", "a|b|c", 200, "", "200" },
        { 1104, "", "a|b|c", 200, "x", "214" },
    };
    struct user u = { .mode = USER_PROGRAM, .wait_s = 60, .ask = person };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        says = row[i].says;
        says_code = row[i].how;
        SHOWN(&u, row[i].want, row[i].code, row[i].options, "Well?", row[i].choices);
    }
    shown(&u, 1102, "MAXDT=7&MINDT=2&ET=P&IT=N&MAXLEN=4&DR=12", "PIN?", "");
    CU_ASSERT(heard_wait == 7 && heard.min_s == 2 && heard.masked && heard.input == 'N' && heard.max_len == 4);
    CU_ASSERT(str_is(heard.server, "dm.example"));
    shown(&u, 1101, "MAXDT=-3&MAXLEN=x", "OK?", "");
    CU_ASSERT_EQUAL(heard_wait, 60);
}

static void n_006_the_ui_mode_of_a_notification_is_followed(void)
{
    static const struct {
        enum user_mode mode;
        enum sml_ui ui;
        int person;
        enum user_verdict lets;
    } row[] = {
        { USER_PROGRAM, SML_UI_ANY, 304, USER_YES },    { USER_PROGRAM, SML_UI_BACKGROUND, 304, USER_YES },
        { USER_PROGRAM, SML_UI_INFORM, 304, USER_YES }, { USER_PROGRAM, SML_UI_ASK, 304, USER_NO },
        { USER_PROGRAM, SML_UI_ASK, 408, USER_NO },     { USER_PROGRAM, SML_UI_ASK, 200, USER_YES },
        { USER_PROGRAM, SML_UI_ASK, 0, USER_LATER },    { USER_DENIES, SML_UI_ASK, 0, USER_NO },
        { USER_DENIES, SML_UI_INFORM, 0, USER_YES },    { USER_ACCEPTS, SML_UI_ASK, 0, USER_YES },
        { USER_NOBODY, SML_UI_ASK, 0, USER_YES },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct user u = { .mode = row[i].mode, .wait_s = 60, .ask = person };
        struct arena a;
        arena_init(&a, 4096);
        memset(&heard, 0, sizeof heard);
        says = "";
        says_code = row[i].person;
        CU_ASSERT_EQUAL(ui_alert_lets(&u, &u, row[i].ui, STR("dm.example"), &a), row[i].lets);
        if (row[i].mode == USER_PROGRAM) /* background: nothing is shown; informative: shown; else asked */
            CU_ASSERT_EQUAL(heard.code, row[i].ui == SML_UI_ASK ? 1101 : row[i].ui == SML_UI_INFORM ? 1100 : 0);
        arena_finish(&a);
    }
}

static void program(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    chmod(file, 0700);
}

static void c_017_a_program_answers_without_a_shell(void)
{
    char dir[] = "/tmp/dmvisor-user-XXXXXX", file[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/ask", dir);
    struct user u = { .mode = USER_PROGRAM, .program = file, .wait_s = 5, .ask = ui_alert_hook };
    SHOWN(&u, "406", 1101, "", "Really?", ""); /* not there */
    program(file, "exit 0");
    SHOWN(&u, "200", 1101, "", "Really?", "");
    program(file, "exit 1");
    SHOWN(&u, "304", 1101, "", "Really?", "");
    SHOWN(&u, "214", 1102, "", "Name?", "");
    program(file, "exit 2");
    SHOWN(&u, "214", 1101, "", "Really?", "");
    program(file, "exit 9");
    SHOWN(&u, "406", 1101, "", "Really?", "");
    program(file, "kill -9 $$");
    SHOWN(&u, "406", 1101, "", "Really?", "");
    program(file, "echo \"$1/$2/$DM_SERVER/$DM_INITIAL/$DM_INPUT/$DM_MASKED/$DM_SECONDS\"");
    SHOWN(&u, "200 input/$(id); `id`/dm.example/a b/A/1/9", 1102, "ET=P&DR=a%20b&MAXDT=9", "$(id); `id`", "");
    program(file, "[ \"$1 $3 $4\" = 'choices one two' ] && printf '2\\n1\\n'");
    SHOWN(&u, "200 2,1", 1104, "", "Which?", "one|two");
    program(file, "yes");
    SHOWN(&u, "408", 1101, "MAXDT=1", "Really?", ""); /* ended with all it said */
    program(file, "sleep 30 & exec sleep 30");
    SHOWN(&u, "408", 1101, "MAXDT=1", "Really?", "");
    unlink(file);
    rmdir(dir);
}

TEST_MAIN("conformance.user", TEST(c_017_nobody_is_406_and_others_answer_as_configured),
          TEST(c_017_answers_are_held_to_the_question), TEST(n_006_the_ui_mode_of_a_notification_is_followed),
          TEST(c_017_a_program_answers_without_a_shell))
