"""One `ledger up` for all files of this folder: starting it takes longer than most of what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.end_to_end.running_up import Up, running_up


@pytest.fixture(scope="package")
def running(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """On the books of a school, with January 2025 closed by a command. Schedules are left as they were found."""
    with running_up(server, tmp_path_factory.mktemp("up"), "2025-01") as running:
        yield running


@pytest.fixture(scope="module")
def up(running: Up) -> Up:
    """The one that runs."""
    return running
