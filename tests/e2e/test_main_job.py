# SPDX-License-Identifier: Apache-2.0
"""The main job on real parts: a corporate VM appears on a phone, is read, locked, changed and removed."""
import datetime

import world


def kpis(server, phone):
    r = server.call("GET", f"/devices/{world.quote(phone.name)}/vms/corp/kpis")
    return r.json() if r.status_code == 200 and "kpi.cpu.timeMs" in r.json().get("values", {}) else None


def test_a_policy_puts_a_vm_on_the_phone_and_its_kpis_are_read(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    applied = server.apply(world.policy())
    assert applied["affected"] == 1
    vm = server.wait_vm(phone.name, "corp", state=50)
    assert vm["stateText"].lower() == "running" and not vm["locked"]
    notification = server.get(f"/notifications?device={world.quote(phone.name)}")["items"][0]
    assert notification["state"] == "answered" and notification["latencyMs"] >= 0
    first = world.wait_for("KPIs", lambda: kpis(server, phone), 30)
    assert first["values"]["kpi.cpu.timeMs"] >= 0
    # History grows, and the same figures come in steps.
    world.wait_for("a second sample", lambda: (kpis(server, phone) or first)["at"] != first["at"], 30)
    start = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = server.get(f"/devices/{world.quote(phone.name)}/vms/corp/kpis?from={start}&step=1s&metric=kpi.cpu.timeMs")
    points = history["series"][0]["points"]
    assert len(points) >= 2 and points == sorted(points)

    # Lock stops it, unlock lets it go on.
    op = server.wait_operation(server.operate(phone.name, "corp", "lock"))
    assert [s["state"] for s in op["steps"]][0] == "queued" and op["steps"][-1]["state"] == "verified"
    assert server.wait_vm(phone.name, "corp", state=60)["locked"]
    server.wait_operation(server.operate(phone.name, "corp", "unlock"))
    server.wait_vm(phone.name, "corp", state=50, locked=False)

    # A new revision changes memory and vCPUs for real.
    assert server.apply(world.policy(vcpus=2, memory="256Mi"))["revision"] == 2
    def settled():
        d = server.get(f"/devices/{world.quote(phone.name)}")
        return d["policies"] and d["policies"][0]["revision"] == 2 and d["policies"][0]["state"] == "settled"
    world.wait_for("revision 2 to be settled", settled, 90)
    tree = {n["uri"]: n["value"] for n in server.get(f"/devices/{world.quote(phone.name)}/tree?uri=./Virtualization/VM/corp&limit=1000")["items"]}
    assert tree["./Virtualization/VM/corp/Resources/Memory/MaxKB"] == "262144"
    assert tree["./Virtualization/VM/corp/Resources/CPU/VCPUs"] == "2"
    assert tree["./Virtualization/VM/corp/Resources/Pending"] == "false"
    server.wait_vm(phone.name, "corp", state=50)

    # Absent: the VM and its emulator are gone.
    server.apply(world.policy(state="absent"))
    world.wait_for("the VM to be gone", lambda: server.vm(phone.name, "corp") is None, 60)
    world.wait_for("its emulator to end", lambda: not phone.emulators(), 20)


def test_nothing_changed_is_one_round_trip(server, phone):
    server.upload(world.guest(), "corp-linux", "1.0.0")
    server.apply(world.policy(state="stopped"))
    server.wait_vm(phone.name, "corp", state=30)
    def quiet():
        d = server.get(f"/devices/{world.quote(phone.name)}")
        return d["observedGeneration"] == d["generation"] and d["summary"] == "settled"
    world.wait_for("the device to be settled", quiet, 60)
    before = phone.process.log().count("state=over")
    server.call("POST", f"/devices/{world.quote(phone.name)}/notifications", expect=202, json={"why": "a look"})
    world.wait_for("another session", lambda: phone.process.log().count("state=over") > before + 1, 30)
    last = [line for line in phone.process.log().splitlines() if "state=over" in line][-1]
    assert " messages=1" in last, last
