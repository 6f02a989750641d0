/* SPDX-License-Identifier: Apache-2.0 */
/* TStamp and VerNo of a whole device (C-114): what the tree's own tests cannot show. */
#include "db/sql/sql.h"
#include "tests/agent/phone.h"

#define IMG "./VMImages/img1"

static void c_114_versions_survive_a_restart(void)
{
    static const struct {
        const char *uri;
        int code;
        const char *value;
    } row[] = {
        { "./Virtualization/Config/KPIIntervalS?prop=TStamp", 200, "20300317T174725Z" },
        { "./Virtualization/Config/KPIIntervalS?prop=VerNo", 200, "2" },
        { "./Virtualization/Config/ProgressStepPct?prop=TStamp", 200, "20300317T174640Z" },
        { "./Virtualization/Config/ProgressStepPct?prop=VerNo", 200, "0" },
        { "./VMImages?prop=TStamp", 200, "20300317T174710Z" },
        { "./VMImages?prop=VerNo", 200, "1" },
        { IMG "/Name?prop=TStamp", 200, "20300317T174710Z" },
        { "./Virtualization/Hypervisor/State?prop=TStamp", 406, "" },
        { IMG "/Status?prop=VerNo", 406, "" },
        { "./DevInfo/DevId?prop=VerNo", 406, "" },
    };
    struct phone p;
    phone_open(&p, true);
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    phone_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "10");
    CU_ASSERT(phone_session(&p, NULL, 0));
    phone_stop(&p);
    p.w.now_ms += 30000;
    CU_ASSERT(phone_start(&p));
    phone_forget(&p);
    phone_write(&p, SML_ADD, IMG, "node", NULL);
    CU_ASSERT(phone_session(&p, NULL, 0));
    p.w.now_ms += 15000;
    phone_forget(&p);
    phone_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "20");
    phone_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS?prop=VerNo", "chr", "7");
    phone_write(&p, SML_ADD, "./Virtualization/Config/KPIIntervalS?prop=TStamp", "chr", "20300317T174640Z");
    phone_write(&p, SML_REPLACE, "./Virtualization/Hypervisor/State?prop=VerNo", "chr", "7");
    CU_ASSERT(phone_session(&p, NULL, 0));
    PHONE_CODE(&p, 1, 200);
    PHONE_CODE(&p, 2, 405);
    PHONE_CODE(&p, 3, 405);
    PHONE_CODE(&p, 4, 406);
    for (int restart = 0; restart < 2; restart++) {
        phone_forget(&p);
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) phone_step(&p, SML_GET, row[i].uri);
        CU_ASSERT(phone_session(&p, NULL, 0));
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
            PHONE_CODE(&p, i + 1, row[i].code);
            CU_ASSERT_STRING_EQUAL(buf_z(&p.value[i + 1]), row[i].value);
            if (strcmp(buf_z(&p.value[i + 1]), row[i].value)) printf("%s: %s\n", row[i].uri, buf_z(&p.value[i + 1]));
        }
        phone_stop(&p);
        p.w.now_ms += 5000;
        CU_ASSERT(phone_start(&p));
    }
    phone_close(&p);
}

/* A state from before the versions: what is in it counts from the device's next start on. */
static void c_114_an_older_state_is_taken_over(void)
{
    char folder[] = "/tmp/dmvisor-schema-XXXXXX", step[80], command[1400];
    struct sql_options o = { .durable = true };
    struct sql *sql = NULL;
    struct err e = { 0 };
    struct phone p;
    phone_open(&p, true);
    phone_stop(&p);
    unlink(p.file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(step, sizeof step, "%s/001-state.sql", folder);
    snprintf(command, sizeof command, "cp '%s' '%s'", phone_path("agent/schema/001-state.sql"), step);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    CU_ASSERT_EQUAL_FATAL(sql_open(p.file, &o, &sql, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_migrate(sql, folder, &e), RC_OK);
    CU_ASSERT_EQUAL(sql_exec(sql,
                             "INSERT INTO node(uri, added, value) VALUES('./VMImages/old', 1, NULL),"
                             " ('./VMImages/old/Name', 0, CAST('kept' AS BLOB))",
                             &e),
                    RC_OK);
    sql_close(sql);
    unlink(step);
    rmdir(folder);
    p.w.now_ms += 10000;
    CU_ASSERT_FATAL(phone_start(&p));
    PHONE_IS(&p, "./VMImages/old/Name", "kept");
    CU_ASSERT(phone_register(&p, "dm.example.net"));
    phone_step(&p, SML_GET, "./VMImages/old/Name?prop=TStamp");
    phone_step(&p, SML_GET, "./VMImages/old/Name?prop=VerNo");
    CU_ASSERT(phone_session(&p, NULL, 0));
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[1]), "20300317T174650Z");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[2]), "0");
    phone_close(&p);
}

TEST_MAIN("agent.version", TEST_OF("C-114", c_114_versions_survive_a_restart),
          TEST_OF("C-114", c_114_an_older_state_is_taken_over))
