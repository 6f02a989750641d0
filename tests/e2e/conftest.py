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
