/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMTOOL_DMTOOL_H
#define CLI_DMTOOL_DMTOOL_H
/* dmtool: inspects and converts DM messages. One row for each command; a command is a function like main() whose
 * argv[0] is its name. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "syncml/msg.h"

enum { DMTOOL_OK, DMTOOL_FAILED, DMTOOL_USAGE }; /* exit codes */
enum { DMTOOL_FILE_BYTES = 16 << 20 };

struct dmtool_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage; /* "decode [--xml] FILE..." */
    const char *about; /* one line for the list of commands */
    const char *help;  /* the options, for --help */
};

int dmtool_decode(int argc, char **argv);
int dmtool_encode(int argc, char **argv);
int dmtool_notify(int argc, char **argv);
int dmtool_replay(int argc, char **argv);
int dmtool_validate(int argc, char **argv);

/** Print a command's help. @return DMTOOL_OK */
int dmtool_help(const char *command);
/**
 * Print the usage to standard error, after getopt_long reported an error or an argument is missing. `what` may be NULL.
 * @return DMTOOL_USAGE
 */
int dmtool_usage(const char *command, const char *what);
/** "dmtool: place: text" on standard error. @return DMTOOL_FAILED */
int dmtool_fail(const char *file, const struct err *e);

/* --- files (dmtool_io.c) --- */

/** Read a whole file, "-" for standard input, into the arena. */
enum rc dmtool_read(const char *file, struct arena *a, struct str *out, struct err *e);
/** NULL or "-": standard output; octets that are not text are refused there when it is a terminal. */
enum rc dmtool_write(const char *file, struct str s, bool is_text, struct err *e);
/** Lower-case hex, 16 octets a line. */
void dmtool_put_hex(struct str s, struct buf *out);

/* --- detection (dmtool_guess.c) --- */

enum dmtool_kind {
    DMTOOL_UNKNOWN,
    DMTOOL_XML,
    DMTOOL_WBXML,
    DMTOOL_WSP,
    DMTOOL_NOTIFICATION,
    DMTOOL_OTHER_XML,
    DMTOOL_OTHER_WBXML /* documents, not SyncML */
};
const char *dmtool_kind_name(enum dmtool_kind k);
/** By name, for --type. @return false for an unknown name */
bool dmtool_kind_of(const char *name, enum dmtool_kind *out);
/**
 * Detect the kind of the bytes; hex or base64 text of a known kind is decoded first, and *wrapped names it ("hex",
 * "base64" or NULL).
 * @param want  DMTOOL_UNKNOWN to detect it, else the required kind
 */
enum rc dmtool_guess(struct str in, enum dmtool_kind want, struct arena *a, struct str *bytes, enum dmtool_kind *kind,
                     const char **wrapped, struct err *e);

/* --- XML for display (dmtool_pretty.c) --- */

/** Indent XML of the program's own encoders, which contains no unnecessary blank. */
void dmtool_indent(struct str xml, struct buf *out);
/**
 * A message as indented XML, with octets that XML cannot hold as base64 (each is reported on standard error). Secrets
 * are shown.
 */
enum rc dmtool_pretty(const struct sml_msg *m, struct arena *a, struct buf *out, struct err *e);

/* --- documents that are not messages: DDF, TNDS, provisioning (dmtool_document.c; the only file of cli/ that knows
 * libwbxml) --- */

enum rc dmtool_document_to_xml(struct str wbxml, struct arena *a, struct str *xml, struct err *e);
enum rc dmtool_document_to_wbxml(struct str xml, struct arena *a, struct str *wbxml, struct err *e);
#endif
