"""Statement lines: amounts, and what every kind of charge writes (STATEMENT_LINES)."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.outputs import QUANTITY, STATEMENT_LINES
from ledger_pipelines.frames import (
    Series,
    constant,
    dtype,
    narrowed,
    over_distinct,
    rounded,
    to_arrow,
    trimmed,
)
from ledger_pipelines.money import CHARGE, minor_unit

MANAGED_SERVICES = "Managed Services"
BACKUP_SERVICES = "Backup Services"
HOURLY_LABOR = "Hourly Labor"
CUSTOM_CHARGE = "Custom Charge"


def charged(amounts: Series, currency: str) -> Series:
    """Products of quantities and rates as amounts of a line (CHARGE): half-up to the currency's minor unit.

    Raises LedgerError where one has more digits than a line can hold.
    """
    places = min(minor_unit(currency), CHARGE.scale)
    return over_distinct(amounts, lambda distinct: narrowed(rounded(distinct, places), CHARGE))


def statement_lines(frame: pd.DataFrame, **constants: str) -> pa.Table:
    """The frame as statement lines: it has all columns of STATEMENT_LINES but the `constants`, which are alike in each.

    One without a `quantity` is of one each.
    """
    if frame.empty:
        return STATEMENT_LINES.empty_table()
    if "quantity" not in frame.columns:
        frame = frame.assign(quantity=constant(1, QUANTITY, frame))
    columns = {name: constant(text, pa.string(), frame) for name, text in constants.items()}
    return to_arrow(frame.assign(**columns), STATEMENT_LINES)


def labels(names: Series, unnamed: str, ids: Series) -> Series:
    """Names, or where there is none, `unnamed` and the record's id: `Device 17`."""
    found = trimmed(names)
    return found.fillna(unnamed + " " + ids.astype(dtype(pa.string()))) if found.hasnans else found
