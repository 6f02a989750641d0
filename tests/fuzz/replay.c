/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file below the folders and files given, so that the corpus is part of the ordinary
 * tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_files;

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "replay: cannot look at %s\n", path);
        return 1;
    }
    if (S_ISDIR(st.st_mode)) {
        DIR *d = opendir(path);
        int bad = d == NULL;
        for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
            char sub[4096];
            if (f->d_name[0] == '.') continue;
            snprintf(sub, sizeof sub, "%s/%s", path, f->d_name);
            bad |= replay(sub);
        }
        if (d) closedir(d);
        return bad;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *p = malloc(n ? n : 1); /* exactly n, so that a read past the end is seen */
    FILE *f = fopen(path, "rb");
    if (!p || !f || fread(p, 1, n, f) != n) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        free(p);
        if (f) fclose(f);
        return 1;
    }
    fclose(f);
    LLVMFuzzerTestOneInput(p, n);
    free(p);
    n_files++;
    return 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) bad |= replay(argv[i]);
    printf("%u inputs\n", n_files);
    return bad || n_files == 0;
}
