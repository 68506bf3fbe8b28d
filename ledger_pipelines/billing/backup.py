"""Backup: base fees for backed-up devices and overage over the company's pool (rules/billing.md, Backup).

Only the sources' devices count, by the type that they are billed as. All devices' bytes fill the pool, also
those of devices that neither pay a base fee nor bring a quota. Bytes below 0 count as none. Overage is charged by
the terabytes that its line shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.billing.assets import ASSET_TYPES, SERVER, VM, WORKSTATION, Devices
from ledger_pipelines.billing.lines import BACKUP_SERVICES, ONE, RATE_UNIT, Stated, charged, statement_lines
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.storage import BYTE_UNIT, TERABYTE
from ledger_pipelines.columns import Exact, Int64s, Mask, exact, half_up, same


@dataclass(frozen=True, slots=True)
class BackupCharges:
    """By statement: what is backed up (whole bytes; quota and overage in ten-thousandths of a byte) and the charges.

    `charges` and `overage_charges` in the currency's minor unit; the first includes the second.
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
    """A line for each base fee whose devices there are, and one for overage where there is any."""
    count = terms.index.count
    backed_up = devices.stored.backed_up
    types, rows = devices.types[backed_up], devices.rows[backed_up]
    workstations = np.bincount(rows[types == ASSET_TYPES.code(WORKSTATION)], minlength=count)
    is_server = (types == ASSET_TYPES.code(SERVER)) | (types == ASSET_TYPES.code(VM))
    servers = np.bincount(rows[is_server], minlength=count)
    total = devices.stored.summed(devices.rows, count)
    included = exact(workstations + servers) * exact(terms.rates["backup_included_tb"]) * TERABYTE
    overage: Exact = np.maximum(total - included, 0)
    fees = terms.rates["backup_per_tb_fee"]
    terabytes = half_up(overage * ONE, BYTE_UNIT * TERABYTE)
    overage_charges = charged(terabytes * exact(fees), ONE * RATE_UNIT, currency)
    lines, charges = [], overage_charges
    for device, many in (("workstation", workstations), ("server", servers)):
        rates = terms.rates[f"backup_base_fee_{device}"]
        amounts = charged(exact(many) * exact(rates), RATE_UNIT, currency)
        base = _Line(f"base_{device}", f"Backup base fee, {device}s", exact(many) * ONE, rates, amounts)
        lines.append(base.stated(terms, many > 0, currency))
        charges = charges + amounts
    over = _Line("overage", "Backup storage over the included TB", terabytes, fees, overage_charges)
    lines.append(over.stated(terms, overage > 0, currency))
    stored = half_up(total, BYTE_UNIT).astype(np.int64)
    return BackupCharges(lines, workstations, servers, stored, included, overage, charges, overage_charges)


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
