/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a recording, in both encodings: never a crash, never a hang. */
#include "syncml/record/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc no_file(void *ctx, struct str name, struct arena *a, struct str *out, struct err *e)
{
    (void)ctx, (void)name, (void)a, (void)out;
    return err_set(e, RC_NOT_FOUND, "no files here");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sml_replay_io io = { .load = no_file };
    for (int i = 0; i < 2; i++) {
        struct sml_replay out;
        struct buf story;
        buf_init(&story, 1 << 20);
        sml_replay((struct str){ (const char *)data, size }, "fuzz", &io, i, &story, &out, NULL);
        buf_finish(&story);
        buf_finish(&out.difference);
    }
    return 0;
}
