"""The journal entries of electronic invoices (rules/general_ledger.md, E-invoices, `Entry`).

Every part is an amount with the sign that a purchase invoice's has when debits are positive; it turns with a credit
note, and with a sale. So a negative amount of a document stands on the other side.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
import pyarrow as pa

from ledger_pipelines.en16931 import CREDIT_NOTE
from ledger_pipelines.frames import Series, constant, mapped, narrowed, to_pandas
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.drafts import drafts_of, part
from ledger_pipelines.general_ledger.einvoices.rows import SOURCE_SYSTEM
from ledger_pipelines.general_ledger.einvoices.taken import PURCHASE
from ledger_pipelines.general_ledger.journal import Journal
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import TEXT

_DOCUMENT = ["month", "supplier", "kind", "number"]
_SOURCE = ["source_system", "source_id"]
#: What a line has of its party, where it is a debt or a claim.
_OF_ITEM = ("party", "reference", "kid", "invoice_number", "settles", "due_date")


def entries_of(vendor_invoices: pa.Table, taxes: pa.Table, lines: pa.Table, chart: Chart) -> Journal:
    """The draft entries of these documents, from the rows of `vendor_invoices`, `vendor_invoice_taxes` and
    `vendor_invoice_lines`.

    A document all of whose amounts are zero has no entry; where nothing is due, none of its lines is an open item.
    Raises LedgerError where no account has a role that is needed.
    """
    documents = _documents(to_pandas(vendor_invoices))
    of_documents = documents[[*_DOCUMENT, *_SOURCE, "is_sale", "is_turned"]]
    # In the documents' order, whatever order they are read in: else the same entry would look like another one.
    vat, goods = (
        to_pandas(rows).merge(of_documents, on=_DOCUMENT).sort_values([*_SOURCE, "line"], ignore_index=True)
        for rows in (taxes, lines)
    )
    return drafts_of(
        documents,
        [
            _goods(goods, chart),
            _vat(vat, chart),
            *_self_assessed(vat, chart),
            *_settlement(documents, chart),
        ],
    )


def _documents(found: pd.DataFrame) -> pd.DataFrame:
    """The documents with what their entries say, what they settle, and whether their amounts are turned."""
    source_id = found["supplier"] + "/" + found["kind"] + "/" + found["number"]
    is_credit_note, is_sale = found["kind"] == CREDIT_NOTE, found["side"] != PURCHASE
    takes_back = (found["payable"] < 0) ^ is_credit_note
    credited = found["credited"].fillna("")
    names_one = takes_back & (credited != "") & ~credited.str.contains("\n", regex=False)
    settled = SOURCE_SYSTEM + "/" + found["supplier"] + "/invoice/" + credited
    source_type = constant("vendor_invoice", TEXT, found).mask(is_sale, "customer_invoice")
    noun = constant("Invoice ", TEXT, found).mask(is_credit_note, "Credit note ")
    preposition = constant(" of ", TEXT, found).mask(is_sale, " to ")
    return found.assign(
        source_system=constant(SOURCE_SYSTEM, TEXT, found),
        source_id=source_id,
        source_type=source_type.mask(is_credit_note, "credit_note"),
        document_date=found["issue_date"],
        description=noun + found["number"] + preposition + found["party_name"],
        is_sale=is_sale,
        is_turned=is_sale ^ is_credit_note,
        kid=mapped(found["kids"], _first, TEXT),
        invoice_number=found["number"].mask(names_one, credited),
        settles=settled.where(names_one),
        # Of what takes back, the documents that it names and nothing else: it must fit no invoice by chance.
        reference=found["order_reference"]
        .fillna(found["buyer_reference"])
        .mask(takes_back, found["credited"].str.replace("\n", " ", regex=False)),
    )


def _first(lines: str | None) -> str | None:
    return lines.split("\n")[0] if lines else None


def _goods(goods: pd.DataFrame, chart: Chart) -> pd.DataFrame:
    """What was bought or sold, by account, category and rate."""
    usual = _by_side(goods, chart, purchase="expense", sale="revenue")
    keys = [*_SOURCE, "is_turned", "account", "category", "rate"]
    summed = (
        goods.assign(account=goods["account"].fillna(usual))
        .groupby(keys, sort=False, dropna=False, as_index=False)
        .agg(amount=("amount", "sum"))
    )
    amount = narrowed(summed["amount"], LEDGER_AMOUNT)
    return part(
        summed,
        summed["account"],
        _turned(summed, amount),
        vat_category=summed["category"],
        vat_rate=summed["rate"],
    )


def _vat(vat: pd.DataFrame, chart: Chart) -> pd.DataFrame:
    """Each category's VAT as the document states it."""
    taxed = vat[vat["tax"] != 0]
    account = constant(None, TEXT, taxed)
    for role, rows in (("output_vat", taxed["is_sale"]), ("input_vat", ~taxed["is_sale"])):
        if rows.any():
            account = account.mask(rows, mapped(taxed["rate"], partial(chart.vat_account, role), TEXT))
    return part(
        taxed,
        account,
        _turned(taxed, taxed["tax"]),
        vat_category=taxed["category"],
        vat_rate=taxed["rate"],
        vat_base=_base(taxed, taxed["tax"]),
    )


def _self_assessed(vat: pd.DataFrame, chart: Chart) -> list[pd.DataFrame]:
    """Reverse charge: deducted and owed at once."""
    owed = vat[vat["self_assessed"].notna()]
    parts = []
    for role, is_owed in (("reverse_charge_input", False), ("reverse_charge_output", True)):
        account = _chosen(owed["is_from_abroad"], chart, if_true=f"{role}_abroad", if_false=f"{role}_home")
        parts.append(
            part(
                owed,
                account,
                _turned(owed, -owed["self_assessed"] if is_owed else owed["self_assessed"]),
                vat_category=owed["category"],
                vat_rate=owed["self_assessed_rate"],
                vat_base=_base(owed, owed["self_assessed"]),
            )
        )
    return parts


def _settlement(documents: pd.DataFrame, chart: Chart) -> list[pd.DataFrame]:
    """Rounding, what was prepaid, and what is due."""
    prepaid = _by_side(
        documents, chart, purchase="prepayments_to_suppliers", sale="prepayments_from_customers"
    )
    due = _by_side(documents, chart, purchase="payables", sale="receivables")
    return [
        part(
            documents,
            _by_side(documents, chart, purchase="rounding", sale="rounding"),
            _turned(documents, documents["rounding"]),
        ),
        part(documents, prepaid, _turned(documents, -documents["prepaid"]), party=documents["party"]),
        part(
            documents,
            due,
            _turned(documents, -documents["payable"]),
            **{name: documents[name] for name in _OF_ITEM},
        ),
    ]


def _turned(rows: pd.DataFrame, amounts: Series) -> Series:
    return amounts.mask(rows["is_turned"], -amounts)


def _base(rows: pd.DataFrame, tax: Series) -> Series:
    """What VAT is of, with the VAT's sign taken off: it stands on the side where its VAT does."""
    return rows["base"].mask(tax < 0, -rows["base"])


def _by_side(rows: pd.DataFrame, chart: Chart, *, purchase: str, sale: str) -> Series:
    return _chosen(rows["is_sale"], chart, if_true=sale, if_false=purchase)


def _chosen(condition: Series, chart: Chart, *, if_true: str, if_false: str) -> Series:
    """For each row the account of one role or the other; only those that are needed must be there."""
    return mapped(condition, lambda chosen: chart.account(if_true if chosen else if_false), TEXT)
