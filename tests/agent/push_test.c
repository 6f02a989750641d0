/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications held against the accounts (notification-bootstrap.md 1 to 3). */
#include "agent/dm/push.h"
#include "base/arena.h"
#include "tests/lib/test.h"
#include <string.h>

static struct account account_for(const char *server, const char *password, const char *nonce)
{
    struct account acc = { 0 };
    strcpy(acc.server_id, server);
    sml_ha1(str_of(server), str_of(password), acc.server_ha1);
    account_set_nonce(str_of(nonce), acc.server_nonce, &acc.n_server_nonce);
    return acc;
}

static struct str datagram(const char *server, const char *password, struct str nonce, uint16_t session,
                           struct arena *a)
{
    const struct sml_notify n = {
        .version = 11, .ui = SML_UI_BACKGROUND, .by_server = true, .session = session, .server_id = str_of(server)
    };
    char ha1[SML_HA1_BYTES + 1];
    struct str body = { 0 }, out = { 0 };
    sml_ha1(str_of(server), str_of(password), ha1);
    CU_ASSERT_EQUAL(sml_notify_encode(&n, str_of(ha1), nonce, a, &body, NULL), RC_OK);
    CU_ASSERT_EQUAL(sml_wsp_push_encode(7, body, a, &out), RC_OK);
    return out;
}

static void a_good_notification_is_taken_once(void)
{
    struct account acc[2] = { account_for("op.example.net", "x", "n0"),
                              account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789") };
    struct push_memory m = { 0 };
    struct push_call call = { .session = 0 };
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 16);
    struct str d = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), 0x1A2B, &a);
    CU_ASSERT_EQUAL(push_take(&m, d, 1, acc, 2, 1000, &call, &why), PUSH_CALL);
    CU_ASSERT_EQUAL(call.session, 0x1A2B);
    CU_ASSERT_STRING_EQUAL(call.server_id, "dm.example.net");
    CU_ASSERT_EQUAL(call.n_resync, 0);
    CU_ASSERT_EQUAL(push_take(&m, d, 1, acc, 2, 1001, &call, &why), PUSH_REPEATED);
    d = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), 0x1A2C, &a);
    CU_ASSERT_EQUAL(push_take(&m, d, 1, acc, 2, 1002, &call, &why), PUSH_CALL);
    arena_finish(&a);
}

static void strangers_and_forgeries_are_refused(void)
{
    struct account acc = account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789");
    struct push_memory m = { 0 };
    struct push_call call;
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 16);
    struct str good = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), 1, &a);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "guess", STR("nonce-0123456789"), 1, &a), 1, &acc, 1, 0,
                              &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", STR("another nonce"), 1, &a), 1, &acc, 1,
                              0, &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("other.example", "srv-Pa55w0rd", STR("nonce-0123456789"), 1, &a), 1, &acc, 1,
                              0, &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, (struct str){ 0 }, 1, &acc, 1, 0, &call, &why), PUSH_REFUSED);
    for (size_t n = 0; n < good.n; n++)
        CU_ASSERT_EQUAL(push_take(&m, str_slice(good, 0, n), 100 + n, &acc, 1, 0, &call, &why), PUSH_REFUSED);
    for (size_t i = SML_WSP_HEAD; i < good.n; i++) { /* every octet counts */
        char bad[256];
        memcpy(bad, good.p, good.n);
        bad[i] = (char)(bad[i] ^ 1);
        CU_ASSERT_NOT_EQUAL(push_take(&m, (struct str){ bad, good.n }, 1000 + i, &acc, 1, 0, &call, &why), PUSH_CALL);
    }
    CU_ASSERT_EQUAL(push_take(&m, good, 1, &acc, 0, 0, &call, &why), PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, good, 1, &acc, 1, 0, &call, &why), PUSH_CALL);
    arena_finish(&a);
}

/* protocol.md 7.5: both spellings, and not in a row */
static void resynchronisation_is_believed_now_and_then(void)
{
    struct account acc = account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789");
    struct push_memory m = { 0 };
    struct push_call call;
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 16);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", (struct str){ "\0\0\0\0", 4 }, 1, &a), 1,
                              &acc, 1, 5000, &call, &why),
                    PUSH_CALL);
    CU_ASSERT(call.n_resync == 4 && !memcmp(call.resync, "\0\0\0\0", 4));
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", (struct str){ "\0\0\0\0", 4 }, 2, &a), 1,
                              &acc, 1, 6000, &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", STR("0x00000000"), 3, &a), 1, &acc, 1,
                              5000 + PUSH_RESYNC_GAP_MS, &call, &why),
                    PUSH_CALL);
    CU_ASSERT_EQUAL(call.n_resync, 10);
    arena_finish(&a);
}

/* Such a signature never ages: what was believed once is not believed again, in an hour or after a restart. */
static void a_resynchronisation_counts_once_for_ever(void)
{
    enum { HOUR = 3600000 };
    struct account acc = account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789");
    struct push_memory m = { 0 }, later = { 0 };
    struct push_call call;
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct str first = datagram("dm.example.net", "srv-Pa55w0rd", STR("\0\0\0\0"), 1, &a);
    CU_ASSERT_EQUAL(push_take(&m, first, 1, &acc, 1, HOUR, &call, &why), PUSH_CALL);
    push_remember(&later, call.digest);
    for (unsigned i = 2; i < PUSH_KNOWN; i++) /* ordinary ones do not push it out of the memory */
        CU_ASSERT_EQUAL(push_take(&m,
                                  datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), (uint16_t)i, &a),
                                  i, &acc, 1, HOUR, &call, &why),
                        PUSH_CALL);
    CU_ASSERT_EQUAL(push_take(&m, first, 1, &acc, 1, 3 * HOUR, &call, &why), PUSH_REPEATED);
    CU_ASSERT_EQUAL(push_take(&later, first, 1, &acc, 1, 3 * HOUR, &call, &why), PUSH_REPEATED);
    arena_finish(&a);
}

/* A flood of forgeries has few of its digests computed, and does not keep out who was good before. */
static void a_flood_does_not_shut_out_the_server(void)
{
    enum { T = 1000000, SERVER = 7 };
    struct account acc = account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789");
    struct push_memory m = { 0 };
    struct push_call call;
    const char *why;
    struct arena a;
    unsigned wrong = 0;
    arena_init(&a, 1 << 20);
    struct str forged = datagram("dm.example.net", "guess", STR("nonce-0123456789"), 9, &a);
    struct str good[3];
    for (uint16_t i = 0; i < 3; i++)
        good[i] = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), (uint16_t)(20 + i), &a);
    for (unsigned i = 0; i < 1000; i++) { /* one sender */
        CU_ASSERT_EQUAL(push_take(&m, forged, 1, &acc, 1, T, &call, &why), PUSH_REFUSED);
        wrong += strstr(why, "digest") != NULL;
    }
    CU_ASSERT_EQUAL(wrong, PUSH_SOURCE_BURST);
    CU_ASSERT_EQUAL(push_take(&m, good[0], SERVER, &acc, 1, T, &call, &why), PUSH_CALL);
    wrong = 0;
    for (unsigned i = 0; i < 20000; i++) { /* as many senders as datagrams */
        CU_ASSERT_EQUAL(push_take(&m, forged, 1000 + i, &acc, 1, T + 1, &call, &why), PUSH_REFUSED);
        wrong += strstr(why, "digest") != NULL;
    }
    CU_ASSERT(wrong <= PUSH_ALL_BURST + PUSH_ALL_PER_S / 1000);
    CU_ASSERT_EQUAL(push_take(&m, good[1], SERVER, &acc, 1, T + 1, &call, &why), PUSH_CALL);
    CU_ASSERT_EQUAL(push_take(&m, good[2], 8, &acc, 1, T + 1, &call, &why), PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, good[2], 8, &acc, 1, T + 1000, &call, &why), PUSH_CALL);
    arena_finish(&a);
}

TEST_MAIN("agent.push", TEST_OF("N-011", a_good_notification_is_taken_once),
          TEST_OF("N-004", strangers_and_forgeries_are_refused), TEST(a_resynchronisation_counts_once_for_ever),
          TEST(a_flood_does_not_shut_out_the_server), TEST_OF("N-007", resynchronisation_is_believed_now_and_then))
