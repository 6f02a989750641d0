#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if docs/SETTINGS.md lacks a field of a policy, says another thing of it than the agent does, or names a test that is not there."""
import pathlib
import re
import sys

import yaml

SECTIONS = ("Fields of the document", "Settings that have an effect", "Settings that are refused")
WHEN = {"live", "live, else next start", "next start", "making"}
DRIVER = {"ALWAYS": "all", "GUEST": "all", "TUNING": "system", "PANIC": "x86"}


class Page:
    def __init__(self, root):
        self.root, self.bad, self.rows = root, [], {name: {} for name in SECTIONS}
        section = None
        for n, line in enumerate((root / "docs/SETTINGS.md").read_text().splitlines(), 1):
            if line.startswith("## "):
                section = line[3:]
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if line.startswith("| `") and section in self.rows:
                name = cells[0].strip("`")
                if name in self.rows[section]:
                    self.wrong(n, f"{name} has two rows")
                self.rows[section][name] = (n, cells)
                if section != SECTIONS[2]:
                    self.tests(n, name, cells[-1])

    def wrong(self, n, text):
        self.bad.append(f"docs/SETTINGS.md:{n}: {text}")

    def tests(self, n, name, cell):
        named = re.findall(r"`([^`]+)`", cell)
        if not named:
            self.wrong(n, f"{name} names no test")
        for one in named:
            file, _, test = one.partition("::")
            path = self.root / file
            if not file.startswith("tests/") or not path.exists():
                self.wrong(n, f"{name}: there is no {file}")
            elif test and not re.search(rf"^(def|static void) {re.escape(test)}\(", path.read_text(), re.M):
                self.wrong(n, f"{name}: {file} has no {test}")

    def same(self, section, want, what):
        have = self.rows[section]
        for name in sorted(set(want) - set(have)):
            self.wrong(0, f"{what} {name} has no row in \"{section}\"")
        for name in sorted(set(have) - set(want)):
            self.wrong(have[name][0], f"{name} is no {what}")


def layout_of(root):
    layout = yaml.safe_load((root / "ddf/layout/x-virmo-1.0.yaml").read_text())
    return {name: entry for scope in ("vm", "device") for name, entry in layout[scope]["settings"].items()}


def agents_table(root):
    text = (root / "agent/mo/mo_vm_support.c").read_text()
    return {name: (None if values == "NULL" else values.strip('"').split("|"), need)
            for name, values, need in re.findall(r'^    \{ "([\w.*]+)", (NULL|"[^"]*"), (ALWAYS|TUNING|PANIC|GUEST) \}', text, re.M)}


def fields_of_documents(root):
    text = (root / "policy/document/document.c").read_text()
    spec = re.search(r'reader_keys\(r, m, "(priority[^"]*)"\)', text)[1]
    vm = re.search(r'reader_settings\(r, m, DDF_VM, "([^"]*)"\)', text)[1]
    return set(spec.split()) | set(vm.split())


def values_cell(entry, values):
    """`none`, `boot`: the words of the document for the numbers of the wire."""
    words = entry.get("words") or {}
    names = {str(v): k for k, v in words.items()} if isinstance(words, dict) else {}
    return ", ".join(f"`{names.get(v, v)}`" for v in values)


def check_effects(page, layout, table):
    for name, (n, cells) in page.rows[SECTIONS[1]].items():
        if len(cells) != 6 or name not in table:
            if len(cells) != 6:
                page.wrong(n, f"{name}: six cells are expected")
            continue
        values, need = table[name]
        if need != "GUEST" and cells[1] != (values_cell(layout[name], values) if values else "all"):
            page.wrong(n, f"{name}: the agent takes {values_cell(layout[name], values) if values else 'all'}, this page says {cells[1]}")
        if cells[3] not in WHEN:
            page.wrong(n, f"{name}: When is one of {', '.join(sorted(WHEN))}")
        if cells[4] != DRIVER[need]:
            page.wrong(n, f"{name}: the agent says {DRIVER[need]}, this page says {cells[4]}")


def main():
    root = pathlib.Path(sys.argv[1])
    page, layout, table = Page(root), layout_of(root), agents_table(root)
    page.same(SECTIONS[0], fields_of_documents(root), "field of a document")
    page.same(SECTIONS[1], set(table), "setting of the agent's table")
    page.same(SECTIONS[2], set(layout) - set(table), "setting without an effect")
    for name in set(table) - set(layout):
        page.bad.append(f"agent/mo/mo_vm_support.c: {name} is no setting of the layout")
    if len(table) < 50:
        page.bad.append("agent/mo/mo_vm_support.c: the table cannot be read any more")
    check_effects(page, layout, table)
    print("\n".join(page.bad))
    return 1 if page.bad else 0


if __name__ == "__main__":
    sys.exit(main())
