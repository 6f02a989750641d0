/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/server/dm_fixture.h"
#include <string.h>

static const char policy[] =
    "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
    "spec:\n  selector: 'device.id != \"\"'\n  vm:\n    id: corp\n    guestType: linux\n    image: base:1.0\n    state: running\n";

static void a_preview_is_what_the_device_gets_without_secrets(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    struct store *st = NULL;
    struct dm_device d;
    struct pol_facts f;
    struct pol_desired desired;
    struct pol_plan plan = { 0 };
    struct sml_step *steps = NULL;
    struct store_message about = { 0 };
    struct arena a;
    struct buf xml;
    struct err e = { 0 };

    arena_init(&a, 64 << 20);
    buf_init(&xml, 0);
    CU_ASSERT(fixture_device_call(p, 1201, "1"));
    dm_fixture_image(l, "base", "1.0");
    dm_fixture_policy(l, policy);
    CU_ASSERT_EQUAL_FATAL(store_open(&l->srv, &st, &e), RC_OK);
    CU_ASSERT_EQUAL(store_load_device(st, (struct str){ 0 }, STR("nobody"), l->world.now_ms, &a, &d, &e), RC_NOT_FOUND);
    CU_ASSERT_EQUAL(store_load_device(st, STR("other"), STR("IMEI:001"), l->world.now_ms, &a, &d, &e), RC_NOT_FOUND);
    CU_ASSERT_EQUAL_FATAL(store_load_device(st, STR("acme-it"), STR("IMEI:001"), l->world.now_ms, &a, &d, &e), RC_OK);
    CU_ASSERT(d.mirror_read);
    CU_ASSERT(str_is(d.account.client_ha1, p->client_ha1));
    CU_ASSERT_EQUAL_FATAL(store_load_facts(st, &d, NULL, l->world.now_ms, &a, &f, &e), RC_OK);
    CU_ASSERT(f.n_mirror > 50);
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &a, &desired, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_make_plan(&f, &desired, &a, &plan, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(steps_of_plan(&plan, &a, &steps, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_preview_syncml(&l->srv, &d, l->srv.schema, steps, &a, &xml, &about, &e), RC_OK);
    CU_ASSERT_EQUAL(about.messages, 1);
    CU_ASSERT_EQUAL(about.steps, plan.n_steps);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&xml), "  <Add>\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&xml), "<LocURI>./VMImages/base</LocURI>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&xml), "<Target>\n      <LocURI>IMEI:001</LocURI>"));
    CU_ASSERT_PTR_NULL(strstr(buf_z(&xml), p->server_ha1));
    for (const char *at = buf_z(&xml); (at = strstr(at, "<NextNonce")) != NULL; at++)
        CU_ASSERT(strstr(at, ">***</NextNonce>") && strstr(at, ">***</NextNonce>") < strstr(at, "</NextNonce>"));
    const char *cred = strstr(buf_z(&xml), "<Cred>");
    CU_ASSERT(!cred || strstr(cred, "<Data>***</Data>"));

    /* Tags count a group and then its children. */
    uint64_t tag = 0;
    for (const struct sml_step *s = steps; s; s = s->next) {
        CU_ASSERT_EQUAL(s->tag, tag++);
        for (const struct sml_step *c = s->children; c; c = c->next) CU_ASSERT_EQUAL(c->tag, tag++);
    }
    /* And what is previewed is what is sent. */
    p->talk = true;
    fixture_device_call(p, 1201, "2");
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_z(&p->log), "./VMImages/base"));
    store_close(st);
    buf_finish(&xml);
    arena_finish(&a);
    fixture_device_end(p);
    dm_fixture_end(l);
}

static void another_revision_may_be_tried_without_being_applied(void)
{
    struct dm_fixture *l = dm_fixture_begin();
    struct fixture_device *p = fixture_device_begin(l, "IMEI:001");
    struct store *st = NULL;
    struct dm_device d;
    struct pol_facts f;
    struct pol_desired desired;
    struct pol_policy *extra = NULL;
    struct arena a;
    struct err e = { 0 };
    const char *const absent =
        "apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: workspace, authority: acme-it}\n"
        "spec:\n  selector: 'device.id != \"\"'\n  vm: {id: corp, state: absent}\n";
    arena_init(&a, 64 << 20);
    dm_fixture_policy(l, policy);
    CU_ASSERT_EQUAL_FATAL(store_open(&l->srv, &st, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_load_device_id(st, 1, l->world.now_ms, &a, &d, &e), RC_OK);
    CU_ASSERT(str_is(d.name, "IMEI:001"));
    CU_ASSERT_EQUAL_FATAL(pol_policy_parse(str_of(absent), "x", d.layout, l->srv.schema, &a, &extra, NULL, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_load_facts(st, &d, extra, l->world.now_ms, &a, &f, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &a, &desired, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(desired.n_vms, 1);
    CU_ASSERT(desired.vms[0].goal && desired.vms[0].goal->gone);
    CU_ASSERT_EQUAL_FATAL(store_load_facts(st, &d, NULL, l->world.now_ms, &a, &f, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(pol_resolve(&f, &a, &desired, &e), RC_OK);
    CU_ASSERT(desired.n_vms == 1 && desired.vms[0].goal && !desired.vms[0].goal->gone);
    /* A revision that another connection applies is seen at the next look. */
    dm_fixture_policy(l, absent);
    CU_ASSERT_EQUAL_FATAL(store_load_device_id(st, 1, l->world.now_ms, &a, &d, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(store_load_facts(st, &d, NULL, l->world.now_ms, &a, &f, &e), RC_OK);
    CU_ASSERT_EQUAL(f.policies->revision, 2);
    store_close(st);
    arena_finish(&a);
    fixture_device_end(p);
    dm_fixture_end(l);
}

TEST_MAIN("server.preview", TEST(a_preview_is_what_the_device_gets_without_secrets),
          TEST(another_revision_may_be_tried_without_being_applied))
