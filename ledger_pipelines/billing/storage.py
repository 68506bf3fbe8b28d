"""How much each device has backed up: TB as Codex writes them, else bytes (rules/billing.md, Backup).

Codex's TB are a text with two decimals and exact as such; its bytes are cut from a float of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.inputs import TERABYTES
from ledger_pipelines.billing.outputs import BYTES
from ledger_pipelines.columns import (
    Exact,
    Int64s,
    Mask,
    column,
    exact,
    int64s,
    present,
    small_units,
    summed,
    summed_exactly,
)

TERABYTE = 1 << 40
#: A byte in the smallest unit in which bytes are kept.
BYTE_UNIT = 10**BYTES.scale

_PARTS = 10**TERABYTES.scale
#: TB from which bytes no longer fit 64 bits.
_TOO_MANY = 1 << 23
#: By how much bytes that were cut from a float may differ from their TB.
_CUT = 2


@dataclass(frozen=True, slots=True)
class Stored:
    """What each device has backed up: in hundredths of a TB where `by_terabytes`, in bytes elsewhere.

    `contradicts` where TB are known and are not those of the bytes; the bytes count.
    """

    by_terabytes: Mask
    terabytes: Int64s
    bytes: Int64s
    contradicts: Mask

    @property
    def backed_up(self) -> Mask:
        """Which devices have anything backed up."""
        return np.where(self.by_terabytes, self.terabytes, self.bytes) > 0

    def summed(self, groups: Int64s, count: int) -> Exact:
        """What the devices of each of `count` groups have, in the smallest unit of bytes."""
        in_terabytes = summed(np.where(self.by_terabytes, self.terabytes, 0), groups, count)
        in_bytes = summed_exactly(np.where(self.by_terabytes, 0, self.bytes), groups, count)
        total: Exact = exact(in_terabytes) * (TERABYTE * BYTE_UNIT // _PARTS) + in_bytes * BYTE_UNIT
        return total


def stored_by(assets: pa.Table) -> Stored:
    """What these devices (of the input `assets`) have backed up."""
    in_bytes = np.maximum(int64s(column(assets, "backup_data_bytes")), 0)
    written = column(assets, "backup_usage_tb")
    terabytes = small_units(written)
    fitting = np.where(terabytes < _TOO_MANY * _PARTS, terabytes, 0)
    meant = (fitting // _PARTS) * TERABYTE + (fitting % _PARTS) * TERABYTE // _PARTS
    agrees = (terabytes == fitting) & (np.abs(meant - in_bytes) <= _CUT)
    known = present(written)
    return Stored(known & agrees, terabytes, in_bytes, known & ~agrees)
