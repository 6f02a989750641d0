/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMVISORCTL_CTL_ARGS_H
#define CLI_DMVISORCTL_CTL_ARGS_H
/* Parses the command line: global options anywhere, a command of one or two words, its options and arguments. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"

/* One list: identifier, name, name of its value (NULL = none), help. Global options first. */
#define CTL_OPTIONS(X)                                                                                                 \
    X(SERVER, "server", "URL", "the server, such as https://dm.example.net:8444")                                      \
    X(TOKEN, "token", "TOKEN", "bearer token; visible to other users of this machine, so prefer --token-file")         \
    X(TOKEN_FILE, "token-file", "FILE", "read the token from this file (- is standard input)")                         \
    X(CA, "ca", "FILE", "trust only the certificates in this PEM file")                                                \
    X(INSECURE, "insecure", NULL, "do not check the server's certificate (for demonstrations only)")                   \
    X(AUTHORITY, "authority", "NAME", "limit the request to this authority")                                           \
    X(OUTPUT, "output", "FORMAT", "table, json, yaml, name (or csv for KPIs over time)")                               \
    X(CONTEXT, "context", "NAME", "use this entry of the configuration file")                                          \
    X(HELP, "help", NULL, "show this help")                                                                            \
    X(NAME, "name", "NAME", "its name")                                                                                \
    X(FILTER, "filter", "EXPR", "only devices that match this selector")                                               \
    X(DEVICE, "device", "ID", "of this device")                                                                        \
    X(STATE, "state", "STATE", "in this state")                                                                        \
    X(LIMIT, "limit", "N", "maximum number of items")                                                                  \
    X(WATCH, "watch", NULL, "after listing, watch for changes")                                                        \
    X(FROM, "from", "TIME", "start of the time range: 2031-01-31T12:00:00Z or -15m")                                   \
    X(TO, "to", "TIME", "end of the time range; default now")                                                          \
    X(STEP, "step", "TIME", "one value for each interval: 60s, 5m")                                                    \
    X(METRIC, "metric", "NAME", "this metric (several times for several)")                                             \
    X(TITLE, "title", "TEXT", "a title for display")                                                                   \
    X(LABEL, "label", "K=V", "a label (several times for several)")                                                    \
    X(PUSH, "push", "WHERE", "how the device is notified: udp:HOST:PORT or none")                                      \
    X(AUTH, "auth", "SCHEME", "authentication scheme: md5 (default), mac or basic")                                    \
    X(ACCOUNT_FILE, "account-file", "FILE", "write the account here, for dmvisor-agent --account (mode 0600)")         \
    X(FILE, "file", "FILE", "a file, a folder or - for standard input (several times for several)")                    \
    X(FORCE, "force", NULL, "replace an existing file; allow revoking a right of this authority")                      \
    X(DRY_RUN, "dry-run", NULL, "validate only, change nothing")                                                       \
    X(PREVIEW, "preview", "DEVICE", "show what would be sent to this device, change nothing")                          \
    X(REVISION, "revision", "N", "this revision instead of the newest")                                                \
    X(VERSION, "version", "V", "its version, dotted numbers such as 4.2.0")                                            \
    X(GUEST_TYPE, "guest-type", "TYPE", "android, linux (default), rtos, service, windows, other")                     \
    X(ARCH, "arch", "ARCH", "aarch64, x86_64, armv7, riscv64, i686, any (default)")                                    \
    X(FORMAT, "format", "FORMAT", "its format")                                                                        \
    X(VERIFIED, "verified", NULL, "the device has reported the state itself")                                          \
    X(LOCKED, "locked", NULL, "the VM is locked")                                                                      \
    X(UNLOCKED, "unlocked", NULL, "the VM is not locked")                                                              \
    X(GONE, "gone", NULL, "the VM does not exist any more")                                                            \
    X(SETTLED, "settled", NULL, "nothing is pending: all policies of the device are settled")                          \
    X(TIMEOUT, "timeout", "TIME", "time limit: 90s, 10m; 0 = none (default 120s)")                                     \
    X(ARG, "arg", "K=V", "an argument of the operation (several times for several)")                                   \
    X(TYPE, "type", "TYPE", "a value's MIME type, or the identifier of the object that a new node holds")              \
    X(GRANT, "grant", "RIGHT=IDS", "grant Add, Delete, Exec, Get or Replace to ServerIDs: Get=a,b or Get=*")           \
    X(REVOKE, "revoke", "RIGHT=IDS", "revoke a right from ServerIDs: Replace=a,b, or from all servers: Replace=*")     \
    X(VM, "vm", "VM", "the VM it is for")                                                                              \
    X(YES, "yes", NULL, "do not ask for confirmation")                                                                 \
    X(WAIT, "wait", NULL, "wait until the operation has finished")                                                     \
    X(EXPIRES, "expires", "TIME", "expires at this time: 30d, or 2031-01-31T12:00:00Z")                                \
    X(NOT_BEFORE, "not-before", "TIME", "not before this time: 2h, or 2031-01-31T12:00:00Z")                           \
    X(DEPTH, "depth", "N", "number of levels below the address")                                                       \
    X(TYPES, "types", "LIST", "only these types: vm,device,kpi,operation,policy,notification,image,session")           \
    X(AFTER, "after", "ID", "begin after this event")                                                                  \
    X(ROLE, "role", "ROLE", "viewer, operator, admin or auditor")                                                      \
    X(WHY, "why", "TEXT", "a note with the reason")                                                                    \
    X(RECORD, "record", "WHEN", "flight recorder: on (every session), off, or default")                                \
    X(MANUFACTURER, "manufacturer", "TEXT", "only for devices of this manufacturer (DevInfo/Man)")                     \
    X(MODEL, "model", "TEXT", "only for devices of this model (DevInfo/Mod)")                                          \
    X(OBJECT, "object", "URN", "only for devices that report this MO identifier")                                      \
    X(XML, "xml", NULL, "the messages as XML")                                                                         \
    X(SERVER_ID, "server-id", "ID", "its ServerID on devices: at most 23 of A-Z a-z 0-9 . -")                          \
    X(OWNER, "owner", "WHO", "enterprise (default), operator, oem, user or service-provider")

enum ctl_opt {
    OPT_NONE,
#define X(id, name, value, help) OPT_##id,
    CTL_OPTIONS(X)
#undef X
        OPT_COUNT,
    OPT_LAST_GLOBAL = OPT_HELP
};

/* Exit codes; scripts rely on these. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1, /* the server refused, or the operation failed */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
    CTL_TIMEOUT = 4, /* the awaited condition was not reached in time */
    CTL_MORE = -1    /* internal: not finished yet */
};

struct ctl;
enum { CTL_COMMAND_OPTIONS = 10, CTL_ANY = 255 };

struct ctl_command {
    const char *name;       /* "device register" */
    const char *usage;      /* its arguments: "ID [URI]" */
    const char *help;       /* one line */
    unsigned char min, max; /* arguments; CTL_ANY = no limit */
    bool local;             /* needs no server */
    enum ctl_exit (*run)(struct ctl *c);
    enum ctl_opt options[CTL_COMMAND_OPTIONS];
};

/* The command for each word that is not another command's name: an operation of the server. */
#define CTL_OPERATION "OPERATION"

struct ctl_given {
    enum ctl_opt option;
    const char *value;
};

struct ctl_args {
    const struct ctl_command *command; /* NULL: no command was given (only --help) */
    const char *operation;             /* the operation's name, when the command is CTL_OPERATION */
    const char *const *arg;
    size_t n_args;
    struct ctl_given *given;
    size_t n_given;
};

/**
 * Parse the command line. Options may be before, between and after the words of the command; "--" ends them. Values are
 * borrowed from argv.
 * @return RC_INVALID with a sentence that names the wrong word, and `out->command` when it was found before; RC_NOMEM
 */
enum rc ctl_args_parse(const struct ctl_command *table, size_t n, int argc, char **argv, struct arena *a,
                       struct ctl_args *out, struct err *e);
/** The last value of an option ("" for those without); NULL when it was not given. */
const char *ctl_args_option(const struct ctl_args *args, enum ctl_opt o);
/** Values of a repeatable option: *at begins with 0. @return NULL at the end */
const char *ctl_args_next(const struct ctl_args *args, enum ctl_opt o, size_t *at);
const char *ctl_option_name(enum ctl_opt o);
const char *ctl_option_value(enum ctl_opt o); /* NULL = has none */
const char *ctl_option_help(enum ctl_opt o);
/** The first word of a command that is similar to `word`; empty when there is none. */
struct str ctl_args_near(const struct ctl_command *table, size_t n, const char *word);
/** Format "usage: ..." with the options of one command. */
void ctl_args_help(const struct ctl_command *c, struct buf *out);
/** Only the options. */
void ctl_args_help_options(const struct ctl_command *c, struct buf *out);
#endif
