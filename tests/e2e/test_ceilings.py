# SPDX-License-Identifier: Apache-2.0
"""One device that floods: every table of the database says who bounds it, and a device that says whatever it can, as often as it can, leaves no
more behind than it may. The rows are counted in the database's file."""
import json
import pathlib
import random
import re
import sqlite3

import pytest

import syncml
import world

SESSIONS, EVENTS, SAMPLES, OPERATIONS, RECORDED = 40, 600, 300, 30, 300_000
EVERY, ROWS = 16, 256           # server/store/ceilings.h: so many more there may be between two looks
NODES, ATTRIBUTES, VMS = 5000, 400, 64

# What one device may leave in each table: a number of rows, or who else bounds the table, by rows that no device makes.
BOUND = {
    "attribute_row": ATTRIBUTES,
    "node": NODES,
    "path": NODES + 500,        # each address once for all devices; those of the layouts and of others beside its own
    "vm": VMS,
    "policy_set": NODES,        # what policies wrote: nodes of the layouts
    "policy_vm": "people",
    "sample": SAMPLES + ROWS,
    "session": SESSIONS + EVERY,
    "recording": SESSIONS + EVERY,
    "event": EVENTS + ROWS,
    "notification": SESSIONS + EVERY,
    "operation": OPERATIONS + EVERY * VMS,
    "operation_step": "operation",      # 500 for each
    "operation_item": "operation",      # as many as were asked for
    "failure": 1000 + EVERY * VMS,
    "wish": 2 * VMS + 1,
    "assignment": "policy",
    "device": "people", "account": "device", "contact": "device", "refusal": "device", "contest": "device",
    "authority": "people", "token": "people", "policy": "people", "policy_revision": "people", "image": "people", "description": "people",
    "audit": "people", "idempotency": "people", "replan": "policy",
    "fact": "layouts", "instance": "server", "clock": "server",
}


POLICY = """
apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: locked}
spec:
  priority: 1
  selector: 'label.department == "sales"'
  vm: {id: corp, name: Corporate, guestType: linux, state: stopped, resources: {cpu: {vcpus: 1}}}
"""


@pytest.fixture
def server(folder):
    s = world.Server(folder / "server", tls=False, keep__sessionsPerDevice=SESSIONS, keep__eventsPerDevice=EVENTS, keep__samplesPerDevice=SAMPLES,
                     keep__operationsPerDevice=OPERATIONS, recorder__maxDevice=str(RECORDED), recorder__sample=1, dm__alertsPerHour=1000000, kpi__interval="1s",
                     dm__refusalsPerSecond=100000, log__level="info").start()
    yield s
    s.stop()


def database(server):
    return sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)


def tables(db):
    return [r[0] for r in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name")]


def counts(server):
    db = database(server)
    try:
        return {t: db.execute(f"select count(*) from {t}").fetchone()[0] for t in tables(db)}
    finally:
        db.close()


def alert(data, kind="Reversed-Domain-Name: org.example.bell", source="./Bell"):
    return (f'<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>{source}</LocURI></Source><Meta><Type xmlns="syncml:metinf">{kind}</Type>'
            f'<Format xmlns="syncml:metinf">chr</Format></Meta><Data>{data}</Data></Item></Alert>')


def token(data):
    """Its state is another one than before: all of it is read again."""
    return alert(data, "urn:oma:at:x-virmo:1.0:StateToken", "./Virtualization")


class Flooder(syncml.Client):
    """Says something else at each call: of itself, of its VMs, and that nothing works."""

    def __init__(self, account, name, seed):
        super().__init__(account, name)
        self.rng, self.n = random.Random(seed), 0

    def devinfo(self):
        return super().devinfo() + "".join(syncml.item(f"./DevInfo/Ext/{self.rng.randbytes(8).hex()}", "x", where="Source") for _ in range(90))

    def grow(self):
        self.n += 1
        self.tree = {k: v for k, v in self.tree.items() if not re.match(r"\./Virtualization/(VM|Device)/|\./DevDetail/", k)}
        self.tree["./Virtualization"] = self.tree["./Virtualization/VM"] = None
        for _ in range(8):
            vm = "./Virtualization/VM/" + self.rng.randbytes(5).hex()
            self.tree[vm] = None
            for leaf, value in (("Name", "x"), ("State", str(self.rng.choice((20, 40, 50, 60)))), ("KPI/CPU/UsagePct", str(self.n % 100)),
                                ("KPI/SampleTime", f"2026-01-01T00:{self.n // 60:02}:{self.n % 60:02}Z"), (f"Ext/{self.rng.randbytes(6).hex()}", "y" * 50)):
                self.tree[f"{vm}/{leaf}"] = value
            self.tree[f"{vm}/KPI"] = self.tree[f"{vm}/Ext"] = None

    def flood(self):
        self.grow()
        r = self.call([token(self.rng.randbytes(32).hex()), *(alert(f"{self.n}-{k}") for k in range(8))])
        for _ in range(6):
            if not r.asks():
                return
            codes = {u: "500" for u in r.uris("Replace", "Add", "Exec", "Delete") if self.rng.random() < 0.7}
            r = self.say(self.answers(r, codes), cred=False)
            if r.status != 200 or self.rng.random() < 0.2:
                return                          # breaks off


def test_every_table_says_who_bounds_it(server):
    db = database(server)
    try:
        assert set(tables(db)) == set(BOUND), set(tables(db)) ^ set(BOUND)
    finally:
        db.close()
    assert all(isinstance(b, int) or b in BOUND or b in ("people", "layouts", "server") for b in BOUND.values())


def test_a_device_that_floods_leaves_no_more_than_it_may(server):
    quiet = syncml.Client(server.register("IMEI:quiet"), "IMEI:quiet")
    quiet.finish(quiet.call([alert("mine")]))
    account = server.register("IMEI:flood", {"department": "sales"}, push="127.0.0.1:9")
    server.apply(POLICY)
    c = Flooder(account, "IMEI:flood", 7)
    wrong = syncml.Client(dict(account, clientPassword="guess"), "IMEI:flood")
    most = {}
    for i in range(420):
        c.flood()
        if i % 20 == 0:
            wrong.begin()
            wrong.say(wrong.package1())
        if i % 60 == 59:
            for t, n in counts(server).items():
                most[t] = max(most.get(t, 0), n)
    print(most, database(server).execute("select outcome, messages, why, count(*) from session group by 1, 2, 3").fetchall())
    for table, bound in BOUND.items():
        if isinstance(bound, int):
            assert most[table] <= bound + 100, (table, most)
        elif bound in ("device", "server"):
            assert most[table] <= 2, (table, most)
    assert most["operation_step"] <= 500 * max(1, most["operation"])
    db = database(server)
    try:
        for table, may in (("session", SESSIONS), ("event", EVENTS)):       # it did flood: else this says nothing
            assert db.execute("select seq from sqlite_sequence where name = ?", (table,)).fetchone()[0] > 4 * may, table
        assert db.execute("select coalesce(sum(bytes), 0) from recording").fetchone()[0] <= RECORDED
        said = [json.loads(d) for (d,) in db.execute("select data from event where device = 'IMEI:quiet'")]
        assert any(d.get("alert") == "org.example.bell" for d in said), "another device's history stays"
    finally:
        db.close()
    text = server.session.get(server.url + "/metrics", timeout=10).text
    assert float(re.search(r"dmvisor_dm_ceiling_rows_total (\d+)", text)[1]) > 500, text
    assert most["sample"] > SAMPLES / 2 and most["recording"] >= 3, most
    # Its mirror is still right: what is asked for now is found, and what it had before is gone.
    c.grow()
    c.devinfo = lambda: syncml.Client.devinfo(c)
    r = c.call()
    for _ in range(20):
        if not r.asks():
            break
        r = c.say(c.answers(r), cred=False)
    server.call("DELETE", "/devices/IMEI:flood?force=true", expect=(200, 204))
    quiet.finish(quiet.call())
    server.process.kill()
    server.start()                              # the sweep begins with the start
    world.wait_for("its addresses to go", lambda: counts(server)["path"] < 500, 60)
    quiet.finish(quiet.call())
    assert server.get("/devices/IMEI:quiet")["id"] == "IMEI:quiet"
