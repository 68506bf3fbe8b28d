"""A database for one benchmark, filled by another process so that the peak memory measured here is the run's."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import migrate


@contextmanager
def filled_database(first_month: date, fill: Callable[..., None], *arguments: Any) -> Iterator[Database]:
    """A migrated database that `fill(database, *arguments)` has filled; thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as home:
        server = EmbeddedServer(Path(home))
        try:
            database = server.database()
            migrate(database, first_month=first_month)
            filling = multiprocessing.get_context("spawn").Process(target=fill, args=(database, *arguments))
            filling.start()
            filling.join()
            if filling.exitcode:
                raise RuntimeError("the benchmark's inputs could not be written")
            yield database
        finally:
            server.release()
