#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden tests: each folder with a file `cmd` is a case.

`cmd` holds one command line ("dmtool decode in.xml"), run in that folder with an empty environment; what it prints and how it
ends must equal the file `out`. UPDATE_GOLDEN=1 writes `out` anew: read the difference before it is committed.

usage: run.py FOLDER NAME=PROGRAM...
"""
import difflib
import os
import pathlib
import shlex
import subprocess
import sys


def run(case, programs):
    words = shlex.split((case / "cmd").read_text())
    words[0] = programs[words[0]]
    done = subprocess.run(words, cwd=case, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                          env={"LC_ALL": "C", "TZ": "UTC", **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}})
    text = done.stdout.decode("utf-8", "backslashreplace")
    if done.stderr:
        text += "--- standard error\n" + done.stderr.decode("utf-8", "backslashreplace")
    return text + f"--- exit {done.returncode}\n"


def main():
    root = pathlib.Path(sys.argv[1])
    programs = dict(a.split("=", 1) for a in sys.argv[2:])
    cases = sorted(f.parent for f in root.rglob("cmd"))
    update, bad = os.environ.get("UPDATE_GOLDEN") == "1", 0
    for case in cases:
        name = case.relative_to(root)
        got, out = run(case, programs), case / "out"
        want = out.read_text() if out.exists() else ""
        if got == want:
            continue
        if update:
            out.write_text(got)
            print(f"written: {name}")
        else:
            bad += 1
            print(f"FAILED: {name}")
            sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), "want", "got"))
    print(f"{len(cases) - bad} of {len(cases)} golden cases as expected")
    return bad > 0 or not cases


if __name__ == "__main__":
    sys.exit(main())
