# SPDX-License-Identifier: Apache-2.0
"""How devices and policies stand, seen from outside: by REST, the command line, metrics and the database's file, with clients of our own."""
import re
import sqlite3

import pytest
import requests

import syncml
import world

CONFIG = "./Virtualization/Config"
POLICY = """
apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {{name: {name}}}
spec:
  selector: 'label.department == "sales"'
  {what}
"""


@pytest.fixture
def quiet(folder):
    """A server whose devices call once an hour."""
    s = world.Server(folder / "server", tls=False, poll__interval="1h").start()
    yield s
    s.stop()


def path_of(name):
    return f"/devices/{world.quote(name)}"


def client(server, name, **tree):
    c = syncml.Client(server.register(name, {"department": "sales"}), name)
    c.tree.update(tree)
    c.finish(c.call())
    return c


def counts(server):
    found = {}
    for d in server.get("/overview")["devices"]:
        found[d["summary"]] = found.get(d["summary"], 0) + d["count"]
    return found


def metric(server):
    text = requests.get(server.url + "/metrics", headers={"Authorization": f"Bearer {server.token}"}, timeout=60).text
    return {m[1]: int(m[2]) for m in re.finditer(r'dmvisor_devices\{state="(\w+)"\} (\d+)', text)}


def test_a_revision_that_nobody_fetched_is_not_settled(quiet):
    names = [f"IMEI:0010100000{n:05}" for n in range(20)]
    clients = [client(quiet, n) for n in names]
    assert counts(quiet) == {"settled": 20}
    quiet.apply(POLICY.format(name="figures", what="vm: {id: one, state: absent}\n  device: {kpi: {interval: 30s}}"))
    assert counts(quiet) == {"pending": 20}
    assert quiet.get("/policies/figures")["devices"] == {"pending": 20}
    assert len(quiet.get("/devices?summary=pending")["items"]) == 20 and not quiet.get("/devices?summary=settled")["items"]
    shown = quiet.ctl("overview")
    assert "pending" in shown and "settled" not in shown, shown
    clients[0].finish(clients[0].call())
    one = quiet.get(path_of(names[0]))
    assert one["summary"] == "settled" and one["policies"][0]["state"] == "settled", one
    assert counts(quiet) == {"pending": 19, "settled": 1} == metric(quiet)
    assert quiet.get("/policies/figures")["devices"] == {"pending": 19, "settled": 1}
    db = sqlite3.connect(f"file:{quiet.dir}/dmvisor.db?mode=ro", uri=True)
    assert db.execute("SELECT count(*) FROM device WHERE generation > observed_generation").fetchone() == (19,)
    db.close()


def test_each_policy_has_its_own_word(quiet):
    """One setting is refused with 425: its policy has failed, and the one beside it has not."""
    name = "IMEI:001010000000021"
    quiet.apply(POLICY.format(name="figures", what="vm: {id: one, state: absent}\n  device: {kpi: {interval: 30s}}"))
    c = syncml.Client(quiet.register(name, {"department": "sales"}), name)
    refused = {f"{CONFIG}/KPIIntervalS": "425"}
    for _ in range(3):
        c.finish(c.call(), refused)
    one = quiet.get(path_of(name))
    assert one["policies"][0]["state"] == "failed" and "425" in one["policies"][0]["why"], one
    assert one["summary"] == "failed" and quiet.get("/policies/figures")["devices"] == {"failed": 1}
    quiet.apply(POLICY.format(name="work", what="vm: {id: corp, state: absent}"))
    c.finish(c.call(), refused)
    states = {p["name"]: p["state"] for p in quiet.get(path_of(name))["policies"]}
    assert states == {"figures": "failed", "work": "settled"}, states


def test_wrong_credentials_are_shown_at_once_with_time_and_address(quiet):
    name = "IMEI:001010000000031"
    c = syncml.Client(quiet.register(name), name)
    c.begin()
    c.nonce = c.say(c.package1(), password="wrong").nonce() or c.nonce
    look = lambda: (lambda x: x if x["summary"] == "unauthenticated" else None)(quiet.get(path_of(name)))
    d = world.wait_for("the refusal to be known", look, 3)
    assert d["seen"] is None, d
    assert d["refused"]["remote"] == "127.0.0.1" and "wrong credentials" in d["refused"]["why"] and d["refused"]["at"] > d["created"]
    assert counts(quiet) == {"unauthenticated": 1} == metric(quiet)
    shown = quiet.ctl("device", "show", name)
    assert "Refused" in shown and "127.0.0.1" in shown and d["refused"]["at"][:16] in shown, shown
    c.finish(c.call())
    d = quiet.get(path_of(name))
    assert d["summary"] == "settled" and "refused" not in d


def test_a_silent_device_is_overdue(folder):
    s = world.Server(folder / "server", tls=False, poll__interval="5s").start()
    try:
        name = "IMEI:001010000000041"
        c = client(s, name)
        assert s.get(path_of(name))["summary"] == "settled"
        s.apply(POLICY.format(name="work", what="vm: {id: corp, state: absent}"))
        c.finish(c.call())
        d = world.wait_for("the device to be overdue", lambda: (lambda x: x if x["summary"] == "overdue" else None)(s.get(path_of(name))), 20)
        assert d["pollS"] == 5 and d["policies"][0]["state"] == "overdue", d
        assert counts(s) == {"overdue": 1} and s.get("/policies/work")["devices"] == {"overdue": 1}
        c.finish(c.call())
        assert s.get(path_of(name))["summary"] == "settled"
    finally:
        s.stop()
