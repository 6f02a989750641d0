# SPDX-License-Identifier: Apache-2.0
"""An enterprise and an operator on one phone: two accounts, two ServerIDs, each with a VM of its own that the other cannot touch."""
import copy
import json
import os
import pathlib
import re
import subprocess

import pytest
import requests

import world

PHONE = "IMEI:001010000000017"


def seat(server, authority):
    """The server as an admin of one authority sees it."""
    token = server.call("POST", "/tokens", expect=201, json={"name": f"it-{authority}", "role": "admin", "authority": authority}).json()["token"]
    mine = copy.copy(server)
    mine.session = requests.Session()
    mine.session.headers["Authorization"] = f"Bearer {token}"
    mine.session.trust_env, mine.session.verify = False, server.session.verify
    return mine


def policy(vm, image):
    return world.policy(name=f"{vm}-workspace").replace("id: corp", f"id: {vm}").replace("corp-linux", image)


def two_accounts(folder, server, image_file, fmt, **settings):
    made = server.call("POST", "/authorities", expect=201, json={"name": "op-tel", "serverId": "dm.op-tel.example", "title": "Op Tel",
                                                                "owner": "operator"}).json()
    assert made["dmUrl"].endswith("/dm/op-tel") and made["owner"] == "operator"
    it, tel = seat(server, world.AUTHORITY), seat(server, "op-tel")
    phone = world.Phone(folder / "phone", it, PHONE, **settings)
    second = phone.dir / "operator.json"
    second.write_text(json.dumps(tel.register(PHONE, {"department": "sales"}, f"127.0.0.1:{phone.push_port}")))
    second.chmod(0o600)
    phone.more_accounts.append(second)
    phone.start()
    it.upload(image_file, "corp-linux", "1.0.0", arch="any", fmt=fmt)
    tel.upload(image_file, "tel-linux", "1.0.0", arch="any", fmt=fmt)
    return it, tel, phone


def operate_tree(who, command, uri, data=None):
    body = {"kind": "tree", "command": command, "uri": uri, **({"format": "chr" if "?prop" in uri else "int", "data": data} if data is not None else {})}
    r = who.call("POST", f"/devices/{world.quote(PHONE)}/operations", expect=202, json=body)
    def over():
        o = who.get(f"/operations/{r.json()['id']}")
        return o if o["state"] in ("acknowledged", "verified", "failed", "expired", "cancelled") else None
    return world.wait_for(f"{command} {uri} to be over", over, 60)


def both_work(it, tel):
    it.apply(policy("corp", "corp-linux"))
    tel.apply(policy("tel", "tel-linux"))
    it.wait_vm(PHONE, "corp", state=50)
    tel.wait_vm(PHONE, "tel", state=50)
    it.wait_operation(it.operate(PHONE, "corp", "lock"))
    assert it.wait_vm(PHONE, "corp", state=60)["locked"]
    assert not tel.wait_vm(PHONE, "tel", state=50)["locked"]
    tel.wait_operation(tel.operate(PHONE, "tel", "lock"))
    it.wait_operation(it.operate(PHONE, "corp", "unlock"))
    assert tel.wait_vm(PHONE, "tel", state=60)["locked"]


def neither_reaches_over(it, tel):
    for who, own, other in ((it, "corp", "tel"), (tel, "tel", "corp")):
        base = f"/devices/{world.quote(PHONE)}"
        # At REST: what belongs to the other is not there, or is refused.
        assert who.call("GET", f"/policies/{other}-workspace").status_code == 404
        assert who.call("GET", f"/images/{other}-linux/1.0.0").status_code == 404
        r = who.call("POST", f"{base}/operations", json={"kind": "wipe", "vm": other, "args": {}})
        assert r.status_code in (403, 404), r.text
        foreign = "op-tel" if own == "corp" else world.AUTHORITY
        assert who.call("GET", f"{base}?authority={foreign}").status_code in (403, 404)
        assert [a["name"] for a in who.get("/authorities")["items"]] == [world.AUTHORITY if own == "corp" else "op-tel"]
        assert who.call("POST", "/authorities", json={"name": "third", "serverId": "dm.third.example"}).status_code == 403
        # On the device: its ACL says 425, whatever the server asks for.
        for command, uri, data in (("replace", f"./Virtualization/VM/{other}/Resources/Memory/MaxKB", "65536"),
                                   ("delete", f"./Virtualization/VM/{other}", None),
                                   ("exec", f"./Virtualization/VM/{other}/Operations/Wipe", None),
                                   ("replace", f"./Virtualization/VM/{other}?prop=ACL", "Replace=*")):
            op = operate_tree(who, command, uri, data)
            assert op["state"] == "failed" and op["code"] == 425, (command, uri, op)
        # What it may look at of its own it reads.
        assert operate_tree(who, "get", f"./Virtualization/VM/{own}/State")["state"] in ("acknowledged", "verified")
    assert it.wait_vm(PHONE, "corp", state=50)["stateText"].lower() == "running"
    assert tel.wait_vm(PHONE, "tel", state=60)["locked"]


def test_two_authorities_manage_their_own_vms_on_one_phone(folder, server):
    image = folder / "image.raw"
    image.write_bytes(b"\0" * 4096)
    it, tel, phone = two_accounts(folder, server, image, "raw", hypervisor__uri="sim:")
    try:
        both_work(it, tel)
        neither_reaches_over(it, tel)
        # One goes: the other's VM stays.
        tel.apply(policy("tel", "tel-linux").replace("state: running", "state: absent"))
        world.wait_for("the operator's VM to be gone", lambda: tel.vm(PHONE, "tel") is None, 60)
        it.wait_vm(PHONE, "corp", state=50)
    finally:
        phone.stop()


def test_two_authorities_with_real_vms(folder, server):
    it, tel, phone = two_accounts(folder, server, world.guest(), "bundle")
    try:
        both_work(it, tel)
        assert len(phone.emulators()) == 2
    finally:
        phone.stop()


def test_the_same_upload_works_for_both_and_one_name_never_reaches_the_other(folder, server):
    it, tel, phone = two_accounts(folder, server, world.guest(), "bundle")
    try:
        # One content, one name, two owners: each VM gets its own owner's entry, and the file is there once.
        tel.upload(world.guest(), "corp-linux", "1.0.0")
        it.apply(policy("corp", "corp-linux").replace("state: running", "state: stopped"))
        tel.apply(policy("tel", "corp-linux").replace("state: running", "state: stopped"))
        it.wait_vm(PHONE, "corp", state=30)
        tel.wait_vm(PHONE, "tel", state=30)
        nodes = [who.get("/images/corp-linux/1.0.0")["nodeName"] for who in (it, tel)]
        assert nodes[0] != nodes[1]
        files = lambda: [f.name for f in (phone.dir / "images").iterdir() if not f.name.endswith(".part")]
        assert len(files()) == 1
        # One owner's purge does not take the file from the other.
        tel.apply(policy("tel", "corp-linux").replace("state: running", "state: absent"))
        world.wait_for("the operator's VM to be gone", lambda: tel.vm(PHONE, "tel") is None, 60)
        assert operate_tree(tel, "exec", f"./VMImages/{nodes[1]}/Operations/Purge")["state"] in ("acknowledged", "verified")
        assert len(files()) == 1
        # Another content under the same name: whoever comes first, a VM gets its own owner's.
        other = world.guest_with("dmvisor.owner=tel", folder)
        tel.upload(other, "same-name", "2.0.0")
        tel.apply(policy("tel", "same-name").replace(":1.0.0", ":2.0.0").replace("state: running", "state: stopped"))
        tel.wait_vm(PHONE, "tel", state=30)
        it.upload(world.guest(), "same-name", "2.0.0")
        it.apply(policy("mine", "same-name").replace(":1.0.0", ":2.0.0").replace("state: running", "state: stopped"))
        it.wait_vm(PHONE, "mine", state=30)
        lines = {f.read_text().strip() for f in phone.dir.glob("vms/*/cmdline")}
        marked = [line for line in lines if "dmvisor.owner=tel" in line]
        assert len(lines) == 2 and len(marked) == 1, lines
    finally:
        phone.stop()


def test_an_authority_is_made_once(server):
    one = {"name": "op-tel", "serverId": "dm.op-tel.example"}
    server.call("POST", "/authorities", expect=201, json=one)
    for body, status, pointer in ((one, 409, "/name"), ({**one, "name": "other"}, 409, "/serverId"), ({"name": "a b", "serverId": "x"}, 400, "/name"),
                                  ({"name": "x", "serverId": "much.too.long.for.a.phone"}, 400, "/serverId"),
                                  ({"name": "x", "serverId": "x", "owner": "nobody"}, 400, "/owner")):
        r = server.call("POST", "/authorities", json=body)
        assert r.status_code == status and r.json()["pointer"] == pointer, r.text
    token = server.call("POST", "/tokens", expect=201, json={"name": "v", "role": "operator"}).json()["token"]
    r = requests.post(server.url + "/api/v1/authorities", json={"name": "x", "serverId": "x"}, headers={"Authorization": f"Bearer {token}"},
                      verify=server.session.verify)
    assert r.status_code == 403


def opens(pid, uid, gid, file):
    """As the emulator itself would, in its own mount namespace and as its own account."""
    r = subprocess.run(["nsenter", "-t", str(pid), "-m", "setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "dd", f"if={file}",
                        "of=/dev/null", "bs=1", "count=1"], capture_output=True, text=True)
    return r.returncode == 0, r.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: emulators have accounts of their own then")
def test_an_emulator_that_was_taken_over_reads_no_other_owners_disk(folder, server):
    it, tel, phone = two_accounts(folder, server, world.guest(), "bundle")
    try:
        for who, name, image in ((it, "corp", "corp-linux"), (tel, "tel", "tel-linux")):
            who.apply(policy(name, image).replace("    crash:", "    upgrade: {health: none}\n    crash:"))
        it.wait_vm(PHONE, "corp", 120, state=50)
        tel.wait_vm(PHONE, "tel", 120, state=50)
        found = {}
        for pid in phone.emulators():
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            status = dict(re.findall(r"(?m)^(Uid|Gid|Groups):\s+(\d*)", pathlib.Path(f"/proc/{pid}/status").read_text()))
            found["corp" if "guest=dmvisor-corp" in line else "tel"] = (pid, int(status["Uid"]), int(status["Gid"]), re.search(r"/[^\"]+userdata.img", line)[0])
        assert len(found) == 2 and found["corp"][1] != found["tel"][1] and 0 not in (found["corp"][1], found["tel"][1]), found
        for me, other in (("corp", "tel"), ("tel", "corp")):
            pid, uid, gid, own = found[me]
            assert opens(pid, uid, gid, own)[0], (me, opens(pid, uid, gid, own))
            good, why = opens(pid, uid, gid, found[other][3])
            assert not good and "Permission denied" in why, (me, why)
            kernel = str(pathlib.Path(found[other][3]).parent / "kernel")
            assert not opens(pid, uid, gid, kernel)[0]
            with pytest.raises(PermissionError):
                signal_as(uid, gid, found[other][0])
    finally:
        phone.stop()


def signal_as(uid, gid, pid):
    r = subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "kill", "-0", str(pid)], capture_output=True, text=True)
    if r.returncode:
        raise PermissionError(r.stderr)
