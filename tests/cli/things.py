# SPDX-License-Identifier: Apache-2.0
"""What a server would say about a small site."""
import datetime


def ago(seconds):
    t = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z"


def vm(**more):
    return {"id": "corp", "layout": "urn:x", "title": "Corporate workspace", "state": 50, "stateText": "running", "stateLabel": "Running", "stable": True, "health": "ok",
            "lockState": 30, "lockText": "unlocked", "locked": False, "reason": 1, "reasonText": "operation of a server", "verified": True,
            "stateSince": ago(7500), "summary": "settled", "why": "", "image": "corp-linux:1.0.0", "imageId": "corp-li-0ef75799", **more}


def device(**more):
    return {"id": "IMEI:001010000000017", "title": "Sales phone", "authority": "acme-it", "created": ago(90000), "seen": ago(7500),
            "userAgent": "dmvisor-agent/0.1.0", "remote": "127.0.0.1", "push": {"channel": "udp", "address": "127.0.0.1:2948"},
            "record": None, "summary": "settled", "why": "", "since": None, "pollS": 900, "generation": 7, "observedGeneration": 7, "labels": {"department": "sales", "pilot": "yes"}, "vms": [vm()], **more}


def operation(**more):
    return {"id": 17, "device": "IMEI:001010000000017", "authority": "acme-it", "kind": "lock", "label": "Lock", "vm": "corp",
            "args": {"msg": "bring it back"}, "state": "accepted", "code": 0, "codeText": "", "reason": "the device works on it", "percent": 40,
            "tries": 1, "byPolicy": False, "createdBy": "me", "created": ago(7500), "updated": ago(7500), "notBefore": None, "expires": None, **more}


DESIRED = {
    "hash": "7d575aa09427aabbccdd", "vms": [{
        "id": "corp", "state": {"value": "running", "policy": "corporate", "revision": 3},
        "locked": {"value": False, "policy": "corporate", "revision": 3},
        "values": [{"name": "resources.cpu.vcpus", "value": "2", "wire": "2", "uri": "./V/corp/x", "label": "Virtual CPUs", "policy": "corporate",
                    "revision": 3, "rule": "priority", "losers": [{"policy": "base", "value": "1", "rule": "lower priority"}]}]}],
    "device": [{"name": "kpi.interval", "value": "10s", "wire": "10", "uri": "./V/k", "label": "", "policy": "corporate", "revision": 3,
                "rule": "only policy", "losers": []}],
    "unknown": [{"policy": "pilots", "why": "the device has not told label.pilot"}], "warnings": ["two policies of the same priority"]}

SYNCML = '<?xml version="1.0" encoding="UTF-8"?>\n<SyncML xmlns="SYNCML:SYNCML1.2">\n  <SyncBody/>\n</SyncML>\n'
PLAN = {"settled": False, "message": 1, "messages": 2, "stepsInMessage": 1, "syncml": SYNCML,
        "steps": [{"verb": "atomic", "for": "change", "why": "set together", "children": [
                      {"verb": "replace", "for": "change", "uri": "./V/corp/VCPUs", "format": "int", "data": "2", "why": "policy corporate"},
                      {"verb": "replace", "for": "change", "uri": "./V/corp/MaxKB", "format": "int", "data": "x" * 70, "why": "policy corporate"}]},
                  {"verb": "exec", "for": "operation", "uri": "./V/corp/Start", "why": "wanted running", "operation": 4}],
        "waits": [{"vm": "corp", "state": "waiting", "why": "the image is being downloaded", "code": 0, "until": None}]}

RECORDING = {
    "why": "device", "cut": True, "bytes": 900, "server": {"id": "dm.acme.example"}, "account": {"known": True}, "messages": [
        {"n": 1, "at": "2031-01-31T12:00:00.000Z", "type": "wbxml", "tls": True, "understood": "known, first, 5 values", "refused": "",
         "provedBy": "the stored nonce", "reasons": ["#1 Get ./V: what the device has"], "sent": 1,
         "in": {"bytes": 598, "text": "SyncML 1.2\n  1 Alert 1201\x1b[31m\n", "xml": "<SyncML>\n</SyncML>\n", "statuses": []},
         "out": {"bytes": 657, "text": "SyncML 1.2\n  1 Status 212\n", "xml": "<SyncML/>\n", "statuses": []}},
        {"n": 2, "at": "2031-01-31T12:00:01.000Z", "type": "xml", "tls": False, "understood": "", "refused": "wrong digest", "provedBy": "",
         "reasons": [], "sent": 0, "in": {"bytes": 5, "text": "nothing\n", "xml": "", "statuses": []}, "out": None},
        {"n": 3, "at": "2031-01-31T12:00:01.500Z", "type": "xml", "tls": False,
         "understood": "known (the session is authenticated), #1=404, done", "refused": "", "provedBy": "the session is authenticated", "reasons": [], "sent": 0,
         "in": {"bytes": 7, "text": "a status\n", "xml": "<SyncML/>\n",
                "statuses": [{"command": "Get", "of": "2", "code": 404, "codeText": "not found", "uri": "./Gone"}]}, "out": None}]}


def offer(name, scope="vm", destructive=False, **more):
    """An operation as GET /layouts has it."""
    return {"name": name, "scope": scope, "label": name.capitalize(), "help": f"{name} it", "role": "operator", "whileLocked": True, "interrupts": False,
            "primary": False, "destructive": destructive, "args": [], **({"confirm": "Nothing of it stays."} if destructive else {}), **more}


LAYOUTS = {"items": [{"mo": "urn:x", "states": [], "lockStates": [], "goals": [{"name": "running", "state": "running", "gone": False}], "operations": [
    offer("lockAll", "device", True), offer("refresh", "device"),
    offer("lock", **{"from": ["running"]}, args=[{"name": "msg", "label": "Message", "type": "text"}]), offer("start", whileLocked=False),
    offer("wipe", destructive=True, args=[{"name": "scope", "label": "Scope", "type": "enum", "words": ["user", "all"], "default": "user"}]),
    offer("delete", destructive=True, **{"from": ["stopped"], "fromForced": ["running"]})]}], "next": None}
