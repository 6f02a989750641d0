# SPDX-License-Identifier: Apache-2.0
"""What the server says became of an operation, driven by a client that is not ours: replaced by a later one, answered without a value, told
under another object's alert, lost with the session, refused in pieces."""
import itertools
import json
import pathlib
import shutil
import sqlite3
import tempfile

import pytest

import syncml
import world

TIMEOUT_S = 2
numbers = itertools.count(1)


class Odd(syncml.Client):
    """A client that answers some commands as a test says: `odd` has a function for "Get ./A" and the like."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.odd = {}
        self.tree["./V"] = None

    def do(self, c, reply, codes):
        uri = c.findtext("Item/Target/LocURI")
        act = self.odd.get(f"{c.tag} {uri}")
        if not act:
            return super().do(c, reply, codes)
        ref = f"<MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{c.findtext('CmdID')}</CmdRef>"
        return act(ref, c.tag)

    def run(self):
        """A whole session."""
        return self.finish(self.call())

    def die_at(self, verb, uri, most=20):
        """A session that goes on until the server sends this; then nothing more is said. @return it was sent, and what went with it"""
        reply = self.call()
        for _ in range(most):
            if not reply.asks():
                return None
            if uri in reply.uris(verb):
                return [f"{c.tag} {u.text}" for c in reply.asks() for u in c.findall("Item/Target/LocURI")]
            reply = self.say(self.answers(reply), cred=False)
        raise AssertionError("no end")


def status(ref, tag, code):
    return f"<Status><CmdID>@</CmdID>{ref}<Cmd>{tag}</Cmd><Data>{code}</Data></Status>"


@pytest.fixture(scope="module")
def server():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout=f"{TIMEOUT_S}s").start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(server):
    """A new device whose tree is known."""
    name = f"IMEI:00101000000{next(numbers):04}"
    c = Odd(server.register(name), name)
    c.run()
    return c


def ask(server, client, command, uri=None, **more):
    body = {"kind": "tree", "command": command, **({"uri": uri} if uri else {}), **more}
    return server.call("POST", f"/devices/{world.quote(client.name)}/operations", expect=202, json=body).json()["id"]


def op(server, number):
    return server.get(f"/operations/{number}")


# ---- a later command of ours ----

@pytest.mark.parametrize("second", [("replace", "2"), ("delete", None)])
def test_a_later_operation_takes_nothing_from_the_earlier_one(server, client, second):
    client.tree["./V/x"] = "0"
    one = ask(server, client, "replace", "./V/x", format="chr", data="1")
    two = ask(server, client, second[0], "./V/x", **({"format": "chr", "data": second[1]} if second[1] else {}))
    client.run()
    first, last = op(server, one), op(server, two)
    assert first["state"] == "verified" and f"operation {two} has changed it" in first["reason"], first
    assert last["state"] == "verified", last


def test_added_and_deleted_before_the_device_calls(server, client):
    one, two = ask(server, client, "add", "./V/new", format="chr", data="1"), ask(server, client, "delete", "./V/new")
    client.run()
    assert [op(server, n)["state"] for n in (one, two)] == ["verified", "verified"], (op(server, one), op(server, two))


def test_an_earlier_group_is_not_blamed_for_a_later_write(server, client):
    client.tree.update({"./V/x": "0", "./V/y": "0"})
    one = ask(server, client, "sequence", commands=[{"command": "replace", "uri": f"./V/{n}", "format": "chr", "data": "1"} for n in "xy"])
    two = ask(server, client, "replace", "./V/x", format="chr", data="2")
    client.run()
    first = op(server, one)
    assert first["state"] == "verified" and op(server, two)["state"] == "verified", first


def test_a_value_that_the_device_does_not_keep_is_still_a_failure(server, client):
    client.tree["./V/x"] = "0"
    one = ask(server, client, "replace", "./V/x", format="chr", data="1")
    client.odd["Replace ./V/x"] = lambda ref, tag: [status(ref, tag, 200)]
    client.run()
    assert op(server, one)["state"] == "failed" and 'the value is "0"' in op(server, one)["reason"]


# ---- what a device says is done, and is not ----

LIES = {
    "delete": ("delete", "./V/x", {}, "the node still exists"),
    "node": ("add", "./V/n", {"format": "node"}, "the node does not exist"),
    "name": ("replace", "./V/x?prop=Name", {"data": "other"}, "the node does not exist"),
    "title": ("replace", "./V/x?prop=Title", {"data": "Mine"}, 'the value is "Theirs"'),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_said_to_be_done_is_looked_at(server, client, lie):
    command, uri, more, why = LIES[lie]
    client.tree["./V/x"] = "0"
    client.odd[f"{command.capitalize()} {uri}"] = lambda ref, tag: [status(ref, tag, 200)]
    client.odd["Get ./V/x?prop=Title"] = lambda ref, tag: [status(ref, tag, 200), results(ref, syncml.item("./V/x?prop=Title", "Theirs", where="Source"))]
    one = ask(server, client, command, uri, **more)
    client.run()
    assert op(server, one)["state"] == "failed" and why in op(server, one)["reason"], op(server, one)


def test_what_is_done_is_verified_by_a_look(server, client):
    client.tree.update({"./V/x": "0", "./V/y": "1"})
    gone, made = ask(server, client, "delete", "./V/x"), ask(server, client, "add", "./V/n", format="node")
    client.run()
    assert [op(server, n)["reason"] for n in (gone, made)] == ["the device reports the expected state"] * 2, (op(server, gone), op(server, made))
    named = ask(server, client, "replace", "./V/y?prop=Title", data="Mine")
    client.odd["Replace ./V/y?prop=Title"] = lambda ref, tag: [status(ref, tag, 200)]
    client.odd["Get ./V/y?prop=Title"] = lambda ref, tag: [status(ref, tag, 406)]        # has no titles to tell
    client.run()
    assert op(server, named)["state"] == "verified" and "the effect cannot be read: 406" in op(server, named)["reason"], op(server, named)


def works_on_it(ref, tag):
    return [status(ref, tag, 202)]


@pytest.mark.parametrize("command", ["replace", "add", "delete", "sequence"])
def test_what_the_device_works_on_is_asked_after(server, client, command):
    """202 for a value: no alert tells of its end, so each session looks."""
    uri = "./V/new" if command == "add" else "./V/x"
    client.tree["./V/x"] = "0"
    value = {} if command == "delete" else {"format": "chr", "data": "1"}
    verb = "replace" if command == "sequence" else command
    client.odd[f"{verb.capitalize()} {uri}"] = works_on_it
    if command == "sequence":
        one = ask(server, client, command, commands=[{"command": verb, "uri": uri, **value}])
    else:
        one = ask(server, client, command, uri, **value)
    client.run()
    client.run()
    assert op(server, one)["state"] == "accepted", op(server, one)
    if command == "delete":
        del client.tree[uri]
    else:
        client.tree[uri] = "1"
    client.run()
    assert op(server, one)["state"] == "verified", op(server, one)


def test_what_the_device_works_on_is_replaced_by_a_later_command(server, client):
    client.tree["./V/x"] = "0"
    client.odd["Replace ./V/x"] = works_on_it
    one = ask(server, client, "replace", "./V/x", format="chr", data="1")
    client.run()
    client.odd.clear()
    two = ask(server, client, "replace", "./V/x", format="chr", data="2")
    client.run()
    assert op(server, two)["state"] == "verified"
    assert op(server, one)["state"] == "superseded" and f"operation {two} has changed it" in op(server, one)["reason"], op(server, one)


@pytest.mark.parametrize("silent", ["Get ./V/A", "Alert"])
def test_a_sequence_does_not_pass_over_what_was_not_answered(server, client, silent):
    """The Sequence is 200 and one of its commands has no answer at all: nothing was read, and nobody was asked."""
    client.tree.update({"./V/A": "a", "./V/x": "0"})
    client.odd["Get ./V/A"] = lambda ref, tag: []
    first = {"command": "get", "uri": "./V/A"} if silent == "Get ./V/A" else {"command": "confirm", "data": "MAXDT=60\nNow?"}
    one = ask(server, client, "sequence", commands=[first, {"command": "replace", "uri": "./V/x", "format": "chr", "data": "1"}])
    client.run()
    assert op(server, one)["state"] == "failed" and "the device gives no answer for it" in op(server, one)["reason"], op(server, one)


def test_a_value_without_a_status_is_a_value(server, client):
    client.tree["./V/A"] = "a"
    client.odd["Get ./V/A"] = lambda ref, tag: [results(ref, syncml.item("./V/A", "a", where="Source"))]
    one = ask(server, client, "sequence", commands=[{"command": "get", "uri": "./V/A"}])
    client.run()
    assert op(server, one)["state"] == "verified", op(server, one)


# ---- a Get ----

def results(ref, item):
    return f"<Results><CmdID>@</CmdID>{ref}{item}</Results>"


def test_what_a_get_found_has_four_displays(server, client):
    meta = '<Meta><Format xmlns="syncml:metinf">chr</Format></Meta>'
    size = '<Meta><Format xmlns="syncml:metinf">chr</Format><Size xmlns="syncml:metinf">4711</Size></Meta>'
    source = "<Source><LocURI>./V/A</LocURI></Source>"
    seen = {}
    for name, answer in {
        "none": lambda ref, tag: [status(ref, tag, 200)],
        "empty": lambda ref, tag: [status(ref, tag, 200), results(ref, f"<Item>{source}{meta}<Data/></Item>")],
        "size": lambda ref, tag: [status(ref, tag, 200), results(ref, f"<Item>{source}{size}</Item>")],
        "missing": lambda ref, tag: [status(ref, tag, 404)],
    }.items():
        number = ask(server, client, "get", "./V/A")
        client.odd["Get ./V/A"] = answer
        client.run()
        seen[name] = op(server, number)
    assert seen["none"]["state"] == "failed" and "without a value" in seen["none"]["reason"], seen["none"]
    assert seen["missing"]["state"] == "failed" and "404" in seen["missing"]["reason"]
    assert seen["empty"]["state"] == "verified" and seen["empty"]["result"][0]["value"] == ""
    assert seen["size"]["state"] == "verified" and seen["size"]["result"][0]["value"] is None and seen["size"]["result"][0]["size"] == 4711
    assert "without a value" in server.ctl("operations", "show", seen["none"]["id"])
    assert "4711" in server.ctl("operations", "show", seen["size"]["id"])


def test_a_get_in_a_sequence_that_told_nothing_is_blamed(server, client):
    number = ask(server, client, "sequence", commands=[{"command": "get", "uri": "./V/A"}])
    client.odd["Get ./V/A"] = lambda ref, tag: [status(ref, tag, 200)]
    client.run()
    assert op(server, number)["state"] == "failed" and "without a value" in op(server, number)["reason"]


ELSEWHERE = syncml.item("./Q/x", "1", where="Source")


def test_a_value_of_another_node_answers_nothing(server, client):
    """Also where a list was asked for, and where a value is read back: what is known of the nodes asked for stays."""
    client.tree.update({"./V/x": "0", "./V/kept": "k"})
    before = [ask(server, client, "get", "./V?list=StructData")]
    client.run()
    other = lambda ref, tag: [status(ref, tag, 200), results(ref, ELSEWHERE)]
    for uri in ("./V/x", "./V/kept?prop=Size", "./V?list=StructData"):
        client.odd[f"Get {uri}"] = other
        before.append(ask(server, client, "get", uri))
    client.run()
    states = [(op(server, n)["state"], op(server, n)["reason"]) for n in before]
    assert states[0][0] == "verified" and all(s == "failed" and "without a value of this node" in r for s, r in states[1:]), states
    nodes = [n["uri"] for n in server.get(f"/devices/{world.quote(client.name)}/tree?uri=./V")["items"]]
    assert "./V/kept" in nodes, nodes
    group = ask(server, client, "sequence", commands=[{"command": "replace", "uri": "./V/x", "format": "chr", "data": "1"}])
    client.run()
    assert "cannot be read back" in op(server, group)["reason"], op(server, group)


@pytest.mark.parametrize("first,then", [(500, 200), (405, 202)])
@pytest.mark.parametrize("verb", ["Replace", "Exec", "Get"])
def test_a_second_status_undoes_no_refusal(server, client, verb, first, then):
    client.tree["./V/x"] = "1"
    number = ask(server, client, verb.lower(), "./V/x", **({"format": "chr", "data": "1"} if verb == "Replace" else {}))
    client.odd[f"{verb} ./V/x"] = lambda ref, tag: [status(ref, tag, first), status(ref, tag, then)]
    client.run()
    assert (op(server, number)["state"], op(server, number)["code"]) == ("failed", first), op(server, number)


# ---- the end of an Exec ----

def alert(kind, correlator, data, source):
    return (f"<Alert><CmdID>@</CmdID><Data>1226</Data><Correlator>{correlator}</Correlator><Item><Source><LocURI>{source}</LocURI></Source><Meta>"
            f'<Type xmlns="syncml:metinf">{kind}</Type><Format xmlns="syncml:metinf">chr</Format><Mark xmlns="syncml:metinf">critical</Mark></Meta>'
            f"<Data>{data}</Data></Item></Alert>")


@pytest.mark.parametrize("kind,data,state", [
    ("org.openmobilealliance.dm.firmwareupdate.downloadandupdate", "200", "verified"),
    ("org.openmobilealliance.dm.firmwareupdate.downloadandupdate", "410", "failed"),
    ("urn:oma:at:scomo:1.0:OperationComplete", "1200", "verified"),
    ("urn:oma:at:lawmo:1.0:OperationComplete", "1400", "failed"),
    ("urn:oma:at:dcmo:1.0:OperationComplete", "500", "failed"),
    ("com.example.done", "250", "verified"),
    ("com.example.done", "finished", "unknown"),
])
def test_a_correlator_of_ours_ends_the_exec_whatever_the_alert(server, client, kind, data, state):
    uri = "./FUMO/pkg/DownloadAndUpdate"
    number = ask(server, client, "exec", uri)
    client.odd[f"Exec {uri}"] = lambda ref, tag: [status(ref, tag, 202)]
    reply = client.call()
    while reply.asks():
        for c in reply.asks("Exec"):
            correlator = c.findtext("Correlator")
        reply = client.say(client.answers(reply), cred=False)
    assert op(server, number)["state"] == "accepted"
    client.finish(client.call(more=[alert(kind, correlator, data, uri)], alert="1201"))
    o = op(server, number)
    assert o["state"] == state, o
    assert any(data in s["reason"] and kind in s["reason"] for s in o["steps"]), o


@pytest.mark.parametrize("data,state", [("200", "verified"), ("410", "failed")])
@pytest.mark.parametrize("meta", ["", '<Meta><Format xmlns="syncml:metinf">text</Format></Meta>'])
def test_a_correlator_of_ours_needs_no_type_beside_it(server, client, meta, data, state):
    uri = "./FUMO/pkg/DownloadAndUpdate"
    number = ask(server, client, "exec", uri)
    client.odd[f"Exec {uri}"] = lambda ref, tag: [status(ref, tag, 202)]
    reply = client.call()
    correlator = next(c.findtext("Correlator") for c in reply.asks("Exec"))
    client.finish(client.say(client.answers(reply), cred=False))
    bare = f"<Alert><CmdID>@</CmdID><Data>1226</Data><Correlator>{correlator}</Correlator><Item>{meta}<Data>{data}</Data></Item></Alert>"
    client.finish(client.call(more=[bare], alert="1201"))
    assert op(server, number)["state"] == state, op(server, number)


@pytest.mark.parametrize("told", [("200", "410"), ("410", "200")])
@pytest.mark.parametrize("together", [True, False])
def test_one_bad_end_of_several_is_a_failure(server, client, told, together):
    """Whether one alert has both as its items, or each has one of its own."""
    uri, kind = "./FUMO/pkg/DownloadAndUpdate", "com.example.done"
    number = ask(server, client, "exec", uri)
    client.odd[f"Exec {uri}"] = lambda ref, tag: [status(ref, tag, 202)]
    reply = client.call()
    correlator = next(c.findtext("Correlator") for c in reply.asks("Exec"))
    client.finish(client.say(client.answers(reply), cred=False))
    alerts = [alert(kind, correlator, data, uri) for data in told]
    if together:
        alerts = [alerts[0].replace("</Alert>", alerts[1][alerts[1].index("<Item>"):])]
    client.finish(client.call(more=alerts, alert="1201"))
    assert (op(server, number)["state"], op(server, number)["code"]) == ("failed", 410), op(server, number)


def test_an_exec_whose_answer_was_lost_is_not_repeated_and_told_later(server, client):
    uri = "./FUMO/pkg/DownloadAndUpdate"
    number = ask(server, client, "exec", uri)
    reply = client.call()
    correlator = next(c.findtext("Correlator") for c in reply.asks("Exec"))
    client.run()                                        # a new session: the old one is lost
    o = op(server, number)
    assert o["state"] == "unknown" and "outcome unknown" in o["reason"], o
    assert not [u for u, _ in client.executed if u == uri]
    assert server.ctl("operations", "list", "--state", "unknown").count(uri) >= 1
    client.finish(client.call(more=[alert("org.openmobilealliance.dm.firmwareupdate.downloadandupdate", correlator, "200", uri)], alert="1201"))
    assert op(server, number)["state"] == "verified", op(server, number)


# ---- what ends the session ----

def test_only_the_command_that_kills_the_client_fails(server, client):
    client.tree.update({"./V/a": "A", "./V/b": "B"})
    first = ask(server, client, "get", "./V/a")
    poison = ask(server, client, "add", "./V/poison", format="chr", data="x")
    last = ask(server, client, "get", "./V/b")
    went = []
    for _ in range(6):
        with_it = client.die_at("Add", "./V/poison")
        if with_it is None:
            break
        went.append(with_it)
    states = {n: op(server, n) for n in (first, poison, last)}
    assert states[first]["state"] == "verified" and states[last]["state"] == "verified", states
    assert states[poison]["state"] in ("failed", "unknown"), states[poison]
    assert len(went) == 3 and all(len(w) == 1 for w in went[1:]), went


def test_what_was_done_before_the_client_died_is_found(server, client):
    """It adds the node, and dies before it can say so."""
    number = ask(server, client, "add", "./V/there", format="chr", data="x")
    for _ in range(6):
        if client.die_at("Add", "./V/there") is None:
            break
        client.tree["./V/there"] = "x"
    assert op(server, number)["state"] == "verified", op(server, number)


def test_a_client_that_gives_up_at_a_command_takes_nothing_else_with_it(server, client):
    client.tree.update({"./V/a": "A", "./V/b": "B"})
    numbers_ = [ask(server, client, "get", "./V/a"), ask(server, client, "add", "./V/poison", format="chr", data="x"),
                ask(server, client, "get", "./V/b")]
    for _ in range(8):
        reply = client.call()
        while reply.asks():
            if "./V/poison" in reply.uris("Add"):
                client.say(["<Alert><CmdID>@</CmdID><Data>1223</Data></Alert>"], cred=False)
                break
            reply = client.say(client.answers(reply), cred=False)
    assert [op(server, n)["state"] for n in (numbers_[0], numbers_[2])] == ["verified", "verified"], [op(server, n) for n in numbers_]
    assert op(server, numbers_[1])["state"] in ("failed", "unknown")


# ---- values in pieces ----

def piece(ref, data, more, size=None):
    meta = f'<Meta><Size xmlns="syncml:metinf">{size}</Size></Meta>' if size is not None else ""
    return results(ref, f"<Item><Source><LocURI>./V/big</LocURI></Source>{meta}<Data>{data}</Data>{'<MoreData/>' if more else ''}</Item>")


def in_pieces(client, reply, *pieces):
    """Answer a Get with these (data, more, size, status first) in a message each; the server's last reply."""
    get = next(c for c in reply.asks("Get") if c.findtext("Item/Target/LocURI") == "./V/big")
    ref = f"<MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{get.findtext('CmdID')}</CmdRef>"
    codes = []
    for i, (data, more, size) in enumerate(pieces):
        header = (f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>")
        first = [status(ref, "Get", 200)] if i == 0 else []
        reply = client.say([header, *first, piece(ref, data, more, size)], cred=False, final=not more)
        codes += [c.findtext("Data") for c in reply.commands if c.tag == "Status" and c.findtext("Cmd") == "Results"]
    return reply, codes


@pytest.mark.parametrize("pieces,state,code", [
    ([("HEAD-HEAD-HEAD-HEAD-", True, None), ("TAIL", False, None)], "failed", 411),
    ([("HEAD-HEAD-HEAD-HEAD-", True, 100000000000), ("TAIL", False, None)], "failed", 413),
    ([("HEAD-HEAD-HEAD-HEAD-", True, 0), ("TAIL", False, None)], "failed", 424),
    ([("HEAD-HEAD-HEAD-HEAD-", True, -8), ("TAIL", False, None)], "failed", 411),
    ([("HEAD-HEAD-HEAD-HEAD-", True, 24), ("and far too much", True, None), ("TAIL", False, None)], "failed", 424),
    ([("HEAD-HEAD-HEAD-HEAD-", True, 24), ("HEAD-HEAD-HEAD-HEAD-", True, 24), ("TAIL", False, None)], "verified", 200),
    ([("HEAD-HEAD-HEAD-HEAD-", True, None), ("HEAD-HEAD-HEAD-HEAD-", True, 24), ("TAIL", False, None)], "failed", 411),
])
def test_the_tail_of_a_refused_value_is_no_value(server, client, pieces, state, code):
    client.tree["./V/big"] = "?"
    number = ask(server, client, "get", "./V/big")
    reply, _ = in_pieces(client, client.call(), *pieces)
    client.odd["Get ./V/big"] = lambda ref, tag: [status(ref, tag, 404)]
    client.finish(reply)
    o = op(server, number)
    assert (o["state"], o["code"]) == (state, code), o
    with sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True) as db:
        kept = [v for (v,) in db.execute("select value from node join path using (path_id) join device using (device_id)"
                                         " where device.name = ? and uri = './V/big'", (client.name,))]
    assert "TAIL" not in kept, kept
    if state == "verified":
        assert o["result"][0]["value"] == "HEAD-HEAD-HEAD-HEAD-TAIL"


# ---- what is told is kept as told ----

def test_a_node_of_devinfo_is_a_node(server):
    name = f"IMEI:00101000000{next(numbers):04}"
    c = Odd(server.register(name), name)
    more = syncml.item("./DevInfo/Ext", "Intel/other", "node", "Source")
    c.devinfo = lambda: Odd.devinfo(c) + more
    c.run()
    nodes = {n["uri"]: n for n in server.get(f"/devices/{world.quote(name)}/tree?uri=./DevInfo")["items"]}
    assert nodes["./DevInfo/Ext"]["format"] == "node" and nodes["./DevInfo/Man"]["format"] == "chr", nodes


def sent(client, verb, uri):
    reply = client.call()
    found = [c for c in reply.asks(verb) if c.findtext("Item/Target/LocURI") == uri]
    client.finish(reply)
    return found[0]


def test_an_add_says_format_type_and_data(server, client):
    ask(server, client, "add", "./X/a", format="node", data="")
    c = sent(client, "Add", "./X/a")
    assert c.findtext("Item/Meta/Format") == "node" and c.find("Item/Data") is not None and not c.findtext("Item/Data")
    ask(server, client, "add", "./X/b", format="node")
    assert sent(client, "Add", "./X/b").find("Item/Data") is None
    ask(server, client, "add", "./X/c", data="text")
    c = sent(client, "Add", "./X/c")
    assert (c.findtext("Item/Meta/Format"), c.findtext("Item/Meta/Type"), c.findtext("Item/Data")) == ("chr", "text/plain", "text")
    interval = "./Virtualization/Config/KPIIntervalS"                # who gives no format gets the description's
    ask(server, client, "replace", interval, data="61")
    c = sent(client, "Replace", interval)
    assert (c.findtext("Item/Meta/Format"), c.findtext("Item/Meta/Type")) == ("int", "text/plain")


OCTETS, B64 = b"\x00\x01\xff", "AAH/"


@pytest.mark.parametrize("octets,text", [(OCTETS, B64), (b"abc", "YWJj")])
def test_octets_are_octets_in_wbxml_and_base64_for_people(server, octets, text):
    name = f"IMEI:00101000000{next(numbers):04}"
    c = Odd(server.register(name), name, wbxml=True)
    c.run()
    number = ask(server, c, "add", "./V/B", format="bin", data=text)
    reply = c.call()
    assert b"\xc3\x03" + octets in reply.bytes
    c.odd["Add ./V/B"] = lambda ref, tag: [status(ref, tag, 200)]
    meta = '<Meta><Format xmlns="syncml:metinf">bin</Format></Meta>'
    c.odd["Get ./V/B"] = lambda ref, tag: [status(ref, tag, 200), results(ref, f"<Item><Source><LocURI>./V/B</LocURI></Source>{meta}<Data>XYZ</Data></Item>")]
    post = c.post
    def as_octets(body, url=None):
        data = body if isinstance(body, bytes) else syncml.to_wbxml(body)
        return post(data.replace(b"\xc3\x03XYZ", b"\xc3\x03" + octets), url)
    c.post = as_octets
    c.finish(reply)
    assert op(server, number)["state"] == "verified", op(server, number)
    number = ask(server, c, "get", "./V/B")
    c.run()
    found = op(server, number)["result"][0]
    assert (found["value"], found["encoding"], found["format"]) == (text, "base64", "bin"), found
    node = next(n for n in server.get(f"/devices/{world.quote(name)}/tree?uri=./V")["items"] if n["uri"] == "./V/B")
    assert (node["value"], node["encoding"]) == (text, "base64"), node
    assert "(base64)" in server.ctl("operations", "show", number) and "(base64)" in server.ctl("device", "tree", name)


def test_in_xml_base64_stays_base64(server, client):
    ask(server, client, "add", "./V/B", format="bin", data=B64)
    c = sent(client, "Add", "./V/B")
    assert (c.findtext("Item/Meta/Format"), c.findtext("Item/Data")) == ("b64", B64)
    for n, written in enumerate(("QQ", "Q Q = =\n")):                # as anybody writes it; compared are octets
        number = ask(server, client, "add", f"./V/C{n}", format="bin", data=written)
        client.run()
        assert client.tree[f"./V/C{n}"] == "QQ==" and op(server, number)["state"] == "verified", op(server, number)
    r = server.call("POST", f"/devices/{world.quote(client.name)}/operations",
                    json={"kind": "tree", "command": "add", "uri": "./V/B", "format": "bin", "data": "no base64!"})
    assert r.status_code == 400 and "base64" in r.json()["detail"] and r.json()["pointer"] == "/data", r.text
