/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DMTOOL_DMTOOL_H
#define CLI_DMTOOL_DMTOOL_H
/* dmtool: looks inside bytes. One row for each command; a command is a function like main() whose argv[0] is its
 * name. */
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
/** After getopt_long complained, or something is missing: say how, on standard error. `what` may be NULL. @return
 * DMTOOL_USAGE */
int dmtool_usage(const char *command, const char *what);
/** "dmtool: place: text" on standard error. @return DMTOOL_FAILED */
int dmtool_fail(const char *file, const struct err *e);

/* --- files (dmtool_io.c) --- */

/** A whole file, "-" for standard input, into the arena. */
enum rc dmtool_read(const char *file, struct arena *a, struct str *out, struct err *e);
/** NULL or "-": standard output; octets that are no text are refused there when it is a terminal. */
enum rc dmtool_write(const char *file, struct str s, bool is_text, struct err *e);
/** Lower-case hex, 16 octets a line. */
void dmtool_put_hex(struct str s, struct buf *out);

/* --- what is it? (dmtool_guess.c) --- */

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
/** By name, for --type. @return false when there is none such */
bool dmtool_kind_of(const char *name, enum dmtool_kind *out);
/** What the bytes are; hex or base64 text of something known is decoded first, and *wrapped says so ("hex", "base64" or NULL).
 *  @param want  DMTOOL_UNKNOWN to find out, else what they must be */
enum rc dmtool_guess(struct str in, enum dmtool_kind want, struct arena *a, struct str *bytes, enum dmtool_kind *kind,
                     const char **wrapped, struct err *e);

/* --- XML for people (dmtool_pretty.c) --- */

/** XML as our encoders write it, without a blank it does not need, with lines and indentation. */
void dmtool_indent(struct str xml, struct buf *out);
/** A message as indented XML, octets that XML cannot hold as base64 (each named on standard error). Secrets are
 * shown. */
enum rc dmtool_pretty(const struct sml_msg *m, struct arena *a, struct buf *out, struct err *e);

/* --- documents that are no messages: DDF, TNDS, provisioning (dmtool_document.c; the only file of cli/ that knows
 * libwbxml) --- */

enum rc dmtool_document_to_xml(struct str wbxml, struct arena *a, struct str *xml, struct err *e);
enum rc dmtool_document_to_wbxml(struct str xml, struct arena *a, struct str *wbxml, struct err *e);
#endif
