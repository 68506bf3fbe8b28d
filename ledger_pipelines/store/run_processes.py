"""The processes that execute runs, so that one that was killed is known wherever it was, and one that lives is left.

Of a process on the same machine the operating system says whether it lives. One elsewhere holds an advisory lock of
its run: the server frees it when the process, or its machine, is gone. A lock is also lost when the server is started
again; the process takes it again within seconds, so that only one that nobody holds for longer is a dead one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.process_identity import ProcessIdentity, this_process

#: How often a process checks that it still holds its run, and how long a run may be unheld before it counts as dead.
_HOLD_AGAIN_SECONDS = 3.0
_UNHELD_SECONDS = 25
#: The runs that this process holds.
_held: set[str] = set()


@contextmanager
def held_run(database: Database, run_id: str) -> Iterator[None]:
    """While the body runs, this process is the one that executes the run, and everyone can know whether it lives.

    Within another hold of the same run by this process it does nothing. Raises DatabaseUnavailableError when there is
    no database to begin with; one that goes away meanwhile is waited for.
    """
    if run_id in _held:
        yield
        return
    with database.connect(application_name="ledger run") as connection:
        register_process(connection, run_id, this_process())
    hold = _Hold(database, run_id)
    _held.add(run_id)
    try:
        with hold.held():
            yield
    finally:
        _held.discard(run_id)


def register_process(connection: psycopg.Connection, run_id: str, process: ProcessIdentity) -> None:
    """Records that this process executes the run, or will."""
    connection.execute(
        """INSERT INTO run_processes (run_id, place, pid, started) VALUES (%s, %s, %s, %s)
           ON CONFLICT (run_id) DO UPDATE SET place = excluded.place, pid = excluded.pid, started = excluded.started,
                                              unheld_since = NULL""",
        [run_id, process.place, process.pid, process.started],
    )


def process_of(connection: psycopg.Connection, run_id: str) -> ProcessIdentity | None:
    """The process that executes the run, or did; None when none was ever registered."""
    row = connection.execute(
        "SELECT place, pid, started FROM run_processes WHERE run_id = %s", [run_id]
    ).fetchone()
    return None if row is None else ProcessIdentity(*row)


def forget_processes(connection: psycopg.Connection, run_ids: Sequence[str]) -> None:
    """Forgets which processes executed these runs, which have ended."""
    connection.execute("DELETE FROM run_processes WHERE run_id = ANY(%s)", [list(run_ids)])


def is_executed(connection: psycopg.Connection, run_id: str) -> bool | None:
    """Whether the run's process lives; None when none was ever registered."""
    process = process_of(connection, run_id)
    if process is None:
        return None
    if process.is_here and process.is_alive:
        return True
    # Of another user's process the system may say nothing; but its lock is free as soon as it is gone.
    patience = 0 if process.is_here else _UNHELD_SECONDS
    return not _is_unheld(connection, run_id, patience)


def _is_unheld(connection: psycopg.Connection, run_id: str, patience: int) -> bool:
    """Whether nobody holds the run, and nobody did at any look for `patience` seconds; stores since when.

    Where the clock was set back, it is since then at the latest.
    """
    (row,) = connection.execute(
        """UPDATE run_processes SET unheld_since = CASE
               WHEN (SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s, 0)))
               THEN least(unheld_since, now()) END
           WHERE run_id = %(run)s
           RETURNING coalesce(unheld_since <= now() - make_interval(secs => %(patience)s), false)""",
        {"lock": _lock(run_id), "run": run_id, "patience": patience},
    ).fetchall()
    return bool(row[0])


@dataclass(slots=True)
class _Hold:
    """A run's advisory lock, taken again whenever its connection is lost."""

    database: Database
    run_id: str
    _over: threading.Event = field(default_factory=threading.Event)
    _connection: psycopg.Connection | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock until the body is done."""
        self._take()
        keeper = threading.Thread(target=self._keep, name=f"holds {self.run_id}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._over.set()
            keeper.join(_HOLD_AGAIN_SECONDS)
            if self._connection is not None:
                self._connection.close()

    def _keep(self) -> None:
        while not self._over.wait(_HOLD_AGAIN_SECONDS):
            with suppress(psycopg.Error, LedgerError):
                if self._connection is None or self._connection.closed:
                    self._take()
                else:
                    self._connection.execute("SELECT 1")

    def _take(self) -> None:
        self._connection = self.database.connect(application_name="ledger run")
        (row,) = self._connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [_lock(self.run_id)]
        ).fetchall()
        if not row[0]:
            # The server has not yet noticed that our former connection is gone, or somebody looks at this moment.
            self._connection.close()


def _lock(run_id: str) -> str:
    return f"ledger.run:{run_id}"
