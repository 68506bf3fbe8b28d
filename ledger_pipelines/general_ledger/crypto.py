"""The entries of crypto invoices and their payments (rules/general_ledger.md, Journals): in US dollars, which they are
invoiced in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa

from ledger_pipelines.frames import to_pandas
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.drafts import DOCUMENT, drafts_of, part
from ledger_pipelines.general_ledger.journal import Journal
from ledger_pipelines.money import CENT
from ledger_pipelines.months import month_of
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, TEXT

CRYPTO = "crypto"
_CURRENCY = "USD"
#: Invoices that nobody owes anything for.
_UNOWED = frozenset({"draft", "cancelled"})
#: Those that payments made paid: what tolerance leaves of them is an exchange difference.
_SETTLED = frozenset({"paid", "complete"})
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class CryptoPayment:
    """A confirmed payment that counts: `amount` is in the invoice's own currency."""

    payment_id: str
    confirmed_on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CryptoInvoice:
    """A crypto invoice with its confirmed payments, in the order of their confirmations."""

    invoice_number: str
    client_id: int
    client_name: str
    issued_on: date
    due_date: date | None
    amount_usd: Decimal
    crypto_amount: Decimal
    status: str
    payments: Sequence[CryptoPayment] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a payment comes to in dollars: `received` is the bank's, `settled` what of the receivable it settles."""

    received: Decimal
    settled: Decimal


def settlements(invoice: CryptoInvoice) -> list[Settlement]:
    """What each payment settles: its share of `amount_usd`, rounded half up to cents on the cumulative sums.

    Of a paid invoice the last payment settles what is left, or no more than that: the tolerance.
    """
    found, paid, before = [], _ZERO, _ZERO
    with localcontext(prec=80, rounding=ROUND_HALF_UP):
        for payment in invoice.payments:
            paid += payment.amount
            upto = (invoice.amount_usd * paid / invoice.crypto_amount).quantize(CENT)
            found.append(Settlement(upto - before, upto - before))
            before = upto
    if found and invoice.status in _SETTLED:
        last = found[-1]
        found[-1] = Settlement(last.received, last.settled + invoice.amount_usd - before)
    return found


def invoice_entries(invoices: Sequence[CryptoInvoice], parties: pa.Table, chart: Chart) -> Journal:
    """Receivables to revenue for each invoice that is owed, in the month of its day."""
    known = _by_source(parties)
    rows = [
        _document(
            one.issued_on,
            "customer_invoice",
            one.invoice_number,
            f"Invoice {one.invoice_number}, {one.client_name}",
        )
        | {"amount": one.amount_usd, "party": known.get(str(one.client_id)), "due_date": one.due_date}
        for one in invoices
        if one.status not in _UNOWED
    ]
    frame = to_pandas(
        pa.Table.from_pylist(
            rows, _of_documents(pa.field("amount", LEDGER_AMOUNT), pa.field("due_date", DATE))
        )
    )
    receivable = part(
        frame,
        chart.account("receivables"),
        frame["amount"],
        party=frame["party"],
        invoice_number=frame["source_id"],
        due_date=frame["due_date"],
        description=frame["description"],
    )
    return drafts_of(
        frame,
        [
            receivable,
            part(frame, chart.account("revenue"), -frame["amount"], description=frame["description"]),
        ],
    )


def payment_entries(invoices: Sequence[CryptoInvoice], parties: pa.Table, chart: Chart) -> Journal:
    """Bank to receivables for each confirmed payment; what the tolerance leaves is an exchange gain or loss."""
    known = _by_source(parties)
    rows = [
        _document(payment.confirmed_on, "payment", payment.payment_id, f"Payment of {one.invoice_number}")
        | {"received": share.received, "settled": share.settled, "party": known.get(str(one.client_id))}
        | {"settles": f"{CRYPTO}/{one.invoice_number}"}
        for one in invoices
        if one.status not in _UNOWED
        for payment, share in zip(one.payments, settlements(one), strict=True)
    ]
    more = [pa.field(name, LEDGER_AMOUNT) for name in ("received", "settled")]
    frame = to_pandas(pa.Table.from_pylist(rows, _of_documents(*more, pa.field("settles", TEXT))))
    gained = frame["received"] - frame["settled"]
    texts = {"description": frame["description"]}
    return drafts_of(
        frame,
        [
            part(frame, chart.account("bank"), frame["received"], **texts),
            part(
                frame, chart.account("exchange_loss"), (-gained).where(gained < 0, gained - gained), **texts
            ),
            part(
                frame,
                chart.account("receivables"),
                -frame["settled"],
                party=frame["party"],
                settles=frame["settles"],
                **texts,
            ),
            part(
                frame, chart.account("exchange_gain"), (-gained).where(gained > 0, gained - gained), **texts
            ),
        ],
    )


def _by_source(parties: pa.Table) -> dict[str, str]:
    return {row["source_id"]: row["party"] for row in parties.select(["source_id", "party"]).to_pylist()}


def _document(day: date, source_type: str, source_id: str, description: str) -> dict[str, Any]:
    dates = {"month": month_of(day), "posting_date": day, "document_date": day}
    texts = {"source_type": source_type, "source_system": CRYPTO, "source_id": source_id}
    return dates | texts | {"description": description, "currency": _CURRENCY}


def _of_documents(*more: pa.Field[Any]) -> pa.Schema:
    return pa.schema([*DOCUMENT, pa.field("party", TEXT), *more])
