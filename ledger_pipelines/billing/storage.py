"""How much each device has backed up: TB as Codex writes them, else bytes (rules/billing.md, Backup).

Codex's TB are a text with two decimals and exact as such; its bytes are cut from a float of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from ledger_pipelines.billing.outputs import BYTES
from ledger_pipelines.frames import dtype, narrowed

#: In bytes; of any type, since pandas' stubs know of no decimals.
TERABYTE: Any = Decimal(2**40)

#: By how many whole bytes those that were cut from a float may differ from their TB.
_CUT = 2


def with_storage(assets: pd.DataFrame) -> pd.DataFrame:
    """These devices (of the input `assets`) with `stored`, in bytes (BYTES), and `contradicts`.

    They contradict where TB are known and are not those of the bytes; the bytes count.
    """
    in_bytes = assets["backup_data_bytes"].fillna(0).clip(lower=0).astype(dtype(BYTES))
    written = assets["backup_usage_tb"] * TERABYTE
    excess = written - in_bytes
    # A fraction of a byte that the TB have over is no difference.
    agrees = (excess >= -_CUT) & (excess < _CUT + 1)
    stored = narrowed(written.where(agrees.fillna(False)), BYTES).fillna(in_bytes)
    return assets.assign(stored=stored, contradicts=(~agrees).fillna(False))
