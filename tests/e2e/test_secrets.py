# SPDX-License-Identifier: Apache-2.0
"""Values that are for the device alone: sealed while they wait, gone when their operation is over, and in clear nowhere but on the device's
own connection. What is looked at is what others see: the octets of the files, the log, the live stream, and what a viewer reads."""
import base64
import hashlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading

import pytest
import requests

import syncml
import world

NAME = "IMEI:001010000000055"
ACCOUNT = "./DMAcc/acme"
PIN = "./Vendor/Lock/Code"
DDF = ('<?xml version="1.0" encoding="UTF-8"?><MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>Lock</NodeName><Path>./Vendor</Path><DFProperties><AccessType>'
       "<Get/></AccessType><DFFormat><node/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName>urn:acme:mo:lock:1.0"
       '</DDFName></DFType></DFProperties><Node Secret="true"><NodeName>Code</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType><DFFormat><chr/>'
       "</DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType></DFProperties></Node></Node></MgmtTree>")


class Stream:
    """What the live stream told so far."""

    def __init__(self, server):
        self.text, self.r = b"", requests.get(server.url + "/api/v1/events", headers={"Authorization": f"Bearer {server.token}"}, stream=True, timeout=60)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for part in self.r.iter_content(None):
                self.text += part
        except requests.RequestException:
            pass
        except AttributeError:          # closed under its hands
            pass

    def stop(self):
        self.r.close()


@pytest.fixture
def server(folder):
    s = world.Server(folder / "server", tls=False, recorder__sample=1).start()
    yield s
    s.stop()


def viewer(server):
    out = subprocess.run([world.BUILD / "server/dmvisord", "-f", server.config, "--new-token", "looker:viewer"], check=True, capture_output=True, text=True)
    return {"Authorization": f"Bearer {out.stdout.strip()}"}


def backups(server):
    """The database's copies as people make them: with our own command, with SQLite's, anew without what was deleted, and file by file."""
    with tempfile.TemporaryDirectory(dir=server.dir.parent) as place:
        place = pathlib.Path(place)
        out = subprocess.run([world.BUILD / "server/dmvisord", "-f", server.config, "--backup", place / "own"], capture_output=True, text=True, timeout=60)
        assert out.returncode == 0 and (place / "own").stat().st_mode & 0o777 == 0o600, out.stderr
        again = subprocess.run([world.BUILD / "server/dmvisord", "-f", server.config, "--backup", place / "own"], capture_output=True, text=True, timeout=60)
        assert again.returncode == 1 and "exists already" in again.stderr
        db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
        copy = sqlite3.connect(place / "sqlite")
        try:
            db.backup(copy)
            copy.execute("vacuum into ?", (str(place / "anew"),))
        finally:
            db.close()
            copy.close()
        for f in server.dir.glob("dmvisor.db*"):
            shutil.copy(f, place / f"copied {f.name}")
        return {f"backup {f.name}": f.read_bytes() for f in place.iterdir()}


def nowhere(server, stream, looker, secret, ids):
    """In no octet that others can see."""
    octets = {f.name: f.read_bytes() for f in server.dir.iterdir() if f.is_file()}
    octets.update(backups(server))
    octets["stream"] = stream.text
    paths = [f"/operations/{i}" for i in ids] + ["/operations", f"/devices/{world.quote(NAME)}/tree?uri=.&limit=1000", f"/devices/{world.quote(NAME)}/preview",
                                                 f"/devices/{world.quote(NAME)}/sessions"]
    for p in paths:
        octets[p] = requests.get(server.url + "/api/v1" + p, headers=looker, timeout=20).content
    octets["audit"] = server.call("GET", "/audit").content
    for s in server.get(f"/devices/{world.quote(NAME)}/sessions")["items"]:
        octets[f"recording {s['id']}"] = server.call("GET", f"/devices/{world.quote(NAME)}/sessions/{s['id']}/recording").content
    there = [name for name, text in octets.items() if secret.encode() in text]
    assert not there, f"{secret} is in {there}"


def ask(server, **body):
    return server.call("POST", f"/devices/{world.quote(NAME)}/operations", expect=202, json={"kind": "tree", **body},
                       headers={"Idempotency-Key": json.dumps(body)[:40].encode().hex()}).json()


def row(server, op, columns):
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        return db.execute(f"select {columns} from operation where operation_id = ?", (op["id"],)).fetchone()
    finally:
        db.close()


def test_secret_values_are_for_the_device_alone(server):
    looker, stream = viewer(server), Stream(server)
    server.call("POST", "/descriptions?name=lock", expect=(200, 201), data=DDF.encode(), headers={"Content-Type": "application/xml"})
    c = syncml.Client(server.register(NAME), NAME)
    c.tree.update({ACCOUNT: None, f"{ACCOUNT}/AppAuth/CLSIDE/AAuthSecret": "old", "./Vendor": None, "./Vendor/Lock": None, PIN: "0000"})
    c.finish(c.call())
    secrets = {f"{ACCOUNT}/AppAuth/CLSIDE/AAuthSecret": "Zebra-4711-of-the-account", PIN: "Zebra-4712-by-description"}
    ops = [ask(server, command="replace", uri=uri, format="chr", data=value) for uri, value in secrets.items()]
    group = ask(server, command="atomic", commands=[{"command": "replace", "uri": uri, "format": "chr", "data": value + "-again"} for uri, value in secrets.items()])
    ids = [o["id"] for o in [*ops, group]]
    assert all(o["data"] == "***" and o["secret"] for o in ops) and all(i["data"] == "***" for i in group["commands"])
    values = [*secrets.values(), *(v + "-again" for v in secrets.values())]
    for value in values:
        nowhere(server, stream, looker, value, ids)
    sent = []
    tell = c.do
    c.do = lambda cmd, reply, codes: (sent.extend(cmd.itertext()), tell(cmd, reply, codes))[1]
    # A restart in between: they are opened with the key, not with what the process knows.
    server.process.kill()
    server.start()
    stream = Stream(server)
    c.finish(c.call())
    c.finish(c.call())
    assert set(values) <= set(sent), "the device itself got them"
    assert [server.get(f"/operations/{i}")["state"] for i in ids] == ["verified"] * 3, [server.get(f"/operations/{i}") for i in ids]
    assert row(server, ops[0], "tree_data, secret") == (None, 2)
    # What the device tells of them is not kept either.
    c.tree[PIN] = "Zebra-4713-read"
    get = ask(server, command="get", uri=PIN)
    c.finish(c.call())
    assert requests.get(server.url + f"/api/v1/operations/{get['id']}", headers=looker, timeout=20).json()["result"][0]["value"] == "***"
    assert server.get(f"/operations/{get['id']}")["result"][0]["value"] == "Zebra-4713-read", "who may ask may know"
    for value in [*values, "Zebra-4713-read"]:
        nowhere(server, stream, looker, value, [*ids, get["id"]])
    stream.stop()


def test_a_backup_has_no_credentials_and_is_good(server):
    """Of devices, of people, of the server itself; and what it is made for: it can be put back."""
    account = server.register(NAME)
    c = syncml.Client(account, NAME)
    c.finish(c.call())
    again = server.call("POST", f"/devices/{world.quote(NAME)}/credentials", expect=(200, 201)).json()["account"]
    token = server.call("POST", "/tokens", expect=201, json={"name": "somebody", "role": "viewer"}).json()["token"]
    words = [server.token, token, (server.dir / "secret.key").read_bytes()]
    for a in (account, again):
        for name, password in ((a["clientName"], a["clientPassword"]), (a["serverName"], a["serverPassword"])):
            ha1 = hashlib.md5(f"{name}:{password}".encode()).digest()
            words += [password, base64.b64decode(password + "=" * (-len(password) % 4), validate=False), ha1, ha1.hex(), base64.b64encode(ha1)]
    octets = backups(server)
    assert len(octets) >= 5 and all(NAME.encode() in octets[f"backup {x}"] for x in ("own", "sqlite", "anew"))
    for word in words:
        raw = word.encode() if isinstance(word, str) else word
        assert [name for name, text in octets.items() if len(raw) > 7 and raw in text] == [], word
    server.call("POST", "/devices", expect=201, json={"id": "device-after"})
    server.stop()
    (server.dir / "dmvisor.db").write_bytes(octets["backup own"])
    for end in ("-wal", "-shm"):
        (server.dir / f"dmvisor.db{end}").unlink(missing_ok=True)
    server._own()
    server.start()
    assert server.call("GET", "/devices/device-after").status_code == 404
    c = syncml.Client(again, NAME)
    c.finish(c.call())


def test_the_answer_to_a_password_prompt_is_sealed(server):
    looker, stream = viewer(server), Stream(server)
    c = syncml.Client(server.register(NAME), NAME)
    c.finish(c.call())
    op = ask(server, command="input", data="MAXDT=30&ET= p\nThe PIN?")
    r = c.call()
    for _ in range(5):
        asked = [a for a in r.flat if a.tag == "Alert" and a.findtext("Data") == "1102"]
        answers = c.answers(r)
        for a in asked:
            answers.append(f"<Status><CmdID>@</CmdID><MsgRef>{r.header.findtext('MsgID')}</MsgRef><CmdRef>{a.findtext('CmdID')}</CmdRef><Cmd>Alert</Cmd>"
                           "<Data>200</Data><Item><Data>Zebra-4714-typed</Data></Item></Status>")
        if not asked and not r.asks():
            break
        r = c.say(answers, cred=False)
    assert server.get(f"/operations/{op['id']}")["state"] == "verified"
    assert "Zebra-4714-typed" in json.dumps(server.get(f"/operations/{op['id']}")["result"])
    nowhere(server, stream, looker, "Zebra-4714-typed", [op["id"]])
    stream.stop()


def document(node, value):
    return ('<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>Lock</NodeName><Path>./Vendor</Path><RTProperties><Format><node/></Format>'
            f"</RTProperties><Node><NodeName>{node}</NodeName><RTProperties><Format><chr/></Format></RTProperties><Value>{value}</Value></Node></Node></MgmtTree>")


def test_a_serialised_tree_with_a_secret_node_is_a_secret(server):
    """Written, read with ?list=TNDS, and as the value of a node: by the description of what is below it, or by its words."""
    looker, stream = viewer(server), Stream(server)
    server.call("POST", "/descriptions?name=lock", expect=(200, 201), data=DDF.encode(), headers={"Content-Type": "application/xml"})
    c = syncml.Client(server.register(NAME), NAME)
    c.tree.update({"./Vendor": None, "./Vendor/Lock": None, PIN: "0000", "./Vendor/Doc": document("AAuthSecret", "Zebra-4715-in-a-value")})
    plain = c.read

    def read(uri):
        if not uri.endswith("?list=TNDS"):
            return plain(uri)
        return (f"<Item><Source><LocURI>{uri}</LocURI></Source><Meta><Format xmlns=\"syncml:metinf\">xml</Format><Type xmlns=\"syncml:metinf\">"
                f"application/vnd.syncml.dmtnds+xml</Type></Meta><Data>{syncml.escape(document('Code', 'Zebra-4716-listed'))}</Data></Item>")
    c.read = read
    c.finish(c.call())
    ops = [ask(server, command="replace", uri="./Vendor/Lock", format="xml", type="application/vnd.syncml.dmtnds+xml", data=document("Code", "Zebra-4717-written")),
           ask(server, command="get", uri="./Vendor/Lock?list=TNDS"), ask(server, command="get", uri="./Vendor/Doc")]
    assert ops[0]["data"] == "***" and ops[0]["secret"]
    sent = []
    tell = c.do
    c.do = lambda cmd, reply, codes: (sent.extend(cmd.itertext()), tell(cmd, reply, codes))[1]
    c.finish(c.call())
    c.finish(c.call())
    assert any("Zebra-4717-written" in t for t in sent), "the device itself got it"
    assert "Zebra-4716-listed" in json.dumps(server.get(f"/operations/{ops[1]['id']}")["result"]), "who may ask may know"
    for value in ("Zebra-4715-in-a-value", "Zebra-4716-listed", "Zebra-4717-written"):
        nowhere(server, stream, looker, value, [o["id"] for o in ops])
    stream.stop()


def test_a_serialised_tree_that_cannot_be_looked_into_is_a_secret(server):
    """In base64 or WBXML: nobody sees which nodes are in it, so nobody sees any."""
    looker, stream = viewer(server), Stream(server)
    c = syncml.Client(server.register(NAME), NAME)
    c.finish(c.call())
    # What goes before the tree is as long as three octets, so that the base64 of the tree is the same in all of them.
    kinds = {"application/vnd.syncml.dmtnds+xml": b"", "application/vnd.syncml.dmtnds+wbxml": b"\2\0\0", "text/xml": b"\xef\xbb\xbf"}
    tree = document("AAuthSecret", "Zebra-4720-inside").encode()
    text, octets = base64.b64encode(tree).decode(), [base64.b64encode(head + tree).decode() for head in kinds.values()]
    ops = [ask(server, command="add", uri=f"./Vendor/d{n}", format="bin", type=kind, data=octets[n]) for n, kind in enumerate(kinds)]
    group = ask(server, command="atomic", commands=[{"command": "add", "uri": f"./Vendor/g{n}", "format": "bin", "type": kind, "data": octets[n]}
                                                    for n, kind in enumerate(kinds)])
    ids = [o["id"] for o in [*ops, group]]
    nowhere(server, stream, looker, text, ids)
    sent = []
    tell = c.do
    c.do = lambda cmd, reply, codes: (sent.extend(cmd.itertext()), tell(cmd, reply, codes))[1]
    c.finish(c.call())
    c.finish(c.call())
    assert set(octets) <= set(sent), "the device itself got them"
    assert [server.get(f"/operations/{i}")["state"] for i in ids] == ["verified"] * 4, [server.get(f"/operations/{i}") for i in ids]
    nowhere(server, stream, looker, text, ids)
    stream.stop()
