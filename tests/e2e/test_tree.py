# SPDX-License-Identifier: Apache-2.0
"""What people can ask of a device's tree, from the command line through the real server to the real agent and back: several commands that go
together, access rights, properties, lists, questions to the person, addresses, and what is asked for a later time."""
import json
import pathlib
import random
import shutil
import tempfile
import threading
import time

import pytest

import syncml
import world

PHONE = "IMEI:001010000000017"
CONFIG = "./Virtualization/Config"
INTERVAL, PROGRESS = f"{CONFIG}/KPIIntervalS", f"{CONFIG}/ProgressMinS"
PROGRAM = """#!/bin/sh
# The person at the device: says what the test wrote down.
printf '%s|' "$@" >> "$0.asked"; echo >> "$0.asked"
cat "$0.says"
exit "$(cat "$0.code")"
"""


class Place:
    """A device without VMs that no test has used before; the person at the device is a script."""

    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        self.person = folder / "person"
        self.person.write_text(PROGRAM)
        self.person.chmod(0o755)
        self.says(0)
        self.phone = world.Phone(folder / "phone", server, PHONE, hypervisor__uri="sim:", interaction__answers="program",
                                 interaction__program=str(self.person), interaction__wait="10s").start()
        self.base = f"/devices/{world.quote(PHONE)}"
        self.ctl = self.server.ctl
        self.until_read()

    def until_read(self):
        world.wait_for("the device to be read", lambda: self.server.get(self.base)["summary"] == "settled", 60)

    def says(self, code, text=""):
        pathlib.Path(f"{self.person}.code").write_text(str(code))
        pathlib.Path(f"{self.person}.says").write_text(text)

    def asked(self):
        path = pathlib.Path(f"{self.person}.asked")
        return path.read_text() if path.exists() else ""

    def run(self, *args, code=0, text=None):
        """A tree command that is waited for; the operation, as JSON."""
        out = self.ctl("tree", args[0], PHONE, *args[1:], "--wait", "-o", "json", code=code, text=text)
        return json.loads(out[out.index("{"):out.rindex("}") + 1])

    def value(self, uri):
        return self.run("get", uri)["result"][0]["value"]


@pytest.fixture(scope="module")
def site():
    """A server for all tests of a file. Each brings devices of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = world.Server(folder / "server", poll__interval="1h")
    try:
        yield server.start()
        server.stop()
    finally:
        if server.process and server.process.alive():
            server.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(folder, site):
    p = None
    try:
        p = Place(folder, site)
        yield p
        p.phone.stop()
        site.call("DELETE", f"/devices/{world.quote(PHONE)}", expect=204)
    finally:
        if p and p.phone.process and p.phone.process.alive():
            p.phone.process.kill()


def commands(*rows):
    """A list of commands as people write it."""
    return json.dumps([dict(zip(("command", "uri", "format", "data"), row)) for row in rows])


def codes(op):
    return [c["code"] for c in op["commands"]]


def test_s_211_an_atomic_is_all_done_or_all_undone(place):
    op = place.run("atomic", "-", text=commands(("replace", INTERVAL, "int", "61"), ("add", "./VMImages/one", "node"), ("replace", PROGRESS, "int", "7")))
    assert op["state"] == "verified" and codes(op) == [200, 200, 200], op
    assert op["commands"][0]["reported"]["value"] == "61" and op["code"] in (0, 200)
    assert place.value(INTERVAL) == "61" and place.value(PROGRESS) == "7"
    # The second time the node is there: all of it is undone, and the operation says which command was to blame.
    op = place.run("atomic", "-", code=1, text=commands(("replace", INTERVAL, "int", "62"), ("add", "./VMImages/one", "node"), ("replace", PROGRESS, "int", "8")))
    assert op["state"] == "failed" and op["code"] == 507 and codes(op) == [216, 418, 215], op
    assert "command 2 (add ./VMImages/one): 418 already exists" in op["reason"] and "1 was undone (216)" in op["reason"], op["reason"]
    assert [c["codeText"] for c in op["commands"]] == ["rolled back", "already exists", "not executed"]
    assert place.value(INTERVAL) == "61" and place.value(PROGRESS) == "7"
    shown = place.ctl("operations", "show", op["id"])
    assert "507" in shown and "418 already exists" in shown and "216 rolled back" in shown, shown
    assert place.run("delete", "./VMImages/one")["state"] == "verified"


def test_s_202_what_cannot_go_together_is_refused_with_its_place(place):
    file = place.folder / "commands.yaml"
    for text, want in (("- {command: delete, uri: ./VMImages/x}\n- command: get\n  uri: ./DevInfo\n", "commands.yaml:2:12: command 2: an Atomic cannot contain get"),
                       ("commands:\n- {command: add, uri: ./A, colour: red}\n", "commands.yaml:2:36: unknown field"),
                       ("- {command: replace, uri: ./A//B, data: x}\n", "commands.yaml:1:27: command 1: "),
                       ("- {command: replace, uri: ./DevInfo/DevId, data: x}\n", "commands.yaml:1:13: command 1: the device would answer 405"),
                       (f"- {{command: replace, uri: {INTERVAL}, format: int, data: many}}\n", "command 1: the device would answer 4"),
                       ("- {command: replace, uri: [a, b]}\n", "commands.yaml:1:27: uri: a text is expected here"),
                       ("- {command: replace\n", "commands.yaml:"), ("", "a list of commands is expected"),
                       ("comands: []\n", "a list of commands is expected"), ("- replace\n", "commands.yaml:1:3: a command is a map")):
        file.write_text(text)
        said = place.ctl("tree", "atomic", PHONE, "-f", file, code=1)
        assert want in said, (text, said)
    assert "no-such-file.yaml" in place.ctl("tree", "atomic", PHONE, "-f", "no-such-file.yaml", code=1)
    assert "a file of commands is needed" in place.ctl("tree", "sequence", PHONE, code=2)
    # More than fits into one message of this device: nothing is sent, and it says so.
    file.write_text(commands(*[("replace", f"{CONFIG}?prop=Title", "chr", "t" * 200)] * 90))
    op = place.run("sequence", "-", code=0, text=file.read_text())
    assert op["state"] == "verified"


def test_s_211_preview_shows_the_exact_message(place):
    r = place.server.call("POST", place.base + "/operations", expect=202, json={
        "kind": "tree", "command": "sequence", "notBefore": "2099-01-01T00:00:00Z", "commands": [{"command": "get", "uri": INTERVAL}]}).json()
    assert "<Sequence>" not in place.server.get(place.base + "/preview")["syncml"]          # not due
    place.ctl("operations", "cancel", r["id"])
    place.phone.process.p.send_signal(19)       # it does not answer for a while
    try:
        r = place.server.call("POST", place.base + "/operations", expect=202, json={
            "kind": "tree", "command": "atomic", "commands": [{"command": "replace", "uri": INTERVAL, "format": "int", "data": "63"},
                                                              {"command": "add", "uri": "./VMImages/two", "format": "node"}]}).json()
        plan = place.server.get(place.base + "/preview")
    finally:
        place.phone.process.p.send_signal(18)
    step = next(s for s in plan["steps"] if s["verb"] == "atomic")
    assert step["operation"] == r["id"] and [c["verb"] for c in step["children"]] == ["replace", "add"]
    text = "".join(plan["syncml"].split())
    assert "<Atomic><CmdID>" in text and f"<LocURI>{INTERVAL}</LocURI>" in text and "<Data>63</Data>" in text, plan["syncml"]
    op = place.server.wait_operation(r)
    assert codes(op) == [200, 200]
    place.run("delete", "./VMImages/two")


def test_s_212_a_sequence_ends_where_the_person_says_no(place):
    text = commands(("get", INTERVAL), ("confirm", None, None, "MAXDT=30\nChange it?"), ("replace", INTERVAL, "int", "99"))
    text = json.dumps([{k: v for k, v in c.items() if v is not None} for c in json.loads(text)])
    before = place.value(INTERVAL)
    place.says(1)
    op = place.run("sequence", "-", code=1, text=text)
    assert op["state"] == "failed" and op["code"] == 304 and codes(op) == [200, 304, 215], op
    assert "command 2 (confirm): 304 the user refused" in op["reason"] and "1 was not carried out (215)" in op["reason"]
    assert op["commands"][0]["result"][0]["value"] == before and place.value(INTERVAL) == before
    assert "confirm|Change it?|" in place.asked()
    place.says(0)
    op = place.run("sequence", "-", text=text)
    assert op["state"] == "verified" and codes(op) == [200, 200, 200] and place.value(INTERVAL) == "99", op


def test_s_213_the_person_at_the_device_is_asked(place):
    place.says(0)
    assert place.run("display", "Maintenance tonight")["state"] == "verified"
    place.says(0, "Ada Lovelace")
    assert place.run("input", "Your name?", "--arg", "MAXLEN=20", "--arg", "DR=A B")["result"][0]["value"] == "Ada Lovelace"
    place.says(0, "2\n")
    assert place.run("choice", "Which?", "one", "two")["result"][0]["value"] == "2"
    place.says(0, "1\n3\n")
    assert [v["value"] for v in place.run("choices", "Which?", "a", "b", "c")["result"]] == ["1", "3"]
    place.says(2)
    op = place.run("input", "Your name?", code=1)
    assert op["code"] == 214 and "cancelled by the user" in op["reason"]
    assert "choices|Which?|a|b|c|" in place.asked()
    assert "needs choices" in place.ctl("tree", "choice", PHONE, "Which?", code=1)
    assert "--arg" in place.ctl("tree", "confirm", PHONE, "Now?", "--arg", "MAXDT", code=2)


def test_s_209_rights_are_read_changed_and_read_back(place):
    said = place.ctl("tree", "acl", PHONE, INTERVAL)
    assert "inherited from ./Virtualization/Config" in said and "Get      everybody" in said and f"Replace  {world.SERVER_ID}" in said, said
    op = place.run("acl", INTERVAL, "--grant", "Get=dm.operator.example,x.example", "--grant", f"Get={world.SERVER_ID}", "--revoke", "Get=*")
    assert op["state"] == "verified" and [c["command"] for c in op["commands"]] == ["get", "get", "replace", "get"], op
    assert "the device reports this list" in op["reason"] and op["grant"]["Get"] == ["dm.operator.example", "x.example", world.SERVER_ID]
    assert place.value(INTERVAL + "?prop=ACL") == f"Get=dm.operator.example+x.example+{world.SERVER_ID}&Replace={world.SERVER_ID}"
    op = place.run("acl", INTERVAL, "--grant", f"Get={world.SERVER_ID}")
    assert op["state"] == "verified" and "no change needed" in op["reason"] and op["tries"] == 0, op


def test_s_209_nobody_is_locked_out_by_mistake(place):
    leaf = PROGRESS
    said = place.ctl("tree", "acl", PHONE, leaf, "--revoke", "Replace=*", "--wait", code=1)
    assert f"this authority ({world.SERVER_ID}) would take Replace from itself" in said and "force" in said, said
    op = place.run("acl", leaf, "--grant", "Get=dm.operator.example", "--revoke", "Get=*", "--grant", f"Get={world.SERVER_ID}")
    assert op["state"] == "verified" and "the device reports this list" in op["reason"], op
    assert [c["command"] for c in op["commands"]] == ["get", "get", "replace", "get"], op
    own = place.value(leaf + "?prop=ACL")
    assert own == f"Get=dm.operator.example+{world.SERVER_ID}&Replace={world.SERVER_ID}", own
    said = place.ctl("tree", "acl", PHONE, leaf)
    assert "its own" in said and f"dm.operator.example, {world.SERVER_ID}" in said, said
    said = place.ctl("tree", "acl", PHONE, "./Virtualization", "--revoke", "Get=a.example", "--wait", code=1)
    assert "all servers (*) have Get" in said, said
    assert "RIGHT=SERVERID" in place.ctl("tree", "acl", PHONE, leaf, "--grant", "Get", code=2)
    assert 'unknown right "Read"' in place.ctl("tree", "acl", PHONE, leaf, "--grant", "Read=a", code=1)
    assert "404 not found" in place.ctl("tree", "acl", PHONE, "./Nowhere", code=1)


def test_s_210_every_property_is_read_and_three_are_written(place):
    for prop, want in (("Format", "int"), ("Name", "KPIIntervalS"), ("Type", "text/plain")):
        assert place.value(f"{INTERVAL}?prop={prop}") == want
    assert int(place.value(INTERVAL + "?prop=Size")) == len(place.value(INTERVAL)) and int(place.value(INTERVAL + "?prop=VerNo")) >= 0
    assert place.value(INTERVAL + "?prop=TStamp").endswith("Z") and place.value(INTERVAL + "?prop=ACL") is not None
    assert place.run("get", CONFIG + "?prop=Size", code=1)["code"] in (405, 406)       # of an interior node there is none
    place.run("replace", INTERVAL + "?prop=Title", "How often")
    assert place.value(INTERVAL + "?prop=Title") == "How often"
    place.run("add", "./VMImages/named", "--format", "node")
    place.run("replace", "./VMImages/named?prop=Name", "Renamed")
    assert "Renamed" in place.value("./VMImages").split("/")
    place.run("delete", "./VMImages/Renamed")
    place.run("replace", INTERVAL + "?prop=ACL", f"Get=*&Replace={world.SERVER_ID}")
    assert place.value(INTERVAL + "?prop=ACL") == f"Get=*&Replace={world.SERVER_ID}"
    assert "must be Command=ServerID" in place.ctl("tree", "replace", PHONE, INTERVAL + "?prop=ACL", "everything", code=1)
    assert "a property can only be read and replaced" in place.ctl("tree", "delete", PHONE, INTERVAL + "?prop=Title", code=1)


def test_s_214_the_standard_objects_are_read(place):
    for root, want in (("./DevInfo", f"./DevInfo/DevId={PHONE}"), ("./DevInfo", "./DevInfo/Man=Acme"), ("./DevDetail", "./DevDetail/LrgObj=true"),
                       ("./DMAcc", "AppID=w7")):
        op = place.run("get", root + "?list=StructData")
        assert any(want in f"{v['uri']}={v['value']}" for v in op["result"]), (root, op["result"])
    assert "secret" not in json.dumps(place.run("get", "./DMAcc?list=StructData")["result"]).lower().replace("aauthsecret", "")


def test_s_215_trees_are_read_in_every_way(place):
    names = [v["uri"] for v in place.run("get", "./DevDetail?list=Struct")["result"]]
    assert "./DevDetail/SwV" in names and "./DevDetail/URI/MaxDepth" in names
    assert "<MgmtTree" in place.value("./DevDetail?list=TNDS")
    assert "SwV" in place.value("./DevDetail?list=TNDS+Value")
    assert "<VerNo>" in place.value(CONFIG + "?list=TNDS+TStamp+VerNo")
    assert "only get takes ?list=" in place.ctl("tree", "delete", PHONE, "./VMImages?list=Struct", code=1)


def test_s_215_a_device_without_lists_is_walked(place):
    """Child lists, where ?list= is answered 406."""
    name = "IMEI:001010000000055"
    device = syncml.Client(place.server.register(name), name)
    device.http.verify = place.server.ca
    device.tree["./DevDetail/SwV"] = "7.2.1"
    reply, lists = device.call(), 0
    for _ in range(40):
        if not reply.asks():
            break
        refused = {u: "406" for u in reply.uris("Get") if "?list=" in u}
        lists += len(refused)
        reply = device.say(device.answers(reply, refused), cred=False)
    tree = {n["uri"]: n for n in place.server.get(f"/devices/{world.quote(name)}/tree")["items"]}
    assert lists and "./Virtualization/VM" in tree, tree.keys()


def test_s_217_the_case_of_names_is_kept(place):
    for name in ("MiXed", "mixed"):
        assert place.run("add", f"./VMImages/{name}", "--format", "node")["state"] == "verified"
    assert {"MiXed", "mixed"} <= set(place.value("./VMImages").split("/"))
    assert place.run("get", "./vmimages/MiXed", code=1)["code"] == 404
    for name in ("MiXed", "mixed"):
        place.run("delete", f"./VMImages/{name}")


# ---- a device that does as the test says ----

def scripted(place, name, tree=()):
    device = syncml.Client(place.server.register(name), name)
    device.http.verify = place.server.ca
    device.tree.update(tree)
    device.finish(device.call())
    return device


def ask(place, name, command, *rows, **one):
    items = [{k: v for k, v in zip(("command", "uri", "format", "data"), row) if v is not None} for row in rows]
    return place.server.call("POST", f"/devices/{world.quote(name)}/operations", expect=202,
                             json={"kind": "tree", "command": command, **({"commands": items} if items else one)}).json()


def status(reply, c, code):
    return (f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{c.findtext('CmdID')}</CmdRef>"
            f"<Cmd>{c.tag}</Cmd><Data>{code}</Data></Status>")


def header_status(device, reply):
    return (f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>"
            f"<TargetRef>{device.name}</TargetRef><Data>212</Data></Status>")


def test_s_216_addresses_too_long_are_told(place):
    said = place.ctl("tree", "add", PHONE, f"./VMImages/{'n' * 256}", "--format", "node", code=1)
    assert "a name has more than 255 bytes, the most of any device" in said and "/uri" in said
    # A device with narrower limits: what is over them is not sent, or it answers 414 itself.
    name = "IMEI:001010000000056"
    device = scripted(place, name, {"./DevDetail/URI": None, "./DevDetail/URI/MaxSegLen": "10", "./DevDetail/URI/MaxDepth": "3",
                                    "./DevDetail/URI/MaxTotLen": "0"})
    for uri, words in (("./Vendor/longer-than-ten", "not sent, it would be answered 414: ./Vendor/longer-than-ten: it has 15 characters in a name, and"
                        " the device accepts 10 (./DevDetail/URI/MaxSegLen)"),
                       ("./Vendor/A/B/C", "not sent, it would be answered 414: ./Vendor/A/B/C: it has 4 names, and the device accepts 3 (./DevDetail/URI/MaxDepth)"),
                       ("./Vendor/short", "414 the address is too long for the device")):
        op = ask(place, name, "add", uri=uri, format="chr", data="x")
        device.finish(device.call(), {"./Vendor/short": "414"})
        op = place.server.get(f"/operations/{op['id']}")
        assert op["state"] == "failed" and op["code"] == 414 and words in op["reason"], op
        assert op["codeText"] == "the address is too long for the device"
    group = ask(place, name, "atomic", ("replace", "./Vendor/X", "chr", "1"), ("add", "./Vendor/longer-than-ten", "chr", "2"))
    device.finish(device.call())
    group = place.server.get(f"/operations/{group['id']}")
    assert group["state"] == "failed" and group["code"] == 414 and "command 2" in group["reason"] and group["tries"] == 0, group


def test_a_device_with_a_deep_tree_gets_its_addresses(place):
    """Longer and deeper than what the project's own agent takes: the limits are the device's, in characters."""
    deep = "./Vendor" + "".join(f"/{'n' * 20}{i}" for i in range(30))
    for name, limits in (("IMEI:001010000000057", {"MaxDepth": "40", "MaxSegLen": "200", "MaxTotLen": "1000"}), ("IMEI:001010000000058", {})):
        device = scripted(place, name, {f"./DevDetail/URI{'/' if k else ''}{k}": v for k, v in [("", None), *limits.items()] if limits})
        for uri in (deep, f"./Vendor/{'n' * 200}", "./Vendor/" + "\u00e9" * 120):
            op = ask(place, name, "add", uri=uri, format="chr", data="x")
            reply = device.call()
            device.finish(reply)
            assert device.tree.get(uri) == "x", (uri, reply.bytes[:2000])
            place.server.wait_operation(op)


X, Y = ("replace", "./Vendor/X", "chr", "1"), ("replace", "./Vendor/Y", "chr", "2")


@pytest.mark.parametrize("whole,children,state,code,words", [
    (507, (216, 404), "failed", 507, "command 2 (replace ./Vendor/Y): 404 not found; 1 was undone (216)"),
    (507, (516, 425), "failed", 507, "1 could not be undone (516), the device is read again"),
    (517, (216, 215), "failed", 517, "its answers did not fit into one message"),
    (406, (), "failed", 406, "send the commands one by one"),
    (501, (), "failed", 501, "send the commands one by one"),
    (500, (500, 215), "failed", 500, "command 1 (replace ./Vendor/X): 500"),
    (200, (), "verified", 0, ""),
    (None, (200, 200), "verified", 0, ""),
])
def test_s_211_every_end_of_an_atomic_has_its_words(place, whole, children, state, code, words):
    name = f"IMEI:00101000001{whole or 0:04d}{len(children)}{(children or (0,))[0]}"
    device = scripted(place, name)
    device.tree.update({"./Vendor": None, "./Vendor/X": "1", "./Vendor/Y": "2"})    # what is read back afterwards
    op = ask(place, name, "atomic", X, Y)
    reply = device.call()
    group = next(c for c in reply.flat if c.tag == "Atomic")
    said = [header_status(device, reply)] + ([status(reply, group, whole)] if whole else [])
    said += [status(reply, c, k) for c, k in zip([c for c in group if c.find("CmdID") is not None], children)]
    device.finish(device.say(said, cred=False))
    op = place.server.get(f"/operations/{op['id']}")
    assert op["state"] == state and words in op["reason"], op
    assert not code or op["code"] == code, op
    if children and whole:
        assert codes(op) == list(children)


def test_s_202_what_does_not_fit_into_one_message_is_not_done(place):
    name = "IMEI:001010000020002"
    device = scripted(place, name)                              # takes messages of 16 KiB
    op = ask(place, name, "sequence", *[("replace", f"./Vendor/N{i}", "chr", "x" * 300) for i in range(60)])
    device.finish(device.call())
    op = place.server.get(f"/operations/{op['id']}")
    assert op["state"] == "failed" and op["code"] == 413 and "this device accepts 16384 octets, the shortest message has" in op["reason"], op
    assert "./Vendor/N0" not in device.tree


def test_s_211_a_lost_answer_is_asked_after(place):
    """The device did it and its answer never came: it is asked, and nothing is sent a second time."""
    name = "IMEI:001010000020001"
    device = scripted(place, name)
    device.tree["./Vendor"] = None
    op = ask(place, name, "atomic", X, ("add", "./Vendor/Z", "chr", "3"))
    reply = device.call()
    assert [c.tag for c in reply.flat if c.tag == "Atomic"]
    device.tree.update({"./Vendor/X": "1", "./Vendor/Z": "3"})      # done, and then the line is cut
    asked, replies = set(), iter(range(8))
    reply = device.call()
    while reply.asks() and next(replies, None) is not None:     # one command a message, since the last message was not answered
        assert not [c for c in reply.flat if c.tag == "Atomic"]
        asked |= set(reply.uris("Get"))
        reply = device.say(device.answers(reply), cred=False)
    assert {"./Vendor/X", "./Vendor/Z"} <= asked
    op = place.server.get(f"/operations/{op['id']}")
    assert op["state"] == "verified" and op["tries"] == 1, op
    # And one that never arrived goes out again, once.
    op = ask(place, name, "atomic", ("replace", "./Vendor/X", "chr", "9"), Y)
    device.call()
    reply = device.finish(device.call())
    op = place.server.get(f"/operations/{op['id']}")
    assert op["state"] == "verified" and op["tries"] == 2 and device.tree["./Vendor/X"] == "9", op


# ---- time ----

def test_an_operation_for_later_is_done_when_its_time_has_come(place):
    """The device is called then, and not before: it polls once an hour."""
    before = len(place.server.get(f"/notifications?device={world.quote(PHONE)}")["items"])
    at = time.time()
    out = place.ctl("tree", "replace", PHONE, INTERVAL, "123", "--format", "int", "--not-before", "3s")
    assert "scheduled for" in out
    n = int(out.split()[1])
    assert len(place.server.get(f"/notifications?device={world.quote(PHONE)}")["items"]) == before
    op = place.server.wait_operation({"id": n}, seconds=30)
    assert time.time() - at >= 2.9
    assert len(place.server.get(f"/notifications?device={world.quote(PHONE)}")["items"]) == before + 1
    sent = next(s for s in op["steps"] if s["state"] == "sent")
    assert sent["at"] >= op["notBefore"], op


def test_what_is_answered_cancelled_was_never_sent(place):
    """People are as fast as the device: each cancel is either refused, or nothing of it reaches the device."""
    place.run("replace", PROGRESS, "1", "--format", "int")
    ids = []
    def order(n):
        r = place.server.call("POST", place.base + "/operations", json={"kind": "tree", "command": "replace", "uri": PROGRESS, "format": "int",
                                                                         "data": str(1000 + n)})
        assert r.status_code == 202, r.text
        return r.json()["id"]
    cancelled, refused = set(), 0
    dice = random.Random(7)
    for n in range(40):
        one = order(n)
        ids.append(one)
        threading.Event().wait(dice.random() * 0.06)
        r = place.server.call("POST", f"/operations/{one}:cancel")
        if r.status_code == 200:
            cancelled.add(one)
        else:
            assert r.status_code == 409, r.text
            refused += 1
    for one in ids:
        op = world.wait_for(f"operation {one} to be over",
                            lambda: (lambda o: o if o["state"] in ("verified", "cancelled", "failed") else None)(place.server.get(f"/operations/{one}")), 60)
        states = [s["state"] for s in op["steps"]]
        assert ("sent" in states) != (one in cancelled), op
        assert (op["state"] == "cancelled") == (one in cancelled), op
    assert cancelled and refused, f"{len(cancelled)} cancelled, {refused} refused: the race was not run"
