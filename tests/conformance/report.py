#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The conformance report: runs the tests that rows.yaml names and prints what each row of the checklist is proved by.

    report.py BUILD            the table and what is wrong; the exit code says whether every claimed row is proved
    report.py BUILD --check    also: docs/CONFORMANCE.md is what --write would write
    report.py BUILD --write    write docs/CONFORMANCE.md

A claimed row has at least one test, each of them exists, has the row's id in its name, and passes.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STATEMENT = ROOT / "docs" / "CONFORMANCE.md"
ROW_ID = re.compile(r"(?:[SNBXC]-\d{3}|trap-\d\d)$")
SECONDS = 600


def ids_of(name):
    """The row ids in a test's name: "S-001 S-004 what_is_true" or "s_001_what_is_true"."""
    ids = {w for w in name.split() if ROW_ID.match(w)}
    own = re.match(r"(trap|[snbxc])_(\d+)_", name)
    if own:
        ids.add(f"trap-{own[2]}" if own[1] == "trap" else f"{own[1].upper()}-{own[2]}")
    return ids


def run(build, args):
    env = dict(os.environ, DMVISOR_SOURCE=str(ROOT))
    try:
        p = subprocess.run([str(a) for a in args], cwd=build, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"longer than {SECONDS} s"
    return p.returncode, p.stdout.decode(errors="replace")


class Results:
    """What became of each test, each program run once."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.programs = {}
        self.names = {}             # (binary, function) -> name with ids

    def c_tests(self, binary):
        if binary not in self.programs:
            exe = self.build / "tests" / (binary.replace("/", "_") + "_test")
            self.programs[binary] = self._c_results(binary, *run(self.build, [exe])) if exe.exists() else None
        return self.programs[binary]

    def _c_results(self, binary, code, text):
        found = {}
        parts = re.split(r"^ *Test: ", text, flags=re.M)[1:]
        for part in parts:
            name = part.split(" ...", 1)[0]
            function = name.split()[-1]
            verdict = re.search(r"(passed|FAILED)", part.split(" ...", 1)[1]) if " ..." in part else None
            found[function] = "passed" if verdict and verdict[1] == "passed" else "failed"
            self.names[binary, function] = name
        if code != 0 and "failed" not in found.values():
            found = {f: f"failed: the program ended with {code}" for f in found}
        return found

    def other(self, kind, name):
        key = (kind, name)
        if key not in self.programs:
            if kind == "scenario":
                exe, arg = self.build / "tests/scenario/scenario", ROOT / "tests/scenario" / name
            else:
                exe, arg = self.build / f"tests/replay_{name}", ROOT / "tests/fuzz/corpus" / name
            if not arg.exists():
                self.programs[key] = "there is no such test"
            elif not exe.exists():
                self.programs[key] = "not built"
            else:
                self.programs[key] = "passed" if run(self.build, [exe, arg])[0] == 0 else "failed"
        return self.programs[key]

    def of(self, row, test):
        """'passed', or what is wrong."""
        binary, function = test.split()
        if "/" not in binary:
            return self.other(binary, function)
        tests = self.c_tests(binary)
        if tests is None:
            return "not built"
        if function not in tests:
            return "there is no such test"
        if row["id"] not in ids_of(self.names[binary, function]):
            return "the row's id is not in the test's name"
        return tests[function]


def load():
    rows = yaml.safe_load((HERE / "rows.yaml").read_text())
    seen = set()
    for r in rows:
        assert ROW_ID.match(r["id"]) and r["id"] not in seen and r["level"] in "MSO" and r["need"], f"rows.yaml: {r}"
        assert ("not" in r) != ("tests" in r), f"rows.yaml: {r['id']} has either tests or not"
        seen.add(r["id"])
    return rows


def judge(rows, results):
    """For each row its verdict and the trouble with it."""
    trouble = []
    for r in rows:
        verdicts = {t: results.of(r, t) for t in r.get("tests", [])}
        bad = {t: v for t, v in verdicts.items() if v != "passed"}
        if "not" in r:
            r["result"] = "not claimed"
        elif not verdicts:
            r["result"] = "no test"
            trouble.append(f"{r['id']}: no test")
        else:
            r["result"] = "failed" if bad else "passed"
            trouble += [f"{r['id']}: {t}: {v}" for t, v in bad.items()]
    return trouble


def stray(rows, results):
    """Ids in names of tests that rows.yaml does not have there."""
    known = {(r["id"], t) for r in rows for t in r.get("tests", [])}
    return [f"{i}: {binary} {function} is not in rows.yaml" for (binary, function), name in results.names.items() for i in ids_of(name)
            if (i, f"{binary} {function}") not in known]


def table(rows):
    lines = ["| id | level | requirement | tests | result |", "| --- | --- | --- | --- | --- |"]
    for r in rows:
        tests = "<br>".join(f"`{t}`" for t in r.get("tests", [])) or r.get("not", "")
        lines.append(f"| {r['id']} | {r['level']} | {r['need']} | {tests} | {r['result']} |")
    return "\n".join(lines)


def statement(rows):
    count = collections.Counter(r["result"] for r in rows)
    total = f"{len(rows)} rows: " + ", ".join(f"{count[k]} {k}" for k in ("passed", "failed", "no test", "not claimed") if count[k])
    return (HERE / "statement.md").read_text().rstrip() + f"\n\n## The checklist, row by row\n\n{total}.\n\n{table(rows)}\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build", help="the build directory")
    p.add_argument("--check", action="store_true", help="docs/CONFORMANCE.md must be what --write would write")
    p.add_argument("--write", action="store_true", help="write docs/CONFORMANCE.md")
    args = p.parse_args()
    rows, results = load(), Results(args.build)
    trouble = judge(rows, results) + stray(rows, results)
    for r in rows:
        print(f"{r['id']:<8} {r['level']}  {r['result']:<12} {r['need']}")
        for t in r.get("tests", []):
            print(f"{'':26}{t}")
    text = statement(rows)
    if args.write:
        STATEMENT.parent.mkdir(exist_ok=True)
        STATEMENT.write_text(text)
    elif args.check and (not STATEMENT.exists() or STATEMENT.read_text() != text):
        trouble.append("docs/CONFORMANCE.md is not what the tests say; write it anew: tests/conformance/report.py BUILD --write")
    for t in trouble:
        print(f"WRONG: {t}")
    print(text.split("row by row\n\n", 1)[1].split("\n", 1)[0])
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
