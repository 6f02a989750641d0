# SPDX-License-Identifier: Apache-2.0
"""dmvisorctl following what happens: operations, vm wait, events, get --watch."""
import json
import re
import sys
import time

import pytest
import yaml
from standin import Each, event, items, problem
from things import ago, device, operation, vm

API = "/api/v1"
DEV = "IMEI:001010000000017"
DEVICES = f"GET {API}/devices"
DEVICE = f"GET {API}/devices/{DEV.replace(':', '%3A')}"

# ---- operations ---------------------------------------------------------------------------------------------------

ORDER = DEVICE.replace("GET", "POST") + "/operations"


def steps(*rows):
    return [{"at": ago(0), "state": s, "code": c, "reason": r} for s, c, r in rows]


def clock(text):
    return re.sub(r"(?m)^\d\d:\d\d:\d\d  ", "hh:mm:ss  ", text)


QUEUED, ACCEPTED, VERIFIED = ("queued", 0, "waits for the device"), ("accepted", 202, "the device works on it"), ("verified", 200, "it is locked")


def test_an_operation_without_waiting(ctl, server):
    server.routes[ORDER] = (202, operation(state="queued", reason="waits for the device"))
    r = ctl("lock", DEV, "corp", "--arg", "msg=bring it back", "--expires", "2031-01-31T12:00:00Z")
    assert r.out == f"operation 17 (lock on {DEV}) is queued: waits for the device\n"
    assert json.loads(server.asked[-1].body) == {"kind": "lock", "vm": "corp", "args": {"msg": "bring it back"}, "expires": "2031-01-31T12:00:00Z"}
    for args, body in ((["delete-vm", DEV, "corp", "--yes"], {"kind": "delete", "vm": "corp"}), (["operations", "create", DEV, "lockAll", "--yes"], {"kind": "lockAll"}),
                       (["tree", "replace", DEV, "./A", "5", "--format", "int"],
                        {"kind": "tree", "command": "replace", "uri": "./A", "format": "int", "data": "5"}),
                       (["tree", "replace", DEV, "./A", "--", "-5"], {"kind": "tree", "command": "replace", "uri": "./A", "data": "-5"})):
        ctl(*args)
        assert json.loads(server.asked[-1].body) == body


GROUP = """# what is changed together
- {command: replace, uri: ./A, format: int, data: 5}
- command: add
  uri: ./B
  format: bool
  data: true
  type: text/plain
- {command: confirm, data: "MAXDT=60\\nGo on?"}
"""
GROUPED = [{"command": "replace", "uri": "./A", "format": "int", "data": "5"},
           {"command": "add", "uri": "./B", "format": "bool", "data": "true", "type": "text/plain"},
           {"command": "confirm", "data": "MAXDT=60\nGo on?"}]


def test_commands_that_go_together_come_from_a_file(ctl, server, tmp_path):
    server.routes[ORDER] = (202, operation(kind="tree", command="atomic", vm="", state="queued", reason="waits"))
    file = tmp_path / "c.yaml"
    for text, args, stdin in ((GROUP, ["-f", file], None), (GROUP, [file], None), ("commands:\n" + GROUP, ["-f", "-"], "commands:\n" + GROUP),
                              (json.dumps(GROUPED), ["-"], json.dumps({"commands": GROUPED}))):
        file.write_text(text)
        r = ctl("tree", "atomic", DEV, *args, input=stdin.encode() if stdin else None)
        assert r.out == f"operation 17 (atomic on {DEV}) is queued: waits\n"
        assert json.loads(server.asked[-1].body) == {"kind": "tree", "command": "atomic", "commands": GROUPED}


def test_what_is_said_against_a_command_names_its_line(ctl, server, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(GROUP)
    for pointer, place in (("/commands/1/uri", "4:8"), ("/commands/0/data", "2:51"), ("/commands/2/uri", "8:3"), ("/commands", "2:1"),
                           ("/commands/9/uri", "2:1")):
        server.routes[ORDER] = problem(422, "Not in order", "the device would answer 404", pointer=pointer)
        r = ctl("tree", "sequence", DEV, "-f", file, code=1)
        assert f"{file}:{place}: the device would answer 404 (field {pointer})" in r.err, r.err
    server.routes[ORDER] = problem(409, "Over a limit", "too many wait")
    assert "Over a limit: too many wait" in ctl("tree", "sequence", DEV, "-f", file, code=1).err
    asked = len(server.asked)
    for text, want in (("- {command: get, uri: {a: b}}", ":1:23: uri: a text is expected here"), ("- get", ":1:3: a command is a map"),
                       ("{}", "a list of commands is expected"), ("commands: []\nmore: 1", "a list of commands is expected"),
                       ("commands: [{command: get}]\nmore: 1", ":2:1: more: there is no such field"), ("- {command: get", "c.yaml:")):
        file.write_text(text)
        assert want in ctl("tree", "atomic", DEV, "-f", file, code=1).err, want
    assert len(server.asked) == asked


def test_rights_and_questions(ctl, server):
    server.routes[ORDER] = (202, operation(kind="tree", command="acl", state="queued"))
    reported = lambda v: {"at": ago(1), "code": 200, "codeText": "done", "value": v}
    server.routes[f"GET {API}/operations/17/events"] = lambda r: follow(operation(
        kind="tree", command="acl", state="verified", reason="inherited from .: Get=*&Replace=a+b", steps=[],
        commands=[{"command": "get", "uri": "./A?prop=ACL", "code": 200, "codeText": "done", "reported": reported("")},
                  {"command": "get", "uri": ".?prop=ACL", "code": 200, "codeText": "done", "reported": reported("Get=*&Replace=a+b")}]))
    r = ctl("tree", "acl", DEV, "./A")                              # only looks: waits for the answer
    assert json.loads(server.of("POST", ORDER.split()[1])[-1].body) == {"kind": "tree", "command": "acl", "uri": "./A"}
    assert r.out.endswith("Rights\nRIGHT    SERVERS\nGet      everybody\nReplace  a, b\n"), r.out
    r = ctl("tree", "acl", DEV, "./A", "--grant", "Get=a,b", "--grant", "Get=c", "--revoke", "Replace=*", "--force")
    assert json.loads(server.of("POST", ORDER.split()[1])[-1].body) == {
        "kind": "tree", "command": "acl", "uri": "./A", "grant": {"Get": ["a", "b", "c"]}, "revoke": {"Replace": ["*"]}, "force": True}
    for args in (["--grant", "Get"], ["--revoke", "=a"], ["--grant", "Get="], ["--force"]):
        ctl("tree", "acl", DEV, "./A", *args, code=2)
    for args, data in ((["display", "Hello"], "\nHello"), (["input", "Name?", "--arg", "MAXLEN=20", "--arg", "DR=A&B"], "MAXLEN=20&DR=A%26B\nName?"),
                       (["choice", "Which?", "one", "two"], "\nWhich?\none\ntwo")):
        ctl("tree", args[0], DEV, *args[1:])
        assert json.loads(server.asked[-1].body) == {"kind": "tree", "command": args[0], "data": data}
    ctl("tree", "copy", DEV, "./To", "./From")
    assert json.loads(server.asked[-1].body) == {"kind": "tree", "command": "copy", "uri": "./To", "data": "./From"}
    ctl("tree", "confirm", DEV, "two\nlines", code=2)


def follow(*states, pause=0.0):
    for s in states:
        time.sleep(pause)
        yield s if isinstance(s, bytes) else event("operation", s)


def test_waiting_follows_the_stream(ctl, server, golden):
    server.routes[ORDER] = (202, operation(state="queued"))
    server.routes[f"GET {API}/operations/17/events"] = lambda r: follow(
        b"retry: 2000\n\n", operation(state="queued", percent=0, steps=steps(QUEUED)), b": \n\n",
        operation(percent=40, steps=steps(QUEUED, ACCEPTED)), operation(percent=80, steps=steps(QUEUED, ACCEPTED)),
        operation(state="verified", percent=100, reason="it is locked", steps=steps(QUEUED, ACCEPTED, VERIFIED)))
    golden("lock-wait.txt", clock(ctl("lock", DEV, "corp", "--wait").out))
    assert not server.of("GET", f"{API}/operations/17")                 # followed, not polled
    r = ctl("lock", DEV, "corp", "--wait", "-o", "json")
    assert json.loads(r.out)["state"] == "verified" and "hh:mm:ss  verified" in clock(r.err)


@pytest.mark.parametrize("state", ["failed", "cancelled", "superseded", "expired"])
def test_an_operation_that_does_not_end_well(ctl, server, state):
    server.routes[f"GET {API}/operations/17/events"] = lambda r: follow(operation(state=state, reason="the guest did not answer",
                                                                                 steps=steps((state, 1412, "the guest did not answer"))))
    r = ctl("operations", "watch", 17, code=1)
    assert f"error: operation 17 {state}: the guest did not answer" in r.err


def test_an_operation_that_takes_too_long(ctl, server):
    server.routes[ORDER] = (202, operation(state="queued"))
    server.routes[f"GET {API}/operations/17/events"] = lambda r: follow(operation(steps=steps(QUEUED)), *[b": \n\n"] * 50, pause=0.2)
    server.routes[f"GET {API}/operations/17"] = operation(steps=steps(QUEUED))
    t = time.monotonic()
    r = ctl("lock", DEV, "corp", "--wait", "--timeout", "1s", code=4)
    assert time.monotonic() - t < 5
    assert "error: operation 17 is accepted after 1 s, it has not finished: the device works on it" in r.err


def test_without_a_stream_it_asks_once_a_second(ctl, server):
    server.routes[f"GET {API}/operations/17"] = Each(operation(state="queued", percent=0, steps=steps(QUEUED)),
                                                     operation(percent=0, steps=steps(QUEUED, ACCEPTED)),
                                                     operation(state="verified", steps=steps(QUEUED, ACCEPTED, VERIFIED)))
    t = time.monotonic()
    r = ctl("operations", "watch", 17)
    assert 1.5 < time.monotonic() - t < 10 and [line.split()[1] for line in r.out.splitlines()] == ["queued", "accepted", "verified"]


def test_a_stream_that_breaks_is_taken_up_again(ctl, server):
    server.routes[f"GET {API}/operations/17/events"] = Each(
        lambda r: follow(operation(state="queued", percent=0, steps=steps(QUEUED))),
        lambda r: follow(operation(state="verified", steps=steps(QUEUED, ACCEPTED, VERIFIED))))
    server.routes[f"GET {API}/operations/17"] = operation(state="queued", percent=0, steps=steps(QUEUED))
    r = ctl("operations", "watch", 17)
    assert [line.split()[1] for line in r.out.splitlines()] == ["queued", "accepted", "verified"]


def test_an_operation_that_is_not_there(ctl, server):
    assert "Not found" in ctl("operations", "watch", 99, code=1).err


def test_tree_get_shows_what_came_back(ctl, server):
    server.routes[ORDER] = (202, operation(kind="tree", state="queued"))
    server.routes[f"GET {API}/operations/17/events"] = lambda r: follow(operation(
        kind="tree", state="verified", steps=[], result=[{"uri": "./DevInfo/Mod", "format": "chr", "value": "Phone-1"}]))
    r = ctl("tree", "get", DEV, "./DevInfo", "--wait")
    assert r.out.endswith("URI            FORMAT  VALUE\n./DevInfo/Mod  chr     Phone-1\n")


def test_cancel(ctl, server):
    server.routes[f"POST {API}/operations/17:cancel"] = operation(state="cancelled")
    assert ctl("operations", "cancel", 17).out == "operation 17 is cancelled\n"


# ---- vm wait ------------------------------------------------------------------------------------------------------

VMS = DEVICE + "/vms"
MISSING = vm(stateText="missing", state=0, verified=False, why="image corp-linux:1.0.0 is not in the store: upload it", reason=0)
STARTING = vm(stateText="starting", state=40, verified=False, summary="working", why="wanted running", reason=1)
TICK = event("vm", {"vm": "corp"}, 1)


def ticks(n, pause=0.1):
    yield b"retry: 2000\n\n"
    for i in range(n):
        time.sleep(pause)
        yield event("vm", {"vm": "corp"}, i + 1)


def wait_for(ctl, server, *args, states=(), policies=None, n=None, **more):
    looks = Each(*[items(*s) for s in states])
    server.routes[VMS] = lambda r: items() if r.query.get("state") else looks(r)        # is there such a state?
    server.routes[f"GET {API}/events"] = lambda r: ticks(n if n is not None else len(states))
    server.routes[DEVICE] = Each(*(policies or [device()]))
    return ctl("vm", "wait", DEV, "corp", *args, **more)


def test_vm_wait_shows_each_change(ctl, server, golden):
    r = wait_for(ctl, server, "--state", "running", "--verified", "--timeout", "20s",
                 states=[[], [MISSING], [STARTING], [STARTING], [vm(verified=False)], [vm()]])
    golden("vm-wait.txt", clock(r.out))
    assert server.of("GET", f"{API}/events")[0].query == {"device": DEV, "types": "vm,device,operation,policy,session"}


def test_vm_wait_is_over_at_once_when_it_is_so(ctl, server):
    t = time.monotonic()
    r = wait_for(ctl, server, "--state", "running", "--unlocked", states=[[vm()]], n=100)
    assert time.monotonic() - t < 3 and len(r.out.splitlines()) == 1
    r = wait_for(ctl, server, "--state", "running", "-o", "json", states=[[vm()]])
    assert json.loads(r.out)["id"] == "corp"


@pytest.mark.parametrize("args, before, after", [
    (["--locked"], [vm()], [vm(locked=True, lockText="locked")]), (["--unlocked"], [vm(locked=True, lockText="locked")], [vm()]),
    (["--gone"], [vm()], []), (["--gone"], [vm()], [MISSING]), (["--verified"], [vm(verified=False)], [vm()])])
def test_vm_wait_for_other_things(ctl, server, args, before, after):
    r = wait_for(ctl, server, *args, states=[before, before, after])
    assert len(r.out.splitlines()) == 2


def test_vm_wait_settled_looks_at_the_policies(ctl, server):
    def with_policy(state, behind, why=""):
        return device(generation=8 if behind else 7, policies=[{"name": "corporate", "revision": 4, "selected": "true", "state": state, "why": why}])
    r = wait_for(ctl, server, "--state", "running", "--settled", states=[[vm()]], n=5, policies=[
        with_policy("pending", True, "waiting for the device to connect"), with_policy("working", True), with_policy("settled", True),
        with_policy("settled", False)])
    assert "policy corporate revision 4 is pending: waiting for the device to connect" in r.out
    assert len(server.of("GET", DEVICE[4:])) == 4


def test_vm_wait_says_what_it_waited_for(ctl, server):
    r = wait_for(ctl, server, "--state", "running", "--verified", "--timeout", "1s", states=[[STARTING]], n=30,
                 policies=[device(summary="waiting", why="the device was called and did not answer", seen=ago(200))], code=4)
    assert ("error: after 1 s corp on IMEI:001010000000017 is not running and verified: it is starting, unlocked (operation of a server);"
            " working: wanted running\n") in r.err
    assert "the device: waiting: the device was called and did not answer\n" in r.err and "last session: 3 m ago" in r.err


def test_vm_wait_polls_without_a_stream(ctl, server):
    server.routes[VMS] = Each(items(), items(STARTING), items(STARTING), items(vm()))
    r = ctl("vm", "wait", DEV, "corp", "--state", "running", "--timeout", "20s")
    assert len(r.out.splitlines()) == 2
    assert len(server.of("GET", f"{API}/events")) == 1


def test_vm_wait_comes_back_after_a_restart_of_the_server(ctl, server):
    server.routes[VMS] = Each(*[items(STARTING)] * 12, items(vm()))
    server.routes[f"GET {API}/events"] = Each(lambda r: ticks(1), problem(503, "Busy", "starting"), lambda r: ticks(5))
    ctl("vm", "wait", DEV, "corp", "--state", "running", "--timeout", "30s")
    again = [a for a in server.of("GET", f"{API}/events") if "last-event-id" in a.headers]
    assert again and again[0].headers["last-event-id"] == "1"


def test_vm_wait_outlives_a_server_that_is_away_for_a_while(ctl, server):
    down = {"on": False}

    def vms(request):
        if request.query.get("state"):
            return items()
        if not down["on"]:
            down["on"] = True
            return items(STARTING)
        down["n"] = down.get("n", 0) + 1
        return "drop" if down["n"] < 5 else items(vm())
    server.routes[VMS] = vms
    r = ctl("vm", "wait", DEV, "corp", "--state", "running", "--timeout", "30s")
    assert r.err == f"{server.url} is not reachable any more: retrying\n"


def test_vm_wait_for_a_device_that_is_not_there(ctl, server):
    assert "Not found" in ctl("vm", "wait", "nobody", "corp", "--gone", code=1).err
    server.close()
    t = time.monotonic()
    assert "is not reachable" in ctl("vm", "wait", "nobody", "corp", "--gone", code=3).err
    assert time.monotonic() - t < 10


# ---- events and watching ------------------------------------------------------------------------------------------

EVENTS = [("vm", {"device": DEV, "at": "2031-01-31T12:00:00.000Z", "vm": "corp", "object": vm(summary="settled", why="")}),
          ("operation", {"device": DEV, "at": "2031-01-31T12:00:01.000Z", "id": 17, "kind": "lock", "vm": "corp", "state": "accepted", "percent": 40,
                         "reason": "the device works on it"}),
          ("policy", {"at": "2031-01-31T12:00:02.000Z", "policy": "corporate", "revision": 3, "change": "changed", "affected": 2}),
          ("kpi", {"device": DEV, "at": "2031-01-31T12:00:03.000Z", "vm": "corp", "values": {"a": 1, "b": 2}}),
          ("session", {"device": DEV, "at": "2031-01-31T12:00:04.000Z", "id": 5, "sessionId": "1F", "outcome": "done", "messages": 4, "why": ""}),
          ("device", {"device": DEV, "at": "2031-01-31T12:00:05.000Z", "summary": "working", "why": "reads\x1b[31m back"})]


def stream_of_events(_=None):
    yield b"retry: 2000\n\n"
    for i, (kind, data) in enumerate(EVENTS):
        yield event(kind, data, i + 1)
    time.sleep(5)


def test_events(ctl, server, golden):
    server.routes[f"GET {API}/events"] = stream_of_events
    r = ctl("events", "--types", "vm,operation", "--device", DEV, "--after", "7", "--timeout", "1s")
    golden("events.txt", r.out)
    assert server.asked[0].query == {"types": "vm,operation", "device": DEV} and server.asked[0].headers["last-event-id"] == "7"
    rows = [json.loads(line) for line in ctl("events", "-o", "json", "--timeout", "1s").out.splitlines()]
    assert [(r["id"], r["event"], r["data"]) for r in rows] == [(i + 1, k, d) for i, (k, d) in enumerate(EVENTS)]
    rows = list(yaml.safe_load_all(ctl("events", "-o", "yaml", "--timeout", "1s").out))
    assert rows[1]["data"]["state"] == "accepted"


def test_events_need_a_stream(ctl, server):
    server.routes[f"GET {API}/events"] = problem(400, "Bad request", 'types: "x" is none of these')
    assert 'error: Bad request: types: "x"' in ctl("events", "--types", "x", code=1).err
    server.close()
    assert "is not reachable" in ctl("events", code=3).err


def test_get_watch_shows_what_changed(ctl, server):
    a, b = {"id": "A", "summary": "settled"}, {"id": "B", "summary": "new"}
    server.routes[DEVICES] = Each(items(a, b), items(a, b), items(a, {**b, "summary": "working"}))
    server.routes[f"GET {API}/events"] = lambda r: ticks(4)
    r = ctl("get", "devices", "--watch", "--timeout", "2s", "-o", "name")
    assert r.out.split() == ["A", "B", "B"]
    assert server.of("GET", f"{API}/events")[0].query["types"] == "device,vm,session"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]]))
