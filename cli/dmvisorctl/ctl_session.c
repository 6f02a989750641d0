/* SPDX-License-Identifier: Apache-2.0 */
/* session ...: the messages of a session. */
#include "cli/dmvisorctl/ctl_views.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Print the lines of a text indented, without control characters. */
static void indented(const char *text)
{
    struct str rest = str_of(text), line;
    struct buf b;
    buf_init(&b, 0);
    while (str_cut(&rest, '\n', &line)) {
        buf_putz(&b, "    ");
        table_clean(&b, line);
        buf_byte(&b, '\n');
    }
    ctl_put(buf_str(&b));
    buf_finish(&b);
}

static void named(const char *name, const char *text)
{
    struct buf b;
    if (!text[0]) return;
    buf_init(&b, 0);
    table_clean(&b, str_of(text));
    ctl_print("  %s: %s\n", name, buf_z(&b));
    buf_finish(&b);
}

/* Print the statuses other than success, one on a line. */
static void troubles(const json_t *statuses)
{
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const json_t *s = json_array_get(statuses, i);
        struct buf b;
        if (ctl_int(s, "code") >= 200 && ctl_int(s, "code") < 300) continue;
        buf_init(&b, 0);
        buf_printf(&b, "! %s %s: %lld %s", ctl_text(s, "command"), ctl_text(s, "of"), (long long)ctl_int(s, "code"),
                   ctl_text(s, "codeText"));
        if (ctl_text(s, "uri")[0]) buf_printf(&b, ", %s", ctl_text(s, "uri"));
        indented(buf_z(&b));
        buf_finish(&b);
    }
}

static void octets(const char *what, const json_t *j, bool xml)
{
    if (!json_is_object(j)) return;
    ctl_print("  %s, %lld bytes\n", what, (long long)ctl_int(j, "bytes"));
    troubles(ctl_at(j, "statuses"));
    indented(ctl_text(j, xml ? "xml" : "text"));
}

/* The device's answer to the command "#5": a later message has "#5=200". 0: none. */
static int64_t answer_to(const json_t *messages, size_t from, struct str command)
{
    for (size_t i = from; i < json_array_size(messages); i++) {
        struct str rest = str_of(ctl_text(json_array_get(messages, i), "understood")), word;
        while (str_cut(&rest, ',', &word)) {
            int64_t code;
            word = str_trim(word);
            size_t n = str_find(word, '=', 0);
            if (n == word.n || !str_eq(str_slice(word, 0, n), command)) continue;
            word = str_slice(word, n + 1, word.n);
            if (str_to_i64(str_slice(word, 0, str_find(word, ' ', 0)), &code)) return code;
        }
    }
    return 0;
}

/* "#5 Replace ./A: why", and its result. */
static void decision(const json_t *messages, size_t from, const char *reason)
{
    struct str text = str_of(reason);
    struct buf b;
    int64_t code = reason[0] == '#' ? answer_to(messages, from, str_slice(text, 0, str_find(text, ' ', 0))) : 0;
    buf_init(&b, 0);
    buf_put(&b, text);
    if (code) buf_printf(&b, " (answered %lld)", (long long)code);
    indented(buf_z(&b));
    buf_finish(&b);
}

static void message(const json_t *messages, size_t i, bool xml)
{
    const json_t *m = json_array_get(messages, i), *reasons = ctl_at(m, "reasons");
    int64_t now_ms, before_ms;
    struct buf at;
    buf_init(&at, 0);
    show_local(ctl_text(m, "at"), &at);
    ctl_print("\nMessage %lld  %s  %s%s", (long long)ctl_int(m, "n"), buf_z(&at), ctl_text(m, "type"),
              ctl_true(m, "tls") ? " over TLS" : "");
    buf_finish(&at);
    if (i && text_time_parse(str_of(ctl_text(m, "at")), &now_ms) &&
        text_time_parse(str_of(ctl_text(json_array_get(messages, i - 1), "at")), &before_ms))
        ctl_print(", %lld ms after the one before", (long long)(now_ms - before_ms));
    ctl_print("\n");
    named("refused", ctl_text(m, "refused"));
    named("authenticated by", ctl_text(m, "provedBy"));
    octets("From the device", ctl_at(m, "in"), xml);
    if (ctl_text(m, "understood")[0]) ctl_print("  The server's reading\n");
    indented(ctl_text(m, "understood"));
    if (json_array_size(reasons)) ctl_print("  Reasons for the answer\n");
    for (size_t k = 0; k < json_array_size(reasons); k++)
        decision(messages, i + 1, json_string_value(json_array_get(reasons, k)));
    octets("From the server", ctl_at(m, "out"), xml);
}

enum ctl_exit cmd_session_show(struct ctl *c)
{
    const char *device = c->args->arg[0], *n = c->args->arg[1];
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/sessions/{}", device, n), &r);
    if (!code) code = show_one(c, &r, &view_session);
    if (!code && c->format == FORMAT_TABLE) {
        const json_t *messages = ctl_at(r.json, "recording.messages");
        for (size_t i = 0; i < json_array_size(messages); i++) message(messages, i, ctl_has(c, OPT_XML));
        if (ctl_true(r.json, "recording.cut"))
            ctl_note("the session exceeded the limit of a recording: this is its beginning");
        if (json_is_array(messages))
            ctl_note(
                "to replay it: dmvisorctl session download %s %s -f session-%s.yaml && dmtool replay session-%s.yaml",
                device, n, n, n);
        else
            ctl_note(
                "its messages were not recorded; to record the next sessions: dmvisorctl device set %s --record on",
                device);
    }
    ctl_reply_finish(&r);
    return code;
}

/* The recording unchanged, for `dmtool replay`: to standard output, or into a file of its own. */
enum ctl_exit cmd_session_download(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    struct ctl_secret file = { .fd = -1 };
    const struct ctl_request q = { .method = "GET",
                                   .accept = "application/yaml, application/problem+json",
                                   .path = ctl_path(c, "/devices/{}/sessions/{}/recording", c->args->arg[0],
                                                    c->args->arg[1]) };
    enum ctl_exit code = ctl_has(c, OPT_FILE) ? ctl_secret_open(ctl_opt(c, OPT_FILE), ctl_has(c, OPT_FORCE), &file)
                                              : CTL_OK;
    if (!code) code = ctl_call(c, &q, &r);
    if (!code && file.fd >= 0)
        code = ctl_secret_write(&file, buf_str(&r.text));
    else if (!code)
        ctl_put(buf_str(&r.text));
    ctl_secret_drop(&file);
    ctl_reply_finish(&r);
    return code;
}
