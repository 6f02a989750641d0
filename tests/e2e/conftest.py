import pathlib
import shutil
import tempfile

import pytest

import world


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the slow fault runs")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only with --all")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: runs with tests/run.sh --all"))


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
        for path in ("/devices?limit=20", "/operations?limit=20", "/triggers?limit=10"):
            try:
                report.sections.append((path, server.call("GET", path).text))
            except Exception as err:                # it may be the very thing that failed
                report.sections.append((path, repr(err)))
    for log in sorted(folder.rglob("*.log")):
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
