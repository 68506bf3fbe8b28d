"""The VAT summary: base and VAT of a month by account, code or category, and rate (rules/general_ledger.md)."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from ledger_pipelines.frames import dtype, narrowed, to_arrow, to_pandas
from ledger_pipelines.general_ledger.balances import ZERO, filled, summed
from ledger_pipelines.tables.general_ledger import JOURNAL_LINES, LEDGER_AMOUNT
from ledger_pipelines.tables.sub_ledgers import VAT_SUMMARY
from ledger_pipelines.tables.table import TEXT

#: Lines that have to do with VAT: those of its accounts, and those that name a code or category without VAT.
VAT_LINES = JOURNAL_LINES.part(
    ("month", "account", "debit", "credit", "currency", "vat_category", "vat_code", "vat_rate", "vat_base")
)
#: Categories in which there is a base and no VAT (EN 16931): zero rated, exempt, reverse charge, outside.
_WITHOUT_VAT = frozenset({"Z", "E", "AE", "K", "G", "O"})


def vat_summary(lines: pa.Table, vat_accounts: Collection[str]) -> pa.Table:
    """The summary of the lines' months, with the columns of `vat_summary`; debits are positive.

    A line of an account of `vat_accounts` is VAT, and its base is what it names; another one is a base where its category
    or rate has no VAT, which so stands in no VAT line.
    """
    frame = filled(to_pandas(lines), ["debit", "credit"])
    amount = narrowed(frame["debit"] - frame["credit"], LEDGER_AMOUNT)
    is_vat = frame["account"].isin(list(vat_accounts)).astype("bool[pyarrow]")
    names_none = frame["vat_category"].isin(list(_WITHOUT_VAT)) | (frame["vat_rate"] == ZERO).fillna(False)
    frame = frame.assign(
        vat=amount.where(is_vat, ZERO), is_base=(~is_vat & names_none).astype("bool[pyarrow]")
    )
    # A base is stated without its side: it is that of its VAT.
    stated = frame["vat_base"].fillna(ZERO).abs()
    stated = stated.where(amount >= ZERO, -stated)
    base = stated.where(is_vat, amount)
    frame = frame.assign(base=narrowed(base, LEDGER_AMOUNT))[is_vat | frame["is_base"]]
    code = frame["vat_code"].fillna(frame["vat_category"]).fillna("")
    rate = frame["vat_rate"].astype("string[pyarrow]").astype(dtype(TEXT)).fillna("")
    frame = frame.assign(code=code, rate_text=rate, rate=frame["vat_rate"])
    by = ["month", "account", "code", "rate_text", "currency"]
    rates = frame[[*by, "rate"]].drop_duplicates(by)
    return to_arrow(summed(frame, ["base", "vat"], by).merge(rates, on=by, how="left"), VAT_SUMMARY.schema)
