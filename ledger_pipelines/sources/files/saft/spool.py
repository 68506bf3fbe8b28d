"""Batches kept on disk between reading a file to its end and posting it: no entry is written before all are checked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from ledger_pipelines.sources.files.saft.batches import ENTRIES, LINES, Batch

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """Batches, written once and then read as often as needed, in their order."""

    def __init__(self, folder: Path) -> None:
        self._paths = folder / "entries.arrow", folder / "lines.arrow"
        self._writers = [
            pa.ipc.new_stream(str(path), schema, options=_OPTIONS)
            for path, schema in zip(self._paths, (ENTRIES, LINES), strict=True)
        ]

    def write(self, batch: Batch) -> None:
        """Adds a batch."""
        for writer, table in zip(self._writers, (batch.entries, batch.lines), strict=True):
            # As one record batch, also where it is empty: the two streams keep step.
            writer.write_batch(table.combine_chunks().to_batches()[0] if table.num_rows else _empty(table))

    def finish(self) -> None:
        """Ends the writing."""
        for writer in self._writers:
            writer.close()

    def __iter__(self) -> Iterator[Batch]:
        entries, lines = (pa.ipc.open_stream(pa.OSFile(str(path), "rb")) for path in self._paths)
        with entries, lines:
            for entry_batch, line_batch in zip(entries, lines, strict=True):
                yield Batch(pa.Table.from_batches([entry_batch]), pa.Table.from_batches([line_batch]))


@contextmanager
def spooling() -> Iterator[Spool]:
    """A spool in a folder of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="ledger-saft-") as folder:
        spool = Spool(Path(folder))
        try:
            yield spool
        finally:
            spool.finish()


def _empty(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=table.schema)
