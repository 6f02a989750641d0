/* SPDX-License-Identifier: Apache-2.0 */
/* What our codecs cost beside the libraries' parsers alone, on the same messages, taking turns in the same run so that
 * the ratio stands on a noisy machine. CPU time of this process. Not part of `meson test`: run bench_codec by hand.
 *
 * Goals: XML decode + encode at most 1.3 times libxml2's SAX2 push parser with a reused context and empty callbacks;
 * WBXML decode + encode at most a third of libwbxml's event parser. */
#include "syncml/msg.h"
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wbxml/wbxml.h>

enum { ROUNDS = 60, TURN_US = 1500, SIZES = 3, WAYS = 6 };

/* libwbxml's event parser is in the library but not in its headers. */
typedef struct WBXMLParser_s WBXMLParser;
WBXMLParser *wbxml_parser_create(void);
void wbxml_parser_destroy(WBXMLParser *parser);
WBXMLError wbxml_parser_parse(WBXMLParser *parser, WB_UTINY *wbxml, WB_ULONG n);

struct codec_sample {
    struct buf xml, wbxml;
    xmlParserCtxtPtr push;
    struct arena a;
    struct buf out;
};

static size_t allocations; /* by libxml2 */
static volatile size_t events;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void give_up(const char *what)
{
    fprintf(stderr, "bench_codec: %s failed\n", what);
    exit(1);
}

/* ---- the messages: package 3 of a session that reads values, grown until it has the size ---- */

static void make_xml(struct buf *b, size_t n)
{
    buf_putz(
        b,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>"
        "<SessionID>2F</SessionID><MsgID>2</MsgID><Target><LocURI>https://dm.example.net/dm?s=9b0c41f2</LocURI></Target>"
        "<Source><LocURI>IMEI:001010000000017</LocURI></Source></SyncHdr><SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef>"
        "<Cmd>SyncHdr</Cmd><TargetRef>IMEI:001010000000017</TargetRef><SourceRef>https://dm.example.net/dm</SourceRef><Data>212</Data></Status>");
    for (unsigned i = 2; b->n + 430 < n; i += 2)
        buf_printf(
            b,
            "<Status><CmdID>%u</CmdID><MsgRef>1</MsgRef><CmdRef>%u</CmdRef><Cmd>Get</Cmd><TargetRef>./Vendor/Settings/Network/%u</TargetRef><Data>200</Data></Status>"
            "<Results><CmdID>%u</CmdID><MsgRef>1</MsgRef><CmdRef>%u</CmdRef><Item><Source><LocURI>./Vendor/Settings/Network/%u</LocURI></Source><Meta>"
            "<Format xmlns=\"syncml:metinf\">chr</Format><Type xmlns=\"syncml:metinf\">text/plain</Type></Meta><Data>value number %u</Data></Item></Results>",
            i, i + 2, i, i + 1, i + 2, i, i);
    buf_putz(b, "<Final/></SyncBody></SyncML>");
}

/* ---- what is measured ---- */

static void on_start(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int n_ns,
                     const xmlChar **ns, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    (void)ctx, (void)local, (void)prefix, (void)uri, (void)n_ns, (void)ns, (void)n_attributes, (void)n_defaulted,
        (void)attributes;
    events++;
}

static void on_end(void *ctx, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    (void)ctx, (void)local, (void)prefix, (void)uri;
    events++;
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    (void)ctx, (void)p, (void)n;
    events++;
}

static void xml_alone(struct codec_sample *s)
{
    xmlCtxtResetPush(s->push, NULL, 0, NULL, NULL);
    if (xmlParseChunk(s->push, s->xml.p, (int)s->xml.n, 1) != 0) give_up("libxml2");
}

static void wbxml_alone(struct codec_sample *s)
{
    WBXMLParser *p = wbxml_parser_create();
    if (wbxml_parser_parse(p, (WB_UTINY *)s->wbxml.p, (WB_ULONG)s->wbxml.n) != WBXML_OK) give_up("libwbxml");
    wbxml_parser_destroy(p);
}

static void decode(struct codec_sample *s, enum sml_type type, bool and_encode)
{
    struct sml_msg m;
    arena_reset(&s->a);
    if (sml_decode(type, buf_str(type == SML_XML ? &s->xml : &s->wbxml), &s->a, &m, NULL) != RC_OK) give_up("decoding");
    if (!and_encode) return;
    buf_reset(&s->out);
    if (sml_encode(type, &m, &s->out, NULL) != RC_OK) give_up("encoding");
}

static void xml_decode(struct codec_sample *s)
{
    decode(s, SML_XML, false);
}
static void xml_both(struct codec_sample *s)
{
    decode(s, SML_XML, true);
}
static void wbxml_decode(struct codec_sample *s)
{
    decode(s, SML_WBXML, false);
}
static void wbxml_both(struct codec_sample *s)
{
    decode(s, SML_WBXML, true);
}

static const struct {
    const char *name;
    void (*run)(struct codec_sample *);
} ways[WAYS] = {
    { "libxml2 SAX2 push, alone", xml_alone }, { "XML decode", xml_decode },
    { "XML decode + encode", xml_both },       { "libwbxml events, alone", wbxml_alone },
    { "WBXML decode", wbxml_decode },          { "WBXML decode + encode", wbxml_both },
};

/* ---- counting libxml2's allocations ---- */

static void *count_malloc(size_t n)
{
    allocations++;
    return malloc(n);
}

static void *count_realloc(void *p, size_t n)
{
    allocations++;
    return realloc(p, n);
}

static char *count_strdup(const char *z)
{
    size_t n = strlen(z) + 1;
    char *p = count_malloc(n);
    return p ? memcpy(p, z, n) : NULL;
}

/* ---- the run ---- */

static void sample_init(struct codec_sample *s, size_t n)
{
    static xmlSAXHandler sax = { .initialized = XML_SAX2_MAGIC,
                                 .startElementNs = on_start,
                                 .endElementNs = on_end,
                                 .characters = on_text,
                                 .ignorableWhitespace = on_text,
                                 .cdataBlock = on_text };
    struct sml_msg m;
    memset(s, 0, sizeof *s);
    buf_init(&s->xml, 0);
    buf_init(&s->wbxml, 0);
    buf_init(&s->out, 0);
    arena_init(&s->a, SML_MSG_ARENA_BYTES);
    make_xml(&s->xml, n);
    s->push = xmlCreatePushParserCtxt(&sax, NULL, NULL, 0, NULL);
    if (!s->push || sml_decode(SML_XML, buf_str(&s->xml), &s->a, &m, NULL) != RC_OK ||
        sml_encode(SML_WBXML, &m, &s->wbxml, NULL) != RC_OK)
        give_up("making the messages");
}

static void sample_finish(struct codec_sample *s)
{
    xmlFreeParserCtxt(s->push);
    arena_finish(&s->a);
    buf_finish(&s->xml);
    buf_finish(&s->wbxml);
    buf_finish(&s->out);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Microseconds a call, over a turn of about TURN_US. */
static double turn(struct codec_sample *s, size_t way, unsigned calls)
{
    double from = now_us();
    for (unsigned i = 0; i < calls; i++) ways[way].run(s);
    return (now_us() - from) / calls;
}

static void measure(struct codec_sample *s, double median[WAYS])
{
    static double cost[WAYS][ROUNDS];
    unsigned calls[WAYS];
    for (size_t w = 0; w < WAYS; w++) {
        double once = turn(s, w, 50);
        calls[w] = once > 0 ? (unsigned)(TURN_US / once) + 1 : 1000;
    }
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t w = 0; w < WAYS; w++) cost[w][r] = turn(s, w, calls[w]);
    for (size_t w = 0; w < WAYS; w++) {
        qsort(cost[w], ROUNDS, sizeof cost[w][0], by_value);
        median[w] = cost[w][ROUNDS / 2];
    }
}

static void report(struct codec_sample *s)
{
    double us[WAYS];
    measure(s, us);
    printf("\n%zu bytes of XML, %zu of WBXML\n", s->xml.n, s->wbxml.n);
    for (size_t w = 0; w < WAYS; w++) {
        unsigned blocks = s->a.blocks;
        size_t before = allocations;
        ways[w].run(s);
        printf("  %-26s %8.2f us   %5.2f of the library's parser   %zu bytes of arena, %zu + %u allocations\n",
               ways[w].name, us[w], us[w] / us[w / 3 * 3], w % 3 ? s->a.used : 0, allocations - before,
               s->a.blocks - blocks);
    }
    printf("  goal XML   decode + encode <= 1.30: %.2f %s\n", us[2] / us[0], us[2] <= 1.3 * us[0] ? "met" : "MISSED");
    printf("  goal WBXML decode + encode <= 0.33: %.2f %s\n", us[5] / us[3], us[5] <= us[3] / 3 ? "met" : "MISSED");
}

int main(void)
{
    static const size_t sizes[SIZES] = { 1000, 3000, 10000 };
    xmlMemSetup(free, count_malloc, count_realloc, count_strdup);
    printf(
        "median of %d alternating turns, CPU time; a message's arena is kept, so its first block is not counted again\n",
        ROUNDS);
    for (size_t i = 0; i < SIZES; i++) {
        struct codec_sample s;
        sample_init(&s, sizes[i]);
        report(&s);
        sample_finish(&s);
    }
    return 0;
}
