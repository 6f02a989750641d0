#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read a meson testlog.json or a JUnit file and print shell arithmetic that adds its counts."""
import json
import sys
import xml.etree.ElementTree as ET


def meson(path):
    n = {"passed": 0, "failed": 0, "skipped": 0}
    for line in open(path):
        result = json.loads(line)["result"]
        key = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}.get(result, "failed")
        n[key] += 1
    return n


def junit(path):
    n = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ET.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        key = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        n[key] += 1
    return n


counts = (meson if sys.argv[1].endswith(".json") else junit)(sys.argv[1])
print("; ".join(f"{k}=$(({k} + {v}))" for k, v in counts.items()))
