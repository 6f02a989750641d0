/* Notifications held against the accounts (notification-bootstrap.md 1 to 3). */
#include "agent/push.h"
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

static void a_good_trigger_is_taken_once(void)
{
    struct account acc[2] = { account_for("op.example.net", "x", "n0"),
                              account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789") };
    struct push_memory m = { 0 };
    struct push_call call = { .session = 0 };
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 16);
    struct str d = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), 0x1A2B, &a);
    CU_ASSERT_EQUAL(push_take(&m, d, acc, 2, 1000, &call, &why), PUSH_CALL);
    CU_ASSERT_EQUAL(call.session, 0x1A2B);
    CU_ASSERT_STRING_EQUAL(call.server_id, "dm.example.net");
    CU_ASSERT_EQUAL(call.n_resync, 0);
    CU_ASSERT_EQUAL(push_take(&m, d, acc, 2, 1001, &call, &why), PUSH_REPEATED);
    d = datagram("dm.example.net", "srv-Pa55w0rd", STR("nonce-0123456789"), 0x1A2C, &a);
    CU_ASSERT_EQUAL(push_take(&m, d, acc, 2, 1002, &call, &why), PUSH_CALL);
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
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "guess", STR("nonce-0123456789"), 1, &a), &acc, 1, 0,
                              &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", STR("another nonce"), 1, &a), &acc, 1, 0,
                              &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("other.example", "srv-Pa55w0rd", STR("nonce-0123456789"), 1, &a), &acc, 1, 0,
                              &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, (struct str){ 0 }, &acc, 1, 0, &call, &why), PUSH_REFUSED);
    for (size_t n = 0; n < good.n; n++)
        CU_ASSERT_EQUAL(push_take(&m, str_slice(good, 0, n), &acc, 1, 0, &call, &why), PUSH_REFUSED);
    for (size_t i = SML_WSP_HEAD; i < good.n; i++) { /* every octet counts */
        char bad[256];
        memcpy(bad, good.p, good.n);
        bad[i] = (char)(bad[i] ^ 1);
        CU_ASSERT_NOT_EQUAL(push_take(&m, (struct str){ bad, good.n }, &acc, 1, 0, &call, &why), PUSH_CALL);
    }
    CU_ASSERT_EQUAL(push_take(&m, good, &acc, 0, 0, &call, &why), PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, good, &acc, 1, 0, &call, &why), PUSH_CALL);
    arena_finish(&a);
}

/* dm-protocol.md 7.5: both spellings, and not in a row */
static void resynchronisation_is_believed_now_and_then(void)
{
    struct account acc = account_for("dm.example.net", "srv-Pa55w0rd", "nonce-0123456789");
    struct push_memory m = { 0 };
    struct push_call call;
    const char *why;
    struct arena a;
    arena_init(&a, 1 << 16);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", (struct str){ "\0\0\0\0", 4 }, 1, &a),
                              &acc, 1, 5000, &call, &why),
                    PUSH_CALL);
    CU_ASSERT(call.n_resync == 4 && !memcmp(call.resync, "\0\0\0\0", 4));
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", (struct str){ "\0\0\0\0", 4 }, 2, &a),
                              &acc, 1, 6000, &call, &why),
                    PUSH_REFUSED);
    CU_ASSERT_EQUAL(push_take(&m, datagram("dm.example.net", "srv-Pa55w0rd", STR("0x00000000"), 3, &a), &acc, 1,
                              5000 + PUSH_RESYNC_GAP_MS, &call, &why),
                    PUSH_CALL);
    CU_ASSERT_EQUAL(call.n_resync, 10);
    arena_finish(&a);
}

TEST_MAIN("agent.push", TEST_OF("N-011", a_good_trigger_is_taken_once),
          TEST_OF("N-004", strangers_and_forgeries_are_refused),
          TEST_OF("N-007", resynchronisation_is_believed_now_and_then))
