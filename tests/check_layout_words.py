#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if C code outside ddf/layout/ spells a word of a layout: what a program needs to find there is a role
(ddf/layout/role.h).

Counted are names given to the layout's look-ups, names with dots ("domain.servers"), texts for people (reasons, phases, results), and in policy/, where nothing else has such names, each name of an entry, operation, state, goal or word.
The agent is another matter: its tables are the list of what it serves."""
import pathlib
import re
import sys

import yaml

FOLDERS = ("ddf", "policy", "db", "server", "cli")
LOOK_UP = re.compile(r'\b(?:ddf_layout_(?:entry|resolve|operation|goal|state|alert_type)|DDF_ENTRY)\s*\([^;{)]*?"')
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
# Words that are others', too.
DM_COMMANDS = {"add", "copy", "delete", "exec", "get", "replace"}
OF_POLICY = {"failed", "working", "waiting",  # what a wait says
             "state", "name", "id", "description", "image", "policy",  # fields of documents and of what is shown
             "keep", "stop", "lock", "remove", "locked",  # onLeave, a key of documents
             "ask",  # a question, among the steps of a plan
             "done", "queued", "cancelled", "unknown"}  # states of operations
OTHERS = {("server/core/config.c", "kpi.interval"),  # a setting of the server
          ("policy/plan/operation_state.c", "the user refused"),  # OMA's status 304
          ("cli/dmvisorctl/ctl_args.h", "the VM is locked")}  # an exit code
KPI_PREFIX = "server/api/kpis.c"  # that a KPI's name begins so is the form of the file (layout.h)


def words(layout):
    names, texts = set(), set()
    for scope in ("device", "vm", "image"):
        section = layout.get(scope, {})
        for part in ("settings", "facts", "kpis"):
            for name, entry in (section.get(part) or {}).items():
                names.add(name)
                if part == "facts" and isinstance(entry.get("words"), (dict, list)):
                    names.update(map(str, entry["words"]))
        names.update(section.get("operations") or {})
    names.update(s["name"] for s in layout["states"].values())
    names.update(layout["goals"])
    texts.update(r["text"] for r in layout["reasons"].values())
    for part in ("phases", "results"):
        texts.update(layout[part].values())
    return names, {t for t in texts if " " in t}


def spelt(root, names, texts):
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.[ch]")):
            path = file.relative_to(root).as_posix()
            if path.startswith("ddf/layout/"):
                continue
            code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), file.read_text())
            for m in LOOK_UP.finditer(code) if path != KPI_PREFIX else ():
                yield path, code.count("\n", 0, m.end()) + 1, "a literal is looked up in the layout"
            for m in LITERAL.finditer(code):
                word, line = m[1], code.count("\n", 0, m.start()) + 1
                plain = folder == "policy" and word in names - DM_COMMANDS - OF_POLICY
                if (path, word) not in OTHERS and (plain or word in texts or ("." in word and word in names)):
                    yield path, line, f'"{word}" is a word of the layout'


def main(root):
    names, texts = set(), set()
    for file in sorted((root / "ddf/layout").glob("*.yaml")):
        n, t = words(yaml.safe_load(file.read_text()))
        names |= n
        texts |= t
    found = list(spelt(root, names, texts))
    for path, line, what in found:
        print(f"{path}:{line}: {what}: a role of ddf/layout/role.h finds it")
    print(f"{len(found)} words of layouts in C")
    return 1 if found else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
