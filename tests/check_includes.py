#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a folder includes a folder it should not know about, or a library that another file owns."""
import pathlib
import re
import sys

MAY = {
    "base":   set(),
    "syncml": {"base"},
    "ddf":    {"base"},
    "policy": {"base", "ddf"},
    "db":     {"base"},
    "server": {"base", "syncml", "ddf", "policy", "db"},
    "agent":  {"base", "syncml", "ddf", "db"},     # of db/ only db/sql/
    "cli":    {"base", "syncml", "ddf", "policy"},
}
# dmvisor-sim stands in agent/; dmtool replays both session machines, which live in syncml/.

# Only these files know the library.
OWNER = {
    "microhttpd.h": ["server/http", "tests/bench/"],
    "libvirt/":     ["agent/virt"],
    "sqlite3.h":    ["db/sql/sqlite.c", "tests/"],
    "libfyaml.h":   ["base/doc.c"],
    "curl/":        ["base/fetch.c"],
    "openssl/":     ["base/crypto.c"],
    "archive.h":    ["agent/bundle.c"],
    "wbxml":        ["cli/", "tests/"],
}


def main():
    root, bad = pathlib.Path(sys.argv[1]), 0
    for folder, may in MAY.items():
        for f in sorted((root / folder).rglob("*.[ch]")):
            name = str(f.relative_to(root))
            for n, line in enumerate(f.read_text().splitlines(), 1):
                m = re.match(r'\s*#\s*include\s*"(\w+)/(\w+/)?', line)
                if m and m[1] != folder and (m[1] not in may or
                                             (folder == "agent" and m[1] == "db" and m[2] != "sql/")):
                    print(f"{name}:{n}: {folder}/ may not include {m[1]}/{m[2] or ''}")
                    bad = 1
                m = re.match(r'\s*#\s*include\s*<([^>]+)>', line)
                for lib, owners in OWNER.items():
                    if m and m[1].startswith(lib) and not any(name.startswith(o) for o in owners):
                        print(f"{name}:{n}: only {', '.join(owners)} may include <{m[1]}>")
                        bad = 1
    sys.exit(bad)


main()
