# SPDX-License-Identifier: Apache-2.0
"""Console, command line and REST offer what the layout says, and nothing of their own: one operation more in the layout is offered by all
three. And a VM is the same thing in REST and in an event."""
import json
import shutil

import pytest
import yaml

import syncml
import world
from test_console import browser, playwright    # noqa: F401  fixtures

NAME = "IMEI:001010000000091"
VM = "./Virtualization/VM/corp"
LEAVES = {"Name": "Corp", "State": "50", "StateReason": "1", "LockState": "30", "GuestType": "20"}


@pytest.fixture
def server(folder):
    """With a layout that has one operation more than the shipped one."""
    objects = folder / "ddf"
    shutil.copytree(world.ROOT / "ddf", objects, ignore=shutil.ignore_patterns("*.c", "*.h"))
    objects.chmod(0o755)
    path = objects / "layout/x-virmo-1.0.yaml"
    layout = yaml.safe_load(path.read_text())
    layout["vm"]["operations"]["defrag"] = {"path": "Operations/Defrag", "label": "Defragment", "help": "defragment a VM's disks", "from": [50], "destructive": True,
                                            "confirm": "The guest stands still meanwhile.", "args": {"passes": {"type": "int", "label": "How often", "default": "2"}}}
    path.write_text(json.dumps(layout))
    s = world.Server(folder / "server", tls=False, objects__directory=str(objects))
    s.start()
    yield s
    s.stop()


def device(server, operations=("Lock", "Unlock", "Stop", "Defrag"), name=NAME):
    account = server.call("POST", "/devices", expect=201, json={"id": name}).json()["account"]
    c = syncml.Client(account, name)
    c.tree.update({VM: None, f"{VM}/Domain": None, f"{VM}/Domain/Servers": c.account["serverId"], f"{VM}/Operations": None, **{f"{VM}/{k}": v for k, v in LEAVES.items()}, **{f"{VM}/Operations/{o}": "" for o in operations}})
    c.finish(c.call())
    return c


def of(path=""):
    return f"/devices/{world.quote(NAME)}{path}"


def test_one_operation_more_in_the_layout_is_offered_by_rest_command_line_and_console(server, browser):  # noqa: F811
    c = device(server)
    assert "defrag" in server.get(of("/vms/corp"))["operations"] and "wipe" not in server.get(of("/vms/corp"))["operations"]
    offer = [o for o in server.get("/layouts")["items"][0]["operations"] if o["name"] == "defrag"][0]
    assert (offer["label"], offer["from"], offer["destructive"], offer["role"]) == ("Defragment", ["running"], True, "operator")
    assert offer["args"] == [{"name": "passes", "label": "How often", "type": "int", "default": "2"}]

    assert "defrag DEVICE VM" in server.ctl("help") and "How often" in server.ctl("help", "defrag")
    server.ctl("defrag", NAME, "corp", code=2)          # it asks, and here is nobody to ask
    n = json.loads(server.ctl("defrag", NAME, "corp", "--yes", "-o", "json"))["id"]
    c.finish(c.call())
    assert [u for u, _ in c.executed] == [f"{VM}/Operations/Defrag"]
    server.call("POST", f"/operations/{n}:cancel")

    browser.login()
    browser.go(f"#/devices/{world.quote(NAME)}")
    browser.click('[data-vm="corp"] button', "More")
    browser.see('[data-vm="corp"] [data-act="defrag"]', "Defragment")
    # the layout knows it, this device's tree does not
    browser.until("no Wipe", lambda: browser.count('[data-vm="corp"] [data-act="wipe"]') == 0)
    browser.click('[data-vm="corp"] [data-act="defrag"]')
    browser.see("dialog", "The guest stands still meanwhile.")
    browser.until("the default", lambda: browser.value("#ask-passes") == "2")
    browser.fill("#ask-passes", "5")
    browser.click("dialog [data-yes]")
    browser.see(".toast", "Defragment of corp")
    asked = server.get(of("/operations"))["items"][0]
    assert (asked["kind"], asked["label"], asked["args"]) == ("defrag", "Defragment", {"passes": "5"})
    assert [p for p in browser.problems()] == []


def next_event(server, kind, fits, seconds=20):
    """The next event of a kind that fits, from now on: a function that waits for it."""
    r = server.session.get(f"{server.url}/api/v1/events?types={kind}", stream=True, timeout=seconds)
    assert r.status_code == 200

    def read():
        for line in r.iter_lines(decode_unicode=True):
            if line.startswith("data: ") and fits(json.loads(line[6:])):
                r.close()
                return json.loads(line[6:])
        raise AssertionError("the stream ended")
    return read


def test_an_event_carries_the_vm_as_rest_shows_it(server):
    c = device(server)
    server.call("POST", of("/operations"), expect=202, json={"kind": "lock", "vm": "corp"})
    asked = server.get(of("/vms/corp"))["operation"]
    assert (asked["kind"], asked["label"], asked["state"]) == ("lock", "Lock", "queued")
    read = next_event(server, "vm", lambda e: e.get("object", {}).get("stateText") == "crashed")
    c.tree[f"{VM}/State"] = "110"
    c.finish(c.call())
    event = read()
    rest = server.get(of("/vms/corp"))
    assert event["vm"] == "corp" and event["device"] == NAME
    told = event["object"]
    assert set(rest) - set(told) <= {"goal", "goalPolicy", "goalLocked", "problem", "operations", "kpis"} and set(told) <= set(rest), (told, rest)
    assert {k: v for k, v in told.items() if k != "operation"} == {k: rest[k] for k in told if k != "operation"}
    assert (told["stateText"], told["stateLabel"], told["health"]) == ("crashed", "Crashed", "failed")


def test_a_state_that_no_vm_can_have_is_an_error_with_a_suggestion(server):
    device(server)
    assert 'did you mean "running"?' in server.call("GET", of("/vms?state=runing"), expect=400).json()["detail"]
    assert [v["id"] for v in server.get(of("/vms?state=running"))["items"]] == ["corp"] and server.get(of("/vms?state=missing"))["items"] == []
    r = server.ctl("vm", "wait", NAME, "corp", "--state", "runing", "--timeout", "300s", code=1)
    assert 'did you mean "running"?' in r
    assert 'did you mean "stopped"?' in server.ctl("get", "vms", "--state", "stoped", code=1)
