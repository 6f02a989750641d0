# SPDX-License-Identifier: Apache-2.0
"""What no policy says any more goes back, and a VM whose device leaves its policy is left as onLeave says. Looked at in the phone's own
database, in its files and in what runs; the server's word is not enough."""
import json
import os
import signal
import sqlite3

import pytest

import world
from test_console import browser, playwright    # noqa: F401  fixtures

PHONE = "IMEI:001010000000017"
PICTURES = os.environ.get("CONSOLE_PICTURES")
ROOT = "./Virtualization/VM/corp"

POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {{name: corporate-workspace}}
spec:
  selector: 'label.department == "sales"'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running
{more}"""

EVERYTHING = """    description: For work
    policy: {lockAction: suspend}
    resources:
      cpu: {vcpus: 2, maxVcpus: 2, shares: 1500, affinity: 0-1}
      memory: {max: 192Mi}
      storage: {userdata: {quota: 16Mi, iops: 500}}
      net: {corp0: {mode: nat}}
    lease: {checkIn: 24h, lockAfter: 72h, wipeAfter: 30d}
    kpi:
      thresholds: [{metric: CPU/UsagePct, op: ">", value: "90", hold: 5m}]
  device: {config: {progressStep: "25%"}}
"""
LITTLE = """    resources:
      storage: {userdata: {quota: 16Mi}}
"""


def policy(more=LITTLE, name="corporate-workspace", leave=None):
    text = POLICY.format(more=more).replace("corporate-workspace", name)
    return text.replace("    state: running\n", f"    state: running\n    onLeave: {leave}\n") if leave else text


class Sims:
    """A phone that runs its VMs in memory and keeps its tree in a file."""

    def __init__(self, folder, server):
        server.call("POST", "/images", expect=201, data=world.guest().read_bytes(),
                    params={"name": "corp-linux", "version": "1.0.0", "guestType": "linux", "arch": "any", "format": "bundle"})
        self.phone = world.Phone(folder / "phone", server, PHONE, hypervisor__uri="sim:").start()


def rows(phone, sql, *args):
    db = sqlite3.connect(f"file:{phone.dir}/state.db?mode=ro", uri=True)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


def value(phone, uri, root=ROOT):
    found = rows(phone, "SELECT value FROM node WHERE uri = ?", f"{root}/{uri}")
    return None if not found or found[0][0] is None else bytes(found[0][0] if isinstance(found[0][0], bytes) else found[0][0].encode()).decode()


def added(phone, uri, root=ROOT):
    return bool(rows(phone, "SELECT 1 FROM node WHERE uri = ? AND added = 1", f"{root}/{uri}"))


def record(phone, vm="corp"):
    found = rows(phone, "SELECT record FROM vm WHERE id = ?", vm)
    return json.loads(found[0][0]) if found else None


def label(server, **labels):
    server.call("PATCH", f"/devices/{world.quote(PHONE)}", expect=200, json={"labels": labels})


def settled(server):
    """The server says that all is as it shall be, for what it was last told to want."""
    def look():
        p, d = server.get(f"/devices/{world.quote(PHONE)}/preview"), server.get(f"/devices/{world.quote(PHONE)}")
        look.last = p["steps"][:3], p["waits"][:3], d["generation"], d["observedGeneration"]
        return p["settled"] and d["generation"] == d["observedGeneration"] or None
    try:
        world.wait_for("the device to be as desired", look, 60)
    except AssertionError as err:
        raise AssertionError(f"{err}: {look.last}") from None


def desired(server, vm="corp"):
    return next((v for v in server.get(f"/devices/{world.quote(PHONE)}/desired")["vms"] if v["id"] == vm), None)


@pytest.fixture
def sim(folder, server):
    s = Sims(folder, server)
    yield s.phone
    s.phone.stop()


def test_what_the_policy_no_longer_says_goes_back(server, sim):
    server.apply(policy(EVERYTHING))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    row = "KPI/Thr/CPU-UsagePct"
    assert [value(sim, x) for x in ("Lease/WipeAfterS", "Policy/LockAction", "Resources/CPU/Shares")] == ["2592000", "2", "1500"]
    assert added(sim, row) and added(sim, "Resources/Net/corp0") and value(sim, "ProgressStepPct", "./Virtualization/Config") == "25"

    # A person set something of the VM, too: it is the person's.
    op = server.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202,
                     json={"kind": "tree", "command": "replace", "uri": f"{ROOT}/Policy/BootTimeoutS", "format": "int", "data": "77"}).json()
    server.wait_operation(op)

    # The preview says so before anything is sent.
    seen = server.call("POST", f"/policies:preview?device={world.quote(PHONE)}", expect=200, data=policy().encode(),
                       headers={"Content-Type": "application/yaml"}).json()
    words = json.dumps(seen["device"])
    assert "back to default, because no policy sets it" in words
    told = {x["name"]: x for x in seen["device"]["desired"]["vms"][0]["noLongerSaid"]}
    assert told["lease.wipeAfter"]["change"] == "default" and told["resources.net.corp0"]["change"] == "removed"
    assert value(sim, "Lease/WipeAfterS") == "2592000"

    # The server is restarted in between: what was set is not forgotten.
    server.stop()
    server.start()
    server.apply(policy())
    world.wait_for("the lease to end", lambda: value(sim, "Lease/WipeAfterS") in (None, "0"), 60)
    world.wait_for("the interface to go", lambda: not added(sim, "Resources/Net/corp0"), 60)
    settled(server)
    assert value(sim, "Lease/CheckInS") in (None, "0") and value(sim, "Policy/LockAction") in (None, "1")
    assert value(sim, "Resources/CPU/Shares") in (None, "1000") and value(sim, "Resources/CPU/VCPUs") in (None, "1")
    assert [value(sim, x) or "" for x in ("Desc", "Resources/CPU/Affinity")] == ["", ""]
    assert not added(sim, row) and value(sim, "ProgressStepPct", "./Virtualization/Config") in (None, "10")
    assert added(sim, "Resources/Storage/userdata") and value(sim, "Resources/Storage/userdata/QuotaKB") == "16384"
    assert value(sim, "Resources/Storage/userdata/IOPS") in (None, "0")
    assert value(sim, "Policy/BootTimeoutS") == "77"
    assert record(sim)["want"]["nets"] == [] if "want" in record(sim) else True
    server.wait_vm(PHONE, "corp", 60, state=50)
    assert not desired(server)["noLongerSaid"]


def test_a_deleted_policy_takes_its_values_with_it_and_not_those_of_another(server, sim):
    server.apply(policy())
    server.apply(policy("    lease: {checkIn: 24h, wipeAfter: 30d}\n    policy: {lockAction: suspend}\n", "lease").replace("    state: running\n", ""))
    server.apply(policy("    policy: {lockAction: suspend}\n", "lock").replace("    state: running\n", ""))
    server.wait_vm(PHONE, "corp", 60, state=50)
    world.wait_for("the lease", lambda: value(sim, "Lease/WipeAfterS") == "2592000", 60)
    settled(server)
    server.call("DELETE", "/policies/lease", expect=204)
    world.wait_for("the lease to end", lambda: value(sim, "Lease/WipeAfterS") in (None, "0"), 60)
    settled(server)
    assert value(sim, "Policy/LockAction") == "2"           # "lock" still says it
    label(server, department=None)                          # and now nobody does
    world.wait_for("the lock's action", lambda: value(sim, "Policy/LockAction") in (None, "1"), 60)
    settled(server)
    server.wait_vm(PHONE, "corp", 60, state=50)             # kept, as it is by default
    assert added(sim, "Resources/Storage/userdata")


def test_what_a_running_vm_goes_back_to_comes_with_its_next_start(server, sim):
    """Kept by onLeave: nobody stops it for that, and nobody says that all is done."""
    server.apply(policy(EVERYTHING))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    text = policy(EVERYTHING).replace('"sales"', '"it"')
    seen = server.call("POST", f"/policies:preview?device={world.quote(PHONE)}", expect=200, data=text.encode(),
                       headers={"Content-Type": "application/yaml"}).json()["device"]
    told = {x["name"]: x for x in seen["desired"]["vms"][0]["noLongerSaid"]}
    assert "next start" in told["resources.cpu.maxVcpus"]["when"] and "next start" in told["resources.net.corp0"]["when"]
    assert "when" not in told["lease.wipeAfter"]
    label(server, department="it")
    world.wait_for("the lease to end", lambda: value(sim, "Lease/WipeAfterS") in (None, "0"), 60)
    look = lambda: server.get(f"/devices/{world.quote(PHONE)}")
    world.wait_for("the device to say what waits", lambda: look()["summary"] == "waiting" and "VM's next start" in look()["why"], 60)
    why = [w["why"] for w in server.get(f"/devices/{world.quote(PHONE)}/preview")["waits"]]
    for name in ("resources.cpu.maxVcpus 2 -> 1", "resources.memory.max 192Mi -> 256Mi", "resources.net.corp0 is removed"):
        assert any(w.startswith(name) and "it takes effect at the VM's next start" in w for w in why), (name, why)
    assert server.vm(PHONE, "corp")["state"] == 50 and value(sim, "Resources/CPU/MaxVCPUs") == "2" and added(sim, "Resources/Net/corp0")
    # A person's stop and start are what it waits for.
    server.wait_operation(server.operate(PHONE, "corp", "shutdown"))
    world.wait_for("the interface to go", lambda: not added(sim, "Resources/Net/corp0"), 60)
    settled(server)
    assert value(sim, "Resources/CPU/MaxVCPUs") in (None, "1") and value(sim, "Resources/Memory/MaxKB") in (None, "262144")
    server.wait_operation(server.operate(PHONE, "corp", "start"))
    settled(server)
    assert server.vm(PHONE, "corp")["state"] == 50


def leave(server, how):
    if how == "label":
        label(server, department="it")
    elif how == "delete":
        told = server.get("/policies/corporate-workspace/deletion")
        assert told["count"] == 1 and told["devices"] == [PHONE]
        server.call("DELETE", "/policies/corporate-workspace", expect=204)
    else:
        text = policy(leave=how).replace('"sales"', '"it"')
        told = server.call("POST", "/policies:preview", expect=200, data=text.encode(), headers={"Content-Type": "application/yaml"}).json()
        assert told["leaving"] == [{"policy": "corporate-workspace", "vm": "corp", "onLeave": how, "count": 1, "devices": [PHONE]}]
        assert any(f"onLeave: {how}" in w for w in told["warnings"])
        server.apply(text)


@pytest.mark.parametrize("how", ["label", "delete", "lock"])
def test_a_vm_that_is_left_is_locked(server, sim, how):
    server.apply(policy(leave="lock" if how != "lock" else "keep"))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    sim_locked = lambda: rows(sim, "SELECT record FROM vm WHERE id = 'corp'")[0][0]
    assert '"lock":10' not in sim_locked().replace(" ", "") and '"lock_state":10' not in sim_locked().replace(" ", "")
    leave(server, how)
    server.wait_vm(PHONE, "corp", 60, verified=False, lockState=10)
    assert ":10" in sim_locked().replace(" ", "")
    settled(server)
    assert desired(server)["left"]["onLeave"] == "lock"
    # It stays so, also over a restart of the server, until somebody unlocks it or the device comes back.
    server.stop()
    server.start()
    server.call("POST", f"/devices/{world.quote(PHONE)}/notifications", expect=(201, 202))
    settled(server)
    assert server.vm(PHONE, "corp")["lockState"] == 10
    if how == "label":
        label(server, department="sales")
        server.wait_vm(PHONE, "corp", 60, state=50, lockState=30)
    else:
        server.wait_operation(server.operate(PHONE, "corp", "unlock"))
        settled(server)
        assert server.vm(PHONE, "corp")["lockState"] == 30


def test_a_vm_that_is_left_is_stopped_once(server, sim):
    server.apply(policy(leave="stop"))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    leave(server, "delete")
    server.wait_vm(PHONE, "corp", 60, state=30)
    settled(server)
    server.wait_operation(server.operate(PHONE, "corp", "start"))
    settled(server)
    assert server.vm(PHONE, "corp")["state"] == 50          # a person's word, later


def test_another_policy_that_gives_it_a_state_keeps_the_vm(server, sim):
    server.apply(policy(leave="remove"))
    server.apply(policy(name="second"))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    assert server.get("/policies/corporate-workspace/deletion")["count"] == 0
    server.call("DELETE", "/policies/corporate-workspace", expect=204)
    settled(server)
    assert server.vm(PHONE, "corp")["state"] == 50
    server.call("DELETE", "/policies/second", expect=204)   # keep
    settled(server)
    assert server.vm(PHONE, "corp")["state"] == 50


def test_a_vm_that_is_left_is_removed_with_its_data(folder, server, phone):
    """A real one: its emulator is gone, and so are its files."""
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(policy(leave="remove"))
    server.wait_vm(PHONE, "corp", 120, state=50)
    volumes = list(phone.dir.rglob("userdata.img"))
    assert volumes and phone.emulators()
    asked = server.call("DELETE", f"/devices/{world.quote(PHONE)}", expect=409).json()
    assert "corp" in asked["detail"] and "force=true" in asked["detail"]
    assert "possible are true, false" in server.call("DELETE", f"/devices/{world.quote(PHONE)}?force=maybe", expect=400).json()["detail"]
    assert server.vm(PHONE, "corp")
    leave(server, "delete")
    world.wait_for("the emulator to end", lambda: not phone.emulators(), 60)
    world.wait_for("the VM to be gone", lambda: server.vm(PHONE, "corp") is None, 60)
    assert not any(v.parent.exists() for v in volumes)
    assert record(phone) is None
    settled(server)
    server.call("DELETE", f"/devices/{world.quote(PHONE)}", expect=204)      # nothing is left on it: nobody is asked


def test_a_device_with_vms_is_forgotten_only_when_that_is_meant(server, sim):
    server.apply(policy())
    server.wait_vm(PHONE, "corp", 60, state=50)
    assert "corp" in server.call("DELETE", f"/devices/{world.quote(PHONE)}", expect=409).json()["detail"]
    said = server.ctl("device", "delete", PHONE, code=2)                     # no terminal, no --yes
    assert "--yes" in said
    assert "deleted" in server.ctl("device", "delete", PHONE, "--yes")
    server.call("GET", f"/devices/{world.quote(PHONE)}", expect=404)


def test_on_leave_is_one_of_four_words(server):
    said = server.call("PUT", "/policies/corporate-workspace", expect=422, data=policy(leave="wipe").encode(),
                       headers={"Content-Type": "application/yaml"}).json()
    assert said["errors"][0]["pointer"] == "/spec/vm/onLeave" and "keep, stop, lock, remove" in said["errors"][0]["detail"]


def test_a_stored_policy_with_a_field_that_is_refused_today_holds_and_is_named(server, sim):
    server.apply(policy("    lease: {checkIn: 24h, wipeAfter: 30d}\n" + LITTLE))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    server.stop()
    db = sqlite3.connect(server.dir / "dmvisor.db")         # as an older server stored it
    with db:
        db.execute("UPDATE policy_revision SET document = replace(document, 'spec:', ?)", ("spec:\n  rollout: {cohorts: ['10%']}",))
        db.execute("UPDATE policy_revision SET document = replace(document, 'lease:', ?)", ("colour: green\n    lease:",))
    db.close()
    server.accept()
    server.start()
    seen = server.get("/policies/corporate-workspace")
    assert any(x.startswith("/spec/rollout: ") for x in seen["needsAttention"]) and any("/spec/vm/colour" in x for x in seen["needsAttention"])
    assert any(p.get("needsAttention") for p in server.get("/policies")["items"])
    assert "/spec/vm/colour" in server.ctl("get", "policies")
    # It is in force with the rest, and takes nothing back that it may still mean.
    server.call("POST", f"/devices/{world.quote(PHONE)}/notifications", expect=(201, 202))
    settled(server)
    assert desired(server)["state"]["value"] == "running" and value(sim, "Lease/WipeAfterS") == "2592000"
    # One that nobody can read at all: it is named, and the VM stays as it is.
    server.stop()
    db = sqlite3.connect(server.dir / "dmvisor.db")
    with db:
        db.execute("UPDATE policy_revision SET document = replace(document, 'selector:', 'sellector:')")
    db.close()
    server.accept()
    server.start()
    assert "selector" in json.dumps(server.get("/policies/corporate-workspace")["needsAttention"])
    server.call("POST", f"/devices/{world.quote(PHONE)}/notifications", expect=(201, 202))
    settled(server)
    assert value(sim, "Lease/WipeAfterS") == "2592000" and server.vm(PHONE, "corp")["state"] == 50
    # Corrected, it is a policy like any other.
    server.apply(policy())
    world.wait_for("the lease to end", lambda: value(sim, "Lease/WipeAfterS") in (None, "0"), 60)
    assert "needsAttention" not in server.get("/policies/corporate-workspace")


def test_a_volume_is_never_made_smaller_and_nothing_waits_for_it(server, sim):
    server.apply(policy())
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    smaller = LITTLE.replace("16Mi", "8Mi")
    seen = server.call("POST", f"/policies:preview?device={world.quote(PHONE)}", expect=200, data=policy(smaller).encode(),
                       headers={"Content-Type": "application/yaml"}).json()
    assert [w["code"] for w in seen["device"]["waits"]] == [1411] and "never made smaller" in seen["device"]["waits"][0]["why"]
    server.apply(policy(smaller))
    look = lambda: server.get(f"/devices/{world.quote(PHONE)}")
    world.wait_for("the device to say why", lambda: look()["summary"] == "failed" and "never made smaller" in look()["why"], 60)
    assert value(sim, "Resources/Storage/userdata/QuotaKB") == "16384"
    # And where somebody sends it all the same, the device refuses it with its code.
    op = server.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202,
                     json={"kind": "tree", "command": "replace", "uri": f"{ROOT}/Resources/Storage/userdata/QuotaKB", "format": "int", "data": "8192"}).json()
    done = server.wait_operation(op, "failed")
    assert done["code"] == 1411, done
    server.apply(policy(LITTLE.replace("16Mi", "24Mi")))
    world.wait_for("the volume to grow", lambda: value(sim, "Resources/Storage/userdata/QuotaKB") == "24576", 60)
    settled(server)


def test_a_value_may_be_as_large_as_an_object(server, sim):
    server.apply(policy())
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    text = "0123456789abcdef" * 20000                       # 320,000 octets
    op = server.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202,
                     json={"kind": "tree", "command": "replace", "uri": f"{ROOT}/Desc", "data": text}).json()
    server.wait_operation(op)
    assert value(sim, "Desc") == text
    op = server.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202,
                     json={"kind": "tree", "command": "get", "uri": f"{ROOT}/Desc"}).json()
    assert server.wait_operation(op)["result"][0]["value"] == text


def test_a_vm_that_was_wiped_by_hand_starts_again_with_one_plain_command(server, sim):
    server.apply(policy())
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    op = server.operate(PHONE, "corp", "wipe", scope="all")
    server.wait_operation(op)
    server.wait_vm(PHONE, "corp", 60, state=30)
    world.wait_for("the reason in the desired state", lambda: "held" in desired(server), 30)
    held = desired(server)["held"]
    assert held["operation"] == op["id"] and held["kind"] == "wipe" and "overrides the policy" in held["why"], held
    assert "overrides the policy" in server.ctl("device", "desired", PHONE)
    server.ctl("start", PHONE, "corp", "--wait")
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    assert "held" not in desired(server)


def look(browser, name):  # noqa: F811
    if PICTURES:
        browser.shot(f"{PICTURES}/{name}.png")
    browser.readable(name)


def test_the_console_says_what_is_left_behind_before_it_is(server, sim, browser):  # noqa: F811
    server.apply(policy(more=EVERYTHING, leave="remove"))
    server.wait_vm(PHONE, "corp", 60, state=50)
    settled(server)
    browser.login()
    browser.go("#/policies/corporate-workspace")
    browser.click("button", "Take out of force")
    browser.see("dialog", f"on {PHONE}")
    browser.see("dialog", "onLeave: remove")
    look(browser, "policy-taken-out")
    browser.press("Escape")
    browser.gone("dialog")
    browser.go(f"#/devices/{PHONE}")
    browser.click(".head .menu button", "More")
    browser.click(".menu-list button", "Forget")
    browser.see("dialog", "Its VMs (corp) stay on it")
    look(browser, "device-forgotten")
    browser.press("Escape")
    browser.gone("dialog")
    # And what goes back, while it has not done so: the phone is away. The page is open already, and says so at once.
    os.kill(sim.process.p.pid, signal.SIGSTOP)
    server.apply(policy(more=LITTLE, leave="remove"))
    browser.go(f"#/devices/{PHONE}/desired")
    browser.see("main", "lease.wipeAfter")
    browser.see(".head .badge", "pending", 4)
    look(browser, "device-desired")
    os.kill(sim.process.p.pid, signal.SIGCONT)
    assert browser.problems() == []
