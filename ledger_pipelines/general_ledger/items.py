"""Items of the sub-ledgers: what journal lines on control accounts come to (rules/general_ledger.md, Sub-ledgers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.due_dates import NO_TERMS, Terms, due_date
from ledger_pipelines.general_ledger.matched import Item
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, JOURNAL_LINES
from ledger_pipelines.tables.table import TEXT

#: Smallest units of an amount of the ledger in one unit of its currency.
UNITS = 1000
_ENTRY = ("posting_date", "document_date", "source_type", "source_system", "source_id", "reverses")
_LINE = (
    *("entry_id", "line", "account", "debit", "credit", "currency", "party", "description"),
    *("reference", "kid", "invoice_number", "settles", "due_date"),
)
#: A journal line on a control account, with what its entry says; `control` is whose account it is.
CONTROL_LINES = pa.schema(
    [*JOURNAL_LINES.part(_LINE), *JOURNAL_ENTRIES.part(_ENTRY), pa.field("control", TEXT)]
)
#: Documents that make a row by themselves; an opening balance has no number that could be an invoice's.
_INVOICES = frozenset({"customer_invoice", "vendor_invoice"})
#: Why a line without a party makes no row, by its entry's source type; of the others the party may yet be found.
OUTSIDE = {"manual": "manual", "opening": "openings"}


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """A line that makes no row, by design: its amount raises (+) or lowers the account's balance."""

    account: str
    currency: str
    day: date
    reason: str
    amount: int


@dataclass(frozen=True, slots=True)
class ControlItems:
    """What the lines on control accounts come to."""

    items: list[Item]
    outside: list[OutsideLine]


def items_of(lines: pa.Table, terms: Mapping[str, Terms] | None = None) -> ControlItems:
    """The items of journal lines (`CONTROL_LINES`); `terms` are the parties' payment terms.

    The lines of an entry for one party, account, currency and side are one item. Of those that name no party each is one:
    they may be several people's. A line of 0 is none.
    """
    terms = terms or {}
    lines = lines.sort_by([("entry_id", "ascending"), ("line", "ascending")])
    debits, credits = (_in_units(lines[side]) for side in ("debit", "credit"))
    names = [name for name in CONTROL_LINES.names if name not in ("debit", "credit")]
    values = [lines[name].to_pylist() for name in names]
    items: dict[tuple[Any, ...], Item] = {}
    outside = []
    for debit, credit, *fields in zip(debits, credits, *values, strict=True):
        line = dict(zip(names, fields, strict=True))
        amount = debit or credit
        if not amount:
            continue
        is_raising = (debit != 0) == (line["control"] == "customer")
        if line["party"] is None and line["source_type"] in OUTSIDE:
            signed, reason = amount if is_raising else -amount, OUTSIDE[line["source_type"]]
            outside.append(
                OutsideLine(line["account"], line["currency"], line["posting_date"], reason, signed)
            )
            continue
        whose = line["line"] if line["party"] is None else line["party"]
        key = (line["entry_id"], whose, line["account"], line["currency"], is_raising)
        if key in items:
            _add(items[key], line, amount)
        else:
            items[key] = _item(line, amount, is_raising, terms.get(line["party"], NO_TERMS))
    return ControlItems(list(items.values()), outside)


def _in_units(amounts: Any) -> list[int]:
    """Amounts in smallest units; a missing one is 0."""
    return [int((amount or 0) * UNITS) for amount in amounts.to_pylist()]


def _item(line: Mapping[str, Any], amount: int, is_raising: bool, terms: Terms) -> Item:
    source_type = line["source_type"]
    names_document = any(line[name] is not None for name in ("kid", "invoice_number", "due_date"))
    # An accounting file does not say what an entry is: what has nothing of an invoice may be a refund.
    is_document = (
        source_type in _INVOICES or source_type == "opening" or (source_type == "imported" and names_document)
    )
    day = line["posting_date"]
    due = line["due_date"] or (day if source_type == "opening" else due_date(line["document_date"], terms))
    return Item(
        id=f"{line['entry_id']}:{line['line']}",
        entry=line["entry_id"],
        document=f"{line['source_system']}/{line['source_id']}",
        account=line["account"],
        currency=line["currency"],
        party=line["party"],
        day=day,
        is_raising=is_raising,
        amount=amount,
        due=due,
        is_document=is_document,
        is_invoice=source_type in _INVOICES,
        kids=_one(line["kid"]),
        numbers=_one(line["invoice_number"]),
        settles=_one(line["settles"]),
        text=_text(line),
        reverses=line["reverses"],
        source_type=source_type,
        document_date=line["document_date"],
    )


def _add(item: Item, line: Mapping[str, Any], amount: int) -> None:
    """Another line of the same item."""
    item.amount += amount
    item.kids = _more(item.kids, line["kid"])
    item.numbers = _more(item.numbers, line["invoice_number"])
    item.settles = _more(item.settles, line["settles"])
    item.text = "\n".join(filter(None, (item.text, _text(line))))
    if line["due_date"] is not None:
        item.due = min(item.due, line["due_date"])


def _text(line: Mapping[str, Any]) -> str:
    return "\n".join(filter(None, (line["reference"], line["description"])))


def _one(name: str | None) -> tuple[str, ...]:
    return (name,) if name else ()


def _more(names: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    return (*names, name) if name and name not in names else names
