# SPDX-License-Identifier: Apache-2.0
"""A vendor's device description: uploaded, it checks operations before they are sent and tells what a form must ask."""
import json
import subprocess

import world

PHONE = "IMEI:001010000000017"
VCPUS = "./Virtualization/VM/corp/Resources/CPU/VCPUs"
LEAF = """<Node><NodeName>S%d</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType><Description>%s</Description>
<DFFormat><int/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType>
<MSFT:AllowedValues ValueType="Range"><MSFT:Value>[0-%d]</MSFT:Value></MSFT:AllowedValues></DFProperties></Node>"""


def ddf(n, text):
    """Several megabytes, with what vendors put in front: BOM, DOCTYPE, namespaces."""
    leaves = "\n".join(LEAF % (i, text, i + 1) for i in range(n))
    return ('\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE MgmtTree PUBLIC " -//OMA//DTD-DM-DDF 1.2//EN" '
            '"http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd">\n<MgmtTree xmlns:MSFT="http://schemas.microsoft.com/MobileDevice/DM">'
            "<VerDTD>1.2</VerDTD><Node><NodeName> Radio </NodeName><Path>./Vendor</Path><DFProperties><AccessType><Get/></AccessType><DFFormat><node/>"
            "</DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName>urn:acme:mo:radio:1.0</DDFName></DFType></DFProperties>"
            f"{leaves}</Node></MgmtTree>")


def properties(access, fmt, more="", title="", occurrence="<ZeroOrOne/>", mime="text/plain"):
    flags = "".join(f"<{a}/>" for a in access.split())
    kind = f"<DFType><MIME>{mime}</MIME></DFType>" if fmt != "node" else "<DFType><DDFName/></DFType>"
    return (f"<DFProperties>\r\n<AccessType>{flags}</AccessType>\r\n<Description>{title}</Description><DFFormat><{fmt}/></DFFormat>"
            f"<Occurrence>{occurrence}</Occurrence><Scope><Dynamic/></Scope><DFTitle>{title}</DFTitle>{kind}{more}</DFProperties>")


def allowed(i):
    """What a value may be, in all the ways that vendors say it."""
    enum = "".join(f"<MSFT:Enum><MSFT:Value>{1 << k}</MSFT:Value><MSFT:ValueDescription>Level {k} of setting {i}, as the manual "
                   "has it</MSFT:ValueDescription></MSFT:Enum>" for k in range(i % 6 + 2))
    kind, content = (
        ("ENUM", enum),
        ("Flag", enum),
        ("Range", f"<MSFT:Value>[{i}-{i + 100}]</MSFT:Value>"),
        ("RegEx", '<MSFT:Value>[A-Z]{2,8}(-[0-9]+)?</MSFT:Value><MSFT:List Delimiter=","/>'),
        ("XSD", '<MSFT:Value><![CDATA[<xs:schema><xs:element name="a"/></xs:schema>]]></MSFT:Value>'),
        ("ADMX", f'<MSFT:AdmxBacked Area="Area{i}" Name="Name{i}" File="vendor.admx"/>'))[i % 6]
    return f'<MSFT:AllowedValues ValueType="{kind}">{content}</MSFT:AllowedValues>'


def vendor(providers, settings, vcpus):
    """A maker's whole device, several megabytes, and in it one node of ours that is narrower than the standard."""
    notes = ("<MSFT:Applicability><MSFT:OsBuildVersion>10.0.22000, 10.0.19043.1202</MSFT:OsBuildVersion><MSFT:CspVersion>1.3"
             "</MSFT:CspVersion><MSFT:EditionAllowList>0x4;0x1B;0x30;</MSFT:EditionAllowList></MSFT:Applicability>")
    names = "<MSFT:DynamicNodeNaming><MSFT:UniqueName>[a-z]+</MSFT:UniqueName></MSFT:DynamicNodeNaming>"
    more = ("<MSFT:RebootBehavior>Automatic</MSFT:RebootBehavior>",
            "<MSFT:ConflictResolution>LastWrite</MSFT:ConflictResolution>")
    out = ["\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!DOCTYPE MgmtTree PUBLIC \" -//OMA//DTD-DM-DDF 1.2//EN\" "
           "\"http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd\" [<?oma-dm-ddf-ver supported-versions=\"1.2\"?>]>\r\n"
           "<MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\">\r\n<VerDTD>1.2</VerDTD>\r\n"
           "<MSFT:Diagnostics/>\r\n"]
    for p in range(providers):
        leaves = "".join(
            f"<Node><NodeName>Setting{i}</NodeName>"
            + properties("Add Delete Get Replace", "int" if i % 6 < 3 else "chr", allowed(i) + more[i % 2],
                         f"Setting {i} of provider {p}: what it is good for, at some length. ")
            + "</Node>\r\n" for i in range(settings))
        out.append(f"<Node><NodeName>Provider{p}</NodeName><Path>./Device/Vendor/Acme</Path>{properties('Get', 'node', notes)}"
                   f"<Node><NodeName/>{properties('Add Delete Get', 'node', names)}{leaves}</Node></Node>\r\n")
    narrow = (f'<MSFT:AllowedValues ValueType="Range"><MSFT:Value>[1-{vcpus}]</MSFT:Value></MSFT:AllowedValues>'
              "<MSFT:ConflictResolution>LowestValueMostSecure</MSFT:ConflictResolution>")
    out.append(f"<Node><NodeName>VCPUs</NodeName><Path>./Virtualization/VM/*/Resources/CPU</Path>"
               f"{properties('Get Replace', 'int', narrow, 'Virtual CPUs', '<One/>')}</Node></MgmtTree>\r\n")
    return "".join(out)


def admin(folder, server):
    """dmvisorctl as an admin."""
    token = server.dir / "ctl.token"
    token.write_text(server.token)
    token.chmod(0o600)

    def ctl(*args, code=0):
        program = [world.BUILD / "cli/dmvisorctl", "--server", server.url, "--token-file", token, "--ca", server.ca]
        r = subprocess.run([*program, *args], capture_output=True, text=True, env={"HOME": str(folder), "PATH": "/usr/bin"})
        assert r.returncode == code, f"{args}: {r.returncode} {r.stdout}{r.stderr}"
        return r.stdout + r.stderr
    return ctl


def test_what_the_phones_own_description_rules_out_is_not_sent(folder, server, phone):
    ctl = admin(folder, server)
    path = f"/devices/{world.quote(phone.name)}"
    file, plan = folder / "phone-1.ddf", folder / "policy.yaml"
    file.write_text(vendor(35, 300, 1), encoding="utf-8", newline="")
    assert file.stat().st_size > 6 << 20
    plan.write_text(world.policy(state="stopped", vcpus=2))
    server.upload(world.guest(), "corp-linux", "1.0.0")
    def told():
        return any(n["value"] == "Phone-1" for n in server.get(path + "/tree?uri=./DevInfo")["items"])
    world.wait_for("the phone to say what it is", told, 60)
    ctl("description", "upload", str(file), "--name", "phone-1", "--manufacturer", "Acme", "--model", "Phone-1")
    shown = ctl("tree", "describe", phone.name, "./Device/Vendor/Acme/Provider7/x/Setting1")
    assert "phone-1" in shown and "from build 10.0.22000" in shown and "Level 0 of setting 1" in shown and "last write" in shown, shown
    body = {"kind": "tree", "command": "add", "format": "node", "uri": "./Device/Vendor/Acme/Provider7/X"}
    assert "[a-z]+" in server.call("POST", path + "/operations", expect=422, json=body).text

    # Before it is applied one sees that it will not do, and where; afterwards everything else is done.
    assert "resources.cpu.vcpus = 2 will not be sent to 1 device" in ctl("apply", "-f", str(plan), "--dry-run")
    applied = server.apply(plan.read_text())
    assert len(applied["warnings"]) == 1 and "(description phone-1)" in applied["warnings"][0], applied
    server.wait_vm(phone.name, "corp", state=30, verified=False)
    def refused():
        d = server.get(path)
        return d["summary"] == "failed" and d["why"]
    why = world.wait_for("the plan to come to the refused value", refused, 90)
    for part in ("resources.cpu.vcpus", VCPUS, "(description phone-1)", '"2" is not allowed', "allowed is 1 to 1"):
        assert part in why, why
    assert why in ctl("device", "preview", phone.name)

    def vcpus():
        return {n["uri"]: n["value"] for n in server.get(path + "/tree?uri=./Virtualization/VM/corp&limit=1000")["items"]}.get(VCPUS)
    assert vcpus() == "1"

    # Without the description the phone is called and gets it: nobody has to think of it.
    ctl("description", "delete", "phone-1")
    world.wait_for("the value that may be sent now", lambda: vcpus() == "2", 90)
    world.wait_for("the device to be settled", lambda: server.get(path)["summary"] == "settled", 60)


def test_a_vendors_description_checks_operations_and_makes_forms(folder, server):
    server.register(PHONE, {})
    ctl = admin(folder, server)
    file = folder / "radio.ddf"
    file.write_text(ddf(3000, "What it does. " * 100), encoding="utf-8")
    assert file.stat().st_size > 4 << 20
    assert "urn:acme:mo:radio:1.0" in ctl("description", "upload", str(file), "--name", "radio", "-o", "json")
    assert "radio" in ctl("description", "list") and "radio" == ctl("description", "list", "-o", "name").strip()
    shown = ctl("tree", "describe", PHONE, "./Vendor/Radio/S41")
    assert "0..42" in shown and "replace" in shown, shown
    assert "S2999" in ctl("tree", "describe", PHONE, "./Vendor/Radio")
    path = f"/devices/{world.quote(PHONE)}"
    for command, data, status, pointer in (("replace", "43", 422, "/data"), ("replace", "42", 202, None), ("delete", None, 422, "/command"),
                                           ("exec", None, 422, "/command")):
        body = {"kind": "tree", "command": command, "uri": "./Vendor/Radio/S41"}
        r = server.call("POST", path + "/operations", expect=status, json={**body, "format": "int", "data": data} if data else body)
        assert pointer is None or (r.json()["pointer"] == pointer and r.json()["deviceStatus"] >= 400), r.text
    # For another manufacturer's devices only: this one's are not checked by it any more.
    ctl("description", "upload", str(file), "--name", "radio", "--manufacturer", "Other")
    assert server.call("GET", path + "/tree/description?uri=./Vendor/Radio/S41").status_code == 404
    broken = folder / "broken.ddf"
    broken.write_text("<MgmtTree>\n<VerDTD>1.2</VerDTD>\n<Node>")
    assert "broken.ddf:3" in ctl("description", "upload", str(broken), "--name", "broken", code=1)
    ctl("description", "delete", "radio")
    assert json.loads(ctl("description", "list", "-o", "json"))["items"] == []


def test_all_files_with_mistakes_are_named_at_once_and_none_is_taken(folder, server):
    ctl = admin(folder, server)
    good = ddf(2, "")
    files = []
    for name, text in (("a", good), ("b", "<MgmtTree>\n<VerDTD>1.2</VerDTD>\n<Node>"), ("c", "no XML"), ("d", good)):
        (folder / f"{name}.xml").write_text(text)
        files.append(str(folder / f"{name}.xml"))
    said = ctl("description", "upload", *files, code=1)
    assert "b.xml:3:" in said and "c.xml:1:" in said and "a.xml" not in said and "d.xml" not in said, said
    assert json.loads(ctl("description", "list", "-o", "json"))["items"] == []


def test_many_files_for_one_maker_in_one_upload(folder, server):
    ctl = admin(folder, server)
    many = folder / "many"
    (many / "again").mkdir(parents=True)
    for i in range(120):
        (many / f"csp-{i}.xml").write_text(
            f"<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>Csp{i}</NodeName><Path>./Vendor</Path><DFProperties><AccessType><Get/></AccessType>"
            "<DFFormat><int/></DFFormat><Scope><Permanent/></Scope></DFProperties></Node></MgmtTree>")
    files = sorted(str(f) for f in many.glob("*.xml"))
    (many / "again" / "csp-7.xml").write_text("<MgmtTree/>")
    assert "same name" in ctl("description", "upload", *files, str(many / "again" / "csp-7.xml"), code=2)
    assert "--name" in ctl("description", "upload", *files, "--name", "x", code=2)
    try:
        said = ctl("description", "upload", *files, "--manufacturer", "Many")
        assert said.count("1 nodes") + said.count("2 nodes") == len(files), said
        have = {d["name"] for d in server.get("/descriptions?limit=500")["items"]}
        assert {f"csp-{i}" for i in range(120)} <= have, have
    finally:
        for i in range(120):
            server.call("DELETE", f"/descriptions/csp-{i}")


def test_a_batch_of_descriptions_is_taken_whole_or_not_at_all(server):
    """One request, one merge, one change: a mistake in one of them names it, and nothing is there afterwards."""
    leaf = "<Node><NodeName>{}</NodeName><Path>./Vendor/Batch</Path><DFProperties><AccessType><Get/></AccessType><DFFormat><int/></DFFormat></DFProperties></Node>"
    good = lambda i: {"name": f"batch-{i}", "document": f"<MgmtTree><VerDTD>1.2</VerDTD>{leaf.format(f'B{i}')}</MgmtTree>"}
    bad = server.call("POST", "/descriptions:batch", expect=422, json={"descriptions": [good(0), good(1), {"name": "x", "document": "<MgmtTree>"}]}).json()
    assert bad["pointer"] == "/descriptions/2/document"
    assert not [d for d in server.get("/descriptions?limit=500")["items"] if d["name"].startswith("batch-")]
    assert server.call("POST", "/descriptions:batch", expect=400, json={"descriptions": [good(0), good(0)]}).json()["pointer"] == "/descriptions/1/name"
    done = server.call("POST", "/descriptions:batch?manufacturer=Batch", expect=201, json={"descriptions": [good(i) for i in range(300)]}).json()
    assert len(done["items"]) == 300 and {d["manufacturer"] for d in done["items"]} == {"Batch"}
    assert len([d for d in server.get("/descriptions?limit=500")["items"] if d["name"].startswith("batch-")]) == 300
