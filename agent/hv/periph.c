/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/periph.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES = 64, NAME_BYTES = 64 };

/* Devices of a class whose names consist of `prefix`, digits (between capital letters where there is a suffix) and
 * `suffix`. */
static const struct source {
    const char *kind, *group, *folder, *prefix, *suffix;
} sources[] = {
    { "camera", "Hardware", "video4linux", "video", "" },
    { "fm", "Hardware", "video4linux", "radio", "" },
    { "speaker", "IO", "sound", "pcm", "p" },
    { "mic", "IO", "sound", "pcm", "c" },
    { "gnss", "Hardware", "gnss", "gnss", "" },
    { "bluetooth", "Connectivity", "bluetooth", "hci", "" },
    { "wifi", "Connectivity", "ieee80211", "phy", "" },
    { "nfc", "Connectivity", "nfc", "nfc", "" },
    { "modem", "Connectivity", "wwan", "wwan", "" },
    { "display", "Hardware", "graphics", "fb", "" },
    { "gpu", "Hardware", "drm", "card", "" },
    { "sd", "Hardware", "mmc_host", "mmc", "" },
    { "ir", "IO", "rc", "rc", "" },
    { "tee", "Hardware", "tee", "tee", "" },
};

/* "card0" and "pcmC0D1p", not "card0-HDMI-A-1" or "teepriv0" */
static bool is_one(const struct source *s, const char *name)
{
    const size_t n = strlen(name), prefix = strlen(s->prefix), suffix = strlen(s->suffix);
    bool digit = false;

    if (n <= prefix + suffix || n >= NAME_BYTES || strncmp(name, s->prefix, prefix) ||
        strcmp(name + n - suffix, s->suffix))
        return false;
    for (size_t i = prefix; i < n - suffix; i++) {
        digit |= isdigit((unsigned char)name[i]) != 0;
        if (!isdigit((unsigned char)name[i]) && !(suffix && isupper((unsigned char)name[i]))) return false;
    }
    return digit;
}

/* Shorter names first, so that "video10" comes after "video2". */
static int in_order(const void *a, const void *b)
{
    const size_t x = strlen(a), y = strlen(b);

    return x != y ? (x < y ? -1 : 1) : strcmp(a, b);
}

static size_t names_of(const struct source *s, const char *folder, char names[NAMES][NAME_BYTES])
{
    DIR *d = opendir(folder);
    size_t n = 0;

    for (struct dirent *f; d && n < NAMES && (f = readdir(d)) != NULL;)
        if (is_one(s, f->d_name)) snprintf(names[n++], NAME_BYTES, "%.63s", f->d_name);
    if (d) closedir(d);
    if (n) qsort(names, n, NAME_BYTES, in_order);
    return n;
}

static void describe(const char *folder, const char *name, char *out, size_t size)
{
    char file[512];
    ssize_t n = -1;
    int fd;

    snprintf(file, sizeof file, "%s/%s/name", folder, name);
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        n = read(fd, out, size - 1);
        close(fd);
    }
    out[n > 0 ? n : 0] = '\0';
    for (char *p = out; *p; p++)
        if (!isprint((unsigned char)*p)) *p = '\0'; /* the first line, up to the first unprintable character */
}

size_t periph_scan(const char *classes, struct periph *out, size_t max)
{
    char names[NAMES][NAME_BYTES], folder[400];
    size_t n = 0;

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        const struct source *s = &sources[i];
        snprintf(folder, sizeof folder, "%s/%s", classes, s->folder);
        size_t count = names_of(s, folder, names);
        for (size_t k = 0; k < count && n < max; k++, n++) {
            out[n] = (struct periph){ .kind = s->kind, .group = s->group };
            snprintf(out[n].id, sizeof out[n].id, "%.12s%u", s->kind, (unsigned)(k % 1000));
            describe(folder, names[k], out[n].description, sizeof out[n].description);
        }
    }
    return n;
}
