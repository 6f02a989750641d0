# SPDX-License-Identifier: Apache-2.0
import pathlib
import random
import shutil
import tempfile

import pytest

import world


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the slow fault runs")
    parser.addoption("--campaigns", action="store_true", help="the campaigns of kills and power cuts too; they are for a build without sanitizers")
    parser.addoption("--shuffle", type=int, default=None, metavar="SEED", help="in random order; 0: another one each time")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only with --all")
    config.addinivalue_line("markers", "campaign: only with --campaigns")
    if config.option.shuffle == 0:
        config.option.shuffle = random.SystemRandom().randrange(1, 1 << 31)


def pytest_terminal_summary(terminalreporter, config):
    if config.option.shuffle is not None:
        terminalreporter.write_line(f"in random order: --shuffle {config.option.shuffle}")


def _shuffle(items, seed):
    """Files in random order, and the tests of each: what a file's tests share is made once all the same."""
    dice = random.Random(seed)
    files = sorted({item.path for item in items})
    dice.shuffle(files)
    dice.shuffle(items)
    items.sort(key=lambda item: files.index(item.path))


def pytest_collection_modifyitems(config, items):
    if config.getoption("--shuffle") is not None:
        _shuffle(items, config.option.shuffle)
    for marker, option in (("slow", "--all"), ("campaign", "--campaigns")):
        for item in items:
            if marker in item.keywords and not config.getoption(option):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: runs with tests/run.sh --all"))


def text_logs(folder):
    """The logs of the programs that a test started. A browser keeps a profile of its own there, with databases that end in .log too."""
    return [p for p in sorted(folder.rglob("*.log")) if "browser" not in p.relative_to(folder).parts and b"\0" not in p.read_bytes()]


def _tail(path, size):
    text = path.read_bytes()
    return text[-size:].decode(errors="replace").partition("\n")[2] if len(text) > size else text.decode(errors="replace")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the programs had to say, and what the server thinks of its devices."""
    report = (yield).get_result()
    folder = item.funcargs.get("folder") if hasattr(item, "funcargs") else None
    if not report.failed or call.when != "call" or folder is None:
        return
    server = item.funcargs.get("server")
    if server is not None:
        for path in ("/devices?limit=20", "/operations?limit=20", "/notifications?limit=10"):
            try:
                report.sections.append((path, server.call("GET", path).text))
            except Exception as err:                # it may be the very thing that failed
                report.sections.append((path, repr(err)))
    for log in text_logs(folder):
        report.sections.append((str(log.relative_to(folder)), _tail(log, 12000)))


@pytest.fixture
def folder():
    """A short path (sockets live below it) that an unprivileged server can reach."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server(folder):
    s = world.Server(folder / "server").start()
    yield s
    s.stop()


@pytest.fixture
def phone(folder, server):
    p = world.Phone(folder / "phone", server).start()
    yield p
    p.stop()
