#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if the tables of docs/virtualization-mo.md and the descriptions of the management object differ: in nodes, formats or access."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

LETTER = {"G": "Get", "R": "Replace", "A": "Add", "D": "Delete", "E": "Exec"}
HEAD = {"c.2": "./Virtualization", "c.3": "./Virtualization/VM/<x>", "c.9": "./VMImages"}     # of the tables below these headings
ROW = re.compile(r"\| ([^|]+) \| (\w+) \| ([GRADE](?:,[GRADE])*) \|")


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def child(element, name):
    return next((c for c in element if local(c) == name), ())


def described(node, above, out):
    """Path: (format, access) of a Node and of all below it."""
    path = f"{above}/{child(node, 'NodeName').text or '<x>'}"
    properties = child(node, "DFProperties")
    out[path] = (local(child(properties, "DFFormat")[0]), frozenset(local(a) for a in child(properties, "AccessType")))
    for c in node:
        if local(c) == "Node":
            described(c, path, out)


def told(page):
    """The same as the page has it, with the line."""
    out, head = {}, None
    for n, line in enumerate(page.read_text().splitlines(), 1):
        heading = re.match(r"#+ (\w\.\d+)?", line)
        if heading:
            head = HEAD.get(heading[1])
        row = head and ROW.match(line)
        for name in re.split(r", | and ", row[1].strip()) if row else ():
            path = head if name.startswith("(") else f"{head}/{name}"
            out[path] = (row[2], frozenset(LETTER[a] for a in row[3].split(","))), n
    return out


def main():
    root, bad, have = pathlib.Path(sys.argv[1]), 0, {}
    for name in ("x-virmo-1.0.ddf", "x-vmimgmo-1.0.ddf"):
        for node in ET.parse(root / "ddf/mo" / name).getroot():
            if local(node) == "Node":
                described(node, ".", have)
    page = root / "docs/virtualization-mo.md"
    says = told(page)
    for path in sorted(have.keys() - says.keys()):
        print(f"{page.relative_to(root)}: does not have {path}")
        bad = 1
    for path, (what, n) in says.items():
        if path not in have:
            print(f"{page.relative_to(root)}:{n}: no description has {path}")
            bad = 1
        elif what != have[path]:
            print(f"{page.relative_to(root)}:{n}: {path} is {have[path][0]} {sorted(have[path][1])} in its description")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
