"""A vendor's device description: uploaded, it checks operations before they are sent and tells what a form must ask."""
import json
import subprocess

import world

PHONE = "IMEI:001010000000017"
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


def test_a_vendors_description_checks_operations_and_makes_forms(folder, server):
    server.register(PHONE, {})
    token = server.dir / "ctl.token"
    token.write_text(server.token)
    token.chmod(0o600)

    def ctl(*args, code=0):
        r = subprocess.run([world.BUILD / "cli/dmvisorctl", "--server", server.url, "--token-file", token, "--ca", server.ca, *args],
                           capture_output=True, text=True, env={"HOME": str(folder), "PATH": "/usr/bin"})
        assert r.returncode == code, f"{args}: {r.returncode} {r.stdout}{r.stderr}"
        return r.stdout + r.stderr

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
