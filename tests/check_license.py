#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a source file does not name its licence in its first lines, or LICENSE is not the licence they name.

Left out is what has no comments (JSON, Markdown, messages), and what tests read as data: corpora, golden files, scenarios' messages."""
import os
import pathlib
import sys

LINE = "SPDX-License-Identifier: Apache-2.0"
KINDS = {".c", ".h", ".py", ".sh", ".js", ".mjs", ".css", ".html", ".svg", ".sql", ".yaml", ".ddf", ".ini"}
NAMES = {"meson.build", "meson_options.txt", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore"}
NOT_OURS = {".git", ".cache", ".pytest_cache", "__pycache__", "node_modules", "var"}
DATA = {"tests/fuzz/corpus", "tests/golden", "tests/cli/golden", "webui-static/lib"}


def is_source(file):
    if file.suffix in KINDS or file.name in NAMES:
        return True
    with file.open("rb") as f:
        return not file.suffix and f.read(2) == b"#!"


def sources(root):
    for folder, folders, files in os.walk(root):
        here = pathlib.Path(folder)
        folders[:] = [d for d in folders if d not in NOT_OURS and not (here == root and d.startswith("build"))
                      and (here / d).relative_to(root).as_posix() not in DATA]
        yield from (here / name for name in files if is_source(here / name))


def main():
    root, bad = pathlib.Path(sys.argv[1]), 0
    licence = (root / "LICENSE").read_text() if (root / "LICENSE").exists() else ""
    if "Apache License" not in licence or "Version 2.0, January 2004" not in licence:
        print("LICENSE: is not the Apache License 2.0")
        bad = 1
    for file in sorted(sources(root)):
        head = file.read_bytes()[:400].decode("utf-8", "replace").splitlines()[:3]
        if not any(line.strip("/*#<!->; ") == LINE for line in head):
            print(f"{file.relative_to(root)}:1: has no line '{LINE}'")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
