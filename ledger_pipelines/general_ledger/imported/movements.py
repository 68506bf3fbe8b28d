"""What an export's lines sum to by account and party, before any of them is posted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

_KEY = ["account", "customer", "supplier"]
_ZERO = pa.scalar(0, LEDGER_AMOUNT)
_compute: Any = pc


def movements(lines: pa.Table) -> pa.Table:
    """`account`, `customer`, `supplier` and `amount`, debits positive, of lines as they stand in the file."""
    debit, credit = (_compute.fill_null(lines[side], _ZERO) for side in ("debit", "credit"))
    amounts = _compute.subtract(debit, credit)
    return _summed(lines.select(_KEY).append_column("amount", amounts))


def together(parts: Iterable[pa.Table]) -> pa.Table:
    """Movements of several batches as those of all."""
    return _summed(pa.concat_tables(list(parts)))


def _summed(rows: pa.Table) -> pa.Table:
    sums = rows.group_by(_KEY, use_threads=False).aggregate([("amount", "sum")])
    return sums.rename_columns([*_KEY, "amount"])
