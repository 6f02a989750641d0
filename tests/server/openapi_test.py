#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the server to server/api/openapi.yaml: openapi_test.py SITE-PROGRAM OPENAPI-YAML

Every route of the router is described and everything described is a route; what needs a token is the same; every operation is called,
and each answer has a described status, type and shape."""
import http.client, json, re, subprocess, sys, urllib.parse

try:
    import jsonschema, yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

POLICY = """apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: work}
spec:
  selector: 'label.department == "sales"'
  vm: {id: corp, state: running, image: 'corp:1.0', resources: {cpu: {vcpus: 2}}}
"""
IMAGE = "/api/v1/images?name=corp&version=1.0&guestType=linux&arch=aarch64&format=raw"

bad = []


def wrong(text):
    bad.append(text)
    print("WRONG", text)


class Api:
    def __init__(self, spec, port, token):
        self.spec, self.port, self.token, self.called = spec, port, token, set()

    def template(self, path):
        """The described path that this one is, exact ones first."""
        for p in sorted(self.spec["paths"], key=lambda p: p.count("{")):
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(p))
            if re.fullmatch(pattern, path) and not (p.endswith("}") and re.search(r":(cancel|acknowledge|preview|validate|verify)$", path)):
                return p
        return None

    def schema(self, described):
        return {**described, "components": self.spec["components"]}

    def call(self, method, path, body=None, want=None, accept=None, stream=False, token=None, type=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": "Bearer " + (token or self.token)}
        if accept:
            headers["Accept"] = accept
        if isinstance(body, dict):
            body, type = json.dumps(body), "application/json"
        if type:
            headers["Content-Type"] = type
        conn.request(method, path, body=body, headers=headers)
        r = conn.getresponse()
        text = r.read(8) if stream else r.read()
        where = f"{method} {path} -> {r.status}"
        if want and r.status != want:
            wrong(f"{where}, {want} was expected: {text[:300]!r}")
        conn.close()
        return self.check(method, path.split("?")[0], r, text, where)

    def check(self, method, path, r, text, where):
        t = self.template(path)
        if not t:
            wrong(f"{where}: not described")
            return None
        op = self.spec["paths"][t].get(method.lower())
        if not op:
            wrong(f"{where}: {t} does not describe {method}")
            return None
        if r.status < 400:
            self.called.add((method, t))
        described = op["responses"].get(str(r.status)) or op["responses"].get("default")
        if not described:
            wrong(f"{where}: status not described")
            return None
        if "$ref" in described:
            described = self.spec["components"]["responses"][described["$ref"].split("/")[-1]]
        kind = (r.headers["Content-Type"] or "").split(";")[0]
        content = described.get("content", {})
        if not content:
            if text:
                wrong(f"{where}: has a body, none is described")
            return None
        if kind not in content:
            wrong(f"{where}: type {kind} is not described (only {', '.join(content)})")
            return None
        if not kind.endswith("json"):
            return text
        data = json.loads(text)
        for e in jsonschema.Draft202012Validator(self.schema(content[kind]["schema"])).iter_errors(data):
            wrong(f"{where}: {'/'.join(map(str, e.absolute_path))}: {e.message[:300]}")
        return data


def refs(node):
    if isinstance(node, dict):
        for k, v in node.items():
            if k == "$ref":
                yield v
            else:
                yield from refs(v)
    elif isinstance(node, list):
        for v in node:
            yield from refs(v)


def check_document(spec, routes):
    described = {(m.upper(), p): op.get("security") != [] for p, ops in spec["paths"].items() for m, op in ops.items() if m != "parameters"}
    there = {(m, p): token for m, p, token in routes}
    for r in sorted(there.keys() - described.keys()):
        wrong(f"route {' '.join(r)} is not described")
    for r in sorted(described.keys() - there.keys()):
        wrong(f"{' '.join(r)} is described, and there is no such route")
    for r in sorted(described.keys() & there.keys()):
        if described[r] != there[r]:
            wrong(f"{' '.join(r)}: described as {'needing a' if described[r] else 'open without'} token; the router has it otherwise")
    ids = [op["operationId"] for ops in spec["paths"].values() for m, op in ops.items() if m != "parameters"]
    for i in {i for i in ids if ids.count(i) > 1}:
        wrong(f"operationId {i} is there twice")
    for ref in set(refs(spec)):
        at = spec
        for part in ref.removeprefix("#/").split("/"):
            at = at.get(part) if isinstance(at, dict) else None
        if at is None:
            wrong(f"{ref} leads nowhere")
    for p, ops in spec["paths"].items():
        names = set(re.findall(r"\{(\w+)\}", p))
        for m, op in ops.items():
            if m == "parameters":
                continue
            params = [q if "$ref" not in q else spec["components"]["parameters"][q["$ref"].split("/")[-1]]
                      for q in ops.get("parameters", []) + op.get("parameters", [])]
            if {q["name"] for q in params if q["in"] == "path"} != names:
                wrong(f"{m} {p}: its path parameters are not those described")


DDF = """<?xml version="1.0"?><MgmtTree xmlns:MSFT="http://schemas.microsoft.com/MobileDevice/DM"><VerDTD>1.2</VerDTD>
<Node><NodeName>Acme</NodeName><Path>./Vendor</Path><DFProperties><AccessType><Get/></AccessType><DFFormat><node/></DFFormat>
<Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName>urn:acme:mo:radio:1.0</DDFName></DFType></DFProperties>
<Node><NodeName>Mode</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType><DefaultValue>1</DefaultValue>
<DFFormat><int/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFTitle>Radio mode</DFTitle>
<DFType><MIME>text/plain</MIME></DFType><MSFT:AllowedValues ValueType="ENUM"><MSFT:Enum><MSFT:Value>0</MSFT:Value>
<MSFT:ValueDescription>off</MSFT:ValueDescription></MSFT:Enum><MSFT:Enum><MSFT:Value>1</MSFT:Value>
<MSFT:ValueDescription>on</MSFT:ValueDescription></MSFT:Enum></MSFT:AllowedValues></DFProperties></Node></Node></MgmtTree>"""


def descriptions(api):
    def tree(command, uri, want, data=None):
        body = {"kind": "tree", "command": command, "uri": uri, **({"format": "int", "data": data} if data is not None else {})}
        return api.call("POST", "/api/v1/devices/phone/operations", body, want=want)
    mode = "./Vendor/Acme/Mode"
    tree("replace", mode, 202, "7")                     # nobody has described it yet
    api.call("GET", f"/api/v1/devices/phone/tree/description?uri={mode}", want=404)
    d = api.call("POST", "/api/v1/descriptions?name=acme&manufacturer=Acme", DDF, type="application/xml", want=201)
    if d["objects"] != ["urn:acme:mo:radio:1.0"] or d["nodes"] < 2:
        wrong(f"the description was understood as {d}")
    api.call("POST", "/api/v1/descriptions?name=acme&manufacturer=Acme", DDF, type="application/xml", want=200)
    for broken in ("", "<html/>", DDF.replace("</MgmtTree>", "")):
        api.call("POST", "/api/v1/descriptions?name=bad", broken, type="application/xml", want=422)
    api.call("POST", "/api/v1/descriptions?name=a/b", DDF, type="application/xml", want=400)
    for command, data, pointer, status in (("replace", "7", "/data", 400), ("delete", None, "/command", 405), ("add", "1", "/command", 405)):
        p = tree(command, mode, 422, data)
        if p["pointer"] != pointer or (status != 400 and p["deviceStatus"] != status):
            wrong(f"{command} {data}: {p}")
    tree("replace", mode, 202, "1")
    node = api.call("GET", f"/api/v1/devices/phone/tree/description?uri={mode}", want=200)
    if node["allowed"] != {"kind": "enum", "values": [{"value": "0", "label": "off"}, {"value": "1", "label": "on"}]} or node["default"] != "1" \
            or node["access"] != ["get", "replace"] or node["title"] != "Radio mode" or node["format"] != "int":
        wrong(f"the node is described as {node}")
    if "Acme" not in [k["name"] for k in api.call("GET", "/api/v1/devices/phone/tree/description?uri=./Vendor", want=200)["children"]]:
        wrong("the children are not there")
    api.call("GET", "/api/v1/devices/phone/tree/description", want=200)
    api.call("POST", "/api/v1/descriptions:batch?manufacturer=Acme", {"descriptions": [{"name": "one", "document": DDF}]}, want=201)
    api.call("POST", "/api/v1/descriptions:batch?manufacturer=Acme", {"descriptions": [{"name": "one", "document": DDF}]}, want=200)
    api.call("POST", "/api/v1/descriptions:batch", {"descriptions": [{"name": "bad", "document": "<x"}]}, want=422)
    api.call("DELETE", "/api/v1/descriptions/one", want=204)
    api.call("GET", "/api/v1/descriptions", want=200)
    api.call("GET", "/api/v1/descriptions/acme", want=200)
    if api.call("GET", "/api/v1/descriptions/acme", accept="application/xml", want=200).decode() != DDF:
        wrong("the description is not what was sent")
    api.call("POST", "/api/v1/descriptions?name=acme&manufacturer=Other", DDF, type="application/xml", want=200)
    tree("replace", mode, 202, "7")                     # it is not meant for this device any more
    api.call("DELETE", "/api/v1/descriptions/acme", want=204)
    api.call("GET", "/api/v1/descriptions/acme", want=404)


def drive(api):
    for path in ("/api/v1", "/api/v1/openapi.yaml", "/api/v1/openapi.json", "/healthz", "/readyz", "/metrics", "/api/v1/authorities",
                 "/api/v1/whoami", "/api/v1/layouts", "/api/v1/devices", "/api/v1/devices?limit=1&filter=label.department", "/api/v1/devices/phone",
                 "/api/v1/devices/phone/tree", "/api/v1/devices/phone/sessions",
                 "/api/v1/overview", "/api/v1/devices?summary=failed&why=x", "/api/v1/sessions?recorded=true",
                 "/api/v1/sessions?outcome=failed", "/api/v1/devices/phone/vms",
                 "/api/v1/devices/phone/vms/corp", "/api/v1/devices/phone/vms/corp/kpis", "/api/v1/devices/phone/vms/corp/kpis?from=-1h"):
        api.call("GET", path, want=200)
    api.call("POST", "/api/v1/devices/phone/vms/corp:acknowledge", want=204)
    api.call("POST", "/api/v1/devices/phone/vms/none:acknowledge", want=404)
    session = api.call("GET", "/api/v1/devices/phone/sessions/1", want=200)
    message = session["recording"]["messages"][0]
    if message["in"]["statuses"][0]["code"] != 212 or message["reasons"] != ["#1 Get ./DevInfo: to learn it"] or "<Final/>" not in message["out"]["xml"]:
        wrong(f"the recorded message is {message}")
    api.call("GET", "/api/v1/devices/phone/sessions/2", want=200)
    api.call("GET", "/api/v1/devices/phone/sessions/99", want=404)
    api.call("GET", "/api/v1/devices/phone/sessions/x/recording", want=404)
    api.call("GET", "/api/v1/devices/phone/sessions/2/recording", want=404)
    if b"dmvisor/session/1" not in api.call("GET", "/api/v1/devices/phone/sessions/1/recording", want=200):
        wrong("the recording is not what was kept")
    api.call("PATCH", "/api/v1/devices/phone", {"record": "yes"}, want=400)
    for on in (True, None, False):
        if api.call("PATCH", "/api/v1/devices/phone", {"record": on}, want=200)["record"] is not on:
            wrong("the recorder is not switched")
    if api.call("PATCH", "/api/v1/authorities/acme-it", {"record": True, "title": "Acme"}, want=200)["record"] is not True:
        wrong("the recorder of an authority is not switched")
    api.call("PATCH", "/api/v1/authorities/none", {"record": True}, want=404)
    descriptions(api)
    api.call("POST", "/api/v1/login", {"token": api.token}, want=200)
    api.call("POST", "/api/v1/login", {"token": "no"}, want=401)
    api.call("POST", "/api/v1/logout", want=204)
    t = api.call("POST", "/api/v1/tokens", {"name": "a", "role": "viewer", "expires": "2099-01-01T00:00:00Z"}, want=201)
    api.call("GET", "/api/v1/tokens", want=200)
    api.call("GET", "/api/v1/audit", token=t["token"], want=403)
    api.call("DELETE", f"/api/v1/tokens/{t['id']}", want=204)

    api.call("POST", "/api/v1/devices", {"id": "IMEI:001", "title": "x", "labels": {"a": "b"}, "push": {"channel": "none"}}, want=201)
    api.call("POST", "/api/v1/devices", {"id": "IMEI:001"}, want=409)
    api.call("POST", "/api/v1/devices", {"id": 5}, want=400)
    imei = urllib.parse.quote("IMEI:001", safe="")
    api.call("PATCH", f"/api/v1/devices/{imei}", {"labels": {"a": None}}, want=200)
    api.call("POST", f"/api/v1/devices/{imei}/credentials", want=200)
    api.call("DELETE", f"/api/v1/devices/{imei}", want=204)
    api.call("GET", f"/api/v1/devices/{imei}", want=404)

    api.call("PUT", "/api/v1/policies/work", POLICY, type="application/yaml", want=201)
    api.call("PUT", "/api/v1/policies/work", POLICY, type="application/yaml", want=200)
    api.call("PUT", "/api/v1/policies/work", POLICY.replace("running", "flying"), type="application/yaml", want=422)
    api.call("PUT", "/api/v1/policies/work", POLICY + "  rollout: nonsense\n", type="application/yaml", want=422)
    api.call("POST", "/api/v1/policies:validate", POLICY, want=200)
    api.call("POST", "/api/v1/policies:preview", POLICY, want=200)
    api.call("POST", "/api/v1/policies:preview?device=phone", POLICY.replace("vcpus: 2", "vcpus: 1"), want=200)
    for path in ("/api/v1/policies", "/api/v1/policies/work", "/api/v1/policies/work/revisions", "/api/v1/policies/work/revisions/1",
                 "/api/v1/policies/work/devices", "/api/v1/policies/work/deletion", "/api/v1/policies/work/deletion?device=phone",
                 "/api/v1/devices/phone/desired", "/api/v1/devices/phone/preview",
                 "/api/v1/devices/phone/vms"):
        api.call("GET", path, want=200)
    api.call("GET", "/api/v1/policies/work", accept="application/yaml", want=200)
    api.call("GET", "/api/v1/policies/work/revisions/1", accept="application/yaml", want=200)

    api.call("POST", IMAGE, b"image", want=201)
    api.call("POST", IMAGE, b"image", want=200)
    api.call("POST", IMAGE, b"other", want=409)
    api.call("GET", "/api/v1/images", want=200)
    api.call("GET", "/api/v1/images/corp/1.0", want=200)
    api.call("GET", "/api/v1/devices/phone/preview", want=200)

    api.call("POST", "/api/v1/devices/phone/operations", {"kind": "stop", "vm": "corp"}, want=409)
    o = api.call("POST", "/api/v1/devices/phone/operations", {"kind": "lock", "vm": "corp", "args": {"msg": "x"}}, want=202)
    api.call("POST", "/api/v1/devices/phone/operations", {"kind": "tree", "command": "get", "uri": "./DevInfo"}, want=202)
    api.call("GET", "/api/v1/operations?state=open", want=200)
    api.call("GET", "/api/v1/devices/phone/operations", want=200)
    api.call("GET", f"/api/v1/operations/{o['id']}", want=200)
    api.call("GET", f"/api/v1/operations/{o['id']}/events", stream=True, want=200)
    api.call("POST", f"/api/v1/operations/{o['id']}:cancel", want=200)
    api.call("POST", "/api/v1/devices/phone/notifications", {"why": "test"}, want=202)
    api.call("GET", "/api/v1/notifications", want=200)
    api.call("GET", "/api/v1/devices/phone", want=200)
    api.call("GET", "/api/v1/devices/phone/vms/corp", want=200)
    api.call("GET", "/api/v1/events?types=vm", stream=True, want=200)
    api.call("DELETE", "/api/v1/policies/work", want=204)
    api.call("GET", "/api/v1/policies/work", want=200)
    api.call("DELETE", "/api/v1/images/corp/1.0", want=204)
    api.call("GET", "/api/v1/audit", want=200)
    api.call("GET", "/api/v1/audit:verify", want=200)
    api.call("POST", "/api/v1/authorities", {"name": "op-tel", "serverId": "dm.op-tel.example", "owner": "operator"}, want=201)
    api.call("POST", "/api/v1/authorities", {"name": "op-tel", "serverId": "dm.other.example"}, want=409)
    api.call("GET", "/api/v1/authorities", want=200)


def main():
    spec = yaml.safe_load(open(sys.argv[2], encoding="utf-8"))
    site = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        hello = json.loads(site.stdout.readline())
        check_document(spec, hello["routes"])
        api = Api(spec, hello["port"], hello["token"])
        drive(api)
        if json.loads(json.dumps(spec)) != api.call("GET", "/api/v1/openapi.json"):
            wrong("openapi.json says something else than openapi.yaml")
        for m, p in sorted({(m, p) for m, p, _ in hello["routes"]} - api.called):
            wrong(f"{m} {p} was never called with success: add it to this test")
    finally:
        site.stdin.close()
        code = site.wait(timeout=20)
    if code:
        wrong(f"the site ended with {code}")
    print(f"{len(hello['routes'])} routes, {len(bad)} wrong")
    sys.exit(1 if bad else 0)


main()
