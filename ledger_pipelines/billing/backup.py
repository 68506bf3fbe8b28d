"""Backup: base fees for backed-up devices and overage over the company's pool (rules/billing.md, Backup).

Only the sources' devices count, by the type that they are billed as. All devices' bytes fill the pool, also
those of devices that neither pay a base fee nor bring a quota. Bytes below 0 count as none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.assets import ASSET_TYPES, SERVER, VM, WORKSTATION, Devices
from ledger_pipelines.billing.lines import BACKUP_SERVICES, ONE, Stated, statement_lines
from ledger_pipelines.billing.outputs import BYTES
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.columns import Exact, Int64s, Mask, exact, half_up, same, summed
from ledger_pipelines.errors import LedgerError

TERABYTE = 1 << 40

_RATE_UNIT = 10**4
_BYTE_UNIT = 10**BYTES.scale
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class BackupCharges:
    """By statement: what is backed up (bytes; quota and overage in ten-thousandths of a byte) and the
    charges.

    `charges` and `overage_charges` in hundredths; the first includes the second.
    """

    lines: Sequence[pa.Table]
    workstations: Int64s
    servers: Int64s
    stored: Int64s
    included: Exact
    overage: Exact
    charges: Exact
    overage_charges: Exact


def charge_backup(terms: Terms, devices: Devices, currency: str) -> BackupCharges:
    """A line for each base fee whose devices there are, and one for overage where there is any.

    Raises LedgerError when a company's bytes are more than can be counted (8 EiB).
    """
    count = terms.index.count
    stored = np.maximum(devices.backup_bytes, 0)
    backed_up = stored > 0
    types, rows = devices.types[backed_up], devices.rows[backed_up]
    workstations = np.bincount(rows[types == ASSET_TYPES.code(WORKSTATION)], minlength=count)
    is_server = (types == ASSET_TYPES.code(SERVER)) | (types == ASSET_TYPES.code(VM))
    servers = np.bincount(rows[is_server], minlength=count)
    total = _exact_sum(stored[backed_up], rows, count)
    included = exact(workstations + servers) * exact(terms.rates["backup_included_tb"]) * TERABYTE
    overage: Exact = np.maximum(total * _BYTE_UNIT - included, 0)
    fee = exact(terms.rates["backup_per_tb_fee"])
    overage_charges = half_up(overage * fee, _BYTE_UNIT * _RATE_UNIT * TERABYTE // 100)
    lines, charges = [], overage_charges
    for device, many in (("workstation", workstations), ("server", servers)):
        rates = terms.rates[f"backup_base_fee_{device}"]
        amounts = half_up(exact(many) * exact(rates), _RATE_UNIT // 100)
        base = _Line(f"base_{device}", f"Backup base fee, {device}s", exact(many) * ONE, rates, amounts)
        lines.append(base.stated(terms, many > 0, currency))
        charges = charges + amounts
    terabytes = half_up(overage * ONE, _BYTE_UNIT * TERABYTE)
    rates = terms.rates["backup_per_tb_fee"]
    over = _Line("overage", "Backup storage over the included TB", terabytes, rates, overage_charges)
    lines.append(over.stated(terms, overage > 0, currency))
    return BackupCharges(
        lines, workstations, servers, _counted(terms, total), included, overage, charges, overage_charges
    )


def _exact_sum(stored: Int64s, rows: Int64s, count: int) -> Exact:
    """Sums that may pass 64 bits: the halves of each number are added apart."""
    low, high = summed(stored & 0xFFFFFFFF, rows, count), summed(stored >> 32, rows, count)
    total: Exact = exact(high) * (1 << 32) + exact(low)
    return total


def _counted(terms: Terms, total: Exact) -> Int64s:
    if total.size and total.max() > _LARGEST:
        account = terms.frame["account_number"][int(np.argmax(total))].as_py()
        raise LedgerError(
            f"The backups of company {account} add up to more bytes than can be counted: "
            "look for a device with an impossible backup size in Codex."
        )
    return total.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that each statement may have: quantities in millionths, rates and amounts by statement."""

    kind: str
    description: str
    quantities: Exact
    rates: Int64s
    amounts: Exact

    def stated(self, terms: Terms, where: Mask, currency: str) -> pa.Table:
        """The lines of the statements where the mask holds."""
        rows = np.flatnonzero(where)
        kinds, descriptions = same(self.kind, rows.size), same(self.description, rows.size)
        return statement_lines(
            terms,
            Stated(rows, "backup", kinds, "backup", kinds, BACKUP_SERVICES, descriptions),
            rates=self.rates[rows],
            amounts=self.amounts[rows],
            quantities=self.quantities[rows],
            currency=currency,
        )
