# SPDX-License-Identifier: Apache-2.0
"""Makers have the management objects where they please: one policy, phones with different roots. Looked at in what the server asks a stranger
for, in the phone's own database and in what runs."""
import json
import sqlite3

import pytest

import syncml
import world

PLACES = {"acme": ("./Vendor/Acme/VirtMO", "./Vendor/Acme/Pictures"), "oma": ("./OMA/VirMO", "./OMA/VirMO/Images")}
MO, IMAGE_MO = "urn:oma:mo:x-virmo:1.0", "urn:oma:mo:x-vmimgmo:1.0"

POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {{name: roots}}
spec:
  selector: 'hypervisor.arch in ("x86_64", "aarch64") and label.department == "sales"'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running
    resources:
      cpu: {{vcpus: 1, maxVcpus: 2}}
      memory: {{max: 160Mi}}
      storage: {{userdata: {{quota: 16Mi}}}}
{more}"""
MORE = """    lease: {checkIn: 24h, lockAfter: 72h}
    kpi: {interval: 5s, thresholds: {hot: {metric: CPU/UsagePct, op: '>', value: 99}}}
"""


def policy(more=MORE):
    return POLICY.format(more=more)


def addresses(phone, like):
    db = sqlite3.connect(f"file:{phone.dir}/state.db?mode=ro", uri=True)
    try:
        return dict(db.execute("SELECT uri, value FROM node WHERE uri LIKE ?", (like,)).fetchall())
    finally:
        db.close()


def settled(server, name):
    def look():
        p, d = server.get(f"/devices/{world.quote(name)}/preview"), server.get(f"/devices/{world.quote(name)}")
        look.last = p["steps"][:3], p["waits"][:3], d["generation"], d["observedGeneration"]
        return p["settled"] and d["generation"] == d["observedGeneration"] or None
    try:
        world.wait_for(f"{name} to be as desired", look, 90)
    except AssertionError as err:
        raise AssertionError(f"{err}: {look.last}") from None


def node(server, name, uri):
    """What the server's mirror has at this address."""
    return next((n["value"] for n in server.get(f"/devices/{world.quote(name)}/tree", params={"uri": uri})["items"] if n["uri"] == uri), None)


def upload(server):
    server.upload(world.guest(), "corp-linux", "1.0.0", arch="any", fmt="bundle")


def test_one_policy_for_phones_whose_objects_lie_elsewhere(server, folder):
    """A real VM under one root, VMs in memory under another and under the layout's own."""
    upload(server)
    phones = {"acme": world.Phone(folder / "a", server, "IMEI:001010000000101", objects__root=PLACES["acme"][0], objects__images=PLACES["acme"][1]),
              "oma": world.Phone(folder / "o", server, "IMEI:001010000000102", hypervisor__uri="sim:", objects__root=PLACES["oma"][0],
                                 objects__images=PLACES["oma"][1]),
              "usual": world.Phone(folder / "u", server, "IMEI:001010000000103", hypervisor__uri="sim:")}
    roots = dict(PLACES, usual=("./Virtualization", "./VMImages"))
    try:
        for p in phones.values():
            p.start()
        server.apply(policy())
        for key, p in phones.items():
            root, images = roots[key]
            server.wait_vm(p.name, "corp", 180, state=50)
            settled(server, p.name)
            assert addresses(p, f"{root}/VM/corp/Lease/LockAfterS%") and addresses(p, f"{images}/%/URL")
            assert key == "usual" or not addresses(p, "./Virtualization%") | addresses(p, "./VMImages%")
            # The mirror has it where it is, and the description follows.
            assert node(server, p.name, f"{root}/VM/corp/State") == "50"
            assert node(server, p.name, f"{root}/Hypervisor/APIVersion") == "1.0"
            if key != "usual":
                assert not node(server, p.name, "./Virtualization/VM/corp")
            op = server.operate(p.name, "corp", "lock")
            server.wait_operation(op)
            assert server.vm(p.name, "corp")["locked"]
            server.wait_operation(server.operate(p.name, "corp", "unlock"))
            tree = server.call("POST", f"/devices/{world.quote(p.name)}/operations", expect=202,
                               json={"kind": "tree", "command": "replace", "uri": f"{root}/VM/corp/Policy/BootTimeoutS", "format": "int",
                                     "data": "77"}).json()
            server.wait_operation(tree)
        assert len(phones["acme"].emulators()) == 1
        # Figures of each come in.
        for p in phones.values():
            world.wait_for("KPIs", lambda: "kpi.cpu.timeMs" in server.call("GET", f"/devices/{world.quote(p.name)}/vms/corp/kpis").text, 60)
        # Who is selected by a fact is found among all of them.
        found = server.get("/devices", params={"filter": 'hypervisor.arch in ("x86_64", "aarch64")'})["items"]
        assert len(found) == 3
        # What is no longer said goes back, and the preview names the address that will be sent.
        seen = server.call("POST", f"/policies:preview?device={world.quote(phones['acme'].name)}", expect=200, data=policy("").encode(),
                           headers={"Content-Type": "application/yaml"}).json()
        assert f"{PLACES['acme'][0]}/VM/corp/Lease/LockAfterS" in json.dumps(seen) and "./Virtualization" not in json.dumps(seen)
        server.apply(policy(""))
        for key, p in phones.items():
            world.wait_for("the lease to go", lambda: (addresses(p, f"{roots[key][0]}/VM/corp/Lease/LockAfterS") or {"": b"0"}).popitem()[1] in
                           (b"0", "0", None), 60)
            world.wait_for("the threshold to go", lambda: not addresses(p, f"{roots[key][0]}/VM/corp/KPI/Thr/hot"), 60)
        # The server is started anew: it asks where it knows the objects to be.
        server.stop()
        server.start()
        server.apply(policy("").replace("state: running", "state: stopped"))
        for p in phones.values():
            server.wait_vm(p.name, "corp", 120, state=30)
        assert not phones["acme"].emulators()
    finally:
        for p in phones.values():
            p.stop()


class Elsewhere(syncml.Client):
    """A device with a small object of its own making. `types`: it says what its folders are; `lists`: it knows ?list=."""

    def __init__(self, account, name, root, images, lists=True):
        super().__init__(account, name)
        self.root, self.images, self.lists = root, images, lists
        self.types = {root: MO, images: IMAGE_MO, f"{root}/VM/old/MOs/inner": MO}
        self.tree = {n: None for n in ("./DevDetail", root, images, f"{root}/VM", f"{root}/VM/old", f"{root}/VM/old/MOs",
                                       f"{root}/VM/old/MOs/inner", f"{root}/Hypervisor", "./Private")}
        self.tree |= {"./Private/Diary": "dear diary", f"{root}/Hypervisor/Arch": "riscv64", f"{root}/Hypervisor/APIVersion": "1.0",
                      f"{root}/Config/ProgressStepPct": "10"}
        for uri in list(self.tree):
            while uri.count("/") > 1:
                uri = uri.rpartition("/")[0]
                self.tree.setdefault(uri, None)
        self.asked, self.told = [], []

    def _node(self, uri, value=None):
        meta = f'<Type xmlns="syncml:metinf">{self.types[uri]}</Type>' if uri in self.types else ""
        data = f"<Data>{value}</Data>" if value else ""
        return (f'<Item><Source><LocURI>{uri}</LocURI></Source><Meta><Format xmlns="syncml:metinf">node</Format>{meta}</Meta>{data}</Item>')

    def do(self, c, reply, codes):
        """There is no writing where there is nothing."""
        uris = [i.findtext("Target/LocURI") for i in c.findall("Item")]
        if c.tag == "Replace" and not set(uris) <= set(self.tree) or c.tag == "Add" and any(u.rpartition("/")[0] not in self.tree for u in uris):
            return [
                f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{c.findtext('CmdID')}</CmdRef><Cmd>{c.tag}</Cmd>"
                f"<TargetRef>{u}</TargetRef><Data>404</Data></Status>" for u in uris]
        return super().do(c, reply, codes)

    def read(self, uri):
        path, _, query = uri.partition("?")
        self.asked.append(uri)
        if query and (not self.lists or query not in ("list=StructData", "list=Struct")):
            return ""
        top = "./" if path == "." else path + "/"
        below = sorted(n for n in self.tree if n.startswith(top))
        if path != "." and path not in self.tree:
            return ""
        if not query:
            value = self.tree.get(path)
            return self._node(path, "/".join(sorted({n[len(top):].split("/")[0] for n in below}))) if value is None else \
                syncml.item(path, value, where="Source")
        if query == "list=Struct":
            return "".join(self._node(n) if self.tree[n] is None else
                           f'<Item><Source><LocURI>{n}</LocURI></Source><Meta><Format xmlns="syncml:metinf">chr</Format></Meta></Item>' for n in below)
        return "".join(self._node(n) if self.tree[n] is None else syncml.item(n, self.tree[n], where="Source") for n in [path, *below])


def token(root, data):
    """The alert that says where the object is."""
    return [f'<Alert><CmdID>@</CmdID><Data>1226</Data><Item><Source><LocURI>{root}</LocURI></Source><Meta><Type xmlns="syncml:metinf">'
            f'urn:oma:at:x-virmo:1.0:StateToken</Type><Format xmlns="syncml:metinf">chr</Format></Meta><Data>{data}</Data></Item></Alert>']


DEVICE_POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: step}
spec:
  selector: 'hypervisor.arch == "riscv64"'
  vm: {id: spare, state: absent}
  device: {config: {progressStep: "25%"}}
"""


@pytest.mark.parametrize("how", ["alert", "structure", "folders"])
@pytest.mark.parametrize("root,images", [("./Vendor/Acme/VirtMO", "./Vendor/Acme/Pictures"), ("./OMA/VirMO", "./VMImages")])
def test_a_strangers_object_is_found_where_it_is(server, folder, how, root, images):
    name = f"stranger-{how}"
    account = server.call("POST", "/devices", expect=201, json={"id": name}).json()["account"]
    client = Elsewhere(account, name, root, images, lists=how != "folders")
    client.http.verify = server.ca
    told = token(root, "ab12") if how == "alert" else ()
    server.apply(DEVICE_POLICY)
    client.finish(client.call(more=told))
    if how == "alert":
        assert not any(a.startswith("./Virtualization") for a in client.asked)
    assert "./Private/Diary" not in client.asked or how == "folders"
    for _ in range(3):      # the policy selects by what was just learnt
        client.finish(client.call(more=told))
    assert client.tree[f"{root}/Config/ProgressStepPct"] == "25", "\n".join(client.asked)
    assert node(server, name, f"{root}/Hypervisor/Arch") == "riscv64"
    assert not any(u.startswith("./Virtualization") for u in client.tree)
    # It moves: the next version of its firmware has the object elsewhere. What policies set goes along.
    new = "./Vendor/New"
    moved = Elsewhere(account, name, new, images, lists=how != "folders")
    moved.tree[f"{new}/Config/ProgressStepPct"] = "25"
    moved.nonce, moved.http.verify = client.nonce, server.ca
    told = token(new, "cd34") if how == "alert" else ()
    for _ in range(3):
        moved.finish(moved.call(more=told))
    server.call("DELETE", "/policies/step", expect=204)

    def goes_back():        # the change reaches devices a slice at a time
        moved.finish(moved.call(more=told))
        return moved.tree[f"{new}/Config/ProgressStepPct"] == "10"
    world.wait_for("the value to go back to its default", goes_back, 30)
    assert node(server, name, f"{new}/Hypervisor/Arch") == "riscv64" and node(server, name, f"{root}/Hypervisor/Arch") is None


@pytest.mark.parametrize("lists", [True, False])
def test_a_device_without_the_object_says_what_it_waits_for(server, folder, lists):
    name = f"bare-{lists}"
    account = server.call("POST", "/devices", expect=201, json={"id": name, "labels": {"department": "sales"}}).json()["account"]
    client = Elsewhere(account, name, "./Vendor/Other", "./Vendor/Pictures", lists=lists)
    client.types = {}           # nothing that says what it is
    client.http.verify = server.ca
    server.apply(DEVICE_POLICY.replace('hypervisor.arch == "riscv64"', 'label.department == "sales"'))
    for _ in range(2):
        client.finish(client.call())
    asked = len(client.asked)
    told = server.get(f"/devices/{name}")
    assert told["summary"] == "failed" and "names no other root" in told["why"] and "./Virtualization" in told["why"], told
    waits = server.get(f"/devices/{name}/preview")["waits"]
    assert any("names no other root" in w["why"] for w in waits), waits
    assert not server.get(f"/devices/{name}/preview")["settled"]
    # It is not searched without end, and what is there one day is found.
    client.finish(client.call())
    assert len(client.asked) - asked < 60
    client.types = {client.root: MO, client.images: IMAGE_MO}
    for _ in range(3):
        client.finish(client.call(more=token(client.root, "ab12")))
    assert client.tree[f"{client.root}/Config/ProgressStepPct"] == "25", "\n".join(client.asked)
    assert server.get(f"/devices/{name}")["summary"] == "settled"
