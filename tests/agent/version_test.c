/* SPDX-License-Identifier: Apache-2.0 */
/* TStamp and VerNo of a whole device (C-114): what the tree's own tests cannot show. */
#include "db/sql/sql.h"
#include "tests/agent/device_fixture.h"

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
    struct device_fixture p;
    device_fixture_open(&p, true);
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "10");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    device_fixture_stop(&p);
    p.w.now_ms += 30000;
    CU_ASSERT(device_fixture_start(&p));
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_ADD, IMG, "node", NULL);
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    p.w.now_ms += 15000;
    device_fixture_forget(&p);
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS", "int", "20");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Config/KPIIntervalS?prop=VerNo", "chr", "7");
    device_fixture_write(&p, SML_ADD, "./Virtualization/Config/KPIIntervalS?prop=TStamp", "chr", "20300317T174640Z");
    device_fixture_write(&p, SML_REPLACE, "./Virtualization/Hypervisor/State?prop=VerNo", "chr", "7");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    DEVICE_FIXTURE_CODE(&p, 1, 200);
    DEVICE_FIXTURE_CODE(&p, 2, 405);
    DEVICE_FIXTURE_CODE(&p, 3, 405);
    DEVICE_FIXTURE_CODE(&p, 4, 406);
    for (int restart = 0; restart < 2; restart++) {
        device_fixture_forget(&p);
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) device_fixture_step(&p, SML_GET, row[i].uri);
        CU_ASSERT(device_fixture_session(&p, NULL, 0));
        for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
            DEVICE_FIXTURE_CODE(&p, i + 1, row[i].code);
            CU_ASSERT_STRING_EQUAL(buf_z(&p.value[i + 1]), row[i].value);
            if (strcmp(buf_z(&p.value[i + 1]), row[i].value)) printf("%s: %s\n", row[i].uri, buf_z(&p.value[i + 1]));
        }
        device_fixture_stop(&p);
        p.w.now_ms += 5000;
        CU_ASSERT(device_fixture_start(&p));
    }
    device_fixture_close(&p);
}

/* A state from before the versions: what is in it counts from the device's next start on. */
static void c_114_an_older_state_is_taken_over(void)
{
    char folder[] = "/tmp/dmvisor-schema-XXXXXX", step[80], command[1400];
    struct sql_options o = { .durable = true };
    struct sql *sql = NULL;
    struct err e = { 0 };
    struct device_fixture p;
    device_fixture_open(&p, true);
    device_fixture_stop(&p);
    unlink(p.file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(step, sizeof step, "%s/001-state.sql", folder);
    snprintf(command, sizeof command, "cp '%s' '%s'", device_fixture_path("agent/schema/001-state.sql"), step);
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
    CU_ASSERT_FATAL(device_fixture_start(&p));
    DEVICE_FIXTURE_IS(&p, "./VMImages/old/Name", "kept");
    CU_ASSERT(device_fixture_register(&p, "dm.example.net"));
    device_fixture_step(&p, SML_GET, "./VMImages/old/Name?prop=TStamp");
    device_fixture_step(&p, SML_GET, "./VMImages/old/Name?prop=VerNo");
    CU_ASSERT(device_fixture_session(&p, NULL, 0));
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[1]), "20300317T174650Z");
    CU_ASSERT_STRING_EQUAL(buf_z(&p.value[2]), "0");
    device_fixture_close(&p);
}

TEST_MAIN("agent.version", TEST_OF("C-114", c_114_versions_survive_a_restart),
          TEST_OF("C-114", c_114_an_older_state_is_taken_over))
