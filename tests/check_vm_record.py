#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a member of a struct that a VM's record is made of has no row in agent/vm/vm_record.c (kept, or NOT_KEPT with the reason)."""
import pathlib
import re
import sys

HEADERS = ["agent/hv/hv.h", "agent/vm/vm.h", "agent/vm/vm_int.h"]


def members(text, name):
    """Names of the members of `struct name { ... }`."""
    m = re.search(r"\bstruct\s+%s\s*\{(.*?)\n\s*\}" % name, text, re.S)
    if not m:
        return None
    out = []
    for declaration in m[1].split(";"):
        for declarator in re.sub(r"\[[^\]]*\]", "", declaration).split(","):
            words = re.findall(r"\w+", declarator)
            if words:
                out.append(words[-1])
    return out


def main():
    root, bad = pathlib.Path(sys.argv[1]), 0
    code = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
    headers = "\n".join(code.sub(" ", (root / h).read_text()) for h in HEADERS)
    record = code.sub(" ", (root / "agent/vm/vm_record.c").read_text())
    seen = 0
    for m in re.finditer(r"#define S struct (\w+)\n(.*?)#undef S", record, re.S):
        name, rows, there = m[1], m[2], members(headers, m[1])
        if there is None:
            print(f"agent/vm/vm_record.c: struct {name} is in none of {', '.join(HEADERS)}")
            bad = 1
            continue
        for member in there:
            seen += 1
            if not re.search(r"(NOT_KEPT\(\s*|,\s*)%s\s*[,)]" % member, rows):
                print(f"agent/vm/vm_record.c: member {member} of struct {name} has no row: it would be lost in a restart")
                bad = 1
    if seen < 100:
        print(f"check_vm_record.py: only {seen} members found; does it still read the headers?")
        bad = 1
    sys.exit(bad)


main()
