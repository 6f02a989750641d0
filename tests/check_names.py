#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a function does not show its room by its name, or if two types share one.

What a header declares begins with the name of the header or with a prefix of the header's room, so that a reader finds it without
searching. A struct, union or enum has one definition in the whole tree, tests included.
"""
import collections
import pathlib
import re
import subprocess
import sys

# The prefixes of a room, beside the names of its headers.
ROOMS = {
    "agent/dm": "", "agent/hv": "", "agent/image": "", "agent/mo": "", "agent/tree": "", "agent/vm": "", "agent": "agent",
    "base": "err threads wake json",
    "cli/dmtool": "",
    "cli/dmvisorctl": "ctl catalog cmd live order plan show sse table view yaml",
    "db": "db", "db/sql": "",
    "ddf": "ddf", "ddf/layout": "ddf", "ddf/tnds": "ddf",
    "policy/document": "pol", "policy/plan": "pol", "policy/resolve": "pol", "policy/selector": "pol",
    "server": "server", "server/api": "routes", "server/core": "", "server/decide": "dm_change", "server/dm": "dm", "server/events": "operation_row", "server/http": "", "server/images": "",
    "server/jobs": "", "server/notify": "", "server/store": "",
    "sim": "",
    "syncml": "sml", "syncml/record": "sml", "syncml/session": "sml",
}
NOT_CALLED = {"if", "for", "while", "switch", "return", "sizeof"}


def bare(text):
    """Declarations alone: no comments, directives, bodies or strings."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", "", text, flags=re.M)
    while "{" in text:
        shorter = re.sub(r"\{[^{}]*\}", ";", text)
        if shorter == text:
            break
        text = shorter
    return text


def declared(text):
    """Names of the functions and variables with external linkage that a header offers."""
    for part in bare(text).split(";"):
        part = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", "", " ".join(part.split()))
        if not part or re.match(r"(?:static|typedef|_Static_assert|inline)\b", part):
            continue
        m = re.match(r"(?:[\w]+[\s*]+)+\**(\w+)\s*\(", part)
        if m is None and part.startswith("extern "):
            m = re.match(r"extern .*?(\w+)\s*(?:\[[^\]]*\]\s*)*$", part)
        if m and m[1] not in NOT_CALLED:
            yield m[1]


def main(root):
    bad, types, seen = [], collections.defaultdict(set), 0
    files = subprocess.run(["git", "-C", root, "ls-files", "*.c", "*.h"], capture_output=True, text=True).stdout.split()
    files = files or [str(f.relative_to(root)) for f in pathlib.Path(root).rglob("*.[ch]") if "build" not in str(f.relative_to(root)).split("/")[0]]
    for name in files:
        f = pathlib.Path(root, name)
        if not f.is_file():
            continue
        text = f.read_text()
        for m in re.finditer(r"^(?:static |const |typedef )*((?:struct|enum|union) \w+)\s*\{", text, re.M):
            types[m[1]].add(name)
        room = str(f.parent.relative_to(root))
        if f.suffix != ".h" or room.startswith("tests"):
            continue
        if room not in ROOMS:
            bad.append(f"{name}: {room} has no row in the table of rooms")
            continue
        prefixes = {h.stem.removesuffix("_int") for h in f.parent.glob("*.h")} | set(ROOMS[room].split())
        for function in declared(text):
            seen += 1
            if not any(function == p or function.startswith(p + "_") for p in prefixes):
                bad.append(f"{name}: {function} begins with no prefix of {room}")
    for what, where in sorted(types.items()):
        if len(where) > 1:
            bad.append(f"{what} is defined in {', '.join(sorted(where))}")
    print("\n".join(bad) if bad else f"{seen} functions, {len(types)} types")
    return 1 if bad or seen < 1000 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
