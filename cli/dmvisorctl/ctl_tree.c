/* SPDX-License-Identifier: Apache-2.0 */
/* tree ...: commands to a device's tree, single and grouped; access rights. */
#include "cli/dmvisorctl/ctl_order.h"
#include "cli/dmvisorctl/ctl_views.h"

#include "base/text.h"

#include <string.h>

/* "tree replace" -> "replace" */
static const char *command_of(const struct ctl *c)
{
    return strchr(c->args->command->name, ' ') + 1;
}

static json_t *new_order(const char *command)
{
    json_t *body = json_object();
    ctl_set(body, "kind", "tree");
    ctl_set(body, "command", command);
    return body;
}

/* ---- results ---- */

/* The list that applies: the last one read that is not empty, or the one written where it cannot be read back. */
static void show_rights(struct ctl *c, const json_t *commands)
{
    static const struct show_view view = {
        "rights", "right", NULL, { { "RIGHT", "right", SHOW_TEXT, NULL }, { "SERVERS", "servers", SHOW_TEXT, NULL } }
    };
    const char *acl = "";
    for (size_t i = 0; i < json_array_size(commands); i++) {
        const json_t *cmd = json_array_get(commands, i);
        bool written = strcmp(ctl_text(cmd, "command"), "replace") == 0 &&
                       json_integer_value(ctl_at(cmd, "code")) == 200;
        const char *value = ctl_text(cmd, written ? "data" : "reported.value");
        if (value[0]) acl = value;
    }
    struct str rest = str_of(acl), entry;
    json_t *rows = json_array();
    while (str_cut(&rest, '&', &entry)) {
        size_t eq = str_find(entry, '=', 0);
        struct str ids = str_slice(entry, eq + 1, entry.n), id;
        json_t *row = json_object();
        struct buf names;
        buf_init(&names, 0);
        while (str_cut(&ids, '+', &id))
            buf_printf(&names, "%s%.*s", names.n ? ", " : "", STR_ARG(str_is(id, "*") ? STR("everybody") : id));
        json_object_set_new(row, "right", json_stringn(entry.p, eq));
        ctl_set(row, "servers", buf_z(&names));
        json_array_append_new(rows, row);
        buf_finish(&names);
    }
    show_section(c, "Rights", rows, &view);
    json_decref(rows);
}

/* Empty, not sent, octets, text: shown differently. */
static void found_value(const json_t *j, struct buf *out)
{
    const json_t *value = ctl_at(j, "value");
    const char *text = ctl_text(j, "value");
    if (json_is_null(value) && ctl_at(j, "size"))
        buf_printf(out, "(no value sent, size %lld octets)", (long long)json_integer_value(ctl_at(j, "size")));
    else if (json_is_null(value))
        buf_putz(out, "(no value sent)");
    else if (!text[0])
        buf_putz(out, strcmp(ctl_text(j, "format"), "node") == 0 ? "" : "(empty)");
    else
        buf_printf(out, "%s%s", text, ctl_text(j, "encoding")[0] ? " (base64)" : "");
}

void order_show_tree_result(struct ctl *c, const json_t *o)
{
    static const struct show_view view = { "values",
                                           "uri",
                                           NULL,
                                           { { "URI", "uri", SHOW_TEXT, NULL },
                                             { "FORMAT", "format", SHOW_TEXT, NULL },
                                             { "VALUE", NULL, SHOW_OWN, found_value } } };
    const json_t *result = ctl_at(o, "result"), *commands = ctl_at(o, "commands");
    if (json_is_array(result)) show_section(c, "Result", result, &view);
    if (!json_array_size(commands)) return;
    show_section(c, "Commands", commands, &view_commands);
    if (strcmp(ctl_text(o, "command"), "acl") == 0 && strcmp(ctl_text(o, "state"), "verified") == 0)
        show_rights(c, commands);
}

/* ---- one command ---- */

enum ctl_exit cmd_tree(struct ctl *c)
{
    json_t *body = new_order(command_of(c));
    ctl_set(body, "uri", c->args->arg[1]);
    ctl_set(body, "format", ctl_opt(c, OPT_FORMAT));
    ctl_set(body, "type", ctl_opt(c, OPT_TYPE));
    ctl_set(body, "data", c->args->n_args > 2 ? c->args->arg[2] : NULL);
    enum ctl_exit code = ctl_order(c, c->args->arg[0], body, NULL, false);
    json_decref(body);
    return code;
}

/* User interaction: options such as MAXDT=60, the text, the choices, each on a line. */
enum ctl_exit cmd_tree_ask(struct ctl *c)
{
    struct buf lines;
    const char *v;
    enum ctl_exit code = CTL_OK;
    buf_init(&lines, CTL_FILE_BYTES);
    for (size_t at = 0; !code && (v = ctl_args_next(c->args, OPT_ARG, &at)) != NULL;) {
        const char *eq = strchr(v, '=');
        if (!eq || eq == v) {
            code = ctl_usage(c, "--arg is \"%s\"; an option such as MAXDT=60, DR=1, MAXLEN=20 is expected", v);
            break;
        }
        buf_printf(&lines, "%s%.*s=", lines.n ? "&" : "", (int)(eq - v), v);
        text_url_put(&lines, str_of(eq + 1));
    }
    for (size_t i = 1; !code && i < c->args->n_args; i++) {
        if (strchr(c->args->arg[i], '\n'))
            code = ctl_usage(c, "texts for the user of the device must have one line each");
        buf_printf(&lines, "\n%s", c->args->arg[i]);
    }
    json_t *body = new_order(command_of(c));
    ctl_set(body, "data", buf_z(&lines));
    if (!code) code = ctl_order(c, c->args->arg[0], body, NULL, false);
    json_decref(body);
    buf_finish(&lines);
    return code;
}

/* ---- several commands ---- */

/* Add a command of the file; all values are texts, quoted or not. */
static enum ctl_exit put_command(const char *file, const struct doc *d, json_t *list)
{
    if (d->kind != DOC_MAP)
        return ctl_error(CTL_FAILED, "%s:%u:%u: a command is a map: command, uri, format, type, data", file, d->line,
                         d->column);
    json_t *one = json_object();
    json_array_append_new(list, one);
    for (const struct doc *k = d->first; k; k = k->next) {
        char name[32];
        json_t *text = k->kind == DOC_SCALAR ? json_stringn(k->text.p, k->text.n)
                       : k->kind == DOC_NULL ? json_string("")
                                             : NULL;
        if (!text || k->key.n >= sizeof name) {
            json_decref(text);
            return ctl_error(CTL_FAILED, "%s:%u:%u: %.*s: a text is expected here", file, k->line, k->column,
                             (int)(k->key.n > 40 ? 40 : k->key.n), k->key.p);
        }
        memcpy(name, k->key.p, k->key.n);
        name[k->key.n] = '\0';
        json_object_set_new(one, name, text);
    }
    return CTL_OK;
}

static enum ctl_exit read_commands(struct ctl *c, const char *name, struct order_source *from, json_t *body)
{
    struct buf text;
    struct doc *doc = NULL;
    struct err e = { 0 };
    const char *file = strcmp(name, "-") == 0 ? "standard input" : name;
    buf_init(&text, CTL_FILE_BYTES + 1);
    enum ctl_exit code = ctl_read_file(name, CTL_FILE_BYTES, &text);
    enum rc rc = code ? RC_OK : doc_parse(buf_str(&text), file, c->a, &doc, &e);
    if (rc && e.line)
        code = ctl_error(CTL_FAILED, "%s:%u:%u: %s", file, e.line, e.column, e.text);
    else if (rc)
        code = ctl_error(CTL_FAILED, "%s: %s", file, e.text);
    const struct doc *list = doc && doc->kind == DOC_MAP ? doc_get(doc, "commands") : doc;
    if (!code && (!list || list->kind != DOC_LIST || !list->first))
        code = ctl_error(
            CTL_FAILED, "%s:%u: a list of commands is expected: - {command: replace, uri: ./A/B, format: int, data: 5}",
            file, doc && doc->line ? doc->line : 1);
    for (const struct doc *k = !code && list != doc ? doc->first : NULL; k && !code; k = k->next)
        if (k != list)
            code = ctl_error(CTL_FAILED, "%s:%u:%u: %.*s: there is no such field; only commands are allowed here", file,
                             k->key_line, k->key_column, (int)(k->key.n > 40 ? 40 : k->key.n), k->key.p);
    *from = (struct order_source){ file, list };
    json_t *commands = json_array();
    for (const struct doc *d = code ? NULL : list->first; d && !code; d = d->next)
        code = put_command(file, d, commands);
    json_object_set_new(body, "commands", commands);
    buf_finish(&text);
    return code;
}

enum ctl_exit cmd_tree_group(struct ctl *c)
{
    const char *file = ctl_opt(c, OPT_FILE);
    struct order_source from;
    if (!file && c->args->n_args < 2) return ctl_usage(c, "a file of commands is needed (- is standard input)");
    if (file && c->args->n_args > 1) return ctl_usage(c, "one file of commands at a time");
    json_t *body = new_order(command_of(c));
    enum ctl_exit code = read_commands(c, file ? file : c->args->arg[1], &from, body);
    if (!code) code = ctl_order(c, c->args->arg[0], body, &from, false);
    json_decref(body);
    return code;
}

/* ---- access rights ---- */

/* "Get=a,b" (several times) as {"Get": ["a", "b"]} */
static enum ctl_exit put_rights(struct ctl *c, enum ctl_opt o, const char *member, json_t *body)
{
    const char *v;
    json_t *rights = json_object();
    enum ctl_exit code = CTL_OK;
    for (size_t at = 0; !code && (v = ctl_args_next(c->args, o, &at)) != NULL;) {
        const char *eq = strchr(v, '=');
        char right[16];
        if (!eq || eq == v || !eq[1] || (size_t)(eq - v) >= sizeof right) {
            code = ctl_usage(
                c, "--%s is \"%s\"; RIGHT=SERVERID,SERVERID or RIGHT=* is expected, such as Get=dm.acme.example",
                ctl_option_name(o), v);
            break;
        }
        memcpy(right, v, (size_t)(eq - v));
        right[eq - v] = '\0';
        struct str ids = str_of(eq + 1), id;
        json_t *list = json_object_get(rights, right);
        if (!list) json_object_set_new(rights, right, list = json_array());
        while (str_cut(&ids, ',', &id)) json_array_append_new(list, json_stringn(id.p, id.n));
    }
    if (json_object_size(rights))
        json_object_set_new(body, member, rights);
    else
        json_decref(rights);
    return code;
}

enum ctl_exit cmd_tree_acl(struct ctl *c)
{
    json_t *body = new_order("acl");
    ctl_set(body, "uri", c->args->arg[1]);
    enum ctl_exit code = put_rights(c, OPT_GRANT, "grant", body);
    if (!code) code = put_rights(c, OPT_REVOKE, "revoke", body);
    bool changes = json_object_get(body, "grant") || json_object_get(body, "revoke");
    if (!code && ctl_has(c, OPT_FORCE) && !changes) code = ctl_usage(c, "--force needs --grant or --revoke");
    if (ctl_has(c, OPT_FORCE)) json_object_set_new(body, "force", json_true());
    if (!code) code = ctl_order(c, c->args->arg[0], body, NULL, !changes && !ctl_has(c, OPT_NOT_BEFORE));
    json_decref(body);
    return code;
}
