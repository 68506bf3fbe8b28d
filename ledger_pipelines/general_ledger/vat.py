"""Output VAT of invoices by rate (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import constant, mapped, narrowed, records_of, to_pandas
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.drafts import part
from ledger_pipelines.money import minor_unit
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT, VAT_RATE
from ledger_pipelines.tables.table import TEXT

_KEYS = ["month", "source_id"]
_SHARES = pa.schema(
    dict.fromkeys(("source_system", "source_id", "description"), TEXT)
    | dict.fromkeys(("tax", "subtotal"), LEDGER_AMOUNT)
    | {"tax_rate": VAT_RATE}
)
_ZERO = Decimal(0)


def vat_parts(documents: pd.DataFrame, lines: pa.Table, chart: Chart) -> pd.DataFrame:
    """The VAT of each document, at each of its lines' rates, on the rates' accounts.

    `documents` have `tax` and `subtotal` as the ledger has them, `lines` the rates in percent. What a document states is
    shared out by what its lines come to at each rate, rounded on the cumulative sums: the shares add up to it. Where no
    line says a rate, the document's tax stands alone, without one.
    """
    taxed = documents[documents["tax"] != 0]
    held = to_pandas(lines).rename(columns={"invoice_id": "source_id"})
    # A line without a rate is one of rate 0: it takes its part of the base.
    zero = constant(_ZERO, VAT_RATE, held)
    held = held.assign(tax_rate=held["tax_rate"].fillna(zero))
    rates = held.groupby(_KEYS, as_index=False).agg(low=("tax_rate", "min"), high=("tax_rate", "max"))
    rates = taxed.merge(rates, on=_KEYS, how="left")
    is_mixed = (rates["low"] != rates["high"]).fillna(False)
    # Of a document none of whose lines says a rate, nobody knows it.
    rates = rates.assign(high=rates["high"].mask(rates["high"] == _ZERO))
    plain = rates[~is_mixed].rename(columns={"high": "tax_rate"})[_SHARES.names]
    mixed = pa.Table.from_pylist(_mixed_shares(rates[is_mixed], held), _SHARES)
    rows = pd.concat([plain, to_pandas(mixed)], ignore_index=True)
    is_rated = (rows["tax_rate"] > 0).fillna(False)
    return part(
        rows,
        mapped(rows["tax_rate"], lambda rate: chart.vat_account("output_vat", rate), TEXT),
        narrowed(-rows["tax"], LEDGER_AMOUNT),
        vat_rate=rows["tax_rate"],
        vat_base=rows["subtotal"],
        vat_category=constant("S", TEXT, rows).where(is_rated),
        description=rows["description"],
    )


def rates_without_account(lines: pa.Table, chart: Chart) -> list[Decimal]:
    """The rates above zero that have no account of their own: they go to the highest rate's."""
    rates: list[Any] = lines["tax_rate"].unique().to_pylist()
    return sorted(rate for rate in rates if rate and not chart.has_rate("output_vat", rate))


def _mixed_shares(documents: pd.DataFrame, lines: pd.DataFrame) -> list[dict[str, Any]]:
    """The shares of documents with several rates: few, and each with its own."""
    if documents.empty:
        return []
    by_document: dict[tuple[Any, str], dict[Decimal, Decimal]] = {}
    wanted = lines.merge(documents[_KEYS], on=_KEYS)
    for line in records_of(wanted[[*_KEYS, "tax_rate", "net_amount"]]):
        nets = by_document.setdefault((line["month"], line["source_id"]), {})
        rate = line["tax_rate"] or _ZERO
        nets[rate] = nets.get(rate, _ZERO) + line["net_amount"]
    found = []
    for row in records_of(documents):
        nets = by_document[row["month"], row["source_id"]]
        unit = Decimal(1).scaleb(-minor_unit(row["currency"]))
        rates = sorted(nets)
        taxes = shared(row["tax"], [nets[rate] * rate for rate in rates], unit)
        bases = shared(row["subtotal"], [nets[rate] for rate in rates], unit)
        own = {name: row[name] for name in ("source_system", "source_id", "description")}
        found += [
            own | {"tax": tax, "subtotal": base, "tax_rate": rate}
            for rate, tax, base in zip(rates, taxes, bases, strict=True)
        ]
    return found


def shared(amount: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """The amount in shares by these weights, rounded half up to `unit` on the cumulative sums: they add up to it.

    Where the weights sum to zero, the last share is all of it.
    """
    total = sum(weights, _ZERO)
    if not total:
        return [*([_ZERO] * (len(weights) - 1)), amount]
    shares, weight, before = [], _ZERO, _ZERO
    with localcontext(prec=60, rounding=ROUND_HALF_UP):
        for one in weights:
            weight += one
            upto = (amount * weight / total).quantize(unit)
            shares.append(upto - before)
            before = upto
        shares[-1] += amount - before
    return shares
