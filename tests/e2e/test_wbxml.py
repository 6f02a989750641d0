# SPDX-License-Identifier: Apache-2.0
"""WBXML as other clients write it: headers, versions, tags that nobody knows. The real server, octets by hand."""
import itertools
import pathlib
import shutil
import tempfile

import pytest
import requests

import syncml
import world

HEAD = b"\x03\xa4\x01\x6a\x00"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    folder.chmod(0o711)
    s = world.Server(folder / "server", tls=False).start()
    try:
        yield s
        s.stop()
    finally:
        if s.process.alive():
            s.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(server):
    name = f"IMEI:00101000001{next(numbers):04}"
    return syncml.Client(server.register(name), name, wbxml=True)


def headed(client, head):
    """Everything that the client says begins with this instead."""
    post = client.post
    def other(body, url=None):
        data = body if isinstance(body, bytes) else syncml.to_wbxml(body)
        assert data.startswith(HEAD)
        return post(head + data[len(HEAD):], url)
    client.post = other


FPI = {v: f"-//SYNCML//DTD SyncML {v}//EN".encode() for v in ("1.0", "1.1", "1.2")}
TABLES = {
    "fills the table": (0, FPI["1.2"]), "1.1": (0, FPI["1.1"]), "1.0": (0, FPI["1.0"]), "with a NUL": (0, FPI["1.2"] + b"\0"),
    "behind another": (2, b"x\0" + FPI["1.2"]), "an unknown one": (0, b"-//ACME//DTD Other//EN"), "outside the table": (9, b"x"), "no table": (0, b""),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_public_id_is_no_reason_to_refuse(client, name):
    at, table = TABLES[name]
    headed(client, b"\x03\x00" + bytes([at]) + b"\x6a" + bytes([len(table)]) + table)
    client.finish(client.call())


@pytest.mark.parametrize("minor", [1, 2, 3])
def test_the_answer_is_of_no_later_version_than_the_device(client, minor):
    head = bytes([minor]) + HEAD[1:3] + (b"" if minor == 0 else b"\x6a") + b"\x00"
    headed(client, head)
    seen = set()
    post = client.post
    def look(body, url=None):
        r = post(body, url)
        seen.add(r.bytes[0])
        assert r.bytes.startswith(head), r.bytes[:8]
        return r
    client.post = look
    client.finish(client.call())
    assert seen == {minor}


UNKNOWN = {
    "page 0": b"\x7f\x03x\x00\x01", "empty": b"\x3f", "another page": b"\x00\x09\x47\x03x\x00\x01\x00\x00", "with attributes": b"\xff\x05\x03x\x00\x01\x03x\x00\x01",
    "nested": b"\x7f" * 20 + b"\x01" * 20, "extensions": b"\xc0\x40x\x00\x80\x01", "with a command's number": b"\x7f\x4b\x039\x00\x01\x01",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_knows_is_passed_over_and_the_rest_counts(client, name):
    """In SyncBody, before the first command."""
    client.finish(client.call())
    text = syncml.to_wbxml(client.begin().text(client.package1()))
    body = text.index(b"\x6b", text.index(b"\x6c"))         # SyncBody after SyncHdr, both with content
    while text[body + 1] not in (0x46, 0x60):
        body = text.index(b"\x6b", body + 1)
    r = client.post(text[:body + 1] + UNKNOWN[name] + text[body + 1:])
    assert r.status == 200, r.bytes
    assert r.verdict() in ("212", "200"), r.bytes
    answered = [(c.findtext("Cmd"), c.findtext("Data")) for c in r.commands if c.tag == "Status"]
    assert ("Replace", "200") in answered and ("Alert", "200") in answered, answered
    if name not in ("extensions",):
        assert any(code in ("400", "501") for _, code in answered), answered
    if name == "with a command's number":
        assert ("Tag-0-3F", "501") in answered, answered


def test_an_element_inside_an_address_is_an_error_in_both_encodings(server, client):
    client.finish(client.call())
    text = client.begin().text(client.package1(more=["<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>./A<b>/B</b></LocURI></Source></Item></Alert>"]))
    r = requests.post(client.url, data=text.encode(), headers={"Content-Type": syncml.XML}, timeout=20)
    assert r.status_code == 400 and "inside a text" in r.text and "LocURI" in r.text, r.text


def test_validate_takes_a_bootstrap_and_refuses_message_0_elsewhere():
    message = ('<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>%s</SessionID><MsgID>0</MsgID>'
               "<Target><LocURI>IMEI:1</LocURI></Target><Source><LocURI>dm.acme.example</LocURI></Source></SyncHdr><SyncBody><Add><CmdID>1</CmdID><Item>"
               "<Target><LocURI>./Inbox</LocURI></Target><Data>x</Data></Item></Add><Final/></SyncBody></SyncML>")
    assert b"no errors" in syncml.dmtool("validate", data=(message % "0").encode())
    with pytest.raises(AssertionError):
        syncml.dmtool("validate", data=(message % "7").encode())
