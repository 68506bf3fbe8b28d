"""The journal entries of electronic invoices (rules/general_ledger.md, E-invoices, `Entry`).

Each part of a document is an amount on the side where an invoice's belongs: a credit note's are on the other side, and
so is a negative amount; zero stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from ledger_pipelines.en16931 import CREDIT_NOTE
from ledger_pipelines.frames import Series, column_of, constant, dtype, narrowed, to_arrow, to_pandas
from ledger_pipelines.general_ledger.einvoices.accounts import Accounts
from ledger_pipelines.general_ledger.einvoices.rows import SOURCE_SYSTEM
from ledger_pipelines.general_ledger.einvoices.taken import PURCHASE
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT, VAT_RATE
from ledger_pipelines.tables.table import DATE, INTEGER, TEXT

_DOCUMENT = ["month", "supplier", "kind", "number"]
_KEY = ["entry_id"]
_ZERO = 0
#: The columns that a line has of its party, where it is a debt or a claim.
_OF_PARTY = ["party", "reference", "kid", "invoice_number", "settles", "due_date"]


def entries_of(
    vendor_invoices: pa.Table, taxes: pa.Table, lines: pa.Table, accounts: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """The draft entries (`journal.UNSEALED_ENTRIES`) of these documents, and their lines (`journal.LINES`).

    Takes the rows of `vendor_invoices`, `vendor_invoice_taxes`, `vendor_invoice_lines` and `accounts`. A document all of
    whose amounts are zero has no entry. Raises LedgerError where no account has a role that is needed.
    """
    books = Accounts(accounts)
    documents = _documents(to_pandas(vendor_invoices))
    parts = pd.concat(
        [
            _goods(documents, to_pandas(lines), books),
            _vat(documents, to_pandas(taxes), books),
            *_self_assessed(documents, to_pandas(taxes), books),
            *_settlement(documents, books),
        ],
        ignore_index=True,
    )
    moving = parts.loc[(parts["amount"] != _ZERO).fillna(False), "entry_id"]
    parts = parts[parts["entry_id"].isin(moving)]
    documents = documents[documents["entry_id"].isin(moving)]
    return _entries(documents), _lines(parts)


def _documents(found: pd.DataFrame) -> pd.DataFrame:
    """The documents with what their entries are called, what they settle, and the side on which their amounts are."""
    source_id = found["supplier"] + "/" + found["kind"] + "/" + found["number"]
    is_credit_note = found["kind"] == CREDIT_NOTE
    is_sale = found["side"] != PURCHASE
    takes_back = (found["payable"] < _ZERO) ^ is_credit_note
    credited = found["credited"].fillna("")
    is_one = (credited != "") & ~credited.str.contains("\n", regex=False)
    names_one = takes_back & is_one
    none = constant(None, TEXT, found)
    return found.assign(
        entry_id=SOURCE_SYSTEM + "/" + source_id,
        source_id=source_id,
        is_credit_note=is_credit_note,
        is_sale=is_sale,
        kid=found["kids"].str.split("\n").list[0] if len(found) else none,
        invoice_number=found["number"].mask(names_one, credited),
        settles=none.mask(names_one, SOURCE_SYSTEM + "/" + found["supplier"] + "/invoice/" + credited),
        # What a credit note refers to, and nothing else: a payment reference of its buyer fits no invoice.
        reference=found["order_reference"]
        .fillna(found["buyer_reference"])
        .mask(takes_back, found["credited"].str.replace("\n", " ", regex=False)),
    )


def _goods(documents: pd.DataFrame, lines: pd.DataFrame, books: Accounts) -> pd.DataFrame:
    """What was bought or sold, by account, category and rate."""
    found = _of_documents(lines, documents)
    usual = books.by_side(found["is_sale"], purchase="expense", sale="revenue")
    account = found["account"].fillna(usual)
    found = found.assign(account=account, rate_text=found["rate"].astype(dtype(TEXT)).fillna(""))
    summed = (
        found.groupby(["entry_id", "account", "category", "rate_text"], sort=False, dropna=False)
        .agg(
            amount=("amount", "sum"),
            rate=("rate", "first"),
            place=("line", "min"),
            is_sale=("is_sale", "first"),
            is_credit_note=("is_credit_note", "first"),
            month=("month", "first"),
            currency=("currency", "first"),
        )
        .reset_index()
    )
    summed = summed.assign(amount=narrowed(summed["amount"], LEDGER_AMOUNT))
    return _part(
        summed, 1, is_debit=~summed["is_sale"], vat_category=summed["category"], vat_rate=summed["rate"]
    )


def _vat(documents: pd.DataFrame, taxes: pd.DataFrame, books: Accounts) -> pd.DataFrame:
    """Each category's VAT as the document states it; a category without VAT has no line."""
    found = _of_documents(taxes[taxes["tax"] != _ZERO], documents)
    found = found.assign(
        account=books.vat(found["is_sale"], found["rate"]), amount=found["tax"], place=found["line"]
    )
    return _part(found, 2, is_debit=~found["is_sale"], **_vat_columns(found, found["rate"]))


def _self_assessed(documents: pd.DataFrame, taxes: pd.DataFrame, books: Accounts) -> list[pd.DataFrame]:
    """Reverse charge: deducted and owed at once."""
    owed = taxes["self_assessed"].notna() & (taxes["self_assessed"] != _ZERO).fillna(False)
    found = _of_documents(taxes[owed], documents)
    found = found.assign(amount=found["self_assessed"], place=found["line"])
    columns = _vat_columns(found, found["self_assessed_rate"])
    parts = []
    for order, (role, is_input) in enumerate(
        (("reverse_charge_input", True), ("reverse_charge_output", False))
    ):
        account = books.abroad_or_home(found["is_from_abroad"], role)
        debit = constant(is_input, pa.bool_(), found)
        parts.append(_part(found.assign(account=account), 3 + order, is_debit=debit, **columns))
    return parts


def _settlement(documents: pd.DataFrame, books: Accounts) -> list[pd.DataFrame]:
    """Rounding, what was prepaid, and what is due; where it is 0, nothing stays open."""
    roles = (
        ("rounding", True, "rounding", "rounding"),
        ("prepaid", False, "prepayments_to_suppliers", "prepayments_from_customers"),
        ("payable", False, "payables", "receivables"),
    )
    parts = []
    for order, (name, is_debit, purchase, sale) in enumerate(roles, start=5):
        found = documents[documents[name] != _ZERO]
        found = found.assign(
            amount=found[name],
            place=constant(1, INTEGER, found),
            account=books.by_side(found["is_sale"], purchase=purchase, sale=sale),
        )
        of_party = ["party"] if name == "prepaid" else _OF_PARTY if name == "payable" else []
        sides = ~found["is_sale"] if is_debit else found["is_sale"]
        parts.append(_part(found, order, is_debit=sides, **{column: found[column] for column in of_party}))
    return parts


def _of_documents(rows: pd.DataFrame, documents: pd.DataFrame) -> pd.DataFrame:
    columns = [*_DOCUMENT, "entry_id", "is_sale", "is_credit_note", "currency"]
    return rows.merge(documents[columns], on=_DOCUMENT, how="inner")


def _vat_columns(found: pd.DataFrame, rate: Series) -> dict[str, Series]:
    """What VAT is of: with the amount's sign, so that a base stands on the side where its VAT does."""
    base = found["base"].mask(found["amount"] < _ZERO, -found["base"])
    return {"vat_category": found["category"], "vat_rate": rate, "vat_base": base}


def _part(found: pd.DataFrame, order: int, *, is_debit: Series, **columns: Series) -> pd.DataFrame:
    """Lines of one part; `is_debit` says on which side a positive amount of an invoice is."""
    kinds: dict[str, pa.DataType] = {
        "party": TEXT,
        "reference": TEXT,
        "kid": TEXT,
        "invoice_number": TEXT,
        "settles": TEXT,
    }
    kinds |= {"due_date": DATE, "vat_category": TEXT, "vat_rate": VAT_RATE, "vat_base": LEDGER_AMOUNT}
    return pd.DataFrame(
        {
            **{name: found[name] for name in ("month", "entry_id", "account", "amount", "currency", "place")},
            "part": constant(order, INTEGER, found),
            "is_debit": is_debit ^ found["is_credit_note"],
            **{name: columns.get(name, constant(None, kind, found)) for name, kind in kinds.items()},
        }
    )


def _lines(parts: pd.DataFrame) -> pa.Table:
    parts = parts.sort_values(["entry_id", "part", "place", "account"], kind="stable").reset_index(drop=True)
    is_negative = parts["amount"] < _ZERO
    amount = parts["amount"].mask(is_negative, -parts["amount"])
    on_debit = parts["is_debit"] ^ is_negative
    empty = {name: constant(None, LINES.field(name).type, parts) for name in _missing(parts.columns)}
    return to_arrow(
        parts.assign(
            **empty,
            line=column_of(pa.array(parts.groupby(_KEY).cumcount() + 1, INTEGER), parts.index),
            debit=amount.where(on_debit),
            credit=amount.mask(on_debit),
        ),
        LINES,
    )


def _missing(columns: Iterable[str]) -> list[str]:
    known = set(columns)
    return [name for name in LINES.names if name not in known and name not in ("line", "debit", "credit")]


def _entries(documents: pd.DataFrame) -> pa.Table:
    noun = constant("Invoice", TEXT, documents).mask(documents["is_credit_note"], "Credit note")
    preposition = constant(" of ", TEXT, documents).mask(documents["is_sale"], " to ")
    source_type = (
        constant("vendor_invoice", TEXT, documents)
        .mask(documents["is_sale"], "customer_invoice")
        .mask(documents["is_credit_note"], "credit_note")
    )
    return to_arrow(
        documents.assign(
            id=documents["entry_id"],
            number=constant(None, TEXT, documents),
            document_date=documents["issue_date"],
            source_type=source_type,
            source_system=constant(SOURCE_SYSTEM, TEXT, documents),
            revision=constant(0, INTEGER, documents),
            status=constant("draft", TEXT, documents),
            reverses=constant(None, TEXT, documents),
            description=noun + " " + documents["number"] + preposition + documents["party_name"],
        ),
        UNSEALED_ENTRIES,
    )
