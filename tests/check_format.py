#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a C file is not as clang-format leaves it; --write puts it right. Other versions than Debian 12's differ in details."""
import pathlib
import re
import shutil
import subprocess
import sys

FOLDERS = ["base", "syncml", "ddf", "policy", "db", "server", "agent", "cli", "tests", "deploy"]
MAJOR = "14"


def main():
    root = pathlib.Path(sys.argv[1])
    tool = shutil.which("clang-format-" + MAJOR) or shutil.which("clang-format")
    found = tool and re.search(r"version (\d+)", subprocess.run([tool, "--version"], capture_output=True, text=True).stdout)
    if not found or found[1] != MAJOR:
        print(f"skipped: clang-format {MAJOR} is not installed")
        return 77
    files = sorted(str(f) for d in FOLDERS for f in (root / d).rglob("*.[ch]"))
    how = ["-i"] if "--write" in sys.argv else ["--dry-run", "--Werror"]
    return subprocess.run([tool, *how, *files]).returncode


if __name__ == "__main__":
    sys.exit(main())
