"""Backup: base fees for backed-up devices and overage over the company's pool (rules/billing.md, Backup).

Only the sources' devices count, by the type that they are billed as. All devices' bytes fill the pool, also
those of devices that neither pay a base fee nor bring a quota. Bytes below 0 count as none. Overage is charged by
the terabytes that its line shows.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.devices import SERVER, VM, WORKSTATION
from ledger_pipelines.billing.inputs import KEY
from ledger_pipelines.billing.lines import BACKUP_SERVICES, charged, statement_lines
from ledger_pipelines.billing.outputs import BYTES, QUANTITY, STATEMENT_LINES
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.storage import TERABYTE
from ledger_pipelines.frames import Series, constant, dtype, narrowed, rounded, summed, widened

_POOL = [
    *KEY,
    *("backed_up_workstations", "backed_up_servers", "backup_bytes", "included_bytes", "overage_bytes"),
]
#: The type of the line for what goes over the pool.
OVERAGE = "overage"


def charge_backup(terms: Terms, devices: pd.DataFrame, currency: str) -> tuple[pa.Table, pd.DataFrame]:
    """Lines for each base fee whose devices there are and for overage where there is any; and each statement's pool.

    That has a row for each of `terms`: month, account_number, and what STATEMENTS says of backup.
    """
    backed_up = devices[devices["stored"] > 0]
    pools = _pools(terms, backed_up)
    if backed_up.empty:
        return STATEMENT_LINES.empty_table(), pools[_POOL]
    parts = [
        _line(
            pools[pools[f"backed_up_{device}s"] > 0],
            f"base_{device}",
            f"Backup base fee, {device}s",
            quantity=f"backed_up_{device}s",
            rate=f"backup_base_fee_{device}",
        )
        for device in ("workstation", "server")
    ]
    over = pools[pools["overage_bytes"] > 0]
    terabytes = over.assign(terabytes=_in_terabytes(over["overage_bytes"]))
    description = "Backup storage over the included TB"
    parts.append(_line(terabytes, OVERAGE, description, quantity="terabytes", rate="backup_per_tb_fee"))
    lines = pd.concat(parts)
    lines = lines.assign(amount=charged(lines["quantity"] * lines["rate"], currency))
    constants = {"source_type": "backup", "kind": "backup", "item": BACKUP_SERVICES, "currency": currency}
    return statement_lines(lines.assign(source_id=lines["type"]), **constants), pools[_POOL]


def _pools(terms: Terms, backed_up: pd.DataFrame) -> pd.DataFrame:
    is_server = (backed_up["type"] == SERVER) | (backed_up["type"] == VM)
    counted = backed_up.assign(
        backed_up_workstations=(backed_up["type"] == WORKSTATION).astype(dtype(pa.int64())),
        backed_up_servers=is_server.astype(dtype(pa.int64())),
    )
    names = ["backed_up_workstations", "backed_up_servers", "stored"]
    pools = terms.frame.merge(summed(counted, KEY, names), on=KEY, how="left")
    pools = pools.assign(**{name: pools[name].fillna(0) for name in names})
    bringing = narrowed(pools["backed_up_workstations"] + pools["backed_up_servers"], QUANTITY)
    stored = narrowed(pools["stored"], BYTES)
    included = narrowed(widened(bringing * pools["backup_included_tb"]) * TERABYTE, BYTES)
    return pools.assign(
        backup_bytes=rounded(stored, 0).astype(dtype(pa.int64())),
        included_bytes=included,
        overage_bytes=narrowed((stored - included).clip(lower=0), BYTES),
    )


def _in_terabytes(in_bytes: Series) -> Series:
    """Bytes in TB to six decimals. Division cuts its result off, with more than enough places to round by."""
    return narrowed(rounded(widened(in_bytes) / TERABYTE, QUANTITY.scale), QUANTITY)


def _line(pools: pd.DataFrame, kind: str, description: str, *, quantity: str, rate: str) -> pd.DataFrame:
    lines = pools[[*KEY, quantity, rate]].rename(columns={quantity: "quantity", rate: "rate"})
    return lines.assign(
        quantity=narrowed(lines["quantity"], QUANTITY),
        type=constant(kind, pa.string(), lines),
        description=constant(description, pa.string(), lines),
    )
