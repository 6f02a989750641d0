#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a room includes a room it should not know about, another room's private header, or a library that another room owns."""
import pathlib
import re
import sys

# What each room may include, beside itself; a room's own arrows come with it ("+room" stands for the room and all that it may include).
MAY = {
    "base":              [],
    "syncml":            ["base"],
    "syncml/session":    ["+syncml"],
    "syncml/record":     ["+syncml/session"],
    "ddf":               ["base"],
    "ddf/layout":        ["+ddf"],
    "ddf/tnds":          ["+ddf"],
    "policy/selector":   ["base"],
    "policy/document":   ["+ddf/layout", "+policy/selector"],
    "policy/resolve":    ["+policy/document"],
    "policy/plan":       ["+policy/resolve"],
    "db/sql":            ["base"],
    "db":                ["+db/sql"],
    "server/http":       ["base"],
    "server/core":       ["+server/http", "+db", "+ddf/layout", "+ddf/tnds", "syncml"],
    "server/images":     ["+server/core"],
    "server/events":     ["+server/core", "+policy/plan"],
    "server/decide":     ["+policy/plan", "+syncml/record", "db", "db/sql", "server/core", "server/events"],
    "server/store":      ["+server/images", "+server/decide"],
    "server/notify":     ["+server/events", "+server/store"],
    "server/dm":         ["+server/notify", "+syncml/record"],
    "server/jobs":       ["+server/images"],
    "server/api":        ["+server/notify", "+server/jobs"],
    "server":            ["+server/dm", "+server/api"],
    "agent/image":       ["base"],
    "agent/hv":          ["+agent/image"],
    "agent/vm":          ["+agent/hv", "+ddf/layout"],
    "agent/tree":        ["+ddf/layout", "+ddf/tnds"],
    "agent/mo":          ["+agent/vm", "+agent/tree", "+db/sql", "+syncml/session"],
    "agent/dm":          ["+agent/mo", "+syncml/session"],
    "agent":             ["+agent/dm"],
    "sim":               ["+agent"],
    "cli/dmtool":        ["+syncml/record", "+ddf/layout", "server/decide"],
    "cli/dmvisorctl":    ["base", "ddf"],
}

# Only these files know the library.
OWNER = {
    "microhttpd.h": ["server/http/", "tests/bench/"],
    "libvirt/":     ["agent/hv/libvirt"],
    "sqlite3.h":    ["db/sql/sqlite.c", "db/sql/checksum", "tests/"],
    "xxhash.h":     ["db/sql/checksum.c"],
    "libfyaml.h":   ["base/doc.c"],
    "curl/":        ["base/fetch.c"],
    "openssl/":     ["base/crypto.c"],
    "archive.h":    ["agent/image/bundle.c"],
    "wbxml":        ["cli/", "tests/"],
}


def allowed(room, seen=()):
    """Every room that `room` may include. Ends the run where the table itself has a cycle."""
    if room in seen:
        sys.exit(f"check_includes: the table has a cycle: {' -> '.join((*seen, room))}")
    out = {room}
    for entry in MAY[room]:
        out |= allowed(entry[1:], (*seen, room)) if entry.startswith("+") else {entry}
        if not entry.startswith("+") and room in allowed(entry, (*seen, room)):
            sys.exit(f"check_includes: {room} and {entry} know each other")
    return out


# The console's modules: what each room may import, beside itself and lib/.
CONSOLE = {"core": set(), "parts": {"core"}, "pages": {"core", "parts"}, "": {"core", "parts", "pages"}}


def console(root):
    """1 when a module of the console imports one from a room above it."""
    bad = 0
    for f in sorted(root.rglob("*.js")):
        room = f.parent.name if f.parent != root else ""
        for n, line in enumerate(f.read_text().splitlines() if room in CONSOLE else (), 1):
            m = re.search(r"from '(\.[^']+)'", line)
            to = (f.parent / m[1]).resolve().parent.name if m else room
            if m and to not in CONSOLE[room] | {room, "lib", root.name if not room else room}:
                print(f"webui-static/{f.relative_to(root)}:{n}: {room or 'the top'} may not import {m[1]}")
                bad = 1
    return bad


def main():
    root, bad = pathlib.Path(sys.argv[1]), console(pathlib.Path(sys.argv[1]).resolve() / "webui-static")
    may = {room: allowed(room) for room in MAY}
    for f in sorted(f for folder in sorted({room.split("/")[0] for room in MAY}) for f in (root / folder).rglob("*.[ch]")):
        name = str(f.relative_to(root))
        room = name.rpartition("/")[0]
        if room not in may:
            print(f"{name}: {room}/ is no room that the table names")
            bad = 1
            continue
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if m:
                other = m[1].rpartition("/")[0]
                if other not in may[room]:
                    print(f"{name}:{n}: {room}/ may not include {other or m[1]}/")
                    bad = 1
                if other != room and m[1].endswith("_int.h"):
                    print(f"{name}:{n}: {m[1]} is private to {other}/")
                    bad = 1
            m = re.match(r'\s*#\s*include\s*<([^>]+)>', line)
            for lib, owners in OWNER.items():
                if m and m[1].startswith(lib) and not any(name.startswith(o) for o in owners):
                    print(f"{name}:{n}: only {', '.join(owners)} may include <{m[1]}>")
                    bad = 1
    sys.exit(bad)


main()
