/* SPDX-License-Identifier: Apache-2.0 */
/* Finds errors that a decoder tolerates: the rules of protocol.md 3 to 9 that can be checked within one message. */
#include "cli/dmtool/dmtool.h"
#include "syncml/cred.h"
#include "syncml/status.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct validation {
    const char *file;
    const struct sml_msg *m;
    unsigned errors, warnings, n_cmds;
    bool strict, has_results, says_next, has_more;
    uint64_t max_bytes;
    struct str *ids; /* CmdIDs seen */
    size_t n_ids;
};

static void tell(const struct validation *v, const char *level, const struct sml_cmd *c, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
static void tell(const struct validation *v, const char *level, const struct sml_cmd *c, const char *fmt, va_list ap)
{
    printf("%s: %s: ", v->file, level);
    if (c) printf("%.*s %.*s: ", STR_ARG(c->name), STR_ARG(c->cmd_id.n ? c->cmd_id : STR("-")));
    vprintf(fmt, ap);
    putchar('\n');
}

static void error(struct validation *v, const struct sml_cmd *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void error(struct validation *v, const struct sml_cmd *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(v, "error", c, fmt, ap);
    va_end(ap);
    v->errors++;
}

static void warning(struct validation *v, const struct sml_cmd *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void warning(struct validation *v, const struct sml_cmd *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(v, v->strict ? "error" : "warning", c, fmt, ap);
    va_end(ap);
    if (v->strict)
        v->errors++;
    else
        v->warnings++;
}

/* ---- parts of commands ---- */

static bool is_number(struct str s, uint64_t *out)
{
    return str_to_u64(s, out);
}

static void check_id(struct validation *v, const struct sml_cmd *c)
{
    uint64_t n;
    if (c->cmd_id.n == 0) {
        error(v, c, "no CmdID");
        return;
    }
    if (!is_number(c->cmd_id, &n))
        warning(v, c, "CmdID is not a number");
    else if (n == 0)
        error(v, c, "CmdID 0 is SyncHdr's");
    v->ids[v->n_ids++] = c->cmd_id;
}

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return str_cmp(*x, *y);
}

static void check_unique(struct validation *v)
{
    qsort(v->ids, v->n_ids, sizeof v->ids[0], by_text);
    for (size_t i = 1; i < v->n_ids; i++)
        if (str_eq(v->ids[i - 1], v->ids[i]) && (i + 1 == v->n_ids || !str_eq(v->ids[i], v->ids[i + 1])))
            error(v, NULL, "CmdID %.*s is used more than once", STR_ARG(v->ids[i]));
}

/* A device address: protocol.md 10. */
static void check_uri(struct validation *v, const struct sml_cmd *c, struct str uri)
{
    struct str path = str_slice(uri, 0, str_find(uri, '?', 0));
    if (str_is(path, ".")) return;
    if (path.n && path.p[0] == '/') error(v, c, "%.*s begins with a slash", STR_ARG(uri));
    if (path.n && path.p[path.n - 1] == '/') error(v, c, "%.*s ends with a slash", STR_ARG(uri));
    for (size_t from = 0, part = 0; from < path.n; part++) {
        size_t to = str_find(path, '/', from);
        struct str name = str_slice(path, from, to);
        if (str_is(name, "..") || (str_is(name, ".") && part > 0))
            error(v, c, "%.*s has a \"%.*s\" inside", STR_ARG(uri), STR_ARG(name));
        else if (name.n == 0 && from > 0)
            error(v, c, "%.*s has an empty name inside", STR_ARG(uri));
        from = to + 1;
    }
}

static void check_meta(struct validation *v, const struct sml_cmd *c, const struct sml_meta *m)
{
    static const char formats[] = " b64 bin bool chr int node null xml date time float ";
    char word[16];
    if (m->format.n == 0) return;
    snprintf(word, sizeof word, " %.*s ", STR_ARG(str_slice(m->format, 0, 10)));
    if (!strstr(formats, word)) error(v, c, "Format %.*s is not one of%s", STR_ARG(m->format), formats);
}

static void check_item(struct validation *v, const struct sml_cmd *c, const struct sml_item *i, bool inside)
{
    check_meta(v, c, &i->meta);
    if (i->more_data) {
        v->has_more = true;
        if (inside) error(v, c, "MoreData inside a container: it must fit into one message");
        if (!i->has_data) error(v, c, "MoreData without Data");
    }
    if (i->has_data && i->data.n && str_is(i->meta.format, "node") && c->kind != SML_RESULTS)
        error(v, c, "Data for an interior node");
}

/* ---- commands ---- */

static void need_items(struct validation *v, const struct sml_cmd *c, bool inside)
{
    unsigned n = 0;
    for (const struct sml_item *i = c->items; i; i = i->next, n++) {
        bool from_device = c->kind == SML_REPLACE && i->target.n == 0 && i->source.n; /* DevInfo in package 1 */
        if (i->target.n == 0 && !from_device) error(v, c, "Item without Target");
        check_uri(v, c, from_device ? i->source : i->target);
        if (c->kind == SML_COPY && i->source.n == 0) error(v, c, "Item without Source");
        if ((c->kind == SML_GET || c->kind == SML_DELETE) && i->has_data)
            warning(v, c, "Data, which %.*s does not allow", STR_ARG(c->name));
        check_item(v, c, i, inside);
    }
    if (n == 0) error(v, c, "no Item");
    if (c->kind == SML_EXEC && n > 1) error(v, c, "%u Items; Exec allows one", n);
}

static void check_status(struct validation *v, const struct sml_cmd *c)
{
    uint64_t code = 0;
    if (c->msg_ref.n == 0) error(v, c, "no MsgRef");
    if (c->cmd_ref.n == 0) warning(v, c, "no CmdRef");
    if (c->cmd.n == 0) error(v, c, "no Cmd");
    if (str_is(c->cmd, "SyncHdr") && c->cmd_ref.n && !str_is(c->cmd_ref, "0"))
        error(v, c, "CmdRef of a Status for SyncHdr is 0, not %.*s", STR_ARG(c->cmd_ref));
    if (!is_number(c->data, &code) || code < 100 || code > 9999)
        error(v, c, "Data is not a status code");
    else if ((code == 401 || code == 407) && !c->chal.present && str_is(c->cmd, "SyncHdr"))
        error(v, c, "%u without Chal", (unsigned)code);
    if (c->chal.present && sml_auth_of_name(c->chal.meta.type) != SML_AUTH_BASIC && c->chal.meta.next_nonce.n == 0)
        error(v, c, "Chal without NextNonce");
    for (const struct sml_item *i = c->items; i; i = i->next) check_item(v, c, i, false);
}

static void check_results(struct validation *v, const struct sml_cmd *c)
{
    v->has_results = true;
    if (c->cmd_ref.n == 0) warning(v, c, "no CmdRef: reads as 1");
    if (!c->items) error(v, c, "no Item");
    for (const struct sml_item *i = c->items; i; i = i->next) {
        if (i->source.n == 0) error(v, c, "Item without Source");
        check_item(v, c, i, false);
    }
}

static void check_alert(struct validation *v, const struct sml_cmd *c, bool inside)
{
    uint64_t code = 0;
    if (!is_number(c->data, &code)) {
        error(v, c, "Data is not an alert code");
        return;
    }
    bool known = (code >= 1100 && code <= 1104) || code == 1200 || code == 1201 || (code >= 1222 && code <= 1226);
    if (!known) error(v, c, "alert %u does not exist in DM", (unsigned)code);
    if (code == 1222 || code == 1223) v->says_next = true;
    if (code >= 1100 && code <= 1104 && (!c->items || !c->items->next))
        error(v, c, "alert %u needs an Item with options and one with a text", (unsigned)code);
    if ((code == 1224 || code == 1226) && !c->items) error(v, c, "alert %u without Item", (unsigned)code);
    for (const struct sml_item *i = c->items; i; i = i->next) {
        if ((code == 1224 || code == 1226) && i->meta.type.n == 0) error(v, c, "Item without Type");
        check_item(v, c, i, inside);
    }
}

static void check_cmd(struct validation *v, const struct sml_cmd *c, const struct sml_cmd *container);

/* Commands that are allowed in Sequence and Atomic: protocol.md 4. */
static void check_container(struct validation *v, const struct sml_cmd *c)
{
    if (!c->children) error(v, c, "no commands inside");
    for (const struct sml_cmd *i = c->children; i; i = i->next) {
        bool ok = i->kind == SML_ADD || i->kind == SML_ALERT || i->kind == SML_COPY || i->kind == SML_DELETE ||
                  i->kind == SML_REPLACE || (c->kind == SML_SEQUENCE && (i->kind == SML_GET || i->kind == SML_EXEC));
        if (!ok) error(v, i, "is not allowed in %.*s", STR_ARG(c->name));
        check_cmd(v, i, c);
    }
}

static void check_cmd(struct validation *v, const struct sml_cmd *c, const struct sml_cmd *container)
{
    v->n_cmds++;
    check_id(v, c);
    check_meta(v, c, &c->meta);
    if (c->cred.present && c->kind != SML_STATUS) error(v, c, "Cred is only allowed in SyncHdr");
    switch (c->kind) {
    case SML_STATUS: check_status(v, c); break;
    case SML_RESULTS: check_results(v, c); break;
    case SML_ALERT: check_alert(v, c, container != NULL); break;
    case SML_ATOMIC:
    case SML_SEQUENCE: check_container(v, c); break;
    case SML_GET:
    case SML_ADD:
    case SML_REPLACE:
    case SML_DELETE:
    case SML_EXEC:
    case SML_COPY: need_items(v, c, container != NULL); break;
    default: error(v, c, "DM has no such command (answered with %s)", c->kind == SML_UNKNOWN ? "501" : "405");
    }
}

/* ---- the whole message ---- */

static void check_header(struct validation *v)
{
    const struct sml_msg *m = v->m;
    uint64_t n = 0;
    if (!str_is(m->ver_dtd, "1.2") && !str_is(m->ver_dtd, "1.1"))
        error(v, NULL, "VerDTD is \"%.*s\" (505)", STR_ARG(m->ver_dtd));
    if (!str_is(m->ver_proto, "DM/1.2") && !str_is(m->ver_proto, "DM/1.3") && !str_is(m->ver_proto, "DM/1.1"))
        error(v, NULL, "VerProto is \"%.*s\" (513)", STR_ARG(m->ver_proto));
    if (m->session_id.n == 0)
        error(v, NULL, "no SessionID");
    else if (m->session_id.n > 4)
        warning(v, NULL, "SessionID of more than 4 characters");
    bool bootstrap = str_is(m->session_id, "0"); /* the bootstrap message of a profile has SessionID 0, MsgID 0 */
    if (!is_number(m->msg_id, &n) || (n == 0 && !bootstrap))
        error(v, NULL, "MsgID must be a number from 1 (0 only in a bootstrap message, with SessionID 0)");
    if (m->target.n == 0 || m->source.n == 0) error(v, NULL, "no %s", m->target.n ? "Source" : "Target");
    if (m->cred.present && m->cred.data.n == 0) error(v, NULL, "Cred without Data");
    if (m->cred.present && sml_auth_of_name(m->cred.meta.type) == SML_AUTH_MD5 && !str_is(m->cred.meta.format, "b64"))
        error(v, NULL, "Cred of type syncml:auth-md5 needs Format b64");
}

/* The Status for SyncHdr first, Statuses before Results of the same command, Final unless more follows. */
static void check_order(struct validation *v)
{
    bool any = false;
    for (const struct sml_cmd *c = v->m->cmds; c; c = c->next) {
        bool of_header = c->kind == SML_STATUS && str_is(c->cmd, "SyncHdr");
        if (of_header && any) error(v, c, "the Status for SyncHdr must come first");
        if (c->kind == SML_STATUS && !any && !of_header) warning(v, c, "statuses begin without one for SyncHdr");
        any = true;
    }
    if (!v->m->final && !v->says_next && !v->has_more && !v->has_results)
        warning(v, NULL, "no Final, and nothing in the message announces another one");
    if (v->m->final && v->has_more) warning(v, NULL, "Final in the middle of a large object");
}

static size_t count(const struct sml_cmd *c)
{
    size_t n = 0;
    for (; c; c = c->next) n += 1 + count(c->children);
    return n;
}

static enum rc validate(struct validation *v, struct str bytes, struct arena *a, struct err *e)
{
    v->ids = ARENA_ARRAY(a, struct str, count(v->m->cmds));
    if (!v->ids) return err_set(e, RC_NOMEM, "no memory for its commands");
    check_header(v);
    for (const struct sml_cmd *c = v->m->cmds; c; c = c->next) check_cmd(v, c, NULL);
    check_unique(v);
    check_order(v);
    if (!v->m->cmds) warning(v, NULL, "no commands");
    if (v->max_bytes && bytes.n > v->max_bytes)
        error(v, NULL, "%zu octets, but the peer accepts %llu", bytes.n, (unsigned long long)v->max_bytes);
    printf("%s: %u command%s, %zu octets: ", v->file, v->n_cmds, v->n_cmds == 1 ? "" : "s", bytes.n);
    if (v->errors + v->warnings == 0)
        printf("no errors found\n");
    else
        printf("%u error%s, %u warning%s\n", v->errors, v->errors == 1 ? "" : "s", v->warnings,
               v->warnings == 1 ? "" : "s");
    return RC_OK;
}

static int validate_file(const char *file, bool strict, uint64_t max_bytes)
{
    struct arena a;
    struct err e = { 0 };
    struct str in, bytes = { 0 };
    struct sml_msg m;
    enum dmtool_kind kind = DMTOOL_UNKNOWN;
    const char *wrapped;
    struct validation v = { .file = file, .m = &m, .strict = strict, .max_bytes = max_bytes };
    arena_init(&a, 8 * DMTOOL_FILE_BYTES);
    enum rc rc = dmtool_read(file, &a, &in, &e);
    if (!rc) rc = dmtool_guess(in, DMTOOL_UNKNOWN, &a, &bytes, &kind, &wrapped, &e);
    if (!rc && kind != DMTOOL_XML && kind != DMTOOL_WBXML)
        rc = err_set(&e, RC_UNSUPPORTED, "a %s is not a SyncML message", dmtool_kind_name(kind));
    if (!rc) rc = sml_decode(kind == DMTOOL_XML ? SML_XML : SML_WBXML, bytes, &a, &m, &e);
    if (!rc) rc = validate(&v, bytes, &a, &e);
    int code = rc ? dmtool_fail(file, &e) : v.errors ? DMTOOL_FAILED : DMTOOL_OK;
    arena_finish(&a);
    return code;
}

int dmtool_validate(int argc, char **argv)
{
    static const struct option options[] = { { "strict", no_argument, NULL, 's' },
                                             { "max", required_argument, NULL, 'm' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    bool strict = false;
    uint64_t max_bytes = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') return dmtool_help("validate");
        if (c == 's')
            strict = true;
        else if (c != 'm')
            return dmtool_usage("validate", NULL);
        else if (!str_to_u64(str_of(optarg), &max_bytes) || max_bytes == 0)
            return dmtool_usage("validate", "--max must be a number of bytes");
    }
    if (optind == argc) return dmtool_usage("validate", "a FILE is needed (- is standard input)");
    int code = DMTOOL_OK;
    for (int i = optind; i < argc; i++)
        if (validate_file(argv[i], strict, max_bytes) != DMTOOL_OK) code = DMTOOL_FAILED;
    return code;
}
