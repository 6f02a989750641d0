/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "ddf/layout/token.h"
#include "tests/ddf/shipped.h"
#include <string.h>
#include <time.h>

enum { LEAVES = 400 };

#define LEAF(uri, value)                                                                                               \
    {                                                                                                                  \
        { uri, sizeof uri - 1 },                                                                                       \
        {                                                                                                              \
            value, sizeof value - 1                                                                                    \
        }                                                                                                              \
    }

/* A tree as a device has it: two VMs of different owners, an image, device-wide settings, and much that does not
 * count. */
static const struct ddf_leaf tree[] = {
    LEAF("./DMAcc/a/Name", "our server"),
    LEAF("./DevInfo/DevId", "IMEI:1"),
    LEAF("./VMImages/i1/Auth", "secret"),
    LEAF("./VMImages/i1/ImageID", "i1"),
    LEAF("./VMImages/i1/Status", "70"),
    LEAF("./Virtualization/Config/KPIIntervalS", "60"),
    LEAF("./Virtualization/Hypervisor/Name", "KVM"),
    LEAF("./Virtualization/VM/corp/Domain/Servers", "ops, it"),
    LEAF("./Virtualization/VM/corp/KPI/CPU/UsagePct", "3"),
    LEAF("./Virtualization/VM/corp/LockState", "30"),
    LEAF("./Virtualization/VM/corp/Name", "Work"),
    LEAF("./Virtualization/VM/corp/Operations/Start", ""),
    LEAF("./Virtualization/VM/corp/State", "50"),
    LEAF("./Virtualization/VM/corp/Unknown", "x"),
    LEAF("./Virtualization/VM/mail/Domain/Servers", "ops"),
    LEAF("./Virtualization/VM/mail/Name", "Mail"),
    LEAF("./Virtualization/VM/mail/State", "50"),
    LEAF("./Virtualization/VM/none/State", "50"),
};
enum { N = sizeof tree / sizeof tree[0] };

struct world_of {
    struct arena a;
    struct ddf_layout *l;
    struct ddf_schema *s;
};

static void init(struct world_of *w)
{
    w->l = shipped_layout(&w->a);
    w->s = shipped_schema();
}

static void finish(struct world_of *w)
{
    ddf_schema_destroy(w->s);
    arena_finish(&w->a);
}

static void token_of(struct world_of *w, const char *server, const struct ddf_leaf *leaves, size_t n,
                     char hex[SHA256_HEX_BYTES])
{
    CU_ASSERT_EQUAL(ddf_state_token(w->s, w->l, str_of(server), leaves, n, hex, NULL), RC_OK);
}

/* The lines written out, so that another implementation can be held against it. */
static void is_the_hash_of_these_lines(void)
{
    static const char lines[] = "./VMImages/i1/ImageID=i1\n"
                                "./Virtualization/Config/KPIIntervalS=60\n"
                                "./Virtualization/VM/corp/Domain/Servers=ops, it\n"
                                "./Virtualization/VM/corp/LockState=30\n"
                                "./Virtualization/VM/corp/Name=Work\n"
                                "./Virtualization/VM/corp/State=50\n";
    struct world_of w;
    char hex[SHA256_HEX_BYTES], want[SHA256_HEX_BYTES];
    struct crypto_sha256_ctx *c = crypto_sha256_create();
    init(&w);
    crypto_sha256_update(c, str_of(lines));
    crypto_sha256_final(c, want);
    crypto_sha256_destroy(c);
    token_of(&w, "it", tree, N, hex);
    CU_ASSERT_STRING_EQUAL(hex, want);
    CU_ASSERT_EQUAL(strlen(hex), 64);
    finish(&w);
}

/* What each change of one leaf means to server "it": another token, or the same. */
static void changes_with_what_the_server_may_know_and_nothing_else(void)
{
    static const bool counts[N] = { [3] = true, [5] = true, [7] = true, [9] = true, [10] = true, [12] = true };
    struct world_of w;
    char before[SHA256_HEX_BYTES], after[SHA256_HEX_BYTES];
    init(&w);
    token_of(&w, "it", tree, N, before);
    for (size_t i = 0; i < N; i++) {
        struct ddf_leaf changed[N];
        memcpy(changed, tree, sizeof tree);
        changed[i].value = i == 7 ? STR("it") : STR("42");
        token_of(&w, "it", changed, N, after);
        if ((strcmp(before, after) != 0) != counts[i]) fprintf(stderr, "%.*s\n", STR_ARG(tree[i].uri));
        CU_ASSERT_EQUAL(strcmp(before, after) != 0, counts[i]);
    }
    token_of(&w, "ops", tree, N, after);
    CU_ASSERT(strcmp(before, after) != 0);
    token_of(&w, "", tree, N, after);
    CU_ASSERT(strcmp(before, after) != 0);
    finish(&w);
}

static void leaves_must_be_sorted_each_once(void)
{
    const struct ddf_leaf twice[] = { tree[0], tree[0] }, backwards[] = { tree[1], tree[0] };
    struct world_of w;
    struct err e = { 0 };
    char hex[SHA256_HEX_BYTES];
    init(&w);
    CU_ASSERT_EQUAL(ddf_state_token(w.s, w.l, STR("it"), twice, 2, hex, &e), RC_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "sorted"));
    CU_ASSERT_EQUAL(ddf_state_token(w.s, w.l, STR("it"), backwards, 2, hex, NULL), RC_INVALID);
    CU_ASSERT_EQUAL(ddf_state_token(w.s, w.l, STR("it"), NULL, 0, hex, NULL), RC_OK);
    CU_ASSERT_STRING_EQUAL(hex,
                           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"); /* SHA-256 of nothing */
    finish(&w);
}

static int by_uri(const void *a, const void *b)
{
    return str_cmp(((const struct ddf_leaf *)a)->uri, ((const struct ddf_leaf *)b)->uri);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* The definition, without any of the short cuts. */
static void token_by_the_book(struct world_of *w, const struct ddf_leaf *leaves, size_t n, char hex[SHA256_HEX_BYTES])
{
    struct crypto_sha256_ctx *c = crypto_sha256_create();
    for (size_t i = 0; i < n; i++) {
        const struct ddf_node *d = ddf_schema_find(w->s, leaves[i].uri);
        struct ddf_match m;
        bool ours = false;
        CU_ASSERT_FATAL(d && ddf_layout_match(w->l, leaves[i].uri, &m));
        for (size_t k = 0; k < n; k++)
            ours |= str_ends(leaves[k].uri, STR("/Domain/Servers")) && str_is(leaves[k].value, "it") &&
                    str_starts(leaves[k].uri, STR("./Virtualization/VM/")) &&
                    str_eq(str_slice(leaves[k].uri, 20, leaves[k].uri.n - 15), m.owner);
        if (!ours || !((d->access & DDF_GET && d->access & DDF_REPLACE) || str_is(m.entry->name, "state") ||
                       str_is(m.entry->name, "lockState")))
            continue;
        crypto_sha256_update(c, leaves[i].uri);
        crypto_sha256_update(c, STR("="));
        crypto_sha256_update(c, leaves[i].value);
        crypto_sha256_update(c, STR("\n"));
    }
    crypto_sha256_final(c, hex);
    crypto_sha256_destroy(c);
}

/* Random trees: however they were gathered, once sorted they give one token. */
static void the_order_of_gathering_does_not_matter(void)
{
    static const char *const vms[] = { "corp", "corp-1", "corp.x", "corp1", "zz" };
    struct world_of w;
    uint64_t seed = 20310131;
    init(&w);
    for (int round = 0; round < 50; round++) {
        struct ddf_leaf leaves[LEAVES];
        size_t n = 0;
        char one[SHA256_HEX_BYTES], other[SHA256_HEX_BYTES];
        struct arena a;
        arena_init(&a, 1 << 20);
        for (size_t v = 0; v < sizeof vms / sizeof vms[0]; v++) {
            leaves[n].uri = ddf_layout_uri(w.l, DDF_ENTRY(w.l, DDF_VM, "domain.servers"), str_of(vms[v]), STR(""), &a);
            leaves[n++].value = next(&seed) & 1 ? STR("it") : STR("ops");
            for (size_t i = 0; i < w.l->n_entries && n < LEAVES; i++) {
                const struct ddf_entry *en = &w.l->entries[i];
                if (en->scope != DDF_VM || str_is(en->format, "node") || str_is(en->name, "domain.servers") ||
                    next(&seed) % 4)
                    continue;
                leaves[n].uri = ddf_layout_uri(w.l, en, str_of(vms[v]), STR("x"), &a);
                leaves[n++].value = arena_printf(&a, "%u", (unsigned)next(&seed));
            }
        }
        qsort(leaves, n, sizeof leaves[0], by_uri);
        token_of(&w, "it", leaves, n, one);
        token_by_the_book(&w, leaves, n, other);
        CU_ASSERT_STRING_EQUAL(one, other);
        for (size_t i = n; i > 1; i--) {
            size_t k = next(&seed) % i;
            struct ddf_leaf t = leaves[i - 1];
            leaves[i - 1] = leaves[k];
            leaves[k] = t;
        }
        qsort(leaves, n, sizeof leaves[0], by_uri);
        token_of(&w, "it", leaves, n, other);
        CU_ASSERT_STRING_EQUAL(one, other);
        arena_finish(&a);
    }
    finish(&w);
}

/* Printed, not asserted. */
static void is_computed_in_a_moment(void)
{
    enum { ROUNDS = 500 };
    struct world_of w;
    struct ddf_leaf leaves[100];
    size_t n = 0;
    char hex[SHA256_HEX_BYTES];
    struct timespec t0, t1;
    init(&w);
    for (size_t i = 0; i < w.l->n_entries && n < 100; i++) {
        const struct ddf_entry *en = &w.l->entries[i];
        if (en->scope == DDF_VM && !str_is(en->format, "node")) {
            leaves[n].uri = ddf_layout_uri(w.l, en, STR("corp"), STR("x"), &w.a);
            leaves[n++].value = STR("it");
        }
    }
    qsort(leaves, n, sizeof leaves[0], by_uri);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (int i = 0; i < ROUNDS; i++) token_of(&w, "it", leaves, n, hex);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    printf("\n    ddf_state_token of %zu leaves: %.1f us ", n,
           ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / ROUNDS / 1000);
    finish(&w);
}

TEST_MAIN("ddf.token", TEST(is_the_hash_of_these_lines), TEST(changes_with_what_the_server_may_know_and_nothing_else),
          TEST(leaves_must_be_sorted_each_once), TEST(the_order_of_gathering_does_not_matter),
          TEST(is_computed_in_a_moment))
