# SPDX-License-Identifier: Apache-2.0
"""dmvisorctl against a stand-in: what it asks, what it shows, how it ends."""
import hashlib
import json
import os
import pty
import re
import stat
import subprocess
import sys
import time

from urllib.parse import quote

import pytest
import things
import yaml
from conftest import TOKEN
from standin import Each, Standin, items, problem
from things import DESIRED, PLAN, RECORDING, SYNCML, ago, device, operation, vm

API = "/api/v1"
DEV = "IMEI:001010000000017"
DEVICES = f"GET {API}/devices"
DEVICE = f"GET {API}/devices/{DEV.replace(':', '%3A')}"

# ---- tables -------------------------------------------------------------------------------------------------------

LISTS = {
    "devices": ([], DEVICES, [device(), device(id="IMEI:2", title="日本 phone", seen=None, labels={}, vms=[], summary="failed",
                                               why="the device\nsays 500")]),
    "vms": ([], DEVICES, [device(vms=[vm(), vm(id="svc", stateText="stopped", verified=False)]), device(id="B", vms=[])]),
    "vms-of": (["--device", DEV], DEVICE + "/vms", [
        vm(goal="running", goalPolicy="corporate", operation={"id": 4, "kind": "upgrade", "label": "Upgrade", "percent": 30, "state": "accepted"}, summary="working"),
        vm(id="new", title="", stateText="missing", lockText="", stateSince=None, verified=False, image="", why="a policy wants it")]),
    "policies": ([], f"GET {API}/policies", [{"name": "corporate", "authority": "acme-it", "revision": 12, "created": ago(9e5),
                                              "revised": ago(11100), "revisedBy": "me", "devices": {"settled": 2, "working": 1}}]),
    "images": ([], f"GET {API}/images", [{"name": "corp-linux", "version": "1.0.0", "authority": "acme-it", "guestType": "linux",
                                          "arch": "x86_64", "format": "bundle", "sha256": "ab" * 32, "size": 9564160, "nodeName": "corp-li-0ef7",
                                          "url": "http://x/y", "created": ago(100000), "createdBy": "me"}]),
    "operations": ([], f"GET {API}/operations", [
        operation(), operation(id=9, kind="tree", vm="", command="get", uri="./DevInfo", state="failed", percent=0, reason="not found")]),
    "notifications": ([], f"GET {API}/notifications", [
        {"id": 3, "device": DEV, "sessionId": "1F", "state": "answered", "why": "policy corporate", "channel": "udp", "address": "127.0.0.1:2948",
         "tries": 1, "created": ago(7500), "sent": ago(7500), "answered": ago(7500), "latencyMs": 1234, "next": None, "error": ""}]),
    "sessions": ([], f"GET {API}/sessions", [
        {"id": 5, "device": DEV, "sessionId": "1F", "started": ago(7500), "ended": ago(7500), "messages": 4, "outcome": "done", "why": "", "notification": 3,
         "recorded": True}]),
    "tokens": ([], f"GET {API}/tokens", [{"id": 1, "name": "me", "role": "admin", "authority": None, "created": ago(7500), "expires": ago(-90000),
                                          "used": ago(7500)}]),
    "audit": ([], f"GET {API}/audit", [{"id": 8, "authority": "acme-it", "at": ago(7500), "who": "me", "action": "policy.apply",
                                        "target": "policies/corporate", "before": None, "after": {"revision": 3}}]),
    "authorities": ([], f"GET {API}/authorities", [{"name": "acme-it", "serverId": "dm.acme.example", "title": "Acme", "owner": "enterprise",
                                                    "dmUrl": "https://dm/dm", "record": True}]),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_as_tables_names_json_and_yaml(ctl, server, golden, name):
    args, route, rows = LISTS[name]
    body = json.dumps(items(*rows), ensure_ascii=False, indent=1).encode()          # not as we would write it
    server.routes[route] = (200, body, "application/json")
    for d in rows if name == "vms" else ():                                         # each device's, with what policies want
        server.routes[f"GET {API}/devices/{quote(d['id'], safe='')}/vms"] = items(*d["vms"])
    kind = name.split("-")[0]
    golden(f"get-{name}.txt", ctl("get", kind, *args).out)
    golden(f"get-{name}-name.txt", ctl("get", kind, *args, "-o", "name").out)
    as_json, as_yaml = ctl("get", kind, *args, "-o", "json"), ctl("get", kind, *args, "-o", "yaml")
    assert yaml.safe_load(as_yaml.out) == json.loads(as_json.out)
    if name != "vms":                                                               # put together from several answers
        assert as_json.stdout == body + b"\n"
    assert all(a.headers["authorization"] == f"Bearer {TOKEN}" for a in server.asked)


def test_empty_lists_say_so_on_standard_error(ctl, server):
    server.routes[DEVICES] = items()
    r = ctl("get", "devices")
    assert (r.out, r.err) == ("", "no devices\n")


def test_one_thing_by_name(ctl, server):
    server.routes[DEVICE] = device()
    server.routes[f"GET {API}/images/a/1.2"] = LISTS["images"][2][0]
    assert ctl("get", "device", DEV, "-o", "name").out == DEV + "\n"
    assert len(ctl("get", "devices", DEV).out.splitlines()) == 2
    assert ctl("get", "image", "a:1.2", "-o", "name").out == "corp-linux:1.0.0\n"


def test_a_yaml_document_as_people_write_it(ctl, server, golden):
    fixed = {"created": "2031-01-31T12:00:00.000Z", "seen": None}
    server.routes[DEVICE] = device(**fixed, vms=[], facts={"hypervisor.arch": "aarch64", "note": "two\nlines\n"})
    golden("device.yaml", ctl("device", "show", DEV, "-o", "yaml").out)


SINGLES = {
    "device-show": (["device", "show", DEV], DEVICE, device(
        facts={"hypervisor.arch": "aarch64", "manufacturer": "Acme"},
        policies=[{"name": "corporate", "revision": 3, "selected": "true", "state": "settled", "why": "", "at": ago(7500)}])),
    "device-desired": (["device", "desired", DEV], DEVICE + "/desired", DESIRED),
    "device-preview": (["device", "preview", DEV], DEVICE + "/preview", PLAN),
    "device-tree": (["device", "tree", DEV, "./Virtualization", "--depth", "2"], DEVICE + "/tree", items(
        {"uri": "./Virtualization", "format": "node", "value": None, "known": "reported", "at": ago(7500)},
        {"uri": "./Virtualization/X", "format": "int", "value": "262144", "known": "stale", "at": ago(7500)})),
    "vm-list": (["vm", "list", DEV], DEVICE + "/vms", items(vm(goal="running"))),
    "vm-show": (["vm", "show", DEV, "corp"], DEVICE + "/vms/corp", vm(goal="running", goalPolicy="corporate", goalLocked=False, operation={
        "id": 4, "kind": "upgrade", "label": "Upgrade", "percent": 30, "state": "accepted"}, summary="working", why="downloads the image")),
    "vm-kpis": (["vm", "kpis", DEV, "corp"], DEVICE + "/vms/corp/kpis", {
        "at": ago(7500), "values": {"cpu.pct": 12.25, "memory.used": 131072, "net.rx": "18446744073709551615", "idle": 0.5, "n": 3.0, "big": 1234.5678},
        "units": {"cpu.pct": "%", "memory.used": "KiB"}, "labels": {}}),
    "operations-show": (["operations", "show", "17"], f"GET {API}/operations/17", operation(
        state="failed", code=1412, codeText="timed out", steps=[
            {"at": ago(7500), "state": "queued", "code": 0, "reason": "waits for the device"},
            {"at": ago(7500), "state": "failed", "code": 1412, "reason": "the guest did not answer"}],
        result=[{"uri": "./DevInfo/Mod", "format": "chr", "value": "Phone-1"}])),
    "policy-history": (["policy", "history", "corporate"], f"GET {API}/policies/corporate/revisions", items(
        {"revision": 2, "hash": "ab", "created": ago(7500), "createdBy": "me", "inForce": True},
        {"revision": 1, "hash": "cd", "created": ago(11100), "createdBy": "me", "inForce": False})),
    "policy-devices": (["policy", "devices", "corporate"], f"GET {API}/policies/corporate/devices", items(
        {"device": DEV, "revision": 2, "selected": "true", "state": "waiting", "why": "no image yet", "at": ago(7500)})),
    "session-show": (["session", "show", DEV, "5"], DEVICE + "/sessions/5", {**LISTS["sessions"][2][0], "recording": RECORDING}),
    "session-show-xml": (["session", "show", DEV, "5", "--xml"], DEVICE + "/sessions/5", {**LISTS["sessions"][2][0], "recording": RECORDING}),
    "image-show": (["image", "show", "a", "1.2"], f"GET {API}/images/a/1.2", LISTS["images"][2][0]),
}


@pytest.mark.parametrize("name", SINGLES)
def test_single_things(ctl, server, golden, name):
    args, route, answer = SINGLES[name]
    server.routes[route] = answer
    golden(f"{name}.txt", ctl(*args).out)
    r = ctl(*args, "-o", "yaml")
    assert yaml.safe_load(r.out) == answer
    assert json.loads(ctl(*args, "-o", "json").out) == answer


def test_ages_in_tables(ctl, server):
    ages = [0, 5.5, 65, 7500, 172900, 8640000, -3700]
    server.routes[DEVICES] = lambda r: items(*[{"id": f"D{i}", "seen": ago(s)} for i, s in enumerate(ages)])
    seen = [line.split("  ")[-1].strip() for line in ctl("get", "devices").out.splitlines()[1:]]
    assert re.fullmatch("now|[12] s ago", seen[0]) and re.fullmatch("[5-9] s ago", seen[1])
    assert seen[2:] == ["1 m ago", "2 h ago", "2 d ago", "100 d ago", "in 1 h"]


def test_the_tree_is_asked_for_an_address_and_depth(ctl, server):
    server.routes[DEVICE + "/tree"] = items()
    ctl("device", "tree", DEV, "./a b/ü", "--depth", 3)
    assert server.asked[-1].query == {"uri": "./a b/ü", "depth": "3", "limit": "1000"}


def test_a_preview_shows_the_exact_message(ctl, server):
    server.routes[DEVICE + "/preview"] = PLAN
    assert ctl("device", "preview", DEV).out.endswith("The next message: 1 of 2 for these steps, with 1 of them; the answers decide what follows\n" + SYNCML + "\n")


# ---- KPIs over time -----------------------------------------------------------------------------------------------

SERIES = {"from": "2031-01-31T12:00:00.000Z", "to": "2031-01-31T12:03:00.000Z", "step": 60, "series": [
    {"metric": "cpu.pct", "unit": "%", "label": "", "points": [["2031-01-31T12:00:00.000Z", 12.5], ["2031-01-31T12:02:00.000Z", 0.1]]},
    {"metric": "net.rx.rate", "unit": "B/s", "label": "", "points": [["2031-01-31T12:01:00.000Z", 1500.25], ["2031-01-31T12:02:00.000Z", 7]]}]}


def test_kpis_over_time_as_table_and_csv(ctl, server, golden):
    server.routes[DEVICE + "/vms/corp/kpis"] = SERIES
    args = ["vm", "kpis", DEV, "corp", "--from", "-3m", "--step", "60s", "--metric", "cpu.pct", "--metric", "net.rx.rate"]
    golden("kpis-range.txt", ctl(*args).out)
    golden("kpis-range.csv", ctl(*args, "-o", "csv").out)
    assert server.asked[0].query == {"from": "-3m", "step": "60s", "metric": "net.rx.rate"}


def test_csv_without_a_range_is_the_last_hour(ctl, server):
    server.routes[DEVICE + "/vms/corp/kpis"] = SERIES
    ctl("vm", "kpis", DEV, "corp", "-o", "csv")
    assert server.asked[0].query == {"from": "-1h"}


# ---- pages --------------------------------------------------------------------------------------------------------

def pages(request):
    at, n = int(request.query.get("cursor", 0)), int(request.query["limit"])
    rows = [{"id": f"D{i}"} for i in range(at, min(at + n, 2500))]
    return items(*rows, next=str(at + n) if at + n < 2500 else None)


def test_all_pages_are_one_list(ctl, server):
    server.routes[DEVICES] = pages
    assert ctl("get", "devices", "-o", "name").out.split() == [f"D{i}" for i in range(2500)]
    assert len(server.asked) == 3
    whole = json.loads(ctl("get", "devices", "-o", "json").out)
    assert len(whole["items"]) == 2500 and whole["next"] is None


def test_limit(ctl, server):
    server.routes[DEVICES] = pages
    r = ctl("get", "devices", "--limit", 3)
    assert r.out.split()[-1] == "D2" and "there are more" in r.err
    assert json.loads(ctl("get", "devices", "--limit", 1200, "-o", "json").out)["next"] == "1200"


def test_a_cursor_that_goes_nowhere_ends(ctl, server):
    server.routes[DEVICES] = items(next="x")
    ctl("get", "devices", timeout=10)


def test_filters_and_authority_go_into_the_query(ctl, server):
    server.routes[DEVICES] = items()
    expr = 'label.department in ("sales", "Grüße") and x > 5'
    ctl("--authority", "acme it", "get", "devices", "--filter", expr)
    assert server.asked[0].query == {"filter": expr, "limit": "1000", "authority": "acme it"}


# ---- what goes wrong ----------------------------------------------------------------------------------------------

def test_problems_are_told_with_field_and_places(ctl, server):
    server.routes[f"POST {API}/devices"] = problem(400, "Bad request", "a device id has 1 to 128 characters", pointer="/id")
    assert ctl("device", "register", "x", code=1).err == "error: Bad request: a device id has 1 to 128 characters (field /id)\n"


def test_not_a_dmvisor_server(ctl, server):
    server.routes[DEVICES] = (502, b"<html>bad gateway</html>", "text/html")
    assert ctl("get", "devices", code=1).err == f"error: {server.url} answered 502 without a reason: is this a dmvisor server?\n"
    server.routes[DEVICES] = (200, b"<html>welcome</html>", "text/html")
    assert "is not JSON" in ctl("get", "devices", code=1).err
    server.routes[DEVICES] = (200, b"{\"items\": [", "application/json")
    assert "is not JSON" in ctl("get", "devices", code=1).err
    server.routes[DEVICES] = (302, b"", "text/html", {"Location": "https://elsewhere/"})
    assert "redirect (302)" in ctl("get", "devices", code=1).err


def test_401_says_how_to_log_in(ctl, server):
    server.routes[DEVICES] = problem(401, "Unauthorized", "this token is not known")
    r = ctl("get", "devices", code=1)
    assert "error: Unauthorized: this token is not known\n  authenticate with dmvisorctl login" in r.err


def test_a_server_that_is_not_there(ctl, server):
    server.close()
    r = ctl("get", "devices", code=3)
    assert r.err.startswith(f"error: {server.url} is not reachable: ")
    r = ctl("get", "devices", "--server", "http://no-such-host.invalid:1", "--token", "t", code=3)
    assert r.err.splitlines()[1].startswith("error: http://no-such-host.invalid:1 is not reachable: ")


def test_a_certificate_nobody_vouches_for(ctl, tmp_path):
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    s = Standin({DEVICES: items()}, cert=(cert, key))
    env = {"DMVISOR_SERVER": s.url, "DMVISOR_TOKEN": TOKEN}
    r = ctl("get", "devices", code=3, **env)
    assert "certificate is not trusted" in r.err and "--ca FILE" in r.err
    ctl("get", "devices", DMVISOR_CA=str(cert), **env)
    ctl("get", "devices", "--ca", cert, **env)
    assert "warning: the server's certificate is not checked" in ctl("get", "devices", "--insecure", **env).err
    assert "No such file" in ctl("get", "devices", "--ca", tmp_path / "none.pem", code=2, **env).err
    s.close()


def test_texts_of_others_do_not_reach_the_terminal_raw(ctl, server):
    evil = "\x1b]0;owned\x07\x1b[31m\u202etxt\nnext"
    server.routes[DEVICES] = items(device(title=evil, why=evil))
    server.routes[DEVICE] = problem(404, evil, evil)
    out = ctl("get", "devices").out + ctl("device", "show", DEV, code=1).err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", out)


def test_an_output_that_cannot_be_written(ctl, server):
    server.routes[DEVICES] = items(device())
    with open("/dev/full", "w") as full:
        r = subprocess.run([ctl.exe, "get", "devices"], env=ctl.env, stdout=full, stderr=subprocess.PIPE)
    assert r.returncode == 1 and b"No space left" in r.stderr


@pytest.mark.parametrize("args, says", [
    (["get", "things"], 'no resource "things"'),
    (["get", "devices", "--limit", "none"], "a number from 1 on"),
    (["get", "policies", "--filter", "x"], "--filter is for devices"),
    (["get", "tokens", "--watch"], "there are no events for tokens"),
    (["get", "devices", "-o", "xml"], "possible are table, json"),
    (["get", "devices", "-o", "csv"], "csv is for vm kpis"),
    (["device", "label", "d", "novalue"], "KEY=VALUE"),
    (["device", "set", "d"], "--title, --push or --record"),
    (["device", "register", "d", "--push", "udp"], "udp:HOST:PORT"),
    (["device", "register", "d", "--label", "=x"], "KEY=VALUE"),
    (["device", "register", "d", "--label", "a=b", "--label", "a=c"], 'gives "a" twice'),
    (["apply"], "-f FILE"),
    (["image", "upload", "/etc/hostname"], "--name and --version"),
    (["vm", "wait", "d", "v"], "a condition is needed"),
    (["vm", "wait", "d", "v", "--gone", "--locked"], "--gone excludes the other conditions"),
    (["vm", "wait", "d", "v", "--locked", "--unlocked"], "at once"),
    (["vm", "wait", "d", "v", "--gone", "--timeout", "soon"], "90s or 10m"),
    (["lock", "d", "v", "--timeout", "5s"], "--timeout needs --wait"),
    (["lock", "d", "v", "--expires", "tomorrow"], "2h or 2031"),
    (["token", "create", "x"], "--role is needed"),
    (["completion", "fish"], "only bash"),
    (["fly"], "no command"),
    (["lock", "d"], "lock needs DEVICE VM"),
    (["lockAll", "d", "v"], "lockAll needs DEVICE"),
    (["wipe", "d", "v"], "use --yes"),
    (["OPERATION", "d", "v"], "an operation is needed"),
    (["get", "devices", "--server", "ftp://x"], "http:// or https://"),
    (["help", "fly"], "no command"),
    (["help", "aply"], 'did you mean "apply"?'),
])
def test_wrong_use_ends_with_2_before_anything_is_asked(ctl, server, args, says):
    r = ctl(*args, code=2)
    assert says in r.err and r.out == "" and {a.path for a in server.asked} <= {"/api/v1/layouts"}


def test_without_server_or_token(ctl):
    assert "a server is needed" in ctl("get", "devices", code=2).err
    assert "a token is needed" in ctl("get", "devices", "--server", "http://127.0.0.1:1", code=2).err


# ---- repeated requests --------------------------------------------------------------------------------------------

def key_of(a):
    return a.headers["idempotency-key"]


def test_posts_have_keys_and_a_retry_has_the_same(ctl, server):
    path = f"{API}/devices/{DEV.replace(':', '%3A')}/notifications"
    done = (202, {"id": 1, "state": "queued", "sessionId": "1", "channel": "udp", "address": "x"})
    server.routes[f"POST {path}"] = Each((503, problem(503, "Busy", "try again")[1], "application/problem+json", {"Retry-After": "0"}), "drop", done)
    ctl("device", "notify", DEV)
    keys = [key_of(a) for a in server.of("POST")]
    assert len(keys) == 3 and len(set(keys)) == 1 and len(keys[0]) >= 16
    ctl("device", "notify", DEV)
    assert key_of(server.asked[-1]) != keys[0]


def test_a_server_that_stays_busy(ctl, server):
    server.routes[DEVICES] = (503, problem(503, "Busy", "the server is busy: try again")[1], "application/problem+json", {"Retry-After": "0"})
    assert "error: Busy" in ctl("get", "devices", code=1).err
    assert len(server.asked) == 3


# ---- secrets ------------------------------------------------------------------------------------------------------

ACCOUNT = {"serverId": "dm.acme.example", "url": "http://x/dm", "clientName": DEV, "clientPassword": "CLIENTSECRET", "serverName": "dm.acme.example",
           "serverPassword": "SERVERSECRET", "clientNonce": "AAAA", "serverNonce": "BBBB", "auth": "md5", "pollS": 900}


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_registering_writes_the_account_for_the_agent(ctl, server, tmp_path):
    server.routes[f"POST {API}/devices"] = (201, {"device": device(), "account": ACCOUNT})
    f = tmp_path / "account.json"
    os.umask(0)
    r = ctl("device", "register", DEV, "--title", "A phone", "--label", "department=sales", "--label", "a=b=c", "--push", "udp:10.0.0.1:2948", "--auth",
            "mac", "--account-file", f)
    assert mode(f) == 0o600 and json.loads(f.read_text()) == ACCOUNT
    assert "SECRET" not in r.out + r.err and str(f) in r.out
    assert json.loads(server.asked[0].body) == {"id": DEV, "title": "A phone", "auth": "mac", "labels": {"department": "sales", "a": "b=c"},
                                                "push": {"channel": "udp", "address": "10.0.0.1:2948"}}


def test_an_account_file_is_not_overwritten(ctl, server, tmp_path):
    server.routes[f"POST {API}/devices"] = (201, {"device": device(), "account": ACCOUNT})
    f = tmp_path / "account.json"
    f.write_text("mine")
    f.chmod(0o644)
    assert "--force" in ctl("device", "register", DEV, "--account-file", f, code=1).err
    assert f.read_text() == "mine" and not server.asked         # nobody was registered for nothing
    ctl("device", "register", DEV, "--account-file", f, "--force")
    assert json.loads(f.read_text()) == ACCOUNT and mode(f) == 0o600
    assert os.listdir(tmp_path) == ["account.json"]


def test_no_file_is_left_when_the_server_says_no(ctl, server, tmp_path):
    server.routes[f"POST {API}/devices"] = problem(409, "Already there", "there is one")
    for more in ([], ["--force"]):
        ctl("device", "register", DEV, "--account-file", tmp_path / "account.json", *more, code=1)
        assert os.listdir(tmp_path) == []
    assert "No such file" in ctl("device", "register", DEV, "--account-file", tmp_path / "none" / "a", code=1).err


def test_without_a_file_the_account_is_all_of_standard_output(ctl, server):
    server.routes[f"POST {API}/devices"] = (201, {"device": device(), "account": ACCOUNT})
    server.routes[f"POST {API}/devices/{DEV.replace(':', '%3A')}/credentials"] = {"account": ACCOUNT}
    r = ctl("device", "register", DEV)
    assert json.loads(r.out) == ACCOUNT and "shown only once" in r.err
    assert json.loads(ctl("device", "credentials", DEV).out) == ACCOUNT
    assert json.loads(ctl("device", "register", DEV, "-o", "json").out)["account"] == ACCOUNT
    r = ctl("device", "register", DEV, "-o", "json", "--account-file", "a.json")
    assert "SECRET" not in r.out and json.loads(r.out)["id"] == DEV


def test_a_token_is_shown_once_alone(ctl, server, tmp_path):
    server.routes[f"POST {API}/tokens"] = (201, {"id": 4, "name": "ci", "role": "viewer", "authority": None, "expires": ago(-86400 * 30 - 60),
                                                 "token": "dmv_fresh"})
    r = ctl("token", "create", "ci", "--role", "viewer", "--expires", "30d")
    assert r.out == "dmv_fresh\n" and "ends in 30 d" in r.err
    body = json.loads(server.asked[0].body)
    assert body["name"] == "ci" and body["role"] == "viewer" and body["expires"].startswith(ago(-86400 * 30)[:13])
    r = ctl("token", "create", "ci", "--role", "viewer", "-f", "t")
    assert "dmv_fresh" not in r.out + r.err and (tmp_path / "t").read_text() == "dmv_fresh\n" and mode(tmp_path / "t") == 0o600
    assert "--force" in ctl("token", "create", "ci", "--role", "viewer", "-f", "t", code=1).err


def test_the_token_is_in_no_process_list(ctl, server, tmp_path):
    (tmp_path / "t").write_text(TOKEN + "\n")
    server.routes[f"GET {API}/events"] = lambda r: (time.sleep(0.2) or b": \n\n" for _ in range(50))
    for args in (["--token-file", "t"], ["--token", TOKEN], ["--token=" + TOKEN]):
        p = ctl.start("events", *args, "--timeout", "3s", DMVISOR_TOKEN="")
        time.sleep(0.5)
        assert TOKEN.encode() not in open(f"/proc/{p.pid}/cmdline", "rb").read()
        p.terminate()
        p.communicate()
        assert server.asked[-1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_in_the_clear_is_warned_about(ctl, server):
    r = ctl("get", "devices", "--server", "http://dm.invalid", "--token-file", "-", input=TOKEN.encode(), code=3)
    assert "warning: http://dm.invalid is not encrypted" in r.err


# ---- login and contexts -------------------------------------------------------------------------------------------

def test_login_and_contexts(ctl, tmp_path):
    s, t = Standin({f"GET {API}/whoami": {"name": "me", "role": "admin", "authority": None}, DEVICES: items()}), Standin()
    (tmp_path / "t").write_text(TOKEN + "\n")
    r = ctl("login", "--server", s.url, "--token-file", "t", "--name", "one")
    config = tmp_path / ".config/dmvisor/config.yaml"
    assert "logged in to" in r.out and "as me (admin)" in r.out and mode(config) == 0o600
    (tmp_path / "t").unlink()
    ctl("get", "devices")
    assert s.asked[-1].headers["authorization"] == f"Bearer {TOKEN}"
    ctl("login", "--server", t.url, "--token", "x", "--name", "two", code=1)            # its server says no: nothing is kept
    ctl("login", "--server", s.url, "--name", "two", "--authority", "acme", input=b"other\n")
    rows = json.loads(ctl("context", "list", "-o", "json").out)
    assert [(r["name"], r["current"]) for r in rows] == [("one", False), ("two", True)]
    assert "other" not in ctl("context", "list").out + ctl("context", "list", "-o", "yaml").out
    ctl("get", "devices")
    assert s.asked[-1].query["authority"] == "acme" and s.asked[-1].headers["authorization"] == "Bearer other"
    ctl("context", "use", "one")
    ctl("get", "devices", "--context", "two")
    assert s.asked[-1].headers["authorization"] == "Bearer other"
    ctl("context", "delete", "one")
    assert "a server is needed" in ctl("get", "devices", code=2).err
    assert "no context" in ctl("context", "use", "one", code=1).err
    assert "no context" in ctl("get", "devices", "--context", "one", code=2).err
    config.chmod(0o644)
    assert "others can read" in ctl("get", "devices", "--context", "two").err
    config.write_text("contexts: [\n")
    assert "config.yaml:2:1" in ctl("get", "devices", code=2).err
    s.close(), t.close()


# ---- apply --------------------------------------------------------------------------------------------------------

DOC = 'apiVersion: dmvisor/v1\nkind: VmPolicy\nmetadata: {name: %s}   # kept as it stands\nspec: {priority: 5}\n'


def applied(**more):
    return {"policy": "x", "revision": 3, "changed": True, "affected": 2, "unknown": 0, "warnings": [], **more}


def test_apply_sends_the_text_as_it_is(ctl, server, tmp_path):
    server.routes[f"PUT {API}/policies/one"] = applied(warnings=["image a:1 is not in the store yet: upload it"], unknown=1)
    (tmp_path / "p.yaml").write_text("# first\n" + DOC % "one")
    r = ctl("apply", "-f", "p.yaml")
    assert r.out == "one revision 3: 2 devices affected, 1 undecided\n"
    assert r.err == "  warning: image a:1 is not in the store yet: upload it\n"
    a = server.asked[0]
    assert a.body.decode() == "# first\n" + DOC % "one" and a.headers["content-type"] == "application/yaml" and len(server.asked) == 1
    server.routes[f"PUT {API}/policies/one"] = applied(changed=False)
    assert ctl("apply", "-f", "-", input=(DOC % "one").encode()).out == "one revision 3 unchanged\n"
    assert json.loads(ctl("apply", "-f", "p.yaml", "-o", "json").out) == applied(changed=False)


def test_apply_takes_folders_and_streams_and_checks_all_first(ctl, server, tmp_path):
    names = ["a1", "a2", "b", "c"]
    server.routes.update({f"PUT {API}/policies/{n}": applied() for n in names})
    server.routes[f"POST {API}/policies:validate"] = {"valid": True, "policies": ["x"], "warnings": []}
    d = tmp_path / "d"
    d.mkdir()
    (d / "2.yml").write_text(DOC % "b")
    (d / "1.yaml").write_text("---\n" + DOC % "a1" + "---\n# second\n" + DOC % "a2" + "---\n# nothing here\n")
    (d / "3.json").write_text('{"metadata": {"name": "c"}}')
    (d / "README").write_text("no policy")
    (d / ".hidden.yaml").write_text("no policy")
    r = ctl("apply", "-f", "d")
    assert [line.split()[0] for line in r.out.splitlines()] == names
    assert [a.method for a in server.asked] == ["POST"] * 4 + ["PUT"] * 4
    assert server.asked[5].body.decode() == "---\n# second\n" + DOC % "a2"


def test_mistakes_are_told_with_file_line_and_column(ctl, server, tmp_path):
    errors = [{"pointer": "/spec/vm/state", "detail": "no such state", "line": 4, "column": 7}, {"detail": "and this", "line": 5, "column": 1}]
    server.routes[f"POST {API}/policies:validate"] = Each({"valid": True, "warnings": []}, problem(
        422, "Policy is not valid", "no such state (and 1 more)", pointer="/spec/vm/state", errors=errors))
    (tmp_path / "two.yaml").write_text(DOC % "a" + "---\n" + DOC % "b")
    r = ctl("apply", "-f", "two.yaml", code=1)
    assert r.err == ("error: Policy is not valid: no such state (and 1 more) (field /spec/vm/state)\n"
                     "  two.yaml:8:7: /spec/vm/state: no such state\n  two.yaml:9:1: and this\n")
    assert not server.of("PUT")


@pytest.mark.parametrize("text, says", [
    ("a: [\n", "p.yaml:2:1: "), ("a: b\n", "p.yaml:1: /metadata/name is missing"), ("", "there is no document"), ("# only\n---\n", "there is no document"),
    (DOC % "a" + "---\n- x\n", "p.yaml:6: /metadata/name is missing"),
    (DOC % "a" + "---\n" + DOC % "b" + "---\n" + DOC % "a", "policy a is already in p.yaml:1"), ("x: 'a\n", "p.yaml:")])
def test_documents_that_cannot_be_read(ctl, server, tmp_path, text, says):
    (tmp_path / "p.yaml").write_text(text)
    assert says in ctl("apply", "-f", "p.yaml", code=1).err and not server.asked


def test_files_that_are_not_there(ctl, server, tmp_path):
    (tmp_path / "d").mkdir()
    assert "no.yaml: No such file" in ctl("apply", "-f", "no.yaml", code=1).err
    assert "d: has no .yaml" in ctl("apply", "-f", "d", code=1).err
    (tmp_path / "big.yaml").write_text("#" * (5 << 20))
    assert "larger than 4194304 bytes" in ctl("apply", "-f", "big.yaml", code=1).err


def test_dry_run_and_preview_change_nothing(ctl, server, tmp_path, golden):
    server.routes[f"POST {API}/policies:validate"] = {"valid": True, "policies": ["one"], "warnings": ["careful"]}
    server.routes[f"POST {API}/policies:preview"] = lambda r: {"affected": 2, "unknown": 0, "devices": [DEV, "B"], "revision": 3, "changed": True, "warnings": [], **(
        {"device": {"id": DEV, "desired": DESIRED, **PLAN}} if "device" in r.query else {})}
    (tmp_path / "p.yaml").write_text(DOC % "one")
    r = ctl("apply", "-f", "p.yaml", "--dry-run")
    assert r.out == "one is valid: it would be revision 3, 2 devices affected\n" and "careful" in r.err
    assert ctl("policy", "validate", "p.yaml").out == r.out
    golden("apply-preview.txt", ctl("apply", "-f", "p.yaml", "--preview", DEV).out)
    assert server.asked[-1].query == {"device": DEV}
    assert ctl("policy", "preview", "-f", "p.yaml").out == f"one: 2 devices affected: {DEV}, B\n"
    assert not server.of("PUT")


def test_policy_show_gives_the_document(ctl, server):
    server.routes[f"GET {API}/policies/one"] = (200, (DOC % "one").encode(), "application/yaml")
    server.routes[f"GET {API}/policies/one/revisions/2"] = (200, (DOC % "old").encode(), "application/yaml")
    assert ctl("policy", "show", "one").out == DOC % "one"
    assert "application/yaml" in server.asked[0].headers["accept"]
    assert ctl("policy", "show", "one", "--revision", 2).out == DOC % "old"


# ---- changes ------------------------------------------------------------------------------------------------------

def test_labels_and_settings(ctl, server):
    path = DEVICE.replace("GET", "PATCH")
    server.routes[path] = device()
    r = ctl("device", "label", DEV, "pilot=yes", "old-", "with=a-")
    assert json.loads(server.asked[0].body) == {"labels": {"pilot": "yes", "old": None, "with": "a-"}}
    assert "Labels:       department=sales pilot=yes" in r.out
    ctl("device", "set", DEV, "--title", "", "--push", "none")
    assert json.loads(server.asked[1].body) == {"title": "", "push": {"channel": "none"}}


def test_the_overview_names_causes_and_failed_sessions(ctl, server):
    server.routes[f"GET {API}/overview"] = {
        "devices": [{"summary": "failed", "why": "no such image", "count": 3, "examples": ["IMEI:1", "IMEI:3"]}],
        "vms": [{"state": 50, "stateText": "running", "stateLabel": "Running", "stable": True, "health": "ok", "locked": False, "count": 7}],
        "sessions": [{"outcome": "refused", "why": "wrong credentials", "count": 2, "devices": 1, "session": 9, "device": "IMEI:9", "at": ago(7500)}]}
    shown = ctl("overview").out
    assert "IMEI:1, IMEI:3" in shown and "no such image" in shown and "running" in shown and "wrong credentials" in shown and "IMEI:9" in shown
    server.routes[f"GET {API}/overview"] = {"devices": [], "vms": [], "sessions": [], "crashes": []}
    assert ctl("overview").out == "no devices\n"
    server.routes[f"GET {API}/devices"] = {"items": [], "next": None}
    ctl("get", "devices", "--state", "failed")
    assert server.asked[-1].query["summary"] == "failed"


def test_sessions_of_all_or_of_one_and_only_failed_ones(ctl, server):
    server.routes[f"GET {API}/sessions"] = {"items": LISTS["sessions"][2], "next": None}
    ctl("get", "sessions", "--state", "failed")
    assert server.asked[-1].query["outcome"] == "failed" and "device" not in server.asked[-1].query
    ctl("get", "sessions", "--device", DEV)
    assert server.asked[-1].query["device"] == DEV and "outcome" not in server.asked[-1].query


def test_a_session_says_how_to_run_it_again_or_how_to_record_the_next(ctl, server):
    session = {**LISTS["sessions"][2][0], "recording": RECORDING}
    server.routes[DEVICE + "/sessions/5"] = session
    shown = ctl("session", "show", DEV, 5)
    assert "dmtool replay session-5.yaml" in shown.err and "(answered 404)" in shown.out and "! Get 2: 404 not found, ./Gone" in shown.out
    server.routes[DEVICE + "/sessions/5"] = {**session, "recording": None}
    assert f"device set {DEV} --record on" in ctl("session", "show", DEV, 5).err


def test_recordings(ctl, server, tmp_path):
    server.routes[DEVICE + "/sessions/5/recording"] = (200, b"recording: dmvisor/session/1\nmessages:\n", "application/yaml")
    server.routes[DEVICE.replace("GET", "PATCH")] = device(record=True)
    assert ctl("session", "download", DEV, 5).out == "recording: dmvisor/session/1\nmessages:\n"
    assert ctl("session", "download", DEV, 5, "-f", "r.yaml").out == ""
    assert (tmp_path / "r.yaml").read_text().startswith("recording: ") and mode(tmp_path / "r.yaml") == 0o600
    assert "--force" in ctl("session", "download", DEV, 5, "-f", "r.yaml", code=1).err
    for word, value in (("on", True), ("off", False), ("default", None)):
        assert "Recorded:     on" in ctl("device", "set", DEV, "--record", word).out
        assert json.loads(server.asked[-1].body) == {"record": value}
    assert "possible are on, off, default" in ctl("device", "set", DEV, "--record", "maybe", code=2).err


def test_authorities(ctl, server):
    answer = LISTS["authorities"][2][0]
    server.routes[f"POST {API}/authorities"] = (201, answer)
    server.routes[f"PATCH {API}/authorities/acme-it"] = answer
    assert "dm.acme.example" in ctl("authority", "create", "acme-it", "--server-id", "dm.acme.example", "--owner", "operator", "--title", "A").out
    assert json.loads(server.asked[-1].body) == {"name": "acme-it", "serverId": "dm.acme.example", "owner": "operator", "title": "A"}
    ctl("authority", "set", "acme-it", "--title", "Acme", "--record", "on")
    assert json.loads(server.asked[-1].body) == {"title": "Acme", "record": True}
    assert "--server-id is needed" in ctl("authority", "create", "x", code=2).err
    assert "--title or --record" in ctl("authority", "set", "x", code=2).err


@pytest.mark.parametrize("args, route", [
    (["device", "delete", DEV], DEVICE.replace("GET", "DELETE")), (["delete", "policy", "p/q"], f"DELETE {API}/policies/p%2Fq"),
    (["image", "delete", "a", "1.0"], f"DELETE {API}/images/a/1.0"), (["token", "delete", "4"], f"DELETE {API}/tokens/4")])
def test_deleting(ctl, server, args, route):
    sure = ["--yes"] if args[0] == "delete" or args[1] == "delete" and args[0] == "device" else []
    assert "Not found" in ctl(*args, *sure, code=1).err
    server.routes[route] = (204, None)
    assert ctl(*args, *sure).out.startswith("deleted ")


def at_a_terminal(ctl, answer, *args):
    """Somebody sits there and is asked. Gives the exit code and what was shown."""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([ctl.exe, *args], env=ctl.env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=ctl.home)
    os.close(theirs)
    shown = b""
    while b"[yes/no]" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, answer)
    out = p.communicate(timeout=60)[0]
    os.close(ours)
    return p.returncode, (shown + out).decode()


@pytest.mark.parametrize("args", [["wipe", DEV, "corp"], ["delete-vm", DEV, "corp"], ["operations", "create", DEV, "wipe", "--vm", "corp"],
                                  ["delete", "policy", "work"], ["device", "delete", DEV]])
def test_what_cannot_be_undone_is_asked_for(ctl, server, args):
    sent = lambda: [a for a in server.asked if a.method != "GET"]     # what it would do may be asked for
    r = ctl(*args, code=2)
    assert "cannot be undone" in r.err and "--yes" in r.err and not sent()       # no terminal: nothing is sent
    code, shown = at_a_terminal(ctl, b"n\n", *args)
    assert code == 1 and "Go on?" in shown and not sent(), shown
    server.routes[f"POST {DEVICE[4:]}/operations"] = (202, {"id": 1, "state": "queued", "reason": "", "kind": "wipe", "device": DEV})
    server.routes[f"DELETE {API}/policies/work"] = server.routes[DEVICE.replace("GET", "DELETE")] = (204, None)
    code, shown = at_a_terminal(ctl, b"yes\n", *args)
    assert code == 0 and len(sent()) == 1, shown
    if "wipe" in args:
        assert json.loads(sent()[0].body)["args"] == {"scope": "user"}
    ctl(*args, "--yes")
    assert len(sent()) == 2


def test_image_upload(ctl, server, tmp_path):
    body = bytes(range(256)) * 5000
    answer = (201, {"name": "a", "version": "1.0", "format": "raw", "arch": "x86_64", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()})
    server.routes[f"POST {API}/images"] = answer
    (tmp_path / "disk").write_bytes(body)
    r = ctl("image", "upload", "disk", "--name", "a", "--version", "1.0", "--arch", "x86_64")
    a = server.asked[0]
    assert a.body == body and a.headers["content-sha256"] == hashlib.sha256(body).hexdigest()
    assert a.query == {"name": "a", "version": "1.0", "guestType": "linux", "arch": "x86_64", "format": "raw"}
    assert r.out.startswith("uploaded a:1.0 (raw, x86_64, 1.2 MiB), SHA-256 ")
    (tmp_path / "q").write_bytes(b"QFI\xfb" + body)
    (tmp_path / "t").write_bytes(b"\0" * 257 + b"ustar\0" + body)
    for f, kind in (("q", "qcow2"), ("t", "bundle")):
        ctl("image", "upload", f, "--name", "a", "--version", "1.0")
        assert server.asked[-1].query["format"] == kind
    (tmp_path / "empty").write_bytes(b"")
    assert "is empty" in ctl("image", "upload", "empty", "--name", "a", "--version", "1", code=1).err
    assert "No such file" in ctl("image", "upload", "none", "--name", "a", "--version", "1", code=1).err


# ---- the rest -----------------------------------------------------------------------------------------------------

def test_whoami_version_and_audit(ctl, server):
    server.routes[f"GET {API}/whoami"] = {"name": "me", "role": "admin", "authority": None}
    server.routes[f"GET {API}"] = {"version": "9.9", "authorities": [], "links": {}}
    server.routes[f"GET {API}/audit:verify"] = {"rows": 12, "intact": True, "firstBroken": None}
    assert ctl("whoami").out == f"me (admin), authority all, at {server.url}\n"
    assert f"server     9.9 at {server.url}\n" in ctl("version").out
    assert ctl("audit", "verify").out == "12 entries, the chain is intact\n"
    server.routes[f"GET {API}/audit:verify"] = {"rows": 12, "intact": False, "firstBroken": 5}
    assert "broken at entry 5" in ctl("audit", "verify", code=1).err
    server.close()
    assert "dmvisorctl 0." in ctl("version").out


def test_help(ctl):
    assert ctl("help").out == ctl("--help").out
    every = re.findall(r"(?m)^  ([a-z][a-z-]*(?: [a-z]+)?)", ctl("help").out.split("\nOptions")[0])
    assert len(every) > 50
    assert "those of the server" in ctl("help").out and "lock" not in every


def test_operations_are_what_the_server_says(ctl, server):
    """No operation has a row in this program: one that the server has more is a command, with help, completion, --yes and defaults."""
    more = things.offer("defrag", destructive=True, label="Defragment", help="defragment a VM's disks", confirm="It takes an hour.",
                        **{"from": ["stopped"], "args": [{"name": "passes", "label": "How often", "type": "int", "default": "2"}]})
    layout = {**things.LAYOUTS["items"][0], "operations": [*things.LAYOUTS["items"][0]["operations"], more]}
    server.routes["GET /api/v1/layouts"] = {"items": [layout], "next": None}
    server.routes["POST /api/v1/devices/D/operations"] = (202, things.operation())
    assert re.search(r"(?m)^  defrag DEVICE VM +defragment a VM's disks \(asks for confirmation\)$", ctl("help").out)
    assert re.search(r"(?m)^  delete-vm DEVICE VM +", ctl("help").out)          # "delete" is a group of commands
    of = ctl("help", "defrag").out
    assert "usage: dmvisorctl defrag DEVICE VM [options]" in of and "while the VM is: stopped" in of and "passes" in of and "--wait" in of
    assert ctl("defrag", "--help").out == of
    assert "defrag" in complete(ctl, "dmvisorctl", "de") and "--expires" in complete(ctl, "dmvisorctl", "defrag", "D", "V", "--ex")
    server.routes[DEVICES] = items({"id": "PHONE-1"})
    assert complete(ctl, "dmvisorctl", "defrag", "") == {"PHONE-1"}
    assert "use --yes" in ctl("defrag", "D", "corp", code=2).err and not server.of("POST")
    ctl("defrag", "D", "corp", "--yes")
    assert json.loads(server.of("POST")[-1].body) == {"kind": "defrag", "vm": "corp", "args": {"passes": "2"}}
    ctl("defrag", "D", "corp", "--yes", "--arg", "passes=5")
    assert json.loads(server.of("POST")[-1].body)["args"] == {"passes": "5"}
    assert "defrag" in ctl("operations", "kinds", "-o", "name").out.split()
    assert re.search(r"(?m)^defrag +vm +Defragment +stopped +yes +passes", ctl("operations", "kinds").out)


def test_more_help(ctl):
    assert ctl("help", "vm", "wait").out == ctl("vm", "wait", "--help").out
    assert "usage: dmvisorctl vm wait DEVICE VM" in ctl("help", "vm", "wait").out
    assert "vm kpis" in ctl("help", "vm").out
    assert ctl(code=2).out.startswith("dmvisorctl: ")
    assert ctl("--version").out.startswith("dmvisorctl ")


def complete(ctl, *words):
    script = ctl("completion", "bash").out
    path = os.path.dirname(ctl.exe)
    line = " ".join(f"'{w}'" for w in words)
    r = subprocess.run(["bash", "-c", f"set -e\n{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _dmvisorctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                       env={**ctl.env, "PATH": f"{path}:{ctl.env['PATH']}"}, capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return set(r.stdout.split())


def test_completion_in_bash(ctl, server):
    server.routes[DEVICES] = items({"id": "PHONE-1"}, {"id": "PHONE-2"})
    first = complete(ctl, "dmvisorctl", "")
    assert {"get", "device", "vm", "lock", "delete-vm", "apply", "help"} <= first and "register" not in first
    assert complete(ctl, "dmvisorctl", "vm", "") == {"list", "show", "acknowledge", "kpis", "wait"}
    assert complete(ctl, "dmvisorctl", "get", "de") == {"devices"}
    assert complete(ctl, "dmvisorctl", "--server", "x", "vm", "k") == {"kpis"}
    assert complete(ctl, "dmvisorctl", "vm", "wait", "") == {"PHONE-1", "PHONE-2"}
    assert "--settled" in complete(ctl, "dmvisorctl", "vm", "wait", "P", "V", "--se")
    assert complete(ctl, "dmvisorctl", "get", "devices", "-o", "j") == {"json"}
    assert complete(ctl, "dmvisorctl", "token", "create", "x", "--role", "ad") == {"admin"}


def test_colours_only_on_a_terminal(ctl, server):
    server.routes[DEVICES] = items(device(summary="failed"))
    assert "\x1b" not in ctl("get", "devices").out

    def on_terminal(**env):
        lead, follow_ = pty.openpty()
        p = subprocess.Popen([ctl.exe, "get", "devices"], env={**ctl.env, **env}, stdout=follow_, stderr=subprocess.STDOUT)
        os.close(follow_)
        p.wait(timeout=20)
        out = os.read(lead, 65536)
        os.close(lead)
        return out
    assert b"\x1b[31mfailed\x1b[0m" in on_terminal(TERM="xterm")
    assert b"\x1b" not in on_terminal(TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in on_terminal(TERM="dumb")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]]))
