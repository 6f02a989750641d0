# SPDX-License-Identifier: Apache-2.0
"""What comes over the wire may be anything: the real server says what is wrong, keeps nothing of it, and goes on."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest
import requests

import syncml
import world

NAME = "IMEI:001010000000099"
TIMEOUT_S = 2


@pytest.fixture(scope="module")
def place():
    """One server for the whole file, without TLS so that bytes can be written by hand."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False, dm__sessionTimeout=f"{TIMEOUT_S}s", dm__maxConnections=40, dm__maxSessions=50,
                     images__maxSize="1Mi", api__maxBody="64Ki").start()
    s.secrets = {s.token, "secret-of-somebody"}
    try:
        yield s
        s.stop()                # its exit code tells of leaks, overruns and undefined behaviour
        log_is_clean(s)
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def log_is_clean(s):
    """Each line is one event, and no secret is in any, whatever was sent."""
    log = s.process.log()
    for secret in s.secrets:
        assert secret not in log
    for line in log.splitlines():
        assert line.startswith("time=") and "event=" in line, f"not one line an event: {line[:300]}"


@pytest.fixture
def server(place):
    """Alive before and after, and nothing of what was sent in its log that is secret."""
    assert place.process.alive()
    yield place
    assert place.process.alive(), place.process.log()[-4000:]
    assert place.session.get(place.url + "/readyz", timeout=10).status_code == 200


@pytest.fixture(scope="module")
def account(place):
    made = place.register(NAME)
    place.secrets |= {made[name] for name in ("clientPassword", "serverPassword", "clientNonce")}
    return made


@pytest.fixture
def client(server, account):
    """A known device with a nonce that is good now."""
    c = syncml.Client(account, NAME)
    lets_in(c)
    server.secrets.add(syncml.b64(c.nonce))
    return c


def lets_in(c):
    """Other tests may have taken all sessions or connections; what they left ends in time."""
    def real():
        try:
            return c.finish(c.call())
        except (AssertionError, requests.ConnectionError):
            return None
    world.wait_for("a real device to get in", real, 15)


def rows(server):
    """Everything that is kept, as one comparable value; but for what the server notes of its own clock each minute."""
    db = sqlite3.connect(f"file:{server.dir}/dmvisor.db?mode=ro", uri=True)
    try:
        tables = [r[0] for r in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name <> 'clock' order by name")]
        return {t: sorted(map(repr, db.execute(f"select * from {t}"))) for t in tables}
    finally:
        db.close()


def files(server):
    return sorted(str(p.relative_to(server.dir)) for p in (server.dir / "images").rglob("*"))


def dm(server, body, mime=syncml.XML, **kw):
    kw.setdefault("headers", {"Content-Type": mime})
    return requests.post(server.dm_url + "/acme-it", data=body, timeout=20, **kw)


GOOD = syncml.Client({"clientNonce": "AAAA", "clientName": "somebody", "clientPassword": "secret-of-somebody", "url": "http://127.0.0.1/dm"}, "IMEI:1")


def message():
    GOOD.begin()
    return GOOD.text(GOOD.package1())


def nested(depth, tag="Meta"):
    return message().replace("<SyncBody>", f"<SyncBody>{f'<{tag}>' * depth}{f'</{tag}>' * depth}")


BOMB = """<?xml version="1.0"?><!DOCTYPE SyncML [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">""" + "".join(
    f'<!ENTITY {chr(97 + i)} "{f"&{chr(96 + i)};" * 16}">' for i in range(1, 12)) + "]>"

BAD_XML = {
    "nothing": b"",
    "blank": b"   \n",
    "no XML": b"hello",
    "another document": b"<html><body/></html>",
    "cut off": lambda: message()[:400],
    "cut off in a tag": lambda: message()[:-6],
    "wrongly nested": lambda: message().replace("</SyncHdr>", "</SyncBody>"),
    "two documents": lambda: message() * 2,
    "no header": b'<SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Final/></SyncBody></SyncML>',
    "no body": lambda: re.sub("<SyncBody>.*</SyncBody>", "", message()),
    "unknown encoding": lambda: message().replace("UTF-8", "EBCDIC-XX"),
    "broken UTF-8": lambda: message().encode().replace(b"Scripted", b"\xff\xfe\xc0\x80"),
    "control characters": lambda: message().replace("Scripted", "a\x01b"),
    "NUL": lambda: message().encode().replace(b"Scripted", b"a\x00b"),
    "reference to nothing": lambda: message().replace("Scripted", "&nothing;"),
    "deep": lambda: nested(2000),
    "an entity bomb": lambda: BOMB + message().split("?>", 1)[1].replace("Scripted", "&l;"),
    "an entity from a file": lambda: '<?xml version="1.0"?><!DOCTYPE SyncML [<!ENTITY x SYSTEM "file:///etc/passwd">]>' +
                             message().split("?>", 1)[1].replace("Scripted", "&x;"),
    "too many commands": lambda: message().replace("<Final/>", "<Get><CmdID>9</CmdID></Get>" * 1200 + "<Final/>"),
}


@pytest.mark.parametrize("name", BAD_XML)
def test_malformed_xml_is_told_and_leaves_no_trace(server, account, name):
    body = BAD_XML[name]() if callable(BAD_XML[name]) else BAD_XML[name]
    before, began = rows(server), time.monotonic()
    r = dm(server, body.encode() if isinstance(body, str) else body)
    assert time.monotonic() - began < 5
    if name == "too many commands":
        assert r.status_code in (200, 400, 413)     # a message that it may refuse as a whole, or answer as that of a stranger
    else:
        assert r.status_code == (413 if name == "deep" else 400), r.text
    if r.status_code != 200:
        assert r.headers["Content-Type"].startswith("text/plain") and len(r.text.strip()) > 20 and len(r.text) < 1200
        assert "root:" not in r.text, "a local file came back"
        # The same words are in the server's log, once, with where they came from.
        line = [l for l in server.process.log().splitlines() if "event=dm.message_failed" in l][-1]
        assert f"status={r.status_code}" in line and "remote=127.0.0.1" in line
    assert rows(server) == before


def test_deep_nesting_names_the_limit(server):
    r = dm(server, nested(200, "Add").encode())
    assert r.status_code == 413 and re.search(r"1:\d+: more than \d+ elements inside each other, in Add", r.text), r.text


def test_a_dtd_is_not_fetched(server):
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        for dtd in (f'<!DOCTYPE SyncML SYSTEM "http://127.0.0.1:{port}/x.dtd">', f'<!DOCTYPE SyncML [<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/"> %x;]>',
                    f'<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "http://127.0.0.1:{port}/y">'):
            r = dm(server, ('<?xml version="1.0"?>' + dtd + message().split("?>", 1)[1]).encode())
            assert r.status_code in (200, 400), r.text
        trap.settimeout(0.2)
        with pytest.raises(TimeoutError):
            trap.accept()


def wbxml_variants():
    good = syncml.to_wbxml(message())
    literal = good[:6] + b"\x04\x83\x00" + good[6:]
    return {
        "empty": b"", "only a version": b"\x03", "garbage": bytes(range(256)) * 4, "zeros": b"\0" * 500, "cut off": good[:-40],
        "cut off in the header": good[:5], "a huge string table": b"\x03\x00\x00\x6a\xff\xff\xff\x7f" + good[5:],
        "a number without end": b"\x03" + b"\xff" * 200, "an index past the table": literal,
        "another version": b"\x7f" + good[1:], "endless tags": good[:40] + b"\x6d" * 60000, "opaque past the end": good[:40] + b"\xc3\xff\xff\x7f",
        "trailing bytes": good + b"\x01" * 50, "XML under the name of WBXML": message().encode(),
    }


@pytest.mark.parametrize("name", list(wbxml_variants()) if (world.BUILD / "cli/dmtool").exists() else [])
def test_malformed_wbxml_is_told_and_leaves_no_trace(server, account, name):
    before = rows(server)
    r = dm(server, wbxml_variants()[name], syncml.WBXML)
    assert r.status_code == 400 and len(r.text.strip()) > 20, r.text
    assert rows(server) == before


def test_wbxml_with_any_byte_changed_or_any_tail_cut_is_survived(server, account):
    """Not one of 1,000 variants of a real message does anything but get an answer."""
    good, http, seen = syncml.to_wbxml(message()), requests.Session(), {}
    before = rows(server)
    step = max(1, len(good) // 250)
    for at in range(0, len(good), step):
        for body in (good[:at], good[:at] + bytes([good[at] ^ 0xff]) + good[at + 1:], good[:at] + good[at + 1:], good[:at] + good[at:at + 1] * 3 + good[at:]):
            r = http.post(server.dm_url + "/acme-it", data=body, headers={"Content-Type": syncml.WBXML}, timeout=20)
            seen[r.status_code] = seen.get(r.status_code, 0) + 1
    assert set(seen) <= {200, 400, 503} and seen[400] > 100, seen    # 503: as many strangers' sessions as are taken at once
    assert rows(server) == before


@pytest.mark.parametrize("mime, said", [("text/plain", 415), ("application/json", 415), ("", 415), ("application/vnd.syncml+xml", 400),
                                        ("application/vnd.syncml.dm+wbxml", 400), ("multipart/form-data; boundary=x", 415)])
def test_media_types_are_held_to(server, mime, said):
    r = dm(server, b"hello", mime)
    assert r.status_code == said
    if said == 415:
        assert syncml.XML in r.text and syncml.WBXML in r.text, r.text


def test_other_methods_and_addresses(server):
    assert requests.get(server.dm_url, timeout=5).status_code == 405
    assert requests.get(server.dm_url, timeout=5).headers["Allow"] == "POST"
    assert requests.post(server.dm_url + "x", data=b"", timeout=5).status_code == 404
    assert requests.post(server.dm_url + "/acme-it/more", data=b"", timeout=5).status_code == 404
    r = requests.post(server.dm_url + "/nobody", data=message().encode(), headers={"Content-Type": syncml.XML}, timeout=5)
    assert r.status_code == 404 and "Unknown authority" in r.text


def raw(port, data, end=False, limit=65536, timeout=10):
    """Bytes in, bytes out, until the server closes or says nothing more."""
    out = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        try:
            s.sendall(data)
            if end:
                s.shutdown(socket.SHUT_WR)
            while len(out) < limit:
                piece = s.recv(65536)
                if not piece:
                    break
                out += piece
                if b"\r\n\r\n" in out and not end:
                    break
        except OSError:                 # reset, or nothing more came
            pass
    return out


def test_bodies_that_are_too_large(server):
    big = b"x" * (65536 + 1)
    r = dm(server, big)
    assert r.status_code == 413 and "65536" in r.text
    head = f"POST /dm/acme-it HTTP/1.1\r\nHost: x\r\nContent-Type: {syncml.XML}\r\n".encode()
    # Announced only: refused before a byte of it came.
    assert b" 413 " in raw(server.dm_port, head + b"Content-Length: 99999999999\r\n\r\n")
    # Not announced: refused when it is too much.
    chunk = b"8000\r\n" + b"y" * 0x8000 + b"\r\n"
    answer = raw(server.dm_port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4 + b"0\r\n\r\n")
    assert b" 413 " in answer or answer == b"", answer[:300]
    r = server.call("PUT", "/policies/big", data=b"#" * 70000, headers={"Content-Type": "application/yaml"})
    assert r.status_code == 413 and r.headers["Content-Type"].startswith("application/problem+json")


def test_broken_http(server):
    h = b" HTTP/1.1\r\nHost: x\r\n"
    for port in (server.dm_port, server.api_port, server.images_port):
        for data in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST /" + h + b"Content-Length: -1\r\n\r\n",
                     b"POST /" + h + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"GET /" + b"a" * 100000 + h + b"\r\n",
                     b"GET /" + h + b"X: y\r\n" * 20000 + b"\r\n", b"POST /" + h + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300), b"GET /%zz" + h + b"\r\n",
                     b"GET /%00" + h + b"\r\n", b"\r\n" * 1000, b"TRACE /" + h + b"\r\n", b"G" * 5000 + b" /" + h + b"\r\n"):
            answer = raw(port, data, end=True, timeout=0.5)
            assert not answer or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer), (data[:40], answer[:200])


# ---- who is there? ----

REFUSED = {"session", "recording"}          # where a known device's refused sessions are told

def outcome(server):
    items = server.get(f"/devices/{world.quote(NAME)}/sessions")["items"]
    return items[0] if items else None


def test_an_unknown_device_and_a_wrong_password_look_the_same(server, client, account):
    """Nobody learns from outside which devices exist, and who knocks leaves nothing behind."""
    before = rows(server)
    stranger = syncml.Client(dict(account, clientName="ghost", clientPassword="ghost"), "IMEI:999999999999999")
    said = []
    for c, password in ((stranger, None), (client, "wrong")):
        c.begin()
        verdicts = []
        for _ in range(4):
            r = c.say(c.package1(), password=password)
            verdicts.append((r.verdict(), sorted(x.tag for x in r.commands), len(r.asks())))
            c.nonce = r.nonce() or c.nonce
            if not r.nonce():
                break
        said.append(verdicts)
    assert said[0] == said[1], said
    assert all(v[0] == "401" and not v[2] for v in said[0])
    # The known one has the refusal in its list of sessions; of the other nothing is kept at all.
    after = rows(server)
    assert "IMEI:999999999999999" not in json.dumps(after)
    assert {t for t in after if after[t] != before[t]} <= REFUSED, {t for t in after if after[t] != before[t]}
    last = world.wait_for("the refusal to be told", lambda: (outcome(server) or {}).get("outcome") == "refused" and outcome(server), 10)
    assert "wrong credentials" in last["why"], last
    assert f"device={NAME}" in server.process.log() and "event=device.refused" in server.process.log()
    # The right password is good as before.
    client.finish(client.call())
    assert outcome(server)["outcome"] == "done"


def test_somebody_who_knocks_all_night_fills_one_row(server, client):
    """With one device's name and wrong passwords; what is kept of it holds no credentials."""
    client.finish(client.call())
    before = rows(server)
    digests = []
    def told():
        return (server.get(f"/devices/{world.quote(NAME)}")["refusal"] or {"times": 0})["times"]
    already = told()
    for _ in range(15):
        client.begin()
        for _ in range(2):
            r = client.say(client.package1(), password="wrong")
            digests += re.findall("<Data>([^<]{22}==)</Data>", client.sent[-1][1].decode())
            client.nonce = r.nonce() or client.nonce
            if not r.nonce():
                break
    world.wait_for("the refusals to be told", lambda: told() in (30, already + 30), 15)
    after = rows(server)
    more = {t: len(after[t]) - len(before[t]) for t in after if len(after[t]) > len(before[t])}
    assert more.pop("event", 0) <= 2 and all(n == 1 for n in more.values()), more       # of the session, and of the device's condition
    kept = json.dumps(after["recording"]) + "".join(base64.b64decode(x).decode(errors="replace") for x in re.findall('"(?:in|out)":"([^"]*)"', str(after["recording"])))
    assert digests and not [d for d in digests if d in kept]
    client.finish(client.call())


def test_no_credentials_are_challenged_and_nothing_is_done(server, client):
    client.begin()
    r = client.say(client.package1(), cred=False)
    assert r.verdict() == "407" and r.nonce() and not r.asks()
    assert all(c.findtext("Data") == "407" for c in r.commands if c.tag == "Status")


def test_a_message_in_another_devices_name_is_refused(server, client):
    other = server.register("IMEI:001010000000100")
    thief = syncml.Client(dict(other), "IMEI:001010000000100")
    thief.begin()
    # Good credentials of its own, but another's name: as client of the account, and as Source.
    r = thief.say(thief.package1(), name=NAME)
    assert r.verdict() == "401" and not r.asks()
    # Going on in somebody else's session without knowing its address' token is a new session, and needs credentials.
    client.tree["./DevDetail/SwV"] = "7.2.1"
    op = get_operation(server, "./DevDetail/SwV")
    r = client.call()
    assert "./DevDetail/SwV" in r.uris("Get")
    client.tree["./DevDetail/SwV"] = "stolen"
    text = client.text(client.answers(r), cred=False, session="9999").replace(client.url, client.account["url"])
    r2 = dm(server, text.encode())
    assert r2.status_code == 200 and syncml.Reply(r2).verdict() in ("401", "407")
    client.tree["./DevDetail/SwV"] = "7.2.1"
    client.finish(r)
    assert server.get(f"/operations/{op['id']}")["result"][0]["value"] == "7.2.1"


def get_operation(server, uri, name=NAME):
    return server.call("POST", f"/devices/{world.quote(name)}/operations", expect=202, json={"kind": "tree", "command": "get", "uri": uri}).json()


# ---- replays ----

def test_a_repeated_message_gets_the_same_bytes_and_acts_once(server, client):
    op = get_operation(server, "./DevDetail/SwV")
    client.tree["./DevDetail/SwV"] = "7.2.1"
    r = client.call()
    assert "./DevDetail/SwV" in r.uris("Get")
    url, first = client.sent[-1]
    again = client.http.post(url, data=first, headers={"Content-Type": syncml.XML}, timeout=10)
    assert again.content == r.bytes, "the same message got another answer"
    end = client.say(client.answers(r), cred=False)
    url, results = client.sent[-1]
    done = rows(server)
    for _ in range(3):
        again = client.http.post(url, data=results, headers={"Content-Type": syncml.XML}, timeout=10)
        assert again.content == end.bytes
    assert rows(server) == done, "a repeated message changed something"
    client.finish(end)
    o = server.get(f"/operations/{op['id']}")
    assert o["state"] == "verified" and o["tries"] == 1 and o["result"][0]["value"] == "7.2.1", o
    assert [s["state"] for s in o["steps"]].count("sent") == 1


def test_an_old_session_cannot_be_played_again(server, client):
    """Its messages, its order, an hour later: the credentials in it are spent."""
    client.finish(client.call())
    mark = len(client.sent)
    client.finish(client.call())
    recorded = client.sent[mark:]
    client.finish(client.call())            # the recorded nonce is neither the current nor the previous one any more
    world.wait_for("the ended session to be forgotten", lambda: dm_replay_is_new(server, client, recorded[0]), 15)
    before = rows(server)
    for url, body in recorded:
        r = syncml.Reply(client.http.post(client.account["url"], data=body, headers={"Content-Type": syncml.XML}, timeout=10))
        assert r.status == 200 and r.verdict() in ("401", "407") and not r.asks(), r.bytes
    after = rows(server)
    assert {t for t in after if after[t] != before[t]} <= REFUSED
    client.finish(client.call())            # and the device itself is not locked out


def dm_replay_is_new(server, client, message):
    url, body = message
    r = syncml.Reply(client.http.post(url, data=body, headers={"Content-Type": syncml.XML}, timeout=10))
    return r.status == 200 and r.verdict() == "401"


# ---- what a known device says ----

def test_unknown_nodes_are_told_where_a_person_looks(server, client):
    client.tree.pop("./DevDetail/HwV", None)
    op = get_operation(server, "./DevDetail/HwV")
    client.finish(client.call())
    o = server.get(f"/operations/{op['id']}")
    assert o["state"] == "failed" and o["code"] == 404 and "not found" in o["reason"], o
    # What the description rules out is not even sent.
    r = server.call("POST", f"/devices/{world.quote(NAME)}/operations", json={"kind": "tree", "command": "replace", "uri": "./DevInfo/DevId", "data": "1"})
    assert r.status_code == 422 and "./DevInfo/DevId" in r.text and r.json()["pointer"] == "/command", r.text


def test_a_device_without_the_management_object(server):
    """It says so where a person looks, and what can be done with such a device still is."""
    name = "IMEI:001010000000101"
    none = syncml.Client(server.register(name), name)
    none.tree.clear()
    none.finish(none.call())
    d = server.get(f"/devices/{world.quote(name)}")
    assert d["summary"] == "failed" and "./Virtualization" in d["why"] and "404" in d["why"], d
    none.tree["./DevDetail/SwV"] = "1.0"
    op = get_operation(server, "./DevDetail/SwV", name)
    none.finish(none.call())
    o = server.get(f"/operations/{op['id']}")
    assert o["state"] == "verified" and o["result"][0]["value"] == "1.0", o


def test_what_was_not_asked_for_is_not_believed(server, client):
    """Results and Statuses for commands that were never given, addresses from nowhere, long ones, escapes."""
    r = client.call()
    uris = ["./Virtualization/VM/../../etc", "../../x", "./" + "a/" * 200, "./A" * 100, ".//x", "./Virtualization/VM/corp/State", "x" * 5000]
    ref = f"<MsgRef>{r.header.findtext('MsgID')}</MsgRef>"
    lies = "".join(f"<Results><CmdID>@</CmdID>{ref}<CmdRef>{n}</CmdRef>{syncml.item(u, '50', where='Source')}</Results>" for n, u in enumerate(uris, 700))
    lies += "".join(f"<Status><CmdID>@</CmdID>{ref}<CmdRef>{n}</CmdRef><Cmd>Exec</Cmd><Data>200</Data></Status>" for n in range(800, 810))
    commands = client.answers(r) + re.findall(r"<(?:Results|Status)>.*?</(?:Results|Status)>", lies)
    r = client.say(commands, cred=False)
    assert r.status == 200
    client.finish(r)
    tree = server.get(f"/devices/{world.quote(NAME)}/tree?limit=1000")["items"]
    assert not [n for n in tree if "corp" in n["uri"] or ".." in n["uri"] or len(n["uri"]) > 300], tree
    assert server.vm(NAME, "corp") is None


def test_alerts_of_any_content_are_survived(server, client):
    """Generic alerts with unknown types, huge numbers, broken data: answered, logged, and nothing but events comes of them."""
    def alert(kind, source, data):
        return ("<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>" + source + "</LocURI></Source><Meta><Type xmlns=\"syncml:metinf\">" + kind +
                "</Type><Format xmlns=\"syncml:metinf\">chr</Format></Meta><Data>" + data + "</Data></Item></Alert>")
    x = "urn:oma:at:x-virmo:1.0:"
    more = [alert(x + "StateChanged", "./Virtualization/VM/corp", "old=9999999999999999999999;new=-1;reason=;lock="),
            alert(x + "StateChanged", "./Virtualization/VM/" + "v" * 3000, "new=50"), alert(x + "OperationComplete", "./Nope", "\u00e9" * 3000),
            alert(x + "Crash", "", ""), alert("", "", ""), alert("urn:nothing", "./x", "=;=;;;="), alert(x + "StateToken", "./Virtualization", "z" * 5000)]
    client.finish(client.call(more=more))
    assert outcome(server)["outcome"] == "done"


def test_a_device_that_never_ends_is_ended(server, account, client):
    """It keeps its session open with empty messages for ever: there is a ceiling, and it is told."""
    r = client.call()
    for _ in range(600):
        r = client.say([f"<Alert><CmdID>@</CmdID><Data>1222</Data></Alert>"], cred=False, final=False)
        if r.status != 200 or r.verdict() not in ("200", "212"):
            break
    else:
        raise AssertionError("600 messages in one session and no end")
    assert outcome(server)["outcome"] in ("aborted", "done", "lost"), outcome(server)
    client.finish(client.call())


# ---- ceilings ----

def test_strangers_cannot_take_a_session(server, client):
    """Whoever has proved nothing is answered, and takes no room from those who do."""
    http = requests.Session()
    for n in range(70):
        GOOD.begin()
        r = http.post(server.dm_url + "/acme-it", data=GOOD.text(GOOD.package1(), name=f"IMEI:{n:015}", cred=False).encode(),
                      headers={"Content-Type": syncml.XML}, timeout=10)
        assert r.status_code == 200 and "<Data>407</Data>" in r.text and "RespURI" not in r.text
    lets_in(client)


def half_open(port, n, data):
    held = []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", port), timeout=5)
        s.sendall(data)
        held.append(s)
    return held


def test_half_open_connections_are_bounded(server, client):
    """More connections than are taken, each in the middle of something: who comes then is told so at once or waits; afterwards all is well."""
    held = half_open(server.dm_port, 41, b"POST /dm/acme-it HTTP/1.1\r\nContent-Le")
    try:
        # Admins and downloads are on other ports and do not notice.
        assert server.session.get(server.url + "/readyz", timeout=5).status_code == 200
        assert requests.get(f"http://127.0.0.1:{server.images_port}/x", timeout=5).status_code == 404
        r = requests.post(server.dm_url, data=b"", headers={"Content-Type": syncml.XML}, timeout=10)
        # After a second those who say nothing make room instead.
        assert r.status_code == 400 or r.status_code == 503 and r.headers["Retry-After"] and "40 connections" in r.text, r.text
    finally:
        for s in held:
            s.close()
    client.http = requests.Session()
    lets_in(client)


# ---- what is accepted has an effect, or is no part of it ----

@pytest.mark.parametrize("path, want", [
    ("/devices?summry=failed", 'unknown parameter "summry": did you mean "summary"?'), ("/devices?summary=setled", 'did you mean "settled"?'),
    ("/operations?state=opne", 'did you mean "open"?'), ("/devices?filter=hypervisor.archh", 'did you mean "hypervisor.arch"?'),
    ("/overview?verbose=1", 'unknown parameter "verbose"')])
def test_a_slip_is_answered_with_what_was_meant(server, path, want):
    r = server.call("GET", path, expect=400)
    assert want in r.json()["detail"], r.text


def test_a_rollout_is_refused_where_it_stands(server):
    """It would go to all devices at once: before anything is changed, in validate, preview and apply alike."""
    text = world.policy(name="slow") + "  rollout: {cohorts: [10%, 100%]}\n"
    line = text.splitlines().index("  rollout: {cohorts: [10%, 100%]}") + 1
    for method, path in (("POST", "/policies:validate"), ("POST", "/policies:preview"), ("PUT", "/policies/slow")):
        r = server.call(method, path, expect=422, data=text.encode(), headers={"Content-Type": "application/yaml"})
        one = r.json()["errors"][0]
        assert (one["line"], one["column"], one["pointer"]) == (line, 3, "/spec/rollout") and "rollouts are not supported yet" in one["detail"], r.text
    server.call("GET", "/policies/slow", expect=404)


# ---- policies ----

BAD_POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: wrong}
spec:
  selector: 'label.department = "sales"'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: runing
    resources:
      cpu: {vcpus: many}
      memory: {min: 512Mi, max: 1Gi}
      colour: blue
    crash: {action: explode}
"""


def test_a_policy_with_errors_names_line_column_field_and_what_is_allowed(server):
    before = rows(server)["policy"]
    r = server.call("PUT", "/policies/wrong", data=BAD_POLICY, headers={"Content-Type": "application/yaml"})
    assert r.status_code == 422 and r.headers["Content-Type"].startswith("application/problem+json")
    errors = {e["pointer"]: e for e in r.json()["errors"]}
    lines = BAD_POLICY.splitlines()
    for pointer, word, says in (("/spec/vm/state", "runing", "running"), ("/spec/vm/resources/cpu/vcpus", "many", "number"),
                                ("/spec/vm/crash/action", "explode", "restart")):
        e = errors[pointer]
        assert lines[e["line"] - 1][e["column"] - 1:].startswith(word), (pointer, e)
        assert says in e["detail"], e
    e = errors["/spec/vm/resources/colour"]
    assert lines[e["line"] - 1][e["column"] - 1:].startswith("colour") and "cpu" in e["detail"] and "memory" in e["detail"], e
    assert any(p.startswith("/spec/selector") for p in errors), errors
    assert rows(server)["policy"] == before


def ctl(server, *args, data=None):
    env = dict(os.environ, DMVISOR_SERVER=server.url, DMVISOR_TOKEN=server.token, HOME=str(server.dir))
    return subprocess.run([world.BUILD / "cli/dmvisorctl", *args], input=data, capture_output=True, text=True, env=env, timeout=30)


def test_dmvisorctl_apply_says_the_same(server, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(BAD_POLICY)
    r = ctl(server, "apply", "-f", file)
    assert r.returncode == 1, r
    for place, words in (("wrong.yaml:10:", "running"), ("wrong.yaml:12:", "number"), ("wrong.yaml:14:", "cpu"), ("wrong.yaml:15:", "restart")):
        assert any(place in l and words in l for l in r.stderr.splitlines()), (place, r.stderr)
    for text, said in (("a: [1, 2", "1:"), ("\t- x", "tab"), ("- a\nb: c\n", ":2:"), ("x: &a [*a, *a]\n", ":1:"), ("", "no ")):
        file.write_text(text)
        r = ctl(server, "apply", "-f", file)
        assert r.returncode in (1, 2) and r.stderr.strip(), (text, r)


YAML_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


@pytest.mark.parametrize("name, body", {
    "a bomb of aliases": YAML_BOMB, "deep": "[" * 20000, "deep maps": "".join(" " * i + "a:\n" for i in range(250)), "binary": "\x00\x01\x02",
    "not UTF-8": b"\xff\xfe\xfd", "JSON cut off": '{"apiVersion": "dmvisor/v1",', "a list": "- 1\n- 2\n", "empty": "", "a number": "7",
    "twice the same key": "apiVersion: dmvisor/v1\napiVersion: dmvisor/v1\n",
}.items(), ids=lambda v: v if isinstance(v, str) and len(v) < 30 and "\n" not in v and "\0" not in v else "")
def test_documents_that_are_none(server, name, body):
    before = rows(server)
    began = time.monotonic()
    r = server.call("PUT", "/policies/none", data=body.encode() if isinstance(body, str) else body, headers={"Content-Type": "application/yaml"})
    assert r.status_code in (400, 422), r.text
    assert r.json()["detail"] and r.headers["Content-Type"].startswith("application/problem+json")
    assert time.monotonic() - began < 5
    assert rows(server) == before


# ---- the API ----

@pytest.mark.parametrize("method, path, body, status, pointer", [
    ("POST", "/devices", b"{", 400, None), ("POST", "/devices", b"[]", 400, None), ("POST", "/devices", b"[" * 50000, 400, None),
    ("POST", "/devices", b"\xff", 400, None), ("POST", "/devices", b'{"id": 5}', 400, "/id"), ("POST", "/devices", b"{}", 400, "/id"),
    ("POST", "/devices", b'{"id": ""}', 400, "/id"), ("POST", "/devices", json.dumps({"id": "x" * 300}).encode(), 400, "/id"),
    ("POST", "/devices", b'{"id": "a", "colour": 1}', 400, "/colour"), ("POST", "/devices", b'{"id": "a", "id": "b"}', 400, None),
    ("POST", "/devices", b'{"id": "a\\u0000b"}', 400, None),
    ("POST", f"/devices/{world.quote(NAME)}/operations", b'{"kind": "explode"}', 400, "/kind"),
    ("POST", f"/devices/{world.quote(NAME)}/operations", b'{"kind": "lock", "vm": "nope"}', 404, "/vm"),
    ("POST", f"/devices/{world.quote(NAME)}/operations", b'{"kind": "tree", "command": "get", "uri": "./../x"}', 400, "/uri"),
    ("POST", "/devices/ghost/operations", b'{"kind": "lock", "vm": "x"}', 404, None), ("GET", "/devices/ghost", None, 404, None),
    ("GET", "/devices?limit=-1", None, 400, None), ("GET", "/devices?filter=label.", None, 400, None), ("GET", "/operations/abc", None, 404, None),
    ("GET", "/operations/99999999999999999999999", None, 404, None), ("GET", "/nothing", None, 404, None), ("PATCH", "/policies", b"{}", 405, None),
    ("POST", "/images?name=../x&version=1&guestType=linux&arch=any&format=raw", b"x", 400, None),
    ("POST", "/images?name=x&version=1;drop&guestType=linux&arch=any&format=raw", b"x", 400, None),
    ("GET", "/devices?summry=failed", None, 400, None), ("GET", "/devices?summary=failing", None, 400, None), ("GET", "/whoami?x=1", None, 400, None),
    ("GET", "/operations?state=opne", None, 400, None), ("GET", "/sessions?outcome=lots", None, 400, None),
    ("GET", "/devices?filter=hypervisor.archh", None, 400, None), ("GET", "/devices?filter=devinfo.mann", None, 400, None),
    ("POST", f"/devices/{world.quote(NAME)}/credentials", b'{"auth": "basic"}', 400, None),
    ("POST", "/devices", b'{"id": "a", "push": {"channel": "sms", "address": "+49"}}', 400, "/push/channel"),
    ("GET", "/images/..%2f..%2fetc/passwd", None, 404, None), ("GET", "/audit?from=yesterday", None, 400, None),
])
def test_requests_with_mistakes_get_problem_documents(server, client, method, path, body, status, pointer):
    before = rows(server)
    r = server.call(method, path, data=body, headers={"Content-Type": "application/json"})
    assert r.status_code == status, r.text
    problem = r.json()
    assert r.headers["Content-Type"].startswith("application/problem+json") and problem["status"] == status and problem["title"], problem
    if pointer:
        assert problem.get("pointer") == pointer, problem
    assert rows(server) == before


def test_tokens(server):
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "Basic dGVzdHM6YWRtaW4="},
                   {"Authorization": f"Bearer {server.token[:-1]}"}, {"Authorization": f"Bearer {server.token}x"},
                   {"Authorization": "Bearer " + "x" * 3000}):
        r = requests.get(server.url + "/api/v1/devices", headers=header, timeout=5)
        assert r.status_code == 401 and "WWW-Authenticate" in r.headers, r.text
        assert server.token not in r.text


def test_paths_stay_inside(server):
    for path in ("/../server/api.c", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/lib/../../etc/passwd", "/.git/config", "//etc/passwd"):
        for port in (server.api_port, server.images_port):
            answer = raw(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), end=True)
            assert re.match(rb"HTTP/1\.1 (400|401|404)", answer) and b"root:" not in answer, (path, answer[:200])


# ---- images ----

def test_an_image_that_is_not_what_was_announced_is_not_kept(server):
    before = rows(server), files(server)
    query = {"name": "wrong", "version": "1.0", "guestType": "linux", "arch": "any", "format": "raw"}
    r = server.call("POST", "/images", params=query, data=b"these bytes", headers={"Content-SHA256": "0" * 64})
    assert r.status_code == 422 and hashlib.sha256(b"these bytes").hexdigest() in r.text and "0" * 64 in r.text, r.text
    assert server.call("POST", "/images", params=query, data=b"").status_code == 422
    assert server.call("POST", "/images", params=query, data=b"x" * ((1 << 20) + 1)).status_code == 413
    assert server.call("POST", "/images", params=query, data=b"x", headers={"Content-SHA256": "zz"}).status_code == 400
    # The connection ends in the middle of it.
    head = (f"POST /api/v1/images?name=wrong&version=1.0&guestType=linux&arch=any&format=raw HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: 100000\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", server.api_port), timeout=10) as s:
        s.sendall(head + b"z" * 50000)
        world.wait_for("the bytes to arrive", lambda: any(p.stat().st_size == 50000 for p in (server.dir / "images/incoming").iterdir()), 10)
    world.wait_for("what came of it to be removed", lambda: files(server) == before[1], 10)
    assert (rows(server), files(server)) == before


def test_downloads(server):
    body = os.urandom(100000)
    image = server.call("POST", "/images", expect=201, data=body,
                        params={"name": "some", "version": "1.0", "guestType": "linux", "arch": "any", "format": "raw"}).json()
    url = image["url"]
    get = lambda at=None, u=url, method="GET": requests.request(method, u, headers={"Range": at} if at else {}, timeout=10)
    assert get().content == body
    part = get("bytes=99990-")
    assert part.status_code == 206 and part.content == body[99990:] and part.headers["Content-Range"] == "bytes 99990-99999/100000"
    over = get("bytes=100000-")
    assert over.status_code == 416 and over.headers["Content-Range"] == "bytes */100000"
    for odd in ("bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=-0", "bytes=99999999999999999999-"):
        r = get(odd)
        assert r.status_code in (200, 206, 416) and (r.status_code != 200 or r.content == body), (odd, r.status_code)
    # Without the key in its address nobody has it, and it is not told whether it is there.
    key = url.split("/")[-2]
    none = get(u=url.replace(image["sha256"], "0" * 64))
    for wrong in (url.replace(key, "0" * len(key)), url.replace(key + "/", ""), url.replace(image["sha256"], "../" + image["sha256"])):
        r = get(u=wrong)
        assert (r.status_code, r.text) == (404, none.text), wrong
    r = get(method="POST")
    assert r.status_code == 405 and r.headers["Allow"] == "GET, HEAD"


def test_downloads_that_stand_still_do_not_hold_up_others(server):
    body = os.urandom(1 << 20)
    image = server.call("POST", "/images", expect=(200, 201), data=body,
                        params={"name": "large", "version": "1.0", "guestType": "linux", "arch": "any", "format": "raw"}).json()
    path = image["url"].split(str(server.images_port))[1]
    held = half_open(server.images_port, 30, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    try:
        assert requests.get(image["url"], timeout=10).content == body
    finally:
        for s in held:
            s.close()


# ---- all together ----

def test_many_at_once(server, client):
    """Good and bad ones together, from many threads: the good one is served, and nobody else's trouble is in its way."""
    stop, wrong = threading.Event(), []
    bodies = [b"", b"<", BOMB.encode(), nested(2000).encode()]
    def noise(n):
        http = requests.Session()
        while not stop.is_set():
            try:
                r = http.post(server.dm_url + "/acme-it", data=bodies[n % len(bodies)], headers={"Content-Type": syncml.XML}, timeout=20)
                if r.status_code not in (400, 413):
                    wrong.append(r.status_code)
            except requests.ConnectionError as err:
                wrong.append(repr(err))
    threads = [threading.Thread(target=noise, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        for _ in range(20):
            client.finish(client.call())
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not wrong, wrong[:5]


def test_no_secret_is_in_the_log(server, account, client):
    """Of what is right, of what is wrong, and (at the end of the file) of all that was sent."""
    client.finish(client.call())
    client.say(client.package1(), password="wrong")
    world.wait_for("the refusal to be told", lambda: "event=device.refused" in server.process.log())
    assert "level=debug" in server.process.log()
    server.secrets.add(syncml.b64(client.nonce))
    log_is_clean(server)
