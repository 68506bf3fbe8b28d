"""What a person should know of a document that is taken all the same (rules/general_ledger.md, E-invoices)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal

from ledger_pipelines.en16931 import Document
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.einvoices.rows import (
    HOME,
    REVERSE_CHARGE,
    party_of,
    registered_number_of,
)
from ledger_pipelines.general_ledger.einvoices.taken import PURCHASE
from ledger_pipelines.general_ledger.parties import has_check_digit
from ledger_pipelines.money import format_money


def notices_of(
    document: Document,
    *,
    side: str,
    posting_date: date,
    chart: Chart,
    purchase_accounts: Collection[str],
    reverse_charge_rate: Decimal | None,
) -> Iterator[str]:
    """Sentences on what was decided for want of something better; `purchase_accounts` are those that a line may name."""
    if posting_date != document.issue_date:
        yield f"it is of {document.issue_date}, whose month is closed, and is posted on {posting_date}"
    company = party_of(document, side)
    number = registered_number_of(company)
    if company.country == HOME and number is not None and not has_check_digit(number):
        yield f"{number} of {company.name} is no Norwegian organisation number: nine digits, the last a check digit"
    rates = dict.fromkeys(one.rate for one in document.vat if one.tax and one.rate is not None)
    role = "input_vat" if side == PURCHASE else "output_vat"
    for rate in rates:
        if not chart.has_rate(role, rate):
            yield f"no account has VAT of {rate.normalize():f} %: it is posted to the highest rate's"
    if side != PURCHASE:
        return
    for one in document.vat:
        if one.category == REVERSE_CHARGE and reverse_charge_rate is None:
            yield (
                f"{format_money(one.base, document.currency)} is of reverse charge and no VAT of it is self-assessed: "
                "set LEDGER_REVERSE_CHARGE_RATE and import the file again"
            )
    named = [document.accounting_cost, *(line.accounting_cost for line in document.lines)]
    for account in dict.fromkeys(named):
        if account in chart.numbers and account not in purchase_accounts:
            yield f"it names account {account}, which purchases are not posted to"
