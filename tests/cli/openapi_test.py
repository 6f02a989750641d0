# SPDX-License-Identifier: Apache-2.0
"""The stand-in says nothing that the API's description does not, and every operation of the API has its command."""
import os
import pathlib
import re
import sys

import pytest
import yaml
from cli_test import LISTS, SERIES, SINGLES
from things import device, operation, vm

SOURCE = pathlib.Path(os.environ["DMVISOR_SOURCE"])
API = yaml.safe_load((SOURCE / "server/api/openapi.yaml").read_text())

SCHEMAS = {"devices": "Device", "vms": "Device", "vms-of": "Vm", "policies": "Policy", "images": "Image", "operations": "Operation",
           "notifications": "Notification", "sessions": "Session", "tokens": "Token", "audit": "AuditRow", "authorities": "Authority",
           "device-show": "Device", "device-desired": "Desired", "device-preview": "Plan", "device-tree": "Node", "vm-list": "Vm", "vm-show": "Vm",
           "vm-kpis": "Kpis", "operations-show": "Operation", "policy-history": "Revision", "policy-devices": "Assignment", "image-show": "Image",
           "session-show": "SessionDetail", "session-show-xml": "SessionDetail"}


def check(name, value):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": API["components"]}).validate(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_stand_in_speaks_like_the_server(name):
    answer = LISTS[name][2] if name in LISTS else SINGLES[name][2]
    for one in answer if name in LISTS else answer.get("items", [answer]):
        check(SCHEMAS[name], one)


def test_everything_is_checked():
    assert set(SCHEMAS) == set(LISTS) | set(SINGLES)
    for name, value in (("Device", device()), ("Vm", vm()), ("Operation", operation()), ("KpiHistory", SERIES)):
        check(name, value)


# What people reach by other ways: the console's login, and what monitoring reads.
NO_COMMAND = {"login", "logout", "openapiYaml", "openapiJson", "healthz", "readyz", "metrics", "listDeviceOperations"}


def test_every_operation_has_a_command():
    sources = "".join(p.read_text() for p in sorted((SOURCE / "cli/dmvisorctl").glob("ctl_*.c")))
    asked = {re.sub(r"\{\}", "*", path) for path in re.findall(r'"(/[a-z{}/:]*)"', sources)} | {""}
    missing = []
    for path, methods in API["paths"].items():
        shape = re.sub(r"\{[a-z]+\}", "*", path.removeprefix("/api/v1"))
        for method, what in methods.items():
            if method in ("get", "put", "post", "patch", "delete") and what["operationId"] not in NO_COMMAND and shape not in asked:
                missing.append(f'{method.upper()} {path} ({what["operationId"]})')
    assert not missing


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]]))
