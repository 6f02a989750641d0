/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SERVER_DM_FIXTURE_H
#define TESTS_SERVER_DM_FIXTURE_H
/* The DM line over a database in a new folder, and a phone that talks to it through both session machines without a
 * socket between them. Time stands still but for dm_fixture_wait. */
#include "server/dm/exchange.h"
#include "server/core/server.h"
#include "syncml/session/client.h"
#include "tests/policy/sim.h"

enum { DM_FIXTURE_ALERTS = 32 };

struct dm_fixture {
    char dir[64], database[128], key[128], images_dir[128], schema_dir[256], ddf_dir[256];
    struct server_config config;
    struct server srv;
    struct arena arena;
    struct dm *dm;
    struct sql *db; /* the test's own connection */
    struct world world;
    uint64_t seed;
    bool hold; /* what messages bring is not committed, until dm_fixture_undo takes it back */
};

struct fixture_device {
    struct dm_fixture *lab;
    const char *model; /* DevInfo/Mod; NULL = "One" */
    char name[64], password[32], server_password[32], session_id[16];
    char client_ha1[SML_HA1_BYTES + 1], server_ha1[SML_HA1_BYTES + 1];
    uint8_t client_nonce[SML_NONCE_MAX], server_nonce[SML_NONCE_MAX];
    size_t n_client_nonce, n_server_nonce;
    struct policy_sim_device *sim;
    enum sml_type type;
    enum sml_auth pref;
    bool no_token;          /* reports no StateToken */
    bool no_child_statuses; /* says of an Atomic only how it ended as a whole (trap 13) */
    bool mute;              /* answers a Get with 200 and tells nothing */
    struct {
        char uri[160], type[120], data[120], correlator[64];
        uint64_t tag;
        bool used;
    } alert[DM_FIXTURE_ALERTS];
    uint64_t next_tag;
    /* What the last session was like. */
    unsigned posts, commands, unsupported; /* unsupported: answered with 406 */
    int status;                            /* last HTTP status */
    const char *refused;
    bool over, aborted;
    /* Mischief, for the next session. */
    int lose_answer; /* the n-th answer is lost (1 = first); the session is given up there */
    int lose_commit; /* what the n-th message brought is not kept, nor answered */
    int repeat;      /* the n-th message is sent twice, as if its answer had been lost */
    bool twice_same; /* set when both answers to the repeated message were the same */
    int vanish;      /* after the n-th answer the phone says nothing more */
    void (*before_answer)(struct fixture_device *p, int n); /* called with each answer in hand */
    /* Quirks, for good. */
    /* Another way to the server than a call; NULL = exchange(). */
    void (*post)(struct fixture_device *p, const struct exchange_request *rq, struct exchange_reply *rp);
    bool no_nonces;                                   /* gives none for the server to use */
    const char *always_id;                            /* SessionID, whatever fixture_device_call is told */
    void (*bend)(struct sml_msg *m, struct arena *a); /* what it says */
    void (*bend_octets)(struct buf *octets);          /* how it writes it */
    void (*see)(struct sml_msg *m);                   /* looks at what it is told */
    struct buf log;                                   /* every message as text, when `talk` */
    bool talk;
};

struct dm_fixture *dm_fixture_begin(void);
void dm_fixture_end(struct dm_fixture *l);
/** Its files lose their names: for a process that may end anywhere. It goes on with those that are open. */
void dm_fixture_forsake(struct dm_fixture *l);
/** The process dies without a word and a new one comes up. */
void dm_fixture_crash(struct dm_fixture *l);
/** What came since the last commit has never happened; nor has any session. */
void dm_fixture_undo(struct dm_fixture *l);
void dm_fixture_wait(struct dm_fixture *l, int64_t ms);
void dm_fixture_sql(struct dm_fixture *l, const char *text);
int64_t dm_fixture_int(struct dm_fixture *l, const char *text);
/** First column of the first row, good until the next call. "" when there is no row. */
const char *dm_fixture_text(struct dm_fixture *l, const char *text);
/** Apply a policy document, as the API does. */
void dm_fixture_policy(struct dm_fixture *l, const char *yaml);
void dm_fixture_image(struct dm_fixture *l, const char *name, const char *version);
/** Ask for an operation, as the API does. @return its number */
int64_t dm_fixture_operation(struct dm_fixture *l, const char *device, const char *vm, const char *kind,
                             const char *args);

struct fixture_device *fixture_device_begin(struct dm_fixture *l, const char *name);
void fixture_device_end(struct fixture_device *p);
/** One session. @param alert 1200 or 1201. @return it ended well */
bool fixture_device_call(struct fixture_device *p, int alert, const char *session_id);
/** Time for what runs on the phone: operations end, alerts are queued. */
void fixture_device_tick(struct fixture_device *p);
void fixture_device_alert(struct fixture_device *p, const char *uri, const char *type, const char *data,
                          const char *correlator);
/** Sessions and ticks until one of them has nothing to do and the device is settled, at most n. @return sessions, n +
 * 1 when it is not */
unsigned fixture_device_settle(struct fixture_device *p, unsigned n);
#endif
