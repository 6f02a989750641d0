# SPDX-License-Identifier: Apache-2.0
"""Everything that can break breaks here, with the real server, the real agent and real VMs: each time a person can read what happened, and
nothing is lost or done twice."""
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import tempfile
import time

import pytest

import syncml
import world

SCRIPTED = "IMEI:001010000000099"


@pytest.fixture
def clear(folder):
    """A server without TLS and with short sessions, for a scripted device."""
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout="2s").start()
    yield s
    s.stop()


def path_of(p, rest=""):
    return f"/devices/{world.quote(p if isinstance(p, str) else p.name)}{rest}"


def sessions(server, name):
    return server.get(path_of(name, "/sessions"))["items"]


def operation(server, op):
    return server.get(f"/operations/{op['id'] if isinstance(op, dict) else op}")


def states(o):
    return [s["state"] for s in o["steps"]]


def intact(server):
    """Nothing in the database is broken, and its audit log is whole."""
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("pragma foreign_key_check").fetchall() == []
    finally:
        db.close()
    assert server.get("/audit:verify")["intact"]


def crash(server):
    """As a power cut would end it; then it starts again."""
    server.process.kill()
    server.start()


# ---- a device that is not there any more ----

VM = "./Virtualization/VM/corp"


def scripted(server, vm=False):
    c = syncml.Client(server.register(SCRIPTED, {"department": "sales"}), SCRIPTED)
    c.tree["./DevDetail/SwV"] = "7.2.1"
    if vm:
        c.tree.update({VM: None, f"{VM}/Name": "Corporate workspace", f"{VM}/State": "50", f"{VM}/StateReason": "1", f"{VM}/LockState": "30",
                       f"{VM}/Domain": None, f"{VM}/Domain/Servers": c.account["serverId"],
                       f"{VM}/Progress": None, f"{VM}/Progress/OpName": "", f"{VM}/Progress/Correlator": "", f"{VM}/Progress/Phase": "0",
                       f"{VM}/Progress/Pct": "0", f"{VM}/Progress/Result": "0", f"{VM}/Resources": None, f"{VM}/Resources/Pending": "false"})
    c.finish(c.call())
    return c


def ask(server, uri="./DevDetail/SwV"):
    return server.call("POST", path_of(SCRIPTED, "/operations"), expect=202, json={"kind": "tree", "command": "get", "uri": uri}).json()


def test_a_device_that_disappears_in_a_session_loses_the_session_and_nothing_else(clear):
    c = scripted(clear)
    op = ask(clear)
    r = c.call()
    assert "./DevDetail/SwV" in r.uris("Get")
    o = operation(clear, op)
    assert o["state"] == "sent" and o["tries"] == 1
    lost = world.wait_for("the session to be given up", lambda: sessions(clear, SCRIPTED)[0]["outcome"] == "lost" and sessions(clear, SCRIPTED)[0], 15)
    assert lost["why"] == "the device did not continue in time" and lost["ended"]
    # What it says after that is too late: it is told to begin anew.
    late = c.say(c.answers(r), cred=False)
    assert late.verdict() in ("401", "407") and not late.asks()
    c.finish(c.call())
    o = operation(clear, op)
    assert o["state"] == "verified" and o["tries"] == 2 and o["result"][0]["value"] == "7.2.1"
    assert any("answer was lost" in s["reason"] for s in o["steps"]), o["steps"]
    assert sessions(clear, SCRIPTED)[0]["outcome"] == "done"


def test_a_device_that_begins_anew_ends_its_old_session(clear):
    c = scripted(clear)
    op = ask(clear)
    c.call()
    c.finish(c.call())
    first, second = sessions(clear, SCRIPTED)[1::-1]
    assert first["outcome"] == "lost" and first["why"] == "the device began another session" and second["outcome"] == "done"
    assert operation(clear, op)["state"] == "verified"


def begin_lock(server, c):
    """A lock whose Exec has left; the device has it, the server does not know that."""
    op = server.operate(SCRIPTED, "corp", "lock")
    r = c.call()
    for _ in range(10):
        if r.asks("Exec"):
            break
        r = c.say(c.answers(r), cred=False)
    uris = [u for u in r.uris("Exec") if u.endswith("/Lock")]
    assert uris, r.uris()
    return op, r


def correlator_of(r):
    c = r.asks("Exec")[0]
    return c.findtext("Correlator") or next(e.text for e in c.iter() if e.tag == "Correlator")


def test_an_operation_that_was_done_while_its_answer_was_lost_is_not_done_again(clear):
    c = scripted(clear, vm=True)
    op, r = begin_lock(clear, c)
    # The device does it, and dies before it can say so.
    c.tree.update({f"{VM}/LockState": "10", f"{VM}/State": "60", f"{VM}/Progress/OpName": "Lock", f"{VM}/Progress/Correlator": correlator_of(r),
                   f"{VM}/Progress/Phase": "12", f"{VM}/Progress/Pct": "100", f"{VM}/Progress/Result": "1200"})
    world.wait_for("the session to be given up", lambda: sessions(clear, SCRIPTED)[0]["outcome"] == "lost", 15)
    c.finish(c.call())
    o = operation(clear, op)
    assert o["state"] == "verified" and o["tries"] == 1, o
    assert c.executed == []         # after the Exec that was lost, no other was sent
    assert clear.vm(SCRIPTED, "corp")["locked"]


def test_an_operation_that_did_not_arrive_is_sent_again_under_its_own_name(clear):
    c = scripted(clear, vm=True)
    op, r = begin_lock(clear, c)
    name = correlator_of(r)
    world.wait_for("the session to be given up", lambda: sessions(clear, SCRIPTED)[0]["outcome"] == "lost", 15)
    r = c.call()
    for _ in range(10):
        if r.asks("Exec"):
            break
        r = c.say(c.answers(r), cred=False)
    assert correlator_of(r) == name, "a device that had begun it would do it twice"
    c.tree.update({f"{VM}/LockState": "10", f"{VM}/State": "60"})
    c.finish(c.say(c.answers(r), cred=False))
    o = operation(clear, op)
    assert o["state"] == "verified" and o["tries"] == 2, o
    assert [u for u, _ in c.executed] == [f"{VM}/Operations/Lock"]


def test_an_exec_that_cannot_be_asked_after_is_not_repeated(clear):
    c = scripted(clear)
    c.tree["./DevDetail/Ext"] = None
    op = clear.call("POST", path_of(SCRIPTED, "/operations"), expect=202, json={"kind": "tree", "command": "exec", "uri": "./DevDetail/Ext/Beep"}).json()
    r = c.call()
    assert r.uris("Exec") == ["./DevDetail/Ext/Beep"]
    world.wait_for("the session to be given up", lambda: sessions(clear, SCRIPTED)[0]["outcome"] == "lost", 15)
    c.finish(c.call())
    o = operation(clear, op)
    assert o["state"] == "unknown" and "not repeated" in o["reason"] and c.executed == [], o


# ---- the server is killed ----

def test_a_server_killed_in_a_session_asks_the_device_to_begin_anew(clear):
    c = scripted(clear)
    op = ask(clear)
    r = c.call()
    assert "./DevDetail/SwV" in r.uris("Get")
    crash(clear)
    # The device goes on as if nothing had happened: the new process does not know the session.
    late = c.say(c.answers(r), cred=False)
    assert late.status == 200 and late.verdict() in ("401", "407") and not late.asks()
    first = sessions(clear, SCRIPTED)[0]
    assert first["outcome"] == "lost" and "server" in first["why"], first
    c.finish(c.call())
    o = operation(clear, op)
    assert o["state"] == "verified" and o["result"][0]["value"] == "7.2.1"
    intact(clear)


def test_a_server_killed_while_it_commits_has_all_or_nothing(clear):
    """Killed again and again while a device and an admin keep it busy: what was answered is there afterwards."""
    c, rng, done, sent = scripted(clear), random.Random(7), [], 0
    for _ in range(8):
        end = time.monotonic() + rng.uniform(0.05, 0.4)
        killer = subprocess.Popen(["sleep", f"{max(0, end - time.monotonic()):.3f}"])
        try:
            while killer.poll() is None:
                sent += 1
                done.append(ask(clear)["id"])
                c.finish(c.call())
            clear.process.kill()
        except Exception:                       # noqa: the server is allowed to be away, and only that
            assert killer.wait() == 0
            clear.process.kill()
        clear.start()
        clear.session.close()
        c.http.close()
        known = {o["id"]: o for o in clear.get("/operations?limit=1000")["items"]}
        assert set(done) <= set(known), "an operation that was accepted is gone"
        intact(clear)
        c.finish(c.call())
    final = [operation(clear, i) for i in done]
    assert {o["state"] for o in final} == {"verified"}, [o for o in final if o["state"] != "verified"][:2]


def executions(phone, op):
    """Ends of this kind of operation on the device, each with its correlator."""
    return re.findall(rf"event=operation vm=corp op={op} correlator=(\S+) result=(\d+)", phone.log())


def run_until_killed(server, rng, most_s):
    """At a random moment, not waited for: that is the fault."""
    time.sleep(rng.uniform(0, most_s))
    crash(server)


def test_a_server_killed_in_a_provisioning_and_in_operations(folder, server):
    storm(folder, server, kills=2, operations=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_server_killed_over_and_over(folder, server, seed):
    storm(folder, server, kills=10, operations=16, seed=seed)


def storm(folder, server, kills, operations, seed):
    rng = random.Random(seed)
    phone = world.Phone(folder / "phone", server).start()
    try:
        server.upload(world.guest(), "corp-linux", "1.0.0")
        server.apply(world.policy())
        for _ in range(kills):
            run_until_killed(server, rng, 3)
        server.wait_vm(phone.name, "corp", state=50, seconds=120)
        first = phone.emulators()
        assert len(first) == 1
        ops = []
        for n in range(operations):
            op = server.operate(phone.name, "corp", "unlock" if n % 2 else "lock")
            ops.append(op)
            if n % 4 < 2 or kills > 5:
                run_until_killed(server, rng, 1.5)
            server.wait_operation(op, seconds=90)
        final = [operation(server, o) for o in ops]
        # Each was carried out exactly once: the device's own log counts, and the VM is the same process as before.
        names = [c for kind in ("lock", "unlock") for c, result in executions(phone, kind) if result == "1200"]
        assert len(names) == len(set(names)) == operations, (names, operations)
        assert all(states(o)[0] == "queued" and states(o)[-1] == "verified" and states(o).count("verified") == 1 for o in final), final
        assert phone.emulators() == first
        assert len(executions(phone, "provision")) == 1
        assert not server.vm(phone.name, "corp")["locked"]
        intact(server)
    finally:
        phone.stop()


# ---- the agent is killed ----

def bundle_of(folder, megabytes):
    """The guest in a bundle with a large initrd, which is not booted: it only takes long to fetch."""
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(["tar", "-C", work, "-xf", world.guest()], check=True)
    with open(work / "initrd", "ab") as f:
        for _ in range(megabytes):
            f.write(os.urandom(1 << 20))
    subprocess.run(["tar", "-C", work, "-cf", work / "large.tar", "kernel", "initrd", "cmdline"], check=True)
    return work / "large.tar"


def size_of(file):
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return -1


def test_an_agent_killed_in_a_download_goes_on_where_it_was(folder, server, phone):
    image = server.upload(bundle_of(folder, 150), "corp-linux", "1.0.0")
    server.apply(world.policy(state="stopped"))
    part, whole = phone.dir / "images" / f"{image['sha256']}.part", phone.dir / "images" / image["sha256"]
    size = image["size"]
    sizes = []
    for round in range(2):
        before = sizes[-1] if sizes else 0
        end = time.monotonic() + 40
        while size_of(part) <= before + size // 20:
            assert time.monotonic() < end and not whole.exists(), "the download is over, or does not begin"
        phone.process.kill()
        sizes.append(size_of(part))
        assert before < sizes[-1] < size, "it began anew, or was over before the agent could be killed"
        if not round:
            os.link(part, folder / "same-file")         # keeps the file alive, so that a new one cannot take its place unseen
        phone.start()
    server.wait_vm(phone.name, "corp", state=30, seconds=120)
    assert whole.stat().st_size == size
    assert os.path.samefile(whole, folder / "same-file"), "it began anew"
    assert not part.exists()
    # Once told, once verified.
    ops = [o for o in server.get(path_of(phone, "/operations"))["items"] if o["kind"] == "download"]
    assert [o["state"] for o in ops] == ["verified"], ops


def test_an_agent_killed_in_an_operation_tells_how_it_ended(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy())
    server.wait_vm(phone.name, "corp", state=50)
    emulators = phone.emulators()
    assert len(emulators) == 1

    # Killed with nothing going on: the VM goes on without it and is taken over as it is.
    phone.process.kill()
    assert phone.emulators() == emulators
    phone.start()
    world.wait_for("KPIs of the same VM", lambda: kpi(server, phone, "kpi.bootCount") == 1 and fresh(server, phone), 40)
    assert phone.emulators() == emulators and server.vm(phone.name, "corp")["state"] == 50

    # Killed between 202 and the end.
    op = server.operate(phone.name, "corp", "reboot")
    world.wait_for("the device to work on it", lambda: operation(server, op)["state"] == "accepted", 30)
    phone.process.kill()
    phone.start()
    def over():
        o = operation(server, op)
        return o if o["state"] in ("failed", "verified") else None
    o = world.wait_for("the operation to be over", over, 60)
    assert (o["state"], o["code"]) in (("failed", 1448), ("verified", 0)), o
    if o["state"] == "failed":
        assert "interrupted" in o["codeText"] or "restart" in o["codeText"], o
    assert o["tries"] == 1 and states(o).count("accepted") == 1
    server.wait_vm(phone.name, "corp", state=50, seconds=90)
    assert len(phone.emulators()) == 1
    # The reboot was begun at most once, and nobody began another one.
    assert len(executions(phone, "reboot")) == 1
    intact(server)


def kpi(server, phone, name):
    r = server.call("GET", path_of(phone, "/vms/corp/kpis"))
    return r.json()["values"].get(name) if r.status_code == 200 else None


def fresh(server, phone):
    """A session after the agent's last start has ended well."""
    return "state=over" in phone.log().split("event=start ")[-1]


# ---- images and guests that are no good ----

def damage(file):
    with open(file, "r+b") as f:
        f.seek(os.path.getsize(file) // 2)
        b = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([b[0] ^ 0xff]))


def test_an_image_that_was_damaged_in_the_store_never_becomes_a_vm(folder, server, phone):
    image = server.upload(world.guest(), "corp-linux", "1.0.0")
    damage(server.dir / "images" / image["sha256"])
    server.apply(world.policy(state="stopped"))
    def told():
        d = server.get(path_of(phone))
        return d if "1418" in d["why"] else None
    d = world.wait_for("the device to tell of the wrong hash", told, 40)
    assert "corp-linux:1.0.0" in d["why"] and "hash" in d["why"] and d["summary"] in ("waiting", "failed")
    op = next(o for o in server.get(path_of(phone, "/operations"))["items"] if o["kind"] == "download")
    assert op["state"] == "failed" and op["code"] == 1418 and "hash" in op["codeText"]
    vm = next(v for v in server.get(path_of(phone, "/vms"))["items"] if v["id"] == "corp")
    assert vm["stateText"] == "missing" and "1418" in vm["why"], vm
    waits = server.get(path_of(phone, "/preview"))["waits"]
    assert any(w["code"] == 1418 for w in waits) and any(w["vm"] == "corp" and "verificationFailed" in w["why"] for w in waits), waits
    assert server.vm(phone.name, "corp") is None and not phone.emulators()
    assert re.search(r"result=1418 .*expected " + image["sha256"][:16], phone.log())
    assert not list((phone.dir / "images").iterdir()), "what is wrong is not kept"
    # A good one under a new version mends it.
    server.upload(world.guest_with("good=1", folder), "corp-linux", "1.0.1")
    server.apply(world.policy(state="stopped", version="1.0.1"))
    vm = server.wait_vm(phone.name, "corp", state=30)
    assert vm["image"] == "corp-linux:1.0.1"


def tree(server, phone, uri):
    return {n["uri"]: n["value"] for n in server.get(path_of(phone, f"/tree?uri={uri}&limit=1000"))["items"]}


def test_a_guest_that_does_not_boot(folder, server, phone):
    server.upload(world.guest_with("dmvisor.hang=1", folder), "corp-linux", "1.0.0")
    server.apply(world.policy(crash="stop").replace("    resources:", "    policy: {bootTimeout: 4s}\n    resources:"))
    def told():
        ops = [o for o in server.get(path_of(phone, "/operations"))["items"] if o["kind"] in ("provision", "start") and o["state"] == "failed"]
        return ops[-1] if ops else None
    op = world.wait_for("the start to fail", told, 60)
    assert op["code"] in (1427, 1428) and op["codeText"]
    assert "did not become ready" in phone.log()
    def crashed():
        t = tree(server, phone, f"{VM}/Crash")
        return t if t.get(f"{VM}/Crash/LastReason") == "7" else None
    t = world.wait_for("the crash to be told", crashed, 30)
    assert int(t[f"{VM}/Crash/Count"]) >= 1 and "boot time" in t[f"{VM}/Crash/LastInfo"]
    def why():
        vm = server.vm(phone.name, "corp")
        return vm if vm and vm["summary"] == "failed" and "after a crash" in vm["why"] else None
    vm = world.wait_for("the VM to say why it does not run", why, 40)
    assert "by hand or apply a new revision" in vm["why"] and vm["goal"] == "running"
    assert server.get(path_of(phone))["policies"][0]["state"] != "settled"


@pytest.mark.slow
def test_a_guest_that_crashes_again_and_again_is_stopped(folder, server, phone):
    """Restarted once by the device itself, without the server; the second crash in the window escalates."""
    server.upload(world.guest_with("dmvisor.panic=3", folder), "corp-linux", "1.0.0")
    server.apply(world.policy().replace("maxRestarts: 3", "maxRestarts: 1, restartDelay: 1s"))
    world.wait_for("a crash", lambda: "event=crash vm=corp" in phone.log(), 90)
    world.wait_for("the escalation", lambda: len(re.findall("event=crash vm=corp", phone.log())) >= 2, 90)
    crashes = re.findall(r'event=crash vm=corp data="reason=(\d+);count=(\d+);action=(\d+)', phone.log())
    assert crashes[:2] == [("1", "1", "2"), ("1", "2", "1")], crashes       # panic: restart; panic: stop
    def counted():
        t = tree(server, phone, f"{VM}/Crash")
        return t if int(t.get(f"{VM}/Crash/Count") or 0) >= 2 else None
    t = world.wait_for("the crashes to be told", counted, 40)
    assert t[f"{VM}/Crash/LastReason"] == "1" and t[f"{VM}/Crash/LastTime"]
    # It stays until somebody has acknowledged it, whatever the VM does now.
    seen = server.get("/overview")["crashes"]
    assert [(c["device"], c["vm"], c["count"]) for c in seen] == [(phone.name, "corp", 2)] and seen[0]["at"], seen
    assert re.match("panic.*Kernel panic", seen[0]["cause"]), seen
    assert "panic" in server.ctl("overview")
    server.ctl("vm", "acknowledge", phone.name, "corp")
    assert server.get("/overview")["crashes"] == [] and server.vm(phone.name, "corp")["crashes"]["total"] == 2
