/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dmtool/dmtool.h"
#include <stdio.h>
#include <string.h>

static const struct dmtool_command commands[] = {
    { "decode", dmtool_decode, "decode [--xml] [--type TYPE] FILE...",
      "show the contents of a message, a WAP push or a notification",
      "FILE may be - for standard input. XML, WBXML, WSP pushes and notifications are detected automatically,\n"
      "also as hex or base64 text. Credentials, nonces and secret nodes are shown as ***.\n"
      "\n"
      "  --xml          print the whole message as indented XML, secrets included\n"
      "  --type TYPE    skip the detection: xml, wbxml, wsp, notification\n" },
    { "encode", dmtool_encode, "encode --wbxml|--xml [--hex] [-o OUT] FILE", "convert a message to the other encoding",
      "FILE is a message in either encoding, or - for standard input. A document that is not a message (DDF, TNDS,\n"
      "provisioning) is converted as well.\n"
      "\n"
      "  --wbxml        write WBXML 1.3\n"
      "  --xml          write XML\n"
      "  --hex          write hex text\n"
      "  -o OUT         write to a file instead of standard output\n" },
    { "notify", dmtool_notify,
      "notify --server-id ID --password P --nonce N --session S [...]  |  notify --check FILE ...",
      "compute, send or check a notification (package 0)",
      "  --server-id ID        the server's id in the device's account\n"
      "  --password P          the server's password (SRVCRED), or\n"
      "  --password-file F     its first line, or\n"
      "  --ha1 H               B64(MD5(server id \":\" password))\n"
      "  --nonce N             the server nonce in base64, as in NextNonce, or\n"
      "  --resync              sign with the resynchronisation nonce (four zero octets)\n"
      "  --session S           session id in hex, as in the device's messages: 1A2B\n"
      "  --ui MODE             any, background (default), inform, ask\n"
      "  --by-user             the user asked for the session, not the server\n"
      "  --vendor HEX          vendor part\n"
      "  --wsp                 as a WAP push PDU\n"
      "  --hex                 as hex text\n"
      "  -o OUT                to a file instead of standard output\n"
      "  --send HOST[:PORT]    as a WAP push in a UDP datagram (port 2948 unless given)\n"
      "  --check FILE          show a notification and verify its digest\n" },
    { "replay", dmtool_replay,
      "replay [--quiet] [--wbxml] [--update] FILE|FOLDER...  |  replay --server [--objects FOLDER] [...] FILE...",
      "replay a recorded session in the server's session machine",
      "FILE is a recording of the server's flight recorder, FOLDER a scenario like those in tests/scenario. Shows the\n"
      "whole session and the first difference between the recording and the replay (exit code 1 then).\n"
      "\n"
      "  --quiet        print only the result\n"
      "  --wbxml        encode every message in WBXML first\n"
      "  --update       write a scenario's server files instead of comparing them\n"
      "  --server       also replay the server's decisions, from the facts in the recording and without a database:\n"
      "                 the commands, and the changes of mirror, operations, VMs and policies (lines with ===)\n"
      "  --objects F    the server's folder of management objects (objects.directory), with mo/ and layout/\n"
      "  --ddf FILE     another description; may be repeated\n"
      "  --layout FILE  another layout; may be repeated\n" },
    { "validate", dmtool_validate, "validate [--strict] [--max BYTES] FILE...", "check messages for errors",
      "  --strict       warnings are errors\n"
      "  --max BYTES    the peer's MaxMsgSize: a longer message is an error\n" },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct dmtool_command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int overview(FILE *out, int code)
{
    fprintf(out, "usage: dmtool COMMAND [OPTIONS] [FILE...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fprintf(out, "\n\"dmtool COMMAND --help\" shows its options, \"dmtool --version\" the version.\n");
    return code;
}

int dmtool_help(const char *command)
{
    const struct dmtool_command *c = find(command);
    if (c) printf("usage: dmtool %s\n\n%s\n", c->usage, c->help);
    return DMTOOL_OK;
}

int dmtool_usage(const char *command, const char *what)
{
    const struct dmtool_command *c = find(command);
    if (what) fprintf(stderr, "dmtool %s: %s\n", command, what);
    fprintf(stderr, "usage: dmtool %s\n", c ? c->usage : command);
    return DMTOOL_USAGE;
}

int dmtool_fail(const char *file, const struct err *e)
{
    char text[1024];
    struct err placed = *e;
    if (file && !placed.where[0])
        snprintf(placed.where, sizeof placed.where, "%s", strcmp(file, "-") == 0 ? "standard input" : file);
    fprintf(stderr, "dmtool: %s\n", err_format(&placed, text, sizeof text));
    return DMTOOL_FAILED;
}

int main(int argc, char **argv)
{
    if (argc < 2) return overview(stderr, DMTOOL_USAGE);
    if (strcmp(argv[1], "--version") == 0) {
        printf("dmtool %s\n", DMVISOR_VERSION);
        return DMTOOL_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return overview(stdout, DMTOOL_OK);
    if (strcmp(argv[1], "help") == 0)
        return argc > 2 && find(argv[2]) ? dmtool_help(argv[2]) : overview(stdout, DMTOOL_OK);
    const struct dmtool_command *c = find(argv[1]);
    if (!c) {
        fprintf(stderr, "dmtool: no command \"%s\"\n", argv[1]);
        return overview(stderr, DMTOOL_USAGE);
    }
    return c->run(argc - 1, argv + 1);
}
