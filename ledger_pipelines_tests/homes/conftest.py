"""Folders for homes, which any user may reach."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.conftest import short_folder
from ledger_pipelines_tests.homes.programs import Machine, other_user


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that every user may enter."""
    made = short_folder("homes-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(params=["as we are", "as another user"])
def machine(request: pytest.FixtureRequest, folder: Path) -> Machine:
    """Programs as the user of the tests, and as another; the folder is theirs."""
    if request.param == "as we are":
        return Machine()
    found = other_user()
    assert found.user is not None
    entry = pwd.getpwnam(found.user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return found


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home whose cluster is made and not running, to be copied from: making one takes seconds."""
    made = short_folder("homes-made-")
    server = EmbeddedServer(made / "home")
    server.database()
    server.release()
    yield made / "home"
    shutil.rmtree(made)
