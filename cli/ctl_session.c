/* session ...: what was said, message by message. */
#include "cli/ctl_views.h"

#include <stdio.h>
#include <string.h>

/* Lines of a text, each harmless and moved to the right. */
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

static void octets(const char *what, const json_t *j, bool xml)
{
    if (!json_is_object(j)) return;
    ctl_print("  %s, %lld bytes\n", what, (long long)ctl_int(j, "bytes"));
    indented(ctl_text(j, xml ? "xml" : "text"));
}

static void message(const json_t *m, bool xml)
{
    const json_t *reasons = ctl_at(m, "reasons");
    struct buf at;
    buf_init(&at, 0);
    show_local(ctl_text(m, "at"), &at);
    ctl_print("\nMessage %lld  %s  %s%s\n", (long long)ctl_int(m, "n"), buf_z(&at), ctl_text(m, "type"),
              ctl_true(m, "tls") ? " over TLS" : "");
    buf_finish(&at);
    named("refused", ctl_text(m, "refused"));
    named("proved by", ctl_text(m, "provedBy"));
    octets("The device says", ctl_at(m, "in"), xml);
    if (ctl_text(m, "understood")[0]) ctl_print("  The server takes from it\n");
    indented(ctl_text(m, "understood"));
    if (json_array_size(reasons)) ctl_print("  Why it answers so\n");
    for (size_t i = 0; i < json_array_size(reasons); i++) indented(json_string_value(json_array_get(reasons, i)));
    octets("The server answers", ctl_at(m, "out"), xml);
}

enum ctl_exit cmd_session_show(struct ctl *c)
{
    struct ctl_reply r = { 0 };
    enum ctl_exit code = ctl_get(c, ctl_path(c, "/devices/{}/sessions/{}", c->args->arg[0], c->args->arg[1]), &r);
    if (!code) code = show_one(c, &r, &view_session);
    if (!code && c->format == FORMAT_TABLE) {
        const json_t *messages = ctl_at(r.json, "recording.messages");
        for (size_t i = 0; i < json_array_size(messages); i++)
            message(json_array_get(messages, i), ctl_has(c, OPT_XML));
        if (ctl_true(r.json, "recording.cut"))
            ctl_note("the session was longer than a recording may be: this is its beginning");
    }
    ctl_reply_finish(&r);
    return code;
}

/* The file as it is, for `dmtool replay`: to standard output, or into a file of its own. */
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
