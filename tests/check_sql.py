#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if somebody outside db/ reads a column or writes SQL, or if db/ says something that only one engine takes.

A question to the database is a function in its entity's file of db/, beside its SQL; the agent keeps its few tables in one file.
What differs between engines stands behind the functions of db/sql/.
"""
import collections
import pathlib
import re
import sys

AGENT = "agent/mo/persist.c"
FOLDERS = ["agent", "base", "cli", "ddf", "policy", "server", "sim", "syncml"]

COLUMN = re.compile(r"\bsql_(?:int|real|text|is_null)\s*\(")
STATEMENT = re.compile(r'"\s*(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|PRAGMA\s)')
ONE_ENGINE = {
    r"\bINSERT\s+OR\b|\bREPLACE\s+INTO\b": "write ON CONFLICT",
    r"\b(?:max|min)\s*\([^()]*,": "max and min of two values: write CASE",
    r"\binstr\s*\(": "write length(replace())",
    r"\bGLOB\b": "write LIKE",
    r"\bifnull\s*\(": "write coalesce()",
    r"\blast_insert_rowid\b": "write RETURNING",
    r"\browid\b": "name the column",
    r"\bjson_\w+\s*\(|->>": "keep what is asked for in a column",
    r"\b(?:strftime|datetime|julianday)\s*\(": "times are numbers, made by the caller",
    r"\bPRAGMA\b|\bsqlite_\w+": "ask through db/sql",
    r"(?:<>|=|>|<)\s*(?:''|:\w+|\w+)\s*\)\s*[-+]": "a comparison is no number: write CASE",
    r"\bLIMIT\s+-1\b": "leave LIMIT out",
}
ONCE = {
    r"INSERT INTO event ": "db/event.c",
    r"INSERT INTO operation ": "db/operation.c",
    r"INSERT INTO operation_step ": "db/operation.c",
    r"UPDATE operation SET state = ": "db/operation.c",
}


def strings(text):
    """The literals of a C file with the line each begins on; neighbours are one."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    out, end = [], None
    for m in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', text):
        line = text.count("\n", 0, m.start()) + 1
        if end is not None and not text[end:m.start()].replace("\\", "").strip():
            out[-1][1] += m[1]
        else:
            out.append([line, m[1]])
        end = m.end()
    return out


def outside(root, bad):
    for folder in FOLDERS:
        for f in sorted((root / folder).rglob("*.[ch]")):
            name, text = str(f.relative_to(root)), f.read_text()
            if name == AGENT:
                continue
            reads = [text.count("\n", 0, m.start()) + 1 for m in COLUMN.finditer(text)]
            if reads:
                bad.append(f"{name}:{reads[0]}: {len(reads)} reads of columns: only db/ knows columns by number")
            for m in STATEMENT.finditer(text):
                bad.append(f"{name}:{text.count(chr(10), 0, m.start()) + 1}: SQL belongs into db/")


def inside(root, bad):
    found = collections.defaultdict(list)
    for f in sorted((root / "db").glob("*.[ch]")):
        name = str(f.relative_to(root))
        for line, text in strings(f.read_text()):
            for pattern, instead in ONE_ENGINE.items():
                m = re.search(pattern, text, re.I)
                if m:
                    bad.append(f"{name}:{line}: \"{m[0]}\" is not SQL of every engine: {instead}")
            for pattern in ONCE:
                found[pattern] += [f"{name}:{line}"] * len(re.findall(pattern, text))
    for pattern, where in ONCE.items():
        if len(found[pattern]) != 1 or not found[pattern][0].startswith(where + ":"):
            bad.append(f"\"{pattern}\" stands once, in {where}, and not in {', '.join(found[pattern]) or 'no file'}")


def main():
    root, bad = pathlib.Path(sys.argv[1]), []
    outside(root, bad)
    inside(root, bad)
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


main()
