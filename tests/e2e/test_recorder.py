# SPDX-License-Identifier: Apache-2.0
"""Somebody debugs a strange phone: what it sent, what was answered and why, from the API and a file that runs again."""
import base64
import json
import re
import subprocess

import pytest

import syncml
import world

PHONE = "IMEI:001010000000017"


def path(rest=""):
    return f"/devices/{world.quote(PHONE)}{rest}"


def replay(file):
    return subprocess.run([world.BUILD / "cli/dmtool", "replay", "--quiet", file], capture_output=True, text=True)


def test_every_session_of_a_device_is_recorded_and_runs_again(folder, server):
    phone = world.Phone(folder / "phone", server, PHONE, hypervisor__uri="sim:")
    image = folder / "image.raw"
    image.write_bytes(b"\0" * 4096)
    server.upload(image, "corp-linux", "1.0.0", arch="any", fmt="raw")
    assert server.call("PATCH", path(), expect=200, json={"record": True}).json()["record"] is True
    phone.start()
    try:
        server.apply(world.policy())
        server.wait_vm(PHONE, "corp", state=50)
        server.wait_operation(server.operate(PHONE, "corp", "lock"))
    finally:
        phone.stop()
    recorded = [s for s in server.get(path("/sessions"))["items"] if s["recorded"]]
    assert len(recorded) >= 2
    account = json.loads((folder / "phone/account.json").read_text())
    execs = 0
    for s in recorded:
        file = folder / f"{s['id']}.yaml"
        file.write_bytes(server.call("GET", path(f"/sessions/{s['id']}/recording"), expect=200).content)
        r = replay(file)
        assert r.returncode == 0 and "the same" in r.stdout, r.stdout + r.stderr
        # No secret in the file, nor in what its base64 says.
        text = file.read_text()
        octets = b"".join(base64.b64decode(x) for x in re.findall(r'"(?:in|out)":"([A-Za-z0-9+/=]*)"', text))
        for secret in ("clientPassword", "serverPassword", "clientNonce", "serverNonce"):
            assert account[secret] not in text and account[secret].encode() not in octets
        detail = server.get(path(f"/sessions/{s['id']}"))["recording"]
        assert len(detail["messages"]) == s["messages"] and detail["why"] == "device"
        for m in detail["messages"]:
            assert m["in"]["text"] and "</SyncML>" in m["in"]["xml"] and m["out"]["statuses"]
        execs += any("Operations/Lock" in line for m in detail["messages"] for line in m["reasons"])
    assert execs, "nobody says why the lock was sent"
    # A file that says something else than what happened.
    text = file.read_text()
    file.write_text(text.replace('"how":"', '"how":"not ', 1))
    r = replay(file)
    assert r.returncode == 1 and "message 1" in r.stdout, r.stdout


def test_who_is_refused_is_told_of_and_not_recorded(server):
    for name in (PHONE, "IMEI:002"):
        client = syncml.Client(server.register(name), name)
        client.http.verify = server.ca or True
        client.begin()
        for _ in range(6):
            r = client.say(client.package1(), password="wrong")
            if r.nonce():
                client.nonce = r.nonce()
        def sessions():
            return server.get(f"/devices/{world.quote(name)}/sessions")["items"]
        session = world.wait_for("the session to be over", sessions, 30)[0]
        assert session["outcome"] == "refused" and session["recorded"] is False
        assert server.get("/sessions?outcome=failed")["items"][0] == session and session["device"] == name
        assert server.get(f"/sessions?recorded=true&device={world.quote(name)}")["items"] == []
        assert server.get("/sessions?outcome=done")["items"] == [] == server.get(f"/devices/{world.quote(name)}/sessions?outcome=lost")["items"]
        told = server.get("/overview")["sessions"][0]
        assert told["device"] == name and told["session"] == session["id"] and told["outcome"] == "refused" and told["devices"] >= 1
        assert 'outcome is "bad"' in server.call("GET", "/sessions?outcome=bad", expect=400).json()["detail"]
