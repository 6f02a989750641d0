# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import tempfile

import pytest


@pytest.fixture
def folder():
    """A short path that an unprivileged server can reach."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="dmv-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)
