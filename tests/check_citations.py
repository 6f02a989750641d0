#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a comment, a test or a page cites a section, a row or a trap of docs/ that is not there, or a page names a file that is not.

What is a citation: NAME.md with what follows it ("protocol.md 7.5, 20, trap 6", "ddf-tnds.md 3 and 5", "CONFORMANCE.md C-101 to C-118"); sections
of virtualization-mo.md alone, as comments of the agent write them ("c.5.2 rows 16 to 18"); "trap 6" and "traps 2 and 22" of protocol.md 20. A file is
named between backquotes (`server/decide/mirror.c`, with * for several) or by a link to it."""
import os
import pathlib
import re
import sys

KINDS = {".c", ".h", ".py", ".sh", ".js", ".mjs", ".css", ".yaml", ".ddf", ".sql", ".build", ".md"}
NOT_OURS = {".git", ".cache", ".pytest_cache", "__pycache__", "node_modules", "var", "corpus", "webui-static/lib"}
SELF = "tests/check_citations.py"

GAP = r"(?:[\s,*#]|--)+"                             # a citation may go on in the next line of a comment
NUMBER = r"\d+(?:\.\d+)*"
SECTION = rf"(?:[b-c]\.)?{NUMBER}"
ROW_ID = r"(?:[SCNBX]-\d{3}|trap-\d\d)"
WHAT = rf"{GAP}(?:(?:and|to){GAP})?(?:(?:rows?|items?|traps?) \d+|{ROW_ID}|{SECTION})(?![\w-])"
PAGE = re.compile(rf"(?<![\w/.-])([A-Za-z][\w-]*\.md)(?!\w)((?:{WHAT})*)")
OBJECT = re.compile(rf"(?<![\w.\"'])((?:[bc]\.{NUMBER})(?:{GAP}(?:(?:and|to){GAP})?(?:rows?{GAP})?\d+(?![\w.-]))*)(?![\w(])")
TRAP = re.compile(rf"\btraps? (\d+(?:(?:,|{GAP}(?:and|to)){GAP}\d+(?![\w.-]))*)")

FOLDERS = r"(?:agent|base|cli|db|ddf|deploy|docs|policy|server|syncml|tests|tools|webui-static)"
FILE = re.compile(rf"`({FOLDERS}/[\w./*-]*)`|\]\(((?!\w+:|#)[\w./*-]+)\)")


class Page:
    """The headings of one page, the rows of its tables by section, and the ids that its tables begin with."""

    def __init__(self, file):
        self.sections, self.ids, here, fenced = {}, set(), None, False
        for line in file.read_text().splitlines():
            fenced ^= line.startswith("```")
            heading = None if fenced else re.match(rf"#+ ({SECTION})\.? ", line)
            if heading:
                here = self.sections.setdefault(heading[1], set())
            row = re.match(r"\| *(\d+) *\|", line)
            if row and here is not None:
                here.add(int(row[1]))
            self.ids.update(re.findall(rf"^\| *({ROW_ID}) *\|", line))

    def missing(self, cited):
        """What of a citation's tail is not on this page."""
        section, bad = None, []
        for kind, row, ident, number in re.findall(rf"(row|item|trap)s? (\d+)|({ROW_ID})|({SECTION})(?![\w-])", cited):
            if ident:
                bad += [] if ident in self.ids else [ident]
            elif row:
                rows = self.sections.get("20" if kind == "trap" else section, set())
                bad += [] if int(row) in rows else [f"{kind} {row}"]
            elif number in self.sections:
                section = number
            elif not (section and number.isdigit() and int(number) in self.sections[section]):  # "rows 16 to 18"
                bad.append(number)
        return bad


def files(root):
    for folder, folders, names in os.walk(root):
        here = pathlib.Path(folder)
        folders[:] = [d for d in folders if not {d, (here / d).relative_to(root).as_posix()} & NOT_OURS
                      and not (here == root and d.startswith("build"))]
        yield from (here / n for n in names if pathlib.Path(n).suffix in KINDS)


def citations(text):
    """(offset, page or None for any page, what)"""
    for m in PAGE.finditer(text):
        yield m.start(), m[1], m[2]
    for m in OBJECT.finditer(text):
        yield m.start(), "virtualization-mo.md", " " + m[1]
    for m in TRAP.finditer(text):
        yield m.start(), "protocol.md", " 20" + "".join(f", trap {n}" for n in re.findall(r"\d+", m[1]))


def names(root, page, text):
    """(offset, name) of each file that a page names and that is not there."""
    for m in FILE.finditer(text):
        if not (list(root.glob(m[1].rstrip("/"))) if m[1] else (page.parent / m[2]).exists()):
            yield m.start(), m[1] or m[2]


def main():
    root, bad, count = pathlib.Path(sys.argv[1]), 0, 0
    everything = sorted(files(root))
    pages = {f.name: Page(f) for f in everything if f.suffix == ".md"}
    for file in everything:
        name = file.relative_to(root).as_posix()
        if name == SELF:
            continue
        text = file.read_text(errors="replace")
        for at, page, what in citations(text):
            where = f"{name}:{text.count(chr(10), 0, at) + 1}"
            count += 1
            if page not in pages:
                print(f"{where}: there is no page {page}")
                bad = 1
                continue
            for missing in pages[page].missing(what):
                print(f"{where}: {page} has no {missing}")
                bad = 1
        if file.suffix == ".md":
            for at, missing in names(root, file, text):
                print(f"{name}:{text.count(chr(10), 0, at) + 1}: there is no {missing}")
                bad = 1
    print(f"{count} citations")
    return bad


if __name__ == "__main__":
    sys.exit(main())
